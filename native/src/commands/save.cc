// SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE. Source: Redis 7.0 command reference. Elsewhere: how it is done (engine/saver.h).
#include <cerrno>

#include "commands/command_table.h"
#include "commands/debug.h"
#include "engine/append_only.h"
#include "engine/engine.h"
#include "engine/saver.h"

namespace slotwise {
namespace {

// Other clients of other threads go on meanwhile, unless the one walk is taken: then under every lock, as Redis does.
void Save(CommandContext& ctx) {
  Saver& saver = ctx.engine.saver();
  if (saver.info().in_progress) return ctx.Error("ERR Background save already in progress");
  Status s = saver.Save();
  if (s.code() == EBUSY) {
    AllStripes lock(ctx);
    s = saver.SaveHoldingAll();
  }
  if (!s.ok()) return ctx.Error("ERR " + s.message());
  ctx.reply.Ok();
}

void BgSave(CommandContext& ctx) {
  const bool schedule = ctx.argc() == 2 && ctx.ArgIs(1, "SCHEDULE");
  if (ctx.argc() > 2 || (ctx.argc() == 2 && !schedule)) return ctx.SyntaxError();
  Saver& saver = ctx.engine.saver();
  if (saver.info().in_progress) return ctx.Error("ERR Background save already in progress");
  if (!ctx.inside_exec() && saver.SaveInBackground().ok()) return ctx.reply.Simple("Background saving started");
  if (saver.info().in_progress) return ctx.Error("ERR Background save already in progress");
  if (!schedule && !ctx.inside_exec()) {
    return ctx.Error("ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE "
                     "whenever possible.");
  }
  saver.Schedule();
  ctx.reply.Simple("Background saving scheduled");
}

void BgRewriteAof(CommandContext& ctx) {
  switch (ctx.engine.append_only().Rewrite(/*later=*/ctx.inside_exec())) {
    case AppendOnly::Answer::kStarted: return ctx.reply.Simple("Background append only file rewriting started");
    case AppendOnly::Answer::kScheduled: return ctx.reply.Simple("Background append only file rewriting scheduled");
    case AppendOnly::Answer::kBusy: return ctx.Error("ERR Background append only file rewriting already in progress");
    case AppendOnly::Answer::kFailed: break;
  }
  ctx.Error("ERR Can't execute an AOF background rewriting. Please check the server logs for more information.");
}

void LastSave(CommandContext& ctx) { ctx.reply.Integer(ctx.engine.saver().info().last_save_seconds); }

SLOTWISE_COMMANDS(save, {"save", Save, LockMode::kSelf}, {"bgsave", BgSave, LockMode::kSelf}, {"bgrewriteaof", BgRewriteAof, LockMode::kSelf},
                  {"lastsave", LastSave});

}  // namespace
}  // namespace slotwise
