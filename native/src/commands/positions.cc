// SLOTWISE.POSITION and SLOTWISE.WAITFOR: a client that wrote to one server reads its own writes from another. Ours; Redis has no
// such commands.
// What a connection was answered depends on a log offset (Client::gate), and that is its position. A caller inside the process reads
// memory without being told of offsets: its position is the end of the log, which has everything that it can have seen.
// Elsewhere: what a position means (replication/position_token.h), who waits (engine/position_waits.h).
#include "commands/command_table.h"
#include "commands/waiting.h"
#include "engine/engine.h"
#include "engine/position_waits.h"
#include "engine/replication.h"

namespace slotwise {
namespace {

void Position(CommandContext& ctx) {
  const bool embedded = ctx.client.kind == ClientKind::kEmbedded;
  const StreamPosition position = ctx.engine.replication().PositionAt(embedded ? ctx.engine.log().tail() : ctx.client.gate);
  if (position.id.empty()) return ctx.Error("NOMASTERLINK This replica has no data of its MASTER yet");
  ctx.reply.Bulk(PositionText(position));
}

void WaitFor(CommandContext& ctx) {
  const std::optional<StreamPosition> wanted = ParsePosition(ctx.arg(1));
  if (!wanted) return ctx.Error("ERR Invalid position, it has to be one that SLOTWISE.POSITION has told");
  std::int64_t timeout_ms;
  if (!ctx.IntegerArg(2, &timeout_ms, "ERR timeout is not an integer or out of range")) return;
  if (timeout_ms < 0) return ctx.Error("ERR timeout is negative");
  Replication& replication = ctx.engine.replication();
  switch (replication.ReachOf(*wanted)) {
    case Reach::kReached: return ctx.reply.Ok();
    case Reach::kOtherHistory: return ctx.Error(replication.OtherHistoryText(*wanted));
    case Reach::kNotYet: break;
  }
  if (!MayWait(ctx)) return ctx.Error(replication.NotReachedText(*wanted));
  std::shared_ptr<Waiter> waiter = WaitForNoKey(ctx, timeout_ms);
  waiter->at_timeout = [&replication, at = *wanted] { return "-" + replication.NotReachedText(at) + "\r\n"; };
  replication.position_waits().Add(waiter, *wanted);
}

// kSelf: a position may begin a stream, which takes all stripes.
SLOTWISE_COMMANDS(positions, {"slotwise.position", Position, LockMode::kSelf}, {"slotwise.waitfor", WaitFor});

}  // namespace
}  // namespace slotwise
