// Deadlines of keys. Whatever unit and form a client used, the log and the entry know absolute milliseconds only; a
// deadline that has passed deletes the key at once.
// Source: Redis 7.0 command reference; what is propagated as what: replication.md, section 11. Elsewhere: deleting keys
// whose time comes later (CommandContext::Find*, engine/expire_cycle).
#include <charconv>
#include <iterator>
#include <string>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/key_access.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

enum Condition : unsigned { kNx = 1, kXx = 2, kGt = 4, kLt = 8 };
enum class Unit { kSeconds, kMilliseconds };
enum class Form { kRelative, kAbsolute };

bool ParseConditions(CommandContext& ctx, unsigned* conditions) {
  *conditions = 0;
  for (std::size_t i = 3; i < ctx.argc(); ++i) {
    if (ctx.ArgIs(i, "NX")) {
      *conditions |= kNx;
    } else if (ctx.ArgIs(i, "XX")) {
      *conditions |= kXx;
    } else if (ctx.ArgIs(i, "GT")) {
      *conditions |= kGt;
    } else if (ctx.ArgIs(i, "LT")) {
      *conditions |= kLt;
    } else {
      // Redis prints it as a C string.
      ctx.Error("ERR Unsupported option " + std::string(ctx.arg(i).substr(0, ctx.arg(i).find('\0'))));
      return false;
    }
  }
  if ((*conditions & kNx) && *conditions != kNx) {
    ctx.Error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if ((*conditions & kGt) && (*conditions & kLt)) {
    ctx.Error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

bool DeadlineArg(CommandContext& ctx, Unit unit, Form form, std::int64_t* at_ms) {
  if (!ctx.IntegerArg(2, at_ms)) return false;
  bool overflow = unit == Unit::kSeconds && __builtin_mul_overflow(*at_ms, 1000, at_ms);
  if (form == Form::kRelative) overflow = overflow || __builtin_add_overflow(*at_ms, ctx.now_ms, at_ms);
  if (overflow) ctx.Error("ERR invalid expire time in '" + std::string(ctx.command.full_name()) + "' command");
  return !overflow;
}

// Whether NX, XX, GT, LT allow the change from `current` to `at_ms`. No deadline counts as infinitely late.
bool Allowed(unsigned conditions, std::int64_t current, std::int64_t at_ms) {
  if ((conditions & kNx) && current != kNoExpire) return false;
  if ((conditions & kXx) && current == kNoExpire) return false;
  if ((conditions & kGt) && (current == kNoExpire || at_ms <= current)) return false;
  if ((conditions & kLt) && current != kNoExpire && at_ms >= current) return false;
  return true;
}

void DeleteExpired(CommandContext& ctx, const KeyRef& key, Place place) {
  ctx.Erase(key, place);
  ctx.Changed(key);
  ctx.Notify(kNotifyGeneric, "del", key.key);
  ctx.Propagate({ctx.engine.config().Bool(Directive::kLazyfreeLazyExpire) ? "UNLINK" : "DEL", key.key});
}

// As PEXPIREAT with the conditions as written. PEXPIREAT itself goes as it came.
void PropagateDeadline(CommandContext& ctx, std::int64_t at_ms) {
  if (!ctx.engine.records_effects()) return ctx.PropagateNothing();
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, at_ms).ptr;
  std::vector<std::string_view> argv(ctx.args.begin(), ctx.args.end());
  argv[0] = "PEXPIREAT";
  argv[2] = {digits, static_cast<std::size_t>(end - digits)};
  ctx.Propagate(argv);
}

void SetDeadline(CommandContext& ctx, Unit unit, Form form) {
  unsigned conditions;
  std::int64_t at_ms;
  if (!ParseConditions(ctx, &conditions) || !DeadlineArg(ctx, unit, form, &at_ms)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place || !Allowed(conditions, place.entry()->expire_at_ms(), at_ms)) return ctx.reply.Integer(0);
  ctx.reply.Integer(1);
  // While a log or a stream is replayed nothing expires by the clock. A negative time would read as none.
  if (ctx.replaying()) {
    if (at_ms < 0) at_ms = 0;
  } else if (at_ms <= ctx.now_ms) {
    return DeleteExpired(ctx, key, place);
  }
  ctx.Db().SetExpire(key, place, at_ms);
  ctx.Changed(key);
  ctx.Notify(kNotifyGeneric, "expire", key.key);
  if (unit != Unit::kMilliseconds || form != Form::kAbsolute) PropagateDeadline(ctx, at_ms);
}
void Expire(CommandContext& ctx) { SetDeadline(ctx, Unit::kSeconds, Form::kRelative); }
void PExpire(CommandContext& ctx) { SetDeadline(ctx, Unit::kMilliseconds, Form::kRelative); }
void ExpireAt(CommandContext& ctx) { SetDeadline(ctx, Unit::kSeconds, Form::kAbsolute); }
void PExpireAt(CommandContext& ctx) { SetDeadline(ctx, Unit::kMilliseconds, Form::kAbsolute); }

void ReplyDeadline(CommandContext& ctx, Unit unit, Form form) {
  Place place = LookWithoutTouch(ctx, ctx.Key(1));
  if (!place) return ctx.reply.Integer(-2);
  std::int64_t at_ms = place.entry()->expire_at_ms();
  if (at_ms == kNoExpire) return ctx.reply.Integer(-1);
  std::int64_t ms = form == Form::kAbsolute ? at_ms : at_ms - ctx.now_ms;
  if (ms < 0) ms = 0;
  // Seconds are rounded to the nearest, without overflowing.
  ctx.reply.Integer(unit == Unit::kMilliseconds ? ms : ms / 1000 + (ms % 1000 >= 500 ? 1 : 0));
}
void Ttl(CommandContext& ctx) { ReplyDeadline(ctx, Unit::kSeconds, Form::kRelative); }
void PTtl(CommandContext& ctx) { ReplyDeadline(ctx, Unit::kMilliseconds, Form::kRelative); }
void ExpireTime(CommandContext& ctx) { ReplyDeadline(ctx, Unit::kSeconds, Form::kAbsolute); }
void PExpireTime(CommandContext& ctx) { ReplyDeadline(ctx, Unit::kMilliseconds, Form::kAbsolute); }

void Persist(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place || !place.entry()->has_expire()) return ctx.reply.Integer(0);
  ctx.Db().SetExpire(key, place, kNoExpire);
  ctx.Changed(key);
  ctx.Notify(kNotifyGeneric, "persist", key.key);
  ctx.reply.Integer(1);
}

SLOTWISE_COMMANDS(expire, {"expire", Expire}, {"pexpire", PExpire}, {"expireat", ExpireAt}, {"pexpireat", PExpireAt}, {"ttl", Ttl},
                  {"pttl", PTtl}, {"expiretime", ExpireTime}, {"pexpiretime", PExpireTime}, {"persist", Persist});

}  // namespace
}  // namespace slotwise
