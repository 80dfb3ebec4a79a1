// MONITOR. Source: Redis 7.0 command documentation. Elsewhere: who watches and what is shown (engine/monitor_feed.h).
#include "commands/command_table.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

void Monitor(CommandContext& ctx) {
  if (ctx.inside_exec() || ctx.client.kind != ClientKind::kNormal) return ctx.Error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  if (ctx.client.monitor) return;  // no reply, as in Redis
  ctx.engine.StartMonitor(ctx.client);
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(monitor, {"monitor", Monitor});

}  // namespace
}  // namespace slotwise
