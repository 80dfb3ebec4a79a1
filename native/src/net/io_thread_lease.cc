// Replies of a node of a cluster, and its lease (engine/cluster.h): a write that was executed within it and is answered after
// its end may be one that whoever serves the slots now has never seen. So the clock is looked at once more before replies to
// writes leave. They wait for the lease's return; with the role in which they were made they go.
// Reads of a primary that has been replaced may be old, as in Redis; where copies are counted they are held as writes are.
#include <algorithm>
#include <utility>

#include "base/ticks.h"
#include "commands/key_positions.h"
#include "engine/cluster.h"
#include "engine/copy_lease.h"
#include "engine/replication.h"
#include "net/io_thread.h"

namespace slotwise {
namespace {

// Stands before what waits for the lease alone: no unit of the log is that short.
constexpr std::uint64_t kLeaseGate = 1;
// So long, and the connection is closed: nobody knows what becomes of the write. Where copies are counted repl-semi-sync-timeout says it.
constexpr std::int64_t kHeldUsMax = 10'000'000;

}  // namespace

// How often the role of this server has changed, and one.
std::uint64_t IoThread::Role() const { return engine_.replication().role() + 1; }

// Within the lease; outside of it nothing is written.
void IoThread::NoteTold(Connection* c, const Command* command, std::uint64_t role) const {
  if (c->role != 0 || command == nullptr) return;
  if (command->Is(CommandFlag::kWrite) || command->Is(CommandId::kExec) || (engine_.replication().copies().counted() && MayHaveKeys(*command))) c->role = role;
}

IoThread::Leave IoThread::WithinLease(Connection* c, std::uint64_t promise) {
  Leave leave{false, promise, c->client.gate, std::exchange(c->role, 0)};
  if (leave.role == 0 && c->gates.empty()) return leave;
  // In this order: the count of roles goes up before this server says that it is a replica, whose lease has not ended.
  const bool ended = engine_.cluster()->LeaseEnded();
  const std::uint64_t role = Role();
  const auto needs = [](const Connection::Gate& gate) { return gate.role != 0; };
  const auto outlived = [role](const Connection::Gate& gate) { return gate.role != 0 && gate.role != role; };
  if ((leave.role != 0 && leave.role != role) || std::any_of(c->gates.begin(), c->gates.end(), outlived)) {
    engine_.logger().Info("Closing a client who was not answered before this primary's lease had ended: " + c->client.address);
    Destroy(c);
    leave.closed = true;
    return leave;
  }
  const auto first = std::find_if(c->gates.begin(), c->gates.end(), needs);
  if (leave.role == 0 && first == c->gates.end()) return leave;
  if (ended) {
    leave.promise = 0;
    leave.gate = std::max(leave.gate, kLeaseGate);
  } else {
    leave.promise = std::max(promise, kLeaseGate);
  }
  // Within a lease, where copies are not counted, only the disk is waited for.
  const CopyLease& copies = engine_.replication().copies();
  if ((!ended && !copies.counted()) || first == c->gates.end() || first->offset <= leave.promise || engine_.is_replica()) return leave;
  if (MonotonicUs() - first->since_us < (copies.counted() ? copies.held_ms_max() * 1000 : kHeldUsMax)) return leave;
  GiveUp(c);
  leave.closed = c->dead;
  leave.gate = leave.role = 0;
  return leave;
}

// Whoever has waited too long is told so where there is a word for it, and closed.
void IoThread::GiveUp(Connection* c) {
  if (!engine_.replication().copies().counted() || c->out.consumed() < c->released) {
    engine_.logger().Info("Closing a client whose replies have waited too long for this primary's lease: " + c->client.address);
    return Destroy(c);
  }
  c->gates.clear();
  c->out.Reset();
  c->out.Append("-CLUSTERDOWN No quorum: what was asked has waited for a majority of the shard's copies for too long (repl-semi-sync-timeout); if it was "
                "a write, it may have taken effect and may still be undone\r\n");
  c->client.gate = 0;
  c->writes = 0;
  c->closing = c->lingers = true;
}

}  // namespace slotwise
