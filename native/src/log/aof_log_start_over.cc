// A replica took over another data set: a new base and an empty segment behind it, put in place by the manifest's rename.
// What the old segments hold is of no use to anybody from then on, so nothing of them is waited for.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "base/crc32c.h"
#include "log/aof_log.h"

namespace slotwise {
namespace {

using Guard = std::lock_guard<FutexLock>;

Status Failed(const char* what, const std::string& name, std::int64_t error) {
  const int code = error == 0 ? ENOSPC : static_cast<int>(-error);
  return Status::Error(code, std::string(what) + " " + name + ": " + std::strerror(code));
}

}  // namespace

Status AofLog::WriteNewBase(const AofFileInfo& base, const std::function<Status(const Emit&)>& write) {
  const std::string path = paths_.InDir(base.name);
  std::unique_ptr<File> file;
  int error = files_.Open(path, OpenMode::kCreateTruncate, &file);
  if (error < 0) return Failed("Can't create the AOF base file", base.name, error);
  SegmentIndex index;
  std::uint64_t size = 0;
  const std::uint32_t seconds = clock_.Seconds();
  Status status = write([&](std::string_view bytes) {
    while (!bytes.empty()) {
      std::int64_t n = file->Append(bytes);
      if (n <= 0) return Failed("Error writing the AOF base file", base.name, n);
      const std::string_view written = bytes.substr(0, static_cast<std::size_t>(n));
      index.blocks.push_back({size, size + written.size(), Crc32c(written), seconds});
      size += written.size();
      bytes.remove_prefix(written.size());
    }
    return Status::Ok();
  });
  if (!status.ok()) return status;
  if ((error = file->SyncData()) < 0) return Failed("Error syncing the AOF base file", base.name, error);
  base_size_ = size;
  return WriteSegmentIndex(files_, paths_.dir, IndexPath(path), index, seconds);
}

Status AofLog::StartOver(const std::function<Status(const Emit&)>& write, int db, const std::function<bool()>& commit) {
  std::lock_guard<std::mutex> manifest_guard(manifest_lock_);
  AofManifest manifest;
  std::unique_ptr<AofSegment> next;
  std::uint64_t seq;
  std::vector<std::string> old;
  bool named = false;
  {
    WriterGuard guard(*this);
    const std::uint64_t base_seq = next_base_seq_++;
    manifest.base = AofFileInfo{paths_.BaseName(base_seq, /*rdb=*/false), base_seq, 'b'};
    seq = next_seq_++;
    if (manifest_.base) old.push_back(manifest_.base->name);
    for (const AofFileInfo& info : manifest_.incr) old.push_back(info.name);
  }
  Status status = WriteNewBase(*manifest.base, write);
  if (status.ok()) status = AofSegment::Create(files_, paths_, seq, std::nullopt, &next);
  if (status.ok()) {
    // The stream goes on in the database that it has selected; a file begins in 0.
    char select[48];
    if (db > 0) {
      const std::string_view line(select, EncodeSelect(db, select));
      if (std::int64_t n = next->file->Append(line); n != static_cast<std::int64_t>(line.size())) status = Failed("Error writing the AOF file", next->info.name, n);
      next->index->Cover(line, clock_.Seconds());
      next->size = line.size();
    }
    next->index->EndBlock(clock_.Seconds());
    int error = next->index->Write();
    if (error >= 0) error = next->file->SyncData();
    if (error >= 0) error = next->index->Sync();
    if (status.ok() && error < 0) status = Failed("Error syncing the AOF file", next->info.name, error);
  }
  // Nothing leads from what this server wrote to what it has now.
  if (status.ok() && archive_ != nullptr) status = archive_->Begin(seq);
  if (status.ok() && !commit()) status = Status::Error(ECANCELED, "it is not wanted any more");
  if (status.ok()) {
    if (driver_ != nullptr) driver_->WaitSettle();
    WriterGuard guard(*this);
    DropNextSegment();
    for (const AofFileInfo& info : manifest_.incr) {
      if (std::find(old.begin(), old.end(), info.name) == old.end()) old.push_back(info.name);
    }
    next->index->MarkDurable(next->size);
    manifest.incr.push_back(next->info);
    status = Persist(manifest);
    named = true;
    if (status.ok()) {
      const std::uint64_t tail = buffer_.tail();
      next->log_begin = tail - next->size;
      manifest_ = std::move(manifest);
      listed_ = true;
      past_.clear();
      readable_from_ = tail;
      total_other_.store(base_size_.load());
      // Somebody may be about to sync it.
      replaced_.push_back(std::move(segment_));
      segment_ = std::move(next);
      segment_size_.store(segment_->size);
      written_.store(tail, std::memory_order_release);
      boundary_ = settled_mark_ = {tail, db};
      settled_.store(tail, std::memory_order_release);
      durable_.store(tail, std::memory_order_release);
      dirty_since_ = dirty_next_ = block_since_ = 0;
      ReleaseMemory();
      EndTrouble();
    }
  }
  if (!status.ok()) {
    // What the manifest on disk may name stays until the next one does not.
    if (named) {
      abandoned_.push_back(manifest.base->name);
      abandoned_.push_back(paths_.IncrName(seq));
      return status;
    }
    for (const std::string& name : {manifest.base ? manifest.base->name : std::string(), paths_.IncrName(seq)}) {
      if (name.empty()) continue;
      files_.Unlink(paths_.InDir(name));
      files_.Unlink(IndexPath(paths_.InDir(name)));
    }
    return status;
  }
  for (const std::string& name : old) {
    files_.Unlink(paths_.InDir(name));
    files_.Unlink(IndexPath(paths_.InDir(name)));
  }
  logger_.Info("The AOF begins anew with " + manifest_.base->name + ", taken from the MASTER");
  NotifyPromise();
  return Status::Ok();
}

}  // namespace slotwise
