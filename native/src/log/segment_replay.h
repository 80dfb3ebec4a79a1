// Replays one file of the AOF into a sink and decides, without changing anything, what should become of its tail.
// The judgement is separate from the act so that a refusal in a later file leaves the earlier ones untouched.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/logger.h"
#include "base/status.h"
#include "log/aof_directory.h"
#include "log/aof_loader.h"
#include "log/journal_recovery.h"
#include "log/segment_index.h"

namespace slotwise {

struct ReplayPlan {
  const AofDirectory::Entry* entry = nullptr;  // its size includes what the journal adds
  const JournalRepair* journal = nullptr;      // lies over the file and replaces its index
  bool is_last = false;          // only the last file may be torn
  bool load_truncated = true;
  // The next segment repeats everything from here on; what the file holds beyond is not read.
  std::optional<std::uint64_t> end;
  std::uint32_t boot = 0;        // BootHash() now
  std::uint64_t done_before = 0; // bytes of earlier files, for Progress
  std::uint64_t total = 0;
};

struct ReplayVerdict {
  std::uint64_t commands = 0;
  int db = 0;                    // selected there
  std::uint64_t good_end = 0;    // what remains of the file; less than its size means: cut here
  bool torn = false;             // good_end was chosen here, not by plan.end
  bool keep_copy = false;        // what is cut may be whole commands: keep a copy
  std::string why;               // of the cut, for a person
  // From here on the bytes are in the page cache, but perhaps an fsync of them failed before the process was killed; the
  // next fsync would then succeed without writing them. They must be written again.
  std::uint64_t unsure_from = 0;
  SegmentIndex index;            // as read; if it is to be rewritten, with blocks also for what it did not cover
  bool rewrite_index = false;    // it does not cover exactly [0, good_end), or is damaged, missing or not closed
};

Status ReplaySegment(FileSystem& files, Logger& logger, const ReplayPlan& plan, LoadSink& sink, ReplayVerdict* verdict);

}  // namespace slotwise
