// Frees databases and big values on a thread of its own, so that FLUSHALL ASYNC and UNLINK answer at once. The thread
// lives while there is something to free and ends soon after: an idle process keeps no thread for it.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "keyspace/deferred_free.h"
#include "keyspace/keyspace.h"

namespace slotwise {

class LazyFree final : public DeferredFree {
 public:
  explicit LazyFree(Keyspace& keyspace) : keyspace_(keyspace) {}
  ~LazyFree() { Finish(); }
  LazyFree(const LazyFree&) = delete;
  LazyFree& operator=(const LazyFree&) = delete;

  // From any thread. The database came from Keyspace::Exchange, the entry from Database::Detach.
  void Add(Database* database);
  void Add(Entry* entry);
  void FreeLater(Entry* entry) override { Add(entry); }
  // Returns when everything added so far is freed.
  void Finish();

  std::uint64_t freed() const { return freed_.load(std::memory_order_relaxed); }
  std::uint64_t pending() const { return pending_.load(std::memory_order_relaxed); }
  // What the values still to be freed take; each counts whole until it is gone.
  std::uint64_t pending_bytes() const { return pending_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Work {
    Database* database;
    Entry* entry;
    std::uint64_t bytes;  // of an entry
  };
  void Add(Work work, std::uint64_t objects);
  void Loop();

  Keyspace& keyspace_;
  std::mutex mutex_;
  std::vector<Work> queue_;   // guarded by mutex_
  bool running_ = false;      // guarded by mutex_; false: the thread touches nothing any more
  std::thread worker_;        // guarded by mutex_, except that the thread is joined without it
  std::atomic<std::uint64_t> freed_{0};
  std::atomic<std::uint64_t> pending_{0};
  std::atomic<std::uint64_t> pending_bytes_{0};
};

}  // namespace slotwise
