// One reader of the log, from an offset on: a replica's stream. Where the bytes are in memory it hands out views of the log's
// own chunks, so that nothing is copied however many readers there are; where they are not any more it reads them back from
// the files, if the log has any.
// Used by one thread at a time. Elsewhere: keeping the bytes (log_buffer.h), the files (CommitLog::ReadBack).
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "log/commit_log.h"
#include "log/log_buffer.h"

namespace slotwise {

class LogReader {
 public:
  LogReader(CommitLog& log, std::uint64_t offset) : log_(log), offset_(offset) {}
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  std::uint64_t offset() const { return offset_; }
  // Some of the bytes [offset(), end), valid until the next call of Peek(); `end` <= a tail() read before. Empty: there are
  // none, or lost().
  std::string_view Peek(std::uint64_t end);
  void Advance(std::size_t n) { offset_ += n; }
  // The next byte is neither in memory nor in a file.
  bool lost() const { return lost_; }

 private:
  CommitLog& log_;
  std::uint64_t offset_;
  LogBuffer::Chunk* chunk_ = nullptr;
  std::vector<char> from_file_;      // [file_begin_, file_begin_ + size) of the log
  std::uint64_t file_begin_ = 0;
  bool lost_ = false;
};

}  // namespace slotwise
