// SLOTWISE.IMPORT, SLOTWISE.APPLY and SLOTWISE.EXPORT: how nodes of ours move slots among themselves, and how the control plane has it done. Not
// for clients: what an operator says is CLUSTER MIGRATE.
// Source: docs/decisions/0025. Elsewhere: both ends (engine/slot_export.h, engine/slot_import.h), decisions (packages/cluster).
#include <string>

#include "commands/command_table.h"
#include "engine/client.h"
#include "engine/cluster.h"
#include "engine/control_desk.h"
#include "engine/engine.h"
#include "engine/slot_export.h"
#include "engine/slot_import.h"

namespace slotwise {
namespace {

// Ranges, both ends included, from argument `from` to the end. False: answered with an error.
bool SlotsArg(CommandContext& ctx, std::size_t from, SlotSet* slots) {
  if (from >= ctx.argc() || (ctx.argc() - from) % 2 != 0) return ctx.SyntaxError(), false;
  for (std::size_t i = from; i < ctx.argc(); i += 2) {
    std::int64_t first, last;
    if (!ctx.IntegerArgInRange(i, 0, kSlotCount - 1, &first, "ERR Invalid or out of range slot")) return false;
    if (!ctx.IntegerArgInRange(i + 1, first, kSlotCount - 1, &last, "ERR Invalid or out of range slot")) return false;
    for (std::int64_t slot = first; slot <= last; ++slot) slots->set(static_cast<std::size_t>(slot));
  }
  return true;
}

bool MayAsk(CommandContext& ctx) {
  if (ctx.engine.cluster() == nullptr) return ctx.Error("ERR This instance has cluster support disabled"), false;
  ctx.PropagateNothing();
  return true;
}

void Apply(CommandContext& ctx) {
  if (!MayAsk(ctx)) return;
  std::int64_t number;
  if (!ctx.IntegerArgInRange(2, 1, INT64_MAX, &number)) return;
  const std::string error =
      ctx.engine.cluster()->importer().Apply(ctx.thread, ctx.arg(1), static_cast<std::uint64_t>(number), ctx.arg(3), &ctx.gate);
  return error.empty() ? ctx.reply.Ok() : ctx.Error(error);
}

void Import(CommandContext& ctx) {
  if (!MayAsk(ctx)) return;
  SlotImport& importer = ctx.engine.cluster()->importer();
  // Words of the node that the slots come from, and one of that they go to.
  for (const char* word : {"BEGIN", "PREPARE", "CLAIM", "SETTLE", "ABORT", "OUTCOME"}) {
    if (ctx.ArgIs(1, word) && ctx.argc() >= 3) return ctx.engine.control().Ask(ctx);
  }
  if (!ctx.client.control) return ctx.SyntaxError();
  SlotSet slots;
  if (ctx.ArgIs(1, "OPEN") && ctx.argc() > 3) {
    if (!SlotsArg(ctx, 3, &slots)) return;
    importer.Open(ctx.arg(2), slots);
    return ctx.reply.Ok();
  }
  if (ctx.ArgIs(1, "CLOSE") && ctx.argc() == 3) return ctx.reply.Integer(importer.Close(ctx.arg(2)));
  if (!ctx.ArgIs(1, "INFO") || ctx.argc() != 2) return ctx.SyntaxError();
  const SlotImport::Info info = importer.info();
  ctx.reply.Array(4);
  ctx.reply.Bulk(info.job);
  for (std::int64_t n : {static_cast<std::int64_t>(info.commands), static_cast<std::int64_t>(info.bytes), info.idle_ms}) ctx.reply.Integer(n);
}

void Export(CommandContext& ctx) {
  if (!MayAsk(ctx)) return;
  if (!ctx.client.control) return ctx.Error("ERR SLOTWISE.EXPORT is for the control plane, the command for operators is CLUSTER MIGRATE");
  Cluster& cluster = *ctx.engine.cluster();
  SlotExport& exporter = cluster.exporter();
  if (ctx.ArgIs(1, "START") && ctx.argc() > 5) {
    SlotExport::Request request;
    std::int64_t port;
    if (!ctx.IntegerArgInRange(4, 1, 65535, &port) || !SlotsArg(ctx, 5, &request.slots)) return;
    request.job = ctx.arg(2);
    request.host = ctx.arg(3);
    request.port = static_cast<int>(port);
    return exporter.Start(std::move(request)) ? ctx.reply.Ok() : ctx.Error("ERR Slots are being exported already");
  }
  if (ctx.ArgIs(1, "FINISH") && ctx.argc() == 3) return ctx.reply.Integer(exporter.Finish(ctx.arg(2)));
  if (ctx.ArgIs(1, "HOLD") && ctx.argc() > 3) {
    SlotSet slots;
    if (!SlotsArg(ctx, 2, &slots)) return;
    cluster.Hold(slots, SlotHold::Mode::kAll);
    cluster.Seal();
    return ctx.reply.Ok();
  }
  if (ctx.ArgIs(1, "STOP") && ctx.argc() == 2) {
    exporter.Stop();
    return ctx.reply.Ok();
  }
  if (!ctx.ArgIs(1, "INFO") || ctx.argc() != 2) return ctx.SyntaxError();
  const SlotExport::Info info = exporter.info();
  static constexpr const char* kPhases[] = {"none", "connecting", "copying", "following", "held", "waiting"};
  ctx.reply.Array(10);
  ctx.reply.Bulk(info.job);
  ctx.reply.Bulk(kPhases[static_cast<int>(info.phase)]);
  for (std::uint64_t n : {info.keys, info.bytes, info.slots_done, info.commands, info.log_left}) ctx.reply.Integer(static_cast<std::int64_t>(n));
  for (std::int64_t n : {cluster.held_us(), info.sealed_us, info.settled_us}) ctx.reply.Integer(n);
}

void Migrate(CommandContext& ctx) {
  if (MayAsk(ctx)) ctx.engine.control().Ask(ctx);
}

SLOTWISE_COMMANDS(slot_migration, {"slotwise.apply", Apply, LockMode::kSelf}, {"slotwise.import", Import, LockMode::kSelf},
                  {"slotwise.export", Export, LockMode::kSelf},
                  {"cluster|migrate", Migrate});

}  // namespace
}  // namespace slotwise
