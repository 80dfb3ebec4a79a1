// The manifest of the AOF directory: which files, in which order, are the data. Its rename is the commit point of every
// change of segments, so it is never edited in place. Format and rules are Redis 7's (specs aof.md section 2).
// One addition that Redis skips as a comment: a last line `# slotwise crc32c XXXXXXXX` over all bytes before it. Without
// it one flipped bit turns `type i` into `type h`, and a segment full of data would count as garbage to be removed.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

struct AofFileInfo {
  std::string name;       // inside the AOF directory
  std::uint64_t seq = 0;  // 1.. ; base and incr count separately
  char type = 0;          // 'b', 'h' or 'i'
};

struct AofManifest {
  std::optional<AofFileInfo> base;
  std::vector<AofFileInfo> history;
  std::vector<AofFileInfo> incr;  // in replay order, seq ascending
  bool has_checksum = false;      // as read

  std::uint64_t NextIncrSeq() const;
  std::uint64_t NextBaseSeq() const;
  // Base, history, incr, then the checksum line.
  std::string Print() const;
  // The message of a failure is Redis's: the heading, the line number, the line, the reason.
  static Status Parse(std::string_view text, AofManifest* out);
};

// Temporary file, fsync, rename over `dir`/`name`, fsync of `dir`. On failure the old manifest stands, unless only the
// last step failed: then either may be there after a power cut.
Status PersistManifest(FileSystem& files, const std::string& dir, const std::string& name, const AofManifest& manifest);

// Reads the whole of a small file; more than `size_max` bytes is EFBIG.
Status ReadSmallFile(FileSystem& files, const std::string& path, std::size_t size_max, std::string* out);

// `name` as a manifest word: quoted and escaped only if it must be.
std::string QuoteWord(std::string_view name);

}  // namespace slotwise
