// What of a replication history outlives the process: its names, and which byte of which AOF segment is which byte of the stream.
// The log holds the stream's bytes as they are, so one such pair tells all other offsets, also after a crash: what was written is
// counted, what was not never left.
// The file lies beside the segments, <appendfilename>.replication. One that names a segment which is no longer the last counts
// for nothing, and so does a damaged one: what it costs is a full resync.
// Sans I/O. Elsewhere: when it is written and what follows from it at the start (engine/replication_history.cc).
#pragma once
#include <cstdint>
#include <optional>
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

// The same in a snapshot, as Redis writes it: the data set is the one that history `id` has at `offset`, where the stream has `db`
// selected (-1: none). Source: spec rdb.md section 3, AUX repl-id, repl-offset, repl-stream-db.
struct StreamPlace {
  std::string id;
  std::int64_t offset = 0;
  int db = -1;
};

// Takes what one AUX field says of it.
class StreamPlaceReader {
 public:
  void Field(std::string_view name, std::string_view value);
  // If all of it was there and in form.
  std::optional<StreamPlace> place() const;

 private:
  StreamPlace place_;
  bool has_offset_ = false;
  bool has_db_ = false;
};

std::string PrintHistory(const SavedHistory& history);
// False: damaged, or not in this format.
bool ParseHistory(std::string_view text, SavedHistory* history);

}  // namespace slotwise
