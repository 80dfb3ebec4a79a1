// Sockets: opening listeners, and the options every connection gets. Errors come back as sentences naming the address.
#pragma once
#include <string>
#include <vector>

#include "base/status.h"

namespace slotwise {

struct Listener {
  int fd = -1;
  bool unix_socket = false;
  std::string address;
  std::string spec;  // what it was opened for: an address of `bind` and a port
};

// `address` as in `bind`: an IPv4 or IPv6 address, "*" or "::*"; a leading '-' (optional address) is handled by the caller.
// Bound, not listening: that is listen(2)'s to do.
Status BindTcp(const std::string& address, int port, Listener* out);
Status StartListening(const Listener& listener, int backlog);
// No more connections, and its port is free for others; the descriptor stays open. Any thread.
void StopListening(const Listener& listener);
// Replaces a stale socket file. `permissions`: 0 leaves the umask's.
Status ListenUnix(const std::string& path, int permissions, int backlog, Listener* out);
// Non-blocking, TCP_NODELAY, SO_KEEPALIVE with `keepalive_seconds` (0: none).
void PrepareConnection(int fd, bool unix_socket, int keepalive_seconds);
std::string PeerAddress(int fd);    // "127.0.0.1:6379", "[::1]:6379"
std::string LocalAddress(int fd);
bool PeerIsLoopback(int fd);
int LocalPort(int fd);

}  // namespace slotwise
