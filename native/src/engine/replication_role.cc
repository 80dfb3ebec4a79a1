// Roles: a primary becomes a replica, a replica a primary, and what that means for the history of the data and for clients.
// A promoted replica keeps the name of the history that it followed, up to where it took over: its former siblings, which
// have nothing of another history, may go on with it. Source: spec replication.md sections 8, 13, 14.
#include <algorithm>
#include <charconv>

#include "base/ticks.h"
#include "commands/command_table.h"
#include "commands/errors.h"
#include "engine/blocking.h"
#include "engine/engine.h"
#include "engine/failover.h"
#include "engine/position_waits.h"
#include "engine/replica_link.h"
#include "engine/replication.h"
#include "engine/semi_sync_gate.h"
#include "engine/staleness.h"
#include "log/log_buffer.h"

namespace slotwise {

void Replication::SetRestrictionLocked(Restriction restriction, bool on) {
  if (on) restrictions_.fetch_or(restriction, std::memory_order_relaxed);
  else restrictions_.fetch_and(~static_cast<std::uint32_t>(restriction), std::memory_order_relaxed);
}

void Replication::RestrictLocked() {
  const bool replica = engine_.is_replica();
  SetRestrictionLocked(kReadOnly, replica && engine_.config().Bool(Directive::kReplicaReadOnly));
  SetRestrictionLocked(kStale, replica && !link_up_ && !engine_.config().Bool(Directive::kReplicaServeStaleData));
  SetRestrictionLocked(kDataMissing, replica && data_missing_);
  SetRestrictionLocked(kBoundedStaleness, replica && staleness_->wanted());
}

const char* Replication::Refusal(const Client& client, const Command& command) const {
  const std::uint32_t restrictions = restrictions_.load(std::memory_order_relaxed);
  const bool exec = client.in_multi && command.Is(CommandId::kExec);
  // True if the command has the flag, or, of EXEC, if some (`every`: if each) command of the transaction has.
  auto has = [&](CommandFlag flag, bool every) {
    auto queued_has = [&](const QueuedCommand& queued) { return queued.command->Is(flag); };
    if (!exec) return command.Is(flag);
    return every ? std::all_of(client.queue.begin(), client.queue.end(), queued_has) : std::any_of(client.queue.begin(), client.queue.end(), queued_has);
  };
  if ((restrictions & kLacksReplicas) != 0 && (command.Is(CommandFlag::kWrite) || (exec && client.queue_writes))) return errors::kNoReplicas;
  if ((restrictions & kLacksSemiSync) != 0 && (command.Is(CommandFlag::kWrite) || (exec && client.queue_writes))) return errors::kNoSemiSyncReplicas;
  if ((restrictions & kReadOnly) != 0 && has(CommandFlag::kWrite, false)) return errors::kReadOnly;
  if ((restrictions & kStale) != 0 && !has(CommandFlag::kStale, true)) return errors::kMasterDown;
  if ((restrictions & kDataMissing) != 0 && !has(CommandFlag::kLoading, true)) return errors::kLoading;
  // Of a transaction the moment counts at which it runs, not the one at which a command is queued.
  if ((restrictions & kBoundedStaleness) != 0 && client.max_staleness_ms != 0 && client.in_multi == exec &&
      (has(CommandFlag::kReadonly, false) || has(CommandFlag::kWrite, false)) && !IsFreshFor(client)) {
    return errors::kTooStale;
  }
  return nullptr;
}

bool Replication::SamePrimary(const std::string& host, int port) const {
  std::lock_guard<std::mutex> guard(mutex_);
  return !primary_host_.empty() && primary_host_ == host && primary_port_ == port;
}

void Replication::SetPrimary(const std::string& host, int port) {
  std::unique_lock<std::mutex> guard(mutex_);
  const bool was_replica = engine_.is_replica();
  primary_host_ = host;
  primary_port_ = port;
  link_up_ = false;
  knows_history_ = false;
  role_.fetch_add(1, std::memory_order_release);
  engine_.SetReplica(!host.empty());
  if (!host.empty()) {
    // From here on the log grows by what the primary sends, and by nothing else.
    engine_.RecordEffects(false);
  } else if (was_replica) {
    data_missing_ = false;
    BeginHistoryLocked();
    engine_.RecordEffects(active() || engine_.log().persistent());
    no_replicas_since_ms_ = MonotonicMs();
  }
  staleness_->SetPrimary(host, port);
  RestrictLocked();
  guard.unlock();
  SaveHistory();  // before anything is written under the new name
}

void Replication::RoleChanged(bool failover) {
  std::string host;
  int port;
  std::uint64_t role;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    host = primary_host_;
    port = primary_port_;
    role = role_.load();
  }
  engine_.semi_sync().Configure();
  position_waits_->Step();
  if (host.empty()) {
    link_->Unfollow(role);
    DropReplicas("this server is a primary now");
  } else {
    link_->Follow(host, port, role, failover);
    engine_.blocking().AbortAll("-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n");
  }
}

void Replication::FollowConfigured() {
  const std::string primary = engine_.config().Str(Directive::kReplicaof);
  const std::size_t space = primary.rfind(' ');
  if (space == std::string::npos) {
    // A primary, which goes on with another history than the one it may have come back with.
    if (!active()) return;
    link_->FinishRelayAtStart();
    engine_.keyspace().LockAll();
    {
      std::lock_guard<std::mutex> guard(mutex_);
      BeginHistoryLocked();
    }
    SaveHistory();
    engine_.keyspace().UnlockAll();
    return;
  }
  int port = 0;
  std::from_chars(primary.data() + space + 1, primary.data() + primary.size(), port);
  link_->FindRelays();
  engine_.keyspace().LockAll();
  SetPrimary(primary.substr(0, space), port);
  engine_.keyspace().UnlockAll();
  RoleChanged();
}

StreamPosition Replication::Position() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return {id_, active() ? OffsetOf(engine_.log().tail()) : rest_offset_};
}

bool Replication::ContinueStream(const Client& link, const std::string& new_id) {
  engine_.keyspace().LockAll();
  const bool obeyed = Obeys(link);
  if (obeyed) {
    std::lock_guard<std::mutex> guard(mutex_);
    LogBuffer& buffer = engine_.log().buffer();
    if (!active()) {
      buffer.PauseTimestamps(true);
      buffer.KeepTail(backlog_size_);
      begin_ = buffer.tail();
      origin_.store(begin_ - static_cast<std::uint64_t>(rest_offset_));
      announced_.store(begin_);
      active_.store(true, std::memory_order_release);
    }
    if (!new_id.empty()) {
      previous_id_ = id_;
      previous_end_ = OffsetOf(buffer.tail()) + 1;
      id_ = new_id;
    }
    knows_history_ = true;
  }
  engine_.keyspace().UnlockAll();
  if (obeyed) SaveHistory();
  if (obeyed && !new_id.empty()) DropReplicas("the history has another name now");
  return obeyed;
}

void Replication::TakeOverStream(const std::string& id, std::int64_t offset, int db) {
  std::lock_guard<std::mutex> guard(mutex_);
  LogBuffer& buffer = engine_.log().buffer();
  buffer.PauseTimestamps(true);
  buffer.KeepTail(backlog_size_);
  begin_ = buffer.TakeOverStream(db);
  origin_.store(begin_ - static_cast<std::uint64_t>(offset));
  announced_.store(begin_);
  id_ = id;
  previous_id_.assign(40, '0');
  previous_end_ = -1;
  data_missing_ = false;
  knows_history_ = true;
  active_.store(true, std::memory_order_release);
  staleness_->DataReplaced();
  RestrictLocked();
}

void Replication::DropReplicas(const char* why) {
  std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& relay : relays_) {
    relay->streams = false;
    relay->sink->Kill();
  }
  for (const auto& replica : replicas_) {
    if (replica->state.load() == Replica::State::kWaiting) continue;
    engine_.logger().Info("Disconnecting replica " + replica->Name() + ": " + why);
    replica->streams = false;
    replica->sink->Kill();
  }
}

void Replication::SetLinkUp(bool up, std::uint64_t role) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (role != role_.load()) return;
    link_up_ = up;
    knows_history_ = knows_history_ && up;
    RestrictLocked();
  }
  if (up) failover_->LinkIsUp();
}

void Replication::SetDataMissing(bool missing) {
  std::lock_guard<std::mutex> guard(mutex_);
  data_missing_ = missing && engine_.is_replica();
  RestrictLocked();
}

bool Replication::MayBeFollowed() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return !engine_.is_replica() || (link_up_ && active());
}

}  // namespace slotwise
