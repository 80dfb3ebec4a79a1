// The engine of slotwise-check-aof: says whether an AOF can be loaded, and with --fix cuts what cannot. Arguments,
// output, prompts and exit codes are redis-check-aof's (specs aof.md section 8), so scripts written for it go on working.
// Beyond it: where a segment has an index, its checksums are verified too, and a repair leaves an index that fits.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

class CheckAofConsole {
 public:
  virtual ~CheckAofConsole() = default;
  virtual void Print(std::string_view text) = 0;  // stdout
  virtual std::string ReadLine() = 0;             // stdin; empty at its end
};

// Checks the RDB at the beginning of `file` and says where it ends: backup/rdb_extent.h, which lies above this layer.
using RdbEnd = std::function<Status(File& file, const std::string& name, std::uint64_t* end)>;

// `args` without the program's name, which is `program` in the usage line. Returns the exit code.
int CheckAof(FileSystem& files, const std::string& program, const std::vector<std::string>& args, CheckAofConsole& console,
             const RdbEnd& rdb_end);

}  // namespace slotwise
