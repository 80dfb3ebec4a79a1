// AclLog: what was denied lately, newest first: ACL LOG. The same denial within a minute raises the count of its entry
// instead of taking another, so a client in a loop does not push everything else out.
// Any thread; denials are rare, so one lock. Source: Redis 7.0 ACL LOG.
#pragma once
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "acl/selector.h"

namespace slotwise {

class AclLog {
 public:
  // Names are kept up to this length: a key may be of 512 MB.
  static constexpr std::size_t kNameMax = 4096;
  static constexpr std::int64_t kGroupMs = 60000;
  static constexpr int kGroupSearch = 10;  // entries that are looked at

  struct Entry {
    std::uint64_t count = 1;
    AclDenial reason = AclDenial::kCommand;
    bool in_transaction = false;  // context: multi, else toplevel
    std::string object;           // a command, key or channel
    std::string username;
    std::int64_t time_ms = 0;     // of the last one
    std::string client_info;      // a line of CLIENT LIST, of the last one
  };

  void Add(Entry entry, std::size_t entries_max);
  std::vector<Entry> Newest(std::size_t count) const;
  void Clear();

 private:
  mutable std::mutex mutex_;
  std::list<Entry> entries_;
};

}  // namespace slotwise
