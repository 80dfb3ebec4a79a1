// An engine that listens, with real sockets to talk to it.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "engine_fixture.h"
#include "net/server.h"
#include "test.h"

namespace slotwise::test {

// recv(), again after an interruption: with a limit to the wait, a thread that was stopped or frozen gets one.
inline ssize_t Receive(int fd, char* out, std::size_t size) {
  for (;;) {
    const ssize_t n = recv(fd, out, size, 0);
    if (n >= 0 || errno != EINTR) return n;
  }
}

class Socket {
 public:
  explicit Socket(int port) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(static_cast<std::uint16_t>(port));
    timeval limit{60, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
  }
  ~Socket() { close(fd_); }
  bool connected() const { return connected_; }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Reads until `size` bytes are there; less at the end of the connection or after a minute.
  std::string Read(std::size_t size) {
    std::string out(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      ssize_t n = Receive(fd_, out.data() + have, size - have);
      if (n <= 0) break;
      have += static_cast<std::size_t>(n);
    }
    out.resize(have);
    return out;
  }
  // Reads until it has read `end`; less, and a failure, at the end of the connection or after a minute without a byte.
  std::string ReadThrough(std::string_view end) {
    std::string out;
    while (!out.ends_with(end)) {
      const std::string c = Read(1);
      if (c.empty()) {
        Fail(__FILE__, __LINE__, "the connection ended before '" + std::string(end) + "' came: " + out);
        break;
      }
      out += c;
    }
    return out;
  }
  // How long Read() waits; a minute unless it is told.
  void Limit(timeval limit) { setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit); }
  bool Ended() {
    char c;
    return Receive(fd_, &c, 1) <= 0;
  }

 private:
  int fd_;
  bool connected_ = false;
};

struct Listening : EngineFixture {
  explicit Listening(Directives directives) : EngineFixture(directives) {
    engine->set_listen_any_port(true);
    if (engine->config().Int(Directive::kPort) == 6379) (void)engine->config().SetAtStart("port", std::vector<std::string>{"0"});  // others use it
    Status s = engine->Listen();
    if (!s.ok()) Fail(__FILE__, __LINE__, s.message());
  }
  int port() { return engine->server()->port(); }
};


}  // namespace slotwise::test
