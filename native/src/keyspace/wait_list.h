// Which clients wait for which keys of a stripe (BLPOP and its relatives), in the order in which they began to. Guarded by
// the stripe's lock.
//
// A client that was served or gave up may stand here a little longer: its Waiter says so, and whoever meets it skips it.
// Some serve themselves from a key of this stripe and put something into a key of another one (BLMOVE): these other
// stripes are counted as targets, since who makes a key of this stripe ready has to hold them too.
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "keyspace/db_key.h"

namespace slotwise {

class Waiter;  // engine/blocking.h

class WaitList {
 public:
  using Queue = std::list<std::shared_ptr<Waiter>>;
  struct Key {
    Queue waiters;
    std::uint64_t ready_mark = 0;  // the command under which the key was noted as ready
  };

  Queue::iterator Add(int db, std::string_view key, std::shared_ptr<Waiter> who) {
    Queue& q = keys_[DbKey(db, key)].waiters;
    return q.insert(q.end(), std::move(who));
  }
  void Remove(int db, std::string_view key, Queue::iterator at) {
    auto it = keys_.find(DbKey(db, key));
    it->second.waiters.erase(at);
    if (it->second.waiters.empty()) keys_.erase(it);
  }
  Key* Find(int db, std::string_view key) {
    auto it = keys_.find(DbKey(db, key));
    return it == keys_.end() ? nullptr : &it->second;
  }
  bool empty() const { return keys_.empty(); }
  // visit(db, key) for every key that somebody waits for: SWAPDB.
  template <typename F>
  void ForEach(F&& visit) const {
    for (const auto& [name, key] : keys_) visit(DbOf(name), KeyOf(name));
  }

  void AddTarget(int stripe) { ++targets_[stripe]; }
  void RemoveTarget(int stripe) {
    if (--targets_[stripe] == 0) targets_.erase(stripe);
  }
  // Stripe and how many waiters put something into it.
  const std::map<int, std::uint32_t>& targets() const { return targets_; }

 private:
  std::unordered_map<std::string, Key> keys_;
  std::map<int, std::uint32_t> targets_;
};

}  // namespace slotwise
