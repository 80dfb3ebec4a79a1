// What the memory of the process is used for: INFO memory, MEMORY STATS, MEMORY DOCTOR. A sum of moments: nothing is locked.
// Source: the fields of MEMORY STATS in Redis 7.0.
#pragma once
#include <cstdint>
#include <vector>

namespace slotwise {

class Engine;

struct MemoryOverview {
  std::uint64_t used = 0;      // in live allocations
  std::uint64_t peak = 0;
  std::uint64_t resident = 0;  // of the process
  std::uint64_t slabs = 0;     // mapped by the allocator
  std::uint64_t clients = 0;
  std::uint64_t log_buffer = 0;
  struct PerDatabase {
    int index;
    std::uint64_t table;    // buckets
    std::uint64_t expiries; // the moments of expiry, in the entries
  };
  std::vector<PerDatabase> databases;  // those that hold keys
  std::uint64_t keys = 0;

  std::uint64_t overhead() const;                                   // what is not data
  std::uint64_t dataset() const { return used > overhead() ? used - overhead() : 0; }
  double dataset_percent() const { return Percent(dataset(), used); }
  double peak_percent() const { return Percent(used, peak); }
  std::uint64_t bytes_per_key() const { return keys == 0 ? 0 : used / keys; }
  static double Ratio(std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); }
  static std::int64_t Excess(std::uint64_t a, std::uint64_t b) { return static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b); }

 private:
  static double Percent(std::uint64_t part, std::uint64_t all) { return 100.0 * Ratio(part, all); }
};

MemoryOverview LookAtMemory(Engine& engine);

}  // namespace slotwise
