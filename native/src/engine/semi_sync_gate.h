// Semi-synchronous replication, done: the second half of the promise that replies wait for. The first is the log's
// (CommitLog::Promise), so Engine::Promise() is the lesser of the two, and one gate serves both.
//
// Threads that have replies to send say what these depend on (WaitFor); threads that hear of replicas make it look
// (ReplicasChanged); whoever finds the time gone makes it decide (Tick). Progress wakes the threads with waiting replies as the
// log's does. All decisions are SemiSync's (replication/semi_sync.h), under one mutex, which is taken once a turn that writes.
// Lock order: this mutex, then Replication's, then the log's. No stripe is held by callers of anything but the atomics.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "replication/semi_sync.h"

namespace slotwise {

class Engine;
struct Client;

class SemiSyncGate {
 public:
  using Waker = void (*)(void* arg);

  explicit SemiSyncGate(Engine& engine) : engine_(engine) {}
  SemiSyncGate(const SemiSyncGate&) = delete;
  SemiSyncGate& operator=(const SemiSyncGate&) = delete;

  // The log is open and the configuration known. From then on, Configure() follows the directives; no stripe may be held.
  void Start();
  void Configure();
  // Nobody waits any more (Await).
  void Stop();
  // Called when the promise advanced; must be cheap.
  void SetWaker(Waker waker, void* arg);

  // --- hot: atomics only.
  // Replies may have to wait for replicas: turned on, whether fallen back or not.
  bool on() const { return on_.load(std::memory_order_relaxed); }
  std::uint64_t promise() const { return promise_.load(std::memory_order_seq_cst); }
  // What K replicas have, whatever is promised.
  std::uint64_t acked() const { return acked_.load(std::memory_order_relaxed); }
  // Replies that depend on `offset` must never leave: this server has become a replica before enough others had it.
  bool Broken(std::uint64_t offset) const {
    return offset <= broken_to_.load(std::memory_order_seq_cst) && offset > broken_from_.load(std::memory_order_relaxed);
  }
  // MonotonicMs() from which on Tick() is due.
  std::int64_t tick_at_ms() const { return tick_at_ms_.load(std::memory_order_relaxed); }

  // Replies that depend on `offset` wait. The caller flushes the log next: the question to the replicas goes along.
  void WaitFor(std::uint64_t offset);
  void ReplicasChanged();
  void Tick();
  // Replicas may have a second channel (replication_relays.cc): there is a fall-back that it would shorten.
  bool takes_relays() const { return takes_relays_.load(std::memory_order_relaxed); }
  // Answers a second channel that would have new writes. Only while nothing is promised: everything before its first byte was
  // written without a promise and stays so, and a copy that has a hole there is counted for nothing in it.
  std::string StartRelay(Client& client);
  void InviteIfFallenBack();
  // For a caller inside the process: blocks until `offset` is promised, at most for a moment. False: not yet.
  bool Await(std::uint64_t offset, std::int64_t moment_ms);

  struct Info {
    SemiSync::State state = SemiSync::State::kOff;
    std::int64_t clients = 0;
    std::uint64_t fallen_back_count = 0;
    std::uint64_t acked = 0;
    std::uint64_t net_waits = 0, net_wait_ms = 0;
    std::int64_t unprotected_us = 0, last_unprotected_us = 0;  // from falling back to the return; all, and the last
    std::uint64_t yes = 0, no = 0, waits = 0, wait_us = 0;  // of writes answered with and without K acknowledgements
  };
  Info info() const;

 private:
  void Apply(const SemiSync::Effects& effects, bool flush);
  void Say(SemiSync::Change change);
  void Refresh();
  bool FallenBack() const { return machine_.state() == SemiSync::State::kFallenBack || machine_.state() == SemiSync::State::kReturning; }
  void EndUnprotected();

  Engine& engine_;
  std::atomic<bool> on_{false};
  std::atomic<bool> takes_relays_{false};
  std::atomic<std::uint64_t> promise_{SemiSync::kUnlimited};
  std::atomic<std::uint64_t> acked_{0};
  std::atomic<std::int64_t> tick_at_ms_{SemiSync::kNever};
  std::atomic<std::uint64_t> broken_from_{0};
  std::atomic<std::uint64_t> broken_to_{0};
  mutable std::mutex mutex_;  // guards the rest
  SemiSync machine_;
  bool started_ = false;
  bool stopped_ = false;
  bool durable_ = false;      // repl-semi-sync-ack-on
  std::uint64_t fallen_back_count_ = 0;
  std::int64_t fell_back_us_ = 0;    // MonotonicUs(); 0: it has not
  std::int64_t unprotected_us_ = 0;
  std::int64_t last_unprotected_us_ = 0;
  std::vector<std::uint64_t> acks_;
  std::condition_variable progress_;
  std::mutex waker_mutex_;
  Waker waker_ = nullptr;
  void* waker_arg_ = nullptr;
};

}  // namespace slotwise
