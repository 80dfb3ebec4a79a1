#include "log/aof_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>

#include "base/ablation.h"

namespace slotwise {
namespace {

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
               const AofLogLimits& limits, std::shared_ptr<LogBuffer> buffer)
    : files_(files),
      logger_(logger),
      clock_(clock),
      limits_(limits),
      options_(options),
      paths_(options),
      shared_buffer_(std::move(buffer)),
      buffer_(*shared_buffer_),
      policy_(options.fsync),
      written_(buffer_.tail()),
      durable_(buffer_.tail()),
      settled_(buffer_.tail()),
      readable_from_(buffer_.tail()),
      boundary_{buffer_.tail(), -1},
      settled_mark_{buffer_.tail(), -1},
      journal_allowed_(limits.journal_bytes > 0 && !Ablated().journal) {}

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
  auto buffer = std::make_shared<LogBuffer>(begin, options.timestamps);
  std::unique_ptr<AofLog> log(new AofLog(files, logger, options, clock, limits, std::move(buffer)));
  log->manifest_ = directory.manifest;
  log->next_base_seq_ = directory.manifest.NextBaseSeq();
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
    if (!options_.archive_dir.empty()) files_.Unlink(paths_.archive_id);  // no segment leads to this one
    logger_.Info("Creating AOF incr file " + segment_->info.name + " on server start");
    manifest.incr.push_back(segment_->info);
    ++next_seq_;
    changed = true;
  } else if (options_.took_over) {
    status = TakeOver();
    if (!status.ok()) return status;
    changed = true;
  } else {
    status = AofSegment::OpenExisting(files_, paths_, manifest.incr.back(), &segment_);
    if (!status.ok()) return status;
    other_size_ -= segment_->size;
    logger_.Info("Opening AOF incr file " + segment_->info.name + " on server start");
  }
  segment_->log_begin = readable_from_ = durable() - segment_->size;
  segment_size_ = segment_->size;
  total_other_ = other_size_;
  if (!options_.archive_dir.empty()) {
    status = AofArchive::Open(files_, logger_, paths_, options_.archive_dir, manifest.incr.front().seq, &archive_);
    if (!status.ok()) return status;
  }
  if (RemoveHistory()) changed = true;
  files_.Unlink(paths_.rewrite_temp);  // of a process that was killed
  return changed ? Persist(manifest) : Status::Ok();
}

AofLog::~AofLog() {
  if (driver_ != nullptr) driver_->Stop();
  if (closed_) return;
  Guard guard(writer_);
  if (trouble_ == Trouble::kNone && begun_.load()) WritePending(clock_.NowMs());
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
  if (settled() != WritableMark().offset) return Status::Error(EBUSY, "the log was appended to while it was being closed");
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
  // Others may have appended and written past `tail` by now: compared without subtracting.
  if (tail > written_.load(std::memory_order_relaxed) + limits_.pending_bytes_max) {
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
    // A thread that finds the writer busy leaves its bytes to whoever that is. The changes of left_ are in one order: if ours
    // is before the one that the other makes after unlocking, it knows of our bytes then; if after, we see the lock free.
    // Two rounds: somebody who keeps appending must not keep this thread from its own replies.
    for (int round = 0; round < 2; ++round) {
      int refused = refuse_.load(std::memory_order_relaxed);
      if (buffer_.tail() <= written() || (refused != 0 && refused != ENOBUFS)) break;
      if (!writer_.TryLock()) {
        left_.exchange(true, std::memory_order_acq_rel);
        if (!writer_.TryLock()) break;
      }
      if (trouble_ == Trouble::kNone) WritePending(clock_.NowMs());
      writer_.Unlock();
      NotifyPromise();
      if (!left_.exchange(false, std::memory_order_acq_rel)) break;
      if (round == 1) FlushSoon();
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
  {
    WriterGuard guard(*this);
    if (ends_at_split_.load()) target = std::min(target, split_.load());
  }
  if (settled() >= target) return Status::Ok();
  RequestSync(target);
  if (driver_ != nullptr) {
    driver_->WaitSettled(target);
  } else {
    Tick(clock_.NowMs());
  }
  if (settled() >= target) return Status::Ok();
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
    WriterGuard guard(*this);
    if (policy == FsyncPolicy::kAlways) {
      floor_.store(Promise(), std::memory_order_release);
      journal_allowed_.store(limits_.journal_bytes > 0 && !Ablated().journal);
    }
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
  stats.base_size = base_size_.load();
  std::uint64_t written = this->written();
  stats.pending_bytes = buffer_.tail() - written;
  stats.fsync_in_progress = fsync_in_progress_.load();
  stats.delayed_fsyncs = delayed_fsyncs_.load();
  stats.fsyncs = fsyncs_.load();
  stats.writes = writes_.load();
  return stats;
}

}  // namespace slotwise
