#include "acl/auth_throttle.h"

#include <algorithm>

namespace slotwise {

void AuthThrottle::Forgive(Level& level, std::int64_t now_ms) {
  if (now_ms < level.since_ms) level.since_ms = now_ms;  // the clock was set back
  const std::int64_t steps = (now_ms - level.since_ms) / kForgiveMs;
  level.value = static_cast<int>(std::max<std::int64_t>(0, level.value - steps));
  level.since_ms = level.value == 0 ? now_ms : level.since_ms + steps * kForgiveMs;
}

std::int64_t AuthThrottle::DelayOf(int level) {
  if (level <= kFree) return 0;
  const int doublings = std::min(level - kFree - 1, 20);
  return std::min(kFirstDelayMs << doublings, kDelayMsMax);
}

std::int64_t AuthThrottle::Failed(std::string_view address, std::int64_t now_ms) {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = levels_.find(address);
  if (it == levels_.end()) {
    if (levels_.size() >= kAddressesMax) MakeRoom(now_ms);
    it = levels_.emplace(std::string(address), Level{0, now_ms}).first;
  }
  Forgive(it->second, now_ms);
  it->second.value = std::min(it->second.value + 1, kLevelMax);
  return DelayOf(it->second.value);
}

std::int64_t AuthThrottle::Succeeded(std::string_view address, std::int64_t now_ms) {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = levels_.find(address);
  if (it == levels_.end()) return 0;
  Forgive(it->second, now_ms);
  if (it->second.value > 0) return DelayOf(it->second.value);
  levels_.erase(it);
  return 0;
}

void AuthThrottle::MakeRoom(std::int64_t now_ms) {
  for (auto it = levels_.begin(); it != levels_.end();) {
    Forgive(it->second, now_ms);
    it = it->second.value == 0 ? levels_.erase(it) : std::next(it);
  }
  if (levels_.size() < kAddressesMax) return;
  levels_.erase(std::ranges::min_element(levels_, {}, [](const auto& item) { return item.second.since_ms; }));
}

std::size_t AuthThrottle::address_count() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return levels_.size();
}

std::string_view AddressWithoutPort(std::string_view address) { return address.substr(0, address.rfind(':')); }

}  // namespace slotwise
