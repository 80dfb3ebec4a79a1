#include "engine/saver.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/ticks.h"
#include "base/version.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "snapshot/rdb_file_writer.h"
#include "snapshot/snapshot_pass.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kSyncEveryBytes = 4 << 20;  // rdb-save-incremental-fsync
constexpr std::int64_t kRetryMs = 5000;             // after a background save that failed

Status FileError(const char* what, std::int64_t error) {
  return Status::Error(static_cast<int>(-error), std::string(what) + ": " + std::strerror(static_cast<int>(-error)));
}

}  // namespace

RdbEntryOptions SnapshotEntryOptions(Engine& engine) {
  RdbEntryOptions options;
  options.compress = engine.config().Bool(Directive::kRdbcompression);
  options.now_ms = engine.clock_ms();
  auto policy = engine.config().EnumAs<config_value::MaxmemoryPolicy>(Directive::kMaxmemoryPolicy);
  using P = config_value::MaxmemoryPolicy;
  if (policy == P::kAllkeysLfu || policy == P::kVolatileLfu) options.access = RdbEntryOptions::Access::kLfu;
  else if (policy == P::kAllkeysLru || policy == P::kVolatileLru) options.access = RdbEntryOptions::Access::kLru;
  return options;
}

std::int64_t SaveDelayUs(Engine& engine, std::uint64_t keys) {
  const std::int64_t delay = engine.config().Int(Directive::kRdbKeySaveDelay);
  // Below zero: so many keys a microsecond.
  return delay < 0 ? static_cast<std::int64_t>(keys) / -delay : static_cast<std::int64_t>(keys) * delay;
}

Saver::~Saver() { Stop(); }

void Saver::Stop(bool for_good) {
  stopping_.store(true);
  std::lock_guard<std::mutex> guard(thread_mutex_);
  if (thread_.joinable()) thread_.join();
  stopping_.store(for_good);
}

bool Saver::Reserve(bool background) {
  if (stopping_.load() || busy_.exchange(true)) return false;
  std::lock_guard<std::mutex> guard(info_mutex_);
  info_.in_progress = background;
  begin_ms_ = last_try_ms_ = MonotonicMs();
  next_line_ms_ = begin_ms_ + 1000;
  return true;
}

void Saver::ReleaseWalk() {
  {
    std::lock_guard<std::mutex> guard(info_mutex_);
    info_.in_progress = false;
  }
  busy_.store(false);
}

Saver::Info Saver::info() const {
  std::lock_guard<std::mutex> guard(info_mutex_);
  Info info = info_;
  if (info.in_progress) info.current_seconds = (MonotonicMs() - begin_ms_) / 1000;
  if (info.last_save_seconds == 0) info.last_save_seconds = engine_.start_time_ms() / 1000;
  return info;
}

Status Saver::Save() {
  if (!Reserve(false)) return Status::Error(EBUSY, "Background save already in progress");
  std::int64_t dirty = engine_.dirty().load(std::memory_order_relaxed);
  std::int64_t begin_ms = MonotonicMs();
  Status status = WriteFile("temp", &Saver::RunPass);
  Finished(status, dirty, begin_ms, false);
  return status;
}

Status Saver::SaveHoldingAll() {
  Status status = WriteFile("temp-reload", &Saver::WriteAll);
  if (!status.ok()) {
    engine_.logger().Error("Error saving the DB: " + status.message());
    return status;
  }
  engine_.dirty().store(0, std::memory_order_relaxed);
  engine_.logger().Info("DB saved on disk");
  std::lock_guard<std::mutex> guard(info_mutex_);
  info_.last_ok = true;
  info_.last_save_seconds = engine_.NowMs() / 1000;
  ++info_.saves;
  return status;
}

void Saver::NoteLoaded(std::uint64_t keys, std::uint64_t expired) {
  std::lock_guard<std::mutex> guard(info_mutex_);
  info_.loaded_keys = keys;
  info_.loaded_expired = expired;
}

Status Saver::SaveInBackground() {
  if (!Reserve(true)) return Status::Error(EBUSY, "Background save already in progress");
  engine_.logger().Info("Background saving started");
  std::lock_guard<std::mutex> guard(thread_mutex_);
  if (thread_.joinable()) thread_.join();  // the one before has ended: it gave the reservation back
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "slotwise-save");
    std::int64_t dirty = engine_.dirty().load(std::memory_order_relaxed);
    std::int64_t begin_ms = MonotonicMs();
    Finished(WriteFile("temp", &Saver::RunPass), dirty, begin_ms, true);
    FlushThreadCache();
  });
  return Status::Ok();
}

void Saver::Finished(const Status& status, std::int64_t dirty_before, std::int64_t begin_ms, bool background) {
  std::int64_t took_ms = MonotonicMs() - begin_ms;
  // A SAVE that fails says so to who asked for it, and takes nothing back of what the last one in the background has said.
  if (background || status.ok()) refuses_writes_.store(!status.ok(), std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> guard(info_mutex_);
    info_.in_progress = false;
    info_.current_keys = info_.current_total = 0;
    if (background) {
      info_.last_seconds = took_ms / 1000;
      info_.last_ok = status.ok();
    }
    if (status.ok()) {
      info_.last_ok = true;
      info_.last_save_seconds = engine_.NowMs() / 1000;
      ++info_.saves;
    }
  }
  if (status.ok()) engine_.dirty().fetch_sub(dirty_before, std::memory_order_relaxed);
  if (status.ok()) engine_.logger().Info(background ? "Background saving terminated with success" : "DB saved on disk");
  else engine_.logger().Error((background ? "Background saving error: " : "Error saving the DB: ") + status.message());
  busy_.store(false);
}

void Saver::SaveIfDue(std::int64_t now_ms) {
  if (busy_.load(std::memory_order_relaxed) || stopping_.load(std::memory_order_relaxed)) return;
  if (scheduled_.exchange(false, std::memory_order_relaxed)) {
    if (!SaveInBackground().ok()) scheduled_.store(true, std::memory_order_relaxed);
    return;
  }
  std::int64_t dirty = engine_.dirty().load(std::memory_order_relaxed);
  if (dirty == 0) return;
  Info now = info();
  bool failed_lately;
  {
    std::lock_guard<std::mutex> guard(info_mutex_);
    failed_lately = !info_.last_ok && MonotonicMs() < last_try_ms_ + kRetryMs;
  }
  if (failed_lately) return;
  for (const SavePoint& point : engine_.config().SavePoints()) {
    if (dirty < point.changes || now_ms / 1000 - now.last_save_seconds <= point.seconds) continue;
    engine_.logger().Info(std::to_string(point.changes) + " changes in " + std::to_string(point.seconds) + " seconds. Saving...");
    (void)SaveInBackground();
    return;
  }
}

Status Saver::WriteFile(const char* temporary_name, Status (Saver::*write)(RdbFileWriter& writer)) {
  const std::string dir = engine_.config().Str(Directive::kDir);
  const std::string name = engine_.config().Str(Directive::kDbfilename);
  const std::string temporary = dir + "/" + temporary_name + "-" + std::to_string(getpid()) + ".rdb";
  std::unique_ptr<File> file;
  int error = files_.Open(temporary, OpenMode::kCreateTruncate, &file);
  if (error < 0) return FileError("Failed opening the temp RDB file for saving", error);
  std::uint64_t unsynced = 0;
  RdbFileWriter writer(
      [&](std::string_view bytes) {
        unsynced += bytes.size();
        while (!bytes.empty()) {
          std::int64_t n = file->Append(bytes);
          if (n <= 0) return FileError("Write error saving DB on disk", n < 0 ? n : -ENOSPC);
          bytes.remove_prefix(static_cast<std::size_t>(n));
        }
        if (unsynced < kSyncEveryBytes) return Status::Ok();
        unsynced = 0;
        int failed = file->SyncData();
        return failed < 0 ? FileError("Write error saving DB on disk", failed) : Status::Ok();
      },
      engine_.config().Bool(Directive::kRdbchecksum));
  Status status = (this->*write)(writer);
  if (status.ok()) status = writer.End();
  if (status.ok() && (error = file->SyncData()) < 0) status = FileError("Write error saving DB on disk", error);
  file.reset();
  if (status.ok() && (error = files_.Rename(temporary, dir + "/" + name)) < 0) {
    status = FileError("Error moving temp DB file on the final destination", error);
  }
  if (status.ok() && (error = files_.SyncDir(dir)) < 0) status = FileError("Write error saving DB on disk", error);
  if (!status.ok()) files_.Unlink(temporary);
  return status;
}

Status Saver::Begin(RdbFileWriter& writer, const std::optional<StreamPlace>& place) {
  std::vector<RdbFileWriter::Aux> fields = {{"redis-ver", kRedisVersion},
                                            {"redis-bits", "64"},
                                            {"ctime", std::to_string(engine_.NowMs() / 1000)},
                                            {"used-mem", std::to_string(UsedMemory())}};
  if (place) {
    fields.push_back({"repl-stream-db", std::to_string(place->db)});
    fields.push_back({"repl-id", place->id});
    fields.push_back({"repl-offset", std::to_string(place->offset)});
  }
  fields.push_back({"aof-base", "0"});
  return writer.Begin(fields);
}

// Every stripe is held by the caller.
Status Saver::WriteAll(RdbFileWriter& writer) {
  constexpr std::size_t kFlushBytes = 64 * 1024;
  if (Status status = Begin(writer, engine_.replication().PlaceNow()); !status.ok()) return status;
  const RdbEntryOptions options = SnapshotEntryOptions(engine_);
  std::string entries;
  for (int db = 0; db < engine_.keyspace().database_count(); ++db) {
    const Database& database = engine_.keyspace().Db(db);
    auto hand_over = [&] {
      if (entries.empty()) return Status::Ok();
      Status status = writer.Entries(db, database.KeyCount(), database.ExpiringCount(), entries);
      entries.clear();
      return status;
    };
    for (int slot = database.NextNonEmptySlot(0); slot < kSlotCount; slot = database.NextNonEmptySlot(slot + 1)) {
      const SlotTable& table = database.Table(slot);
      for (std::uint32_t i = 0; i < table.bucket_count(); ++i) {
        table.VisitBucket(i, [&](const Entry* entry) { AppendRdbEntry(entry, options, entries); });
        if (entries.size() < kFlushBytes) continue;
        if (Status status = hand_over(); !status.ok()) return status;
      }
    }
    if (Status status = hand_over(); !status.ok()) return status;
  }
  return Status::Ok();
}

void Saver::Rest(std::uint64_t keys) {
  constexpr std::int64_t kStepUs = 10000;
  std::int64_t rested_us = 0;
  for (std::int64_t due_us; !stopping_.load(std::memory_order_relaxed) && (due_us = SaveDelayUs(engine_, keys) - rested_us) > 0;) {
    const std::int64_t step_us = std::min(due_us, kStepUs);
    usleep(static_cast<useconds_t>(step_us));
    rested_us += step_us;
  }
}

Status Saver::RunPass(RdbFileWriter& writer) {
  RdbEntryOptions options = SnapshotEntryOptions(engine_);
  SnapshotPass pass(engine_.keyspace(), [options](const Entry* entry, std::string& out) { AppendRdbEntry(entry, options, out); });
  pass.set_paced_keys(engine_.config().Int(Directive::kRdbKeySaveDelay) != 0 ? 1 : 1024);
  std::uint64_t paced = 0;
  std::optional<StreamPlace> place;
  engine_.BeginSnapshot(pass, [&] { place = engine_.replication().PlaceNow(); });
  {
    std::lock_guard<std::mutex> guard(info_mutex_);
    info_.current_total = pass.total_keys();
  }
  Status status = Begin(writer, place);
  if (!status.ok()) pass.Cancel(status);
  Status walked = pass.Walk([&](int db, std::string_view entries) { return writer.Entries(db, pass.keys(db), pass.expiring(db), entries); },
                     [&](std::uint64_t walked) {
                       Rest(walked - paced);
                       paced = walked;
                       if (stopping_.load(std::memory_order_relaxed)) pass.Cancel(Status::Error(ECANCELED, "the server is shutting down"));
                       std::lock_guard<std::mutex> guard(info_mutex_);
                       info_.current_keys = walked + pass.images();
                       std::int64_t now = MonotonicMs();
                       if (now < next_line_ms_) return;
                       next_line_ms_ = now + 1000;
                       engine_.logger().Info("saving the DB: " + std::to_string(info_.current_keys) + " of " +
                                             std::to_string(info_.current_total) + " keys");
                     });
  engine_.EndSnapshot(pass);
  return status.ok() ? walked : status;
}

}  // namespace slotwise
