// Going through the keyspace: SCAN, KEYS, RANDOMKEY, DBSIZE.
//
// A cursor is the slot (low 14 bits) and the position within its table; the next slot begins at position 0, and slots
// are visited in ascending order, so 0 means both "from the start" and "through". Positions survive growth and shrinking
// of a table (slot_table.h), hence SCAN's promise: what is there from the first call to the last is returned.
// These handlers lock one stripe at a time and look at the database again under each lock: FLUSHALL may have exchanged
// it in between.
// Source: Redis 7.0 SCAN documentation.
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <iterator>
#include <string>
#include <vector>

#include "base/glob.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/key_access.h"
#include "engine/engine.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

constexpr int kSlotBits = 14;
static_assert(1 << kSlotBits == kSlotCount);

// Collects bulk strings before their number is known.
class KeyList {
 public:
  void Add(std::string_view key) {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof digits, key.size()).ptr;
    encoded_ += '$';
    encoded_.append(digits, end);
    encoded_ += "\r\n";
    encoded_ += key;
    encoded_ += "\r\n";
    ++count_;
  }
  void Reply(ReplyWriter& reply) const {
    reply.Array(count_);
    reply.Raw(encoded_);
  }

 private:
  std::string encoded_;
  std::int64_t count_ = 0;
};

// Deletes keys that were found expired; the stripe is held. Their names are copies: entries go away.
void DeleteExpired(CommandContext& ctx, const std::vector<std::string>& names) {
  for (const std::string& name : names) ctx.Peek(KeyRef(name));
}

// As strtoul reads it, which is what Redis accepts: a sign, and nothing at all, too.
bool CursorArg(CommandContext& ctx, std::size_t i, std::uint64_t* cursor) {
  std::string text(ctx.arg(i));
  char* end = nullptr;
  errno = 0;
  *cursor = std::strtoul(text.c_str(), &end, 10);
  if ((text.empty() || !std::isspace(static_cast<unsigned char>(text[0]))) && end == text.c_str() + text.size() && errno != ERANGE) return true;
  ctx.Error("ERR invalid cursor");
  return false;
}

struct ScanOptions {
  std::int64_t count = 10;
  std::string_view pattern;  // empty: all
  std::string_view type;
  bool has_pattern = false;
  bool has_type = false;

  bool Parse(CommandContext& ctx, std::size_t from) {
    for (std::size_t i = from; i < ctx.argc(); i += 2) {
      bool last = i + 1 == ctx.argc();
      if (ctx.ArgIs(i, "COUNT") && !last) {
        if (!ctx.IntegerArg(i + 1, &count)) return false;
        if (count < 1) {
          ctx.SyntaxError();
          return false;
        }
      } else if (ctx.ArgIs(i, "MATCH") && !last) {
        pattern = ctx.arg(i + 1);
        has_pattern = pattern != "*";
      } else if (ctx.ArgIs(i, "TYPE") && !last) {
        type = ctx.arg(i + 1);
        has_type = true;
      } else {
        ctx.SyntaxError();
        return false;
      }
    }
    return true;
  }
  bool AcceptsName(const Entry* e) const { return !has_pattern || GlobMatch(pattern, e->key()); }
  bool AcceptsType(std::string_view name) const { return !has_type || EqualsIgnoreCase(type, name); }
};

void Scan(CommandContext& ctx) {
  std::uint64_t cursor;
  ScanOptions options;
  if (!CursorArg(ctx, 1, &cursor) || !options.Parse(ctx, 2)) return;
  int slot = static_cast<int>(cursor & (kSlotCount - 1));
  std::uint64_t position = cursor >> kSlotBits;
  KeyList keys;
  std::vector<std::string> expired;
  std::int64_t visited = 0;
  // Keys count before they are filtered, as in Redis. Chains that turn out empty must not make a call long either.
  std::int64_t chains = options.count > INT64_MAX / 10 ? INT64_MAX : options.count * 10;
  while (slot < kSlotCount && visited < options.count && chains > 0) {
    StripeGuard guard(ctx, StripeOf(slot));
    do {
      position = ctx.Db().Table(slot).Scan(position, [&](const Entry* e) {
        ++visited;
        if (!options.AcceptsName(e)) return;
        if (e->ExpiredAt(ctx.now_ms)) expired.emplace_back(e->key());
        else if (options.AcceptsType(TypeName(e->type()))) keys.Add(e->key());
      });
      DeleteExpired(ctx, expired);
      // Redis asks for the type by a lookup, which misses what has expired: of type none, which may be what is wanted.
      for (std::size_t i = 0; options.has_type && i < expired.size(); ++i) {
        ctx.Notify(kNotifyKeyMiss, "keymiss", expired[i]);
        if (options.AcceptsType("none")) keys.Add(expired[i]);
      }
      expired.clear();
    } while (position != 0 && visited < options.count && --chains > 0);
    if (position == 0) {
      --chains;
      slot = ctx.Db().NextNonEmptySlot(slot + 1);
    }
  }
  char digits[24];
  std::uint64_t next = slot >= kSlotCount ? 0 : position << kSlotBits | static_cast<std::uint64_t>(slot);
  auto end = std::to_chars(digits, digits + sizeof digits, next).ptr;
  ctx.reply.Array(2);
  ctx.reply.Bulk({digits, static_cast<std::size_t>(end - digits)});
  keys.Reply(ctx.reply);
}

void Keys(CommandContext& ctx) {
  std::string_view pattern = ctx.arg(1);
  bool all = pattern == "*";
  KeyList keys;
  for (int slot = 0; slot < kSlotCount;) {
    StripeGuard guard(ctx, StripeOf(slot));
    const SlotTable& table = ctx.Db().Table(slot);
    for (std::uint32_t i = 0; i < table.bucket_count(); ++i) {
      table.VisitBucket(i, [&](const Entry* e) {
        if ((all || GlobMatch(pattern, e->key())) && !e->ExpiredAt(ctx.now_ms)) keys.Add(e->key());
      });
    }
    slot = ctx.Db().NextNonEmptySlot(slot + 1);
  }
  keys.Reply(ctx.reply);
}

void RandomKey(CommandContext& ctx) {
  for (;;) {
    int slot = ctx.Db().RandomSlot(ctx.thread.random);
    if (slot < 0) return ctx.reply.Null();
    StripeGuard guard(ctx, StripeOf(slot));
    const Entry* e = ctx.Db().Table(slot).RandomEntry(ctx.thread.random);
    if (e == nullptr) continue;  // it went away since
    if (!e->ExpiredAt(ctx.now_ms)) return ctx.reply.Bulk(e->key());
    if (ctx.loading()) return ctx.reply.Bulk(e->key());
    DeleteExpired(ctx, {std::string(e->key())});
  }
}

void DbSize(CommandContext& ctx) { ctx.reply.Integer(static_cast<std::int64_t>(ctx.Db().KeyCount())); }

SLOTWISE_COMMANDS(scan, {"scan", Scan, LockMode::kSelf}, {"keys", Keys, LockMode::kSelf}, {"randomkey", RandomKey, LockMode::kSelf},
                  {"dbsize", DbSize});

}  // namespace
}  // namespace slotwise
