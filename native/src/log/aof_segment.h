// The segment being appended to: its file, its index, and where it lies in the log. Knows nothing of policies.
// Guarded by the log's writer lock, except that both files may be synced meanwhile.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "log/aof_directory.h"
#include "log/file_system.h"
#include "log/segment_index.h"

namespace slotwise {

struct AofSegment {
  AofFileInfo info;
  std::string path;
  std::unique_ptr<File> file;
  std::unique_ptr<IndexWriter> index;
  std::uint64_t size = 0;         // of the file, all of it covered by the index or its open block
  std::uint32_t journal_epoch = 0; // the journal that its index names; 0: none
  std::uint64_t log_begin = 0;    // file position = log offset - log_begin (modulo 2^64: a rewritten start may precede 0)

  std::uint64_t PositionOf(std::uint64_t offset) const { return offset - log_begin; }

  // Creates an empty segment whose files and directory entries are durable; the manifest does not name it yet.
  static Status Create(FileSystem& files, const AofPaths& paths, std::uint64_t seq, std::optional<std::uint64_t> previous_end,
                       std::unique_ptr<AofSegment>* out);
  // Opens a segment that LoadAof() left covered and closed. The session record is durable afterwards.
  static Status OpenExisting(FileSystem& files, const AofPaths& paths, const AofFileInfo& info,
                             std::unique_ptr<AofSegment>* out);
};

std::uint32_t UnixSeconds();

}  // namespace slotwise
