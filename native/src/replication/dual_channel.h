// The second channel of semi-sync, the replica's side, as decisions: when to have it, what goes into a relay, when the relay is
// what comes next, and what becomes of relays that nobody needs or that cannot be used.
//
//   connect -> [AUTH] REPLCONF slotwise-relay NAME -> +OK, standby -> +LAGGING -> REPLCONF slotwise-relay start
//     -> +RELAY id offset mode -> the stream from there, into a relay | +NO -> standby
//
// Two threads step it, one at a time: the channel's, which receives, and the link's, which applies. Each performs the effects that
// are its own, in order. The invariant: a relay [start, end) holds the history's bytes as the primary sent them, and the link
// applies from it only when its next byte lies in it; so what is applied grows by one byte after the other, whatever is cut.
// Merging: the link stops reading its connection (kMerge), applies the relay; when it is close behind, the channel stops
// reading (kStop, kStopped), so the relay's end stands still; behind that end the channel's connection is the link's (kTakeOver).
// Sans I/O. Source: docs/decisions/0018. Elsewhere: files (log/relay_file.h), threads and sockets (engine/relay_channel.h), the
// primary's side (engine/replication_relays.cc).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "replication/link.h"

namespace slotwise {

// Offsets are those of the stream; its first byte is 1.
struct RelaySpan {
  std::string id;            // of the history
  std::int64_t start = 0;    // the offset of its first byte
  std::int64_t end = 0;      // of the byte behind its last
  std::int64_t size() const { return end - start; }
};

struct DualChannelOptions {
  std::int64_t timeout_ms = 60'000;  // repl-timeout
  std::string user;
  std::string password;
  std::string name;                  // pairs the channel with the link, 40 characters
  bool enabled = true;               // repl-semi-sync-dual-channel
  std::int64_t size_max = INT64_MAX; // repl-semi-sync-relay-max-size, of all relays
};

struct DualChannelEvent {
  enum class Type {
    // The link's.
    kFound,        // a relay on disk: `relay`
    kFollow,       // another primary, or another connection to come: `position`
    kUnfollow,     // this server is a primary: `position`
    kLinkUp,       // the stream goes on at `position`; `offered`: the primary takes a second channel
    kLinkDown,
    kApplied,      // up to `position`, and that is durable up to `number`
    kTakenOver,    // the channel's connection is the link's
    // The channel's.
    kOpened,       // connected
    kLine,         // `text`, without its line end
    kReceived,     // `number` bytes, which are in the relay; 0: the relay is there
    kStopped,      // nothing more is read
    kFailed,       // the connection or the file: `text`; not again for `number` ms, if that is not 0
    kTick,
  };
  Type type;
  std::string text = {};
  StreamPosition position = {};
  std::int64_t number = 0;
  bool offered = false;
  bool renamed = false;      // the history that was followed goes on under the name of `position`
  RelaySpan relay = {};
};

struct DualChannelEffect {
  enum class Type {
    // For the channel's thread.
    kConnect,
    kSend,         // `text`
    kBegin,        // a relay `relay` begins; what follows on the connection belongs into it. `durable`: before it is acknowledged
    kAcknowledge,  // `relay` up to its end, and no more, whatever has been written since; it has none: that one is there
    kStop,         // read nothing more; say kStopped
    kClose,
    // For the link's.
    kMerge,        // apply the live relay instead of what the connection brings
    kTakeOver,     // the relay is whole: behind its end go on with the channel's connection
    kReconnect,    // there will be no taking over
    // For whoever stepped.
    kDrop,         // `relay` is not needed any more
    kSetAside,     // `relay` is not a part of the data that follows
    kInfo, kWarn,  // `text` for the log
  };
  Type type;
  std::string text = {};
  RelaySpan relay = {};
  bool durable = false;
};

class DualChannel {
 public:
  using Effects = std::vector<DualChannelEffect>;
  static constexpr std::int64_t kRetryMs = 1000;
  static constexpr std::int64_t kRefusedRetryMs = 60'000;
  static constexpr std::int64_t kAckMs = 1000;
  static constexpr std::int64_t kNear = 256 * 1024;  // so close behind the relay's end the link takes over

  enum class State : std::uint8_t { kNone, kConnecting, kHandshake, kStandby, kAsked, kRelaying, kStopping, kStopped };

  explicit DualChannel(std::uint64_t seed) : random_(seed) {}

  // `now`: monotonic milliseconds.
  Effects Step(const DualChannelEvent& event, std::int64_t now);
  std::int64_t NextTick() const;

  void set_options(DualChannelOptions options) { options_ = std::move(options); }
  State state() const { return state_; }
  // Bytes go into relays().back().
  bool live() const { return state_ >= State::kRelaying; }
  bool merging() const { return merging_; }
  const std::vector<RelaySpan>& relays() const { return relays_; }
  // The relay that holds the byte behind `position`; null: none.
  const RelaySpan* Covering(const StreamPosition& position) const;
  // How much is in relays, and may be.
  std::int64_t Size() const;
  bool Full() const { return Size() >= options_.size_max; }

 private:
  void Tick(Effects& out, std::int64_t now);
  void AskIfInvited(Effects& out, std::int64_t now);
  void Line(std::string_view line, Effects& out, std::int64_t now);
  void Begin(std::string_view rest, Effects& out, std::int64_t now);
  void End(std::string why, std::int64_t retry_ms, Effects& out, std::int64_t now);
  void DropDurable(std::int64_t durable, Effects& out);
  void MergeIfReached(Effects& out);
  void Settle(const StreamPosition& position, bool all, Effects& out);
  void StopIfNear(Effects& out);

  Random random_;
  DualChannelOptions options_;
  State state_ = State::kNone;
  std::vector<RelaySpan> relays_;   // ascending; of one history once the link is up
  bool link_up_ = false;
  bool offered_ = false;
  bool invited_ = false;            // and not asked yet
  bool relay_exists_ = false;       // of what is live: the file has been made
  bool merging_ = false;            // the link applies from the live relay
  StreamPosition position_;         // applied, as was told last
  int replies_left_ = 0;
  std::int64_t retry_at_ = 0;
  std::int64_t heard_at_ = 0;
  std::int64_t next_ack_at_ = 0;
};

}  // namespace slotwise
