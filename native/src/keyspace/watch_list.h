// Which clients watch which keys of a stripe (WATCH). Guarded by the stripe's lock.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "keyspace/db_key.h"

namespace slotwise {

// One client's WATCH state, shared between the client and the lists: a write marks it from any thread.
struct WatchState {
  std::atomic<bool> dirty{false};
};

// One client that watches a key.
struct Watcher {
  std::shared_ptr<WatchState> who;
  // The key was there but expired when it was watched, and still is: deleting it changes nothing for the client.
  bool stale = false;
};

class WatchList {
 public:
  void Add(int db, std::string_view key, const std::shared_ptr<WatchState>& who, bool stale);
  void Remove(int db, std::string_view key, const WatchState* who);
  // The key was changed, and is there now or not.
  void Touch(int db, std::string_view key, bool exists);
  bool IsStale(int db, std::string_view key, const WatchState* who) const;
  // visit(db, key, watchers) for every watched key: FLUSHALL, SWAPDB.
  template <typename F>
  void ForEach(F&& visit) {
    for (auto& [name, watchers] : keys_) visit(DbOf(name), KeyOf(name), watchers);
  }
  bool empty() const { return keys_.empty(); }
  std::size_t size() const { return keys_.size(); }

 private:
  std::unordered_map<std::string, std::vector<Watcher>> keys_;
};

}  // namespace slotwise
