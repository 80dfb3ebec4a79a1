// How much happens a second, right now: the instantaneous_* fields of INFO. Totals are sampled every now and then by
// the cron thread, and by INFO itself; a rate is the difference between the newest sample and the oldest of the last
// seconds. So nothing is counted twice on the hot path.
#pragma once
#include <cstdint>
#include <deque>
#include <mutex>

namespace slotwise {

class Rates {
 public:
  struct Totals {
    std::uint64_t commands = 0;
    std::uint64_t input_bytes = 0;
    std::uint64_t output_bytes = 0;
  };
  struct PerSecond {
    double commands = 0;
    double input_bytes = 0;
    double output_bytes = 0;
  };

  // Cheap; samples closer than kSampleMs are dropped. `now_ms` is monotonic.
  void Sample(std::int64_t now_ms, const Totals& totals);
  bool Due(std::int64_t now_ms) const;
  PerSecond Current() const;

 private:
  static constexpr std::int64_t kSampleMs = 100;
  static constexpr std::int64_t kWindowMs = 1600;  // as long as Redis's sixteen samples
  struct Point {
    std::int64_t at_ms;
    Totals totals;
  };
  mutable std::mutex mutex_;
  std::deque<Point> points_;
};

}  // namespace slotwise
