// Replies of a node of a cluster, and its lease (engine/cluster.h): a write that was executed within it and is answered after
// its end may be one that whoever serves the slots now has never seen. So the clock is looked at once more before replies to
// writes leave. They wait for the lease's return; with the role in which they were made they go.
// Reads of a primary that has been replaced may be old, as in Redis.
#include <algorithm>
#include <utility>

#include "base/ticks.h"
#include "engine/cluster.h"
#include "engine/replication.h"
#include "net/io_thread.h"

namespace slotwise {
namespace {

// Stands before what waits for the lease alone: no unit of the log is that short.
constexpr std::uint64_t kLeaseGate = 1;
// So long, and the connection is closed: nobody knows what becomes of the write.
constexpr std::int64_t kHeldUsMax = 10'000'000;

}  // namespace

// How often the role of this server has changed, and one.
std::uint64_t IoThread::Role() const { return engine_.replication().role() + 1; }

// Within the lease; outside of it nothing is written.
void IoThread::NoteWrite(Connection* c, const Command* command, std::uint64_t role) {
  if (c->role == 0 && command != nullptr && (command->Is(CommandFlag::kWrite) || command->Is(CommandId::kExec))) c->role = role;
}

IoThread::Leave IoThread::WithinLease(Connection* c, std::uint64_t promise) {
  Leave leave{false, promise, c->client.gate, std::exchange(c->role, 0)};
  if (leave.role == 0 && c->gates.empty()) return leave;
  // In this order: the count of roles goes up before this server says that it is a replica, whose lease has not ended.
  const bool ended = engine_.cluster()->LeaseEnded();
  const std::uint64_t role = Role();
  const auto needs = [](const Connection::Gate& gate) { return gate.role != 0; };
  const auto outlived = [role](const Connection::Gate& gate) { return gate.role != 0 && gate.role != role; };
  const bool gone = (leave.role != 0 && leave.role != role) || std::any_of(c->gates.begin(), c->gates.end(), outlived);
  const auto first = std::find_if(c->gates.begin(), c->gates.end(), needs);
  if (gone || (ended && first != c->gates.end() && MonotonicUs() - first->since_us >= kHeldUsMax)) {
    engine_.logger().Info("Closing a client whose writes were not answered before this primary's lease had ended: " + c->client.address);
    Destroy(c);
    leave.closed = true;
    return leave;
  }
  if (leave.role == 0 && first == c->gates.end()) return leave;
  if (ended) {
    leave.promise = 0;
    leave.gate = std::max(leave.gate, kLeaseGate);
  } else {
    leave.promise = std::max(promise, kLeaseGate);
  }
  return leave;
}

}  // namespace slotwise
