// The slow log: the last commands that took at least slowlog-log-slower-than microseconds, newest first.
// Any thread adds; a command that is not slow never comes here. Long arguments and long lists of them are cut as Redis
// cuts them; what must not be seen has been replaced before (commands/redaction.h).
// Source: Redis 7.0 SLOWLOG documentation. Elsewhere: the commands (commands/slowlog_commands.cc).
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

class SlowLog {
 public:
  static constexpr std::size_t kMaxArguments = 32;
  static constexpr std::size_t kMaxArgumentBytes = 128;

  struct Entry {
    std::int64_t id = 0;
    std::int64_t unix_seconds = 0;
    std::int64_t microseconds = 0;
    std::vector<std::string> args;
    std::string address;
    std::string name;
  };

  void Add(std::int64_t unix_seconds, std::int64_t microseconds, std::span<const std::string_view> args, std::string_view address,
           std::string_view name);
  // What is over the limit goes, the oldest first.
  void SetMaxLength(std::size_t n);
  void Reset();
  std::size_t length() const;
  // The newest `count`; a copy.
  std::vector<Entry> Newest(std::size_t count) const;

 private:
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // newest first
  std::int64_t next_id_ = 0;
  std::size_t max_length_ = 128;
};

}  // namespace slotwise
