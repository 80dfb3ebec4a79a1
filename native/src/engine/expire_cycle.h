// Active expiry: finds keys whose time has come although nobody asks for them, and deletes them.
//
// Every table keeps a lower bound of its earliest deadline, so a round looks at 16384 bounds and opens only the tables
// where something is due. An opened table is walked to its end, then its bound is exact again. Nothing is sampled: a key
// is gone one round after its deadline. When rounds get expensive (millions of keys with deadlines close together make
// every table due in every round), tables are left alone until their bound is overdue by `lateness`, so that one walk
// serves the deadlines of most of a second.
// A huge table (one hash tag) is walked some buckets at a time; the walk remembers what clients' writes move behind it.
// Source: Redis EXPIRE documentation for what must happen; the way of doing it is our own.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/thread_state.h"
#include "keyspace/database.h"

namespace slotwise {

class Engine;

// CPU time of the calling thread: what a budget is counted in, so that a loaded machine does not eat it up.
std::int64_t ThreadCpuUs();

class ExpireCycle {
 public:
  static constexpr std::uint32_t kBucketsPerHold = 64;  // looked at before the stripe's lock is let go
  static constexpr std::int64_t kLatenessMsMax = 600;

  ExpireCycle(Engine& engine, ThreadState& thread) : engine_(engine), thread_(thread) {}

  // One round, for at most about `budget_us` of CPU time; the next goes on where this one stopped. False if time was up.
  bool Run(std::int64_t now_ms, std::int64_t budget_us);
  // Tells how much CPU time of the time since the last call the rounds took, from which the lateness follows.
  void Adapt(std::int64_t work_us, std::int64_t elapsed_us);
  std::int64_t lateness_ms() const { return lateness_ms_; }
  // Keys with an expiry, as of the last Run.
  std::uint64_t expiring() const { return expiring_; }

 private:
  // A walk that did not finish within one hold of the lock.
  struct Walk {
    Database* database = nullptr;  // null: none under way
    int db = 0;
    int slot = 0;
    std::uint32_t next = 0;        // buckets below are done
    std::uint32_t buckets = 0;     // of the table when the lock was let go
    std::int64_t earliest = 0;     // of the deadlines met so far
  };
  bool OutOfTime() const;
  // Walks the table, one hold after another. False if time was up before the end.
  bool Visit(int db, int slot);
  bool Resume();
  // One hold: from `walk.next` on. True if the walk reached the end. The stripe is held.
  bool WalkOn(Walk& walk);
  void Collect(SlotTable& table, std::uint32_t bucket, Walk& walk);
  // Deletes what Collect found, and looks again wherever shrinking moves keys from ahead of the walk to behind it. The
  // table had `buckets` when it was last in step with the walk.
  void DeleteDue(SlotTable& table, std::uint32_t buckets, Walk& walk);

  Engine& engine_;
  ThreadState& thread_;
  std::int64_t now_ms_ = 0;
  std::int64_t stop_us_ = 0;
  std::int64_t lateness_ms_ = 0;
  std::uint64_t expiring_ = 0;
  int next_db_ = 0;                // where the next round begins
  int next_slot_ = 0;
  std::vector<Entry*> due_;
  Walk unfinished_;
};

}  // namespace slotwise
