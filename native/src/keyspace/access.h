// When an entry was last used, in the 24 bits it has for that: seconds modulo 2^24 (LRU), or minutes modulo 2^16 and a
// logarithmic counter of uses (LFU). Which of the two is decided by maxmemory-policy.
// Source: Redis key eviction documentation (approximated LRU, LFU counter with decay).
#pragma once
#include <atomic>
#include <cstdint>

#include "base/random.h"
#include "keyspace/entry.h"

namespace slotwise {

struct AccessSettings {
  std::atomic<bool> lfu{false};
  std::atomic<int> lfu_log_factor{10};
  std::atomic<int> lfu_decay_minutes{1};
};

constexpr std::uint32_t kAccessMask = (1u << 24) - 1;
constexpr std::uint8_t kLfuInitial = 5;  // a new key gets a chance to show its use before it is evicted

inline std::uint32_t LruClock(std::int64_t now_ms) { return static_cast<std::uint32_t>(now_ms / 1000) & kAccessMask; }
inline std::uint32_t LfuMinutes(std::int64_t now_ms) { return static_cast<std::uint32_t>(now_ms / 60000) & 0xffff; }

// The counter after the decay that is due.
inline std::uint32_t LfuCounter(const Entry* e, const AccessSettings& settings, std::int64_t now_ms) {
  std::uint32_t counter = e->access() & 255;
  std::uint32_t minutes = (LfuMinutes(now_ms) - (e->access() >> 8)) & 0xffff;
  int decay = settings.lfu_decay_minutes.load(std::memory_order_relaxed);
  std::uint32_t periods = decay > 0 ? minutes / static_cast<std::uint32_t>(decay) : 0;
  return periods >= counter ? 0 : counter - periods;
}

inline std::int64_t IdleMs(const Entry* e, std::int64_t now_ms) {
  return static_cast<std::int64_t>((LruClock(now_ms) - e->access()) & kAccessMask) * 1000;
}

// A new entry.
inline void InitAccess(Entry* e, const AccessSettings& settings, std::int64_t now_ms) {
  e->set_access(settings.lfu.load(std::memory_order_relaxed) ? LfuMinutes(now_ms) << 8 | kLfuInitial : LruClock(now_ms));
}

// The entry was used. Written only if it changes something: a read should not dirty the cache line.
inline void TouchAccess(Entry* e, const AccessSettings& settings, std::int64_t now_ms, Random& random) {
  if (!settings.lfu.load(std::memory_order_relaxed)) {
    std::uint32_t now = LruClock(now_ms);
    if (e->access() != now) e->set_access(now);
    return;
  }
  std::uint32_t counter = LfuCounter(e, settings, now_ms);
  if (counter < 255) {
    double base = counter > kLfuInitial ? counter - kLfuInitial : 0;
    double p = 1.0 / (base * settings.lfu_log_factor.load(std::memory_order_relaxed) + 1);
    if (random.Unit() < p) ++counter;
  }
  e->set_access(LfuMinutes(now_ms) << 8 | counter);
}

}  // namespace slotwise
