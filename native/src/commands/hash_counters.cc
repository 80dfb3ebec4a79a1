// Fields of hashes as numbers: HINCRBY and HINCRBYFLOAT.
//
// HINCRBYFLOAT is propagated as the HSET of its result, since long double arithmetic is not the same on every machine.
// Source: Redis 7.0 command reference. Elsewhere: numbers as text (commands/long_double.h).
#include <cmath>
#include <iterator>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/hash_access.h"
#include "commands/long_double.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void HIncrBy(CommandContext& ctx) {
  std::int64_t by, value = 0;
  if (!ctx.IntegerArg(3, &by)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kHash)) return;
  ListpackItem old;
  if (place && HashValue(place.entry()).Get(ctx.arg(2), &old)) {
    if (old.is_integer()) value = old.integer;
    else if (!ParseInteger({old.bytes, old.size}, &value)) return ctx.Error("ERR hash value is not an integer");
  }
  if (__builtin_add_overflow(value, by, &value)) return ctx.Error("ERR increment or decrement would overflow");
  IntScratch scratch;
  HashValue hash = place ? HashValue(place.entry()) : HashValue::Create();
  hash.Set(ctx.arg(2), ListpackItem{nullptr, 0, value}.View(scratch), HashLimits(ctx));
  StoreHash(ctx, key, place, hash, "hincrby");
  ctx.reply.Integer(value);
}

void HIncrByFloat(CommandContext& ctx) {
  long double by, value = 0;
  if (!ParseLongDouble(ctx.arg(3), &by)) return ctx.Error(errors::kNotFloat);
  if (!std::isfinite(by)) return ctx.Error("ERR value is NaN or Infinity");
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kHash)) return;
  ListpackItem old;
  if (place && HashValue(place.entry()).Get(ctx.arg(2), &old)) {
    if (old.is_integer()) value = static_cast<long double>(old.integer);
    else if (!ParseLongDouble({old.bytes, old.size}, &value)) return ctx.Error("ERR hash value is not a float");
  }
  value += by;
  if (!std::isfinite(value)) return ctx.Error("ERR increment would produce NaN or Infinity");
  LongDoubleText text(value);
  HashValue hash = place ? HashValue(place.entry()) : HashValue::Create();
  hash.Set(ctx.arg(2), text.view(), HashLimits(ctx));
  StoreHash(ctx, key, place, hash, "hincrbyfloat");
  ctx.Propagate({"HSET", key.key, ctx.arg(2), text.view()});
  ctx.reply.Bulk(text.view());
}

SLOTWISE_COMMANDS(hash_counters, {"hincrby", HIncrBy}, {"hincrbyfloat", HIncrByFloat});

}  // namespace
}  // namespace slotwise
