// Rewriting: a new segment that begins at one offset, and a base file that replaces what came before it. See the head of
// aof_log.h; the crash order is that of Redis 7 (specs aof.md section 5).
#include <cerrno>
#include <cstring>

#include "log/aof_log.h"
#include "log/log_buffer.h"

namespace slotwise {
namespace {

using Guard = std::lock_guard<FutexLock>;

}  // namespace

// --- a new segment --------------------------------------------------------------------------------------------------

Status AofLog::PrepareRotation() {
  std::lock_guard<std::mutex> manifest_guard(manifest_lock_);
  if (Troubled()) return Health();
  const std::uint64_t seq = next_seq_++;
  std::unique_ptr<AofSegment> next;
  Status status = AofSegment::Create(files_, paths_, seq, std::nullopt, &next);
  if (!status.ok()) {
    RemoveAofFiles(files_, paths_, {{paths_.IncrName(seq), seq, 'i'}});
    return status;
  }
  AofManifest manifest = manifest_;
  manifest.incr.push_back(next->info);
  status = Persist(manifest);
  if (!status.ok()) {
    abandoned_.push_back(next->info.name);
    return status;
  }
  manifest_ = std::move(manifest);
  RemoveAbandoned();
  logger_.Info("Creating AOF incr file " + next->info.name + " on background rewrite");
  WriterGuard guard(*this);
  next_segment_ = std::move(next);
  rotated_seq_ = seq;
  return Status::Ok();
}

std::uint64_t AofLog::Rotate(bool keeps_stream) {
  rotation_.store(kRotating, std::memory_order_release);
  // Nobody appends anything that selects a database meanwhile.
  split_db_ = keeps_stream ? buffer_.TailMark().db : -1;
  const std::uint64_t offset = keeps_stream ? buffer_.Split(&split_).offset : buffer_.BeginStream(&split_);
  Ask(LogDriver::kNow);
  return offset;
}

// Makes the file begin with a SELECT, durable with its index: what is in the journal later begins behind it.
Status AofLog::SelectIn(AofSegment& segment, int db) {
  if (db < 0) return Status::Ok();
  char select[48];
  const std::string_view line(select, EncodeSelect(db, select));
  std::int64_t n = segment.file->Append(line);
  if (n != static_cast<std::int64_t>(line.size())) {
    (void)segment.file->Truncate(0);
    const int code = n < 0 ? static_cast<int>(-n) : ENOSPC;
    return Status::Error(code, std::string("Errors writing to the AOF file: ") + std::strerror(code));
  }
  segment.index->Cover(line, clock_.Seconds());
  segment.size = line.size();
  segment.index->EndBlock(clock_.Seconds());
  int error = segment.index->Write();
  if (error >= 0) error = segment.file->SyncData();
  if (error >= 0) error = segment.index->Sync();
  if (error < 0) return Status::Error(-error, std::string("Errors writing to the AOF file: ") + std::strerror(-error));
  segment.index->MarkDurable(segment.size);
  return Status::Ok();
}

bool AofLog::RotationDue() {
  const std::uint64_t split = split_.load(std::memory_order_acquire);
  if (split == kNever || ends_at_split_.load(std::memory_order_acquire)) return false;
  WriterGuard guard(*this);
  return trouble_ == Trouble::kNone && written() == split;
}

// On the thread of Tick(). What is written and not settled is little: the rewriter has had it settled a moment ago. Replies
// that depend on later bytes wait meanwhile; the alternative is a new segment whose predecessor may turn out to be torn.
void AofLog::FinishRotation(std::uint64_t now) {
  if (driver_ != nullptr) driver_->WaitSettle();
  SyncWritten(/*pair=*/true);
  {
    WriterGuard guard(*this);
    const std::uint64_t split = split_.load(std::memory_order_acquire);
    if (trouble_ != Trouble::kNone || split == kNever || settled() != split) return;
    Status selected = next_segment_ == nullptr ? Status::Ok() : SelectIn(*next_segment_, split_db_);
    if (!selected.ok()) logger_.Error(selected.message());
    const bool prepared = next_segment_ != nullptr && selected.ok();
    if (prepared) {
      total_other_.fetch_add(segment_->size);
      past_.push_back({segment_->info.seq, segment_->path, segment_->log_begin, split});
      retired_ = std::move(segment_);
      segment_ = std::move(next_segment_);
      segment_->log_begin = split - segment_->size;
      segment_size_.store(segment_->size);
      boundary_ = settled_mark_ = {split, split_db_};
      dirty_since_ = dirty_next_ = block_since_ = 0;
    }
    split_.store(kNever, std::memory_order_release);
    rotation_.store(prepared ? kRotated : kRotationFailed, std::memory_order_release);
    WritePending(now);
  }
  rotation_.notify_all();
  NotifyPromise();
}

// The segment before the rotation is settled; now its index says so.
void AofLog::CloseRetired() {
  if (retired_ == nullptr) return;
  IndexWriter& index = *retired_->index;
  const std::uint32_t seconds = clock_.Seconds();
  index.EndBlock(seconds);
  index.MarkDurable(retired_->size);
  index.Add(IndexKind::kClosed, 0, seconds);
  index.Add(IndexKind::kClosed, 0, seconds);
  int error = index.Write();
  if (error >= 0) error = index.Sync();
  if (error < 0) logger_.Warn("The index of the AOF file " + retired_->info.name + " could not be closed: " + std::strerror(-error));
  retired_.reset();
}

Status AofLog::WaitRotated() {
  if (driver_ == nullptr) Tick(clock_.NowMs());
  rotation_.wait(kRotating, std::memory_order_acquire);
  if (rotation_.load(std::memory_order_acquire) == kRotated) return Status::Ok();
  Status health = Health();
  return health.ok() ? Status::Error(EIO, "the AOF could not go on in a new file") : health;
}

void AofLog::DropNextSegment() {
  const bool rotating = rotation_.load() == kRotating;
  if (rotating) {
    split_.store(kNever, std::memory_order_release);
    rotation_.store(kRotationFailed, std::memory_order_release);
    rotation_.notify_all();
  }
  if (next_segment_ == nullptr) return;
  abandoned_.push_back(next_segment_->info.name);
  std::erase_if(manifest_.incr, [&](const AofFileInfo& info) { return info.name == next_segment_->info.name; });
  next_segment_.reset();
}

void AofLog::CancelRotation() {
  std::lock_guard<std::mutex> manifest_guard(manifest_lock_);
  {
    WriterGuard guard(*this);
    DropNextSegment();
  }
  Ask(LogDriver::kNow);
  if (abandoned_.empty() || !listed_) return;
  // Nothing is lost if this fails: the segment is empty, and the next one to persist the manifest leaves it out.
  if (Persist(manifest_).ok()) RemoveAbandoned();
}

void AofLog::RemoveAbandoned() {
  for (const std::string& name : abandoned_) {
    files_.Unlink(paths_.InDir(name));
    files_.Unlink(IndexPath(paths_.InDir(name)));
  }
  abandoned_.clear();
}

// --- a new base -----------------------------------------------------------------------------------------------------

// What the archive could not take stays, listed as history, until it can. True if the manifest changed.
bool AofLog::RemoveHistory() {
  if (manifest_.history.empty()) return false;
  if (archive_ != nullptr) {
    Status kept = archive_->Keep(manifest_);
    if (!kept.ok()) {
      logger_.Error(kept.message() + ". The files stay in " + paths_.dir + " until they are archived");
      return false;
    }
  }
  RemoveAofFiles(files_, paths_, manifest_.history);
  manifest_.history.clear();
  return true;
}

Status AofLog::InstallBase(const NewBase& base, bool keep_history) {
  std::lock_guard<std::mutex> manifest_guard(manifest_lock_);
  // The temporary file has the same name for everybody.
  if (Status status = CheckOwned(); !status.ok()) return status;
  if (archive_ != nullptr && !listed_) {
    // What was written while there was no append-only file is in no segment: nothing leads from the old ones to these.
    if (Status status = archive_->Begin(rotated_seq_); !status.ok()) return status;
  }
  // Counted up also if this fails: a manifest on disk may name the file, and the next one must not replace it.
  const std::uint64_t seq = next_base_seq_++;
  AofManifest manifest = manifest_;
  Status status = PlaceBase(files_, paths_, base, seq, rotated_seq_, &manifest);
  if (status.ok()) status = Persist(manifest);
  if (!status.ok()) {
    abandoned_.push_back(paths_.BaseName(seq, base.rdb));
    return status;
  }
  manifest_ = std::move(manifest);
  listed_ = true;
  RemoveAbandoned();
  {
    WriterGuard guard(*this);
    std::uint64_t begin = segment_->log_begin;
    std::uint64_t other = base.size;
    for (const Past& past : past_) {
      if (past.seq < rotated_seq_) continue;
      if (past.seq == rotated_seq_) begin = past.log_begin;
      other += past.end - past.log_begin;
    }
    total_other_.store(other);
    base_size_.store(other + segment_->size);
    if (!keep_history) {
      std::erase_if(past_, [&](const Past& past) { return past.seq < rotated_seq_; });
      readable_from_ = begin;
    }
  }
  if (keep_history) {
    if (archive_ != nullptr) {
      if (Status kept = archive_->Keep(manifest_); !kept.ok()) logger_.Error(kept.message());
    }
    return Status::Ok();
  }
  if (!RemoveHistory()) return Status::Ok();
  status = Persist(manifest_);
  if (!status.ok()) logger_.Warn(status.message());  // it names files that are gone: the next start does not mind
  return Status::Ok();
}

// --- switched on and off --------------------------------------------------------------------------------------------

Status AofLog::OpenUnlisted(FileSystem& files, Logger& logger, const CommitLogOptions& options, LogClock& clock,
                            const AofLogLimits& limits, std::shared_ptr<LogBuffer> buffer, std::unique_ptr<AofLog>* out) {
  std::unique_ptr<AofLog> log(new AofLog(files, logger, options, clock, limits, std::move(buffer)));
  log->begun_.store(false);
  const AofPaths& paths = log->paths_;
  AofDirectory directory;
  Status status = InspectAofDirectory(files, logger, paths, &directory);
  if (!status.ok()) return status;
  int error = files.MakeDir(paths.dir);
  if (error >= 0) error = files.SyncDir(paths.data_dir);
  if (error < 0) return Status::Error(-error, "Can't create the AOF directory " + paths.dir + ": " + std::strerror(-error));
  // Files without a manifest would stop the next start; one that names nothing says that they do not count.
  if (!directory.has_manifest) {
    status = PersistManifest(files, paths.dir, paths.manifest_name, AofManifest());
    if (!status.ok()) return status;
  }
  AofManifest& manifest = log->manifest_;
  if (!options.archive_dir.empty()) {
    status = AofArchive::Open(files, logger, paths, options.archive_dir, directory.manifest.NextIncrSeq(), &log->archive_);
    if (!status.ok()) return status;
  }
  const AofManifest old = directory.migrate ? AofManifest() : directory.manifest;
  log->next_seq_ = old.NextIncrSeq();
  log->next_base_seq_ = old.NextBaseSeq();
  log->rotated_seq_ = log->next_seq_++;
  manifest = old;
  status = AofSegment::Create(files, paths, log->rotated_seq_, std::nullopt, &log->segment_);
  if (!status.ok()) return status;
  manifest.incr.push_back(log->segment_->info);
  log->listed_ = false;
  *out = std::move(log);
  return Status::Ok();
}

Status AofLog::Begin(bool keeps_stream) {
  WriterGuard guard(*this);
  const int db = keeps_stream ? buffer_.TailMark().db : -1;
  Status status = SelectIn(*segment_, db);
  if (!status.ok()) return status;
  const std::uint64_t offset = keeps_stream ? buffer_.tail() : buffer_.BeginStream();
  written_.store(offset);
  durable_.store(offset);
  settled_.store(offset);
  readable_from_ = offset;
  boundary_ = settled_mark_ = {offset, db};
  segment_->log_begin = offset - segment_->size;
  segment_size_.store(segment_->size);
  begun_.store(true, std::memory_order_release);
  return status;
}

bool AofLog::listed() {
  std::lock_guard<std::mutex> manifest_guard(manifest_lock_);
  return listed_;
}

void AofLog::Abandon(bool remove_unlisted) {
  if (driver_ != nullptr) driver_->Stop();
  std::lock_guard<std::mutex> manifest_guard(manifest_lock_);
  WriterGuard guard(*this);
  closed_ = true;
  if (listed_ || !remove_unlisted) return;
  std::vector<AofFileInfo> mine;
  for (const AofFileInfo& info : manifest_.incr) {
    if (info.seq >= rotated_seq_) mine.push_back(info);
  }
  RemoveAofFiles(files_, paths_, mine);
}

void AofLog::EndHere() {
  ends_at_split_.store(true, std::memory_order_release);
  buffer_.Split(&split_);
  Ask(LogDriver::kNow);
}

}  // namespace slotwise
