#include "engine/monitor_feed.h"

#include <cstdio>

#include "base/split_args.h"

namespace slotwise {

void MonitorFeed::Add(const Client& client) {
  std::lock_guard<std::mutex> guard(mutex_);
  watchers_.emplace(client.id, client.sink);
  observers_.fetch_or(bit_, std::memory_order_relaxed);
}

void MonitorFeed::Remove(std::uint64_t client_id) {
  std::lock_guard<std::mutex> guard(mutex_);
  watchers_.erase(client_id);
  if (watchers_.empty()) observers_.fetch_and(~bit_, std::memory_order_relaxed);
}

std::string MonitorFeed::Line(const Client& client, std::span<const std::string_view> args, std::int64_t unix_us) {
  char head[64];
  std::snprintf(head, sizeof head, "+%lld.%06lld [%d ", static_cast<long long>(unix_us / 1000000), static_cast<long long>(unix_us % 1000000), client.db);
  std::string line(head);
  if (client.unix_socket) line += "unix:" + client.address.substr(0, client.address.rfind(':'));
  else line += client.address;
  line += ']';
  for (std::string_view arg : args) {
    line += ' ';
    AppendQuoted(arg, &line);
  }
  line += "\r\n";
  return line;
}

void MonitorFeed::Show(const Client& client, std::span<const std::string_view> args, std::int64_t unix_us) {
  auto line = std::make_shared<const std::string>(Line(client, args, unix_us));
  std::lock_guard<std::mutex> guard(mutex_);
  for (auto& [id, sink] : watchers_) sink->Push(line, line, 0);
}

}  // namespace slotwise
