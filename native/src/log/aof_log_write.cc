// Writing, failing and healing: the part of AofLog that touches the segment. All of it runs with writer_ held, except
// Retry(), which takes it.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/crc32c.h"
#include "log/aof_log.h"

namespace slotwise {
namespace {

// Acknowledging stops if the oldest unsynced byte is older than this.
constexpr std::uint64_t kSyncLateMs = 2000;
constexpr std::uint64_t kRetryMs = 1000;
constexpr std::uint64_t kBlockMs = 100;
constexpr std::size_t kPartsMax = 64;

using Guard = std::lock_guard<FutexLock>;

// Puts bytes into a segment that nobody else knows yet.
Status AppendTo(AofSegment& segment, std::string_view bytes, std::uint32_t seconds) {
  while (!bytes.empty()) {
    std::int64_t n = segment.file->Append(bytes);
    if (n <= 0) {
      int code = n < 0 ? static_cast<int>(-n) : ENOSPC;
      return Status::Error(code, std::strerror(code));
    }
    segment.index->Cover(bytes.substr(0, static_cast<std::size_t>(n)), seconds);
    segment.size += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

}  // namespace

// --- writing --------------------------------------------------------------------------------------------------------

LogBuffer::Mark AofLog::WritableMark() {
  LogBuffer::Mark mark = buffer_.TailMark();
  const std::uint64_t split = split_.load(std::memory_order_acquire);
  return mark.offset > split ? LogBuffer::Mark{split, split_db_} : mark;
}

void AofLog::WritePending(std::uint64_t now) {
  LogBuffer::Mark mark = WritableMark();
  if (mark.offset <= written() || closed_ || trouble_ == Trouble::kLost) return;
  FreezeIfLate(now);
  int error = WriteParts(mark.offset);
  if (error < 0) {
    StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
    return;
  }
  AfterWrite(mark.offset, mark.db, now);
}

// Appends [written, target) to the segment. On failure the file is as long as `written` says, wherever that is.
int AofLog::WriteParts(std::uint64_t target) {
  const std::uint64_t start = written();
  std::uint64_t at = start;
  int error = 0;
  while (at < target) {
    std::uint64_t end = buffer_.Collect(at, target, kPartsMax, &parts_);
    std::int64_t n = segment_->file->AppendParts(parts_.data(), parts_.size());
    writes_.fetch_add(1, std::memory_order_relaxed);
    if (n <= 0) {
      error = n < 0 ? static_cast<int>(n) : -ENOSPC;
      break;
    }
    at += static_cast<std::uint64_t>(n);
    if (at < end) continue;  // a short write: the next one tells why
  }
  if (error < 0 && at > start) {
    logger_.Warn("Short write while writing to the AOF file: (nwritten=" + std::to_string(at - start) +
                 ", expected=" + std::to_string(target - start) + ")");
    int cut = segment_->file->Truncate(segment_->size);
    if (cut >= 0) {
      at = start;
    } else {
      logger_.Warn("Could not remove short write from the append-only file; the log goes on from there. ftruncate: " +
                   std::string(std::strerror(-cut)));
    }
  }
  std::uint32_t seconds = clock_.Seconds();
  for (std::uint64_t covered = start; covered < at;) {
    covered = buffer_.Collect(covered, at, kPartsMax, &parts_);
    for (std::string_view part : parts_) segment_->index->Cover(part, seconds);
  }
  segment_->size += at - start;
  segment_size_.store(segment_->size, std::memory_order_relaxed);
  if (IsLost(/*always_look=*/false)) return -EOWNERDEAD;
  written_.store(at, std::memory_order_release);
  return error;
}

void AofLog::AfterWrite(std::uint64_t target, int db, std::uint64_t now) {
  boundary_ = {target, db};
  active_at_ = now;
  trimmed_ = false;
  if (dirty_since_ == 0) {
    dirty_since_ = now;
    if (policy() == FsyncPolicy::kEverySec) Ask(LogDriver::kNow);
  }
  if (syncing_ && dirty_next_ == 0) dirty_next_ = now;
  if (block_since_ == 0) block_since_ = now;
  if (segment_->index->open_block_size() >= kIndexBlockSize || now - block_since_ >= kBlockMs) {
    if (policy() == FsyncPolicy::kNo && IsGone()) return;  // the other policies look before they sync
    int error = FlushIndex();
    if (error < 0) {
      StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
    }
  }
  if (policy() == FsyncPolicy::kEverySec && !syncing_ && UnsyncedBytes() > limits_.unsynced_bytes_max) Ask(LogDriver::kNow);
  if (refuse_.load(std::memory_order_relaxed) == ENOBUFS && buffer_.tail() < target + limits_.pending_bytes_max / 2) {
    int full = ENOBUFS;
    refuse_.compare_exchange_strong(full, 0);
  }
  ReleaseMemory();
}

bool AofLog::IsGone() {
  if (segment_->file->StillAt(segment_->path)) return false;
  StartTrouble(Trouble::kGone, ENOENT, "Errors writing to the AOF file: " + segment_->path + " was removed or replaced while in use");
  return true;
}

int AofLog::FlushIndex() {
  segment_->index->EndBlock(clock_.Seconds());
  block_since_ = 0;
  return segment_->index->Write();
}

// Keeps what is not settled, up to a bound: `no` never syncs, and a slow disk must not cost all memory.
void AofLog::ReleaseMemory() {
  std::uint64_t keep = settled();
  if (policy() == FsyncPolicy::kNo) {
    keep = written();
  } else if (UnsyncedBytes() > limits_.retained_bytes_max) {
    keep = written() - limits_.retained_bytes_max;
  }
  // Behind the last unit boundary nothing may go: after a short write that could not be cut off, it is still needed.
  buffer_.Release(std::min(keep, boundary_.offset));
}

// everysec promises that a power cut costs a second, two at most: past that nothing more may be promised.
void AofLog::FreezeIfLate(std::uint64_t now) {
  if (policy() != FsyncPolicy::kEverySec || dirty_since_ == 0 || now < dirty_since_ + kSyncLateMs) return;
  if (limit_.load(std::memory_order_relaxed) != kNever) return;
  limit_.store(written(), std::memory_order_release);
  delayed_fsyncs_.fetch_add(1, std::memory_order_relaxed);
  logger_.Warn("Asynchronous AOF fsync is taking too long (disk is busy?). Replies to writes wait until it completes.");
}

// --- failing and healing --------------------------------------------------------------------------------------------

void AofLog::StartTrouble(Trouble trouble, int error, const std::string& message) {
  if (trouble_ == Trouble::kLost) return;
  if (trouble_ == Trouble::kNone) {
    logger_.Error(trouble == Trouble::kSync ? message : "Error writing to the AOF file: " + std::string(std::strerror(error)));
  }
  // A failed fsync is the graver: it is not healed by a write that works again.
  if (trouble_ == Trouble::kNone || trouble_ == Trouble::kWrite || trouble == Trouble::kLost) trouble_ = trouble;
  retry_at_ = clock_.NowMs() + kRetryMs;
  if (limit_.load(std::memory_order_relaxed) == kNever) limit_.store(written(), std::memory_order_release);
  {
    Guard guard(message_lock_);
    message_ = message;
  }
  refuse_.store(error, std::memory_order_release);
  failures_.fetch_add(1, std::memory_order_acq_rel);
  sync_target_.store(0);
  // A rotation does not wait for better times: the rewrite fails and comes again.
  if (rotation_.load() == kRotating) {
    split_.store(kNever, std::memory_order_release);
    rotation_.store(kRotationFailed, std::memory_order_release);
    rotation_.notify_all();
  }
  Ask(LogDriver::kNow);
}

void AofLog::EndTrouble() {
  if (trouble_ == Trouble::kNone) return;
  trouble_ = Trouble::kNone;
  limit_.store(kNever, std::memory_order_release);
  refuse_.store(0, std::memory_order_release);
  logger_.Warn("AOF write error looks solved, Redis can write again.");
  waiting_.store(true);  // Health() changed too
}

void AofLog::Retry(std::uint64_t now) {
  if (driver_ != nullptr) driver_->WaitSettle();  // it uses the segment
  {
    std::lock_guard<std::mutex> manifest_guard(manifest_lock_);  // for SwitchSegment()
    WriterGuard guard(*this);
    retry_at_ = now + kRetryMs;
    switch (trouble_) {
      case Trouble::kNone: return;
      case Trouble::kLost:
        // For good; whoever waits for an attempt is told.
        failures_.fetch_add(1, std::memory_order_acq_rel);
        sync_target_.store(0);
        return;
      case Trouble::kGone:
        if (!segment_->file->StillAt(segment_->path)) {
          failures_.fetch_add(1, std::memory_order_acq_rel);
          sync_target_.store(0);
          return;
        }
        [[fallthrough]];
      case Trouble::kWrite: {
        LogBuffer::Mark mark = WritableMark();
        int error = WriteParts(mark.offset);
        if (error >= 0) error = segment_->index->Write();
        if (error < 0) {
          StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
          return;
        }
        EndTrouble();
        AfterWrite(mark.offset, mark.db, now);
        break;
      }
      case Trouble::kSync:
        if (!SwitchSegment(now)) return;
        EndTrouble();
        break;
    }
  }
  NotifyPromise();
}

// A new segment with everything that is not known settled. See the head of aof_log.h.
bool AofLog::SwitchSegment(std::uint64_t now) {
  // What is not settled begins before a rotation's offset, so the new segment cannot begin there.
  DropNextSegment();
  LogBuffer::Mark mark = WritableMark();
  const std::uint64_t seq = next_seq_++;
  std::unique_ptr<AofSegment> next;
  const std::uint64_t old_end = segment_->PositionOf(settled());
  Status status = AofSegment::Create(files_, paths_, seq, old_end, &next);
  if (!status.ok()) {
    files_.Unlink(paths_.InDir(paths_.IncrName(seq)));
    files_.Unlink(IndexPath(paths_.InDir(paths_.IncrName(seq))));
  } else {
    status = CopyUnsynced(*next, mark.offset);
    AofManifest manifest = manifest_;
    manifest.incr.push_back(next->info);
    abandoned_.push_back(next->info.name);
    // From here on the manifest on disk may name the new segment, so it is not touched again if this fails.
    if (status.ok() && listed_) status = Persist(manifest);
    if (status.ok()) {
      abandoned_.pop_back();
      manifest_ = std::move(manifest);
    }
  }
  if (!status.ok()) {
    StartTrouble(Trouble::kSync, status.code(), "Errors writing to the AOF file: " + status.message());
    return false;
  }
  // The index says where the old segment ends, so this is for Redis and for tidiness.
  if (segment_->file->Truncate(old_end) >= 0) segment_->file->SyncData();
  RemoveAbandoned();
  logger_.Warn("The AOF goes on in the new file " + next->info.name + ": bytes that could not be synced to " +
               segment_->info.name + " were written again");
  total_other_.fetch_add(old_end);
  past_.push_back({segment_->info.seq, segment_->path, segment_->log_begin, settled()});
  segment_ = std::move(next);
  segment_size_.store(segment_->size);
  written_.store(mark.offset, std::memory_order_release);
  boundary_ = settled_mark_ = mark;
  segment_->index->MarkDurable(segment_->size);
  settled_.store(mark.offset, std::memory_order_release);
  durable_.store(mark.offset, std::memory_order_release);
  dirty_since_ = dirty_next_ = block_since_ = 0;
  active_at_ = now;
  ReleaseMemory();
  return true;
}

// Writes [settled, target) to the new segment, behind the SELECT that its first unit relies on, and syncs it.
Status AofLog::CopyUnsynced(AofSegment& to, std::uint64_t target) {
  std::uint64_t from = settled();
  if (settled_mark_.db >= 0) {
    char select[48];
    Status status = AppendTo(to, {select, EncodeSelect(settled_mark_.db, select)}, clock_.Seconds());
    if (!status.ok()) return status;
  }
  to.log_begin = from - to.size;
  Status status = CopyFromOldFile(to, &from, buffer_.first());
  while (status.ok() && from < target) {
    from = buffer_.Collect(from, target, kPartsMax, &parts_);
    for (std::size_t i = 0; status.ok() && i < parts_.size(); ++i) status = AppendTo(to, parts_[i], clock_.Seconds());
  }
  if (!status.ok()) return status;
  to.index->EndBlock(clock_.Seconds());
  int error = to.index->Write();
  if (error >= 0) error = to.file->SyncData();
  if (error >= 0) error = to.index->Sync();
  fsyncs_.fetch_add(1, std::memory_order_relaxed);
  return error < 0 ? Status::Error(-error, std::strerror(-error)) : Status::Ok();
}

// Bytes that are no longer in memory: read them back, but believe only what matches its checksum. On success *from is
// at or behind `until`.
Status AofLog::CopyFromOldFile(AofSegment& to, std::uint64_t* from, std::uint64_t until) {
  if (*from >= until) return Status::Ok();
  SegmentIndex index;
  Status status = ReadSegmentIndex(files_, IndexPath(segment_->path), &index);
  if (!status.ok()) return status;
  std::string bytes;
  for (const IndexBlock& block : index.blocks) {
    std::uint64_t position = segment_->PositionOf(*from);
    if (block.end <= position) continue;
    if (*from >= until) return Status::Ok();
    bytes.resize(static_cast<std::size_t>(block.end - block.begin));
    std::int64_t n = segment_->file->ReadAt(block.begin, bytes.data(), bytes.size());
    if (block.begin > position || n != static_cast<std::int64_t>(bytes.size()) || Crc32c(bytes) != block.crc) break;
    std::string_view rest = std::string_view(bytes).substr(static_cast<std::size_t>(position - block.begin));
    status = AppendTo(to, rest, clock_.Seconds());
    if (!status.ok()) return status;
    *from += rest.size();
  }
  if (*from >= until) return Status::Ok();
  return Status::Error(EIO, "the disk lost bytes that are no longer in memory, from byte " +
                                std::to_string(segment_->PositionOf(*from)) + " of " + segment_->info.name +
                                "; restart the server to continue with what is durable");
}

}  // namespace slotwise
