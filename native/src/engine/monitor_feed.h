// MONITOR: the connections that see every command, and what they see.
// A command is shown after it ran, still under the locks of its keys, so that commands on one key are shown in the order
// in which they took effect, from whichever threads. While nobody watches, executing threads only look at a flag that
// they read anyway (Engine::observers).
// Source: Redis 7.0 MONITOR documentation. Elsewhere: the command (commands/monitor.cc), hiding secrets (commands/redaction.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "engine/client.h"

namespace slotwise {

class MonitorFeed {
 public:
  // `bit` of `observers` is set while anybody watches.
  MonitorFeed(std::atomic<std::uint32_t>& observers, std::uint32_t bit) : observers_(observers), bit_(bit) {}
  // The client has a sink.
  void Add(const Client& client);
  void Remove(std::uint64_t client_id);

  // Shows a command of `client`, which ran at `unix_us`, to everybody who watches.
  void Show(const Client& client, std::span<const std::string_view> args, std::int64_t unix_us);

  // The line; the database is the one that the command left the client in: +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
  static std::string Line(const Client& client, std::span<const std::string_view> args, std::int64_t unix_us);

 private:
  std::atomic<std::uint32_t>& observers_;
  const std::uint32_t bit_;
  std::mutex mutex_;  // a leaf: sinks are mailboxes
  std::map<std::uint64_t, std::shared_ptr<ClientSink>> watchers_;
};

}  // namespace slotwise
