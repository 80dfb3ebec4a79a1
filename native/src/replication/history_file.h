// What of a replication history outlives the process: its names, and which byte of which AOF segment is which byte of the stream.
// The log holds the stream's bytes as they are, so one such pair tells all other offsets, also after a crash: what was written is
// counted, what was not never left.
// The file lies beside the segments, <appendfilename>.replication. One that names a segment which is no longer the last counts
// for nothing, and so does a damaged one: what it costs is a full resync.
// Sans I/O. Elsewhere: when it is written and what follows from it at the start (engine/replication_history.cc).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace slotwise {

struct SavedHistory {
  std::string id;                                  // 40 characters
  std::string previous_id = std::string(40, '0');
  std::int64_t previous_end = -1;                  // as in ReplicationHistory
  std::int64_t begin_offset = 0;                   // offset of the byte before the segment's first; negative if it begins with a SELECT of its own
  std::int64_t first = 1;                          // offset of the oldest byte that the segment has of this history
  std::string segment;
};

std::string PrintHistory(const SavedHistory& history);
// False: damaged, or not in this format.
bool ParseHistory(std::string_view text, SavedHistory* history);

}  // namespace slotwise
