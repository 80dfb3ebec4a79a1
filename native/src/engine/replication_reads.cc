// What a replica says of how new the data is that it serves: positions of the stream, and the limits of sessions. Part of Replication.
#include <algorithm>

#include "base/ticks.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/staleness.h"

namespace slotwise {

StreamPosition Replication::PositionAt(std::uint64_t log_offset) {
  if (!engine_.is_replica()) {
    {
      // As if a replica had just been here: a position is worth something as long as its history is kept.
      std::lock_guard<std::mutex> guard(mutex_);
      no_replicas_since_ms_ = MonotonicMs();
    }
    Activate();
  }
  std::lock_guard<std::mutex> guard(mutex_);
  if (!active()) return {};
  return {id_, OffsetOf(std::max(begin_, log_offset))};
}

Reach Replication::ReachOf(const StreamPosition& wanted) const {
  std::lock_guard<std::mutex> guard(mutex_);
  ReplicationHistory history;
  history.active = active();
  history.id = id_;
  history.previous_id = previous_id_;
  history.previous_end = previous_end_;
  if (history.active) history.next = OffsetOf(engine_.log().tail()) + 1;
  return DecideReach(history, wanted, !engine_.is_replica() || knows_history_);
}

std::string Replication::OtherHistoryText(const StreamPosition& wanted) const {
  std::lock_guard<std::mutex> guard(mutex_);
  std::string text = "HISTORY the position " + PositionText(wanted) + " is not part of the history of this server, " + id_;
  if (previous_end_ >= 0) text += ", which was " + previous_id_ + " up to offset " + std::to_string(previous_end_ - 1);
  return text;
}

std::string Replication::NotReachedText(const StreamPosition& wanted) const {
  return "TIMEOUT the offset " + std::to_string(wanted.offset) + " is not applied here yet, " + std::to_string(offset()) + " is";
}

void Replication::SetStaleness(Client& client, std::int64_t max_ms) {
  std::lock_guard<std::mutex> guard(mutex_);
  staleness_->SetLimit(client.max_staleness_ms, max_ms);
  client.max_staleness_ms = max_ms;
  RestrictLocked();
}

bool Replication::IsFreshFor(const Client& client) const { return !engine_.is_replica() || staleness_->Proves(client.max_staleness_ms); }

std::int64_t Replication::ProvenStalenessMs() const { return engine_.is_replica() ? staleness_->ProvenMs() : 0; }

bool Replication::proves_staleness() const { return engine_.is_replica() && staleness_->wanted(); }

}  // namespace slotwise
