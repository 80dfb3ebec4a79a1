// DEBUG RELOAD and DEBUG LOADAOF: everything that is in memory must come back from the disk, as an RDB file or from the
// append-only file. All under every lock, so that nobody sees anything in between. Neither writes to the log: it says
// already what was reloaded, and what RELOAD NOSAVE brings in besides is not in it, as in Redis.
// Source: DEBUG HELP of Redis 7.0 and its behaviour.
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/debug.h"
#include "engine/blocking.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "engine/rdb_load.h"
#include "engine/saver.h"
#include "engine/tracking.h"
#include "log/aof_loader.h"
#include "log/aof_log.h"

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

  Status LoadRdb(File& file, std::uint64_t size, const std::string& name, std::uint64_t* end) override {
    RdbLoadOptions options;
    options.keep_expired = true;
    options.holds_all = true;
    RdbLoadReport report;
    Status status = slotwise::LoadRdb(ctx_.engine, file, size, name, options, &report);
    *end = report.bytes;
    return status;
  }

 private:
  CommandContext& ctx_;
  Client loader_;
  OutBuffer replies_;
};

// Puts empty databases in place of all; the old ones are freed when the locks are gone.
void EmptyAll(CommandContext& ctx) {
  Engine& engine = ctx.engine;
  engine.TouchAllWatched(-1, -1);
  engine.tracking().AllChanged(ctx.thread, engine.keyspace());
  std::vector<Database*> old;
  for (int db = 0; db < engine.keyspace().database_count(); ++db) old.push_back(engine.keyspace().Exchange(db));
  ctx.after_unlock = [&engine, old = std::move(old)] {
    for (Database* database : old) engine.keyspace().Recycle(database);
  };
}

// Keys have come that nobody pushed: who waits for one of them is served.
void NoteLoaded(CommandContext& ctx) {
  for (int db = 0; db < ctx.engine.keyspace().database_count(); ++db) ctx.engine.blocking().NoteAllReady(ctx.thread, db);
}

}  // namespace

void DebugReload(CommandContext& ctx) {
  bool flush = true, save = true, merge = false;
  for (std::size_t i = 2; i < ctx.argc(); ++i) {
    if (ctx.ArgIs(i, "MERGE")) merge = true;
    else if (ctx.ArgIs(i, "NOFLUSH")) flush = false;
    else if (ctx.ArgIs(i, "NOSAVE")) save = false;
    else return ctx.Error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
  }
  Engine& engine = ctx.engine;
  AllStripes lock(ctx);
  if (save && !engine.saver().SaveHoldingAll().ok()) return ctx.Error("ERR");
  if (flush) EmptyAll(ctx);
  RdbLoadOptions options;
  options.holds_all = true;
  options.replace = merge;
  RdbLoadReport report;
  const std::string path = engine.config().Str(Directive::kDir) + "/" + engine.config().Str(Directive::kDbfilename);
  Status loaded = LoadRdbFile(engine, PosixFiles(), path, options, &report);
  NoteLoaded(ctx);
  if (!loaded.ok()) engine.logger().Error(loaded.message());
  if (!loaded.ok() || !report.existed) return ctx.Error("ERR Error trying to load the RDB dump");
  engine.saver().NoteLoaded(report.keys, report.expired);
  engine.logger().Warn("DB reloaded by DEBUG RELOAD");
  ctx.reply.Ok();
}

void DebugLoadAof(CommandContext& ctx) {
  Engine& engine = ctx.engine;
  if (!engine.log().persistent()) return ctx.Error("ERR there is no append-only file to reload from (appendonly no)");
  if (!engine.log().aof()->listed()) return ctx.Error("ERR the append-only file is being written for the first time");
  AllStripes lock(ctx);
  if (Status s = engine.log().Sync(); !s.ok()) return ctx.Error("ERR " + s.message());
  std::unique_lock<std::mutex> files = engine.log().aof()->HoldFiles();
  EmptyAll(ctx);
  const CommitLogOptions where = engine.LogOptions();
  UnderLocks sink(ctx);
  LoadReport report;
  LoadOptions only_look;
  only_look.repair = false;  // the log is open and appending
  Status loaded = LoadAof(PosixFiles(), engine.logger(), where, only_look, sink, &report);
  NoteLoaded(ctx);
  if (!loaded.ok()) return ctx.Error("ERR " + loaded.message());
  engine.logger().Warn("Append Only File loaded by DEBUG LOADAOF");
  ctx.reply.Ok();
}

}  // namespace slotwise
