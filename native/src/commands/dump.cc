// DUMP and RESTORE: one value as bytes, and back. The payload is Redis's: type, body, format version, CRC64.
// What RESTORE is handed may come from anybody; nothing is changed before all of it was read.
// Source: Redis 7.0 command reference; spec rdb.md section 14.
#include <cstring>
#include <string>

#include "base/crc64.h"
#include "commands/command_table.h"
#include "commands/key_access.h"
#include "engine/engine.h"
#include "keyspace/access.h"
#include "snapshot/dump_payload.h"
#include "snapshot/value_codec.h"

namespace slotwise {
namespace {

constexpr std::size_t kFooter = 10;
constexpr const char* kBadPayload = "ERR DUMP payload version or checksum are wrong";

void Dump(CommandContext& ctx) {
  CommandContext::Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Null();
  ctx.reply.Bulk(DumpPayload(place.entry(), ctx.engine.config().Bool(Directive::kRdbcompression)));
}

// The type byte and the body, if version and checksum are right.
bool Verified(std::string_view payload, std::string_view* content) {
  if (payload.size() < kFooter) return false;
  std::string_view footer = payload.substr(payload.size() - kFooter);
  unsigned version = static_cast<std::uint8_t>(footer[0]) | static_cast<unsigned>(static_cast<std::uint8_t>(footer[1])) << 8;
  std::uint64_t crc;
  std::memcpy(&crc, footer.data() + 2, sizeof crc);
  if (version > rdb::kVersion) return false;
  if (!SkipRdbChecksums().load(std::memory_order_relaxed) && crc != Crc64(0, payload.substr(0, payload.size() - 8))) return false;
  *content = payload.substr(0, payload.size() - kFooter);
  return true;
}

struct RestoreOptions {
  bool replace = false;
  bool absolute = false;
  std::int64_t idle_seconds = -1;
  std::int64_t frequency = -1;
};

bool ParseOptions(CommandContext& ctx, RestoreOptions* o) {
  for (std::size_t i = 4; i < ctx.argc(); ++i) {
    bool more = i + 1 < ctx.argc();
    if (ctx.ArgIs(i, "REPLACE")) {
      o->replace = true;
    } else if (ctx.ArgIs(i, "ABSTTL")) {
      o->absolute = true;
    } else if (ctx.ArgIs(i, "IDLETIME") && more && o->frequency == -1) {
      if (!ctx.IntegerArg(++i, &o->idle_seconds)) return false;
      if (o->idle_seconds < 0) return ctx.Error("ERR Invalid IDLETIME value, must be >= 0"), false;
    } else if (ctx.ArgIs(i, "FREQ") && more && o->idle_seconds == -1) {
      if (!ctx.IntegerArg(++i, &o->frequency)) return false;
      if (o->frequency < 0 || o->frequency > 255) return ctx.Error("ERR Invalid FREQ value, must be >= 0 and <= 255"), false;
    } else {
      return ctx.SyntaxError(), false;
    }
  }
  return true;
}

void SetAccess(CommandContext& ctx, Entry* entry, const RestoreOptions& o) {
  bool lfu = ctx.engine.access().lfu.load(std::memory_order_relaxed);
  if (lfu && o.frequency >= 0) {
    entry->set_access(LfuMinutes(ctx.now_ms) << 8 | static_cast<std::uint32_t>(o.frequency));
  } else if (!lfu && o.idle_seconds >= 0) {
    entry->set_access((LruClock(ctx.now_ms) - static_cast<std::uint32_t>(o.idle_seconds)) & kAccessMask);
  }
}

void Restore(CommandContext& ctx) {
  RestoreOptions o;
  if (!ParseOptions(ctx, &o)) return;
  KeyRef key = ctx.Key(1);
  CommandContext::Place old = ctx.FindForWrite(key);
  if (!o.replace && old) return ctx.Error("BUSYKEY Target key name already exists.");
  std::int64_t ttl;
  if (!ctx.IntegerArg(2, &ttl)) return;
  if (ttl < 0) return ctx.Error("ERR Invalid TTL value, must be >= 0");
  std::string_view content;
  if (!Verified(ctx.arg(3), &content)) return ctx.Error(kBadPayload);
  RdbReader in(content);
  LoadedValue value;
  std::uint8_t type;
  if (!in.Byte(&type) || !LoadValue(type, in, ctx.engine.config(), &value) || value.empty()) return ctx.Error("ERR Bad data format");

  std::int64_t expire_at_ms = kNoExpire;
  if (ttl != 0) expire_at_ms = o.absolute ? ttl : ttl > INT64_MAX - ctx.now_ms ? INT64_MAX : ttl + ctx.now_ms;
  if (expire_at_ms != kNoExpire && expire_at_ms <= ctx.now_ms && !ctx.replaying()) {
    // Its time is over already: all that is left of the command is that the old value goes.
    if (old) {
      ctx.Erase(key, old);
      ctx.Changed(key);
      ctx.Propagate({ctx.engine.config().Bool(Directive::kLazyfreeLazyServerDel) ? "UNLINK" : "DEL", key.key});
      ctx.Notify(kNotifyGeneric, "del", key.key);
    }
    return ctx.reply.Ok();
  }
  Entry* entry = value.Put(ctx.Db(), key, old, expire_at_ms);
  SetAccess(ctx, entry, o);
  ctx.Changed(key);
  if (ttl != 0 && !o.absolute) {
    std::string at = std::to_string(expire_at_ms);
    std::vector<std::string_view> argv(ctx.args.begin(), ctx.args.end());
    argv[2] = at;
    argv.push_back("ABSTTL");
    ctx.Propagate(argv);
  }
  ctx.Notify(kNotifyGeneric, "restore", key.key);
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(dump, {"dump", Dump}, {"restore", Restore}, {"restore-asking", Restore});

}  // namespace
}  // namespace slotwise
