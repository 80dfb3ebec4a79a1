#include "engine/memory_overview.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "engine/client_registry.h"
#include "engine/engine.h"
#include "keyspace/allocator.h"
#include "values/entry_memory.h"

namespace slotwise {
namespace {

std::uint64_t ResidentMemory() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long long size = 0, resident = 0;
  int read = std::fscanf(file, "%llu %llu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

std::uint64_t MemoryOverview::overhead() const {
  std::uint64_t sum = clients + log_buffer;
  for (const PerDatabase& db : databases) sum += db.table + db.expiries;
  return std::min(sum, used);
}

MemoryOverview LookAtMemory(Engine& engine) {
  MemoryOverview m;
  SamplePeak();
  m.used = UsedMemory();
  m.peak = std::max(PeakUsedMemory(), m.used);
  m.resident = ResidentMemory();
  m.slabs = SlabMemory();
  for (const auto& record : engine.clients().All()) m.clients += record->memory();
  if (engine.log().persistent()) m.log_buffer = engine.log().stats().pending_bytes;
  for (int i = 0; i < engine.keyspace().database_count(); ++i) {
    const Database& db = engine.keyspace().Db(i);
    const std::uint64_t keys = db.KeyCount();
    if (keys == 0) continue;
    m.keys += keys;
    m.databases.push_back({i, keys * kIndexBytesPerKey, db.ExpiringCount() * sizeof(std::int64_t)});
  }
  return m;
}

}  // namespace slotwise
