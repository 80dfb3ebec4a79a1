// The listening side of an engine: its listeners and I/O threads. Started by Engine::Listen.
// Listeners belong to the first thread once that runs: it alone accepts, and closes those that CONFIG SET port or bind
// take away. TCP ports may be bound before the data is loaded (Bind), so that one that is taken shows itself at once.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "engine/engine.h"
#include "net/io_thread.h"

namespace slotwise {

class Server {
 public:
  explicit Server(Engine& engine);
  ~Server();

  // Takes the TCP ports that `bind` and `port` name without listening yet: clients are refused, others find them taken.
  Status Bind();
  // Opens everything that `bind`, `port` and `unixsocket` name, or nothing.
  Status Start();
  // The TCP side again, after `bind` or `port` changed; connections stay. On failure the old listeners may be gone: the
  // caller puts the old values back and calls again.
  Status Relisten();
  void Stop();
  // The engine has another log: who waits for what it promises is told.
  void FollowLog();

  bool running() const { return running_.load(std::memory_order_relaxed); }
  int port() const { return port_.load(std::memory_order_relaxed); }   // the TCP port in use; 0: none
  std::vector<std::string> addresses() const;
  std::size_t connection_count() const;
  int thread_count() const { return static_cast<int>(threads_.size()); }
  IoThread& Thread(int index) { return *threads_[static_cast<std::size_t>(index)]; }
  // The thread with the fewest connections.
  IoThread& LeastBusy();

 private:
  // Sockets for each address of `bind`, those of `existing` where address and port are the same.
  Status OpenTcp(const std::vector<Listener>& existing, std::vector<Listener>* out);

  Engine& engine_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  mutable std::mutex listeners_mutex_;
  std::vector<Listener> listeners_;
  std::atomic<int> port_{0};
  std::atomic<bool> running_{false};
  bool stopped_ = false;
};

}  // namespace slotwise
