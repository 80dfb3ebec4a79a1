#include "base/ticks.h"

namespace slotwise {
namespace {

std::int64_t Read(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec;
}

struct Moment {
  std::int64_t ns;
  std::uint64_t ticks;
};

// Both clocks at one moment: a host may take the core away between two readings, so the closest of some is taken.
Moment Now() {
  Moment best{};
  std::uint64_t best_width = UINT64_MAX;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t before = Ticks();
    const std::int64_t ns = Read(CLOCK_MONOTONIC);
    const std::uint64_t width = Ticks() - before;
    if (width >= best_width) continue;
    best_width = width;
    best = {ns, before + width / 2};
  }
  return best;
}

}  // namespace

double NanosecondsPerTick() {
  static const double ratio = [] {
    const Moment start = Now();
    while (Read(CLOCK_MONOTONIC) - start.ns < 1000000) {
    }
    const Moment end = Now();
    return static_cast<double>(end.ns - start.ns) / static_cast<double>(end.ticks - start.ticks);
  }();
  return ratio;
}

std::int64_t MonotonicMs() { return Read(CLOCK_MONOTONIC) / 1000000; }
std::int64_t MonotonicUs() { return Read(CLOCK_MONOTONIC) / 1000; }
std::int64_t WallClockMs() { return Read(CLOCK_REALTIME) / 1000000; }

}  // namespace slotwise
