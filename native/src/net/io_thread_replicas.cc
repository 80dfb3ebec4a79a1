// Connections that follow the log (engine/replication.h). The thread that owns one sends to it at the end of its turns,
// straight from the log's chunks: a turn's writes of all clients leave in one send a replica, and nothing is copied. Other
// threads that appended wake it (ClientSink::LogGrew).
// A replica only ever acknowledges; one that causes an answer is cut off, since it would take it for a part of the stream.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "engine/client_registry.h"
#include "engine/replica.h"
#include "engine/replication.h"
#include "net/io_thread.h"

namespace slotwise {
namespace {

constexpr std::size_t kSendsATurn = 16;             // of at most a chunk each: other connections have their turn too
constexpr std::size_t kSendSize = 256 * 1024;

}  // namespace

// After each command of a client that is a replica by then.
void IoThread::AfterReplicaCommand(Connection* c) {
  if (!c->follows) {
    c->follows = true;
    replicas_.push_back(c);
    return;
  }
  // A second channel is answered until the stream begins.
  if (c->out.empty() || c->client.replica->relay) return;
  const Command* command = c->client.last_command;
  engine_.logger().Warn("Replica generated a reply to command '" + std::string(command != nullptr ? command->full_name() : "<unknown>") +
                        "', disconnecting it: " + c->client.address);
  Destroy(c);
}

// True: there is more that it could be sent later, without anybody asking.
bool IoThread::FeedReplica(Connection* c, std::uint64_t end) {
  Replica& replica = *c->client.replica;
  if (c->dead || !replica.streams.load(std::memory_order_relaxed)) return false;
  if (!c->out.empty() || c->wants_write) {
    // It takes nothing at the moment, and the log grows: the limit is looked at every turn, as Redis does with every write.
    if (!engine_.replication().Advanced(replica)) Destroy(c);
    return false;
  }
  if (!c->stream) c->stream = std::make_unique<LogReader>(engine_.log(), replica.position.load(std::memory_order_relaxed));
  LogReader& stream = *c->stream;
  const std::uint64_t begin = stream.offset();
  bool full = false;
  std::size_t sends = 0;
  for (; sends < kSendsATurn; ++sends) {
    std::string_view bytes = stream.Peek(end);
    if (stream.lost()) {
      engine_.logger().Warn("Replica " + replica.Name() + " is behind what is kept of the log: disconnecting it");
      Destroy(c);
      return false;
    }
    if (bytes.empty()) break;
    ssize_t n = send(c->fd, bytes.data(), std::min(bytes.size(), kSendSize), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      engine_.logger().Info("Cannot send to replica " + replica.Name() + ": " + std::strerror(errno));
      Destroy(c);
      return false;
    }
    full = n < 0;
    if (full) break;
    state_->stats.writes.Add();
    stream.Advance(static_cast<std::size_t>(n));
  }
  if (full) ArmWrite(c, true);
  if (stream.offset() != begin) {
    replica.position.store(stream.offset(), std::memory_order_relaxed);
    engine_.replication().CountSent(stream.offset() - begin);
    state_->stats.net_output_bytes.Add(stream.offset() - begin);
  }
  if ((stream.offset() != begin || full) && !engine_.replication().Advanced(replica)) {
    Destroy(c);
    return false;
  }
  return sends == kSendsATurn;
}

void IoThread::FeedReplicas() {
  Replication& replication = engine_.replication();
  bool more = false;
  std::uint64_t end = replication.SendableEnd();
  for (std::size_t i = 0; i < replicas_.size(); ++i) more |= FeedReplica(replicas_[i], end);
  if (more) Wake();
  // What was appended and is not promised yet: the log wakes this thread when it is.
  replicas_behind_ = end < engine_.log().tail();
}

void IoThread::ForgetReplica(Connection* c) {
  if (!c->client.replica) return;
  std::erase(replicas_, c);
  c->stream.reset();
  shutdown(c->fd, SHUT_RDWR);  // the snapshot's thread may be sending through a duplicate
}

}  // namespace slotwise
