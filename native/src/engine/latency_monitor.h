// Latency events: of each kind ("command", "expire-cycle", ...) the worst times of the last 160 seconds in which there
// were any of at least latency-monitor-threshold milliseconds. Any thread adds; what stays below the threshold costs one
// load. Source: Redis 7.0 latency monitoring documentation. Elsewhere: LATENCY (commands/latency_commands.cc).
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

class LatencyMonitor {
 public:
  static constexpr std::size_t kHistoryLength = 160;

  struct Sample {
    std::int64_t unix_seconds;
    std::int64_t milliseconds;
  };
  struct Event {
    std::string name;
    std::vector<Sample> samples;  // oldest first, one a second at most
    std::int64_t max_ms = 0;      // ever
  };

  // 0: nothing is recorded.
  void SetThreshold(std::int64_t milliseconds) { threshold_ms_.store(milliseconds, std::memory_order_relaxed); }
  std::int64_t threshold_ms() const { return threshold_ms_.load(std::memory_order_relaxed); }
  void AddIfSlow(const char* event, std::int64_t milliseconds) {
    std::int64_t threshold = threshold_ms();
    if (threshold > 0 && milliseconds >= threshold) [[unlikely]] Add(event, milliseconds);
  }
  void AddAt(std::int64_t unix_seconds, std::string_view event, std::int64_t milliseconds);

  // By name. Copies.
  std::vector<Event> Events() const;
  std::optional<Event> Find(std::string_view event) const;
  // How many kinds were forgotten. nullopt: all.
  std::int64_t Reset(std::optional<std::string_view> event);

 private:
  void Add(std::string_view event, std::int64_t milliseconds);
  std::atomic<std::int64_t> threshold_ms_{0};
  mutable std::mutex mutex_;
  std::map<std::string, Event, std::less<>> events_;
};

}  // namespace slotwise
