#include "engine/latency_histogram.h"

namespace slotwise {

LatencyHistogram::~LatencyHistogram() {
  for (std::atomic<Octave*>& o : octaves_) delete o.load(std::memory_order_relaxed);
}

LatencyHistogram::Octave* LatencyHistogram::AddOctave(int octave) {
  auto* o = new Octave;
  octaves_[static_cast<std::size_t>(octave)].store(o, std::memory_order_release);
  return o;
}

void LatencyHistogram::Reset() {
  for (std::atomic<Octave*>& slot : octaves_) {
    Octave* o = slot.load(std::memory_order_acquire);
    if (o == nullptr) continue;
    for (std::atomic<std::uint64_t>& count : o->counts) count.store(0, std::memory_order_relaxed);
  }
}

void LatencyDistribution::Add(const LatencyHistogram& histogram) {
  histogram.ForEach([&](int octave, int bucket, std::uint64_t n) {
    counts_[static_cast<std::size_t>(octave * LatencyHistogram::kBuckets + bucket)] += n;
    count_ += n;
  });
}

std::uint64_t LatencyDistribution::HighestOf(std::size_t index) {
  std::size_t octave = index / LatencyHistogram::kBuckets;
  std::size_t bucket = index % LatencyHistogram::kBuckets;
  if (octave == 0) return bucket;
  return ((bucket + LatencyHistogram::kBuckets + 1) << (octave - 1)) - 1;
}

std::uint64_t LatencyDistribution::NsAtPercentile(double percentile) const {
  double wanted = (percentile < 100 ? percentile : 100) / 100 * static_cast<double>(count_) + 0.5;
  auto rank = static_cast<std::uint64_t>(wanted);
  if (rank == 0) rank = 1;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return HighestOf(i);
  }
  return 0;
}

}  // namespace slotwise
