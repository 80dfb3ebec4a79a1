// Copies of an AOF directory that are whole: taken while a server appends to it, or put together from a backup and archived segments
// (docs/backup.md). A copy is itself a data directory, which this server and redis-server start from.
//
// Consistency needs no help of the server: the log is a sequence, so a prefix of it that ends between two units is a state the data
// was in. The files are opened before the manifest is looked at a second time; if it is still the same they belong together,
// and a rewrite that removes them afterwards does not matter.
// Whether a copy is good is decided by what decides it at a server's start: LoadAof() over the copy, which checks every block and
// every command and cuts what was being written. A damaged source is refused with file and byte.
//
// Elsewhere: names, dates and which copy to take (apps/server/src/backup), archiving (log/aof_archive.h).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/logger.h"
#include "base/status.h"
#include "log/aof_manifest.h"
#include "log/commit_log.h"
#include "log/file_system.h"

namespace slotwise {

struct SegmentFacts {
  AofFileInfo info;
  std::uint64_t size = 0;
  // When what it holds was written, by its index; 0: it does not say (not written by this server, or empty).
  std::uint32_t first_seconds = 0;
  std::uint32_t last_seconds = 0;
};

struct AofFacts {
  std::optional<SegmentFacts> base;
  std::int64_t base_seconds = -1;  // the data set of the base is of this moment; -1: unknown
  std::vector<SegmentFacts> segments;
  std::uint64_t commands = 0;
  std::uint64_t dropped_bytes = 0;  // an unfinished unit at the end
};

// Called now and then; `what` is "copying" or "checking".
using CopyProgress = std::function<void(std::string_view what, std::uint64_t done, std::uint64_t total)>;

// `to.dir` exists and is empty. On failure it holds rubbish.
Status CopyAof(FileSystem& files, Logger& logger, const CommitLogOptions& from, const CommitLogOptions& to,
               const CopyProgress& progress, AofFacts* facts);

struct RestoreFile {
  AofFileInfo info;
  std::string path;
  std::optional<std::uint64_t> end;  // a unit boundary; all of it by default
};
// `parts`: the base, if there is one, then segments in order. The files are not written to any more.
Status RestoreAof(FileSystem& files, Logger& logger, const std::vector<RestoreFile>& parts, const CommitLogOptions& to,
                  const CopyProgress& progress, AofFacts* facts);

// Reads all of a directory that nobody writes to, and changes nothing.
Status VerifyAof(FileSystem& files, Logger& logger, const CommitLogOptions& where, const CopyProgress& progress, AofFacts* facts);

// Of one segment, from its size and its index.
Status ReadSegmentFacts(FileSystem& files, const std::string& path, SegmentFacts* out);

}  // namespace slotwise
