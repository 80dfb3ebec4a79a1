// Second channels of replicas, the primary's side: who stands by, who is invited, from where on a relay is sent, and how it becomes
// a replica's connection. A channel is no replica: WAIT, ROLE, INFO and FAILOVER know what is applied. What it acknowledges
// counts for semi-sync only, as that of the replica that offered its name (replica_acks.cc). Part of Replication.
// Source: docs/decisions/0018. Elsewhere: the replica's side (replication/dual_channel.h).
#include <algorithm>

#include "base/ticks.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/semi_sync_gate.h"
#include "log/log_buffer.h"

namespace slotwise {

std::int64_t Replication::SafeOffset() const {
  CommitLog& log = engine_.log();
  std::uint64_t safe = log.tail();
  if (log.persistent()) {
    const bool synced = engine_.config().EnumAs<config_value::Appendfsync>(Directive::kAppendfsync) != config_value::Appendfsync::kNo;
    safe = synced ? log.durable() : log.written();
  }
  std::lock_guard<std::mutex> guard(mutex_);
  return active() ? std::max<std::int64_t>(0, OffsetOf(std::max(begin_, safe))) : rest_offset_;
}

std::shared_ptr<Replica> Replication::RelayOfLocked(const Replica& replica) const {
  if (replica.announced.dual_name.empty()) return nullptr;
  for (const auto& relay : relays_) {
    if (relay->announced.relay_of == replica.announced.dual_name) return relay;
  }
  return nullptr;
}

void Replication::AddStandby(Client& client) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    std::shared_ptr<Replica> relay = MakeReplica(client);
    relay->relay = true;
    // One channel a replica: an older one is what a lost connection left.
    std::erase_if(relays_, [&](const auto& other) {
      if (other->announced.relay_of != relay->announced.relay_of) return false;
      other->streams = false;
      other->state = Replica::State::kGone;
      other->sink->Kill();
      return true;
    });
    relays_.push_back(relay);
    CountConnectionsLocked();
    client.replica = std::move(relay);
  }
  engine_.semi_sync().InviteIfFallenBack();
}

void Replication::InviteRelays() {
  static const auto kInvitation = std::make_shared<const std::string>("+LAGGING\r\n");
  std::lock_guard<std::mutex> guard(mutex_);
  for (const auto& relay : relays_) {
    // Only once: after it has asked, anything but an answer would be taken for a part of the stream.
    if (relay->state.load() != Replica::State::kWaiting || relay->invited) continue;
    relay->invited = true;
    relay->sink->Push(kInvitation, kInvitation, 0);
  }
}

std::string Replication::StartRelay(Client& client, bool durable, std::uint64_t* begin_offset) {
  std::lock_guard<std::mutex> guard(mutex_);
  Replica& relay = *client.replica;
  relay.invited = false;
  if (relay.state.load() != Replica::State::kWaiting || !active() || engine_.is_replica()) return "NO";
  for (const auto& replica : replicas_) {
    if (replica->announced.dual_name != relay.announced.relay_of) continue;
    // It will be this replica's connection, and is told so now that both are there.
    const std::string name = relay.announced.relay_of;
    relay.announced = replica->announced;
    relay.announced.relay_of = name;
    relay.ip = replica->ip;
  }
  const std::uint64_t begin = *begin_offset = engine_.log().buffer().BeginStream();
  relay.position = relay.floor_at = begin;
  relay.acked = 0;
  relay.fsynced = -1;
  relay.acked_ms = MonotonicMs();
  relay.relay_start = OffsetOf(begin) + 1;
  relay.state = Replica::State::kOnline;
  relay.streams = true;
  SetFloorLocked();
  engine_.logger().Info("Semi-sync goes on with replica " + relay.Name() + " by a second channel, from offset " + std::to_string(relay.relay_start) + " on");
  return "RELAY " + id_ + " " + std::to_string(relay.relay_start) + (durable ? " durable" : " received");
}

void Replication::DeclineRelay(Client& client) {
  std::lock_guard<std::mutex> guard(mutex_);
  client.replica->invited = false;
}

void Replication::RelayMerged(Client& client) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    const std::shared_ptr<Replica> relay = client.replica;
    if (!relay || !relay->relay || relay->state.load() != Replica::State::kOnline) return;
    const std::string name = relay->announced.relay_of;
    std::erase_if(replicas_, [&](const auto& replica) {
      if (replica->announced.dual_name != name) return false;
      replica->streams = false;
      replica->state = Replica::State::kGone;
      replica->sink->Kill();
      return true;
    });
    std::erase(relays_, relay);
    relay->relay = false;
    relay->announced.dual_name = name;
    relay->announced.relay_of.clear();
    AddLocked(relay);
    SetFloorLocked();
    CountGoodLocked();
    engine_.logger().Info("Replica " + relay->Name() + " has caught up, and goes on by its second channel");
  }
  engine_.semi_sync().ReplicasChanged();
}

void Replication::LeaveLink(Client& client) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!client.replica || client.replica->relay) return;
  client.replica->left = true;
  client.replica->streams = false;
  SetFloorLocked();
}

}  // namespace slotwise
