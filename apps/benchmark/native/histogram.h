// Latencies as counts. Source: the layout of HDR histograms (log-linear buckets).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

// Log-linear: 128 steps to each power of two, so a value is known to within 0.8 %. Nanoseconds, up to 2^63.
class Histogram {
 public:
  Histogram() : counts_((64 - kBits) << kBits, 0) {}
  void Record(std::uint64_t value, std::uint64_t count) {
    counts_[IndexOf(value)] += count;
    total_ += count;
    sum_ += static_cast<double>(value) * static_cast<double>(count);
    max_ = std::max(max_, value);
  }
  void Add(const Histogram& other) {
    for (std::size_t i = 0; i < counts_.size(); i++) counts_[i] += other.counts_[i];
    total_ += other.total_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
  }
  void Clear() {
    std::fill(counts_.begin(), counts_.end(), 0);
    total_ = max_ = 0;
    sum_ = 0;
  }
  std::uint64_t Percentile(double percent) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(static_cast<double>(total_) * percent / 100));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); i++) {
      seen += counts_[i];
      if (seen >= wanted && seen > 0) return std::min(HighestOf(i), max_);
    }
    return max_;
  }
  double Mean() const { return total_ == 0 ? 0 : sum_ / static_cast<double>(total_); }
  std::uint64_t Max() const { return max_; }

 private:
  static constexpr int kBits = 7;
  static std::size_t IndexOf(std::uint64_t value) {
    if (value < (1u << (kBits + 1))) return value;
    const int shift = 63 - __builtin_clzll(value) - kBits;
    return (static_cast<std::size_t>(shift) << kBits) + (value >> shift);
  }
  static std::uint64_t HighestOf(std::size_t index) {
    if (index < (1u << (kBits + 1))) return index;
    const std::size_t shift = (index >> kBits) - 1;
    return ((index - (shift << kBits) + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};
