#include "keyspace/watch_list.h"

#include <cstring>

namespace slotwise {

std::string WatchList::Name(int db, std::string_view key) {
  std::string name(4 + key.size(), '\0');
  std::memcpy(name.data(), &db, 4);
  if (!key.empty()) std::memcpy(name.data() + 4, key.data(), key.size());
  return name;
}

int WatchList::DbOf(const std::string& name) {
  int db;
  std::memcpy(&db, name.data(), 4);
  return db;
}

void WatchList::Add(int db, std::string_view key, const std::shared_ptr<WatchState>& who) {
  auto& watchers = keys_[Name(db, key)];
  for (const auto& w : watchers) {
    if (w == who) return;
  }
  watchers.push_back(who);
}

void WatchList::Remove(int db, std::string_view key, const WatchState* who) {
  auto it = keys_.find(Name(db, key));
  if (it == keys_.end()) return;
  std::erase_if(it->second, [&](const auto& w) { return w.get() == who; });
  if (it->second.empty()) keys_.erase(it);
}

void WatchList::Touch(int db, std::string_view key) {
  auto it = keys_.find(Name(db, key));
  if (it == keys_.end()) return;
  for (const auto& w : it->second) w->dirty.store(true, std::memory_order_relaxed);
}

}  // namespace slotwise
