#include "engine/aof_rewrite.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "base/version.h"
#include "engine/engine.h"
#include "engine/saver.h"
#include "keyspace/allocator.h"
#include "log/aof_log.h"
#include "log/log_thread.h"
#include "snapshot/command_entry.h"
#include "snapshot/rdb_file_writer.h"
#include "snapshot/snapshot_pass.h"

namespace slotwise {
namespace {

// The frame around the entries of a base.
class BaseFormat {
 public:
  virtual ~BaseFormat() = default;
  virtual SnapshotPass::Encode Encoder() = 0;
  virtual Status Begin(const SnapshotPass& pass) = 0;
  virtual Status Entries(int db, std::string_view entries) = 0;
  virtual Status End() = 0;
};

class RdbBase final : public BaseFormat {
 public:
  RdbBase(Engine& engine, BaseWriter& out)
      : engine_(engine), writer_([&out](std::string_view bytes) { return out.Append(bytes); }, engine.config().Bool(Directive::kRdbchecksum)) {}
  SnapshotPass::Encode Encoder() override {
    return [options = SnapshotEntryOptions(engine_)](const Entry* entry, std::string& out) { AppendRdbEntry(entry, options, out); };
  }
  Status Begin(const SnapshotPass& pass) override {
    pass_ = &pass;
    return writer_.Begin({{"redis-ver", kRedisVersion},
                          {"redis-bits", "64"},
                          {"ctime", std::to_string(engine_.NowMs() / 1000)},
                          {"used-mem", std::to_string(UsedMemory())},
                          {"aof-base", "1"}});
  }
  Status Entries(int db, std::string_view entries) override { return writer_.Entries(db, pass_->keys(db), pass_->expiring(db), entries); }
  Status End() override { return writer_.End(); }

 private:
  Engine& engine_;
  RdbFileWriter writer_;
  const SnapshotPass* pass_ = nullptr;
};

class CommandBase final : public BaseFormat {
 public:
  CommandBase(Engine& engine, BaseWriter& out) : engine_(engine), out_(out) {}
  SnapshotPass::Encode Encoder() override {
    return [](const Entry* entry, std::string& out) { AppendEntryCommands(entry, out); };
  }
  Status Begin(const SnapshotPass&) override {
    if (!engine_.config().Bool(Directive::kAofTimestampEnabled)) return Status::Ok();
    return out_.Append("#TS:" + std::to_string(engine_.NowMs() / 1000) + "\r\n");
  }
  Status Entries(int db, std::string_view entries) override {
    if (db != db_) {
      db_ = db;
      std::string select;
      AppendCommandHead(2, select);
      AppendCommandWord("SELECT", select);
      AppendCommandWord(std::to_string(db), select);
      if (Status s = out_.Append(select); !s.ok()) return s;
    }
    return out_.Append(entries);
  }
  Status End() override { return Status::Ok(); }

 private:
  Engine& engine_;
  BaseWriter& out_;
  int db_ = -1;
};

// Without a log: the new base alone is what the directory holds.
Status PlaceAlone(Engine& engine, FileSystem& files, const AofPaths& paths, const NewBase& base, bool keep_history) {
  AofDirectory directory;
  Status status = InspectAofDirectory(files, engine.logger(), paths, &directory);
  if (!status.ok()) return status;
  AofManifest manifest = directory.migrate ? AofManifest() : directory.manifest;
  files.Unlink(paths.archive_id);  // no segment leads to this base (aof_archive.h)
  status = PlaceBase(files, paths, base, manifest.NextBaseSeq(), ~std::uint64_t{0}, &manifest);
  if (status.ok()) status = PersistManifest(files, paths.dir, paths.manifest_name, manifest);
  if (!status.ok() || keep_history || manifest.history.empty()) return status;
  RemoveAofFiles(files, paths, manifest.history);
  manifest.history.clear();
  return PersistManifest(files, paths.dir, paths.manifest_name, manifest);
}

Status PrepareAlone(Engine& engine, FileSystem& files, const AofPaths& paths) {
  if (Status s = engine.LockDirectory(); !s.ok()) return s;
  int error = files.MakeDir(paths.dir);
  if (error >= 0) error = files.SyncDir(paths.data_dir);
  if (error < 0) return Status::Error(-error, "Can't create the AOF directory " + paths.dir + ": " + std::strerror(-error));
  AofDirectory directory;
  Status status = InspectAofDirectory(files, engine.logger(), paths, &directory);
  if (!status.ok() || directory.has_manifest) return status;
  return PersistManifest(files, paths.dir, paths.manifest_name, AofManifest());
}

// What is not settled at the moment of the rotation is what everybody's replies wait for: so all is settled just before.
Status PrepareOpen(AofLog& log) {
  if (Status s = log.PrepareRotation(); !s.ok()) return s;
  return log.Sync();
}

}  // namespace

Status RewriteAof(Engine& engine, FileSystem& files, const AofRewrite& rewrite) {
  using Log = AofRewrite::Log;
  const CommitLogOptions where = engine.LogOptions();
  const AofPaths paths = rewrite.log == Log::kOpen ? engine.log().aof()->paths() : AofPaths(where);
  AofLog* log = nullptr;
  std::unique_ptr<AofLog> starting;
  Status status;
  switch (rewrite.log) {
    case Log::kOpen:
      log = engine.log().aof();
      status = PrepareOpen(*log);
      break;
    case Log::kStarting:
      status = engine.LockDirectory();
      if (status.ok()) {
        status = AofLog::OpenUnlisted(files, engine.logger(), where, SystemLogClock(), AofLogLimits(), engine.log().ShareBuffer(), &starting);
      }
      if (!status.ok()) return status;
      log = starting.get();
      log->SetDriver(MakeLogThread(*log, SystemLogClock()));
      break;
    case Log::kNone: status = PrepareAlone(engine, files, paths); break;
  }
  const bool rdb = engine.config().Bool(Directive::kAofUseRdbPreamble);
  BaseWriter out(files, paths, rdb);
  if (status.ok()) status = out.Open();
  if (!status.ok()) {
    if (rewrite.log == Log::kOpen) log->CancelRotation();
    return status;
  }
  std::unique_ptr<BaseFormat> format;
  if (rdb) format = std::make_unique<RdbBase>(engine, out);
  else format = std::make_unique<CommandBase>(engine, out);

  SnapshotPass pass(engine.keyspace(), format->Encoder());
  pass.set_paced_keys(engine.config().Int(Directive::kRdbKeySaveDelay) != 0 ? 1 : 1024);
  engine.BeginSnapshot(pass, [&] {
    if (rewrite.log == Log::kOpen) {
      log->Rotate(engine.is_replica());
    } else if (starting != nullptr) {
      status = log->Begin(engine.is_replica());
      if (status.ok()) engine.SwitchLog(std::move(starting));
    }
  });
  if (status.ok() && rewrite.begun) rewrite.begun(pass.total_keys());
  if (rewrite.log == Log::kOpen) status = log->WaitRotated();
  if (status.ok()) status = format->Begin(pass);
  if (!status.ok()) pass.Cancel(status);
  Status walked = pass.Walk([&](int db, std::string_view entries) { return format->Entries(db, entries); },
                     [&](std::uint64_t walked) {
                       if (!rewrite.pace) return;
                       if (Status s = rewrite.pace(walked + pass.images()); !s.ok()) pass.Cancel(s);
                     });
  engine.EndSnapshot(pass);
  if (status.ok()) status = walked;
  if (starting != nullptr) starting->Abandon(/*remove_unlisted=*/true);
  if (status.ok()) status = format->End();
  NewBase base;
  if (status.ok()) status = out.Finish(&base);
  // A log that begins counts from the base on; what it holds by then must not depend on luck.
  if (status.ok() && rewrite.log == Log::kStarting) status = log->Sync();
  const bool keep_history = engine.config().Bool(Directive::kAofDisableAutoGc);
  if (status.ok()) {
    status = log != nullptr ? log->InstallBase(base, keep_history) : PlaceAlone(engine, files, paths, base, keep_history);
  } else if (rewrite.log == Log::kOpen) {
    log->CancelRotation();
  }
  return status;
}

}  // namespace slotwise
