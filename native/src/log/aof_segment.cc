#include "log/aof_segment.h"

#include <cerrno>
#include <cstring>
#include <ctime>

namespace slotwise {
namespace {

Status Failed(const std::string& what, const std::string& name, int error) {
  return Status::Error(-error, what + " " + name + ": " + std::strerror(-error));
}

}  // namespace

std::uint32_t UnixSeconds() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::uint32_t>(now.tv_sec);
}

Status AofSegment::Create(FileSystem& files, const AofPaths& paths, std::uint64_t seq,
                          std::optional<std::uint64_t> previous_end, std::unique_ptr<AofSegment>* out) {
  auto segment = std::make_unique<AofSegment>();
  segment->info = {paths.IncrName(seq), seq, 'i'};
  segment->path = paths.InDir(segment->info.name);
  int error = files.Open(segment->path, OpenMode::kCreateTruncate, &segment->file);
  if (error >= 0) error = segment->file->SyncData();
  if (error >= 0) error = IndexWriter::Create(files, IndexPath(segment->path), previous_end, &segment->index);
  if (error >= 0) {
    segment->index->Add(IndexKind::kSession, BootHash(files), UnixSeconds());
    error = segment->index->Write();
  }
  if (error >= 0) error = segment->index->Sync();
  if (error >= 0) error = files.SyncDir(paths.dir);
  if (error < 0) return Failed("Can't create the AOF incr file", segment->info.name, error);
  *out = std::move(segment);
  return Status::Ok();
}

Status AofSegment::OpenExisting(FileSystem& files, const AofPaths& paths, const AofFileInfo& info,
                                std::unique_ptr<AofSegment>* out) {
  auto segment = std::make_unique<AofSegment>();
  segment->info = info;
  segment->path = paths.InDir(info.name);
  SegmentIndex index;
  Status status = ReadSegmentIndex(files, IndexPath(segment->path), &index);
  if (!status.ok()) return status;
  int error = files.Open(segment->path, OpenMode::kAppendExisting, &segment->file);
  std::int64_t size = error < 0 ? error : segment->file->Size();
  if (size < 0) return Failed("Can't open the append-only file", info.name, static_cast<int>(size));
  segment->size = static_cast<std::uint64_t>(size);
  if (!index.closed || index.damaged || index.covered_end() != segment->size) {
    return Status::Error(EINVAL, "The AOF file " + info.name + " changed after it was loaded, or was not loaded");
  }
  error = IndexWriter::Continue(files, IndexPath(segment->path), segment->size, &segment->index);
  if (error >= 0) {
    segment->index->Add(IndexKind::kSession, BootHash(files), UnixSeconds());
    error = segment->index->Write();
  }
  if (error >= 0) error = segment->index->Sync();
  // The names too: a process that was killed may have renamed the index without syncing the directory.
  if (error >= 0) error = files.SyncDir(paths.dir);
  if (error < 0) return Failed("Can't open the AOF index file of", info.name, error);
  *out = std::move(segment);
  return Status::Ok();
}

}  // namespace slotwise
