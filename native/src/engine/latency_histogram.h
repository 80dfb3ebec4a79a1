// How long the calls of one command took, with two significant digits: what LATENCY HISTOGRAM and INFO latencystats print.
//
// Buckets are those of Redis's HDR histograms (1 ns to 1 s, 128 buckets an octave from 256 ns on), so that the same times
// print as the same numbers. Octaves are allocated when something falls into them: a command uses three or four of its 24
// kilobytes. One thread records, without locks or locked instructions; any thread may read or reset.
// Source: HdrHistogram's log-linear layout; Redis 7.0 latency-tracking.
#pragma once
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

namespace slotwise {

class LatencyHistogram {
 public:
  static constexpr std::uint64_t kMaxNs = 1000000000;  // longer calls count as this long
  static constexpr int kOctaves = 24;
  static constexpr int kBuckets = 128;  // of an octave; the first holds 0 to 127 ns, one each

  LatencyHistogram() = default;
  ~LatencyHistogram();
  LatencyHistogram(const LatencyHistogram&) = delete;
  LatencyHistogram& operator=(const LatencyHistogram&) = delete;

  // The owner's thread.
  void Record(std::uint64_t ns) {
    if (ns > kMaxNs) [[unlikely]] ns = kMaxNs;
    if (ns == 0) ns = 1;
    int octave = OctaveOf(ns);
    Octave* o = octaves_[static_cast<std::size_t>(octave)].load(std::memory_order_relaxed);
    if (o == nullptr) [[unlikely]] o = AddOctave(octave);
    std::atomic<std::uint64_t>& count = o->counts[BucketOf(ns, octave)];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // Any thread. What is recorded at the same time may be lost.
  void Reset();

  // visit(octave, bucket, count) for every bucket that is not empty, ascending.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    for (int i = 0; i < kOctaves; ++i) {
      const Octave* o = octaves_[static_cast<std::size_t>(i)].load(std::memory_order_acquire);
      if (o == nullptr) continue;
      for (int b = 0; b < kBuckets; ++b) {
        if (std::uint64_t n = o->counts[static_cast<std::size_t>(b)].load(std::memory_order_relaxed)) visit(i, b, n);
      }
    }
  }

 private:
  struct Octave {
    std::array<std::atomic<std::uint64_t>, kBuckets> counts{};
  };
  static int OctaveOf(std::uint64_t ns) { return ns < kBuckets ? 0 : static_cast<int>(std::bit_width(ns)) - 7; }
  static std::size_t BucketOf(std::uint64_t ns, int octave) {
    return octave == 0 ? ns : static_cast<std::size_t>((ns >> (octave - 1)) - kBuckets);
  }
  Octave* AddOctave(int octave);

  std::array<std::atomic<Octave*>, kOctaves> octaves_{};
};

// The histograms of all threads for one command, added up.
class LatencyDistribution {
 public:
  void Add(const LatencyHistogram& histogram);
  std::uint64_t count() const { return count_; }

  // The longest time that is not told from the one at this percentile, in ns; 0 if there is nothing.
  std::uint64_t NsAtPercentile(double percentile) const;
  // visit(microseconds, calls up to there) for the powers of two from 1.024 us on, up to the one that holds the longest
  // call; those that add nothing are left out.
  template <typename Visitor>
  void ForEachPowerOfTwo(Visitor&& visit) const {
    std::uint64_t up_to = 0, shown = 0;
    std::size_t next = 0;
    for (int power = 10; shown < count_; ++power) {
      // The bucket that begins at the power of two still belongs to it.
      std::size_t last = static_cast<std::size_t>(power - 6) * LatencyHistogram::kBuckets;
      for (; next <= last && next < counts_.size(); ++next) up_to += counts_[next];
      if (up_to > shown) visit(HighestOf(last < counts_.size() ? last : counts_.size() - 1) / 1000, up_to);
      shown = up_to;
    }
  }

 private:
  // The longest time that falls into a bucket, by its index over all octaves.
  static std::uint64_t HighestOf(std::size_t index);

  std::array<std::uint64_t, LatencyHistogram::kOctaves * LatencyHistogram::kBuckets> counts_{};
  std::uint64_t count_ = 0;
};

}  // namespace slotwise
