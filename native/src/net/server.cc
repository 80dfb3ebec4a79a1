#include "net/server.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>


namespace slotwise {
namespace {

void WakeAll(void* server) {
  auto* s = static_cast<Server*>(server);
  for (int i = 0; i < s->thread_count(); ++i) s->Thread(i).WakeIfGated();
}

// As WakeAll, by a thread that looks at its own waiting replies later in its turn.
void WakeOthers(void* server) {
  auto* s = static_cast<Server*>(server);
  for (int i = 0; i < s->thread_count(); ++i) {
    if (&s->Thread(i) != IoThread::Current()) s->Thread(i).WakeIfGated();
  }
}

bool Holds(const std::vector<Listener>& listeners, const Listener& one) {
  return std::any_of(listeners.begin(), listeners.end(), [&](const Listener& l) { return l.fd == one.fd; });
}

void CloseListeners(std::vector<Listener>& listeners) {
  for (Listener& l : listeners) close(l.fd);
  listeners.clear();
}

// Closes those of `some` that `kept` does not hold.
void CloseOthers(const std::vector<Listener>& some, const std::vector<Listener>& kept) {
  for (const Listener& l : some) {
    if (!Holds(kept, l)) close(l.fd);
  }
}

}  // namespace

Server::Server(Engine& engine) : engine_(engine) {}
Server::~Server() { Stop(); }

// The port changes at the end only: a link to a primary may announce it while this runs.
Status Server::OpenTcp(const std::vector<Listener>& existing, std::vector<Listener>* out) {
  Config& config = engine_.config();
  auto port = static_cast<int>(config.Int(Directive::kPort));
  if (port == 0 && !engine_.listen_any_port()) {
    port_.store(0, std::memory_order_relaxed);
    return Status::Ok();
  }
  std::vector<std::string> addresses = config.BindAddresses();
  if (addresses.empty()) addresses = {"*", "-::*"};
  for (std::string address : addresses) {
    bool optional = address.starts_with("-");
    if (optional) address.erase(0, 1);
    auto same = std::find_if(existing.begin(), existing.end(),
                             [port, spec = address + ":" + std::to_string(port)](const Listener& l) { return port != 0 && l.spec == spec; });
    Listener l;
    if (same != existing.end()) {
      l = *same;
    } else if (Status s = BindTcp(address, port, &l); !s.ok()) {
      if (optional && (s.code() == EADDRNOTAVAIL || s.code() == EAFNOSUPPORT || s.code() == ENOPROTOOPT || s.code() == EPROTONOSUPPORT)) continue;
      return s;
    }
    out->push_back(l);
    port = LocalPort(l.fd);
  }
  port_.store(port, std::memory_order_relaxed);
  return Status::Ok();
}

Status Server::Bind() {
  std::lock_guard<std::mutex> guard(listeners_mutex_);
  Status s = OpenTcp({}, &listeners_);
  if (!s.ok()) CloseListeners(listeners_);
  return s;
}

Status Server::Start() {
  Config& config = engine_.config();
  auto backlog = static_cast<int>(config.Int(Directive::kTcpBacklog));
  {
    std::lock_guard<std::mutex> guard(listeners_mutex_);
    auto fail = [&](Status s) {
      CloseListeners(listeners_);
      return s;
    };
    // What is bound already stays, unless `port` or `bind` have changed since.
    std::vector<Listener> bound;
    bound.swap(listeners_);
    Status s = OpenTcp(bound, &listeners_);
    CloseOthers(bound, listeners_);
    for (std::size_t i = 0; s.ok() && i < listeners_.size(); ++i) s = StartListening(listeners_[i], backlog);
    if (!s.ok()) return fail(s);
    if (std::string path = config.Str(Directive::kUnixsocket); !path.empty()) {
      Listener l;
      s = ListenUnix(path, static_cast<int>(config.Int(Directive::kUnixsocketperm)), backlog, &l);
      if (!s.ok()) return fail(s);
      listeners_.push_back(l);
    }
    auto count = static_cast<int>(config.Int(Directive::kIoThreads));
    for (int i = 0; i < count; ++i) threads_.push_back(std::make_unique<IoThread>(*this, engine_, i));
    for (const Listener& l : listeners_) threads_[0]->AddListener(l);
  }
  for (auto& t : threads_) {
    if (Status s = t->Start(); !s.ok()) return s;
  }
  engine_.log().SetWaker(WakeAll, this);
  engine_.semi_sync().SetWaker(WakeOthers, this);
  running_.store(true, std::memory_order_relaxed);
  return Status::Ok();
}

Status Server::Relisten() {
  std::lock_guard<std::mutex> guard(listeners_mutex_);
  if (stopped_ || !running()) return Status::Ok();
  auto backlog = static_cast<int>(engine_.config().Int(Directive::kTcpBacklog));
  std::vector<Listener> next;
  Status s = OpenTcp(listeners_, &next);
  // In use by our own: *:7000 has to go before 127.0.0.1:7000 can come.
  bool overlap = s.code() == EADDRINUSE && std::any_of(listeners_.begin(), listeners_.end(), [&](const Listener& l) {
                   return !l.unix_socket && LocalPort(l.fd) == engine_.config().Int(Directive::kPort);
                 });
  if (overlap) {
    CloseOthers(next, listeners_);
    next.clear();
    for (const Listener& l : listeners_) {
      if (!l.unix_socket) StopListening(l);
    }
    s = OpenTcp({}, &next);
  }
  for (std::size_t i = 0; s.ok() && i < next.size(); ++i) s = StartListening(next[i], backlog);
  if (!s.ok()) {
    engine_.logger().Warn(s.message());
    CloseOthers(next, listeners_);
    if (!overlap) return s;
    next.clear();
    port_.store(0, std::memory_order_relaxed);
  }
  for (const Listener& l : listeners_) {
    if (l.unix_socket) next.push_back(l);
  }
  // Those that are left out stop at once; the thread that polls them closes them.
  for (const Listener& l : listeners_) {
    if (!Holds(next, l)) StopListening(l);
  }
  listeners_ = next;
  threads_[0]->SetListeners(std::move(next));
  return s;
}

void Server::FollowLog() {
  engine_.log().SetWaker(WakeAll, this);
  WakeAll(this);
}

void Server::Stop() {
  if (stopped_) return;
  {
    std::lock_guard<std::mutex> guard(listeners_mutex_);
    stopped_ = true;
  }
  for (auto& t : threads_) t->StopAndJoin();
  engine_.log().SetWaker(nullptr, nullptr);
  engine_.semi_sync().SetWaker(nullptr, nullptr);
  std::lock_guard<std::mutex> guard(listeners_mutex_);
  for (const Listener& l : listeners_) {
    if (l.unix_socket) unlink(l.address.c_str());
  }
  CloseListeners(listeners_);
}

std::vector<std::string> Server::addresses() const {
  std::lock_guard<std::mutex> guard(listeners_mutex_);
  std::vector<std::string> out;
  for (const Listener& l : listeners_) out.push_back(l.address);
  return out;
}

std::size_t Server::connection_count() const {
  std::size_t n = 0;
  for (const auto& t : threads_) n += t->connection_count();
  return n;
}

IoThread& Server::LeastBusy() {
  IoThread* best = threads_[0].get();
  for (auto& t : threads_) {
    if (t->connection_count() < best->connection_count()) best = t.get();
  }
  return *best;
}

}  // namespace slotwise
