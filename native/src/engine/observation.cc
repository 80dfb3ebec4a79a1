// Who looks at commands besides the client that sent them: the slow log, latency events, MONITOR, CLIENT TRACKING. Part
// of Engine.
// All of it is off the common path: a command that is not slow is compared with one number, and one flag word tells
// whether anybody monitors.
#include <sys/time.h>

#include <algorithm>

#include "base/ticks.h"
#include "commands/key_positions.h"
#include "commands/redaction.h"
#include "engine/engine.h"
#include "engine/latency_monitor.h"
#include "engine/monitor_feed.h"
#include "engine/slow_log.h"
#include "engine/tracking.h"
#include "engine/waiter.h"

namespace slotwise {

void Engine::RefreshObservation() {
  std::int64_t slow_us = config_->Int(Directive::kSlowlogLogSlowerThan);
  std::int64_t event_ms = config_->Int(Directive::kLatencyMonitorThreshold);
  auto nanoseconds = [](std::int64_t n, std::int64_t unit) { return static_cast<std::uint64_t>(std::min(n, INT64_MAX / unit) * unit); };
  std::uint64_t notable = UINT64_MAX;
  if (slow_us >= 0) notable = nanoseconds(slow_us, 1000);
  if (event_ms > 0) notable = std::min(notable, nanoseconds(event_ms, 1000000));
  notable_ns_.store(notable, std::memory_order_relaxed);
  latency_tracking_.store(config_->Bool(Directive::kLatencyTracking), std::memory_order_relaxed);
  latency_->SetThreshold(event_ms);
  slow_log_->SetMaxLength(static_cast<std::size_t>(config_->Int(Directive::kSlowlogMaxLen)));
}

void Engine::NotableCommand(const Client& client, const Command& command, std::span<const std::string_view> args, std::uint64_t nanoseconds) {
  if (client.kind == ClientKind::kLoader) return;
  latency_->AddIfSlow(command.Is(CommandFlag::kFast) ? "fast-command" : "command", static_cast<std::int64_t>(nanoseconds / 1000000));
  AddToSlowLog(client, command, args, nanoseconds);
}

void Engine::AddToSlowLog(const Client& client, const Command& command, std::span<const std::string_view> args, std::uint64_t nanoseconds) {
  std::int64_t slow_us = config_->Int(Directive::kSlowlogLogSlowerThan);
  auto microseconds = static_cast<std::int64_t>(nanoseconds / 1000);
  if (slow_us < 0 || microseconds < slow_us || command.Is(CommandFlag::kSkipSlowlog)) return;
  std::vector<std::string_view> scratch;
  slow_log_->Add(NowMs() / 1000, microseconds, Redacted(command, args, &scratch), client.address, client.name);
}

void Engine::WaitEnded(ThreadState& thread, const Client& client, const Waiter& waiter) {
  std::uint64_t nanoseconds = TicksToNs(Ticks() - waiter.since_ticks);
  CommandStats& stats = thread.command_stats[waiter.command->id];
  stats.nanoseconds.Add(nanoseconds);
  if (latency_tracking_.load(std::memory_order_relaxed)) stats.RecordLatency(nanoseconds);
  if (nanoseconds >= notable_ns_.load(std::memory_order_relaxed)) AddToSlowLog(client, *waiter.command, waiter.args, nanoseconds);
}

void Engine::StartMonitor(Client& client) {
  client.monitor = true;
  monitors_->Add(client);
}

void Engine::StopMonitor(Client& client) {
  if (!client.monitor) return;
  client.monitor = false;
  monitors_->Remove(client.id);
}

// Under the locks of the command, which has just run.
void Engine::Observe(const CommandContext& ctx) {
  ShowToMonitors(ctx.client, ctx.command, ctx.args);
  const Client& client = ctx.client;
  if (!client.tracking || !client.tracking->NotesKeys()) return;
  if (!ctx.command.Is(CommandFlag::kReadonly) || ctx.command.Is(CommandFlag::kPubsub)) return;
  if (ctx.command.lock == LockMode::kSelf && !ctx.all_locked) return;
  ForEachKeyIndex(ctx.command, ctx.args.data(), ctx.args.size(), [&](std::size_t i) {
    tracking_->Note(keyspace_->StripeForSlot(HashSlot(ctx.args[i])), client.tracking->shared, ctx.args[i]);
  });
}

// Some client tracks. What is forgotten or was evicted for the sake of this command is told before its reply.
void Engine::BeforeCommand(ThreadState& thread, Client& client, OutBuffer& out) {
  tracking_->Limit(thread, *keyspace_, config_->Bytes(Directive::kTrackingTableMaxKeys));
  if (client.tracking) SendOwnInvalidations(thread, client, out);
}

// What the client hears of may also be an eviction or an expiry, which its reply does not depend on.
void Engine::SendOwnInvalidations(ThreadState& thread, Client& client, OutBuffer& out) {
  if (!thread.invalidations || thread.invalidations->own.empty()) return;
  client.gate = std::max(client.gate, thread.outside_offset);
  tracking_->SendOwn(thread, *client.tracking->shared, out, client.protocol, client.gate);
}

void Engine::AfterCommand(ThreadState& thread, Client& client, const Command* command, OutBuffer& out) {
  if (client.tracking) {
    SendOwnInvalidations(thread, client, out);
    bool client_command = command != nullptr && command->container != nullptr && command->container->Is(CommandId::kClient);
    if (!client.in_multi && !client_command) client.tracking->caching = false;  // it was for this one
  }
  if (thread.invalidations && !thread.invalidations->changed.empty()) {
    client.gate = std::max(client.gate, thread.outside_offset);
    tracking_->SendBroadcasts(thread, &out, client.protocol, client.gate);
  }
  thread.client_id = 0;
}

void Engine::SendInvalidations(ThreadState& thread) {
  if (thread.invalidations) tracking_->SendBroadcasts(thread, nullptr, 0, thread.outside_offset);
}

// Administrative commands are not shown, nor those that say so themselves (EVAL: its commands are shown).
void Engine::ShowToMonitors(const Client& client, const Command& command, std::span<const std::string_view> args) {
  if ((observers_.load(std::memory_order_relaxed) & kObserverMonitor) == 0 || client.kind == ClientKind::kLoader) return;
  if (command.Is(CommandFlag::kSkipMonitor) || command.Is(CommandFlag::kAdmin)) return;
  timeval now;
  gettimeofday(&now, nullptr);
  std::vector<std::string_view> scratch;
  monitors_->Show(client, Redacted(command, args, &scratch), static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_usec);
}

}  // namespace slotwise
