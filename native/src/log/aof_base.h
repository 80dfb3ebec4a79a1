// A base file: the data set at one moment, put in place of the base and of the incr files before it. It is written under a
// temporary name in the data directory, made durable, renamed into the AOF directory, and counts from the moment when the
// manifest that names it does; a crash at any earlier one leaves a file that nobody names.
// A base in RDB format has a checksum of its own; one of commands gets an index beside it, as segments have.
// Source: specs aof.md section 5. Elsewhere: what is in it (engine/append_only.h), when (aof_log.h).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/aof_directory.h"
#include "log/file_system.h"
#include "log/segment_index.h"

namespace slotwise {

struct NewBase {
  std::string path;                // the temporary file, durable
  bool rdb = true;
  std::uint64_t size = 0;
  std::vector<IndexBlock> blocks;  // of a base of commands: all of it
};

// Writes the temporary file.
class BaseWriter {
 public:
  // `rdb`: no checksums are taken, the format has its own.
  BaseWriter(FileSystem& files, const AofPaths& paths, bool rdb) : files_(files), base_{paths.rewrite_temp, rdb, 0, {}} {}
  ~BaseWriter();  // removes the file, unless it was taken
  Status Open();
  Status Append(std::string_view bytes);
  // Makes it durable. From now on the file is the caller's.
  Status Finish(NewBase* out);

 private:
  Status Sync();
  FileSystem& files_;
  NewBase base_;
  std::unique_ptr<File> file_;
  bool opened_ = false;
  std::uint64_t unsynced_ = 0;
};

// Renames the file into the AOF directory as base number `seq` and changes `manifest`, which is not persisted: the base
// before and the incr files before number `first_incr` become history. On failure the temporary file is gone.
Status PlaceBase(FileSystem& files, const AofPaths& paths, const NewBase& base, std::uint64_t seq, std::uint64_t first_incr,
                 AofManifest* manifest);

// Unlinks files of the AOF directory and their indexes. What fails is garbage that the next start does not list.
void RemoveAofFiles(FileSystem& files, const AofPaths& paths, const std::vector<AofFileInfo>& infos);

}  // namespace slotwise
