// The listening side of an engine: its listeners and I/O threads. Started by Engine::Listen.
#pragma once
#include <atomic>
#include <memory>
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

  // Opens everything that `bind`, `port` and `unixsocket` name, or nothing.
  Status Start();
  void Stop();

  int port() const { return port_; }   // the TCP port in use; 0: none
  std::vector<std::string> addresses() const;
  std::size_t connection_count() const;
  int thread_count() const { return static_cast<int>(threads_.size()); }
  IoThread& Thread(int index) { return *threads_[static_cast<std::size_t>(index)]; }
  // The thread with the fewest connections.
  IoThread& LeastBusy();

 private:
  Engine& engine_;
  std::vector<std::unique_ptr<IoThread>> threads_;
  std::vector<Listener> listeners_;
  int port_ = 0;
  bool stopped_ = false;
};

}  // namespace slotwise
