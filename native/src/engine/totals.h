// The counters of all executing threads, added up: what INFO prints. Not for hot paths: it visits every thread.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/latency_histogram.h"

namespace slotwise {

class Engine;
struct Command;

struct EngineTotals {
  std::uint64_t commands = 0;
  std::uint64_t keyspace_hits = 0;
  std::uint64_t keyspace_misses = 0;
  std::uint64_t expired_keys = 0;
  std::uint64_t evicted_keys = 0;
  std::uint64_t input_bytes = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};
EngineTotals SumThreads(Engine& engine);

struct CommandTotals {
  std::uint64_t calls = 0;
  std::uint64_t nanoseconds = 0;
  std::uint64_t rejected = 0;
  std::uint64_t failed = 0;
  bool any() const { return calls + rejected + failed > 0; }
};
// By Command::id.
std::vector<CommandTotals> SumCommands(Engine& engine);
LatencyDistribution SumLatency(Engine& engine, const Command& command);

// Takes a sample for Engine::rates() if one is due.
void SampleRates(Engine& engine);

}  // namespace slotwise
