#include "engine/totals.h"

#include "base/ticks.h"
#include "engine/engine.h"

namespace slotwise {

EngineTotals SumThreads(Engine& engine) {
  EngineTotals t;
  engine.ForEachThread([&](ThreadState& thread) {
    const ThreadStats& s = thread.stats;
    t.commands += s.commands.value();
    t.keyspace_hits += s.keyspace_hits.value();
    t.keyspace_misses += s.keyspace_misses.value();
    t.expired_keys += s.expired_keys.value();
    t.evicted_keys += s.evicted_keys.value();
    t.input_bytes += s.net_input_bytes.value();
    t.output_bytes += s.net_output_bytes.value();
    t.reads += s.reads.value();
    t.writes += s.writes.value();
  });
  return t;
}

std::vector<CommandTotals> SumCommands(Engine& engine) {
  std::vector<CommandTotals> totals(engine.commands().size());
  engine.ForEachThread([&](ThreadState& thread) {
    for (std::size_t i = 0; i < totals.size(); ++i) {
      const CommandStats& s = thread.command_stats[i];
      totals[i].calls += s.calls.value();
      totals[i].nanoseconds += s.nanoseconds.value();
      totals[i].rejected += s.rejected.value();
      totals[i].failed += s.failed.value();
    }
  });
  return totals;
}

LatencyDistribution SumLatency(Engine& engine, const Command& command) {
  LatencyDistribution sum;
  engine.ForEachThread([&](ThreadState& thread) {
    if (const LatencyHistogram* h = thread.command_stats[command.id].latency.load(std::memory_order_acquire)) sum.Add(*h);
  });
  return sum;
}

void SampleRates(Engine& engine) {
  std::int64_t now_ms = MonotonicMs();
  if (!engine.rates().Due(now_ms)) return;
  EngineTotals t = SumThreads(engine);
  engine.rates().Sample(now_ms, {t.commands, t.input_bytes, t.output_bytes});
}

}  // namespace slotwise
