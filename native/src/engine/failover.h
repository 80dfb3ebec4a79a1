// FAILOVER: this primary hands over to one of its replicas, and nothing is lost: writes wait, the replica gets everything, this
// server becomes its replica and tells it with PSYNC ... FAILOVER to be a primary from there on.
//
//   none --FAILOVER--> waiting-for-sync --it has everything--> failover-in-progress --the link is up--> none
//   FAILOVER ABORT, and a time-out before the hand-over (unless FORCE), lead back to none with this server as it was. If the
//   replica will not take over, or ABORT comes later, this server takes its role back.
// Step() is called by cron and whenever a replica acknowledges; no lock is held.
// Source: spec replication.md section 13, FAILOVER of Redis 7.0. Elsewhere: roles (replication_role.cc).
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace slotwise {

class Engine;
class Replication;

// Writes wait (CLIENT PAUSE, FAILOVER, CLUSTER FAILOVER): a hand-over that compares offsets may be under way. A redis-server that is
// to take over a shard waits for the very offset that it was told, so this server puts nothing of its own into the stream.
bool WritesWait(Engine& engine);

class Failover {
 public:
  enum class State : std::uint8_t { kNone, kWaiting, kInProgress };
  struct Request {
    std::string host;             // empty: whichever replica has everything first
    int port = 0;
    bool force = false;
    std::int64_t timeout_ms = 0;  // 0: none
  };

  Failover(Engine& engine, Replication& replication) : engine_(engine), replication_(replication) {}

  // Redis's error, or empty: it has begun.
  std::string Start(const Request& request);
  std::string Abort();
  void Step();
  // Of the link, while it is in progress.
  void LinkIsUp();
  void TargetRefused(const std::string& why);

  State state() const { return state_.load(std::memory_order_relaxed); }
  const char* state_name() const;

 private:
  bool HandOver();
  void End(const std::string& line);
  void TakeBack(const std::string& why);

  Engine& engine_;
  Replication& replication_;
  std::atomic<State> state_{State::kNone};
  std::mutex mutex_;          // guards the rest; taken before role_mutex()
  Request request_;
  std::int64_t deadline_ms_ = 0;
};

}  // namespace slotwise
