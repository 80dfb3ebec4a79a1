// DEBUG RELOAD: everything that is in memory must come back from the disk. The log is synced, the databases are emptied
// and the append-only file is replayed, all under every lock, so that nobody sees anything in between.
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/debug.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "log/aof_loader.h"

namespace slotwise {
namespace {

// Runs the handlers of the log's commands under the locks of the one who asked.
class UnderLocks final : public LoadSink {
 public:
  explicit UnderLocks(CommandContext& ctx) : ctx_(ctx) {
    loader_.kind = ClientKind::kLoader;
    loader_.authenticated = true;
  }
  bool Apply(int db, const std::string_view* argv, std::size_t argc, std::string* error) override {
    CommandTable::Resolution found = ctx_.engine.commands().Resolve(argv, argc);
    if (found.outcome != CommandTable::Outcome::kOk) {
      *error = CommandTable::ErrorText(found, {argv, argc});
      return false;
    }
    loader_.db = db;
    ReplyWriter reply(replies_, loader_.protocol);
    CommandContext ctx{ctx_.engine, ctx_.thread, loader_, reply, *found.command, {argv, argc}, ctx_.now_ms};
    ctx.all_locked = true;
    found.command->handler(ctx);
    if (ctx.after_unlock) ctx.after_unlock();
    replies_.Reset();
    return true;
  }

 private:
  CommandContext& ctx_;
  Client loader_;
  OutBuffer replies_;
};

}  // namespace

void DebugReload(CommandContext& ctx) {
  Engine& engine = ctx.engine;
  if (!engine.log().persistent()) return ctx.Error("ERR there is no append-only file to reload from (appendonly no)");
  AllStripes lock(ctx);
  if (Status s = engine.log().Sync(); !s.ok()) return ctx.Error("ERR " + s.message());
  std::vector<Database*> old;
  for (int db = 0; db < engine.keyspace().database_count(); ++db) old.push_back(engine.keyspace().Exchange(db));
  CommitLogOptions where;
  where.dir = engine.config().Str(Directive::kDir);
  where.append_dirname = engine.config().Str(Directive::kAppenddirname);
  where.append_filename = engine.config().Str(Directive::kAppendfilename);
  UnderLocks sink(ctx);
  LoadReport report;
  LoadOptions only_look;
  only_look.repair = false;  // the log is open and appending
  Status loaded = LoadAof(PosixFiles(), engine.logger(), where, only_look, sink, &report);
  for (Database* database : old) engine.keyspace().Recycle(database);
  if (!loaded.ok()) return ctx.Error("ERR " + loaded.message());
  ctx.reply.Ok();
}

}  // namespace slotwise
