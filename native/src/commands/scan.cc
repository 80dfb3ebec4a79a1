// Going through the keyspace: SCAN, KEYS, RANDOMKEY, DBSIZE.
//
// A cursor is the slot (low 14 bits) and the position within its table; the next slot begins at position 0, and slots
// are visited in ascending order, so 0 means both "from the start" and "through". Positions survive growth and shrinking
// of a table (slot_table.h), hence SCAN's promise: what is there from the first call to the last is returned.
// These handlers lock one stripe at a time and look at the database again under each lock: FLUSHALL may have exchanged
// it in between.
// Source: Redis 7.0 SCAN documentation.
#include <iterator>
#include <string>
#include <vector>

#include "base/glob.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/key_access.h"
#include "commands/scan_options.h"
#include "engine/engine.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

constexpr int kSlotBits = 14;
static_assert(1 << kSlotBits == kSlotCount);

// Deletes keys that were found expired; the stripe is held. Their names are copies: entries go away.
void DeleteExpired(CommandContext& ctx, const std::vector<std::string>& names) {
  for (const std::string& name : names) ctx.Peek(KeyRef(name));
}

bool AcceptsType(const ScanOptions& options, std::string_view name) { return !options.has_type || EqualsIgnoreCase(options.type, name); }

void Scan(CommandContext& ctx) {
  std::uint64_t cursor;
  ScanOptions options;
  if (!ScanCursorArg(ctx, 1, &cursor) || !options.Parse(ctx, 2, ScanOf::kKeys)) return;
  int slot = static_cast<int>(cursor & (kSlotCount - 1));
  std::uint64_t position = cursor >> kSlotBits;
  BulkList keys;
  std::vector<std::string> expired;
  std::int64_t visited = 0;
  // Keys count before they are filtered, as in Redis. Chains that turn out empty must not make a call long either.
  std::int64_t chains = options.count > INT64_MAX / 10 ? INT64_MAX : options.count * 10;
  while (slot < kSlotCount && visited < options.count && chains > 0) {
    StripeGuard guard(ctx, StripeOf(slot));
    do {
      position = ctx.Db().Table(slot).Scan(position, [&](const Entry* e) {
        ++visited;
        if (!options.Accepts(e->key())) return;
        if (e->ExpiredAt(ctx.now_ms)) expired.emplace_back(e->key());
        else if (AcceptsType(options, TypeName(e->type()))) keys.Add(e->key());
      });
      DeleteExpired(ctx, expired);
      // Redis asks for the type by a lookup, which misses what has expired: of type none, which may be what is wanted.
      for (std::size_t i = 0; options.has_type && i < expired.size(); ++i) {
        ctx.Notify(kNotifyKeyMiss, "keymiss", expired[i]);
        if (AcceptsType(options, "none")) keys.Add(expired[i]);
      }
      expired.clear();
    } while (position != 0 && visited < options.count && --chains > 0);
    if (position == 0) {
      --chains;
      slot = ctx.Db().NextNonEmptySlot(slot + 1);
    }
  }
  ReplyScan(ctx.reply, slot >= kSlotCount ? 0 : position << kSlotBits | static_cast<std::uint64_t>(slot), keys);
}

void Keys(CommandContext& ctx) {
  std::string_view pattern = ctx.arg(1);
  bool all = pattern == "*";
  BulkList keys;
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

// A replica may not delete what it finds expired; after so many tries it answers with one.
constexpr int kExpiredTriesMax = 100;

void RandomKey(CommandContext& ctx) {
  for (int tries = 0;; ++tries) {
    int slot = ctx.Db().RandomSlot(ctx.thread.random);
    if (slot < 0) return ctx.reply.Null();
    StripeGuard guard(ctx, StripeOf(slot));
    const Entry* e = ctx.Db().Table(slot).RandomEntry(ctx.thread.random);
    if (e == nullptr) continue;  // it went away since
    if (!e->ExpiredAt(ctx.now_ms)) return ctx.reply.Bulk(e->key());
    if (ctx.replaying() || (ctx.engine.is_replica() && tries >= kExpiredTriesMax)) return ctx.reply.Bulk(e->key());
    DeleteExpired(ctx, {std::string(e->key())});
  }
}

void DbSize(CommandContext& ctx) { ctx.reply.Integer(static_cast<std::int64_t>(ctx.Db().KeyCount())); }

SLOTWISE_COMMANDS(scan, {"scan", Scan, LockMode::kSelf}, {"keys", Keys, LockMode::kSelf}, {"randomkey", RandomKey, LockMode::kSelf},
                  {"dbsize", DbSize});

}  // namespace
}  // namespace slotwise
