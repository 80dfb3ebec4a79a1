// Replication: the stream that the log is, the replicas that follow it, and whom this server follows itself.
//
// The stream is the commit log itself: offset n of the stream is byte origin + n - 1 of the log, so nothing is appended twice
// and every replica sends from the log's own memory (log/log_reader.h). It begins when the first replica attaches, under all
// stripes; until then a server without an append-only file does not even encode effects. It ends when there has been no replica
// for repl-backlog-ttl seconds; the next one finds a new history.
//
// Lock order: stripes, then this mutex, then the log's. Replicas that are slow are cut off when they lag more than
// client-output-buffer-limit says: what they have not got is what they cost.
//
// A replica's log is its primary's stream, byte for byte (Engine::ApplyReceived); it adds nothing of its own, so its replicas
// may be sent the same bytes under the same offsets, and can go on with any of them. What it is at a moment, its role, changes
// under all stripes; the link's thread looks at it under some stripe before it changes anything.
// Source: spec replication.md. Elsewhere: the link (replica_link.h), roles (replication_role.cc), full resyncs (replica_sync.h), sending (net/io_thread_replicas.cc), the decision
// (replication/resync.h), commands (commands/replication.cc, commands/wait.cc).
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/replica.h"
#include "replication/history_file.h"
#include "replication/link.h"
#include "replication/position_token.h"
#include "replication/resync.h"

namespace slotwise {

struct Command;
class CopyLease;
class Engine;
class Failover;
class OutBuffer;
class PositionWaits;
class ReplicaLink;
class ReplicaSync;
class Staleness;
class Waiter;

class Replication {
 public:
  explicit Replication(Engine& engine);
  ~Replication();
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;

  static constexpr std::string_view kGetAck = "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

  // --- replicas. No stripe is held by the caller of the first two; the client becomes a replica.
  // PSYNC: appends +CONTINUE and lets the owner stream, if that is possible.
  bool Continue(Client& client, std::string_view asked_id, std::int64_t asked_offset, OutBuffer& out);
  // The client waits for a snapshot, and then streams.
  void StartFullResync(Client& client, bool acknowledges);
  // `fsynced`: -1 if it does not say; `tag`: empty if there is none.
  void Acknowledged(Replica& replica, std::int64_t offset, std::int64_t fsynced, std::string_view tag = {});
  void Gone(Client& client);

  // --- the stream.
  // Some replica has been here: effects are recorded, and PUBLISH is one of them.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  std::int64_t offset() const;  // master_repl_offset
  // What of the stream a crash of this server leaves: fsynced, or written if nothing is fsynced; all of it, if nothing is on disk.
  std::int64_t SafeOffset() const;
  // How far replicas may be sent to: what was promised to clients, if there is a disk in it.
  std::uint64_t SendableEnd() const;
  // After appending to the log: wakes the threads of replicas that could be sent more.
  void WakeFeeders();
  // The owner has sent up to replica.position. False: it lags too much and has been told to go.
  bool Advanced(Replica& replica);
  // The engine has another log, with the same buffer. All stripes are held.
  void LogSwitched();
  void CountSent(std::uint64_t bytes) { bytes_sent_.fetch_add(bytes, std::memory_order_relaxed); }

  // --- promises.
  // How many replicas have acknowledged everything before this log offset.
  std::int64_t CountAcked(std::uint64_t log_offset) const;
  // WAIT: the waiter is answered when `count` replicas have; asks them to say so.
  void AddWait(const std::shared_ptr<Waiter>& waiter, std::uint64_t log_offset, std::int64_t count);
  // repl-semi-sync-strict, and too few replicas: writes are refused.
  void RefuseForSemiSync(bool on);
  // Asks replicas how far they are, unless this server is one itself.
  void AppendGetAck();
  // What each online replica has acknowledged, as log offsets; `durable`: has fsynced, of those that say so; `relays`: what its
  // second channel has counts.
  void CollectAcks(bool durable, bool relays, std::vector<std::uint64_t>* acks) const;
  // The same of those that acknowledge under `tag` (engine/copy_lease.h); empty: of none.
  void CollectTagged(const std::string& tag, bool durable, std::vector<std::uint64_t>* acks) const;

  // --- second channels of replicas (replication_relays.cc).
  void AddStandby(Client& client);
  // They may have new writes at once: their replicas lag.
  void InviteRelays();
  // The gate's mutex is held. The answer: from where on the relay is, or that none is wanted.
  std::string StartRelay(Client& client, bool durable, std::uint64_t* begin);
  void DeclineRelay(Client& client);
  // The relay is applied: the channel is the replica's connection, and the old one is none.
  void RelayMerged(Client& client);
  void LeaveLink(Client& client);
  // The stream begins, and lasts, without replicas too. No stripe is held.
  void KeepStream(bool on);

  // --- reads elsewhere (commands/positions.cc, commands/staleness.cc).
  // Where the stream is at this log offset, or where it begins, if that is later; a primary without a stream begins one. Empty id:
  // this replica has nothing of a stream yet. No stripe is held.
  StreamPosition PositionAt(std::uint64_t log_offset);
  Reach ReachOf(const StreamPosition& wanted) const;
  // Errors: whose history is here instead, how far it is applied.
  std::string OtherHistoryText(const StreamPosition& wanted) const;
  std::string NotReachedText(const StreamPosition& wanted) const;
  PositionWaits& position_waits() { return *position_waits_; }
  // SLOTWISE.STALENESS: the client's limit, 0 for none.
  void SetStaleness(Client& client, std::int64_t max_ms);
  // What this server serves is no older than the client wants it.
  bool IsFreshFor(const Client& client) const;
  // The smallest limit that could be met: 0 on a primary, -1 if nothing is proven.
  std::int64_t ProvenStalenessMs() const;
  // Some session here has a limit, so that this is looked at.
  bool proves_staleness() const;

  // --- what clients may not do. Not cheap: asked if restricts().
  bool restricts() const { return restrictions_.load(std::memory_order_relaxed) != 0; }
  // The error for a command that may not run now; null: it may.
  const char* Refusal(const Client& client, const Command& command) const;

  // --- whom this server follows. All stripes are held by the caller of the first two, who calls RoleChanged() without them.
  // Empty `host`: nobody.
  void SetPrimary(const std::string& host, int port);
  bool SamePrimary(const std::string& host, int port) const;
  void RoleChanged(bool failover = false);
  // `replicaof` of the configuration, at the start.
  void FollowConfigured();
  // What outlives the process (replication_history.cc). Saving blocks until it is on disk.
  void SaveHistory();
  void RestoreHistory(int db);
  // The same without an append-only file, in a snapshot. Under all stripes; nothing if there is no stream.
  std::optional<StreamPlace> PlaceNow() const;
  // At the start: the data set is the one that a history had there.
  void RestorePlace(const StreamPlace& place);
  Failover& failover() { return *failover_; }
  CopyLease& copies() const { return *copies_; }
  // Under some stripe: whether the client, a link, is that of the present role.
  bool Obeys(const Client& client) const { return client.role == role_.load(std::memory_order_relaxed); }
  std::uint64_t role() const { return role_.load(std::memory_order_acquire); }
  ReplicaLink& link() { return *link_; }
  // Of the link's thread. Where its data ends; the stream it asked for continues there, perhaps under another name.
  StreamPosition Position() const;
  bool ContinueStream(const Client& link, const std::string& new_id);
  // Held by who changes the role, before any stripe, and while a snapshot is put in place: one or the other comes first.
  std::mutex& role_mutex() { return role_mutex_; }
  // All stripes are held: the data set is the one that `id` has at `offset`, where `db` is selected.
  void TakeOverStream(const std::string& id, std::int64_t offset, int db);
  // Those that follow this server have to come again.
  void DropReplicas(const char* why);
  // The link came or went, or the data set is not whole.
  void SetLinkUp(bool up, std::uint64_t role);
  void SetDataMissing(bool missing);
  // A replica that has no link to its primary has nothing to offer to others.
  bool MayBeFollowed() const;

  // --- cron: pings, time-outs, limits, the end of the backlog. True: something is watched by the second.
  bool Step();
  void Stop();

  // --- what INFO and ROLE say.
  struct ReplicaLine {
    std::string ip;
    std::int64_t port;
    Replica::State state;
    std::int64_t acked;
    std::int64_t lag_seconds;
    std::int64_t fsynced;  // -1: it does not say
    std::int64_t relay_start = 0, relay_end = 0;  // what it has ahead of a gap: the first byte's offset, the last's; 0: nothing
  };
  struct Info {
    std::vector<ReplicaLine> replicas;
    std::int64_t good_replicas = 0;
    ReplicationHistory history;     // as far as memory reaches
    std::int64_t offset = 0;
    bool replica = false;
    std::string primary_host;
    int primary_port = 0;
    std::int64_t fsynced = -1;      // of this copy's own append-only file; -1: there is none
    std::uint64_t full = 0, partial = 0, refused = 0;
    std::uint64_t bytes_sent = 0;
  };
  Info info() const;

 private:
  friend class ReplicaSync;
  // Why commands are looked at before they run.
  enum Restriction : std::uint32_t { kLacksReplicas = 1, kReadOnly = 2, kStale = 4, kDataMissing = 8, kLacksSemiSync = 16, kBoundedStaleness = 32 };
  void SetRestrictionLocked(Restriction restriction, bool on);
  using Replicas = std::vector<std::shared_ptr<Replica>>;

  bool TryContinue(Client& client, std::string_view asked_id, std::int64_t asked_offset, OutBuffer& out);
  void Remove(Client& client);
  void Activate();
  void Deactivate();
  void Configure();
  std::shared_ptr<Replica> MakeReplica(Client& client);
  void AddLocked(std::shared_ptr<Replica> replica);
  ReplicationHistory HistoryLocked(bool memory_only) const;
  std::int64_t OffsetOf(std::uint64_t log_offset) const { return static_cast<std::int64_t>(log_offset - origin_); }
  std::shared_ptr<Replica> RelayOfLocked(const Replica& replica) const;
  void CountConnectionsLocked() { count_.store(static_cast<int>(replicas_.size() + relays_.size())); }
  void SetFloorLocked();
  void CountGoodLocked();
  void AnswerWaitsLocked(std::vector<std::shared_ptr<Waiter>>* answered);
  std::int64_t CountAckedLocked(std::uint64_t log_offset) const;
  bool OverLimitLocked(Replica& replica, std::uint64_t tail, std::int64_t now_ms);
  void Append(std::string_view resp);
  // What became of a snapshot (replica_sync.h).
  std::uint64_t AtSnapshot(const Replicas& group, int* db);  // all stripes are held
  void RestrictLocked();
  void BeginHistoryLocked();

  void SnapshotSent(Replica& replica, bool wait_for_ack);

  Engine& engine_;
  std::unique_ptr<ReplicaSync> sync_;
  std::unique_ptr<ReplicaLink> link_;
  std::unique_ptr<Failover> failover_;
  std::unique_ptr<Staleness> staleness_;
  std::unique_ptr<PositionWaits> position_waits_;
  std::unique_ptr<CopyLease> copies_;
  std::atomic<bool> active_{false};
  std::atomic<int> count_{0};               // replicas and second channels
  std::atomic<std::uint32_t> restrictions_{0};
  std::atomic<std::uint64_t> role_{0};      // counts changes; changed under all stripes
  std::atomic<bool> keeps_stream_{false};
  std::atomic<std::uint64_t> announced_{0}; // the tail that feeders were last woken for
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> origin_{0};    // log offset of the stream's first byte
  std::mutex role_mutex_;
  std::mutex save_mutex_;                   // one SaveHistory() at a time
  mutable std::mutex mutex_;                // guards the rest
  std::string id_;
  std::string previous_id_ = std::string(40, '0');
  std::int64_t previous_end_ = -1;
  std::string saved_segment_;               // of the last SaveHistory()
  std::int64_t saved_first_ = 1;
  std::string primary_host_;                // empty: this server is a primary
  int primary_port_ = 0;
  bool link_up_ = false;
  bool data_missing_ = false;
  bool knows_history_ = false;              // of a replica: it has gone on with the stream of its present primary
  std::int64_t rest_offset_ = 0;            // the offset while there is no stream
  std::uint64_t begin_ = 0;                 // log offset from which this history can be read
  std::uint64_t backlog_size_ = 0;
  Replicas replicas_;
  Replicas relays_;                         // second channels, which are no replicas
  struct Wait {
    std::weak_ptr<Waiter> waiter;
    std::uint64_t log_offset;
    std::int64_t count;
  };
  std::vector<Wait> waits_;
  std::uint64_t asked_at_ = ~std::uint64_t{0};  // the tail behind the last GETACK
  std::int64_t good_ = 0;
  std::int64_t no_replicas_since_ms_ = 0;
  std::int64_t last_step_ms_ = 0;
  std::int64_t next_ping_ms_ = 0;
  std::uint64_t full_ = 0, partial_ = 0, refused_ = 0;
};

}  // namespace slotwise
