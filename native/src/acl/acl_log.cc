#include "acl/acl_log.h"

namespace slotwise {

void AclLog::Add(Entry entry, std::size_t entries_max) {
  if (entry.object.size() > kNameMax) entry.object.resize(kNameMax);
  if (entry.username.size() > kNameMax) entry.username.resize(kNameMax);
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = entries_.begin();
  for (int i = 0; i < kGroupSearch && it != entries_.end(); ++i, ++it) {
    const std::int64_t age = entry.time_ms - it->time_ms;
    if (it->reason != entry.reason || it->in_transaction != entry.in_transaction || age > kGroupMs || age < -kGroupMs ||
        it->object != entry.object || it->username != entry.username) {
      continue;
    }
    ++it->count;
    it->time_ms = entry.time_ms;
    it->client_info = std::move(entry.client_info);
    entries_.splice(entries_.begin(), entries_, it);
    return;
  }
  entries_.push_front(std::move(entry));
  while (entries_.size() > entries_max) entries_.pop_back();
}

std::vector<AclLog::Entry> AclLog::Newest(std::size_t count) const {
  std::lock_guard<std::mutex> guard(mutex_);
  std::vector<Entry> newest;
  for (auto it = entries_.begin(); it != entries_.end() && newest.size() < count; ++it) newest.push_back(*it);
  return newest;
}

void AclLog::Clear() {
  std::lock_guard<std::mutex> guard(mutex_);
  entries_.clear();
}

}  // namespace slotwise
