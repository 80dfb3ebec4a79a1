// What a binlog remembers beside its segments, <appendfilename>.binlog: who wrote it, which goes with every change into other
// binlogs so that it does not come back, and how far consumers have acknowledged it.
// Replaced as a whole and not fsynced: after a power cut a consumer may be a little further back, which it has to expect anyway, since
// it may have been cut off before it could acknowledge. A file that is damaged counts for nothing but its id.
// Sans I/O but for reading and replacing the file. Source: decision 0024.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "log/aof_directory.h"
#include "log/file_system.h"

namespace slotwise {

struct BinlogConsumer {
  std::uint64_t seq = 0;       // of the file
  std::uint64_t position = 0;  // acknowledged
  std::int64_t acked_seconds = 0;
};

struct BinlogState {
  std::string id;  // 40 characters
  std::map<std::string, BinlogConsumer, std::less<>> consumers;
};

// A name of a consumer: 1 to 64 letters, digits, '.', '_', '-'.
bool IsConsumerName(std::string_view name);

std::string PrintBinlogState(const BinlogState& state);
// False: damaged, or not in this format; `state` has what could be read.
bool ParseBinlogState(std::string_view text, BinlogState* state);

// Begins one with a new id if there is none.
Status LoadBinlogState(FileSystem& files, const AofPaths& paths, BinlogState* state);
Status SaveBinlogState(FileSystem& files, const AofPaths& paths, const BinlogState& state);

}  // namespace slotwise
