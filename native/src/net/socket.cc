#include "net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace slotwise {
namespace {

constexpr const char* kCannotListen = "Could not create server TCP listening socket ";

Status Fail(const std::string& what, int error) { return Status::Error(error, what + ": " + std::strerror(error)); }

std::string Format(const sockaddr_storage& a) {
  char text[INET6_ADDRSTRLEN] = "";
  if (a.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(a);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (a.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(a);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return "?:0";
}

}  // namespace

Status BindTcp(const std::string& address, int port, Listener* out) {
  out->spec = address + ":" + std::to_string(port);
  std::string name = kCannotListen + out->spec;
  sockaddr_storage a{};
  socklen_t size;
  bool any6 = address == "::*" || address == "::";
  auto& v4 = reinterpret_cast<sockaddr_in&>(a);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(a);
  if (address == "*" || inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    if (address == "*") v4.sin_addr.s_addr = INADDR_ANY;
    v4.sin_port = htons(static_cast<std::uint16_t>(port));
    size = sizeof v4;
  } else if (any6 || inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    if (any6) v6.sin6_addr = in6addr_any;
    v6.sin6_port = htons(static_cast<std::uint16_t>(port));
    size = sizeof v6;
  } else if (address == "localhost") {
    return BindTcp("127.0.0.1", port, out);
  } else {
    return Status::Error(EINVAL, name + ": not an IP address");
  }
  int fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(name, errno);
  int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (a.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (bind(fd, reinterpret_cast<sockaddr*>(&a), size) != 0) {
    int error = errno;
    close(fd);
    return Fail(name + ": bind", error);
  }
  out->fd = fd;
  out->unix_socket = false;
  out->address = LocalAddress(fd);
  return Status::Ok();
}

Status StartListening(const Listener& listener, int backlog) {
  // Two may be bound to one port as long as neither listens: here the second finds out.
  if (listen(listener.fd, backlog) == 0) return Status::Ok();
  return Fail(kCannotListen + listener.spec + ": listen", errno);
}

void StopListening(const Listener& listener) { shutdown(listener.fd, SHUT_RDWR); }

Status ListenUnix(const std::string& path, int permissions, int backlog, Listener* out) {
  std::string name = "Failed opening Unix socket: bind: " + path;
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.size() >= sizeof a.sun_path) return Status::Error(ENAMETOOLONG, name + ": path too long");
  std::memcpy(a.sun_path, path.c_str(), path.size() + 1);
  struct stat st;
  if (lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode)) unlink(path.c_str());
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Fail(name, errno);
  if (bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 || (permissions != 0 && chmod(path.c_str(), static_cast<mode_t>(permissions)) != 0) ||
      listen(fd, backlog) != 0) {
    int error = errno;
    close(fd);
    return Fail(name, error);
  }
  out->fd = fd;
  out->unix_socket = true;
  out->address = path;
  return Status::Ok();
}

void PrepareConnection(int fd, bool unix_socket, int keepalive_seconds) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (unix_socket) return;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (keepalive_seconds <= 0) return;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  int interval = keepalive_seconds / 3 > 0 ? keepalive_seconds / 3 : 1;
  int count = 3;
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive_seconds, sizeof keepalive_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

std::string PeerAddress(int fd) {
  sockaddr_storage a{};
  socklen_t n = sizeof a;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&a), &n) == 0 ? Format(a) : "?:0";
}

std::string LocalAddress(int fd) {
  sockaddr_storage a{};
  socklen_t n = sizeof a;
  return getsockname(fd, reinterpret_cast<sockaddr*>(&a), &n) == 0 ? Format(a) : "?:0";
}

bool PeerIsLoopback(int fd) {
  sockaddr_storage a{};
  socklen_t n = sizeof a;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&a), &n) != 0) return false;
  if (a.ss_family == AF_UNIX) return true;
  if (a.ss_family == AF_INET) return (ntohl(reinterpret_cast<sockaddr_in&>(a).sin_addr.s_addr) >> 24) == 127;
  if (a.ss_family == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<sockaddr_in6&>(a).sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  return false;
}

int LocalPort(int fd) {
  sockaddr_storage a{};
  socklen_t n = sizeof a;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&a), &n) != 0) return 0;
  if (a.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in&>(a).sin_port);
  if (a.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6&>(a).sin6_port);
  return 0;
}

}  // namespace slotwise
