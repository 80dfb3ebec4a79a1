// What a key takes: its entry, its value and its share of the table. MEMORY USAGE; what evicting it sets free.
#pragma once
#include <cstddef>

#include "keyspace/entry.h"

namespace slotwise {

// A key's share of its slot's table: a place in a bucket of 64 bytes that holds about five and a half.
constexpr std::size_t kIndexBytesPerKey = 12;

// The stripe of the key is held. As long as the value has allocations.
std::size_t EntryMemory(const Entry* entry);

}  // namespace slotwise
