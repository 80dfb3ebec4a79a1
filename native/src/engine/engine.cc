#include "engine/engine.h"

#include <sys/random.h>

#include <algorithm>

#include "base/random_hex.h"
#include "base/ticks.h"
#include "engine/access_control.h"
#include "engine/append_only.h"
#include "engine/blocking.h"
#include "engine/client_eviction.h"
#include "engine/client_registry.h"
#include "engine/cluster.h"
#include "engine/control_desk.h"
#include "engine/cron.h"
#include "engine/latency_monitor.h"
#include "engine/load_sink.h"
#include "engine/monitor_feed.h"
#include "engine/pubsub.h"
#include "engine/rdb_load.h"
#include "engine/replication.h"
#include "engine/saver.h"
#include "engine/slow_log.h"
#include "engine/tracking.h"
#include "keyspace/watch_list.h"
#include "log/aof_loader.h"
#include "log/data_dir_lock.h"
#include "net/server.h"
#include "snapshot/snapshot_pass.h"

namespace slotwise {
namespace {

FsyncPolicy PolicyOf(const Config& config) {
  switch (config.EnumAs<config_value::Appendfsync>(Directive::kAppendfsync)) {
    case config_value::Appendfsync::kAlways:
      return FsyncPolicy::kAlways;
    case config_value::Appendfsync::kNo:
      return FsyncPolicy::kNo;
    default:
      return FsyncPolicy::kEverySec;
  }
}

}  // namespace

Engine::Engine(std::unique_ptr<Config> config, Logger& logger, EngineHost* host)
    : config_(std::move(config)), logger_(logger), host_(host), commands_(std::make_unique<CommandTable>()) {
  keyspace_ = std::make_unique<Keyspace>(static_cast<int>(config_->Int(Directive::kDatabases)));
  logs_.push_back(CommitLog::InMemory());
  log_.store(logs_.back().get());
  pubsub_ = std::make_unique<PubSub>();
  blocking_ = std::make_unique<Blocking>(*this);
  clients_ = std::make_unique<ClientRegistry>();
  control_ = std::make_unique<ControlDesk>(*this);
  slow_log_ = std::make_unique<SlowLog>();
  latency_ = std::make_unique<LatencyMonitor>();
  monitors_ = std::make_unique<MonitorFeed>(observers_, kObserverMonitor);
  tracking_ = std::make_unique<Tracking>(*clients_, observers_, kObserverTracking, broadcasts_changes_);
  acl_ = std::make_unique<AccessControl>(*this);
  acl_->FollowRequirepass();
  saver_ = std::make_unique<Saver>(*this, PosixFiles());
  append_only_ = std::make_unique<AppendOnly>(*this, PosixFiles());
  replication_ = std::make_unique<Replication>(*this);
  semi_sync_ = std::make_unique<SemiSyncGate>(*this);
  start_time_ms_ = WallClockMs();
  run_id_ = RandomHex(20);
  ns_per_tick_ = static_cast<std::uint64_t>(NanosecondsPerTick() * 4294967296.0);
  // Current values, and what follows them when they change.
  auto refresh = [this] {
    memory_limited_.store(config_->Bytes(Directive::kMaxmemory) > 0, std::memory_order_relaxed);
    auto policy = config_->EnumAs<config_value::MaxmemoryPolicy>(Directive::kMaxmemoryPolicy);
    access_.lfu.store(policy == config_value::MaxmemoryPolicy::kAllkeysLfu || policy == config_value::MaxmemoryPolicy::kVolatileLfu,
                      std::memory_order_relaxed);
    access_.lfu_log_factor.store(static_cast<int>(config_->Int(Directive::kLfuLogFactor)), std::memory_order_relaxed);
    access_.lfu_decay_minutes.store(static_cast<int>(config_->Int(Directive::kLfuDecayTime)), std::memory_order_relaxed);
    notify_flags_.store(static_cast<int>(config_->Int(Directive::kNotifyKeyspaceEvents)), std::memory_order_relaxed);
    log().SetFsyncPolicy(PolicyOf(*config_));
    RefreshObservation();
    return Status::Ok();
  };
  (void)refresh();
  config_->OnChange({Directive::kMaxmemory, Directive::kMaxmemoryPolicy, Directive::kLfuLogFactor, Directive::kLfuDecayTime,
                     Directive::kNotifyKeyspaceEvents, Directive::kAppendfsync, Directive::kSlowlogLogSlowerThan, Directive::kSlowlogMaxLen,
                     Directive::kLatencyMonitorThreshold, Directive::kLatencyTracking},
                    refresh);
  config_->OnChange(Directive::kAppendonly, [this] { return append_only_->Turn(config_->Bool(Directive::kAppendonly)); });
  auto listen_again = [this](const char* error) {
    if (!listening()) return Status::Ok();
    Status s = server()->Relisten();
    return s.ok() ? s : Status::Error(s.code(), error);
  };
  config_->OnChange(Directive::kPort, [this, listen_again] {
    listen_any_port_ = false;  // one has been named
    return listen_again("Unable to listen on this port. Check server logs.");
  });
  config_->OnChange(Directive::kBind, [listen_again] { return listen_again("Failed to bind to specified addresses."); });
  config_->OnChange({Directive::kMaxmemoryClients, Directive::kMaxmemory}, [this] {
    EvictClients(*this);
    return Status::Ok();
  });
  config_->OnChange(Directive::kRequirepass, [this] {
    acl_->FollowRequirepass();
    return Status::Ok();
  });
  config_->OnChange(Directive::kLoglevel, [this] {
    if (host_ != nullptr) host_->OnLogLevel(config_->Enum(Directive::kLoglevel));
    return Status::Ok();
  });
}

Engine::~Engine() {
  (void)Stop();
  server_.store(nullptr);
  servers_.clear();
  replication_->Stop();
  append_only_.reset();
  saver_.reset();
  cron_.reset();
}

Status Engine::Start(const EngineOptions& options) {
  if (Status s = acl_->LoadAtStart(); !s.ok()) return s;
  replays_ = options.replays;
  if (replays_) active_expire_enabled_.store(false, std::memory_order_relaxed);
  if (options.cluster) cluster_ = std::make_unique<Cluster>(*this);
  if (options.will_listen) {
    MakeServer();
    // Only a port that is taken ends it here; what else may be wrong is for Listen() to say.
    if (Status s = server()->Bind(); s.code() == EADDRINUSE) return s;
  }
  if (options.persistent) {
    if (Status s = LockDirectory(); !s.ok()) return s;
    const CommitLogOptions where = LogOptions();
    loading_.store(true, std::memory_order_relaxed);
    LoadReport report;
    Status loaded;
    {
      AofLoadSink sink(*this);
      LoadOptions load_options;
      load_options.load_truncated = config_->Bool(Directive::kAofLoadTruncated);
      loaded = LoadAof(PosixFiles(), logger_, where, load_options, sink, &report);
    }
    loading_.store(false, std::memory_order_relaxed);
    if (!loaded.ok()) return loaded;
    std::unique_ptr<CommitLog> opened;
    if (Status s = CommitLog::Open(PosixFiles(), logger_, where, &opened); !s.ok()) return s;
    SwitchLog(std::move(opened));
    replication_->RestoreHistory(report.db);
  } else if (options.will_listen) {
    // A server without an append-only file begins with its last snapshot, as Redis does.
    loading_.store(true, std::memory_order_relaxed);
    RdbLoadReport report;
    RdbLoadOptions load_options;
    load_options.continues_stream = true;
    Status loaded = LoadRdbFile(*this, PosixFiles(), config_->Str(Directive::kDir) + "/" + config_->Str(Directive::kDbfilename), load_options, &report);
    loading_.store(false, std::memory_order_relaxed);
    if (!loaded.ok()) return loaded;
    saver_->NoteLoaded(report.keys, report.expired);
    if (report.place) replication_->RestorePlace(*report.place);
  }
  takes_snapshots_ = options.will_listen;
  append_only_->Started(options.persistent);
  cron_ = std::make_unique<Cron>(*this);
  // The role first: what expires meanwhile is a primary's to say, and a replica that said it would add to its primary's stream.
  replication_->FollowConfigured();
  cron_->Start();
  semi_sync_->Start();
  return Status::Ok();
}

Status Engine::Listen() {
  if (listening()) return Status::Error(-1, "already listening");
  acl_->FollowRequirepass();  // listen({ password }) sets it without a listener being told
  if (server() == nullptr) MakeServer();
  Status s = server()->Start();
  if (!s.ok()) {
    servers_.back()->Stop();
    server_.store(nullptr, std::memory_order_release);
  }
  return s;
}

void Engine::MakeServer() {
  servers_.push_back(std::make_unique<Server>(*this));
  server_.store(servers_.back().get(), std::memory_order_release);
}

Status Engine::Stop() {
  if (stopped_) return Status::Ok();
  stopped_ = true;
  control_->Close();
  if (cluster_) cluster_->Stop();
  semi_sync_->Stop();
  replication_->Stop();
  if (Server* s = server()) s->Stop();
  append_only_->Stop();
  Status saved;
  if (takes_snapshots_ && !log().persistent() && SavesAtShutdown()) {
    saver_->Stop(/*for_good=*/false);
    saved = saver_->Save();
  }
  saver_->Stop();
  if (cron_) cron_->Stop();
  Status closed = log().Close();
  return closed.ok() ? saved : closed;
}

CommitLogOptions Engine::LogOptions() const {
  CommitLogOptions options;
  options.dir = config_->Str(Directive::kDir);
  options.append_dirname = config_->Str(Directive::kAppenddirname);
  options.append_filename = config_->Str(Directive::kAppendfilename);
  options.fsync = PolicyOf(*config_);
  options.timestamps = config_->Bool(Directive::kAofTimestampEnabled);
  options.archive_dir = config_->Str(Directive::kAofArchiveDir);
  options.owned = [this] { return dir_lock_ == nullptr || dir_lock_->StillMine(); };
  options.on_lost = [this] {
    if (host_ != nullptr) host_->OnShutdown(1);
  };
  options.shared = config_->EnumAs<config_value::Standby>(Directive::kStandby) != config_value::Standby::kNo;
  options.took_over = options.shared && dir_lock_ != nullptr && dir_lock_->took_over();
  return options;
}

Status Engine::LockDirectory() {
  static std::mutex mutex;  // several threads may be the first that want it
  std::lock_guard<std::mutex> guard(mutex);
  if (dir_lock_) return Status::Ok();
  const std::string dir = config_->Str(Directive::kDir);
  Status status = DataDirLock::Acquire(dir, &dir_lock_);
  if (status.code() != EWOULDBLOCK || config_->EnumAs<config_value::Standby>(Directive::kStandby) != config_value::Standby::kForce) return status;
  logger_.Warn(status.message() + ": taking it over (standby force)");
  return DataDirLock::Seize(dir, &dir_lock_);
}

void Engine::SwitchLog(std::unique_ptr<CommitLog> next) {
  CommitLog* before = log_.load(std::memory_order_relaxed);
  before->Releases(false);
  next->buffer().SetTimestamps(next->persistent() && config_->Bool(Directive::kAofTimestampEnabled));
  log_.store(next.get(), std::memory_order_release);
  logs_.push_back(std::move(next));
  RecordEffects(log().persistent() || replication_->active());
  replication_->LogSwitched();
  if (listening()) server()->FollowLog();
}

bool Engine::listening() const {
  const Server* s = server();
  return s != nullptr && s->running();
}

int Engine::listening_port() const {
  const Server* s = server();
  return s != nullptr ? s->port() : -1;
}

ThreadState& Engine::AddThread() {
  std::lock_guard<std::mutex> guard(threads_mutex_);
  if (!idle_threads_.empty()) {
    ThreadState* t = idle_threads_.back();
    idle_threads_.pop_back();
    return *t;
  }
  threads_.push_back(std::make_unique<ThreadState>(commands_->size(), NextSeed()));
  return *threads_.back();
}

// The counters stay, for INFO; the next thread goes on with them.
void Engine::RemoveThread(ThreadState& thread) {
  std::lock_guard<std::mutex> guard(threads_mutex_);
  idle_threads_.push_back(&thread);
}

void Engine::ForEachThread(const std::function<void(ThreadState&)>& visit) {
  std::lock_guard<std::mutex> guard(threads_mutex_);
  for (auto& t : threads_) visit(*t);
}

std::uint64_t Engine::NextSeed() {
  std::uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) seed = Ticks();
  return seed;
}

std::int64_t Engine::NowMs() {
  std::int64_t now = WallClockMs();
  if (clock_ms_.load(std::memory_order_relaxed) != now) clock_ms_.store(now, std::memory_order_relaxed);
  bool lfu = access_.lfu.load(std::memory_order_relaxed);
  keyspace_->SetNewAccess(lfu ? LfuMinutes(now) << 8 | kLfuInitial : LruClock(now));
  return now;
}

void Engine::ClientGone(ThreadState&, Client& client) {
  if (std::shared_ptr<Waiter> waiter = std::move(client.waiter)) {
    blocking_->Cancel(*waiter, Blocking::Reason::kClosed);  // if it was served just now, the answer finds nobody
    blocking_->Forget(*waiter);
  }
  Unwatch(client);
  StopMonitor(client);
  if (client.max_staleness_ms != 0) replication_->SetStaleness(client, 0);
  replication_->Gone(client);
  tracking_->Disable(client);
  if (client.subscriptions) pubsub_->RemoveAll(client);
}

void Engine::DiscardTransaction(Client& client) {
  client.in_multi = client.multi_failed = false;
  client.queue_writes = client.queue_denies_oom = false;
  client.queue.clear();
  client.queue_bytes = 0;
  Unwatch(client);
}

void Engine::Unwatch(Client& client) {
  for (const Client::Watched& w : client.watched) {
    Stripe& stripe = keyspace_->StripeForSlot(HashSlot(w.key));
    std::lock_guard<FutexLock> guard(stripe.lock);
    if (stripe.watches) {
      stripe.watches->Remove(w.db, w.key, client.watch.get());
      stripe.CountListeners();
    }
  }
  client.watched.clear();
  client.watched_bytes = 0;
  client.watch.reset();
}

// As Unwatch, when the stripes of all watched keys are held.
void Engine::UnwatchLocked(Client& client) {
  for (const Client::Watched& w : client.watched) {
    Stripe& stripe = keyspace_->StripeForSlot(HashSlot(w.key));
    if (stripe.watches) {
      stripe.watches->Remove(w.db, w.key, client.watch.get());
      stripe.CountListeners();
    }
  }
  client.watched.clear();
  client.watched_bytes = 0;
  client.watch.reset();
}

// FLUSHDB/FLUSHALL of `db` (or of all with -1), SWAPDB of `db` and `other_db`: a watched key counts as changed if it
// exists before or after, expired ones aside. All stripes are held, and the old content is still in place.
void Engine::TouchAllWatched(int db, int other_db) {
  std::int64_t now_ms = WallClockMs();
  for (int i = 0; i < kStripeCount; ++i) {
    Stripe& stripe = keyspace_->StripeAt(i);
    if (!stripe.watches) continue;
    stripe.watches->ForEach([&](int watched_db, std::string_view name, std::vector<Watcher>& watchers) {
      if (db >= 0 && watched_db != db && watched_db != other_db) return;
      KeyRef key(name);
      bool existed = static_cast<bool>(keyspace_->Db(watched_db).Find(key));
      Database::Place after;
      if (db >= 0 && other_db >= 0) after = keyspace_->Db(watched_db == db ? other_db : db).Find(key);
      if (!existed && !after) return;
      bool after_expired = after && after.entry()->ExpiredAt(now_ms);
      for (Watcher& w : watchers) {
        if (w.stale && !after) w.stale = false;                    // gone at last
        else if (w.stale && after_expired) continue;               // as dead as before
        else if (!w.stale && !existed && after_expired) w.stale = true;  // there, but of no use
        else w.who->dirty.store(true, std::memory_order_relaxed);
      }
    });
  }
}

std::uint64_t Engine::BeginSnapshot(SnapshotPass& pass, const std::function<void()>& at_the_moment) {
  keyspace_->LockAll();
  pass.Begin();
  snapshot_.store(&pass, std::memory_order_release);
  std::uint64_t offset = log().tail();
  if (at_the_moment) at_the_moment();
  keyspace_->UnlockAll();
  return offset;
}

void Engine::EndSnapshot(SnapshotPass& pass) {
  keyspace_->LockAll();
  snapshot_.store(nullptr, std::memory_order_release);
  keyspace_->UnlockAll();
  pass.End();
}

void Engine::DeleteAsEffect(ThreadState& thread, int db, const KeyRef& key, Database::Place place, bool evicted) {
  if (SnapshotPass* pass = snapshot_.load(std::memory_order_acquire)) pass->BeforeChange(keyspace_->Db(db), place.entry());
  std::string name(place.entry()->key());  // `key` may point into the entry
  Directive lazy = evicted ? Directive::kLazyfreeLazyEviction : Directive::kLazyfreeLazyExpire;
  if (records_effects()) {
    std::string_view argv[] = {config_->Bool(lazy) ? "UNLINK" : "DEL", name};
    thread.unit.Add(db, argv, 2);
  }
  KeyRef own;
  own.key = name;
  own.hash = key.hash;
  own.slot = key.slot;
  std::int64_t begin_us = latency_->threshold_ms() > 0 ? MonotonicUs() : 0;
  keyspace_->Db(db).Erase(own, place);
  if (begin_us != 0) latency_->AddIfSlow(evicted ? "eviction-del" : "expire-del", (MonotonicUs() - begin_us) / 1000);
  Stripe& stripe = keyspace_->StripeForSlot(key.slot);
  if (stripe.listeners > 0 || broadcasts_changes()) KeyTouched(thread, stripe, db, name, false);
  if (evicted) {
    thread.stats.evicted_keys.Add();
    if (notify_flags() & kNotifyEvicted) Notify(thread, db, kNotifyEvicted, "evicted", name);
  } else {
    thread.stats.expired_keys.Add();
    if (notify_flags() & kNotifyExpired) Notify(thread, db, kNotifyExpired, "expired", name);
  }
  dirty_.fetch_add(1, std::memory_order_relaxed);
}

void Engine::Notify(ThreadState& thread, int db, int notify_class, std::string_view event, std::string_view key) {
  int flags = notify_flags();
  if ((flags & notify_class) == 0 || !pubsub_->anybody_listens()) return;
  auto add = [&](const char* prefix, std::string_view of, std::string_view message) {
    PendingEvent& e = thread.events.emplace_back();
    e.channel = prefix + std::to_string(db) + "__:";
    e.channel += of;
    e.message = message;
  };
  if (flags & kNotifyKeyspace) add("__keyspace@", key, event);
  if (flags & kNotifyKeyevent) add("__keyevent@", event, key);
}

void Engine::SendEvents(ThreadState& thread, std::uint64_t gate) {
  for (PendingEvent& e : thread.events) {
    if (e.kind == PendingEvent::Kind::kInvalidation) e.sink->PushInvalidation(std::move(e.resp2), std::move(e.resp3), gate);
    else if (e.kind == PendingEvent::Kind::kMessage) pubsub_->Publish(e.channel, e.message, gate, e.told_already);
    else pubsub_->PublishShard(e.channel, e.message, gate, e.told_already);
  }
  thread.events.clear();
}

void Engine::CountError(std::string_view code) {
  stats_.error_reply_total.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard<std::mutex> guard(errors_mutex_);
  for (auto& [name, count] : error_counts_) {
    if (name == code) {
      ++count;
      return;
    }
  }
  if (error_counts_.size() < 128) error_counts_.emplace_back(std::string(code), 1);
}

std::vector<std::pair<std::string, std::uint64_t>> Engine::ErrorStats() {
  std::lock_guard<std::mutex> guard(errors_mutex_);
  auto copy = error_counts_;
  std::sort(copy.begin(), copy.end());
  return copy;
}

void Engine::ResetStats() {
  ForEachThread([](ThreadState& t) {
    t.stats.Reset();
    for (CommandStats& c : t.command_stats) c.Reset();
  });
  for (auto* counter : {&stats_.connections_received, &stats_.rejected_connections, &stats_.expired_stale_perc,
                        &stats_.evicted_clients, &stats_.output_limit_disconnections, &stats_.query_limit_disconnections,
                        &stats_.unexpected_error_replies, &stats_.error_reply_total}) {
    counter->store(0, std::memory_order_relaxed);
  }
  AccessControl::Denied& denied = acl_->denied();
  for (auto* counter : {&denied.auth, &denied.command, &denied.key, &denied.channel}) counter->store(0, std::memory_order_relaxed);
  std::lock_guard<std::mutex> guard(errors_mutex_);
  error_counts_.clear();
}

}  // namespace slotwise
