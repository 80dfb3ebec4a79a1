// SLOWLOG. Source: Redis 7.0 command documentation. Elsewhere: the log itself (engine/slow_log.h).
#include "commands/container_help.h"
#include "engine/engine.h"
#include "engine/slow_log.h"

namespace slotwise {
namespace {

void Get(CommandContext& ctx) {
  if (ctx.argc() > 3) {
    return ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + std::string(ctx.arg(1)) + "'. Try SLOWLOG HELP.");
  }
  std::int64_t count = 10;
  constexpr const char* kError = "ERR count should be greater than or equal to -1";
  if (ctx.argc() == 3 && !ctx.IntegerArgInRange(2, -1, INT64_MAX, &count, kError)) return;
  std::vector<SlowLog::Entry> entries = ctx.engine.slow_log().Newest(count < 0 ? SIZE_MAX : static_cast<std::size_t>(count));
  ctx.reply.Array(static_cast<std::int64_t>(entries.size()));
  for (const SlowLog::Entry& e : entries) {
    ctx.reply.Array(6);
    ctx.reply.Integer(e.id);
    ctx.reply.Integer(e.unix_seconds);
    ctx.reply.Integer(e.microseconds);
    ctx.reply.Array(static_cast<std::int64_t>(e.args.size()));
    for (const std::string& arg : e.args) ctx.reply.Bulk(arg);
    ctx.reply.Bulk(e.address);
    ctx.reply.Bulk(e.name);
  }
}

void Len(CommandContext& ctx) { ctx.reply.Integer(static_cast<std::int64_t>(ctx.engine.slow_log().length())); }

void Reset(CommandContext& ctx) {
  ctx.engine.slow_log().Reset();
  ctx.reply.Ok();
}

}  // namespace

SLOTWISE_COMMANDS(slowlog, {"slowlog|get", Get}, {"slowlog|len", Len}, {"slowlog|reset", Reset}, {"slowlog|help", ReplyContainerHelp});

}  // namespace slotwise
