// Strings as numbers: INCR, DECR, INCRBY, DECRBY and INCRBYFLOAT.
//
// Integers are 64-bit and never wrap. INCRBYFLOAT computes in long double (80 bits on x86, so 64-bit integers are
// exact) and prints 17 decimals without trailing zeros, as Redis does; since that is not the same on every machine, what
// is propagated is the result.
// Source: Redis 7.0 command reference.
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string_view>

#include "commands/command.h"
#include "commands/command_table.h"
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

// The longest text of a long double: 4933 digits before the point, 17 after it, and longer input is no number to Redis.
constexpr std::size_t kMaxFloatText = 5 * 1024;

bool ParseLongDouble(std::string_view text, long double* out) {
  if (text.empty() || text.size() >= kMaxFloatText || std::strchr(" \t\n\v\f\r", text[0]) != nullptr) return false;
  char buffer[kMaxFloatText];
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  char* end;
  errno = 0;
  long double value = std::strtold(buffer, &end);
  if (end != buffer + text.size() || std::isnan(value)) return false;
  // Subnormal results are fine; those that became infinite or zero are not what was written.
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return false;
  *out = value;
  return true;
}

// Writes the number into `out` (kMaxFloatText bytes) and returns its length: fixed notation, no trailing zeros.
std::size_t FormatLongDouble(long double value, char* out) {
  auto length = static_cast<std::size_t>(std::snprintf(out, kMaxFloatText, "%.17Lf", value));
  while (out[length - 1] == '0') --length;
  if (out[length - 1] == '.') --length;
  if (std::string_view(out, length) != "-0") return length;
  out[0] = '0';
  return 1;
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
  char buffer[kMaxFloatText];
  std::string_view text(buffer, FormatLongDouble(value, buffer));
  StoreText(ctx.Db(), key, place, text, expire_at_ms);
  StringChanged(ctx, key, static_cast<bool>(place), "incrbyfloat");
  ctx.Propagate({"SET", key.key, text, "KEEPTTL"});
  ctx.reply.Bulk(text);
}

SLOTWISE_COMMANDS(string_counters, {"incr", Incr}, {"decr", Decr}, {"incrby", IncrBy}, {"decrby", DecrBy},
                  {"incrbyfloat", IncrByFloat});

}  // namespace
}  // namespace slotwise
