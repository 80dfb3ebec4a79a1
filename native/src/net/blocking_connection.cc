#include "net/blocking_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace slotwise {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr std::int64_t kTimeoutMax = std::int64_t{1000} * 60 * 60 * 24 * 365;  // so that no sum overflows
constexpr std::int64_t kPollMax = 60 * 1000;

}  // namespace

BlockingConnection::BlockingConnection(std::int64_t timeout_ms)
    : deadline_(Clock::now() + Milliseconds(std::clamp<std::int64_t>(timeout_ms, 0, kTimeoutMax))) {}

BlockingConnection::~BlockingConnection() {
  if (fd_ >= 0) close(fd_);
}

bool BlockingConnection::Wait(int fd, short events, short* ready) {
  for (;;) {
    std::int64_t left = std::chrono::ceil<Milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) return false;
    pollfd item{fd, events, 0};
    int n = poll(&item, 1, static_cast<int>(std::min(left, kPollMax)));
    if (n > 0) {
      *ready = item.revents;
      return true;
    }
    if (n < 0 && errno != EINTR) return false;
  }
}

bool BlockingConnection::ConnectTo(int fd, const void* address, unsigned size) {
  if (connect(fd, static_cast<const sockaddr*>(address), size) == 0) return true;
  if (errno != EINPROGRESS && errno != EINTR) return false;
  short ready;
  if (!Wait(fd, POLLOUT, &ready)) return false;
  int error = 0;
  socklen_t error_size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == 0;
}

bool BlockingConnection::Connect(const std::string& host, int port) {
  if (host.empty() || host.find('\0') != std::string::npos || port <= 0 || port > 65535) return false;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return false;
  for (const addrinfo* a = found; a != nullptr && fd_ < 0; a = a->ai_next) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    if (ConnectTo(fd, a->ai_addr, a->ai_addrlen)) fd_ = fd;
    else close(fd);
  }
  freeaddrinfo(found);
  if (fd_ < 0) return false;
  int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return true;
}

bool BlockingConnection::Receive() {
  char bytes[16 * 1024];
  ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  unread_.append(bytes, static_cast<std::size_t>(n));
  return true;
}

bool BlockingConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const bool room = unread_.size() - read_ < kUnreadMax;
    short ready;
    if (!Wait(fd_, static_cast<short>(room ? POLLIN | POLLOUT : POLLOUT), &ready)) return false;
    if ((ready & POLLIN) != 0 && !Receive()) return false;
    if ((ready & (POLLOUT | POLLERR | POLLHUP)) == 0) continue;
    ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    else if (errno != EAGAIN && errno != EINTR) return false;
  }
  return true;
}

bool BlockingConnection::ReadLine(std::string* line) {
  for (;;) {
    std::string_view rest = std::string_view(unread_).substr(read_);
    std::size_t end = rest.substr(0, kLineMax).find('\n');
    if (end != std::string_view::npos) {
      read_ += end + 1;
      if (end > 0 && rest[end - 1] == '\r') --end;
      line->assign(rest.substr(0, end));
      return true;
    }
    if (rest.size() >= kLineMax) return false;
    unread_.erase(0, read_);
    read_ = 0;
    short ready;
    if (!Wait(fd_, POLLIN, &ready) || !Receive()) return false;
  }
}

}  // namespace slotwise
