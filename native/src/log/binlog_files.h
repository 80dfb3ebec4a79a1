// The segments that can be read as a binlog, oldest first: those of the AOF directory up to the one that is written, and those of the
// archive that lead to them. Looks at files only; nobody is kept from changing them meanwhile: a manifest is replaced as a whole, and
// a segment is linked into the archive before it goes from the directory.
// A hole ends what is held: what lies before it leads nowhere. Elsewhere: reading one (binlog_reader.h), the archive (aof_archive.h).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "log/aof_directory.h"
#include "log/commit_log.h"
#include "log/file_system.h"

namespace slotwise {

struct BinlogFile {
  std::uint64_t seq = 0;
  std::string name;
  std::string path;
  std::uint64_t size = 0;  // of what counts of it
  bool archived = false;   // only there
  bool current = false;    // it is appended to
};

struct BinlogFileList {
  std::vector<BinlogFile> files;
  // The data set on disk needs the files from this number on; those before are history.
  std::uint64_t first_needed = 0;
  // Nothing came before the first of them.
  bool from_the_beginning = false;

  const BinlogFile* Find(std::uint64_t seq) const;
  // By name, or by the number alone.
  const BinlogFile* Find(std::string_view name) const;
  const BinlogFile* After(std::uint64_t seq) const;
};

// `place`: of the log, CommitLog::place().
Status ListBinlogFiles(FileSystem& files, const AofPaths& paths, const std::string& archive_dir, const CommitLog::Place& place, BinlogFileList* out);

// Removes a segment from the archive, with its index and note. Done when it is not there.
Status RemoveArchived(FileSystem& files, const BinlogFile& file);

}  // namespace slotwise
