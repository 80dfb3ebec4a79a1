// Resync: may a replica that was away continue from its offset, or must it copy the whole data set?
// It continues if it names a history we hold (our replication id, or the previous one up to the offset where we took over)
// and its next byte is one we still have, or the one that comes next. Offsets count the bytes of the stream from 1, and a
// replica asks for the byte it wants, not for the last that it has.
// Decided from these numbers, so that every case is a row in resync_test.cc.
// Source: spec replication.md section 4. Elsewhere: who has the bytes (log/), who sends them (net/io_thread_replicas.cc).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace slotwise {

struct ReplicationHistory {
  bool active = false;          // there is a stream: some replica has been here
  std::string id;               // 40 hex characters
  std::string previous_id = std::string(40, '0');
  std::int64_t previous_end = -1;  // the first offset that is not valid under previous_id; itself accepted
  std::int64_t first = 1;       // offset of the oldest byte that can be sent
  std::int64_t next = 1;        // offset of the byte that will be written next; first <= next
};

struct ResyncDecision {
  bool partial = false;
  bool on_purpose = false;  // it asked for a full resync ("?")
  std::string why;          // for the log, if it is not partial
};

ResyncDecision DecideResync(const ReplicationHistory& history, std::string_view asked_id, std::int64_t asked_offset);

}  // namespace slotwise
