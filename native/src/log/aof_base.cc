#include "log/aof_base.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crc32c.h"
#include "log/aof_segment.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kSyncEveryBytes = 4 << 20;  // aof-rewrite-incremental-fsync
constexpr std::uint64_t kBlockBytes = 1 << 20;

Status FileError(const std::string& what, std::int64_t error) {
  return Status::Error(static_cast<int>(-error), what + ": " + std::strerror(static_cast<int>(-error)));
}

}  // namespace

BaseWriter::~BaseWriter() {
  file_.reset();
  if (opened_) files_.Unlink(base_.path);
}

Status BaseWriter::Open() {
  int error = files_.Open(base_.path, OpenMode::kCreateTruncate, &file_);
  if (error < 0) return FileError("Opening the temp file for AOF rewrite", error);
  opened_ = true;
  return Status::Ok();
}

Status BaseWriter::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    std::int64_t n = file_->Append(bytes);
    if (n <= 0) return FileError("Write error writing append only file on disk", n < 0 ? n : -ENOSPC);
    std::string_view done = bytes.substr(0, static_cast<std::size_t>(n));
    bytes.remove_prefix(done.size());
    unsynced_ += done.size();
    base_.size += done.size();
    while (!base_.rdb && !done.empty()) {
      std::vector<IndexBlock>& blocks = base_.blocks;
      if (blocks.empty() || blocks.back().end - blocks.back().begin == kBlockBytes) {
        const std::uint64_t begin = blocks.empty() ? 0 : blocks.back().end;
        blocks.push_back({begin, begin, 0, UnixSeconds()});
      }
      IndexBlock& block = blocks.back();
      const std::size_t part = std::min<std::size_t>(done.size(), static_cast<std::size_t>(block.begin + kBlockBytes - block.end));
      block.crc = Crc32c(done.substr(0, part), block.crc);
      block.end += part;
      done.remove_prefix(part);
    }
  }
  return unsynced_ < kSyncEveryBytes ? Status::Ok() : Sync();
}

Status BaseWriter::Sync() {
  unsynced_ = 0;
  int error = file_->SyncData();
  return error < 0 ? FileError("Write error writing append only file on disk", error) : Status::Ok();
}

Status BaseWriter::Finish(NewBase* out) {
  Status status = Sync();
  file_.reset();
  if (!status.ok()) return status;
  opened_ = false;
  *out = std::move(base_);
  return Status::Ok();
}

Status PlaceBase(FileSystem& files, const AofPaths& paths, const NewBase& base, std::uint64_t seq, std::uint64_t first_incr,
                 AofManifest* manifest) {
  const AofFileInfo info{paths.BaseName(seq, base.rdb), seq, 'b'};
  const std::string path = paths.InDir(info.name);
  // An index that lies there belongs to a file of that name whose rewrite was interrupted.
  files.Unlink(IndexPath(path));
  int error = files.Rename(base.path, path);
  if (error < 0) {
    files.Unlink(base.path);
    return FileError("Error trying to rename the temporary AOF base file " + base.path + " into " + path, error);
  }
  if (!base.rdb) {
    SegmentIndex index;
    index.blocks = base.blocks;
    if (Status status = WriteSegmentIndex(files, paths.dir, IndexPath(path), index, UnixSeconds()); !status.ok()) return status;
  }
  if ((error = files.SyncDir(paths.dir)) < 0) return FileError("Fail to fsync AOF directory " + paths.dir, error);
  // In Redis's order: of two files the older comes later.
  std::vector<AofFileInfo> history;
  std::vector<AofFileInfo> kept;
  for (AofFileInfo& incr : manifest->incr) {
    if (incr.seq >= first_incr) kept.push_back(std::move(incr));
    else history.push_back({incr.name, incr.seq, 'h'});
  }
  if (manifest->base) history.push_back({manifest->base->name, manifest->base->seq, 'h'});
  history.insert(history.end(), manifest->history.begin(), manifest->history.end());
  manifest->base = info;
  manifest->incr = std::move(kept);
  manifest->history = std::move(history);
  return Status::Ok();
}

void RemoveAofFiles(FileSystem& files, const AofPaths& paths, const std::vector<AofFileInfo>& infos) {
  for (const AofFileInfo& info : infos) {
    files.Unlink(paths.InDir(info.name));
    files.Unlink(IndexPath(paths.InDir(info.name)));
  }
}

}  // namespace slotwise
