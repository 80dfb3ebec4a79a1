// The engine's housekeeping, on one native thread: active expiry, eviction that commands left unfinished, the memory
// peak, huge pages, and freeing what commands left for later. It sleeps between rounds; while there is nothing that could become
// due it looks twice a second, which is what bounds how late the first key with an expiry is noticed.
// Step() makes all decisions and can be called without the thread.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "engine/expire_cycle.h"
#include "engine/huge_page_pace.h"
#include "engine/lazy_free.h"

namespace slotwise {

class Engine;
struct ThreadState;

class Cron {
 public:
  explicit Cron(Engine& engine);
  ~Cron();
  Cron(const Cron&) = delete;
  Cron& operator=(const Cron&) = delete;

  void Start();
  // Waits for the round under way and for everything that is still to be freed. Idempotent.
  void Stop();

  // One round at wall-clock time `now_ms`. Returns how many ms may pass until the next one.
  std::int64_t Step(std::int64_t now_ms);

  // Frees on a thread of its own, or at once where there is none (no Cron, as in some tests). No lock may be held.
  static void FreeLater(Engine& engine, Database* database);
  static void FreeLater(Engine& engine, Entry* entry);

  // Where the big values go that commands drop.
  DeferredFree* deferred_free() { return &lazy_free_; }
  // DEBUG PAUSE-CRON: rounds do nothing meanwhile.
  void Pause(bool on) { paused_.store(on, std::memory_order_relaxed); }

  // Freed in the background so far, and still to be freed: INFO's lazyfree fields, in objects.
  std::uint64_t lazyfreed() const { return lazy_free_.freed(); }
  std::uint64_t lazyfree_pending() const { return lazy_free_.pending(); }
  std::uint64_t lazyfree_pending_bytes() const { return lazy_free_.pending_bytes(); }

 private:
  void Loop();
  std::int64_t ExpireBudgetUs() const;
  bool MakeHugePages();  // true: some were made

  Engine& engine_;
  ThreadState& thread_;
  ExpireCycle expire_;
  LazyFree lazy_free_;
  std::int64_t last_step_us_ = 0;
  std::uint64_t last_used_memory_ = 0;
  HugePagePace huge_page_pace_;
  std::atomic<bool> paused_{false};
  std::mutex mutex_;               // guards stop_
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread worker_;
};

}  // namespace slotwise
