// A connection that this server opens to another one, for a caller that can do nothing else until it has its answers.
// Everything, from connecting to the last line read, has one deadline, so whoever waits for the caller waits no longer than
// the caller said. Only looking up a host name is the resolver's: it takes what /etc/resolv.conf allows.
// What the other side sends is bounded: a line, and what may arrive before anybody asked for it.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace slotwise {

class BlockingConnection {
 public:
  static constexpr std::size_t kLineMax = 1024;            // with its end; a longer one is an error
  static constexpr std::size_t kUnreadMax = 1024 * 1024;   // beyond it the peer has to wait

  explicit BlockingConnection(std::int64_t timeout_ms);
  ~BlockingConnection();
  BlockingConnection(const BlockingConnection&) = delete;
  BlockingConnection& operator=(const BlockingConnection&) = delete;

  // `host`: an IPv4 or IPv6 address or a name, each of whose addresses is tried in turn. This and the next two: false after
  // an error, the end of the connection or the deadline; nothing more is to be had then.
  [[nodiscard]] bool Connect(const std::string& host, int port);
  // Takes in meanwhile what the peer answers already, so that neither waits for the other to read.
  [[nodiscard]] bool Send(std::string_view bytes);
  // Without its line end.
  [[nodiscard]] bool ReadLine(std::string* line);

 private:
  [[nodiscard]] bool Wait(int fd, short events, short* ready);
  [[nodiscard]] bool ConnectTo(int fd, const void* address, unsigned size);
  [[nodiscard]] bool Receive();

  std::chrono::steady_clock::time_point deadline_;
  int fd_ = -1;
  std::string unread_;
  std::size_t read_ = 0;  // of unread_, handed out
};

}  // namespace slotwise
