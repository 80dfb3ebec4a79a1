// Which clients may have which keys of a stripe in a cache of their own (CLIENT TRACKING). Guarded by the stripe's lock.
// By name alone: a key of that name in any database counts, as in Redis.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace slotwise {

class TrackedClient;  // engine/tracking.h

class TrackedKeys {
 public:
  using Clients = std::vector<std::shared_ptr<TrackedClient>>;

  // False if it was there already. *new_key: nobody had the key.
  bool Add(std::string_view key, const std::shared_ptr<TrackedClient>& client, bool* new_key) {
    auto it = keys_.find(key);
    *new_key = it == keys_.end();
    if (*new_key) it = keys_.emplace(key, Clients{}).first;
    for (const auto& known : it->second) {
      if (known == client) return false;
    }
    it->second.push_back(client);
    return true;
  }
  // Those who may have the key; it is forgotten.
  Clients Take(std::string_view key) {
    auto it = keys_.find(key);
    if (it == keys_.end()) return {};
    Clients clients = std::move(it->second);
    keys_.erase(it);
    return clients;
  }
  // Some key; there must be one.
  std::string Any() const { return keys_.begin()->first; }
  std::size_t size() const { return keys_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  std::unordered_map<std::string, Clients, Hash, std::equal_to<>> keys_;
};

}  // namespace slotwise
