// What DUMP replies and MIGRATE sends: one value as bytes, with the format's version and a checksum behind it.
// Source: spec rdb.md section 14. Elsewhere: reading it (RESTORE, commands/dump.cc).
#pragma once
#include <string>

#include "keyspace/entry.h"

namespace slotwise {

// `compress`: long strings by LZF, as rdbcompression says. The entry's stripe is held.
std::string DumpPayload(const Entry* entry, bool compress);

}  // namespace slotwise
