// Where to cut a segment so that it ends at a position or a time: at the last boundary between two units that is not behind it, never
// inside MULTI. Every byte up to there is checked against the index.
//
// When a unit was written is known from two places. `#TS:` lines (aof-timestamp-enabled) name the second of what follows them. The
// index has the second in which each block ended, and blocks end after a tenth of a second or 64 KiB: a block that ended later than the
// time asked for is left out, so at most that much is missing. A line that is older than its block says nothing of it, since the
// lines pause while replicas are attached; unless the block was made of bytes that a start of the server found.
// Sans I/O but for reading the file. Source: specs aof.md section 3.1, log/segment_index.h.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

// One of the two.
struct CutTarget {
  std::optional<std::uint64_t> position;  // not behind this byte
  std::optional<std::uint32_t> seconds;   // nothing that was written after this second
};

struct SegmentCut {
  std::uint64_t end = 0;   // cut here
  std::uint64_t size = 0;  // of the segment; end == size: it fits as a whole
  // The first unit of which nothing says when it was written; the search ended there.
  std::optional<std::uint64_t> undated_at;
};

Status FindSegmentCut(FileSystem& files, const std::string& path, const CutTarget& target,
                      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress, SegmentCut* out);

}  // namespace slotwise
