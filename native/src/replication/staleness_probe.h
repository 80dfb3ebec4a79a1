// How a replica proves how old its data may be, as decisions: when to ask the primary how far its stream has come, and what an
// answer is worth.
//
//   connect -> [AUTH] -> INFO replication -> the primary's offset -> INFO replication -> ...
//
// The proof needs no clock but the replica's own. It notes the time, asks, and is told an offset: the primary named it after the
// question had been sent, so whatever the primary had at that time lies before it. Once the replica has applied as much, its data
// is at most as old as the question. Nothing follows from an answer under another replication id, or from one that does not come.
// The question is INFO, which every Redis answers, on a connection of its own: a connection that follows the stream is answered
// nothing, and what comes in the stream tells neither when it was sent nor what it answers.
// A primary that is a replica itself has to prove its own age, and adds it: one of ours does so for connections with a bound
// (SLOTWISE.STALENESS), so the probe sets one there; behind one of Redis nothing can be proven.
// Sans I/O: what happened and the time go in, what to do comes out. Source: docs/decisions/0021. Elsewhere: the thread and what
// sessions ask for (engine/staleness.h).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace slotwise {

struct ProbeOptions {
  std::int64_t interval_ms = 1000;  // between two questions
  std::string user;                 // masteruser; empty: AUTH with the password only
  std::string password;             // masterauth; empty: no AUTH
};

struct ProbeEvent {
  enum class Type {
    kFollow,     // from now on the primary is another one, or wanted again
    kUnfollow,   // nobody wants to know, or there is no primary
    kConnected,
    kReceived,   // `text`
    kFailed,     // the connection: `text` says why
    kTick,
  };
  Type type;
  std::string_view text = {};
};

struct ProbeEffect {
  enum class Type {
    kConnect,
    kSend,    // `text`
    kProof,   // who has applied `id` up to `offset` has all that was there at `at_ms`
    kClose,
    kWarn,    // `text` for the log
  };
  Type type;
  std::string text = {};
  std::string id = {};
  std::int64_t offset = 0;
  std::int64_t at_ms = 0;
};

class StalenessProbe {
 public:
  using Effects = std::vector<ProbeEffect>;
  static constexpr std::int64_t kPatienceMs = 5000;   // for one step of the conversation
  static constexpr std::int64_t kRetryMsMin = 50;
  static constexpr std::int64_t kRetryMsMax = 1000;
  static constexpr std::size_t kAnswerMax = 1024 * 1024;  // a primary may list many replicas

  explicit StalenessProbe(std::uint64_t seed) : random_(seed) {}

  // `now`: milliseconds of a clock that only goes forward. Of a question it is the time that the proof will name: what kSend
  // sends is sent after it was read.
  Effects Step(const ProbeEvent& event, std::int64_t now);
  // When to send the next tick, if nothing happens before.
  std::int64_t NextTick() const;
  // Before each tick.
  void set_options(ProbeOptions options) { options_ = std::move(options); }

 private:
  enum class State : std::uint8_t { kIdle, kPausing, kConnecting, kAuth, kReady, kAsked, kBinding };

  void Ask(Effects& out, std::int64_t now);
  void Take(Effects& out, std::int64_t now);
  bool TakeLine(std::string* line);
  void Line(const std::string& line, Effects& out, std::int64_t now);
  void Answer(std::string_view info, Effects& out, std::int64_t now);
  void GiveUp(const std::string& why, Effects& out, std::int64_t now);

  Random random_;
  ProbeOptions options_;
  State state_ = State::kIdle;
  std::string input_;
  std::int64_t since_ = 0;       // of the present step
  std::int64_t asked_at_ = 0;
  std::int64_t retry_at_ = 0;
  int attempts_ = 0;             // that failed since an answer came
  bool bound_ = false;           // the primary, a replica, was told to prove its own age
  bool told_ = false;            // the log was told why nothing can be proven
};

}  // namespace slotwise
