// How old what a replica serves may be: what sessions ask for (SLOTWISE.STALENESS), and the proof of it.
//
// While this server is a replica and some session has a limit, a thread asks the primary how far its stream is, four times within
// the smallest limit, as replication/staleness_probe.h decides. Each answer is a proof to be: "who has applied up to here has all that
// was there when I asked". It counts from the moment on at which as much is applied, and grows older by itself.
// A session without a limit pays nothing; one with a limit pays a clock and an atomic for each command that reads, or, if
// that does not suffice, a look at where the stream is.
// The clock is CLOCK_BOOTTIME: it also counts while the machine sleeps, and nobody sets it.
// Lock order: Replication's mutex, then this one. Source: docs/decisions/0021.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "replication/staleness_probe.h"

namespace slotwise {

class Engine;
class Replication;

class Staleness {
 public:
  Staleness(Engine& engine, Replication& replication);
  ~Staleness();
  Staleness(const Staleness&) = delete;
  Staleness& operator=(const Staleness&) = delete;

  // --- under Replication's mutex.
  // A session's limit was `before` and is `after`; 0: none.
  void SetLimit(std::int64_t before, std::int64_t after);
  // Whom this server follows; empty: nobody. What was proven was about the one before.
  void SetPrimary(const std::string& host, int port);
  // Another data set is in place. It may even be an older one, if it came from a replica that lags.
  void DataReplaced();

  // --- any thread; neither mutex is held.
  // Some session has a limit.
  bool wanted() const { return sessions_.load(std::memory_order_relaxed) > 0; }
  // What is applied now is, for certain, no older than that.
  bool Proves(std::int64_t limit_ms);
  // The smallest limit that would be proven; -1: none.
  std::int64_t ProvenMs();
  // For good; waits for the thread.
  void Stop();

 private:
  struct Proof {
    std::string id;
    std::int64_t offset;
    std::int64_t at_ms;
  };

  std::int64_t ProvenAt();
  void ForgetLocked();
  void StartLocked();
  void Run();
  void TakeOrder();
  void Step(const ProbeEvent& event);
  void Perform(const ProbeEffect& effect);
  void Keep(const ProbeEffect& proof);
  void Connect();
  void Close();
  void Send(std::string_view bytes);
  void Read();
  void Wait();

  Engine& engine_;
  Replication& replication_;
  std::atomic<std::int64_t> sessions_{0};
  std::atomic<std::int64_t> proven_at_ms_;  // kNever: nothing is
  std::atomic<std::uint64_t> data_count_{0};  // of SetPrimary and DataReplaced; changes under both mutexes
  std::atomic<bool> stopping_{false};
  int wake_ = -1;                           // an eventfd
  std::mutex mutex_;                        // guards the next
  std::multiset<std::int64_t> limits_;
  std::string host_;
  int port_ = 0;
  std::uint64_t primary_count_ = 0;         // of SetPrimary
  std::deque<Proof> proofs_;                // not applied yet, by time
  std::thread thread_;

  // The thread's.
  StalenessProbe probe_;
  std::uint64_t following_ = 0;             // primary_count_ that it asks for; 0: nobody is asked
  std::string asked_host_;
  int asked_port_ = 0;
  int fd_ = -1;
  bool connecting_ = false;
  std::string output_;
};

}  // namespace slotwise
