// Latency histograms: the numbers Redis's HDR histograms print for the same times. The expected bucket bounds are those
// of redis-server 7.0.15 (1, 2, 4, 8, 16, 33, 66, 132, ... microseconds).
#include "engine/latency_histogram.h"

#include <sstream>

#include "test.h"

namespace slotwise::test {
namespace {

LatencyDistribution Of(std::initializer_list<std::uint64_t> times_ns) {
  LatencyHistogram h;
  for (std::uint64_t ns : times_ns) h.Record(ns);
  LatencyDistribution d;
  d.Add(h);
  return d;
}

std::string Powers(const LatencyDistribution& d) {
  std::ostringstream out;
  d.ForEachPowerOfTwo([&](std::uint64_t usec, std::uint64_t calls) { out << usec << ":" << calls << " "; });
  return out.str();
}

ONE_THREAD_TEST(LatencyHistogram, EveryPowerOfTwoPrintsAsRedisPrintsIt) {
  LatencyHistogram h;
  for (std::uint64_t ns = 1000; ns <= 1000000000; ns *= 2) h.Record(ns);
  LatencyDistribution d;
  d.Add(h);
  EXPECT_EQ(Powers(d), "1:1 2:2 4:3 8:4 16:5 33:6 66:7 132:8 264:9 528:10 1056:11 2113:12 4227:13 8454:14 16908:15 33816:16 67633:17 "
                       "135266:18 270532:19 541065:20 ");
}

ONE_THREAD_TEST(LatencyHistogram, CountsAreCumulativeAndEmptyStepsAreLeftOut) {
  EXPECT_EQ(Powers(Of({})), "");
  EXPECT_EQ(Powers(Of({6000, 6000, 46000})), "8:2 66:3 ");
  EXPECT_EQ(Powers(Of({0, 1, 127, 128, 255, 256, 1031})), "1:7 ");  // 1.024 us is told from 1.032 us, and counts below
  EXPECT_EQ(Powers(Of({1032})), "2:1 ");
  EXPECT_EQ(Powers(Of({5000000000, 1000000000})), "1073741:2 ");    // longer than a second
}

ONE_THREAD_TEST(LatencyHistogram, PercentilesHaveTwoSignificantDigits) {
  // redis-server 7.0.15 prints p50=6.015 for one call of 6 us, 46.079 for one of 46 us.
  EXPECT_EQ(Of({6000}).NsAtPercentile(50), 6015u);
  EXPECT_EQ(Of({46000}).NsAtPercentile(99.9), 46079u);
  LatencyHistogram h;
  for (int i = 0; i < 99; ++i) h.Record(1000);
  h.Record(1000000);
  LatencyDistribution d;
  d.Add(h);
  EXPECT_EQ(d.NsAtPercentile(0), 1003u);
  EXPECT_EQ(d.NsAtPercentile(50), 1003u);
  EXPECT_EQ(d.NsAtPercentile(99), 1003u);
  EXPECT_EQ(d.NsAtPercentile(99.9), 1003519u);
  EXPECT_EQ(d.NsAtPercentile(100), 1003519u);
  EXPECT_EQ(Of({}).NsAtPercentile(50), 0u);
}

ONE_THREAD_TEST(LatencyHistogram, SumsOfThreadsAndReset) {
  LatencyHistogram a, b;
  a.Record(1500);
  b.Record(1500);
  b.Record(3000);
  LatencyDistribution d;
  d.Add(a);
  d.Add(b);
  EXPECT_EQ(d.count(), 3u);
  EXPECT_EQ(Powers(d), "2:2 4:3 ");
  b.Reset();
  LatencyDistribution after;
  after.Add(b);
  EXPECT_EQ(after.count(), 0u);
}

}  // namespace
}  // namespace slotwise::test
