// Commands about the server as a whole: time, shutdown, and those whose subject does not exist here (modules), which
// answer as Redis does where there is none.
// Source: Redis 7.0 command documentation. Elsewhere: INFO (info.cc), CONFIG (config_commands.cc).
#include <ctime>

#include "base/version.h"
#include "commands/container_help.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

void Time(CommandContext& ctx) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  ctx.reply.Array(2);
  ctx.reply.BulkInteger(now.tv_sec);
  ctx.reply.BulkInteger(now.tv_nsec / 1000);
}

void Lolwut(CommandContext& ctx) {
  if (ctx.argc() >= 3 && ctx.ArgIs(1, "version")) {
    std::int64_t version;
    if (!ctx.IntegerArg(2, &version)) return;
  }
  std::string text = "Redis ver. ";
  text.append(kRedisVersion).append("\n");
  ctx.reply.Verbatim(text);
}

void Shutdown(CommandContext& ctx) {
  bool save = false, no_save = false, now = false, force = false, abort = false;
  for (std::size_t i = 1; i < ctx.argc(); ++i) {
    if (ctx.ArgIs(i, "nosave")) no_save = true;
    else if (ctx.ArgIs(i, "save")) save = true;
    else if (ctx.ArgIs(i, "now")) now = true;
    else if (ctx.ArgIs(i, "force")) force = true;
    else if (ctx.ArgIs(i, "abort")) abort = true;
    else return ctx.SyntaxError();
  }
  if ((save && no_save) || (abort && (save || no_save || now || force))) return ctx.SyntaxError();
  // There are no replicas to wait for, so a shutdown is never under way when the next command comes.
  if (abort) return ctx.Error("ERR No shutdown in progress.");
  Engine& engine = ctx.engine;
  if (engine.host() == nullptr) return ctx.Error("ERR SHUTDOWN is not possible here: the process belongs to the application");
  engine.logger().Info("User requested shutdown...");
  if (Status status = engine.log().Sync(); !status.ok() && !force) {
    engine.logger().Error("cannot shut down, the log could not be written: " + status.message());
    return ctx.Error("ERR Errors trying to SHUTDOWN. Check logs.");
  }
  if (save || no_save) engine.ChooseShutdownSave(save);
  // No reply: the end of the connection is the answer.
  ctx.client.close_after_reply = true;
  engine.host()->OnShutdown(0);
}

void EmptyArray(CommandContext& ctx) { ctx.reply.Array(0); }

}  // namespace

SLOTWISE_COMMANDS(server, {"time", Time}, {"lolwut", Lolwut},
                  {"shutdown", Shutdown}, {"module|list", EmptyArray},
                  {"module|help", ReplyContainerHelp});

}  // namespace slotwise
