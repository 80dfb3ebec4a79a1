// When the append-only file is rewritten by itself, and when not yet: after three failures in a row the next attempt waits a
// minute, then twice as long each time, up to an hour. Somebody's request is not kept waiting, nor is what follows it.
// Pure: sizes and times are arguments. Source: Redis 7.0, auto-aof-rewrite-percentage; specs aof.md section 5.
#pragma once
#include <algorithm>
#include <cstdint>

namespace slotwise {

class RewriteSchedule {
 public:
  // Whether the AOF has grown enough since the last rewrite: `base_size` is what it was then.
  static bool HasGrown(std::uint64_t size, std::uint64_t base_size, std::uint64_t size_min, std::int64_t percentage) {
    return percentage > 0 && size > size_min && Growth(size, base_size) >= percentage;
  }
  // In percent.
  static std::int64_t Growth(std::uint64_t size, std::uint64_t base_size) {
    const std::uint64_t base = std::max<std::uint64_t>(base_size, 1);
    return static_cast<std::int64_t>(static_cast<unsigned __int128>(size) * 100 / base) - 100;
  }

  bool IsHeldBack(std::int64_t now_ms) const { return now_ms < not_before_ms_; }
  void Asked() {
    failures_ = 0;
    delay_minutes_ = 0;
    not_before_ms_ = 0;
  }
  void Ended(bool ok, std::int64_t now_ms) {
    if (ok) return Asked();
    if (++failures_ < kFailuresMax) return;
    delay_minutes_ = delay_minutes_ == 0 ? 1 : std::min(delay_minutes_ * 2, kDelayMinutesMax);
    not_before_ms_ = now_ms + delay_minutes_ * 60000;
  }
  int failures() const { return failures_; }
  std::int64_t delay_minutes() const { return delay_minutes_; }

 private:
  static constexpr int kFailuresMax = 3;
  static constexpr std::int64_t kDelayMinutesMax = 60;
  int failures_ = 0;
  std::int64_t delay_minutes_ = 0;
  std::int64_t not_before_ms_ = 0;
};

}  // namespace slotwise
