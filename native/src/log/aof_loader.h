// Start-up: replays the AOF directory into a sink, verifies it against the block checksums, cuts a torn tail.
// Rules and texts: specs aof.md sections 2, 4, 7; the two defects of Redis 7.0.15 named there are not copied.
//
// What is cut and what is refused: a cut removes only bytes that cannot have been promised to anybody, at the very end of
// the last file: an element that was being written when the process died, zero bytes behind it, and after a power
// cut whatever was not known to be durable (segment_index.h). All else that is wrong stops the start, with file, byte and
// remedy. Nothing is changed on disk before every file was read successfully.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/logger.h"
#include "base/status.h"
#include "log/commit_log.h"
#include "log/file_system.h"

namespace slotwise {

// Receives the commands of the log in order.
class LoadSink {
 public:
  virtual ~LoadSink() = default;
  // One command outside a transaction, or one inside (the loader hands a transaction over only when its EXEC was
  // found; MULTI and EXEC themselves are not delivered). `db` is the database selected at that point (SELECT is
  // handled by the loader). The bytes that the views point to stay where they are until the next Drain(); `argv` itself
  // only during the call. Returns false for an unknown command, which is fatal; `error` then says why.
  virtual bool Apply(int db, const std::string_view* argv, std::size_t argc, std::string* error) = 0;
  // A file begins with an RDB that holds keys: reads it from the beginning of `file`, which has `size` bytes, and says where
  // it ends. By default no RDB is read.
  virtual Status LoadRdb(File& file, std::uint64_t size, const std::string& name, std::uint64_t* end);
  // The bytes are about to go away: finish the work that was queued. Called at the end too.
  virtual void Drain() {}
  // For progress lines: bytes done of total.
  virtual void Progress(std::uint64_t /*done*/, std::uint64_t /*total*/) {}
};

struct LoadOptions {
  bool load_truncated = true;  // aof-load-truncated
  // False only looks: nothing on disk is changed, and what would need a cut is refused. For a directory whose log is open
  // (DEBUG RELOAD): repairing its index would replace the file that the log is appending to.
  bool repair = true;
};

struct LoadReport {
  std::uint64_t commands = 0;
  std::uint64_t bytes = 0;
  std::uint64_t truncated_bytes = 0;  // cut from the torn tail
  int db = 0;                         // selected at the end of the last file
  bool existed = false;               // there was a directory with a manifest, or an old-style file
};

// Nothing to load is success with existed == false. On failure nothing on disk was changed and the message says what
// was found, at which byte of which file, and what to do; the sink may hold part of the data and is to be thrown away.
Status LoadAof(FileSystem& files, Logger& logger, const CommitLogOptions& where, const LoadOptions& options, LoadSink& sink,
               LoadReport* report);

}  // namespace slotwise
