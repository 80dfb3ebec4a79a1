#include "engine/slow_log.h"

#include <algorithm>

namespace slotwise {
namespace {

std::vector<std::string> Cut(std::span<const std::string_view> args) {
  std::vector<std::string> cut;
  std::size_t n = std::min(args.size(), SlowLog::kMaxArguments);
  cut.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (args.size() > n && i == n - 1) {
      cut.push_back("... (" + std::to_string(args.size() - n + 1) + " more arguments)");
      continue;
    }
    std::string& text = cut.emplace_back(args[i].substr(0, SlowLog::kMaxArgumentBytes));
    if (std::size_t left = args[i].size() - text.size()) text += "... (" + std::to_string(left) + " more bytes)";
  }
  return cut;
}

}  // namespace

void SlowLog::Add(std::int64_t unix_seconds, std::int64_t microseconds, std::span<const std::string_view> args, std::string_view address,
                  std::string_view name) {
  Entry entry{0, unix_seconds, microseconds, Cut(args), std::string(address), std::string(name)};
  std::lock_guard<std::mutex> guard(mutex_);
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  while (entries_.size() > max_length_) entries_.pop_back();
}

void SlowLog::SetMaxLength(std::size_t n) {
  std::lock_guard<std::mutex> guard(mutex_);
  max_length_ = n;
  while (entries_.size() > max_length_) entries_.pop_back();
}

void SlowLog::Reset() {
  std::lock_guard<std::mutex> guard(mutex_);
  entries_.clear();
}

std::size_t SlowLog::length() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return entries_.size();
}

std::vector<SlowLog::Entry> SlowLog::Newest(std::size_t count) const {
  std::lock_guard<std::mutex> guard(mutex_);
  return {entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(std::min(count, entries_.size()))};
}

}  // namespace slotwise
