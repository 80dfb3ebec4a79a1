#include "engine/replication.h"

#include <fcntl.h>

#include <algorithm>

#include "base/random_hex.h"
#include "base/ticks.h"
#include "engine/blocking.h"
#include "engine/copy_lease.h"
#include "engine/engine.h"
#include "engine/failover.h"
#include "engine/position_waits.h"
#include "engine/replica_link.h"
#include "engine/replica_sync.h"
#include "engine/semi_sync_gate.h"
#include "engine/staleness.h"
#include "engine/waiter.h"
#include "log/log_buffer.h"
#include "resp/out_buffer.h"

namespace slotwise {
namespace {

constexpr std::string_view kPing = "*1\r\n$4\r\nping\r\n";
constexpr std::uint64_t kBacklogMin = 16 * 1024;
constexpr std::uint64_t kFloorStep = 64 * 1024;
constexpr std::int64_t kStepMs = 1000;

// "127.0.0.1:51234", "[::1]:51234"
std::string PeerIp(const std::string& address) {
  std::string ip = address.substr(0, address.rfind(':'));
  if (ip.starts_with("[") && ip.ends_with("]")) ip = ip.substr(1, ip.size() - 2);
  return ip;
}

std::int64_t Seconds(std::int64_t ms) { return ms < 0 ? 0 : ms / 1000; }

// CLUSTER FAILOVER holds writes back for five seconds at most. Whoever else does so for longer does not lose the replicas by it.
constexpr std::int64_t kSilentMs = 6'000;

}  // namespace

Replication::Replication(Engine& engine)
    : engine_(engine), sync_(std::make_unique<ReplicaSync>(engine, *this)), link_(std::make_unique<ReplicaLink>(engine, *this)),
      failover_(std::make_unique<Failover>(engine, *this)), staleness_(std::make_unique<Staleness>(engine, *this)),
      position_waits_(std::make_unique<PositionWaits>(engine, *this)), copies_(std::make_unique<CopyLease>(engine)), id_(RandomHex(20)) {
  Configure();
  engine.config().OnChange({Directive::kMinReplicasToWrite, Directive::kMinReplicasMaxLag, Directive::kReplBacklogSize,
                            Directive::kReplicaReadOnly, Directive::kReplicaServeStaleData}, [this] {
    Configure();
    return Status::Ok();
  });
}

Replication::~Replication() { Stop(); }

void Replication::Stop() {
  staleness_->Stop();
  link_->Stop();
  sync_->Stop();
}

void Replication::Configure() {
  std::lock_guard<std::mutex> guard(mutex_);
  backlog_size_ = std::max<std::uint64_t>(engine_.config().Bytes(Directive::kReplBacklogSize), kBacklogMin);
  if (active()) engine_.log().buffer().KeepTail(backlog_size_);
  CountGoodLocked();
  RestrictLocked();
}

// --- the stream -----------------------------------------------------------------------------------------------------

void Replication::Activate() {
  if (active()) return;
  engine_.keyspace().LockAll();
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (!active() && !engine_.is_replica()) {
      LogBuffer& buffer = engine_.log().buffer();
      buffer.PauseTimestamps(true);
      buffer.KeepTail(backlog_size_);
      begin_ = buffer.BeginStream();
      origin_.store(begin_ - static_cast<std::uint64_t>(rest_offset_));
      announced_.store(begin_);
      asked_at_ = ~std::uint64_t{0};
      id_ = RandomHex(20);
      previous_id_.assign(40, '0');
      previous_end_ = -1;
      engine_.RecordEffects(true);
      no_replicas_since_ms_ = MonotonicMs();  // whoever wants it is not in the list yet
      active_.store(true, std::memory_order_release);
      engine_.logger().Info("Replication backlog created, my new replication IDs are '" + id_ + "' and '" + std::string(40, '0') + "'");
    }
  }
  engine_.keyspace().UnlockAll();
  SaveHistory();
}

void Replication::Deactivate() {
  engine_.keyspace().LockAll();
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (active() && replicas_.empty() && !engine_.is_replica()) {
      LogBuffer& buffer = engine_.log().buffer();
      rest_offset_ = OffsetOf(engine_.log().tail());
      active_.store(false, std::memory_order_release);
      engine_.RecordEffects(engine_.log().persistent());
      buffer.KeepTail(0);
      buffer.PauseTimestamps(false);
      id_ = RandomHex(20);
      previous_id_.assign(40, '0');
      previous_end_ = -1;
    }
  }
  SaveHistory();  // before anything else can be written
  engine_.keyspace().UnlockAll();
}

std::int64_t Replication::offset() const {
  if (active()) return OffsetOf(engine_.log().tail());
  std::lock_guard<std::mutex> guard(mutex_);
  return rest_offset_;
}

std::uint64_t Replication::SendableEnd() const {
  CommitLog& log = engine_.log();
  return log.persistent() ? log.Promise() : log.tail();
}

void Replication::Append(std::string_view resp) {
  if (engine_.is_replica()) return;
  LogUnit unit;
  unit.SetAnywhere(resp);
  engine_.log().Append(unit);
  engine_.log().FlushSoon();
}

void Replication::WakeFeeders() {
  if (count_.load(std::memory_order_relaxed) == 0) return;
  std::uint64_t tail = engine_.log().tail();
  if (announced_.exchange(tail, std::memory_order_acq_rel) == tail) return;
  std::lock_guard<std::mutex> guard(mutex_);
  for (const Replicas* all : {&replicas_, &relays_}) {
    for (const auto& replica : *all) {
      if (replica->streams.load(std::memory_order_relaxed)) replica->sink->LogGrew();
    }
  }
}

void Replication::LogSwitched() {
  std::lock_guard<std::mutex> guard(mutex_);
  SetFloorLocked();
}

// Without files to read from, memory keeps what the slowest replica has not got.
void Replication::SetFloorLocked() {
  std::uint64_t floor = ~std::uint64_t{0};
  if (!engine_.log().persistent()) {
    for (const Replicas* all : {&replicas_, &relays_}) {
      for (const auto& replica : *all) {
        if (replica->state.load() == Replica::State::kWaiting || replica->announced.rdb_only || replica->left) continue;
        floor = std::min(floor, replica->position.load(std::memory_order_relaxed));
      }
    }
  }
  engine_.log().buffer().SetFloor(floor);
}

bool Replication::OverLimitLocked(Replica& replica, std::uint64_t tail, std::int64_t now_ms) {
  if (replica.state.load() == Replica::State::kWaiting || replica.announced.rdb_only || replica.left) return false;
  std::uint64_t lag = tail - replica.position.load(std::memory_order_relaxed);
  OutputLimit limit = engine_.config().OutputLimitOf(OutputClass::kReplica);
  // As in Redis: what the backlog holds anyway costs nothing.
  if (limit.hard_bytes > 0) limit.hard_bytes = std::max<decltype(limit.hard_bytes)>(limit.hard_bytes, backlog_size_);
  bool over = limit.hard_bytes > 0 && lag > limit.hard_bytes;
  if (limit.soft_bytes > 0 && lag > limit.soft_bytes) {
    if (replica.soft_limit_since_ms == 0) replica.soft_limit_since_ms = now_ms;
    over = over || now_ms - replica.soft_limit_since_ms > static_cast<std::int64_t>(limit.soft_seconds) * 1000;
  } else {
    replica.soft_limit_since_ms = 0;
  }
  if (!over) return false;
  engine_.stats().output_limit_disconnections.fetch_add(1, std::memory_order_relaxed);
  engine_.logger().Warn("Replica " + replica.Name() + " closed for overcoming of output buffer limits: it is " + std::to_string(lag) + " bytes behind.");
  return true;
}

bool Replication::Advanced(Replica& replica) {
  const std::uint64_t position = replica.position.load(std::memory_order_relaxed);
  const std::uint64_t tail = engine_.log().tail();
  if (position - replica.floor_at < kFloorStep && tail - position < kFloorStep) return true;
  std::lock_guard<std::mutex> guard(mutex_);
  replica.floor_at = position;
  SetFloorLocked();
  return !OverLimitLocked(replica, tail, MonotonicMs());
}

// --- replicas -------------------------------------------------------------------------------------------------------

std::shared_ptr<Replica> Replication::MakeReplica(Client& client) {
  auto replica = std::make_shared<Replica>();
  replica->client_id = client.id;
  replica->sink = client.sink;
  if (client.announce) replica->announced = *client.announce;
  replica->ip = replica->announced.ip.empty() ? PeerIp(client.address) : replica->announced.ip;
  replica->acked_ms = replica->since_ms = MonotonicMs();
  return replica;
}

void Replication::AddLocked(std::shared_ptr<Replica> replica) {
  if (replicas_.empty()) next_ping_ms_ = MonotonicMs() + engine_.config().Int(Directive::kReplPingReplicaPeriod) * 1000;
  replicas_.push_back(std::move(replica));
  CountConnectionsLocked();
}

ReplicationHistory Replication::HistoryLocked(bool memory_only) const {
  ReplicationHistory history;
  history.active = active();
  history.id = id_;
  history.previous_id = previous_id_;
  history.previous_end = previous_end_;
  if (!history.active) return history;
  CommitLog& log = engine_.log();
  const std::uint64_t tail = log.tail();
  std::uint64_t first = std::max(begin_, log.ReadableFrom());
  if (memory_only || !log.persistent()) {
    first = std::max({first, log.buffer().first(), tail > backlog_size_ ? tail - backlog_size_ : 0});
  }
  history.first = OffsetOf(first) + 1;
  history.next = OffsetOf(tail) + 1;
  return history;
}

bool Replication::Continue(Client& client, std::string_view asked_id, std::int64_t asked_offset, OutBuffer& out) {
  if (!TryContinue(client, asked_id, asked_offset, out)) return false;
  engine_.semi_sync().ReplicasChanged();
  return true;
}

bool Replication::TryContinue(Client& client, std::string_view asked_id, std::int64_t asked_offset, OutBuffer& out) {
  std::lock_guard<std::mutex> guard(mutex_);
  std::shared_ptr<Replica> replica = MakeReplica(client);
  engine_.logger().Info("Replica " + replica->Name() + " asks for synchronization");
  ReplicationHistory history = HistoryLocked(false);
  ResyncDecision decision = DecideResync(history, asked_id, asked_offset);
  if (!decision.partial) {
    engine_.logger().Info("Partial resynchronization not accepted for replica " + replica->Name() + ": " + decision.why);
    if (!decision.on_purpose) ++refused_;
    return false;
  }
  ++partial_;
  replica->position = replica->floor_at = origin_ + static_cast<std::uint64_t>(asked_offset) - 1;
  replica->acked = asked_offset - 1;
  replica->state = Replica::State::kOnline;
  replica->streams = true;
  AddLocked(replica);
  SetFloorLocked();
  CountGoodLocked();
  client.replica = replica;
  out.Append("+CONTINUE");
  if (replica->announced.psync2) {
    out.Append(" ");
    out.Append(id_);
  }
  out.Append("\r\n");
  engine_.logger().Info("Partial resynchronization request from " + replica->Name() + " accepted. Sending " +
                        std::to_string(history.next - asked_offset) + " bytes of backlog starting from offset " + std::to_string(asked_offset) + ".");
  return true;
}

void Replication::StartFullResync(Client& client, bool acknowledges) {
  Activate();
  std::shared_ptr<Replica> replica = MakeReplica(client);
  replica->acknowledges = acknowledges;
  replica->fd = client.fd >= 0 ? fcntl(client.fd, F_DUPFD_CLOEXEC, 0) : -1;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    ++full_;
    AddLocked(replica);
    client.replica = replica;
  }
  sync_->Enqueue(std::move(replica));
}

std::uint64_t Replication::AtSnapshot(const Replicas& group, int* db) {
  std::lock_guard<std::mutex> guard(mutex_);
  // A replica may not say SELECT again: the snapshot tells which database its stream has selected.
  LogBuffer& buffer = engine_.log().buffer();
  const LogBuffer::Mark mark = engine_.is_replica() ? buffer.TailMark() : LogBuffer::Mark{buffer.BeginStream(), 0};
  const std::uint64_t tail = mark.offset;
  *db = std::max(0, mark.db);
  for (const auto& replica : group) {
    if (replica->state.load() == Replica::State::kGone) continue;
    replica->position = replica->floor_at = tail;
    replica->state = Replica::State::kSaving;
  }
  SetFloorLocked();
  return tail;
}

void Replication::SnapshotSent(Replica& replica, bool wait_for_ack) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (replica.state.load() == Replica::State::kGone) return;
    replica.acked_ms = MonotonicMs();
    replica.state = Replica::State::kOnline;
    CountGoodLocked();
    if (!replica.announced.rdb_only && (!wait_for_ack || replica.early_ack)) {
      replica.streams = true;
      replica.sink->LogGrew();
    }
  }
  engine_.semi_sync().ReplicasChanged();
}

void Replication::Acknowledged(Replica& replica, std::int64_t offset, std::int64_t fsynced, std::string_view tag) {
  std::vector<std::shared_ptr<Waiter>> answered;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    // No replica has more than there is.
    const std::int64_t end = OffsetOf(engine_.log().tail());
    if (offset > replica.acked && offset <= end) replica.acked = offset;
    if (fsynced > replica.fsynced && fsynced <= end) replica.fsynced = fsynced;
    if (tag != replica.tag) {
      replica.tag = tag;
      replica.tagged_acked = replica.tagged_fsynced = -1;
    }
    if (!tag.empty() && offset <= end && fsynced <= end) {
      replica.tagged_acked = std::max(replica.tagged_acked, offset);
      replica.tagged_fsynced = std::max(replica.tagged_fsynced, fsynced);
    }
    replica.acked_ms = MonotonicMs();
    replica.early_ack = true;
    if (replica.state.load() == Replica::State::kOnline && !replica.announced.rdb_only && !replica.left) replica.streams = true;
    if (!waits_.empty()) AnswerWaitsLocked(&answered);
  }
  engine_.semi_sync().ReplicasChanged();
  failover_->Step();
  for (auto& waiter : answered) {
    ClientSink& sink = *waiter->sink;
    sink.Unblocked(std::move(waiter));
  }
}

void Replication::Gone(Client& client) {
  if (!client.replica) return;
  Remove(client);
  engine_.semi_sync().ReplicasChanged();
}

void Replication::Remove(Client& client) {
  std::lock_guard<std::mutex> guard(mutex_);
  client.replica->state = Replica::State::kGone;
  client.replica->streams = false;
  std::erase(replicas_, client.replica);
  std::erase(relays_, client.replica);
  CountConnectionsLocked();
  if (replicas_.empty()) no_replicas_since_ms_ = MonotonicMs();
  SetFloorLocked();
  CountGoodLocked();
  engine_.logger().Info((client.replica->relay ? "Second channel of replica " : "Connection with replica ") + client.replica->Name() + " lost.");
}

// --- promises -------------------------------------------------------------------------------------------------------

std::int64_t Replication::CountAckedLocked(std::uint64_t log_offset) const {
  std::int64_t n = 0;
  for (const auto& replica : replicas_) {
    if (replica->state.load() != Replica::State::kOnline) continue;
    // What came before the stream did is part of every snapshot.
    n += log_offset <= begin_ || replica->acked >= OffsetOf(log_offset);
  }
  return n;
}

std::int64_t Replication::CountAcked(std::uint64_t log_offset) const {
  std::lock_guard<std::mutex> guard(mutex_);
  return CountAckedLocked(log_offset);
}

void Replication::AddWait(const std::shared_ptr<Waiter>& waiter, std::uint64_t log_offset, std::int64_t count) {
  std::vector<std::shared_ptr<Waiter>> answered;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    std::erase_if(waits_, [](const Wait& wait) { return wait.waiter.expired(); });
    waits_.push_back({waiter, log_offset, count});
    AnswerWaitsLocked(&answered);  // an acknowledgement may have come meanwhile
    // Asked once for everything before it: a second request behind the first would tell nothing new.
    if (active() && engine_.log().tail() != asked_at_ && !WritesWait(engine_)) {
      Append(kGetAck);
      asked_at_ = engine_.log().tail();
    }
  }
  for (auto& w : answered) {
    ClientSink& sink = *w->sink;
    sink.Unblocked(std::move(w));
  }
}

void Replication::AnswerWaitsLocked(std::vector<std::shared_ptr<Waiter>>* answered) {
  std::erase_if(waits_, [&](const Wait& wait) {
    std::shared_ptr<Waiter> waiter = wait.waiter.lock();
    if (!waiter || waiter->ended()) return true;
    std::int64_t acked = CountAckedLocked(wait.log_offset);
    if (acked < wait.count) return false;
    if (!engine_.blocking().Claim(*waiter)) return true;
    waiter->reply = ":" + std::to_string(acked) + "\r\n";
    answered->push_back(std::move(waiter));
    return true;
  });
}

void Replication::CountGoodLocked() {
  const std::int64_t wanted = engine_.config().Int(Directive::kMinReplicasToWrite);
  const std::int64_t lag = engine_.config().Int(Directive::kMinReplicasMaxLag);
  const std::int64_t now_ms = MonotonicMs();
  good_ = std::count_if(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
    return replica->state.load() == Replica::State::kOnline && Seconds(now_ms - replica->acked_ms) <= lag;
  });
  SetRestrictionLocked(kLacksReplicas, wanted > 0 && lag > 0 && good_ < wanted);
}

// --- cron -----------------------------------------------------------------------------------------------------------

bool Replication::Step() {
  if (!active()) return false;
  const std::int64_t now_ms = MonotonicMs();
  if (now_ms - last_step_ms_ < kStepMs) return true;
  last_step_ms_ = now_ms;
  const std::int64_t ttl_ms = engine_.config().Int(Directive::kReplBacklogTtl) * 1000;
  const std::int64_t timeout = engine_.config().Int(Directive::kReplTimeout);
  bool expired = false;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    const std::uint64_t tail = engine_.log().tail();
    for (const auto& replica : replicas_) {
      bool cut = OverLimitLocked(*replica, tail, now_ms);
      if (replica->state.load() == Replica::State::kOnline && replica->acknowledges && !replica->announced.rdb_only &&
          Seconds(now_ms - replica->acked_ms) > timeout) {
        engine_.logger().Warn("Disconnecting timedout replica (streaming sync): " + replica->Name());
        cut = true;
      }
      if (cut) replica->sink->Kill();
    }
    for (const auto& relay : relays_) {
      if (OverLimitLocked(*relay, tail, now_ms) || Seconds(now_ms - relay->acked_ms) > timeout) relay->sink->Kill();
    }
    CountGoodLocked();
    expired = replicas_.empty() && !engine_.is_replica() && !keeps_stream_.load() && ttl_ms > 0 && now_ms - no_replicas_since_ms_ > ttl_ms;
    const bool silent = failover_->state() != Failover::State::kNone ||
                        (engine_.cluster() != nullptr && now_ms < next_ping_ms_ + kSilentMs && WritesWait(engine_));
    if (!replicas_.empty() && !engine_.is_replica() && now_ms >= next_ping_ms_ && !silent) {
      next_ping_ms_ = now_ms + engine_.config().Int(Directive::kReplPingReplicaPeriod) * 1000;
      Append(kPing);
    }
  }
  failover_->Step();
  bool moved = engine_.log().persistent();
  if (moved) {
    const std::string segment = engine_.log().place().segment;
    std::lock_guard<std::mutex> guard(mutex_);
    moved = segment != saved_segment_;
  }
  if (moved) SaveHistory();
  if (expired) {
    Deactivate();
    engine_.logger().Info("Replication backlog freed after " + std::to_string(ttl_ms / 1000) + " seconds without connected replicas.");
  }
  return true;
}

Replication::Info Replication::info() const {
  std::lock_guard<std::mutex> guard(mutex_);
  Info info;
  const std::int64_t now_ms = MonotonicMs();
  for (const auto& replica : replicas_) {
    const Replica::State state = replica->state.load();
    info.replicas.push_back({replica->ip, replica->announced.listening_port, state, replica->acked,
                             state == Replica::State::kOnline ? Seconds(now_ms - replica->acked_ms) : 0, replica->fsynced});
    if (const auto relay = RelayOfLocked(*replica); relay && relay->state.load() == Replica::State::kOnline) {
      info.replicas.back().relay_start = relay->relay_start;
      info.replicas.back().relay_end = relay->acked;
    }
  }
  info.good_replicas = good_;
  info.replica = engine_.is_replica();
  info.primary_host = primary_host_;
  info.primary_port = primary_port_;
  info.history = HistoryLocked(true);
  info.offset = active() ? OffsetOf(engine_.log().tail()) : rest_offset_;
  if (active() && engine_.log().persistent()) info.fsynced = std::max<std::int64_t>(0, OffsetOf(std::max(begin_, engine_.log().durable())));
  info.full = full_;
  info.partial = partial_;
  info.refused = refused_;
  info.bytes_sent = bytes_sent_.load(std::memory_order_relaxed);
  return info;
}

}  // namespace slotwise
