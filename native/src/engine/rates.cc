#include "engine/rates.h"

namespace slotwise {

bool Rates::Due(std::int64_t now_ms) const {
  std::lock_guard<std::mutex> guard(mutex_);
  return points_.empty() || now_ms - points_.back().at_ms >= kSampleMs;
}

void Rates::Sample(std::int64_t now_ms, const Totals& totals) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!points_.empty() && now_ms - points_.back().at_ms < kSampleMs) return;
  // CONFIG RESETSTAT: the past says nothing about the future.
  if (!points_.empty() && totals.commands < points_.back().totals.commands) points_.clear();
  points_.push_back({now_ms, totals});
  while (points_.size() > 2 && now_ms - points_[1].at_ms >= kWindowMs) points_.pop_front();
}

Rates::PerSecond Rates::Current() const {
  std::lock_guard<std::mutex> guard(mutex_);
  if (points_.size() < 2) return {};
  const Point& first = points_.front();
  const Point& last = points_.back();
  double seconds = static_cast<double>(last.at_ms - first.at_ms) / 1000;
  auto rate = [&](std::uint64_t from, std::uint64_t to) { return to > from ? static_cast<double>(to - from) / seconds : 0; };
  return {rate(first.totals.commands, last.totals.commands), rate(first.totals.input_bytes, last.totals.input_bytes),
          rate(first.totals.output_bytes, last.totals.output_bytes)};
}

}  // namespace slotwise
