#include "commands/waiting.h"

#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/ticks.h"
#include "engine/blocking.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

// As Redis reads a long double: all of the text, and nothing in front of it.
bool ParseLongDouble(std::string_view text, long double* out) {
  constexpr std::size_t kMaxChars = 5 * 1024;
  if (text.empty() || text.size() >= kMaxChars) return false;
  std::string copy(text);
  char* end = nullptr;
  errno = 0;
  *out = std::strtold(copy.c_str(), &end);
  bool range = errno == ERANGE && (std::isinf(*out) || *out == 0);
  return !std::isspace(static_cast<unsigned char>(copy[0])) && end == copy.c_str() + copy.size() && !range && !std::isnan(*out);
}

}  // namespace

bool TimeoutArg(CommandContext& ctx, std::size_t i, std::int64_t* timeout_ms) {
  long double seconds;
  if (!ParseLongDouble(ctx.arg(i), &seconds)) {
    ctx.Error("ERR timeout is not a float or out of range");
    return false;
  }
  long double ms = std::ceil(seconds * 1000);
  // Too large a number is what it becomes in Redis as well: negative.
  if (!(ms < 9223372036854775808.0L) || ms < 0) {
    ctx.Error("ERR timeout is negative");
    return false;
  }
  *timeout_ms = static_cast<std::int64_t>(ms);
  return true;
}

namespace {

std::shared_ptr<Waiter> MakeWaiter(CommandContext& ctx, std::int64_t timeout_ms, std::span<const std::string_view> args) {
  auto waiter = std::make_shared<Waiter>();
  Client& client = ctx.client;
  waiter->client_id = client.id;
  waiter->sink = client.sink;
  waiter->db = client.db;
  waiter->protocol = client.protocol;
  waiter->silent = client.reply_mode != ReplyMode::kOn;
  waiter->command = &ctx.command;
  waiter->words.assign(args.begin(), args.end());
  waiter->args.assign(waiter->words.begin(), waiter->words.end());
  std::int64_t now_ms = MonotonicMs();
  if (timeout_ms > 0) waiter->deadline_ms = timeout_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + timeout_ms;
  waiter->since_ticks = Ticks();
  client.waiter = waiter;
  return waiter;
}

}  // namespace

void WaitForKeys(CommandContext& ctx, const WaitOps& ops, std::span<const std::size_t> keys, std::int64_t timeout_ms, std::size_t target,
                 std::span<const std::string_view> args) {
  std::shared_ptr<Waiter> waiter = MakeWaiter(ctx, timeout_ms, args.empty() ? ctx.args : args);
  waiter->ops = &ops;
  ctx.engine.blocking().Add(waiter, keys, target);
}

std::shared_ptr<Waiter> WaitForNoKey(CommandContext& ctx, std::int64_t timeout_ms) {
  std::shared_ptr<Waiter> waiter = MakeWaiter(ctx, timeout_ms, ctx.args);
  ctx.engine.blocking().Add(waiter, {}, 0);
  return waiter;
}

}  // namespace slotwise
