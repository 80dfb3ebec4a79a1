// INFO: the state of the server in Redis's sections and fields, which monitoring tools parse. Fields of what does not
// exist here yet (replicas, modules, snapshots) say what Redis says while it has none.
// Differs: memory is the slab allocator's, so the allocator fields describe slabs, and nothing counts as taken at startup.
// Source: Redis 7.0 INFO documentation. Elsewhere: counting (engine/totals.h, engine/rates.h).
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bitset>
#include <cstdio>
#include <tuple>

#include "base/split_args.h"
#include "base/ticks.h"
#include "base/version.h"
#include "commands/info_text.h"
#include "engine/access_control.h"
#include "engine/blocking.h"
#include "engine/client_registry.h"
#include "engine/copy_lease.h"
#include "engine/cron.h"
#include "engine/engine.h"
#include "engine/failover.h"
#include "engine/memory_overview.h"
#include "engine/pubsub.h"
#include "engine/replica_link.h"
#include "engine/replication.h"
#include "engine/append_only.h"
#include "engine/saver.h"
#include "engine/totals.h"
#include "engine/tracking.h"
#include "keyspace/access.h"
#include "keyspace/allocator.h"
#include "log/log_buffer.h"
#include "net/server.h"

namespace slotwise {
namespace {

void ServerSection(CommandContext& ctx, InfoText& out) {
  Engine& engine = ctx.engine;
  const Config& config = engine.config();
  utsname system{};
  uname(&system);
  char executable[4096];
  ssize_t length = readlink("/proc/self/exe", executable, sizeof executable);
  std::int64_t uptime = (ctx.now_ms - engine.start_time_ms()) / 1000;
  Server* server = engine.server();
  out.Line("redis_version", kRedisVersion);
  out.Line("slotwise_version", kSlotwiseVersion);
  out.Line("redis_git_sha1", "00000000");
  out.Line("redis_git_dirty", 0);
  out.Line("redis_build_id", "0");
  out.Line("redis_mode", ctx.engine.cluster() == nullptr ? "standalone" : "cluster");
  out.Line("os", std::string(system.sysname) + " " + system.release + " " + system.machine);
  out.Line("arch_bits", sizeof(void*) * 8);
  out.Line("monotonic_clock", "POSIX clock_gettime");
  out.Line("multiplexing_api", "epoll");
  out.Line("atomicvar_api", "c11-builtin");
#if defined(__clang__)
  out.Line("gcc_version", "0.0.0");
#else
  out.Line("gcc_version", std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__) + "." + std::to_string(__GNUC_PATCHLEVEL__));
#endif
  out.Line("process_id", getpid());
  out.Line("process_supervised", "no");
  out.Line("run_id", engine.run_id());
  out.Line("tcp_port", server != nullptr ? server->port() : config.Int(Directive::kPort));
  out.Line("server_time_usec", ctx.now_ms * 1000);
  out.Line("uptime_in_seconds", uptime);
  out.Line("uptime_in_days", uptime / 86400);
  out.Line("hz", config.Int(Directive::kHz));
  out.Line("configured_hz", config.Int(Directive::kHz));
  out.Line("lru_clock", LruClock(ctx.now_ms));
  out.Line("executable", std::string_view(executable, length < 0 ? 0 : static_cast<std::size_t>(length)));
  out.Line("config_file", config.ConfigFile());
  out.Line("io_threads_active", server != nullptr && server->thread_count() > 1 ? 1 : 0);
}

void ClientsSection(CommandContext& ctx, InfoText& out) {
  const std::size_t replicas = ctx.engine.replication().info().replicas.size();
  out.Line("connected_clients", ctx.engine.clients().count() - std::min(replicas, ctx.engine.clients().count()));
  out.Line("cluster_connections", 0);
  out.Line("maxclients", ctx.engine.config().Int(Directive::kMaxclients));
  out.Line("client_recent_max_input_buffer", 0);
  out.Line("client_recent_max_output_buffer", 0);
  out.Line("blocked_clients", ctx.engine.clients().pause().waiting().load(std::memory_order_relaxed) + ctx.engine.blocking().count());
  out.Line("tracking_clients", ctx.engine.tracking().client_count());
  out.Line("clients_in_timeout_table", 0);
}

void Ratio(InfoText& out, const std::string& name, std::uint64_t a, std::uint64_t b, const char* bytes_suffix = "_bytes") {
  std::string base = name.substr(0, name.size() - std::string_view("_ratio").size());
  out.Fixed(name, b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b));
  out.Line(base + bytes_suffix, static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b));
}

void MemorySection(CommandContext& ctx, InfoText& out) {
  Engine& engine = ctx.engine;
  const Config& config = engine.config();
  const MemoryOverview m = LookAtMemory(engine);
  const auto [used, peak, resident, slabs] = std::tuple(m.used, m.peak, m.resident, m.slabs);
  struct sysinfo machine {};
  sysinfo(&machine);
  std::uint64_t total = static_cast<std::uint64_t>(machine.totalram) * machine.mem_unit;
  Cron* cron = engine.cron();
  out.Memory("used_memory", used);
  out.Memory("used_memory_rss", resident);
  out.Memory("used_memory_peak", peak);
  out.Fixed("used_memory_peak_perc", m.peak_percent(), "%");
  out.Line("used_memory_overhead", m.overhead());
  out.Line("used_memory_startup", 0);
  out.Line("used_memory_dataset", m.dataset());
  out.Fixed("used_memory_dataset_perc", m.dataset_percent(), "%");
  out.Line("allocator_allocated", used);
  out.Line("allocator_active", slabs);
  out.Line("allocator_resident", slabs);
  out.Memory("total_system_memory", total);
  out.Line("used_memory_lua", 0);
  out.Line("used_memory_vm_eval", 0);
  out.Line("used_memory_lua_human", "0B");
  out.Line("used_memory_scripts_eval", 0);
  out.Line("number_of_cached_scripts", 0);
  out.Line("number_of_functions", 0);
  out.Line("number_of_libraries", 0);
  out.Line("used_memory_vm_functions", 0);
  out.Memory("used_memory_vm_total", 0);
  out.Line("used_memory_functions", 0);
  out.Memory("used_memory_scripts", 0);
  out.Memory("maxmemory", config.Bytes(Directive::kMaxmemory));
  out.Line("maxmemory_policy", config.Str(Directive::kMaxmemoryPolicy));
  Ratio(out, "allocator_frag_ratio", slabs, used);
  Ratio(out, "allocator_rss_ratio", slabs, slabs);
  Ratio(out, "rss_overhead_ratio", resident, slabs);
  Ratio(out, "mem_fragmentation_ratio", resident, used);
  out.Line("mem_not_counted_for_evict", 0);
  // What replicas have not got is the log's own memory, the backlog's included.
  const std::uint64_t backlog = engine.replication().active() ? engine.log().tail() - engine.log().buffer().first() : 0;
  out.Line("mem_replication_backlog", backlog);
  out.Line("mem_total_replication_buffers", backlog);
  out.Line("mem_clients_slaves", 0);
  out.Line("mem_clients_normal", m.clients);
  out.Line("mem_cluster_links", 0);
  out.Line("mem_aof_buffer", m.log_buffer);
  out.Line("mem_allocator", "slotwise-slab");
  out.Line("active_defrag_running", 0);
  out.Line("lazyfree_pending_objects", cron != nullptr ? cron->lazyfree_pending() : 0);
  out.Line("lazyfreed_objects", cron != nullptr ? cron->lazyfreed() : 0);
}

void PersistenceSection(CommandContext& ctx, InfoText& out) {
  Engine& engine = ctx.engine;
  CommitLog& log = engine.log();
  out.Line("loading", engine.loading() ? 1 : 0);
  out.Line("async_loading", engine.replication().link().info().syncing ? 1 : 0);
  out.Line("current_cow_peak", 0);
  out.Line("current_cow_size", 0);
  out.Line("current_cow_size_age", 0);
  out.Fixed("current_fork_perc", 0);
  Saver::Info save = engine.saver().info();
  const AppendOnly::Info aof = engine.append_only().info();
  out.Line("current_save_keys_processed", aof.rewriting ? aof.current_keys : save.current_keys);
  out.Line("current_save_keys_total", aof.rewriting ? aof.current_total : save.current_total);
  out.Line("rdb_changes_since_last_save", engine.dirty().load(std::memory_order_relaxed));
  out.Line("rdb_bgsave_in_progress", save.in_progress ? 1 : 0);
  out.Line("rdb_last_save_time", save.last_save_seconds);
  out.Line("rdb_last_bgsave_status", save.last_ok ? "ok" : "err");
  out.Line("rdb_last_bgsave_time_sec", save.last_seconds);
  out.Line("rdb_current_bgsave_time_sec", save.current_seconds);
  out.Line("rdb_saves", save.saves);
  out.Line("rdb_last_cow_size", 0);
  out.Line("rdb_last_load_keys_expired", save.loaded_expired);
  out.Line("rdb_last_load_keys_loaded", save.loaded_keys);
  out.Line("aof_enabled", aof.enabled ? 1 : 0);
  out.Line("aof_rewrite_in_progress", aof.rewriting ? 1 : 0);
  out.Line("aof_rewrite_scheduled", aof.scheduled ? 1 : 0);
  out.Line("aof_last_rewrite_time_sec", aof.last_seconds);
  out.Line("aof_current_rewrite_time_sec", aof.current_seconds);
  out.Line("aof_last_bgrewrite_status", aof.last_ok ? "ok" : "err");
  out.Line("aof_rewrites", aof.rewrites);
  out.Line("aof_rewrites_consecutive_failures", aof.failures);
  out.Line("aof_last_write_status", log.healthy() ? "ok" : "err");
  out.Line("aof_last_cow_size", 0);
  out.Line("module_fork_in_progress", 0);
  out.Line("module_fork_last_cow_size", 0);
  if (!log.persistent()) return;
  CommitLogStats stats = log.stats();
  out.Line("aof_current_size", stats.current_size);
  out.Line("aof_base_size", stats.base_size);
  out.Line("aof_pending_rewrite", aof.scheduled ? 1 : 0);
  out.Line("aof_buffer_length", stats.pending_bytes);
  out.Line("aof_pending_bio_fsync", stats.fsync_in_progress ? 1 : 0);
  out.Line("aof_delayed_fsync", stats.delayed_fsyncs);
}

void StatsSection(CommandContext& ctx, InfoText& out) {
  Engine& engine = ctx.engine;
  Engine::Stats& stats = engine.stats();
  EngineTotals totals = SumThreads(engine);
  SampleRates(engine);
  Rates::PerSecond rates = engine.rates().Current();
  const Replication::Info replication = engine.replication().info();
  PubSub& pubsub = engine.pubsub();
  out.Line("total_connections_received", stats.connections_received.load(std::memory_order_relaxed));
  out.Line("total_commands_processed", totals.commands);
  out.Line("instantaneous_ops_per_sec", static_cast<std::uint64_t>(rates.commands));
  out.Line("total_net_input_bytes", totals.input_bytes);
  out.Line("total_net_output_bytes", totals.output_bytes);
  out.Line("total_net_repl_input_bytes", engine.replication().link().info().bytes_read);
  out.Line("total_net_repl_output_bytes", replication.bytes_sent);
  out.Fixed("instantaneous_input_kbps", rates.input_bytes / 1024);
  out.Fixed("instantaneous_output_kbps", rates.output_bytes / 1024);
  out.Fixed("instantaneous_input_repl_kbps", 0);
  out.Fixed("instantaneous_output_repl_kbps", 0);
  out.Line("rejected_connections", stats.rejected_connections.load(std::memory_order_relaxed));
  out.Line("sync_full", replication.full);
  out.Line("sync_partial_ok", replication.partial);
  out.Line("sync_partial_err", replication.refused);
  out.Line("expired_keys", totals.expired_keys);
  out.Fixed("expired_stale_perc", static_cast<double>(stats.expired_stale_perc.load(std::memory_order_relaxed)));
  out.Line("expired_time_cap_reached_count", 0);
  out.Line("expire_cycle_cpu_milliseconds", 0);
  out.Line("evicted_keys", totals.evicted_keys);
  out.Line("evicted_clients", stats.evicted_clients.load(std::memory_order_relaxed));
  out.Line("total_eviction_exceeded_time", 0);
  out.Line("current_eviction_exceeded_time", 0);
  out.Line("keyspace_hits", totals.keyspace_hits);
  out.Line("keyspace_misses", totals.keyspace_misses);
  out.Line("pubsub_channels", pubsub.NameCount(SubscriptionKind::kChannel));
  out.Line("pubsub_patterns", pubsub.NameCount(SubscriptionKind::kPattern));
  out.Line("pubsubshard_channels", pubsub.NameCount(SubscriptionKind::kShardChannel));
  out.Line("latest_fork_usec", 0);
  out.Line("total_forks", 0);
  out.Line("migrate_cached_sockets", 0);
  out.Line("slave_expires_tracked_keys", 0);
  out.Line("active_defrag_hits", 0);
  out.Line("active_defrag_misses", 0);
  out.Line("active_defrag_key_hits", 0);
  out.Line("active_defrag_key_misses", 0);
  out.Line("total_active_defrag_time", 0);
  out.Line("current_active_defrag_time", 0);
  out.Line("tracking_total_keys", engine.tracking().key_count());
  out.Line("tracking_total_items", engine.tracking().item_count());
  out.Line("tracking_total_prefixes", engine.tracking().prefix_count());
  out.Line("unexpected_error_replies", stats.unexpected_error_replies.load(std::memory_order_relaxed));
  out.Line("total_error_replies", stats.error_reply_total.load(std::memory_order_relaxed));
  out.Line("dump_payload_sanitizations", 0);
  out.Line("total_reads_processed", totals.reads);
  out.Line("total_writes_processed", totals.writes);
  // Every thread here is an I/O thread, and all of them execute.
  out.Line("io_threaded_reads_processed", 0);
  out.Line("io_threaded_writes_processed", 0);
  out.Line("reply_buffer_shrinks", 0);
  out.Line("reply_buffer_expands", 0);
  // As Redis names them from 7.2 on.
  AccessControl::Denied& denied = engine.acl().denied();
  out.Line("acl_access_denied_auth", denied.auth.load(std::memory_order_relaxed));
  out.Line("acl_access_denied_cmd", denied.command.load(std::memory_order_relaxed));
  out.Line("acl_access_denied_key", denied.key.load(std::memory_order_relaxed));
  out.Line("acl_access_denied_channel", denied.channel.load(std::memory_order_relaxed));
}

const char* StateName(Replica::State state) {
  switch (state) {
    case Replica::State::kWaiting: return "wait_bgsave";
    case Replica::State::kSaving: return "wait_bgsave";
    case Replica::State::kSending: return "send_bulk";
    default: return "online";
  }
}

// What a replica says of its link.
void ReplicaLines(CommandContext& ctx, const Replication::Info& info, InfoText& out) {
  const Config& config = ctx.engine.config();
  const ReplicaLink::Info link = ctx.engine.replication().link().info();
  const bool up = link.state == LinkState::kConnected;
  const std::int64_t now_ms = MonotonicMs();
  out.Line("master_host", info.primary_host);
  out.Line("master_port", info.primary_port);
  out.Line("master_link_status", up ? "up" : "down");
  out.Line("master_last_io_seconds_ago", up ? (now_ms - link.last_io_ms) / 1000 : -1);
  out.Line("master_sync_in_progress", link.state == LinkState::kSync ? 1 : 0);
  out.Line("slave_read_repl_offset", std::max(link.received, info.offset));
  out.Line("slave_repl_offset", info.offset);
  if (link.state == LinkState::kSync) {
    out.Line("master_sync_total_bytes", link.syncing ? link.sync_total : 0);
    out.Line("master_sync_read_bytes", link.sync_read);
    out.Line("master_sync_left_bytes", link.sync_total < 0 ? -1 : link.sync_total - link.sync_read);
    out.Fixed("master_sync_perc", link.sync_total <= 0 ? 0 : 100.0 * static_cast<double>(link.sync_read) / static_cast<double>(link.sync_total));
    out.Line("master_sync_last_io_seconds_ago", (now_ms - link.last_io_ms) / 1000);
  }
  if (!up) out.Line("master_link_down_since_seconds", link.down_since_ms == 0 ? -1 : (now_ms - link.down_since_ms) / 1000);
  if (const RelayChannel::Info relay = ctx.engine.replication().link().relay_info(); relay.state != DualChannel::State::kNone || relay.relays > 0) {
    out.Line("semi_sync_relay", RelayStateName(relay));
    out.Line("semi_sync_relay_bytes", relay.bytes);
    out.Line("semi_sync_relay_first_offset", relay.start);
    out.Line("semi_sync_relay_last_offset", relay.end == 0 ? 0 : relay.end - 1);
  }
  out.Line("slave_priority", config.Int(Directive::kReplicaPriority));
  out.Line("slave_read_only", config.Bool(Directive::kReplicaReadOnly) ? 1 : 0);
  out.Line("replica_announced", config.Bool(Directive::kReplicaAnnounced) ? 1 : 0);
}

const char* StateName(SemiSync::State state) {
  switch (state) {
    case SemiSync::State::kOff: return "off";
    case SemiSync::State::kOn: return "on";
    case SemiSync::State::kFallenBack: return "fallen-back";
    case SemiSync::State::kReturning: return "returning";
  }
  return "";
}

// Of a shard whose copies are counted: the lease of this primary, or what this replica acknowledges.
void QuorumLines(CommandContext& ctx, InfoText& out) {
  const CopyLease& copies = ctx.engine.replication().copies();
  const CopyDuty duty = copies.duty();
  if (!ctx.engine.is_replica()) {
    const std::int64_t left_ms = std::max<std::int64_t>(0, copies.end_ms() - MonotonicMs());
    out.Line("quorum_status", left_ms == 0 ? "OFF" : "ON");
    out.Line("quorum_lease_left_ms", left_ms);
    out.Line("quorum_replicas_needed", duty.needed);
    out.Line("quorum_replicas_acknowledging", ctx.engine.semi_sync().info().clients);
    out.Line("quorum_reason", duty.why);
  }
  out.Line("quorum_ballot", duty.tag);
}

// MySQL's counters by its names; a transaction is a command that wrote, times are microseconds.
void SemiSyncLines(CommandContext& ctx, const Replication::Info& replication, InfoText& out) {
  if (ctx.engine.replication().copies().counted()) QuorumLines(ctx, out);
  if (!ctx.engine.semi_sync().on()) return;
  const SemiSyncGate::Info info = ctx.engine.semi_sync().info();
  out.Line("semi_sync_master_status", info.state == SemiSync::State::kOn ? "ON" : "OFF");
  out.Line("semi_sync_master_state", StateName(info.state));
  out.Line("semi_sync_master_clients", info.clients);
  // By a second channel: what lies between what a replica has applied and its relay is promised by nobody.
  std::int64_t relays = 0, gap = 0;
  for (const Replication::ReplicaLine& r : replication.replicas) {
    if (r.relay_start == 0) continue;
    ++relays;
    gap += std::max<std::int64_t>(0, r.relay_start - 1 - r.acked);
  }
  out.Line("semi_sync_master_relays", relays);
  out.Line("semi_sync_master_gap_bytes", gap);
  out.Line("semi_sync_master_unprotected_time", info.unprotected_us);
  out.Line("semi_sync_master_last_unprotected_time", info.last_unprotected_us);
  out.Line("semi_sync_master_yes_tx", info.yes);
  out.Line("semi_sync_master_no_tx", info.no);
  out.Line("semi_sync_master_no_times", info.fallen_back_count);
  out.Line("semi_sync_master_tx_waits", info.waits);
  out.Line("semi_sync_master_tx_wait_time", info.wait_us);
  out.Line("semi_sync_master_tx_avg_wait_time", info.waits == 0 ? 0 : info.wait_us / info.waits);
  out.Line("semi_sync_master_net_waits", info.net_waits);
  out.Line("semi_sync_master_net_wait_time", info.net_wait_ms * 1000);
}

void ReplicationSection(CommandContext& ctx, InfoText& out) {
  const Config& config = ctx.engine.config();
  // Before the offset: whoever follows this server reads here how old the data up to that offset may be.
  const bool proves = ctx.engine.replication().proves_staleness();
  const std::int64_t staleness_ms = proves ? ctx.engine.replication().ProvenStalenessMs() : -1;
  Replication::Info info = ctx.engine.replication().info();
  const ReplicationHistory& history = info.history;
  out.Line("role", info.replica ? "slave" : "master");
  if (info.replica) ReplicaLines(ctx, info, out);
  if (info.replica && proves) out.Line("slave_staleness_ms", staleness_ms);
  out.Line("connected_slaves", info.replicas.size());
  if (config.Int(Directive::kMinReplicasToWrite) > 0 && config.Int(Directive::kMinReplicasMaxLag) > 0) {
    out.Line("min_slaves_good_slaves", info.good_replicas);
  }
  for (std::size_t i = 0; i < info.replicas.size(); ++i) {
    const Replication::ReplicaLine& r = info.replicas[i];
    std::string line = "ip=" + r.ip + ",port=" + std::to_string(r.port) + ",state=" + StateName(r.state) + ",offset=" + std::to_string(r.acked) +
                       ",lag=" + std::to_string(r.lag_seconds);
    if (r.relay_start > 0) line += ",relay=" + std::to_string(r.relay_start) + "-" + std::to_string(std::max(r.relay_end, r.relay_start - 1));
    if (r.fsynced >= 0) line += ",fsynced=" + std::to_string(r.fsynced);
    out.Line("slave" + std::to_string(i), line);
  }
  out.Line("master_failover_state", ctx.engine.replication().failover().state_name());
  out.Line("master_replid", history.id);
  out.Line("master_replid2", history.previous_id);
  out.Line("master_repl_offset", info.offset);
  out.Line("second_repl_offset", history.previous_end);
  out.Line("repl_backlog_active", history.active ? 1 : 0);
  out.Line("repl_backlog_size", config.Bytes(Directive::kReplBacklogSize));
  out.Line("repl_backlog_first_byte_offset", history.active ? history.first : 0);
  out.Line("repl_backlog_histlen", history.active ? history.next - history.first : 0);
  if (info.fsynced >= 0) out.Line("master_fsynced_offset", info.fsynced);
  SemiSyncLines(ctx, info, out);
}

void CpuSection(CommandContext&, InfoText& out) {
  auto lines = [&](int who, const char* system, const char* user) {
    rusage usage{};
    getrusage(who, &usage);
    out.Seconds(system, usage.ru_stime.tv_sec * 1000000LL + usage.ru_stime.tv_usec);
    out.Seconds(user, usage.ru_utime.tv_sec * 1000000LL + usage.ru_utime.tv_usec);
  };
  lines(RUSAGE_SELF, "used_cpu_sys", "used_cpu_user");
  lines(RUSAGE_CHILDREN, "used_cpu_sys_children", "used_cpu_user_children");
  // The thread that answers, which stands for Redis's only one.
  lines(RUSAGE_THREAD, "used_cpu_sys_main_thread", "used_cpu_user_main_thread");
}

void CommandStatsSection(CommandContext& ctx, InfoText& out) {
  std::vector<CommandTotals> totals = SumCommands(ctx.engine);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const CommandTotals& t = totals[i];
    if (!t.any()) continue;
    std::uint64_t usec = t.nanoseconds / 1000;
    char line[256];
    std::snprintf(line, sizeof line, "calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu",
                  static_cast<unsigned long long>(t.calls), static_cast<unsigned long long>(usec),
                  t.calls == 0 ? 0 : static_cast<double>(t.nanoseconds) / 1000 / static_cast<double>(t.calls),
                  static_cast<unsigned long long>(t.rejected), static_cast<unsigned long long>(t.failed));
    out.Line("cmdstat_" + std::string(ctx.engine.commands().At(i).full_name()), std::string_view(line));
  }
}

void ErrorStatsSection(CommandContext& ctx, InfoText& out) {
  for (const auto& [code, count] : ctx.engine.ErrorStats()) out.Line("errorstat_" + code, "count=" + std::to_string(count));
}

void LatencyStatsSection(CommandContext& ctx, InfoText& out) {
  std::vector<std::string> percentiles;
  SplitArgs(ctx.engine.config().Str(Directive::kLatencyTrackingInfoPercentiles), &percentiles);
  for (const Command& command : ctx.engine.commands().all()) {
    LatencyDistribution times = SumLatency(ctx.engine, command);
    if (times.count() == 0) continue;
    std::string line;
    for (const std::string& p : percentiles) {
      char text[64];
      std::snprintf(text, sizeof text, "%sp%s=%.3f", line.empty() ? "" : ",", p.c_str(),
                    static_cast<double>(times.NsAtPercentile(std::strtod(p.c_str(), nullptr))) / 1000);
      line += text;
    }
    out.Line("latency_percentiles_usec_" + std::string(command.full_name()), line);
  }
}

void ClusterSection(CommandContext& ctx, InfoText& out) { out.Line("cluster_enabled", ctx.engine.cluster() == nullptr ? 0 : 1); }

// FLUSHALL and SWAPDB put other databases in place under all stripes: one stripe is enough to keep them here.
void KeyspaceSection(CommandContext& ctx, InfoText& out) {
  StripeGuard guard(ctx, 0);
  Keyspace& keyspace = ctx.engine.keyspace();
  for (int i = 0; i < keyspace.database_count(); ++i) {
    std::uint64_t keys = keyspace.Db(i).KeyCount();
    std::uint64_t expiring = keyspace.Db(i).ExpiringCount();
    if (keys == 0 && expiring == 0) continue;
    out.Line("db" + std::to_string(i), "keys=" + std::to_string(keys) + ",expires=" + std::to_string(expiring) + ",avg_ttl=0");
  }
}

void Nothing(CommandContext&, InfoText&) {}

struct Section {
  const char* name;
  const char* title;
  bool by_default;
  void (*write)(CommandContext& ctx, InfoText& out);
};
// In the order in which they are printed.
constexpr Section kSections[] = {
    {"server", "Server", true, ServerSection},
    {"clients", "Clients", true, ClientsSection},
    {"memory", "Memory", true, MemorySection},
    {"persistence", "Persistence", true, PersistenceSection},
    {"stats", "Stats", true, StatsSection},
    {"replication", "Replication", true, ReplicationSection},
    {"cpu", "CPU", true, CpuSection},
    {"modules", "Modules", true, Nothing},
    {"commandstats", "Commandstats", false, CommandStatsSection},
    {"errorstats", "Errorstats", true, ErrorStatsSection},
    {"latencystats", "Latencystats", false, LatencyStatsSection},
    {"cluster", "Cluster", true, ClusterSection},
    {"keyspace", "Keyspace", true, KeyspaceSection},
};

void Info(CommandContext& ctx) {
  constexpr std::size_t kCount = std::size(kSections);
  std::bitset<kCount> wanted;
  auto want_default = [&] {
    for (std::size_t i = 0; i < kCount; ++i) wanted[i] = wanted[i] || kSections[i].by_default;
  };
  if (ctx.argc() == 1) want_default();
  for (std::size_t a = 1; a < ctx.argc(); ++a) {
    if (ctx.ArgIs(a, "default")) want_default();
    if (ctx.ArgIs(a, "all") || ctx.ArgIs(a, "everything")) wanted.set();
    for (std::size_t i = 0; i < kCount; ++i) wanted[i] = wanted[i] || ctx.ArgIs(a, kSections[i].name);
  }
  InfoText out;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (!wanted[i]) continue;
    out.Section(kSections[i].title);
    kSections[i].write(ctx, out);
  }
  ctx.reply.Verbatim(out.text());
}

}  // namespace

// kSelf: takes the one stripe it needs by itself.
SLOTWISE_COMMANDS(info, {"info", Info, LockMode::kSelf});

}  // namespace slotwise
