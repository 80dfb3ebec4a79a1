// Semi-synchronous replication, decided: up to which offset of the log may replies leave, given what replicas have
// acknowledged and how long somebody has been waiting?
//
// On: replies wait for K replicas. When one has waited for the time-out, all go on without (fallen back), as in MySQL; it comes
// back by itself when K replicas have answered a question about the log's end of that moment within the time-out (returning).
// Strict never falls back: what is written waits, and new writes are refused while fewer than K replicas are there.
// While it is on, the promise never goes back: what K replicas had once is not taken back when one of them leaves.
//
// Replicas of Redis acknowledge once a second unless they are asked, and each question is part of the stream. So one is asked
// when somebody waits, behind everything written so far, and the next when it has been answered: Effects::ask.
// Sans I/O: offsets are those of the log, `now` is monotonic milliseconds. Every case is a row in semi_sync_test.cc.
// Source: MySQL's semi-synchronous replication (rpl_semi_sync_master_*), with the wait before anybody sees the write.
// Elsewhere: who counts, asking, waking (engine/semi_sync_gate.h), replies that wait (net/io_thread.cc).
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <variant>

namespace slotwise {

struct SemiSyncOptions {
  bool enabled = false;
  std::int64_t acks = 1;  // K
  std::int64_t timeout_ms = 10000;
  bool strict = false;
};

class SemiSync {
 public:
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
  static constexpr std::int64_t kNever = INT64_MAX;

  enum class State : std::uint8_t { kOff, kOn, kFallenBack, kReturning };

  // `tail` is the log's end at the moment of the event.
  struct Configured { SemiSyncOptions options; std::uint64_t tail; };
  struct Waiting { std::uint64_t offset; std::uint64_t tail; };                 // replies that depend on `offset` <= tail wait
  struct Replicas { std::span<std::uint64_t> acked; std::uint64_t tail; };      // of each that counts, in any order; is sorted
  struct Tick { std::uint64_t tail; };
  struct RelayBegins { std::uint64_t tail; };  // a replica has what is written from here on, and perhaps not what was before
  using Event = std::variant<Configured, Waiting, Replicas, Tick, RelayBegins>;

  enum class Change : std::uint8_t { kNone, kTurnedOn, kTurnedOff, kFellBack, kReturned };
  struct Effects {
    std::uint64_t promise = kUnlimited;   // replies that depend on no more may leave
    std::int64_t tick_at_ms = kNever;     // when to come back if nothing happens before
    bool ask = false;                     // put a question into the stream
    bool refuse = false;                  // new writes
    Change change = Change::kNone;
  };

  Effects Step(const Event& event, std::int64_t now_ms);

  State state() const { return state_; }
  const SemiSyncOptions& options() const { return options_; }
  std::int64_t replica_count() const { return count_; }
  // What K replicas have acknowledged.
  std::uint64_t acked() const { return acked_; }
  std::uint64_t answered_count() const { return answered_count_; }
  std::uint64_t answered_ms() const { return answered_ms_; }  // sum of the times from question to answer

 private:
  // Everything before `offset` and behind the wait before it has been waited for since `since_ms` at the earliest.
  struct Wait { std::uint64_t offset; std::int64_t since_ms; };

  void On(const Configured& event, std::int64_t now_ms);
  void On(const Waiting& event, std::int64_t now_ms);
  void On(const Replicas& event, std::int64_t now_ms);
  void On(const Tick& event, std::int64_t now_ms);
  void On(const RelayBegins& event, std::int64_t now_ms);
  void TurnOn(std::uint64_t tail, Change change);
  void FallBack(std::uint64_t tail, std::int64_t now_ms);
  void Ask(std::uint64_t tail, std::int64_t now_ms);
  void AskIfWanted(std::uint64_t tail, std::int64_t now_ms);
  bool enough() const { return count_ >= options_.acks; }
  std::uint64_t Promise() const;

  SemiSyncOptions options_;
  State state_ = State::kOff;
  std::int64_t count_ = 0;
  std::uint64_t acked_ = 0;      // never goes back
  std::uint64_t floor_ = 0;      // what was promised before it was turned on, or written while it had fallen back
  std::uint64_t wanted_ = 0;     // the last byte that somebody waits for
  std::deque<Wait> waits_;       // ascending; at most about kWaitsMax
  bool asking_ = false;          // a question is under way:
  std::uint64_t asked_ = 0;      // about everything before this,
  std::int64_t asked_ms_ = 0;    // since then
  std::uint64_t answered_count_ = 0;
  std::uint64_t answered_ms_ = 0;
  Effects effects_;              // of the step under way
};

}  // namespace slotwise
