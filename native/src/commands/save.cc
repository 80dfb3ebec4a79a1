// SAVE, BGSAVE, LASTSAVE. Source: Redis 7.0 command reference. Elsewhere: how it is done (engine/saver.h).
#include "commands/command_table.h"
#include "engine/engine.h"
#include "engine/saver.h"

namespace slotwise {
namespace {

// Other clients of other threads go on meanwhile.
void Save(CommandContext& ctx) {
  if (ctx.engine.saver().info().in_progress) return ctx.Error("ERR Background save already in progress");
  if (Status s = ctx.engine.saver().Save(); !s.ok()) return ctx.Error("ERR " + s.message());
  ctx.reply.Ok();
}

void BgSave(CommandContext& ctx) {
  if (ctx.argc() > 2 || (ctx.argc() == 2 && !ctx.ArgIs(1, "SCHEDULE"))) return ctx.SyntaxError();
  if (Status s = ctx.engine.saver().SaveInBackground(); !s.ok()) return ctx.Error("ERR " + s.message());
  ctx.reply.Simple("Background saving started");
}

void LastSave(CommandContext& ctx) { ctx.reply.Integer(ctx.engine.saver().info().last_save_seconds); }

SLOTWISE_COMMANDS(save, {"save", Save, LockMode::kSelf}, {"bgsave", BgSave, LockMode::kSelf}, {"lastsave", LastSave});

}  // namespace
}  // namespace slotwise
