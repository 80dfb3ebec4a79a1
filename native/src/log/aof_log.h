// The commit log with an AOF behind it: every decision about writing, syncing, failing and healing. It has no thread of
// its own: Tick() does what is due and says when it wants to be called again, so that tests can drive it step by step
// with a clock of theirs; log_thread.h is the loop around it.
//
// Two locks: the buffer's (appending) and writer_ (file, index, offsets of what is written). fsync runs under neither.
//
// When an fsync fails, the kernel may have dropped the pages and a later fsync of the file proves nothing. So the
// segment is given up: a new one starts with a copy of every byte not known durable, is synced, and the manifest's
// rename makes it follow the old one, whose end is recorded in the new one's index and then cut. Only then is anything
// acknowledged again. The bytes come from memory, or, if there were too many to keep, from the old file, checked.
//
// Under `always` a commit is one overwrite in the journal (journal.h), if there is one: that makes it durable. The segment and
// the index got the bytes before and are fsynced later, by the driver's other thread: that settles them. A failed write of the
// journal ends its use; everything is settled then as without it. A failed fsync while settling is a failed fsync as above.
//
// A rewrite of the AOF (aof_log_rewrite.cc) begins a new segment at an offset L: PrepareRotation() makes it and lists it in
// the manifest, empty; Rotate() says, under all stripes, that L is now; the log's thread writes and settles the old segment up to L
// and only then goes on in the new one. So a segment that holds anything follows one that is whole, and whoever loads may cut
// the last that holds anything. InstallBase() puts the data set of L, a base file, in place of all that came before.
//
// Whose the directory is (aof_log_owner.cc): on shared storage another process may have taken it over. Everything is written
// first and the owner's epoch looked at then, before it is acknowledged; whoever takes over writes the epoch first and reads then. So what
// was acknowledged after such a look is in what the other reads. A look costs a few system calls, so without `shared` it is
// taken at most every tenth of a second; after a pause the first write finds out. What an owner that does not know yet still appends
// lies behind the end that the next owner's segment gives for its segment, and counts for nothing.
//
// When a write fails, what was written of it is cut off again and the bytes stay in memory; replies that depend on them
// go on waiting (their effects are applied and will be written in order), new writes are refused through Health().
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/futex_lock.h"
#include "log/aof_archive.h"
#include "log/aof_base.h"
#include "log/aof_segment.h"
#include "log/commit_log.h"
#include "log/journal.h"
#include "log/log_buffer.h"

namespace slotwise {

// Where time comes from; steady milliseconds, never 0.
class LogClock {
 public:
  virtual ~LogClock() = default;
  virtual std::uint64_t NowMs() = 0;
  virtual std::uint32_t Seconds() = 0;  // Unix time
};
LogClock& SystemLogClock();

struct AofLogLimits {
  std::uint64_t pending_bytes_max = 256 << 20;   // appended, not written: beyond this writes are refused
  std::uint64_t unsynced_bytes_max = 32 << 20;   // everysec: written, not synced: beyond this sync early
  // Written, not synced, still in memory: a failed fsync needs them again and otherwise reads them back, checked. Little,
  // because chunks that come back soon are appended to while they are still in a cache (decision 0004).
  std::uint64_t retained_bytes_max = 4 << 20;
  std::uint64_t journal_bytes = 16 << 20;        // size of the file; 0: no journal
};

// What gives the log its thread. Implemented in log_thread.h.
class LogDriver {
 public:
  enum Attention : std::uint32_t { kSoon = 1, kNow = 2 };  // within a millisecond; at once
  virtual ~LogDriver() = default;
  virtual void Start() = 0;
  virtual void Stop() = 0;  // joins; Ask() stays legal
  virtual void Ask(Attention attention) = 0;
  // Syncs both files at the same time, which costs hardly more than one. 0 or -errno.
  virtual int SyncPair(File& data, IndexWriter& index) = 0;
  // Calls AofLog::Settle() on another thread. Not while such a call is under way.
  virtual void StartSettle() = 0;
  // Blocks until no such call is under way.
  virtual void WaitSettle() = 0;
  // Blocks until everything before `offset` is settled or an attempt failed.
  virtual void WaitSettled(std::uint64_t offset) = 0;
};

class AofLog final : public CommitLog {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  static Status Open(FileSystem& files, Logger& logger, const CommitLogOptions& options, LogClock& clock,
                     const AofLogLimits& limits, std::unique_ptr<AofLog>* out);
  // An append-only file that is switched on while others append to `buffer`: a segment is made that the manifest does not name
  // before InstallBase(); whatever it names until then stands. Nothing is written before Begin().
  static Status OpenUnlisted(FileSystem& files, Logger& logger, const CommitLogOptions& options, LogClock& clock,
                             const AofLogLimits& limits, std::shared_ptr<LogBuffer> buffer, std::unique_ptr<AofLog>* out);
  // All stripes are held: the log begins here. `keeps_stream`: what follows relies on the database that is selected (it is
  // the stream of this server's primary), so the file has to say which one that is; else the next unit does.
  Status Begin(bool keeps_stream = false);
  // All stripes are held, and another log takes over `buffer` here: nothing from here on is written. Close() follows.
  void EndHere();
  ~AofLog() override;

  std::uint64_t Append(const LogUnit& unit) override;
  std::uint64_t tail() const override { return buffer_.tail(); }
  LogBuffer& buffer() override { return buffer_; }
  std::shared_ptr<LogBuffer> ShareBuffer() override { return shared_buffer_; }
  std::uint64_t ReadableFrom() override;
  std::int64_t ReadBack(std::uint64_t offset, char* buffer, std::size_t size) override;
  Place place() override;
  Status StartOver(const std::function<Status(const Emit&)>& write, int db, const std::function<bool()>& commit) override;
  std::uint64_t written() const override { return written_.load(std::memory_order_acquire); }
  std::uint64_t durable() const override { return durable_.load(std::memory_order_acquire); }
  std::uint64_t Promise() const override;
  std::uint64_t Flush() override;
  void FlushSoon() override;
  Status Sync() override;
  void SetWaker(Waker waker, void* arg) override;
  Status Health() const override;
  bool healthy() const override { return refuse_.load(std::memory_order_relaxed) == 0; }
  bool persistent() const override { return true; }
  AofLog* aof() override { return this; }
  void SetFsyncPolicy(FsyncPolicy policy) override;
  CommitLogStats stats() const override;
  Status Close() override;

  // --- rewriting; by one thread at a time.
  // Makes the next segment. On failure nothing has changed.
  Status PrepareRotation();
  // All stripes are held: from here on everything goes to the new segment. Returns the offset. Microseconds.
  std::uint64_t Rotate(bool keeps_stream = false);
  // Blocks until the log goes on in the new segment, or it is clear that it does not.
  Status WaitRotated();
  // The rewrite failed: the segment that was prepared and not begun is given up.
  void CancelRotation();
  // Stops without making anything durable. `remove_unlisted`: files that no manifest ever named go too.
  void Abandon(bool remove_unlisted);
  // Whether the manifest names the segments: not before the first InstallBase() of OpenUnlisted().
  bool listed();
  // `base` is the data set at the offset of Rotate() or Begin(), durable under a temporary name. Afterwards it and what
  // came since are the AOF; `keep_history`: the files before are still there (aof-disable-auto-gc).
  Status InstallBase(const NewBase& base, bool keep_history);
  // While this lives no file of the AOF comes or goes: for whoever reads them.
  std::unique_lock<std::mutex> HoldFiles() { return std::unique_lock<std::mutex>(manifest_lock_); }
  const AofPaths& paths() const { return paths_; }

  // Does everything that is due at `now`; returns when to be called again, kNever if only Attention asks for it.
  std::uint64_t Tick(std::uint64_t now);
  // Who calls Tick() from now on. Without a driver Sync() and Close() do so themselves.
  void SetDriver(std::unique_ptr<LogDriver> driver) {
    driver_ = std::move(driver);
    driver_->Start();
  }
  // Fsyncs what is written: the segment, then its index. For the driver.
  void Settle();
  // Durable in segment and index; durable() may be ahead of it by what is in the journal.
  std::uint64_t settled() const { return settled_.load(std::memory_order_acquire); }
  // Counts failed attempts to write or sync.
  std::uint64_t failures() const { return failures_.load(std::memory_order_acquire); }
  // The next Tick() settles everything before `offset`, or fails once.
  void RequestSync(std::uint64_t offset);
  FsyncPolicy policy() const { return policy_.load(std::memory_order_acquire); }

 private:
  enum class Trouble { kNone, kWrite, kSync, kGone, kLost };

  // writer_, for all that is not Flush(). What was left to the holder meanwhile is written at the end.
  class WriterGuard {
   public:
    explicit WriterGuard(AofLog& log) : log_(log) { log_.writer_.Lock(); }
    ~WriterGuard() {
      log_.writer_.Unlock();
      if (log_.left_.exchange(false, std::memory_order_acq_rel)) log_.Flush();
    }
    WriterGuard(const WriterGuard&) = delete;
    WriterGuard& operator=(const WriterGuard&) = delete;

   private:
    AofLog& log_;
  };

  AofLog(FileSystem& files, Logger& logger, const CommitLogOptions& options, LogClock& clock, const AofLogLimits& limits,
         std::shared_ptr<LogBuffer> buffer);
  Status OpenDirectory();
  Status TakeOver();
  Status WriteNewBase(const AofFileInfo& base, const std::function<Status(const Emit&)>& write);
  Status Seal();

  // All of these: writer_ is held.
  LogBuffer::Mark WritableMark();  // up to where the segment may be written
  void DropNextSegment();          // and manifest_lock_
  void WritePending(std::uint64_t now);
  int WriteParts(std::uint64_t target);
  void AfterWrite(std::uint64_t target, int db, std::uint64_t now);
  bool IsGone();  // the segment was removed or replaced: trouble begins
  int FlushIndex();
  void StartTrouble(Trouble trouble, int error, const std::string& message);
  void StartSyncTrouble(int error);
  bool IsLost(bool always_look);   // another process has the directory: for good
  void EndTrouble();
  void FreezeIfLate(std::uint64_t now);
  void ReleaseMemory();
  bool SwitchSegment(std::uint64_t now);
  Status CopyUnsynced(AofSegment& to, std::uint64_t target);
  Status CopyFromOldFile(AofSegment& to, std::uint64_t* from, std::uint64_t until);

  bool RemoveHistory();  // manifest_lock_ is held

  Status CheckOwned() const;
  // manifest_lock_ is held.
  Status Persist(const AofManifest& manifest);
  // These: writer_ is not held.
  bool RotationDue();
  Status SelectIn(AofSegment& segment, int db);
  void FinishRotation(std::uint64_t now);
  void CloseRetired();
  void RemoveAbandoned();          // manifest_lock_ is held
  void SyncWritten(bool pair);
  void SyncNow();
  void Commit();
  bool CommitToJournal();
  bool UseJournal();
  void LeaveJournal(const std::string& why);
  bool NameJournal(AofSegment& segment);
  void SettleIfDue(std::uint64_t now);
  void Retry(std::uint64_t now);
  void NotifyPromise();
  void Ask(LogDriver::Attention attention) {
    if (driver_ != nullptr) driver_->Ask(attention);
  }
  bool Troubled();
  std::uint64_t UnsyncedBytes() const { return written() - settled(); }

  FileSystem& files_;
  Logger& logger_;
  LogClock& clock_;
  const AofLogLimits limits_;
  const CommitLogOptions options_;
  const AofPaths paths_;
  const std::shared_ptr<LogBuffer> shared_buffer_;
  LogBuffer& buffer_;
  std::atomic<FsyncPolicy> policy_;

  // Watermarks: buffer_.tail() >= written_ >= durable_ >= settled_.
  std::atomic<std::uint64_t> written_;
  std::atomic<std::uint64_t> durable_;
  std::atomic<std::uint64_t> settled_;
  std::atomic<std::uint64_t> limit_{kNever};  // everysec, no: Promise() stops here while the disk is too late or failing
  std::atomic<std::uint64_t> floor_{0};       // always: what an earlier policy had promised already
  std::atomic<std::uint64_t> sync_target_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<int> refuse_{0};                // errno of Health(), 0: healthy
  std::atomic<bool> waiting_{false};          // somebody depends on Promise() advancing
  std::atomic<bool> soon_{false};
  std::atomic<bool> left_{false};             // whoever has writer_ is to see that more is written; see Flush()

  // Guards the manifest and what comes and goes beside it; taken before writer_, and held while the disk is waited for.
  std::mutex manifest_lock_;
  AofManifest manifest_;
  bool listed_ = true;                        // the manifest on disk is manifest_; false before the first InstallBase()
  std::uint64_t next_seq_ = 1;
  std::uint64_t next_base_seq_ = 1;
  std::uint64_t rotated_seq_ = 0;             // the segment that begins at the offset of the last rotation
  std::unique_ptr<AofArchive> archive_;       // null without aof-archive-dir
  std::vector<std::string> abandoned_;        // files that a manifest on disk may name, to go after the next successful one

  FutexLock writer_;
  std::unique_ptr<AofSegment> segment_;
  std::vector<std::unique_ptr<AofSegment>> replaced_;  // by StartOver(); another thread may be syncing one
  std::unique_ptr<AofSegment> next_segment_;  // prepared; empty
  std::unique_ptr<AofSegment> retired_;       // the log thread's: settled, its index is still to be closed
  std::atomic<std::uint64_t> split_{kNever};  // segment_ ends here
  int split_db_ = -1;                         // what the next segment has to select; written before split_
  std::atomic<bool> ends_at_split_{false};    // and nothing follows it
  std::atomic<bool> begun_{true};
  enum Rotation : std::uint32_t { kNoRotation, kRotating, kRotated, kRotationFailed };
  std::atomic<std::uint32_t> rotation_{kNoRotation};
  std::uint64_t readable_from_ = 0;           // of files; what came before was removed
  struct Past {
    std::uint64_t seq;
    std::string path;
    std::uint64_t log_begin;
    std::uint64_t end;  // log offset
  };
  std::vector<Past> past_;                    // segments that this log wrote and no longer appends to
  Trouble trouble_ = Trouble::kNone;
  std::uint64_t retry_at_ = 0;
  LogBuffer::Mark boundary_;                  // the last unit boundary that is written
  LogBuffer::Mark settled_mark_;              // the last one that is settled
  std::uint64_t dirty_since_ = 0;             // when the oldest unsettled byte was written; 0: none
  std::uint64_t dirty_next_ = 0;              // the same for bytes written during the fsync in progress
  bool syncing_ = false;
  bool settle_asked_ = false;                 // the driver was told to, and has not finished
  std::uint64_t block_since_ = 0;             // when the open index block got its first byte
  std::vector<std::string_view> parts_;
  std::uint64_t owned_at_ = 0;                // when that was last looked at
  std::uint64_t active_at_ = 0;               // last time anything was written
  bool trimmed_ = true;

  mutable FutexLock message_lock_;
  std::string message_;                       // of Health()
  FutexLock waker_lock_;
  Waker waker_ = nullptr;
  void* waker_arg_ = nullptr;
  bool closed_ = false;

  std::uint64_t other_size_ = 0;              // of the files that are not appended to
  std::atomic<std::uint64_t> base_size_{0};
  std::atomic<std::uint64_t> segment_size_{0};
  std::atomic<std::uint64_t> total_other_{0};
  std::atomic<std::uint64_t> fsyncs_{0};
  std::atomic<std::uint64_t> writes_{0};
  std::atomic<std::uint64_t> delayed_fsyncs_{0};
  std::atomic<bool> fsync_in_progress_{false};
  std::unique_ptr<Journal> journal_;          // the thread's that calls Tick()
  std::vector<std::string_view> frame_parts_;
  std::atomic<bool> journal_allowed_;         // false after a failure, until the policy becomes `always` again
  std::unique_ptr<LogDriver> driver_;
};

}  // namespace slotwise
