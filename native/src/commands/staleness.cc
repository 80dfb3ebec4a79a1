// SLOTWISE.STALENESS: how old what a replica answers to this connection may be. Ours; Redis has no such command.
// It is refused inside MULTI: a transaction is answered by what holds when it runs, not by what it sets.
// Elsewhere: what is refused (engine/replication_role.cc), the proof (engine/staleness.h).
#include "commands/command_table.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "engine/replication.h"

namespace slotwise {
namespace {

void StalenessCommand(CommandContext& ctx) {
  if (ctx.argc() > 2) return ctx.WrongArity();
  Replication& replication = ctx.engine.replication();
  if (ctx.argc() == 1) {
    ctx.reply.Array(2);
    ctx.reply.Integer(ctx.client.max_staleness_ms);
    return ctx.reply.Integer(replication.ProvenStalenessMs());
  }
  std::int64_t max_ms = 0;
  if (!ctx.ArgIs(1, "off") && !ctx.IntegerArgInRange(1, 0, INT64_MAX, &max_ms, "ERR max-lag-ms is not a number of milliseconds, 0 or OFF")) return;
  if (max_ms != ctx.client.max_staleness_ms) replication.SetStaleness(ctx.client, max_ms);
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(staleness, {"slotwise.staleness", StalenessCommand});

}  // namespace
}  // namespace slotwise
