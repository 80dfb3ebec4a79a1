// What the journal of `appendfsync always` gives back to the segment that was being written (format and idea: journal.h).
//
// Frames lie in the order of their sequence; those that end behind what the index calls durable are needed. Between two of
// them bytes may be missing that were settled before the later one was written; so everything from the durable mark to
// the end of the last frame must be there, in frames or in blocks of the index, and match its checksum. Only the
// frame behind the last one may be torn: it was being written and acknowledged to nobody.
//
// If the machine was not restarted since, the page cache has all of it, and the journal only confirms. If it was, and the
// journal is missing or has lost a frame, acknowledged writes may be missing and the start is refused, unless the
// segment is a copy, which somebody made without the journal; then there is a warning.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/logger.h"
#include "base/status.h"
#include "log/aof_directory.h"
#include "log/file_system.h"
#include "log/segment_index.h"

namespace slotwise {

struct JournalFrame {
  std::uint64_t sequence = 0;
  std::uint64_t position = 0;  // in the segment
  std::string bytes;
  std::uint32_t crc = 0;
  std::uint32_t seconds = 0;
  std::uint64_t end() const { return position + bytes.size(); }
};

// What is to be put into a segment, and what its index then says.
struct JournalRepair {
  std::vector<JournalFrame> frames;  // ascending; empty: nothing to do
  SegmentIndex index;
  bool power_lost = false;
  std::uint64_t end() const { return frames.empty() ? 0 : frames.back().end(); }
};

// Success with no frames: the journal has nothing that counts. `entry` is the last file of the log.
Status ReadJournal(FileSystem& files, Logger& logger, const std::string& journal_path, const AofDirectory::Entry& entry,
                   JournalRepair* out);

// The segment as it will be, for reading: frames lie over `file`. Both outlive it.
std::unique_ptr<File> OverlayJournal(File& file, const JournalRepair& repair);
struct JournalDifference {
  bool lacking = false;  // the file has not all that the frames have
  bool others = false;   // it has other bytes in their place that are no holes
};
JournalDifference CompareJournal(File& file, const JournalRepair& repair);
// Puts the frames into the file. It is not synced. 0 or -errno.
int ApplyJournal(File& file, const JournalRepair& repair);

}  // namespace slotwise
