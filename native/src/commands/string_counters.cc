// Strings as numbers: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT.
//
// Integers are 64-bit and never wrap. INCRBYFLOAT computes in long double (80 bits on x86, so 64-bit integers are
// exact) and prints 17 decimals without trailing zeros, as Redis does; since that is not the same on every machine, what
// is propagated is the result.
// Source: Redis 7.0 command reference.
#include <cmath>
#include <cstring>
#include <iterator>
#include <string_view>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/long_double.h"
#include "commands/string_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void Increment(CommandContext& ctx, std::int64_t by) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kString)) return;
  std::int64_t value = 0;
  std::int64_t expire_at_ms = kNoExpire;
  if (place) {
    if (!StringAsInteger(place.entry(), &value)) return ctx.Error(errors::kNotInteger);
    expire_at_ms = place.entry()->expire_at_ms();
  }
  if (__builtin_add_overflow(value, by, &value)) return ctx.Error("ERR increment or decrement would overflow");
  ctx.Db().SetInt(key, place, value, expire_at_ms);
  StringChanged(ctx, key, static_cast<bool>(place), "incrby");
  ctx.reply.Integer(value);
}

void Incr(CommandContext& ctx) { Increment(ctx, 1); }
void Decr(CommandContext& ctx) { Increment(ctx, -1); }

void IncrBy(CommandContext& ctx) {
  std::int64_t by;
  if (ctx.IntegerArg(2, &by)) Increment(ctx, by);
}

void DecrBy(CommandContext& ctx) {
  std::int64_t by;
  if (!ctx.IntegerArg(2, &by)) return;
  if (by == INT64_MIN) return ctx.Error("ERR decrement would overflow");
  Increment(ctx, -by);
}

// As SetString, but text that reads as an integer stays text: OBJECT ENCODING of such a result is embstr in Redis.
void StoreText(Database& db, const KeyRef& key, Place place, std::string_view text, std::int64_t expire_at_ms) {
  std::int64_t integer;
  if (!ParseInteger(text, &integer)) {
    db.SetString(key, place, text, expire_at_ms);
    return;
  }
  constexpr std::string_view kNoInteger = "--------------------";  // as long as any integer
  Entry* entry = db.SetString(key, place, kNoInteger.substr(0, text.size()), expire_at_ms);
  std::memcpy(entry->value_bytes(), text.data(), text.size());
}

void IncrByFloat(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kString)) return;
  long double value = 0, by;
  std::int64_t expire_at_ms = kNoExpire;
  if (place) {
    IntScratch scratch;
    if (!ParseLongDouble(StringBytes(place.entry(), scratch), &value)) return ctx.Error(errors::kNotFloat);
    expire_at_ms = place.entry()->expire_at_ms();
  }
  if (!ParseLongDouble(ctx.arg(2), &by)) return ctx.Error(errors::kNotFloat);
  value += by;
  if (!std::isfinite(value)) return ctx.Error("ERR increment would produce NaN or Infinity");
  LongDoubleText formatted(value);
  std::string_view text = formatted.view();
  StoreText(ctx.Db(), key, place, text, expire_at_ms);
  StringChanged(ctx, key, static_cast<bool>(place), "incrbyfloat");
  ctx.Propagate({"SET", key.key, text, "KEEPTTL"});
  ctx.reply.Bulk(text);
}

SLOTWISE_COMMANDS(string_counters, {"incr", Incr}, {"decr", Decr}, {"incrby", IncrBy}, {"decrby", DecrBy},
                  {"incrbyfloat", IncrByFloat});

}  // namespace
}  // namespace slotwise
