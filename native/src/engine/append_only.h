// The append-only file at run time: rewrites, asked for and automatic, and CONFIG SET appendonly. One job at a time, on a
// thread of its own; a job that walks the keyspace holds the one walk (saver.h) from the moment it is accepted, so that
// who asks next is told at once.
// Switched on, the log begins at the moment of the first rewrite's snapshot, and the manifest names nothing of it before the
// base is there; a rewrite that fails takes the log back, and it comes again. Switched off, the log ends at one offset under all
// stripes, what came before it is made durable, and the files stay.
// Source: Redis persistence documentation; specs aof.md section 5. Elsewhere: how one is done (aof_rewrite.h), when automatic
// ones are due (rewrite_schedule.h).
#pragma once
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include "base/status.h"
#include "engine/rewrite_schedule.h"
#include "log/file_system.h"

namespace slotwise {

class Binlog;
class Engine;

class AppendOnly {
 public:
  AppendOnly(Engine& engine, FileSystem& files);
  ~AppendOnly();
  AppendOnly(const AppendOnly&) = delete;
  AppendOnly& operator=(const AppendOnly&) = delete;

  // The engine has started, with or without the log.
  void Started(bool on);
  // BGREWRITEAOF. `later`: not before the next Step() (inside EXEC, where stripes are held).
  enum class Answer { kStarted, kScheduled, kBusy, kFailed };
  Answer Rewrite(bool later);
  // Called by cron: starts what is due.
  void Step();
  // CONFIG SET appendonly: returns when the log has begun, is scheduled to, or has ended; at once inside a Hurry.
  Status Turn(bool on);
  // While it lives nobody on this thread waits: stripes are held.
  class Hurry {
   public:
    explicit Hurry(bool on);
    ~Hurry();
    Hurry(const Hurry&) = delete;
    Hurry& operator=(const Hurry&) = delete;

   private:
    bool before_;
  };
  // Gives up a rewrite that is under way, unless all that the log will ever hold depends on it. For good.
  void Stop();

  struct Info {
    bool enabled = false;               // on, or about to be
    bool rewriting = false;
    bool scheduled = false;
    bool last_ok = true;
    std::int64_t last_seconds = -1;     // how long the last rewrite took; -1: there was none
    std::int64_t current_seconds = -1;
    std::uint64_t rewrites = 0;
    int failures = 0;                   // in a row
    std::uint64_t current_keys = 0;     // walked so far
    std::uint64_t current_total = 0;
  };
  Info info() const;
  // What it holds, read by position.
  Binlog& binlog() { return *binlog_; }

 private:
  enum class Job { kNone, kRewrite, kTurnOn, kTurnOff };
  bool StartWalkLocked(Job job);
  void StartLocked(Job job);
  void Run();
  void DoRewrite(Job job);
  void DoTurnOff();
  // Back to memory; `keep_files`: the log is whole.
  Status EndLog(bool keep_files);
  Status Pace(std::uint64_t walked);

  Engine& engine_;
  FileSystem& files_;
  const std::unique_ptr<Binlog> binlog_;
  mutable std::mutex mutex_;            // guards the rest
  std::condition_variable changed_;
  std::thread thread_;
  Job job_ = Job::kNone;
  bool started_ = false;
  bool stopping_ = false;
  bool wanted_ = false;                 // appendonly
  bool on_ = false;                     // the log is there, and whole
  bool begun_ = false;                  // kTurnOn: the moment has come
  bool give_up_ = false;                // the walk under way
  bool scheduled_ = false;
  RewriteSchedule schedule_;
  Info info_;
  Status turn_on_failure_;
  std::int64_t begin_ms_ = 0;
  std::int64_t next_line_ms_ = 0;
  std::uint64_t paced_ = 0;
};

}  // namespace slotwise
