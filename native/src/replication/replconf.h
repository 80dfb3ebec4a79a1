// REPLCONF: what a replica says about itself before it asks for the stream, and its acknowledgements after.
// Sans I/O: arguments in, changes and an answer out. Source: spec replication.md section 3.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace slotwise {

struct ReplicaAnnounce {
  std::int64_t listening_port = 0;
  std::string ip;                // empty: the address it connects from
  bool eof = false;              // can take a snapshot whose length is not known ahead
  bool psync2 = false;           // understands +CONTINUE with an id
  bool slotwise_ack = false;     // its acknowledgements say what it has fsynced, too
  std::string dual_name;         // it offers a second channel of this name (dual_channel.h)
  std::string relay_of;          // it is the second channel of who offered this name
  bool rdb_only = false;         // wants the snapshot, never the stream
  bool filtered = false;         // wants only parts of the snapshot,
  bool functions = false;        // of which this may be one: the data is none
};

struct ReplconfResult {
  std::string error;             // with its code; empty: +OK, unless silent
  bool silent = false;           // no answer: ACK and GETACK
  bool acknowledges = false;     // ACK with a number
  std::int64_t offset = 0;
  std::int64_t fsynced = -1;     // ACK offset FACK offset; -1: not told
  std::string tag;               // ACK offset FACK offset TAG tag: of a shard whose copies are counted
  // Of the second channel: offered, stood by on, to be used from now on, become the replica's connection; the old one is not read.
  enum class Channel : std::uint8_t { kNone, kOffered, kStandsBy, kStarts, kMerged, kLeft } channel = Channel::kNone;
};

// `args` with the command's name. Pairs take effect one by one, up to the first that is wrong or silent.
ReplconfResult ParseReplconf(std::span<const std::string_view> args, ReplicaAnnounce* announce);

}  // namespace slotwise
