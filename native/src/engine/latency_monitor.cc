#include "engine/latency_monitor.h"

#include "base/ticks.h"
#include "commands/command.h"

namespace slotwise {

void LatencyMonitor::Add(std::string_view event, std::int64_t milliseconds) { AddAt(WallClockMs() / 1000, event, milliseconds); }

void LatencyMonitor::AddAt(std::int64_t unix_seconds, std::string_view name, std::int64_t milliseconds) {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = events_.find(name);
  if (it == events_.end()) it = events_.emplace(name, Event{std::string(name), {}, 0}).first;
  Event& event = it->second;
  if (milliseconds > event.max_ms) event.max_ms = milliseconds;
  if (!event.samples.empty() && event.samples.back().unix_seconds == unix_seconds) {
    Sample& last = event.samples.back();
    if (milliseconds > last.milliseconds) last.milliseconds = milliseconds;
    return;
  }
  if (event.samples.size() == kHistoryLength) event.samples.erase(event.samples.begin());
  event.samples.push_back({unix_seconds, milliseconds});
}

std::vector<LatencyMonitor::Event> LatencyMonitor::Events() const {
  std::lock_guard<std::mutex> guard(mutex_);
  std::vector<Event> all;
  for (const auto& [name, event] : events_) all.push_back(event);
  return all;
}

std::optional<LatencyMonitor::Event> LatencyMonitor::Find(std::string_view name) const {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = events_.find(name);
  if (it == events_.end()) return std::nullopt;
  return it->second;
}

std::int64_t LatencyMonitor::Reset(std::optional<std::string_view> name) {
  std::lock_guard<std::mutex> guard(mutex_);
  return static_cast<std::int64_t>(std::erase_if(events_, [&](const auto& e) { return !name || EqualsIgnoreCase(e.first, *name); }));
}

}  // namespace slotwise
