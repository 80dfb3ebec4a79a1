// Eviction: which keys go when maxmemory is reached. Redis's scheme: sample a few keys, keep the best candidates of all
// samples so far in a pool of 16, evict the best of them; the longer it goes on, the closer it comes to the true order.
// Two differences. A sample is a bucket of a random table, weighted by size: its keys are neighbours by hash only, and
// one lock and one cache line give five or six candidates. And a candidate that was used after it was sampled is put
// back, not evicted.
// Each thread evicts for itself, with a pool of its own, before the command it is about to run; no lock is held then.
// Source: Redis key eviction documentation; maxmemory-eviction-tenacity for how long one call may take.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/config.h"
#include "keyspace/database.h"

namespace slotwise {

class Engine;
struct Stripe;
struct ThreadState;

// The best candidates met, best last. Scores of different policies do not mix: a change of policy empties it.
class EvictionPool {
 public:
  struct Candidate {
    std::uint64_t score = 0;  // the higher, the sooner to go
    std::uint64_t hash = 0;
    int db = 0;
    std::string key;
  };
  static constexpr std::size_t kSize = 16;

  std::size_t size() const { return size_; }
  const Candidate& best() const { return candidates_[size_ - 1]; }
  void DropBest() { --size_; }
  void Clear() { size_ = 0; }
  // Whether Offer would take a candidate of this score.
  bool Wants(std::uint64_t score) const { return size_ < kSize || score > candidates_[0].score; }
  // Keeps it if it is among the best; the worst makes room.
  void Offer(std::uint64_t score, int db, std::string_view key, std::uint64_t hash);

  int policy = -1;  // whose scores these are

 private:
  std::array<Candidate, kSize> candidates_;  // [0, size_) by score
  std::size_t size_ = 0;
};

class Evictor {
 public:
  Evictor(Engine& engine, ThreadState& thread);

  // Memory that counts against maxmemory: what is used, less what is only on its way to the disk.
  static std::uint64_t CountedMemory(Engine& engine);
  // Evicts until no more than `limit_bytes` counts. False if nothing can be evicted; true also when the time that
  // maxmemory-eviction-tenacity grants is used up: the next command goes on.
  bool FreeUntil(std::uint64_t limit_bytes);
  // Evicts the best candidate; false if there is none.
  bool EvictOne();

 private:
  using Policy = config_value::MaxmemoryPolicy;
  bool HasCandidates(Database& database) const;
  std::uint64_t Score(const Entry* entry) const;
  bool EvictFromPool();
  bool EvictRandom();
  void Sample(int db);
  int PickSlot(Database& database) const;
  template <typename F>
  void VisitSample(const SlotTable& table, F&& visit) const;
  void Evict(Stripe& stripe, int db, const KeyRef& key, Database::Place place);
  std::int64_t TimeLimitUs() const;

  Engine& engine_;
  ThreadState& thread_;
  std::uint64_t freed_ = 0;  // by this call of FreeUntil
  Policy policy_;
  bool volatile_only_;
};

}  // namespace slotwise
