// How far an RDB reaches in a file, and whether all of it is whole: everything is decoded and nothing kept. The end is not the
// file's: commands may follow (the AOF layout before Redis 7).
#pragma once
#include <cstdint>
#include <string>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

struct RdbExtent {
  std::uint64_t end = 0;
  std::int64_t created_seconds = -1;  // AUX `ctime`: when the data set was like that; -1: not said
  std::uint64_t keys = 0;
};

// Reads from the beginning of `file`; `name` is for messages, which say the byte.
Status MeasureRdb(File& file, const std::string& name, RdbExtent* out);
// Only the end, as slotwise-check-aof wants it.
Status RdbEndOf(File& file, const std::string& name, std::uint64_t* end);

}  // namespace slotwise
