// A connection that follows this server: how it announced itself, where it stands in the stream, what it has acknowledged.
//
// One of three writes to its socket at any time: nobody while it waits, the snapshot's thread (engine/replica_sync.h) through
// a duplicate of the descriptor while it gets the data set, and from then on the I/O thread that owns the connection.
// Fields are guarded by Replication's mutex; atomics may be read by anyone.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/client.h"
#include "replication/replconf.h"

namespace slotwise {

struct Replica {
  enum class State : std::uint8_t {
    kWaiting,  // for a snapshot to start
    kSaving,   // its snapshot is being made, or is being sent while it is made
    kSending,  // gets a snapshot that is complete
    kOnline,
    kGone,
  };

  std::uint64_t client_id = 0;
  std::string ip;              // announced, or the peer's
  std::shared_ptr<ClientSink> sink;
  ReplicaAnnounce announced;
  bool acknowledges = true;    // false: it came with SYNC
  int fd = -1;                 // the snapshot thread's duplicate, which it closes; -1: none
  std::int64_t since_ms = 0;   // MonotonicMs(): waits for a snapshot
  bool early_ack = false;      // acknowledged before its snapshot was known to be sent
  std::int64_t soft_limit_since_ms = 0;
  std::uint64_t floor_at = 0;  // position when the log was last told
  // Its last acknowledgements with one tag (engine/copy_lease.h), offsets in the stream.
  std::string tag;
  std::int64_t tagged_acked = -1;
  std::int64_t tagged_fsynced = -1;
  // Of a second channel (replication_relays.cc); it stands by while it is kWaiting.
  bool relay = false;
  bool invited = false;        // told that its replica lags, and has not asked yet
  std::int64_t relay_start = 0; // offset of the first byte it was sent
  bool left = false;           // a replica's connection that is not read any more: its relay is applied

  std::atomic<State> state{State::kWaiting};
  std::atomic<bool> streams{false};         // the owner sends what the log holds from `position` on
  std::atomic<std::uint64_t> position{0};   // log offset of the next byte to send; from kSaving on
  std::atomic<std::int64_t> acked{0};       // offset in the stream
  std::atomic<std::int64_t> acked_ms{0};    // MonotonicMs()
  std::atomic<std::int64_t> fsynced{-1};    // offset in the stream; -1: it has not said

  std::string Name() const {
    return ip + ":" + (announced.listening_port != 0 ? std::to_string(announced.listening_port) : "<unknown-replica-port>");
  }
};

}  // namespace slotwise
