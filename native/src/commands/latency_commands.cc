// LATENCY: slow events over time, and how the calls of each command are distributed.
// Source: Redis 7.0 command documentation and its replies. Elsewhere: recording (engine/latency_monitor.h,
// engine/latency_histogram.h), text for people (commands/latency_graph.h).
#include "commands/container_help.h"
#include "commands/late_commands.h"
#include "commands/latency_graph.h"
#include "engine/engine.h"
#include "engine/latency_monitor.h"
#include "engine/totals.h"

namespace slotwise {
namespace {

void Latest(CommandContext& ctx) {
  std::vector<LatencyMonitor::Event> events = ctx.engine.latency().Events();
  ctx.reply.Array(static_cast<std::int64_t>(events.size()));
  for (const LatencyMonitor::Event& e : events) {
    ctx.reply.Array(4);
    ctx.reply.Bulk(e.name);
    ctx.reply.Integer(e.samples.back().unix_seconds);
    ctx.reply.Integer(e.samples.back().milliseconds);
    ctx.reply.Integer(e.max_ms);
  }
}

void History(CommandContext& ctx) {
  auto event = ctx.engine.latency().Find(ctx.arg(2));
  if (!event) return ctx.reply.Array(0);
  ctx.reply.Array(static_cast<std::int64_t>(event->samples.size()));
  for (const LatencyMonitor::Sample& s : event->samples) {
    ctx.reply.Array(2);
    ctx.reply.Integer(s.unix_seconds);
    ctx.reply.Integer(s.milliseconds);
  }
}

void Reset(CommandContext& ctx) {
  LatencyMonitor& latency = ctx.engine.latency();
  std::int64_t forgotten = 0;
  if (ctx.argc() == 2) forgotten = latency.Reset(std::nullopt);
  for (std::string_view name : ctx.args.subspan(2)) forgotten += latency.Reset(name);
  ctx.reply.Integer(forgotten);
}

void Graph(CommandContext& ctx) {
  auto event = ctx.engine.latency().Find(ctx.arg(2));
  if (!event) return ctx.Error("ERR No samples available for event '" + std::string(ctx.arg(2)) + "'");
  ctx.reply.Verbatim(LatencyGraph(*event, ctx.now_ms / 1000));
}

void Doctor(CommandContext& ctx) {
  const Config& config = ctx.engine.config();
  DoctorFacts facts;
  facts.threshold_ms = config.Int(Directive::kLatencyMonitorThreshold);
  facts.slowlog_us = config.Int(Directive::kSlowlogLogSlowerThan);
  facts.fsync_always = config.EnumAs<config_value::Appendfsync>(Directive::kAppendfsync) == config_value::Appendfsync::kAlways;
  ctx.reply.Verbatim(LatencyReport(ctx.engine.latency().Events(), facts, ctx.now_ms / 1000));
}

// The commands in question that were called: all, or the named ones with their subcommands.
std::vector<const Command*> Asked(CommandContext& ctx) {
  const CommandTable& table = ctx.engine.commands();
  std::vector<const Command*> asked;
  auto add = [&](const Command& command) {
    asked.push_back(&command);
    ForEachSubcommand(table, command, [&](const Command& sub) { asked.push_back(&sub); });
  };
  if (ctx.argc() == 2) table.ForEachKnown(add);
  for (std::string_view name : ctx.args.subspan(2)) {
    if (const Command* command = table.FindFullName(name)) add(*command);
  }
  return asked;
}

void Histogram(CommandContext& ctx) {
  struct Row {
    std::string_view name;
    std::uint64_t calls;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> buckets;
  };
  std::vector<Row> rows;
  for (const Command* command : Asked(ctx)) {
    LatencyDistribution times = SumLatency(ctx.engine, *command);
    if (times.count() == 0) continue;
    Row& row = rows.emplace_back(Row{command->full_name(), times.count(), {}});
    times.ForEachPowerOfTwo([&](std::uint64_t usec, std::uint64_t calls) { row.buckets.emplace_back(usec, calls); });
  }
  ctx.reply.Map(static_cast<std::int64_t>(rows.size()));
  for (const Row& row : rows) {
    ctx.reply.Bulk(row.name);
    ctx.reply.Map(2);
    ctx.reply.Bulk("calls");
    ctx.reply.Integer(static_cast<std::int64_t>(row.calls));
    ctx.reply.Bulk("histogram_usec");
    ctx.reply.Map(static_cast<std::int64_t>(row.buckets.size()));
    for (auto [usec, calls] : row.buckets) {
      ctx.reply.Integer(static_cast<std::int64_t>(usec));
      ctx.reply.Integer(static_cast<std::int64_t>(calls));
    }
  }
}

}  // namespace

SLOTWISE_COMMANDS(latency, {"latency|latest", Latest}, {"latency|history", History}, {"latency|reset", Reset},
                  {"latency|graph", Graph}, {"latency|doctor", Doctor}, {"latency|histogram", Histogram},
                  {"latency|help", ReplyContainerHelp});

}  // namespace slotwise
