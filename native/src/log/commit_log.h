// The commit log: one totally ordered sequence of effects in RESP, addressed by byte offset, from which the AOF (and
// later replication, binlog and change feed) is made. Appending happens inside the critical section of the writer's
// stripe, so log order is apply order; it copies bytes into memory and never touches a file.
//
// Watermarks: tail() >= written() >= durable(). A reply may leave when Promise() has reached the offset it depends on:
// written for `everysec` and `no` (write(2) precedes the reply), durable for `always`, tail when there is no AOF.
//
// Who writes: whoever calls Flush() first (an I/O thread at the end of its turn) writes everything pending in one
// write(2) from memory; others find the writer busy and are told through the waker when Promise() advances. fsync is
// only ever done by the log thread, so execution goes on meanwhile. Under `always` the log thread writes and syncs,
// with one overwrite of the journal where there is one (journal.h); durable then means in the journal or in segment and index.
//
// Errors: a failed write or fsync makes Health() fail with the errno; the engine then refuses writes (MISCONF) and
// nothing that depends on the failed bytes is acknowledged: replies that wait for them go on waiting, since their effects
// are applied and stay queued in order. Writes are retried once a second. After a failed fsync the pages of that file are
// not trusted again: see aof_log.h.
// Source: Redis persistence documentation; specs aof.md section 6. Elsewhere: the file format (aof_directory, aof_segment),
// start-up (aof_loader), block checksums (segment_index), decisions (aof_log), the thread (log_thread).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/logger.h"
#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

enum class FsyncPolicy { kAlways, kEverySec, kNo };

struct CommitLogOptions {
  std::string dir = ".";                          // the data directory; must exist
  std::string append_dirname = "appendonlydir";
  std::string append_filename = "appendonly.aof";
  FsyncPolicy fsync = FsyncPolicy::kEverySec;
  bool timestamps = false;                        // aof-timestamp-enabled
  // False from the moment when another process has taken the directory over. Null: there is nobody who could.
  std::function<bool()> owned;
  std::function<void()> on_lost;                  // called once when that was found out
  bool shared = false;                            // standby: asked before each commit is acknowledged, and when idle
  bool took_over = false;                         // from one that may not know yet: nothing is added to its last segment
  std::string archive_dir;                        // aof-archive-dir; empty: segments that a rewrite replaces are removed
};

// One unit of effects: what one command, one EXEC or one expiry changed. Reusable: Clear() keeps the memory.
// Effects are added as complete RESP commands; the log adds the SELECT that the first one needs.
class LogUnit {
 public:
  void Clear() {
    bytes_.clear();
    borrowed_ = {};
    count_ = 0;
    first_db_ = last_db_ = -1;
  }
  bool empty() const { return count_ == 0; }
  int count() const { return count_; }
  // Adds one command. A change of database inside the unit adds a SELECT to it.
  void Add(int db, const std::string_view* argv, std::size_t argc);
  // The same for a command as a client sent it: `wire` is what the parser took for it, empty if that is not at hand. If it
  // is byte for byte what Add() would encode, it is not copied but borrowed: it stays as it is until Clear() or Append().
  void AddReceived(int db, const std::string_view* argv, std::size_t argc, std::string_view wire);
  // Adds a command that is already encoded in RESP.
  void AddEncoded(int db, std::string_view resp);
  // The unit's only command, one that means the same in every database: no SELECT goes before it (PING to replicas).
  void SetAnywhere(std::string_view resp) {
    Clear();
    bytes_ = resp;
    count_ = 1;
  }
  // One or more commands as this server's primary sent them, which the log takes over to the byte; `wire` stays as it is until
  // Clear() or Append(). `db`: the database that is selected behind them.
  void SetReceived(std::string_view wire, int db) {
    Clear();
    borrowed_ = wire;
    count_ = 1;
    last_db_ = db;
  }
  // More than one effect: MULTI and EXEC go around them when appended. False for effects that are independent of each
  // other (active expiry, eviction).
  void set_atomic(bool atomic) { atomic_ = atomic; }
  bool atomic() const { return atomic_; }
  int first_db() const { return first_db_; }
  int last_db() const { return last_db_; }
  std::string_view bytes() const { return borrowed_.empty() ? std::string_view(bytes_) : borrowed_; }

 private:
  std::string bytes_;
  std::string_view borrowed_;  // instead of bytes_, while it is the only command
  int count_ = 0;
  int first_db_ = -1;
  int last_db_ = -1;
  bool atomic_ = true;
};

struct CommitLogStats {
  std::uint64_t current_size = 0;     // bytes of all AOF files (aof_current_size)
  std::uint64_t base_size = 0;        // aof_base_size
  std::uint64_t pending_bytes = 0;    // appended and not yet written (aof_buffer_length)
  bool fsync_in_progress = false;     // aof_pending_bio_fsync
  std::uint64_t delayed_fsyncs = 0;   // everysec: acknowledging had to stop because the last fsync was over 2 s ago
  std::uint64_t fsyncs = 0;
  std::uint64_t writes = 0;
};

class AofLog;
class LogBuffer;

class CommitLog {
 public:
  // Called, possibly often and from the log thread, when Promise() advanced or Health() changed. Must be cheap.
  using Waker = void (*)(void* arg);

  // A log without an AOF: what is appended is promised at once, and forgotten unless it belongs to the backlog
  // (LogBuffer::KeepTail).
  static std::unique_ptr<CommitLog> InMemory();
  // One that goes on with the buffer of another. It lets nothing go before Releases(true): the other may still have to write it.
  static std::unique_ptr<CommitLog> InMemory(std::shared_ptr<LogBuffer> buffer);
  // Opens the AOF directory for appending. Call after LoadAof() (log/aof_loader.h), which repairs the tail; `files` and
  // `logger` outlive it.
  static Status Open(FileSystem& files, Logger& logger, const CommitLogOptions& options, std::unique_ptr<CommitLog>* out);
  virtual ~CommitLog() = default;  // Close() first; without it pending bytes are still written, not synced

  // Appends one unit and returns the offset after it. Thread-safe; callers hold the stripes of what they changed.
  virtual std::uint64_t Append(const LogUnit& unit) = 0;
  virtual std::uint64_t tail() const = 0;
  // The tail in memory, and what lies before it: how others read the log (log_reader.h).
  virtual LogBuffer& buffer() = 0;
  virtual std::shared_ptr<LogBuffer> ShareBuffer() = 0;
  // Reads [offset, offset + size) or less, as far as it is in files that this log wrote; 0 if `offset` is not, or -errno.
  virtual std::int64_t ReadBack(std::uint64_t /*offset*/, char* /*buffer*/, std::size_t /*size*/) { return 0; }
  // The file that is appended to, in `dir`, and the log offset of its first byte. Without files all of it is empty.
  struct Place {
    std::string dir;
    std::string segment;
    std::uint64_t begin = 0;
  };
  virtual Place place() { return {}; }
  // The first offset that is in memory or can be read back: a rewrite of the AOF removes what lies before it.
  virtual std::uint64_t ReadableFrom() = 0;
  // The data set is another one from here on, taken from elsewhere: `write` gives it as commands in RESP. All that was logged
  // before is forgotten, as a whole: a crash leaves the old data or the new, on which `commit` decides when everything else has
  // been done. `db`: what the next unit takes for selected. Nobody appends meanwhile.
  using Emit = std::function<Status(std::string_view resp)>;
  virtual Status StartOver(const std::function<Status(const Emit& emit)>& write, int db, const std::function<bool()>& commit) = 0;
  virtual std::uint64_t written() const = 0;
  virtual std::uint64_t durable() const = 0;
  virtual std::uint64_t Promise() const = 0;

  // Writes what is pending, unless another thread is writing or the policy leaves it to the log thread. Returns Promise().
  virtual std::uint64_t Flush() = 0;
  // Asks the log thread to write soon (embedded writers, which have no end of turn). Wakes it at most once per sleep.
  virtual void FlushSoon() = 0;
  // Blocks until everything appended before the call is durable (SHUTDOWN, close). Fails with the log's error.
  virtual Status Sync() = 0;
  virtual void SetWaker(Waker waker, void* arg) = 0;

  // OK, or why writes must be refused (code: errno). The message is what Redis puts behind "MISCONF ": "Errors writing to
  // the AOF file: No space left on device". Cheap: one relaxed load when healthy.
  virtual Status Health() const = 0;
  virtual bool healthy() const = 0;
  virtual bool persistent() const = 0;  // false for InMemory()
  // The log as it can be rewritten; null for InMemory().
  virtual AofLog* aof() { return nullptr; }
  // From now on memory that nobody needs may go (true), or nothing may (false): another log writes from the same buffer.
  virtual void Releases(bool /*on*/) {}
  virtual void SetFsyncPolicy(FsyncPolicy policy) = 0;
  virtual CommitLogStats stats() const = 0;
  // Sync, stop the threads, close the files. Idempotent.
  virtual Status Close() = 0;
};

}  // namespace slotwise
