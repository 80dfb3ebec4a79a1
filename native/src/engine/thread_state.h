// What each executing thread (I/O thread, embedding JavaScript thread, cron) keeps for itself: scratch memory, counters,
// randomness. Counters are written by the owner and summed by INFO.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/latency_histogram.h"
#include "engine/pending_event.h"
#include "log/commit_log.h"
#include "resp/out_buffer.h"

namespace slotwise {

class EvictionPool;
class Waiter;

// A key that somebody waits for and that the command under way has changed.
struct ReadyKey {
  int db;
  std::string key;
};
struct PendingInvalidations;

// A counter with one writer and any readers: a plain add, no locked instruction.
class Counter {
 public:
  void Add(std::uint64_t n = 1) { v_.store(v_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  std::uint64_t value() const { return v_.load(std::memory_order_relaxed); }
  void Reset() { v_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> v_{0};
};

struct CommandStats {
  Counter calls;
  Counter nanoseconds;
  Counter rejected;
  Counter failed;
  std::atomic<LatencyHistogram*> latency{nullptr};  // from its first recorded call on

  CommandStats() = default;
  CommandStats(const CommandStats&) = delete;
  CommandStats& operator=(const CommandStats&) = delete;
  ~CommandStats() { delete latency.load(std::memory_order_relaxed); }
  void RecordLatency(std::uint64_t ns) {
    LatencyHistogram* histogram = latency.load(std::memory_order_relaxed);
    if (histogram == nullptr) [[unlikely]] {
      histogram = new LatencyHistogram;
      latency.store(histogram, std::memory_order_release);
    }
    histogram->Record(ns);
  }
  void Reset() {
    for (Counter* c : {&calls, &nanoseconds, &rejected, &failed}) c->Reset();
    if (LatencyHistogram* histogram = latency.load(std::memory_order_acquire)) histogram->Reset();
  }
};

struct ThreadStats {
  Counter commands;
  Counter keyspace_hits;
  Counter keyspace_misses;
  Counter expired_keys;
  Counter evicted_keys;
  Counter net_input_bytes;
  Counter net_output_bytes;
  Counter reads;
  Counter writes;
  Counter error_replies;
  // Writes answered with and without the acknowledgements of semi-sync; those that waited, and for how long.
  Counter semi_sync_yes;
  Counter semi_sync_no;
  Counter semi_sync_waits;
  Counter semi_sync_wait_us;
  void Reset() {
    for (Counter* c : {&commands, &keyspace_hits, &keyspace_misses, &expired_keys, &evicted_keys, &net_input_bytes, &net_output_bytes, &reads,
                       &writes, &error_replies, &semi_sync_yes, &semi_sync_no, &semi_sync_waits, &semi_sync_wait_us}) {
      c->Reset();
    }
  }
};

struct ThreadState {
  explicit ThreadState(std::size_t command_count, std::uint64_t seed) : random(seed), command_stats(command_count) {}
  Random random;
  LogUnit unit;                     // effects of the command under way
  std::vector<PendingEvent> events; // what it tells others, until the log has the effects
  std::vector<ReadyKey> ready;      // engine/blocking.h; in the order in which they became ready
  std::uint64_t ready_mark = 0;     // tells this command's ready keys from those of others
  std::vector<std::shared_ptr<Waiter>> served;  // who waited and has been answered, to be told when the locks are gone
  std::uint64_t client_id = 0;      // whose command runs, as far as CLIENT TRACKING has to know
  std::shared_ptr<PendingInvalidations> invalidations;  // engine/tracking.h; null until there was one
  OutBuffer* client_out = nullptr;  // the replies of the client whose command runs: pushes go there even if its replies are discarded
  OutBuffer discarded;              // where replies go that nobody wants (CLIENT REPLY OFF)
  std::string scratch;              // for whoever needs bytes for the length of a command
  std::vector<CommandStats> command_stats;  // by Command::id
  std::shared_ptr<EvictionPool> eviction_pool;  // engine/evictor.h; null until this thread evicts
  ThreadStats stats;
  std::int64_t now_ms = 0;          // wall clock, refreshed once a turn
  std::uint64_t batch_ticks = 0;    // when the command before ended, which is when the next one begins; 0: not in a batch
  std::uint64_t outside_offset = 0; // log offset behind the last effect that was of no command (Engine::AppendEffects)
};

}  // namespace slotwise
