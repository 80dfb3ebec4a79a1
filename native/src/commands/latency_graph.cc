#include "commands/latency_graph.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace slotwise {
namespace {

constexpr std::size_t kColumns = 80;
constexpr int kRows = 4;
constexpr char kLevels[] = "_o#";  // of one row; what is higher is drawn as a bar
constexpr int kLevelCount = 3;

std::string Age(std::int64_t seconds) {
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m";
  if (seconds < 86400) return std::to_string(seconds / 3600) + "h";
  return std::to_string(seconds / 86400) + "d";
}

std::string Format(const char* format, auto... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// One screen's width of samples.
void Draw(std::span<const LatencyMonitor::Sample> samples, std::int64_t low, std::int64_t high, std::int64_t now_seconds, std::string* out) {
  std::int64_t range = std::max<std::int64_t>(1, high - low);
  std::vector<int> steps;
  std::vector<std::string> labels;
  std::size_t longest = 0;
  for (const LatencyMonitor::Sample& s : samples) {
    constexpr int kSteps = kRows * kLevelCount;
    steps.push_back(static_cast<int>(std::min<std::int64_t>((s.milliseconds - low) * kSteps / range, kSteps - 1)));
    longest = std::max(longest, labels.emplace_back(Age(now_seconds - s.unix_seconds)).size());
  }
  for (int row = 0; row < kRows; ++row) {
    for (int step : steps) {
      int level = step - (kRows - 1 - row) * kLevelCount;
      *out += level < 0 ? ' ' : level < kLevelCount ? kLevels[level] : '|';
    }
    *out += '\n';
  }
  *out += std::string(steps.size(), ' ') + '\n';
  for (std::size_t i = 0; i < longest; ++i) {
    for (const std::string& label : labels) *out += i < label.size() ? label[i] : ' ';
    *out += '\n';
  }
}

struct Summary {
  std::int64_t average_ms = 0;
  std::int64_t deviation_ms = 0;  // mean absolute
  double seconds_between = 0;
};

Summary Summarize(const LatencyMonitor::Event& event, std::int64_t now_seconds) {
  Summary s;
  auto n = static_cast<std::int64_t>(event.samples.size());
  if (n == 0) return s;
  std::int64_t sum = 0;
  for (const auto& sample : event.samples) sum += sample.milliseconds;
  s.average_ms = sum / n;
  sum = 0;
  for (const auto& sample : event.samples) sum += std::abs(sample.milliseconds - s.average_ms);
  s.deviation_ms = sum / n;
  std::int64_t period = std::max<std::int64_t>(1, now_seconds - event.samples.front().unix_seconds);
  s.seconds_between = static_cast<double>(period) / static_cast<double>(n);
  return s;
}

}  // namespace

std::string LatencyGraph(const LatencyMonitor::Event& event, std::int64_t now_seconds) {
  std::int64_t low = 0, high = 0;
  if (!event.samples.empty()) {
    auto [min, max] = std::ranges::minmax_element(event.samples, {}, &LatencyMonitor::Sample::milliseconds);
    low = min->milliseconds;
    high = max->milliseconds;
  }
  std::string out = event.name + Format(" - high %lld ms, low %lld ms (all time high %lld ms)\n", static_cast<long long>(high),
                                        static_cast<long long>(low), static_cast<long long>(event.max_ms));
  out += std::string(kColumns, '-') + '\n';
  for (std::size_t at = 0; at < event.samples.size(); at += kColumns) {
    if (at != 0) out += '\n';
    std::span<const LatencyMonitor::Sample> samples(event.samples);
    Draw(samples.subspan(at, std::min(kColumns, samples.size() - at)), low, high, now_seconds, &out);
  }
  return out;
}

std::string LatencyReport(std::span<const LatencyMonitor::Event> events, const DoctorFacts& facts, std::int64_t now_seconds) {
  if (events.empty()) {
    return facts.threshold_ms == 0 ? "Latency events are not being recorded. Turn them on with CONFIG SET latency-monitor-threshold <milliseconds>.\n"
                                   : "No event took as long as latency-monitor-threshold yet.\n";
  }
  std::string out = "Events that took long:\n\n";
  bool commands = false, fast = false, disk = false, always = false, expiry = false, eviction = false;
  int number = 0;
  for (const LatencyMonitor::Event& e : events) {
    Summary s = Summarize(e, now_seconds);
    out += std::to_string(++number) + ". " + e.name +
           Format(": %zu spikes, %lld ms on average (mean deviation %lld ms), one every %.2f s. The worst ever took %lld ms.\n", e.samples.size(),
                  static_cast<long long>(s.average_ms), static_cast<long long>(s.deviation_ms), s.seconds_between, static_cast<long long>(e.max_ms));
    commands |= e.name == "command";
    fast |= e.name == "fast-command";
    disk |= e.name.starts_with("aof-");
    always |= e.name == "aof-fsync-always" && facts.fsync_always;
    expiry |= e.name == "expire-cycle" || e.name == "expire-del";
    eviction |= e.name.starts_with("eviction-");
  }
  out += "\nWhat may help:\n\n";
  if (commands && (facts.slowlog_us < 0 || facts.slowlog_us / 1000 > facts.threshold_ms)) {
    out += Format("- The slow log does not catch these commands: CONFIG SET slowlog-log-slower-than %lld.\n", static_cast<long long>(facts.threshold_ms * 1000));
  }
  if (commands) out += "- SLOWLOG GET names the commands that took long. Those with many elements can often be split.\n";
  if (fast) out += "- Commands that do little took long: other processes, or other virtual machines of the host, take CPU time. Look at the load and at steal time.\n";
  if (disk) out += "- The disk is slow or shared: use a local SSD, and keep other writers away from it.\n";
  if (always) out += "- appendfsync is `always`, so every write waits for the disk; `everysec` does not.\n";
  if (expiry) out += "- Many keys expire together: spread their times to live, or raise hz so that each round does less. lazyfree-lazy-expire frees big values aside.\n";
  if (eviction) out += "- Much memory had to be freed at once: raise maxmemory in steps, avoid sudden big writes. lazyfree-lazy-eviction frees big values aside.\n";
  return out;
}

}  // namespace slotwise
