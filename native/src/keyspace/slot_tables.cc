#include "keyspace/slot_tables.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/ablation.h"

namespace slotwise {
namespace {

constexpr std::size_t kHugePage = 2 * 1024 * 1024;
constexpr std::size_t kMapped = (kSlotCount * sizeof(SlotTable) + kHugePage - 1) & ~(kHugePage - 1);

}  // namespace

SlotTables::SlotTables() {
  void* raw = mmap(nullptr, kMapped + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) {
    std::fprintf(stderr, "slotwise: out of memory (cannot map %zu bytes)\n", kMapped + kHugePage);
    std::abort();
  }
  auto address = reinterpret_cast<std::uintptr_t>(raw);
  std::uintptr_t aligned = (address + kHugePage - 1) & ~(kHugePage - 1);
  if (aligned > address) munmap(raw, aligned - address);
  munmap(reinterpret_cast<void*>(aligned + kMapped), kHugePage - (aligned - address));
  tables_ = reinterpret_cast<SlotTable*>(aligned);
  if (!Ablated().hugepages) madvise(tables_, kMapped, MADV_HUGEPAGE);
}

SlotTables::~SlotTables() { munmap(static_cast<void*>(tables_), kMapped); }

}  // namespace slotwise
