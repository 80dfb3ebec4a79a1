// Reading the log back from its segments: replicas that were away longer than memory remembers. Every read finds its file
// anew, since a failed fsync may have replaced the segment meanwhile (aof_log.h); files are opened for each, so that nobody
// holds the writer's lock while a disk is read.
#include <algorithm>
#include <mutex>

#include "log/aof_log.h"

namespace slotwise {

std::uint64_t AofLog::ReadableFrom() {
  WriterGuard guard(*this);
  const std::uint64_t first = buffer_.first();
  return static_cast<std::int64_t>(first - readable_from_) < 0 ? first : readable_from_;
}

std::int64_t AofLog::ReadBack(std::uint64_t offset, char* buffer, std::size_t size) {
  std::string path;
  std::uint64_t position = 0;
  {
    WriterGuard guard(*this);
    if (static_cast<std::int64_t>(offset - readable_from_) < 0) return 0;
    std::uint64_t begin = past_.empty() ? readable_from_ : past_.back().end;
    std::uint64_t end = written();
    if (static_cast<std::int64_t>(offset - begin) >= 0) {
      path = segment_->path;
      position = segment_->PositionOf(offset);
    } else {
      for (const Past& past : past_) {
        if (offset >= past.end) continue;
        path = past.path;
        position = offset - past.log_begin;
        end = past.end;
        break;
      }
    }
    if (path.empty() || offset >= end) return 0;
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, end - offset));
  }
  std::unique_ptr<File> file;
  if (int error = files_.Open(path, OpenMode::kRead, &file); error < 0) return error;
  return file->ReadAt(position, buffer, size);
}

CommitLog::Place AofLog::place() {
  WriterGuard guard(*this);
  return {paths_.dir, segment_->info.name, segment_->log_begin};
}

}  // namespace slotwise
