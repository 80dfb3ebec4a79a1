// The one object that ties the core together: keyspace, log, command table, configuration, pub/sub, cron.
// Threads: any number of executing threads, each with a ThreadState of its own from AddThread().
#pragma once
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/logger.h"
#include "base/status.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "config/config.h"
#include "engine/client.h"
#include "engine/rates.h"
#include "engine/semi_sync_gate.h"
#include "engine/thread_state.h"
#include "keyspace/access.h"
#include "keyspace/keyspace.h"
#include "log/commit_log.h"
#include "resp/out_buffer.h"

namespace slotwise {

class AccessControl;
class AppendOnly;
class PubSub;
class Blocking;
class Server;
class ClientRegistry;
class Cluster;
class ControlDesk;
class Cron;
class DataDirLock;
struct LockNeed;
class Replication;
class Saver;
class SnapshotPass;
class LatencyMonitor;
class MonitorFeed;
class SlowLog;
class Tracking;

struct EngineOptions {
  // Everything else is in Config, which the caller fills before it creates the engine.
  bool persistent = false;            // appendonly
  bool will_listen = false;           // Listen() follows: its TCP ports are bound before the data is loaded
  bool replays = false;               // its sessions apply a log, from another time: what has expired stays until they say so
  bool cluster = false;               // a node of a cluster: nothing is served before the control plane has handed in a map
};

// Bits of Engine::observers: why commands are looked at one by one.
enum Observer : std::uint32_t {
  kObserverMonitor = 1,   // some client is in MONITOR
  kObserverTracking = 2,  // some client has CLIENT TRACKING on
};

// A parsed command with what was computed ahead of its execution, for the batch.
struct PreparedCommand {
  Client* client = nullptr;
  const Command* command = nullptr;        // null: unknown, or the arity is wrong; Execute replies with the error
  std::span<const std::string_view> args;
  std::string_view wire;                   // the bytes that the parser took for it; empty: not at hand (LogUnit::AddReceived)
  KeyRef key;                              // the first key, if key_index says so
  std::uint32_t key_index = UINT32_MAX;
};

// What the process around the engine is asked to do (exit, reopen a log file). Called from any thread.
class EngineHost {
 public:
  virtual ~EngineHost() = default;
  virtual void OnShutdown(int exit_code) = 0;
  // CONFIG SET loglevel: its place in the directive's values.
  virtual void OnLogLevel(int /*level*/) {}
  // Semi-sync was turned on or off, fell back or came back; how many replicas count.
  virtual void OnSemiSync(SemiSync::State /*state*/, std::int64_t /*clients*/) {}
  // A command that the control plane answers (ControlDesk::Answer), and what was published here.
  virtual void OnControlRequest(std::uint32_t /*request*/, int /*protocol*/, std::span<const std::string_view> /*args*/) {}
  virtual void OnPublished(std::string_view /*channel*/, std::string_view /*message*/, bool /*shard*/) {}
};

class Engine {
 public:
  Engine(std::unique_ptr<Config> config, Logger& logger, EngineHost* host);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Locks and loads the data directory (if persistent) and opens the log. Progress goes to the logger.
  Status Start(const EngineOptions& options);
  // Opens the listening sockets of the configuration and starts the I/O threads.
  Status Listen();
  // Refuses new work, lets accepted work finish, syncs and closes the log. Idempotent.
  Status Stop();

  // Set before Listen(): with port 0, listen on a port that the system chooses (tests, embedded listen({ port: 0 })).
  bool listen_any_port() const { return listen_any_port_; }
  void set_listen_any_port(bool v) { listen_any_port_ = v; }

  // --- executing. `prepared.args` must stay valid during the call.
  // `before`: what came before it in the batch, if anything; often the same key, whose hash is then known.
  void Prepare(PreparedCommand& prepared, const PreparedCommand* before = nullptr) const;
  void PrefetchTable(const PreparedCommand& prepared) const;  // stage 1: the table of the slot
  void Prefetch(const PreparedCommand& prepared) const;       // stage 2: the bucket
  void PrefetchEntry(const PreparedCommand& prepared) const;  // stage 3: the entry
  void PrefetchObjects(std::span<const PreparedCommand> batch) const;  // stage 4: collections, as far as nobody else holds them
  void Execute(ThreadState& thread, PreparedCommand& prepared, OutBuffer& out);
  // Prepare and Execute in one.
  void Call(ThreadState& thread, Client& client, std::span<const std::string_view> args, OutBuffer& out);
  // Runs a command of the log: no checks around it, no statistics, no reply. False if it answered with `error`.
  bool Replay(ThreadState& thread, PreparedCommand& prepared, std::string* error);
  // Commands of this server's primary, as one unit, perhaps none: they run with nothing in between, and the log gets `wire`, the
  // bytes they came in. Errors of theirs are counted in `failed`, the last one is in `error`. False: `primary` is not the one
  // to be obeyed any more, and nothing was done.
  bool ApplyReceived(ThreadState& thread, Client& primary, std::span<PreparedCommand> unit, std::string_view wire, std::uint64_t* failed, std::string* error);
  ThreadState& AddThread();
  void RemoveThread(ThreadState& thread);
  // visit(const ThreadState&) for all, also those that have gone.
  void ForEachThread(const std::function<void(ThreadState&)>& visit);

  std::uint64_t NextClientId() { return next_client_id_.fetch_add(1, std::memory_order_relaxed); }
  // Forgets WATCHes and subscriptions. Call before the client goes away.
  void ClientGone(ThreadState& thread, Client& client);
  void Unwatch(Client& client);
  // RESET, and when a client leaves MULTI.
  void DiscardTransaction(Client& client);

  Keyspace& keyspace() { return *keyspace_; }
  // The log changes with CONFIG SET appendonly, under all stripes; those before it live as long as the engine.
  CommitLog& log() { return *log_.load(std::memory_order_acquire); }
  // Where the log's files are, by the configuration.
  CommitLogOptions LogOptions() const;
  // Nobody else may use the data directory from now on. Idempotent.
  Status LockDirectory();
  // All stripes are held.
  void SwitchLog(std::unique_ptr<CommitLog> next);
  Config& config() { return *config_; }
  const Config& config() const { return *config_; }
  CommandTable& commands() { return *commands_; }
  Logger& logger() { return logger_; }
  AccessControl& acl() { return *acl_; }
  PubSub& pubsub() { return *pubsub_; }
  Blocking& blocking() { return *blocking_; }
  ClientRegistry& clients() { return *clients_; }
  Cluster* cluster() { return cluster_.get(); }  // null: a node of its own; constant after Start()
  ControlDesk& control() { return *control_; }
  // Null before Listen(), or Start() with will_listen, and when it failed. What it points to lives as long as the engine: any
  // thread may ask.
  Server* server() const { return server_.load(std::memory_order_acquire); }
  bool listening() const;
  int listening_port() const;  // that clients reach; -1: there is no server
  Cron* cron() { return cron_.get(); }  // null before Start()
  EngineHost* host() { return host_; }
  Saver& saver() { return *saver_; }
  AppendOnly& append_only() { return *append_only_; }
  Replication& replication() { return *replication_; }
  SemiSyncGate& semi_sync() { return *semi_sync_; }
  // How far replies may leave: what the log promises, and what replicas have as far as that is part of the promise.
  std::uint64_t Promise() const { return std::min(log_.load(std::memory_order_acquire)->Promise(), semi_sync_->promise()); }
  // Writes the log first, as CommitLog::Flush().
  std::uint64_t Flush() {
    const std::uint64_t written = log_.load(std::memory_order_acquire)->Flush();
    return std::min(written, semi_sync_->promise());
  }
  // After CONFIG SET, without any lock: what could not be done while it held some.
  void ApplyConfig() { semi_sync_->Configure(); }
  // Whether save points apply: to a server, not to a store inside somebody's process.
  bool takes_snapshots() const { return takes_snapshots_; }
  // Some thread walks over all keys, for whatever sink.
  bool in_snapshot() const { return snapshot_.load(std::memory_order_relaxed) != nullptr; }
  // SHUTDOWN SAVE and NOSAVE; without either a server without an append-only file saves if it has save points. (One with an
  // append-only file has everything in it.)
  void ChooseShutdownSave(bool save) { shutdown_save_.store(save ? 1 : 0, std::memory_order_relaxed); }
  // One pass at a time (Saver sees to it). Begin: the moment of the snapshot; returns the log offset of that moment. No
  // stripe may be held by the caller of either.
  // `at_the_moment` is called under all stripes.
  std::uint64_t BeginSnapshot(SnapshotPass& pass, const std::function<void()>& at_the_moment = {});
  void EndSnapshot(SnapshotPass& pass);
  // Before any handler that may write: what a snapshot under way still needs of its keys, whose stripes are held.
  void BeforeHandler(const CommandContext& ctx) {
    if (SnapshotPass* pass = snapshot_.load(std::memory_order_acquire)) [[unlikely]] BeforeWrite(*pass, ctx);
  }

  // The same for one entry, by whoever removes it outside of a handler's keys. Its stripe is held.
  void BeforeChange(Database& db, Entry* entry) {
    if (SnapshotPass* pass = snapshot_.load(std::memory_order_acquire)) [[unlikely]] BeforeChange(*pass, db, entry);
  }

  // How entries remember their last use: from maxmemory-policy.
  AccessSettings& access() { return access_; }
  int notify_flags() const { return notify_flags_.load(std::memory_order_relaxed); }
  // Whether anything reads the log: without an AOF and replicas effects are not even encoded.
  bool records_effects() const { return records_effects_.load(std::memory_order_relaxed); }
  // All stripes are held, or nothing runs yet.
  void RecordEffects(bool on) { records_effects_.store(on, std::memory_order_relaxed); }
  bool replays() const { return replays_; }
  bool loading() const { return loading_.load(std::memory_order_relaxed); }
  // This server follows another: what it has changes when the primary says so, and for no other reason. Changes under all stripes.
  bool is_replica() const { return is_replica_.load(std::memory_order_relaxed); }
  void SetReplica(bool on) { is_replica_.store(on, std::memory_order_relaxed); }
  // Appends the effects of a unit made outside of a command (active expiry, eviction), and tells of them. The stripe is held.
  void AppendEffects(ThreadState& thread, Stripe& stripe);
  // Deletes an expired or evicted key and adds its DEL/UNLINK to thread.unit. The stripe is held.
  void DeleteAsEffect(ThreadState& thread, int db, const KeyRef& key, Database::Place place, bool evicted);
  // Frees memory until it is under maxmemory again. False if it could not.
  bool EvictIfNeeded(ThreadState& thread);
  // Evicting is the primary's business (replica-ignore-maxmemory).
  bool spares_memory() const { return is_replica() && config_->Bool(Directive::kReplicaIgnoreMaxmemory); }
  // A keyspace notification: one of thread.events.
  void Notify(ThreadState& thread, int db, int notify_class, std::string_view event, std::string_view key);
  // Sends what the thread has to tell; it leaves when `gate` is promised. The stripes that it is about are held.
  void SendEvents(ThreadState& thread, std::uint64_t gate);
  // A key was changed, by the thread's command or (expired, evicted) by nobody: WATCH, CLIENT TRACKING. The stripe is held.
  void KeyTouched(ThreadState& thread, Stripe& stripe, int db, std::string_view key, bool by_command);
  // Somebody wants to hear of every change, wherever it is.
  bool broadcasts_changes() const { return broadcasts_changes_.load(std::memory_order_relaxed); }
  // After changes outside of a command: what its end would have sent. No lock is held.
  void SendInvalidations(ThreadState& thread);
  // Every watcher of any key of the database (FLUSH, SWAPDB); all stripes are held.
  void TouchAllWatched(int db, int other_db);

  // Wall clock in ms. Tests and DEBUG may shift it.
  std::int64_t NowMs();
  // The last NowMs() of any thread: good enough for access times, free.
  std::int64_t clock_ms() const { return clock_ms_.load(std::memory_order_relaxed); }
  std::int64_t start_time_ms() const { return start_time_ms_; }
  std::string& run_id() { return run_id_; }
  std::atomic<bool>& active_expire_enabled() { return active_expire_enabled_; }
  // --- observation. Executing threads pay for it only while somebody asked for it (observers, notable_ns).
  SlowLog& slow_log() { return *slow_log_; }
  LatencyMonitor& latency() { return *latency_; }
  MonitorFeed& monitors() { return *monitors_; }
  Tracking& tracking() { return *tracking_; }
  void StartMonitor(Client& client);
  void StopMonitor(Client& client);
  // A command ran for this long: statistics, slow log, latency events. Also for one that waited and was then served.
  void CommandRan(ThreadState& thread, const Client& client, const Command& command, std::span<const std::string_view> args,
                  std::uint64_t nanoseconds);

  // A client has been answered for which it waited: the time counts as the command's.
  void WaitEnded(ThreadState& thread, const Client& client, const Waiter& waiter);

  // Counted outside of any thread's stats.
  struct Stats {
    std::atomic<std::uint64_t> connections_received{0};
    std::atomic<std::uint64_t> rejected_connections{0};
    std::atomic<std::uint64_t> expired_stale_perc{0};
    std::atomic<std::uint64_t> evicted_clients{0};
    std::atomic<std::uint64_t> output_limit_disconnections{0};
    std::atomic<std::uint64_t> query_limit_disconnections{0};
    std::atomic<std::uint64_t> unexpected_error_replies{0};
    std::atomic<std::uint64_t> error_reply_total{0};
  };
  Stats& stats() { return stats_; }
  Rates& rates() { return rates_; }
  std::atomic<std::int64_t>& dirty() { return dirty_; }
  // Seeds for whoever needs randomness.
  std::uint64_t NextSeed();
  // Error statistics by code ("ERR", "WRONGTYPE"): INFO errorstats. Not on the hot path.
  void CountError(std::string_view code);
  std::vector<std::pair<std::string, std::uint64_t>> ErrorStats();
  void ResetStats();

 private:
  friend class CommandContext;
  friend class StripeGuard;
  friend class Executor;
  friend class Cron;
  bool MayRun(ThreadState& thread, PreparedCommand& prepared, ReplyWriter& reply);
  void Refuse(ThreadState& thread, PreparedCommand& prepared, ReplyWriter& reply, std::string_view error);
  // Both: false if the cluster refused, which has been answered.
  bool RunOne(ThreadState& thread, PreparedCommand& prepared, ReplyWriter& reply);
  bool RunExec(ThreadState& thread, PreparedCommand& prepared, ReplyWriter& reply);
  void RunHandler(ThreadState& thread, CommandContext& ctx, std::string_view wire = {});
  void ServeLater(ThreadState& thread);
  void QueueCommand(ThreadState& thread, PreparedCommand& prepared, ReplyWriter& reply);
  template <typename Body>
  void RunLocked(ThreadState& thread, Client& client, LockNeed& need, Body&& body);
  void UnwatchLocked(Client& client);
  bool SavesAtShutdown() const {
    int chosen = shutdown_save_.load(std::memory_order_relaxed);
    return chosen >= 0 ? chosen != 0 : !config_->SavePoints().empty() && dirty_.load(std::memory_order_relaxed) > 0;
  }
  void BeforeWrite(SnapshotPass& pass, const CommandContext& ctx);
  static void BeforeChange(SnapshotPass& pass, Database& db, Entry* entry);
  void MakeServer();
  void RefreshObservation();  // from the configuration
  void NotableCommand(const Client& client, const Command& command, std::span<const std::string_view> args, std::uint64_t nanoseconds);
  void AddToSlowLog(const Client& client, const Command& command, std::span<const std::string_view> args, std::uint64_t nanoseconds);
  void BeforeCommand(ThreadState& thread, Client& client, OutBuffer& out);
  void Observe(const CommandContext& ctx);
  void AfterCommand(ThreadState& thread, Client& client, const Command* command, OutBuffer& out);
  void SendOwnInvalidations(ThreadState& thread, Client& client, OutBuffer& out);
  struct CommandEnd;
  void ShowToMonitors(const Client& client, const Command& command, std::span<const std::string_view> args);
  std::uint64_t TicksToNs(std::uint64_t ticks) const {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(ticks) * ns_per_tick_) >> 32);
  }

  std::unique_ptr<Config> config_;
  Logger& logger_;
  EngineHost* host_;
  std::unique_ptr<CommandTable> commands_;
  std::unique_ptr<AccessControl> acl_;
  std::unique_ptr<Keyspace> keyspace_;
  std::unique_ptr<DataDirLock> dir_lock_;
  std::vector<std::unique_ptr<CommitLog>> logs_;  // the last is log_; changed under all stripes
  std::atomic<CommitLog*> log_{nullptr};
  std::unique_ptr<PubSub> pubsub_;
  std::unique_ptr<Blocking> blocking_;
  std::unique_ptr<ClientRegistry> clients_;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<ControlDesk> control_;
  std::vector<std::unique_ptr<Server>> servers_;  // the last is server_, unless it failed
  std::atomic<Server*> server_{nullptr};
  std::unique_ptr<Cron> cron_;
  std::unique_ptr<Saver> saver_;
  std::unique_ptr<AppendOnly> append_only_;
  std::unique_ptr<Replication> replication_;
  std::unique_ptr<SemiSyncGate> semi_sync_;
  std::atomic<SnapshotPass*> snapshot_{nullptr};  // changed under all stripes
  std::unique_ptr<SlowLog> slow_log_;
  std::unique_ptr<LatencyMonitor> latency_;
  std::unique_ptr<MonitorFeed> monitors_;
  std::unique_ptr<Tracking> tracking_;
  std::mutex threads_mutex_;
  std::vector<std::unique_ptr<ThreadState>> threads_;
  std::vector<ThreadState*> idle_threads_;
  std::atomic<std::uint64_t> next_client_id_{1};
  std::atomic<bool> loading_{false};
  std::atomic<bool> active_expire_enabled_{true};
  std::atomic<int> notify_flags_{0};
  AccessSettings access_;
  std::atomic<bool> records_effects_{false};
  std::atomic<bool> is_replica_{false};
  bool takes_snapshots_ = false;
  bool replays_ = false;
  std::atomic<int> shutdown_save_{-1};  // -1: as the save points say
  std::atomic<bool> memory_limited_{false};  // maxmemory is set
  std::atomic<std::int64_t> dirty_{0};       // changes since the last save; approximate with several threads
  std::uint64_t ns_per_tick_ = 1;            // in units of 2^-32
  std::atomic<std::uint64_t> notable_ns_{UINT64_MAX};  // what takes as long is looked at: slow log, latency events
  std::atomic<bool> latency_tracking_{true};
  std::atomic<std::uint32_t> observers_{0};  // Observer bits: who wants to see commands
  std::atomic<bool> broadcasts_changes_{false};
  std::atomic<std::int64_t> clock_ms_{0};
  std::int64_t start_time_ms_ = 0;
  std::string run_id_;
  Stats stats_;
  Rates rates_;
  std::mutex errors_mutex_;
  std::vector<std::pair<std::string, std::uint64_t>> error_counts_;
  bool stopped_ = false;
  bool listen_any_port_ = false;
};

}  // namespace slotwise
