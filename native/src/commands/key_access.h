// What the commands on keys share: looking without leaving a trace, and arguments that name a database.
#pragma once
#include <cstdint>

#include "commands/command.h"
#include "engine/engine.h"
#include "engine/thread_state.h"
#include "values/string_value.h"

namespace slotwise {

// As FindForRead, hits and misses counted, but the key does not count as used: TYPE, TTL, EXISTS, OBJECT.
inline CommandContext::Place LookWithoutTouch(CommandContext& ctx, const KeyRef& key, bool notify_miss = true) {
  CommandContext::Place place = ctx.Peek(key);
  if (place) {
    ctx.thread.stats.keyspace_hits.Add();
  } else {
    ctx.thread.stats.keyspace_misses.Add();
    if (notify_miss) ctx.Notify(kNotifyKeyMiss, "keymiss", key.key);
  }
  return place;
}

// An int argument. Replies with `error` if it is none, or, without `error`, with what Redis says in each case.
inline bool IntArg(CommandContext& ctx, std::size_t i, std::int64_t* out, const char* error = nullptr) {
  if (!ctx.IntegerArg(i, out, error == nullptr ? errors::kNotInteger : error)) return false;
  if (*out >= INT32_MIN && *out <= INT32_MAX) return true;
  ctx.Error(error == nullptr ? "ERR value is out of range, value must between -2147483648 and 2147483647" : error);
  return false;
}

// The number of an existing database.
inline bool DatabaseArg(CommandContext& ctx, std::size_t i, int* db) {
  std::int64_t n;
  if (!IntArg(ctx, i, &n)) return false;
  if (n < 0 || n >= ctx.engine.keyspace().database_count()) {
    ctx.Error(errors::kDbOutOfRange);
    return false;
  }
  *db = static_cast<int>(n);
  return true;
}

}  // namespace slotwise
