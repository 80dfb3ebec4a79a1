// Replication, the primary's side: the stream that the log is, and the replicas that follow it.
//
// The stream is the commit log itself: offset n of the stream is byte origin + n - 1 of the log, so nothing is appended twice
// and every replica sends from the log's own memory (log/log_reader.h). It begins when the first replica attaches, under all
// stripes; until then a server without an append-only file does not even encode effects. It ends when there has been no replica
// for repl-backlog-ttl seconds; the next one finds a new history.
//
// Lock order: stripes, then this mutex, then the log's. Replicas that are slow are cut off when they lag more than
// client-output-buffer-limit says: what they have not got is what they cost.
// Source: spec replication.md. Elsewhere: full resyncs (replica_sync.h), sending (net/io_thread_replicas.cc), the decision
// (replication/resync.h), commands (commands/replication.cc, commands/wait.cc).
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/replica.h"
#include "replication/resync.h"

namespace slotwise {

class Engine;
class OutBuffer;
class ReplicaSync;
class Waiter;

class Replication {
 public:
  explicit Replication(Engine& engine);
  ~Replication();
  Replication(const Replication&) = delete;
  Replication& operator=(const Replication&) = delete;

  // --- replicas. No stripe is held by the caller of the first two; the client becomes a replica.
  // PSYNC: appends +CONTINUE and lets the owner stream, if that is possible.
  bool Continue(Client& client, std::string_view asked_id, std::int64_t asked_offset, OutBuffer& out);
  // The client waits for a snapshot, and then streams.
  void StartFullResync(Client& client, bool acknowledges);
  void Acknowledged(Replica& replica, std::int64_t offset);
  void Gone(Client& client);

  // --- the stream.
  // Some replica has been here: effects are recorded, and PUBLISH is one of them.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  std::int64_t offset() const;  // master_repl_offset
  // How far replicas may be sent to: what was promised to clients, if there is a disk in it.
  std::uint64_t SendableEnd() const;
  // After appending to the log: wakes the threads of replicas that could be sent more.
  void WakeFeeders();
  // The owner has sent up to replica.position. False: it lags too much and has been told to go.
  bool Advanced(Replica& replica);
  void CountSent(std::uint64_t bytes) { bytes_sent_.fetch_add(bytes, std::memory_order_relaxed); }

  // --- promises.
  // How many replicas have acknowledged everything before this log offset.
  std::int64_t CountAcked(std::uint64_t log_offset) const;
  // WAIT: the waiter is answered when `count` replicas have; asks them to say so.
  void AddWait(const std::shared_ptr<Waiter>& waiter, std::uint64_t log_offset, std::int64_t count);
  // Fewer good replicas than min-replicas-to-write.
  bool lacks_replicas() const { return lacks_replicas_.load(std::memory_order_relaxed); }

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
  };
  struct Info {
    std::vector<ReplicaLine> replicas;
    std::int64_t good_replicas = 0;
    ReplicationHistory history;     // as far as memory reaches
    std::int64_t offset = 0;
    std::uint64_t full = 0, partial = 0, refused = 0;
    std::uint64_t bytes_sent = 0;
  };
  Info info() const;

 private:
  friend class ReplicaSync;
  using Replicas = std::vector<std::shared_ptr<Replica>>;

  void Activate();
  void Deactivate();
  void Configure();
  std::shared_ptr<Replica> MakeReplica(Client& client);
  void AddLocked(std::shared_ptr<Replica> replica);
  ReplicationHistory HistoryLocked(bool memory_only) const;
  std::int64_t OffsetOf(std::uint64_t log_offset) const { return static_cast<std::int64_t>(log_offset - origin_); }
  void SetFloorLocked();
  void CountGoodLocked();
  void AnswerWaitsLocked(std::vector<std::shared_ptr<Waiter>>* answered);
  std::int64_t CountAckedLocked(std::uint64_t log_offset) const;
  bool OverLimitLocked(Replica& replica, std::uint64_t tail, std::int64_t now_ms);
  void Append(std::string_view resp);
  // What became of a snapshot (replica_sync.h).
  std::uint64_t AtSnapshot(const Replicas& group);  // all stripes are held
  void SnapshotSent(Replica& replica, bool wait_for_ack);

  Engine& engine_;
  std::unique_ptr<ReplicaSync> sync_;
  std::atomic<bool> active_{false};
  std::atomic<int> count_{0};               // replicas
  std::atomic<bool> lacks_replicas_{false};
  std::atomic<std::uint64_t> announced_{0}; // the tail that feeders were last woken for
  std::atomic<std::uint64_t> bytes_sent_{0};
  std::atomic<std::uint64_t> origin_{0};    // log offset of the stream's first byte
  mutable std::mutex mutex_;                // guards the rest
  std::string id_;
  std::int64_t rest_offset_ = 0;            // the offset while there is no stream
  std::uint64_t begin_ = 0;                 // log offset from which this history can be read
  std::uint64_t backlog_size_ = 0;
  Replicas replicas_;
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
