// Making durable: commits, the journal, settling, and what Tick() does when. See the head of aof_log.h.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "log/aof_log.h"

namespace slotwise {
namespace {

// The promise of everysec is one second, so the fsync has to be finished by then.
constexpr std::uint64_t kSyncAfterMs = 900;
constexpr std::uint64_t kTrimAfterMs = 5000;
constexpr std::uint64_t kIdleLookMs = 500;  // readers of an owner that has lost the directory see old data for so long
constexpr std::size_t kFramePartsMax = 64;

using Guard = std::lock_guard<FutexLock>;

}  // namespace

// Settles what is written. `pair`: both files at the same time, for those who wait.
void AofLog::SyncWritten(bool pair) {
  AofSegment* segment;
  LogBuffer::Mark target;
  {
    WriterGuard guard(*this);
    if (trouble_ != Trouble::kNone) return;
    if (boundary_.offset == settled()) return;
    segment = segment_.get();
    if (IsGone()) return;
    int error = FlushIndex();
    if (error < 0) {
      StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
      return;
    }
    target = boundary_;
    syncing_ = true;
    dirty_next_ = 0;
  }
  fsync_in_progress_.store(true, std::memory_order_relaxed);
  int error;
  if (driver_ != nullptr && pair) {
    error = driver_->SyncPair(*segment->file, *segment->index);
  } else {
    error = segment->file->SyncData();
    if (error >= 0) error = segment->index->Sync();
  }
  fsyncs_.fetch_add(1, std::memory_order_relaxed);
  fsync_in_progress_.store(false, std::memory_order_relaxed);
  bool left_journal = false;
  {
    WriterGuard guard(*this);
    syncing_ = false;
    if (segment != segment_.get()) return;  // the log began anew meanwhile: nothing of it matters
    if (error < 0) return StartSyncTrouble(error);
    if (IsLost(options_.shared)) return;
    settled_mark_ = target;
    segment->index->MarkDurable(segment->PositionOf(target.offset));
    settled_.store(target.offset, std::memory_order_release);
    if (durable() < target.offset) durable_.store(target.offset, std::memory_order_release);
    // All that the journal had of this segment is settled, and it gets nothing more.
    if (segment->journal_epoch != 0 && settled() == durable() &&
        (policy() != FsyncPolicy::kAlways || !journal_allowed_.load())) {
      segment->journal_epoch = 0;
      segment->index->AddJournal(0, 0, clock_.Seconds());
      segment->index->Write();  // what fails stays queued
      left_journal = true;
    }
    dirty_since_ = dirty_next_;
    if (trouble_ == Trouble::kNone) limit_.store(kNever, std::memory_order_release);
    ReleaseMemory();
  }
  NotifyPromise();
  // Nobody must ask for a journal that may be gone.
  if (left_journal && (error = segment->index->Sync()) < 0) {
    WriterGuard guard(*this);
    StartSyncTrouble(error);
  }
}

void AofLog::StartSyncTrouble(int error) {
  StartTrouble(Trouble::kSync, -error, "Errors writing to the AOF file: Fail to fsync the AOF file: " +
                                           std::string(std::strerror(-error)));
  retry_at_ = 0;  // at once: the new segment may well work
}

void AofLog::Settle() {
  SyncWritten(/*pair=*/false);
  {
    WriterGuard guard(*this);
    settle_asked_ = false;
  }
  Ask(LogDriver::kNow);
}

// The same on the thread of Tick(), which must not meet the driver's other one.
void AofLog::SyncNow() {
  if (driver_ != nullptr) driver_->WaitSettle();
  SyncWritten(policy() == FsyncPolicy::kAlways);
}

// Makes what is written durable, the cheapest way there is.
void AofLog::Commit() {
  const bool settle = policy() != FsyncPolicy::kAlways || sync_target_.load() > settled();
  if (settle || !UseJournal() || !CommitToJournal()) SyncNow();
}

bool AofLog::UseJournal() {
  if (!journal_allowed_.load(std::memory_order_relaxed)) {
    journal_.reset();
    return false;
  }
  if (journal_ != nullptr) return true;
  {
    // Not made before it is needed, and not while something is wrong.
    WriterGuard guard(*this);
    if (trouble_ != Trouble::kNone || boundary_.offset == durable()) return false;
  }
  Status status = Journal::Open(files_, paths_.dir, paths_.journal, limits_.journal_bytes, &journal_);
  if (status.ok()) return true;
  LeaveJournal(status.message());
  return false;
}

void AofLog::LeaveJournal(const std::string& why) {
  journal_.reset();
  journal_allowed_.store(false);
  logger_.Warn(why + ". From now on each commit syncs the AOF file and its index, which takes longer");
}

// False if what is written has to be settled instead, which everything else then does too.
bool AofLog::CommitToJournal() {
  AofSegment* segment;
  LogBuffer::Mark target;
  {
    WriterGuard guard(*this);
    const std::uint64_t from = durable();
    if (trouble_ != Trouble::kNone || boundary_.offset == from) return true;
    if (boundary_.offset - from > journal_->frame_bytes_max() || from < buffer_.first()) return false;
    if (IsGone()) return true;
    // Blocks end where frames end.
    int error = FlushIndex();
    if (error < 0) {
      StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
      return true;
    }
    segment = segment_.get();
    target = boundary_;
    buffer_.Collect(from, target.offset, kFramePartsMax, &frame_parts_);
    journal_->Prepare(segment->info.seq, segment->PositionOf(from), frame_parts_, clock_.Seconds());
  }
  if (!journal_->StillThere()) {
    LeaveJournal("The AOF journal " + paths_.journal + " was removed or replaced while in use");
    return false;
  }
  if (segment->journal_epoch != journal_->epoch() && !NameJournal(*segment)) return true;
  if (!journal_->MakeRoom(settled())) {
    if (driver_ == nullptr) return false;
    driver_->WaitSettle();
    if (!journal_->MakeRoom(settled())) return false;
  }
  int error = journal_->Write(target.offset);
  fsyncs_.fetch_add(1, std::memory_order_relaxed);
  if (error < 0) {
    LeaveJournal("The AOF journal " + paths_.journal + " could not be written: " + std::strerror(-error));
    return false;
  }
  {
    WriterGuard guard(*this);
    if (IsLost(options_.shared)) return true;
    if (durable() < target.offset) durable_.store(target.offset, std::memory_order_release);
  }
  NotifyPromise();
  return true;
}

// From the moment the index on disk names the journal, its frames count.
bool AofLog::NameJournal(AofSegment& segment) {
  int error;
  {
    WriterGuard guard(*this);
    segment.index->AddJournal(journal_->epoch(), SegmentOwner(*segment.file), clock_.Seconds());
    error = segment.index->Write();
    if (error < 0) {
      StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
      return false;
    }
  }
  error = segment.index->Sync();
  WriterGuard guard(*this);
  if (error < 0) {
    StartSyncTrouble(error);
    return false;
  }
  segment.journal_epoch = journal_->epoch();
  return true;
}

// Frees the journal's space in time, and sees that what lies only there never gets old.
void AofLog::SettleIfDue(std::uint64_t now) {
  if (journal_ == nullptr) return;
  {
    WriterGuard guard(*this);
    if (trouble_ != Trouble::kNone || policy() != FsyncPolicy::kAlways || settle_asked_ || settled() == boundary_.offset) return;
    const bool due = journal_->IsHalfFull(settled()) || (dirty_since_ != 0 && now >= dirty_since_ + kSyncAfterMs) ||
                     UnsyncedBytes() > limits_.unsynced_bytes_max;
    if (!due) return;
    settle_asked_ = true;
  }
  if (driver_ != nullptr) driver_->StartSettle();
  else Settle();
}

bool AofLog::Troubled() {
  WriterGuard guard(*this);
  return trouble_ != Trouble::kNone;
}

std::uint64_t AofLog::Tick(std::uint64_t now) {
  if (!begun_.load(std::memory_order_acquire)) return kNever;
  const bool asked = sync_target_.load() > settled();
  if (Troubled() && (asked || now >= retry_at_)) Retry(now);
  if (!Troubled()) {
    bool sync = false;
    {
      WriterGuard guard(*this);
      const FsyncPolicy policy = this->policy();
      const bool always = policy == FsyncPolicy::kAlways;
      const bool splits = split_.load(std::memory_order_acquire) != kNever;
      if (soon_.exchange(false) || always || splits || sync_target_.load() > written()) WritePending(now);
      FreezeIfLate(now);
      sync = always || sync_target_.load() > settled();
      if (policy == FsyncPolicy::kEverySec) {
        sync = sync || (dirty_since_ != 0 && now >= dirty_since_ + kSyncAfterMs) ||
               UnsyncedBytes() > limits_.unsynced_bytes_max;
      }
    }
    NotifyPromise();
    if (RotationDue()) {
      FinishRotation(now);
      sync = sync_target_.load() > settled() || policy() == FsyncPolicy::kAlways;
    }
    if (sync) Commit();
    SettleIfDue(now);
    // A failed fsync: try the new segment at once, it may well work.
    if (Troubled() && now >= retry_at_) Retry(now);
  }
  CloseRetired();
  WriterGuard guard(*this);
  if (trouble_ == Trouble::kLost) return kNever;
  if (options_.shared) (void)IsLost(/*always_look=*/false);
  if (trouble_ != Trouble::kNone) return retry_at_;
  if (sync_target_.load() > settled()) return now;
  std::uint64_t next = kNever;
  if (policy() == FsyncPolicy::kAlways && WritableMark().offset > durable()) return now;
  if (policy() != FsyncPolicy::kNo && dirty_since_ != 0 && !settle_asked_) next = dirty_since_ + kSyncAfterMs;
  if (!trimmed_ && now >= active_at_ + kTrimAfterMs) {
    buffer_.Trim();
    trimmed_ = true;
  }
  if (!trimmed_) next = std::min(next, active_at_ + kTrimAfterMs);
  return options_.shared ? std::min(next, now + kIdleLookMs) : next;
}

}  // namespace slotwise
