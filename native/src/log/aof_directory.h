// What lies on disk: the manifest, the files it names, and the layouts before it (one file `appendonly.aof` in the data
// directory). Only looks; MigrateOldLayout() is the one that changes anything.
// The rule that matters: a directory without a manifest but with data in it is never taken for an empty one.
// Source: specs aof.md sections 1, 4.
#pragma once
#include <string>
#include <vector>

#include "base/logger.h"
#include "base/status.h"
#include "log/aof_manifest.h"
#include "log/commit_log.h"
#include "log/file_system.h"

namespace slotwise {

struct AofPaths {
  explicit AofPaths(const CommitLogOptions& options);
  std::string data_dir;
  std::string dir;  // the AOF directory
  std::string base_name;
  std::string manifest_name;
  std::string manifest;
  std::string old_file;  // data_dir/FN
  std::string journal;   // of `appendfsync always`
  std::string archive_id;  // of aof-archive-dir (aof_archive.h)
  std::string rewrite_temp;  // the base that is being written, in the data directory
  std::string InDir(const std::string& name) const { return dir + "/" + name; }
  std::string IncrName(std::uint64_t seq) const { return base_name + "." + std::to_string(seq) + ".incr.aof"; }
  std::string BaseName(std::uint64_t seq, bool rdb) const {
    return base_name + "." + std::to_string(seq) + (rdb ? ".base.rdb" : ".base.aof");
  }
};

struct AofDirectory {
  bool has_manifest = false;
  AofManifest manifest;  // after migration, if one is due
  bool migrate = false;  // the old file is to be moved into the directory
  // The files to load in order, with the path where each lies now.
  struct Entry {
    AofFileInfo info;
    std::string path;
    std::string index_path;
    std::uint64_t size = 0;
  };
  std::vector<Entry> entries;
  // How many of them count: behind the last that holds anything there may be segments that were made for a rotation and never
  // written to, as their indexes say, so it is the one that may be torn.
  std::size_t used = 0;
  std::uint64_t total_size = 0;
};

// Fails if the manifest is unusable, a listed file is missing, or data lies in the directory without a manifest.
Status InspectAofDirectory(FileSystem& files, Logger& logger, const AofPaths& paths, AofDirectory* out);

// Persists the manifest that names the old file, then moves it: the order a crash between the two can be told from.
Status MigrateOldLayout(FileSystem& files, Logger& logger, const AofPaths& paths, const AofDirectory& directory);

}  // namespace slotwise
