#include "engine/failover.h"

#include "base/ticks.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/replication.h"

namespace slotwise {
namespace {

constexpr std::int64_t kPauseMs = std::int64_t{1000} * 60 * 60 * 24 * 365;

}  // namespace

bool WritesWait(Engine& engine) { return engine.clients().pause().UntilMs(engine.NowMs()) != 0; }

const char* Failover::state_name() const {
  switch (state()) {
    case State::kWaiting: return "waiting-for-sync";
    case State::kInProgress: return "failover-in-progress";
    default: return "no-failover";
  }
}

std::string Failover::Start(const Request& request) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (state() != State::kNone) return "ERR FAILOVER already in progress.";
  if (engine_.is_replica()) return "ERR FAILOVER is not valid when server is a replica.";
  const Replication::Info info = replication_.info();
  if (info.replicas.empty()) return "ERR FAILOVER requires connected replicas.";
  if (request.force && (request.timeout_ms == 0 || request.host.empty())) return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
  if (!request.host.empty()) {
    const Replication::ReplicaLine* target = nullptr;
    for (const auto& replica : info.replicas) {
      if (replica.ip == request.host && replica.port == request.port) target = &replica;
    }
    if (target == nullptr) return "ERR FAILOVER target HOST and PORT is not a replica.";
    if (target->state != Replica::State::kOnline) return "ERR FAILOVER target replica is not online.";
  }
  request_ = request;
  const std::int64_t now_ms = MonotonicMs();
  deadline_ms_ = request.timeout_ms > 0 ? now_ms + request.timeout_ms : 0;
  state_.store(State::kWaiting);
  engine_.clients().pause().Pause(ClientPause::Mode::kWrite, engine_.NowMs() + kPauseMs, engine_.NowMs());
  engine_.logger().Info("FAILOVER requested to " + (request.host.empty() ? std::string("any replica") : request.host + ":" + std::to_string(request.port)) + ".");
  return {};
}

std::string Failover::Abort() {
  std::lock_guard<std::mutex> guard(mutex_);
  if (state() == State::kNone) return "ERR No failover in progress.";
  if (state() == State::kInProgress) TakeBack("Failover manually aborted");
  End("Failover manually aborted");
  return {};
}

void Failover::Step() {
  if (state() != State::kWaiting) return;
  std::unique_lock<std::mutex> guard(mutex_, std::try_to_lock);  // somebody else is at it
  if (!guard.owns_lock() || state() != State::kWaiting) return;
  if (HandOver()) return;
  if (deadline_ms_ == 0 || MonotonicMs() < deadline_ms_) return;
  if (!request_.force) return End("Replica never caught up before timeout");
  engine_.logger().Warn("Failover to " + request_.host + ":" + std::to_string(request_.port) + " time out exceeded, failing over.");
  deadline_ms_ = -1;
  (void)HandOver();
}

// Whether it took place: the target has everything, under all stripes, or it is forced.
bool Failover::HandOver() {
  const bool forced = deadline_ms_ < 0;
  std::string host = request_.host;
  int port = request_.port;
  auto caught_up = [&] {
    const Replication::Info info = replication_.info();
    for (const auto& replica : info.replicas) {
      if (replica.state != Replica::State::kOnline || replica.port == 0 || replica.acked < info.offset) continue;
      if (!request_.host.empty() && (replica.ip != request_.host || replica.port != request_.port)) continue;
      host = replica.ip;
      port = static_cast<int>(replica.port);
      return true;
    }
    return forced;
  };
  if (!caught_up()) return false;
  {
    std::lock_guard<std::mutex> role(replication_.role_mutex());
    engine_.keyspace().LockAll();
    const bool now = caught_up();
    if (now) replication_.SetPrimary(host, port);
    engine_.keyspace().UnlockAll();
    if (!now) return false;
  }
  request_.host = host;
  request_.port = port;
  state_.store(State::kInProgress);
  engine_.logger().Info("Failover target " + host + ":" + std::to_string(port) + " is synced, failing over.");
  replication_.RoleChanged(/*failover=*/true);
  return true;
}

void Failover::LinkIsUp() {
  if (state() != State::kInProgress) return;
  std::lock_guard<std::mutex> guard(mutex_);
  if (state() == State::kInProgress) End("Failover target is a primary now, and this server its replica");
}

void Failover::TargetRefused(const std::string& why) {
  if (state() != State::kInProgress) return;
  std::lock_guard<std::mutex> guard(mutex_);
  if (state() != State::kInProgress) return;
  TakeBack(why);
  End("Failover target rejected psync request");
}

void Failover::TakeBack(const std::string& why) {
  engine_.logger().Warn("This server is a primary again: " + why);
  {
    std::lock_guard<std::mutex> role(replication_.role_mutex());
    engine_.keyspace().LockAll();
    replication_.SetPrimary({}, 0);
    engine_.keyspace().UnlockAll();
  }
  replication_.RoleChanged();
}

void Failover::End(const std::string& line) {
  state_.store(State::kNone);
  engine_.clients().pause().Unpause();
  engine_.logger().Info(line);
}

}  // namespace slotwise
