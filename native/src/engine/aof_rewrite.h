// One rewrite of the append-only file, from the moment of its snapshot to the manifest that names the new base. Nothing is
// taken from the old files: the base is written from memory. See log/aof_log.h for what happens to the files.
// Elsewhere: when, and one at a time (append_only.h).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

class AofLog;
class Engine;

struct AofRewrite {
  // What the base goes with.
  enum class Log {
    kOpen,      // the log that is open goes on in a new segment
    kStarting,  // a log begins at the moment of the snapshot (CONFIG SET appendonly yes)
    kNone,      // there is none: the base is all that the AOF holds
  };
  Log log = Log::kOpen;
  std::function<void(std::uint64_t total)> begun = {};      // the moment has come; of so many keys
  std::function<Status(std::uint64_t walked)> pace = {};    // now and then; an error gives up
};

// On failure all is as it was, but for kStarting: the log that was begun is then the engine's, and the caller's to end.
Status RewriteAof(Engine& engine, FileSystem& files, const AofRewrite& rewrite);

}  // namespace slotwise
