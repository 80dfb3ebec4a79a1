#include "base/ticks.h"

namespace slotwise {
namespace {

std::int64_t Read(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

}  // namespace

double NanosecondsPerTick() {
  static const double ratio = [] {
    std::int64_t start_ns = Read(CLOCK_MONOTONIC);
    std::uint64_t start = Ticks();
    while (Read(CLOCK_MONOTONIC) - start_ns < 1000000) {
    }
    return static_cast<double>(Read(CLOCK_MONOTONIC) - start_ns) / static_cast<double>(Ticks() - start);
  }();
  return ratio;
}

std::int64_t MonotonicMs() { return Read(CLOCK_MONOTONIC) / 1000000; }
std::int64_t MonotonicUs() { return Read(CLOCK_MONOTONIC) / 1000; }
std::int64_t WallClockMs() { return Read(CLOCK_REALTIME) / 1000000; }

}  // namespace slotwise
