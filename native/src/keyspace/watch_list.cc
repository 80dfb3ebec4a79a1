#include "keyspace/watch_list.h"

namespace slotwise {

void WatchList::Add(int db, std::string_view key, const std::shared_ptr<WatchState>& who, bool stale) {
  auto& watchers = keys_[DbKey(db, key)];
  for (const auto& w : watchers) {
    if (w.who == who) return;
  }
  watchers.push_back({who, stale});
}

void WatchList::Remove(int db, std::string_view key, const WatchState* who) {
  auto it = keys_.find(DbKey(db, key));
  if (it == keys_.end()) return;
  std::erase_if(it->second, [&](const auto& w) { return w.who.get() == who; });
  if (it->second.empty()) keys_.erase(it);
}

void WatchList::Touch(int db, std::string_view key, bool exists) {
  auto it = keys_.find(DbKey(db, key));
  if (it == keys_.end()) return;
  for (Watcher& w : it->second) {
    if (w.stale && !exists) w.stale = false;
    else w.who->dirty.store(true, std::memory_order_relaxed);
  }
}

bool WatchList::IsStale(int db, std::string_view key, const WatchState* who) const {
  auto it = keys_.find(DbKey(db, key));
  if (it == keys_.end()) return false;
  for (const Watcher& w : it->second) {
    if (w.who.get() == who) return w.stale;
  }
  return false;
}

}  // namespace slotwise
