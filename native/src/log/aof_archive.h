// The archive: segments that a rewrite replaced, kept for restoring to a point in time (docs/backup.md). A base says what the data
// was at one moment; to go on from it, every byte written since has to be there.
// Archiving is a hard link, made before the name in the AOF directory goes: no byte is copied, and a segment is always in one of
// the two. A note beside it, written last, says that it is whole and which segment follows: a hole in the archive is noticed.
//
//   <archive>/<id>/<segment>, <segment>.idx, <segment>.note
//
// An id names one unbroken history. Where nothing leads from one segment to the next (another data set from a primary, writes while
// there was no append-only file, a restored directory) a new id begins, so numbers of segments never meet twice in one folder.
// `<appendfilename>.archive` beside the segments says which id is current, and with which segment it began.
// Guarded by the lock of the manifest. Source: decision 0016. Elsewhere: restoring (native/src/backup, apps/server).
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/logger.h"
#include "base/status.h"
#include "log/aof_directory.h"
#include "log/aof_manifest.h"
#include "log/file_system.h"

namespace slotwise {

class AofArchive {
 public:
  // Fails if the archive cannot be linked to. `first_seq`: the oldest segment that is there, should there be no history yet.
  static Status Open(FileSystem& files, Logger& logger, const AofPaths& paths, const std::string& archive_dir,
                     std::uint64_t first_seq, std::unique_ptr<AofArchive>* out);
  // A new history begins with segment number `first_seq`.
  Status Begin(std::uint64_t first_seq);
  // Archives the segments that the manifest calls history. Those of an earlier history are left out, with a warning.
  Status Keep(const AofManifest& manifest);
  const std::string& id() const { return id_; }

 private:
  AofArchive(FileSystem& files, Logger& logger, const AofPaths& paths, const std::string& archive_dir)
      : files_(files), logger_(logger), paths_(paths), archive_dir_(archive_dir) {}
  Status Use(const std::string& id, std::uint64_t first_seq);
  Status KeepSegment(const AofFileInfo& info, std::uint64_t next_seq);
  Status LinkFile(const std::string& from, const std::string& to);

  FileSystem& files_;
  Logger& logger_;
  const AofPaths paths_;
  const std::string archive_dir_;
  std::string id_;
  std::string folder_;
  std::uint64_t first_seq_ = 0;
};

}  // namespace slotwise
