// A replica's side of the link to its primary, as decisions: what to say next, what an answer means, when to give up and
// when to try again. Sans I/O: what happened and the time go in, what to do comes out, in order.
//
//   connect -> PING -> [AUTH] REPLCONF... -> PSYNC -> +CONTINUE -> the stream
//                                                  -> +FULLRESYNC, $..., the snapshot -> the stream
//
// Whatever goes wrong ends the connection and leaves the data as it is; the next attempt comes later each time, with jitter,
// so that a thousand replicas of one primary do not come back in step. A stream that could be continued starts the count anew;
// after a full copy it has to hold for a while: a primary whose snapshots or commands are of no use is not asked for one a second.
// Differs from Redis: after an error to PSYNC that it does not know it does not fall back to SYNC, whose stream has no id.
// Source: spec replication.md sections 2, 4, 5, 10. Elsewhere: sockets and data (engine/replica_link.h).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace slotwise {

// In the words of ROLE.
enum class LinkState : std::uint8_t { kNone, kConnect, kConnecting, kHandshake, kSync, kConnected };
const char* LinkStateName(LinkState state);

// How this server presents itself; read when a connection is made.
struct LinkOptions {
  std::int64_t timeout_ms = 60'000;  // repl-timeout
  std::string user;                  // masteruser; empty: AUTH with the password only
  std::string password;              // masterauth; empty: no AUTH
  std::int64_t port = 0;             // of this server, or replica-announce-port
  std::string ip;                    // replica-announce-ip; empty: the primary sees for itself
  bool failover = false;             // PSYNC ... FAILOVER: the primary-to-be is told to become one
  std::string channel_name;          // of a second channel (dual_channel.h), which is offered; empty: none
};

// Where the data that this server has ends: which history, and the last byte of it that was applied.
struct StreamPosition {
  std::string id;            // empty: there is nothing to continue
  std::int64_t offset = 0;
};

struct LinkEvent {
  enum class Type {
    kFollow,           // a primary was named: `text`, `port`
    kUnfollow,         // this server is its own primary from now on
    kConnected,        // `position`: what it has
    kLine,             // an answer, without its line end: `text`
    kActivity,         // bytes of the snapshot or of the stream
    kSnapshotLoaded,   // it is the data set now
    kFailed,           // the connection, the snapshot or the stream: `text` says why
    kTick,
  };
  Type type;
  std::string text = {};
  int port = 0;
  StreamPosition position = {};
  bool costly = false;       // of kFailed: the next attempt will be a full copy, which is not to be asked for every moment
};

struct LinkEffect {
  enum class Type {
    kConnect,          // to host() and port()
    kSend,             // `text`
    kReceiveSnapshot,  // of the history `id` at `offset`; `length` bytes, or (-1) until `mark`
    kContinue,         // the stream follows from the position that was named; `id`, if not empty, is its new name
    kAcknowledge,      // it is time to say how far the stream has been applied
    kRefused,          // the failover: `text`
    kClose,
    kInfo, kWarn,      // `text` for the log
  };
  Type type;
  std::string text = {};
  std::string id = {};
  std::int64_t offset = 0;
  std::int64_t length = -1;
  std::string mark = {};
};

class Link {
 public:
  using Effects = std::vector<LinkEffect>;
  static constexpr std::int64_t kRetryMsMin = 100;
  static constexpr std::int64_t kRetryMsMax = 3000;
  static constexpr std::int64_t kCostlyRetryMsMax = 60'000;
  static constexpr std::int64_t kSteadyMs = 10'000;
  static constexpr std::int64_t kAckMs = 1000;
  static constexpr std::size_t kMarkSize = 40;

  explicit Link(std::uint64_t seed) : random_(seed) {}

  // `now`: monotonic milliseconds.
  Effects Step(const LinkEvent& event, std::int64_t now);
  // When to send the next tick, if nothing happens before.
  std::int64_t NextTick() const;

  // Before each kFollow and kConnected.
  void set_options(LinkOptions options) { options_ = std::move(options); }
  LinkState state() const { return state_; }
  const std::string& host() const { return host_; }
  int port() const { return port_; }
  // The primary takes a second channel. Known once the stream has been asked for.
  bool takes_channel() const { return takes_channel_; }

 private:
  enum class Expect : std::uint8_t { kPong, kAuth, kReplconf, kPsync, kSnapshotHeader };

  void Answer(std::string_view line, Effects& out, std::int64_t now);
  void Introduce(Effects& out);
  void AskForStream(Effects& out);
  void PsyncAnswer(std::string_view line, Effects& out, std::int64_t now);
  void SnapshotHeader(std::string_view line, Effects& out, std::int64_t now);
  void GiveUp(std::string why, Effects& out, std::int64_t now, bool costly = false);
  void Online(std::int64_t now);

  Random random_;
  LinkOptions options_;
  LinkState state_ = LinkState::kNone;
  std::string host_;
  int port_ = 0;
  Expect expect_ = Expect::kPong;
  int replies_left_ = 0;              // of REPLCONF
  bool takes_channel_ = false;
  StreamPosition position_;           // what was asked for
  std::string full_id_;               // of +FULLRESYNC
  std::int64_t full_offset_ = 0;
  int attempts_ = 0;                  // that failed since a stream was continued, or held
  std::int64_t online_at_ = 0;
  std::int64_t retry_at_ = 0;
  std::int64_t heard_at_ = 0;
  std::int64_t next_ack_at_ = 0;
};

}  // namespace slotwise
