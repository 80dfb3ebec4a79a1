// What replicas have acknowledged, for promises that count them. Part of Replication.
#include <algorithm>

#include "engine/engine.h"
#include "engine/replication.h"

namespace slotwise {

void Replication::CollectAcks(bool durable, bool relays, std::vector<std::uint64_t>* acks) const {
  acks->clear();
  std::lock_guard<std::mutex> guard(mutex_);
  if (!active()) return;
  auto acked = [durable](const Replica& replica) -> std::int64_t { return durable ? replica.fsynced : replica.acked; };
  // What came before the stream did is part of every snapshot.
  auto add = [&](std::int64_t offset) { acks->push_back(std::max(begin_, origin_ + static_cast<std::uint64_t>(offset))); };
  for (const auto& replica : replicas_) {
    if (replica->state.load() != Replica::State::kOnline || !replica->acknowledges || replica->announced.rdb_only) continue;
    const auto relay = relays ? RelayOfLocked(*replica) : nullptr;
    std::int64_t offset = acked(*replica);
    if (relay && relay->state.load() == Replica::State::kOnline) offset = std::max(offset, acked(*relay));
    if (durable && (!replica->announced.slotwise_ack || offset < 0)) continue;
    add(offset);
  }
  if (!relays) return;
  // A copy whose other connection has gone.
  for (const auto& relay : relays_) {
    if (relay->state.load() != Replica::State::kOnline || acked(*relay) <= 0) continue;
    const bool alone = std::none_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
      return replica->state.load() == Replica::State::kOnline && replica->announced.dual_name == relay->announced.relay_of;
    });
    if (alone) add(acked(*relay));
  }
}

void Replication::CollectTagged(const std::string& tag, bool durable, std::vector<std::uint64_t>* acks) const {
  acks->clear();
  std::lock_guard<std::mutex> guard(mutex_);
  if (!active() || tag.empty()) return;
  for (const auto& replica : replicas_) {
    if (replica->state.load() != Replica::State::kOnline || replica->tag != tag) continue;
    const std::int64_t offset = durable ? replica->tagged_fsynced : replica->tagged_acked;
    if (offset >= 0) acks->push_back(origin_ + static_cast<std::uint64_t>(offset));
  }
}

void Replication::AppendGetAck() {
  LogUnit unit;
  unit.SetAnywhere(kGetAck);
  std::lock_guard<std::mutex> guard(mutex_);  // under which this server becomes a replica, whose log gets nothing of its own
  if (!engine_.is_replica()) engine_.log().Append(unit);
}

void Replication::RefuseForSemiSync(bool on) { SetRestrictionLocked(kLacksSemiSync, on); }

void Replication::KeepStream(bool on) {
  keeps_stream_.store(on);
  if (on) Activate();
}

}  // namespace slotwise
