// Snapshots to a file: SAVE, BGSAVE, save points. One walk at a time (snapshot/snapshot_pass.h); the background one has a
// thread that lives as long as the walk. A file is complete or not there: temporary file, fsync, rename, fsync of the folder.
// Progress: a line a second in the log, and INFO persistence.
// Source: Redis persistence documentation; spec rdb.md section 17. Elsewhere: the walk and the format (snapshot/), loading
// (rdb_load.h), the commands (commands/save.cc).
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/status.h"
#include "log/file_system.h"
#include "replication/history_file.h"

namespace slotwise {

class Engine;
class RdbFileWriter;
class SnapshotPass;

struct RdbEntryOptions;
// What entries of a snapshot carry, by the configuration.
RdbEntryOptions SnapshotEntryOptions(Engine& engine);
// rdb-key-save-delay for so many keys: what a test asks a walk to rest.
std::int64_t SaveDelayUs(Engine& engine, std::uint64_t keys);

class Saver {
 public:
  Saver(Engine& engine, FileSystem& files) : engine_(engine), files_(files) {}
  ~Saver();
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  // Saves to `dir`/`dbfilename` on the calling thread, which may hold no stripe. Fails with EBUSY while a walk is under way.
  Status Save();
  // The same for a caller who holds every stripe (DEBUG RELOAD), whatever else is under way.
  Status SaveHoldingAll();
  // The same as Save() on a thread of its own. EBUSY as above.
  Status SaveInBackground();
  // BGSAVE SCHEDULE: as soon as no other walk is under way.
  void Schedule() { scheduled_.store(true, std::memory_order_relaxed); }
  // A save point is due: called by cron with the wall clock.
  void SaveIfDue(std::int64_t now_ms);
  // For a walk that somebody else makes, with another sink: reserves the one walk, and gives it back. `shown`: it shows as a
  // background save, as in Redis one for a replica does.
  bool ReserveWalk(bool shown = true) { return Reserve(shown); }
  void ReleaseWalk();
  // Gives up what is under way and waits for its end. Idempotent; `for_good`: nothing can be started afterwards.
  void Stop(bool for_good = true);

  struct Info {
    bool in_progress = false;
    std::int64_t last_save_seconds = 0;     // Unix time of the last success, or of the start
    bool last_ok = true;                    // of the last background save
    std::int64_t last_seconds = -1;         // how long it took; -1: there was none
    std::int64_t current_seconds = -1;
    std::uint64_t saves = 0;
    std::uint64_t current_keys = 0;         // walked so far
    std::uint64_t current_total = 0;
    std::uint64_t loaded_keys = 0;          // from the file that was loaded last
    std::uint64_t loaded_expired = 0;       // left out of it
  };
  Info info() const;
  // A file has been loaded: for INFO.
  void NoteLoaded(std::uint64_t keys, std::uint64_t expired);
  // Save points are set and the last background save failed: writes are refused (stop-writes-on-bgsave-error).
  bool refuses_writes() const { return refuses_writes_.load(std::memory_order_relaxed); }

 private:
  // Reserves the one walk.
  bool Reserve(bool background);
  // `write` fills a temporary file, which then takes the place of the last one.
  Status WriteFile(const char* temporary, Status (Saver::*write)(RdbFileWriter& writer));
  // `place`: where in the stream the data set is.
  Status Begin(RdbFileWriter& writer, const std::optional<StreamPlace>& place);
  Status RunPass(RdbFileWriter& writer);
  Status WriteAll(RdbFileWriter& writer);
  // As long as rdb-key-save-delay says; less, if it is taken back meanwhile or the walk given up.
  void Rest(std::uint64_t keys);
  void Finished(const Status& status, std::int64_t dirty_before, std::int64_t begin_ms, bool background);

  Engine& engine_;
  FileSystem& files_;
  std::atomic<bool> busy_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> refuses_writes_{false};
  std::atomic<bool> scheduled_{false};
  std::mutex thread_mutex_;                 // guards thread_
  std::thread thread_;
  mutable std::mutex info_mutex_;           // guards the rest
  Info info_;
  std::int64_t begin_ms_ = 0;
  std::int64_t last_try_ms_ = 0;
  std::int64_t next_line_ms_ = 0;
};

}  // namespace slotwise
