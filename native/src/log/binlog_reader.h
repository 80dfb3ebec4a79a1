// Reads one segment as a binlog: from a position on, command by command, with the database that each is for and when it was
// written, and with transactions in sight. A position is taken only where a unit begins; where that is, is known from the index:
// the search begins at the end of a block, not at the start of the file.
// Bytes are held against the index's checksums before they are handed out, as at a start. Reads up to `limit` and no further, which
// may lie anywhere: an unfinished unit is not there yet.
// By one thread at a time. Elsewhere: which files there are (binlog_files.h), where in them a block begins (index_search.h).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/file_system.h"
#include "log/segment_reader.h"

namespace slotwise {

struct BinlogEvent {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t seconds = 0;  // Unix time; 0: unknown
  int db = 0;
  bool opens = false;          // MULTI
  bool closes = false;         // EXEC
  bool in_transaction = false; // also MULTI and EXEC themselves
  std::vector<std::string_view> argv;  // until the next call
};

class BinlogReader {
 public:
  // `open_seconds`: of what no block covers yet; 0: unknown.
  static Status Open(FileSystem& files, const std::string& path, std::uint64_t limit, std::uint32_t open_seconds, std::unique_ptr<BinlogReader>* out);

  // `db`: what is selected there, if the caller knows that a unit begins at `position`. EINVAL: none does; inside() says where it is.
  Status Seek(std::uint64_t position, std::optional<int> db);
  struct Inside {
    std::uint64_t begin = 0;  // of the unit that `position` lies in
    std::uint64_t end = 0;    // the next one's begin; 0: it is not there yet
  };
  const Inside& inside() const { return inside_; }
  // The next command. False: none is there whole before the limit, or `status`.
  bool Next(BinlogEvent* event, Status* status);
  // Behind the last command that Next() gave; a unit begins here unless a transaction is open.
  std::uint64_t position() const { return reader_->position(); }
  int db() const { return db_; }
  bool in_transaction() const { return in_transaction_; }

 private:
  BinlogReader(FileSystem& files, const std::string& path, std::uint64_t limit, std::uint32_t open_seconds)
      : files_(files), path_(path), limit_(limit), open_seconds_(open_seconds) {}
  Status Begin(std::uint64_t start);
  Status DatabaseAt(std::uint64_t position, int* db);
  std::uint32_t SecondsAt(std::uint64_t position);
  Status Unreadable(SegmentReader::Fill fill);

  FileSystem& files_;
  const std::string path_;
  std::uint64_t limit_;
  const std::uint32_t open_seconds_;
  std::unique_ptr<File> file_;
  std::vector<IndexBlock> blocks_;
  std::unique_ptr<SegmentReader> reader_;  // over file_ and blocks_
  std::size_t block_ = 0;
  std::uint32_t line_seconds_ = 0;  // of the last #TS: line
  int db_ = 0;
  bool in_transaction_ = false;
  Inside inside_;
};

}  // namespace slotwise
