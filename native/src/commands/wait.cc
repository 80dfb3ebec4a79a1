// WAIT: until enough replicas have what this client wrote. What it read counts too: a reply that has shown somebody else's write
// is covered as well.
// Source: Redis 7.0 command documentation. Elsewhere: who has acknowledged what (engine/replication.h).
#include "base/ticks.h"
#include "commands/command_table.h"
#include "commands/waiting.h"
#include "engine/blocking.h"
#include "engine/engine.h"
#include "engine/replication.h"

namespace slotwise {
namespace {

void Wait(CommandContext& ctx) {
  std::int64_t count, timeout_ms;
  if (!ctx.IntegerArg(1, &count) || !ctx.IntegerArg(2, &timeout_ms, "ERR timeout is not an integer or out of range")) return;
  if (timeout_ms < 0) return ctx.Error("ERR timeout is negative");
  if (ctx.engine.is_replica()) {
    return ctx.Error("ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable "
                     "(which is not the default) writes to replicas are just local and are not propagated.");
  }
  Replication& replication = ctx.engine.replication();
  const std::uint64_t offset = ctx.client.gate;
  const std::int64_t acked = replication.CountAcked(offset);
  if (acked >= count || !MayWait(ctx)) return ctx.reply.Integer(acked);
  std::shared_ptr<Waiter> waiter = WaitForNoKey(ctx, timeout_ms);
  waiter->at_timeout = [&replication, offset] { return ":" + std::to_string(replication.CountAcked(offset)) + "\r\n"; };
  replication.AddWait(waiter, offset, count);
}

SLOTWISE_COMMANDS(wait, {"wait", Wait});

}  // namespace
}  // namespace slotwise
