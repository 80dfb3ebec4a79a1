// What replicas have acknowledged, for promises that count them. Part of Replication.
#include <algorithm>

#include "engine/engine.h"
#include "engine/replication.h"

namespace slotwise {

void Replication::CollectAcks(bool durable, std::vector<std::uint64_t>* acks) const {
  acks->clear();
  std::lock_guard<std::mutex> guard(mutex_);
  if (!active()) return;
  for (const auto& replica : replicas_) {
    if (replica->state.load() != Replica::State::kOnline || !replica->acknowledges || replica->announced.rdb_only) continue;
    if (durable && (!replica->announced.slotwise_ack || replica->fsynced < 0)) continue;
    const std::int64_t offset = durable ? replica->fsynced : replica->acked;
    // What came before the stream did is part of every snapshot.
    acks->push_back(std::max(begin_, origin_ + static_cast<std::uint64_t>(offset)));
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
