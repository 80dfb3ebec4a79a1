#include "net/server.h"

#include <unistd.h>

#include <thread>

namespace slotwise {
namespace {

void WakeAll(void* server) {
  auto* s = static_cast<Server*>(server);
  for (int i = 0; i < s->thread_count(); ++i) s->Thread(i).WakeIfGated();
}

}  // namespace

Server::Server(Engine& engine) : engine_(engine) {}
Server::~Server() { Stop(); }

Status Server::Start() {
  Config& config = engine_.config();
  auto backlog = static_cast<int>(config.Int(Directive::kTcpBacklog));
  auto port = static_cast<int>(config.Int(Directive::kPort));
  auto fail = [&](Status s) {
    for (Listener& l : listeners_) close(l.fd);
    listeners_.clear();
    return s;
  };
  if (port != 0 || engine_.listen_any_port()) {
    std::vector<std::string> addresses = config.BindAddresses();
    if (addresses.empty()) addresses = {"*", "-::*"};
    for (std::string address : addresses) {
      bool optional = address.starts_with("-");
      if (optional) address.erase(0, 1);
      Listener l;
      Status s = ListenTcp(address, port, backlog, &l);
      if (!s.ok()) {
        if (optional && (s.code() == EADDRNOTAVAIL || s.code() == EAFNOSUPPORT || s.code() == ENOPROTOOPT || s.code() == EPROTONOSUPPORT)) continue;
        return fail(s);
      }
      listeners_.push_back(l);
      port = LocalPort(l.fd);
    }
    port_ = port;
  }
  if (std::string path = config.Str(Directive::kUnixsocket); !path.empty()) {
    Listener l;
    Status s = ListenUnix(path, static_cast<int>(config.Int(Directive::kUnixsocketperm)), backlog, &l);
    if (!s.ok()) return fail(s);
    listeners_.push_back(l);
  }
  auto count = static_cast<int>(config.Int(Directive::kIoThreads));
  for (int i = 0; i < count; ++i) threads_.push_back(std::make_unique<IoThread>(*this, engine_, i));
  for (const Listener& l : listeners_) threads_[0]->AddListener(l);
  for (auto& t : threads_) {
    if (Status s = t->Start(); !s.ok()) return s;
  }
  engine_.log().SetWaker(WakeAll, this);
  return Status::Ok();
}

void Server::Stop() {
  if (stopped_) return;
  stopped_ = true;
  for (auto& t : threads_) t->StopAndJoin();
  engine_.log().SetWaker(nullptr, nullptr);
  for (Listener& l : listeners_) {
    close(l.fd);
    if (l.unix_socket) unlink(l.address.c_str());
  }
  listeners_.clear();
}

std::vector<std::string> Server::addresses() const {
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
