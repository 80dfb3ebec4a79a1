#include "log/aof_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>

#include "base/crc32c.h"

namespace slotwise {
namespace {

// The promise of everysec is one second, so the fsync has to be finished by then.
constexpr std::uint64_t kSyncAfterMs = 900;
// Acknowledging stops if the oldest unsynced byte is older than this.
constexpr std::uint64_t kSyncLateMs = 2000;
constexpr std::uint64_t kRetryMs = 1000;
constexpr std::uint64_t kBlockMs = 100;
constexpr std::uint64_t kTrimAfterMs = 5000;
constexpr std::size_t kPartsMax = 64;

class SystemClock final : public LogClock {
 public:
  std::uint64_t NowMs() override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000000 + 1;
  }
  std::uint32_t Seconds() override { return UnixSeconds(); }
};

using Guard = std::lock_guard<FutexLock>;

}  // namespace

LogClock& SystemLogClock() {
  static SystemClock clock;
  return clock;
}

// --- opening and closing --------------------------------------------------------------------------------------------

AofLog::AofLog(FileSystem& files, Logger& logger, const CommitLogOptions& options, LogClock& clock,
               const AofLogLimits& limits, std::uint64_t begin)
    : files_(files),
      logger_(logger),
      clock_(clock),
      limits_(limits),
      options_(options),
      paths_(options),
      buffer_(begin, options.timestamps),
      policy_(options.fsync),
      written_(begin),
      durable_(begin),
      boundary_{begin, -1},
      durable_mark_{begin, -1} {}

Status AofLog::Open(FileSystem& files, Logger& logger, const CommitLogOptions& options, LogClock& clock,
                    const AofLogLimits& limits, std::unique_ptr<AofLog>* out) {
  // Offsets start anew with each process, at the position in the incr files, so that they are easy to find there.
  AofDirectory directory;
  const AofPaths paths(options);
  Status status = InspectAofDirectory(files, logger, paths, &directory);
  if (!status.ok()) return status;
  if (directory.migrate) return Status::Error(EINVAL, "The old-style AOF file " + paths.old_file + " was not loaded");
  std::uint64_t begin = 0;
  for (const AofDirectory::Entry& entry : directory.entries) begin += entry.info.type == 'i' ? entry.size : 0;
  std::unique_ptr<AofLog> log(new AofLog(files, logger, options, clock, limits, begin));
  log->manifest_ = directory.manifest;
  for (const AofDirectory::Entry& entry : directory.entries) {
    log->other_size_ += entry.size;
    if (entry.info.type == 'b') log->base_size_ = entry.size;
  }
  status = log->OpenDirectory();
  if (!status.ok()) return status;
  *out = std::move(log);
  return Status::Ok();
}

// Order: a file is durable before the manifest names it, and the manifest is durable before the file gets data.
Status AofLog::OpenDirectory() {
  AofManifest& manifest = manifest_;
  next_seq_ = manifest.NextIncrSeq();
  Status status;
  bool changed = !manifest.has_checksum;
  if (manifest.incr.empty()) {
    int error = files_.MakeDir(paths_.dir);
    if (error >= 0) error = files_.SyncDir(paths_.data_dir);
    if (error < 0) {
      return Status::Error(-error, "Can't create the AOF directory " + paths_.dir + ": " + std::strerror(-error));
    }
    status = AofSegment::Create(files_, paths_, next_seq_, std::nullopt, &segment_);
    if (!status.ok()) return status;
    logger_.Info("Creating AOF incr file " + segment_->info.name + " on server start");
    manifest.incr.push_back(segment_->info);
    ++next_seq_;
    changed = true;
  } else {
    status = AofSegment::OpenExisting(files_, paths_, manifest.incr.back(), &segment_);
    if (!status.ok()) return status;
    other_size_ -= segment_->size;
    logger_.Info("Opening AOF incr file " + segment_->info.name + " on server start");
  }
  segment_->log_begin = durable() - segment_->size;
  segment_size_ = segment_->size;
  total_other_ = other_size_;
  if (!manifest.history.empty()) {
    for (const AofFileInfo& info : manifest.history) {
      files_.Unlink(paths_.InDir(info.name));
      files_.Unlink(IndexPath(paths_.InDir(info.name)));
    }
    manifest.history.clear();
    changed = true;
  }
  return changed ? PersistManifest(files_, paths_.dir, paths_.manifest_name, manifest) : Status::Ok();
}

AofLog::~AofLog() {
  if (driver_ != nullptr) driver_->Stop();
  if (closed_) return;
  Guard guard(writer_);
  if (trouble_ == Trouble::kNone) WritePending(clock_.NowMs());
}

Status AofLog::Close() {
  if (closed_) return Status::Ok();
  Status status = Sync();
  if (!status.ok()) return status;
  if (driver_ != nullptr) driver_->Stop();
  return Seal();
}

Status AofLog::Seal() {
  Guard guard(writer_);
  if (durable() != buffer_.tail()) return Status::Error(EBUSY, "the log was appended to while it was being closed");
  IndexWriter& index = *segment_->index;
  std::uint32_t seconds = clock_.Seconds();
  index.EndBlock(seconds);
  index.MarkDurable(segment_->PositionOf(durable()));
  // Twice, so that one flipped bit cannot make a clean end look like a crash.
  index.Add(IndexKind::kClosed, 0, seconds);
  index.Add(IndexKind::kClosed, 0, seconds);
  int error = index.Write();
  if (error >= 0) error = index.Sync();
  if (error < 0) return Status::Error(-error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
  closed_ = true;
  return Status::Ok();
}

// --- what everybody calls -------------------------------------------------------------------------------------------

std::uint64_t AofLog::Append(const LogUnit& unit) {
  std::uint64_t tail = buffer_.Append(unit, buffer_.timestamps() ? clock_.Seconds() : 0);
  if (tail - written_.load(std::memory_order_relaxed) > limits_.pending_bytes_max) {
    int healthy = 0;
    refuse_.compare_exchange_strong(healthy, ENOBUFS);
  }
  return tail;
}

std::uint64_t AofLog::Promise() const {
  if (policy() == FsyncPolicy::kAlways) return std::max(durable(), floor_.load(std::memory_order_acquire));
  return std::min(written(), limit_.load(std::memory_order_acquire));
}

std::uint64_t AofLog::Flush() {
  if (policy() == FsyncPolicy::kAlways) {
    if (buffer_.tail() > durable()) Ask(LogDriver::kNow);
  } else {
    // A thread that finds the writer busy leaves its bytes to it. The changes of turn_ are in one order: if ours is before
    // the one that the writer makes after unlocking, it sees our bytes then; if after, we see the lock free.
    // Two rounds: somebody who keeps appending must not keep this thread from its own replies.
    turn_.fetch_add(1, std::memory_order_acq_rel);
    for (int round = 0; round < 2; ++round) {
      int refused = refuse_.load(std::memory_order_relaxed);
      if (buffer_.tail() <= written() || (refused != 0 && refused != ENOBUFS)) break;
      if (!writer_.TryLock()) break;
      if (trouble_ == Trouble::kNone) WritePending(clock_.NowMs());
      writer_.Unlock();
      turn_.fetch_add(1, std::memory_order_acq_rel);
      NotifyPromise();
      if (round == 1 && buffer_.tail() > written()) FlushSoon();
    }
  }
  std::uint64_t promise = Promise();
  if (promise < buffer_.tail()) {
    waiting_.exchange(true, std::memory_order_acq_rel);
    promise = Promise();
  }
  return promise;
}

void AofLog::FlushSoon() {
  soon_.store(true, std::memory_order_release);
  Ask(policy() == FsyncPolicy::kAlways ? LogDriver::kNow : LogDriver::kSoon);
}

void AofLog::RequestSync(std::uint64_t offset) {
  std::uint64_t target = sync_target_.load();
  while (target < offset && !sync_target_.compare_exchange_weak(target, offset)) {
  }
  Ask(LogDriver::kNow);
}

Status AofLog::Sync() {
  std::uint64_t target = buffer_.tail();
  if (durable() >= target) return Status::Ok();
  RequestSync(target);
  if (driver_ != nullptr) {
    driver_->WaitDurable(target);
  } else {
    Tick(clock_.NowMs());
  }
  if (durable() >= target) return Status::Ok();
  Status health = Health();
  return health.ok() ? Status::Error(EIO, "Errors writing to the AOF file: it could not be synced") : health;
}

void AofLog::SetWaker(Waker waker, void* arg) {
  Guard guard(waker_lock_);
  waker_ = waker;
  waker_arg_ = arg;
}

// Called after a watermark moved. Both sides change waiting_ atomically: whoever comes second sees what the first did
// before, so either the waiter reads the new promise or it is woken.
void AofLog::NotifyPromise() {
  if (!waiting_.exchange(false, std::memory_order_acq_rel)) return;
  Guard guard(waker_lock_);
  if (waker_ != nullptr) waker_(waker_arg_);
}

Status AofLog::Health() const {
  int code = refuse_.load(std::memory_order_acquire);
  if (code == 0) return Status::Ok();
  if (code == ENOBUFS) {
    return Status::Error(code, "Errors writing to the AOF file: " + std::to_string(limits_.pending_bytes_max) +
                                   " bytes are waiting for the disk");
  }
  Guard guard(message_lock_);
  return Status::Error(code, message_);
}

void AofLog::SetFsyncPolicy(FsyncPolicy policy) {
  {
    Guard guard(writer_);
    if (policy == FsyncPolicy::kAlways) floor_.store(Promise(), std::memory_order_release);
    policy_.store(policy, std::memory_order_release);
    if (dirty_since_ != 0) dirty_since_ = clock_.NowMs();  // nothing was late before it was promised
    if (policy == FsyncPolicy::kNo && trouble_ == Trouble::kNone) limit_.store(kNever, std::memory_order_release);
  }
  NotifyPromise();
  Ask(LogDriver::kNow);
}

CommitLogStats AofLog::stats() const {
  CommitLogStats stats;
  stats.current_size = total_other_.load() + segment_size_.load();
  stats.base_size = base_size_;
  std::uint64_t written = this->written();
  stats.pending_bytes = buffer_.tail() - written;
  stats.fsync_in_progress = fsync_in_progress_.load();
  stats.delayed_fsyncs = delayed_fsyncs_.load();
  stats.fsyncs = fsyncs_.load();
  stats.writes = writes_.load();
  return stats;
}

// --- writing --------------------------------------------------------------------------------------------------------

void AofLog::WritePending(std::uint64_t now) {
  LogBuffer::Mark mark = buffer_.TailMark();
  if (mark.offset == written()) return;
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
    int error = FlushIndex();
    if (error < 0) {
      StartTrouble(Trouble::kWrite, -error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
    }
  }
  if (policy() == FsyncPolicy::kEverySec && !syncing_ && UnsyncedBytes() > limits_.unsynced_bytes_max) Ask(LogDriver::kNow);
  if (refuse_.load(std::memory_order_relaxed) == ENOBUFS && buffer_.tail() - target < limits_.pending_bytes_max / 2) {
    int full = ENOBUFS;
    refuse_.compare_exchange_strong(full, 0);
  }
  ReleaseMemory();
}

int AofLog::FlushIndex() {
  segment_->index->EndBlock(clock_.Seconds());
  block_since_ = 0;
  return segment_->index->Write();
}

// Keeps what is not durable, up to a bound: `no` never syncs, and a slow disk must not cost all memory.
void AofLog::ReleaseMemory() {
  std::uint64_t keep = durable();
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
  if (trouble_ == Trouble::kNone) logger_.Error(trouble == Trouble::kSync ? message : "Error writing to the AOF file: " + std::string(std::strerror(error)));
  // A failed fsync is the graver: it is not healed by a write that works again.
  if (trouble_ == Trouble::kNone || trouble_ == Trouble::kWrite) trouble_ = trouble;
  retry_at_ = clock_.NowMs() + kRetryMs;
  if (limit_.load(std::memory_order_relaxed) == kNever) limit_.store(written(), std::memory_order_release);
  {
    Guard guard(message_lock_);
    message_ = message;
  }
  refuse_.store(error, std::memory_order_release);
  failures_.fetch_add(1, std::memory_order_acq_rel);
  sync_target_.store(0);
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
  {
    Guard guard(writer_);
    retry_at_ = now + kRetryMs;
    switch (trouble_) {
      case Trouble::kNone: return;
      case Trouble::kGone:
        if (!segment_->file->StillAt(segment_->path)) {
          failures_.fetch_add(1, std::memory_order_acq_rel);
          sync_target_.store(0);
          return;
        }
        [[fallthrough]];
      case Trouble::kWrite: {
        LogBuffer::Mark mark = buffer_.TailMark();
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

// A new segment with everything that is not known durable. See the head of aof_log.h.
bool AofLog::SwitchSegment(std::uint64_t now) {
  LogBuffer::Mark mark = buffer_.TailMark();
  const std::uint64_t seq = next_seq_++;
  std::unique_ptr<AofSegment> next;
  const std::uint64_t old_end = segment_->PositionOf(durable());
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
    if (status.ok()) status = PersistManifest(files_, paths_.dir, paths_.manifest_name, manifest);
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
  for (const std::string& name : abandoned_) {
    files_.Unlink(paths_.InDir(name));
    files_.Unlink(IndexPath(paths_.InDir(name)));
  }
  abandoned_.clear();
  logger_.Warn("The AOF goes on in the new file " + next->info.name + ": bytes that could not be synced to " +
               segment_->info.name + " were written again");
  total_other_.fetch_add(old_end);
  segment_ = std::move(next);
  segment_size_.store(segment_->size);
  written_.store(mark.offset, std::memory_order_release);
  boundary_ = durable_mark_ = mark;
  segment_->index->MarkDurable(segment_->size);
  durable_.store(mark.offset, std::memory_order_release);
  dirty_since_ = dirty_next_ = block_since_ = 0;
  active_at_ = now;
  ReleaseMemory();
  return true;
}

// Writes [durable, target) to the new segment, behind the SELECT that its first unit relies on, and syncs it.
Status AofLog::CopyUnsynced(AofSegment& to, std::uint64_t target) {
  auto put = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      std::int64_t n = to.file->Append(bytes);
      if (n <= 0) return Status::Error(n < 0 ? static_cast<int>(-n) : ENOSPC, std::strerror(n < 0 ? static_cast<int>(-n) : ENOSPC));
      to.index->Cover(bytes.substr(0, static_cast<std::size_t>(n)), clock_.Seconds());
      to.size += static_cast<std::uint64_t>(n);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return Status::Ok();
  };
  std::uint64_t from = durable();
  if (durable_mark_.db >= 0) {
    char select[48];
    Status status = put({select, EncodeSelect(durable_mark_.db, select)});
    if (!status.ok()) return status;
  }
  to.log_begin = from - to.size;
  Status status = CopyFromOldFile(to, &from, buffer_.first());
  while (status.ok() && from < target) {
    from = buffer_.Collect(from, target, kPartsMax, &parts_);
    for (std::size_t i = 0; status.ok() && i < parts_.size(); ++i) status = put(parts_[i]);
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
    for (std::string_view left = rest; !left.empty();) {
      n = to.file->Append(left);
      if (n <= 0) return Status::Error(n < 0 ? static_cast<int>(-n) : ENOSPC, std::strerror(n < 0 ? static_cast<int>(-n) : ENOSPC));
      to.index->Cover(left.substr(0, static_cast<std::size_t>(n)), clock_.Seconds());
      to.size += static_cast<std::uint64_t>(n);
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    *from += rest.size();
  }
  if (*from >= until) return Status::Ok();
  return Status::Error(EIO, "the disk lost bytes that are no longer in memory, from byte " +
                                std::to_string(segment_->PositionOf(*from)) + " of " + segment_->info.name +
                                "; restart the server to continue with what is durable");
}

// --- what the driver does -------------------------------------------------------------------------------------------

void AofLog::SyncWritten(std::uint64_t now) {
  AofSegment* segment;
  LogBuffer::Mark target;
  {
    Guard guard(writer_);
    if (trouble_ != Trouble::kNone) return;
    if (boundary_.offset == durable()) return;
    segment = segment_.get();
    if (!segment->file->StillAt(segment->path)) {
      StartTrouble(Trouble::kGone, ENOENT, "Errors writing to the AOF file: " + segment->path +
                                               " was removed or replaced while in use");
      return;
    }
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
  if (driver_ != nullptr && policy() == FsyncPolicy::kAlways) {
    error = driver_->SyncPair(*segment->file, *segment->index);
  } else {
    error = segment->file->SyncData();
    if (error >= 0) error = segment->index->Sync();
  }
  fsyncs_.fetch_add(1, std::memory_order_relaxed);
  fsync_in_progress_.store(false, std::memory_order_relaxed);
  {
    Guard guard(writer_);
    syncing_ = false;
    if (error < 0) {
      StartTrouble(Trouble::kSync, -error, "Errors writing to the AOF file: Fail to fsync the AOF file: " +
                                               std::string(std::strerror(-error)));
      retry_at_ = now;  // at once: the new segment may well work
      return;
    }
    durable_mark_ = target;
    segment->index->MarkDurable(segment->PositionOf(target.offset));
    durable_.store(target.offset, std::memory_order_release);
    dirty_since_ = dirty_next_;
    if (trouble_ == Trouble::kNone) limit_.store(kNever, std::memory_order_release);
    ReleaseMemory();
  }
  NotifyPromise();
}

bool AofLog::Troubled() {
  Guard guard(writer_);
  return trouble_ != Trouble::kNone;
}

std::uint64_t AofLog::Tick(std::uint64_t now) {
  const bool asked = sync_target_.load() > durable();
  if (Troubled() && (asked || now >= retry_at_)) Retry(now);
  if (!Troubled()) {
    bool sync = false;
    {
      Guard guard(writer_);
      const FsyncPolicy policy = this->policy();
      const bool always = policy == FsyncPolicy::kAlways;
      if (soon_.exchange(false) || always || sync_target_.load() > written()) WritePending(now);
      FreezeIfLate(now);
      sync = always || sync_target_.load() > durable();
      if (policy == FsyncPolicy::kEverySec) {
        sync = sync || (dirty_since_ != 0 && now >= dirty_since_ + kSyncAfterMs) ||
               UnsyncedBytes() > limits_.unsynced_bytes_max;
      }
    }
    NotifyPromise();
    if (sync) SyncWritten(now);
    // A failed fsync: try the new segment at once, it may well work.
    if (Troubled() && now >= retry_at_) Retry(now);
  }
  Guard guard(writer_);
  if (trouble_ != Trouble::kNone) return retry_at_;
  if (sync_target_.load() > durable()) return now;
  std::uint64_t next = kNever;
  if (policy() == FsyncPolicy::kAlways && buffer_.tail() > durable()) return now;
  if (policy() == FsyncPolicy::kEverySec && dirty_since_ != 0) next = dirty_since_ + kSyncAfterMs;
  if (!trimmed_ && now >= active_at_ + kTrimAfterMs) {
    buffer_.Trim();
    trimmed_ = true;
  }
  return trimmed_ ? next : std::min(next, active_at_ + kTrimAfterMs);
}

}  // namespace slotwise
