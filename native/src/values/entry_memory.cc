#include "values/entry_memory.h"

#include "keyspace/allocator.h"
#include "values/blob.h"
#include "values/value_ops.h"

namespace slotwise {

std::size_t EntryMemory(const Entry* entry) {
  std::size_t bytes = AllocatedSize(entry->AllocationSize()) + kIndexBytesPerKey;
  if (entry->external()) bytes += entry->pointer<Blob>()->memory();
  else if (const ValueOps* ops = OpsOf(entry->type())) bytes += ops->memory(entry->encoding(), entry->pointer());
  return bytes;
}

}  // namespace slotwise
