// Reads a segment front to back through one window, and hands out no byte of an indexed block before the block's CRC
// was checked. Bytes that no block covers pass as they are, and their CRCs are kept: what was loaded is then what the index
// will say, and a foreign file is not read twice. Memory: the window, or the longest element asked for.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "log/file_system.h"
#include "log/segment_index.h"

namespace slotwise {

class SegmentReader {
 public:
  enum class Fill {
    kOk,
    kEnd,       // the file has fewer bytes
    kMismatch,  // bad_block() is not what was written
    kIoError,   // io_error()
  };
  // Reads [0, size) of `file`; `blocks` as in SegmentIndex. Both outlive the reader.
  SegmentReader(File& file, std::uint64_t size, const std::vector<IndexBlock>& blocks);

  // Makes bytes() at least `need` long. Moves the window: views into it die, unless bytes() was long enough already.
  Fill Ensure(std::size_t need);
  std::string_view bytes() const { return {buffer_.data() + (position_ - buffer_begin_), usable_ - position_}; }
  void Consume(std::size_t n) { position_ += n; }
  // Goes on at `offset`, behind bytes() or not: somebody else has read what lies before. Blocks that begin there are checked.
  Fill SkipTo(std::uint64_t offset);
  std::uint64_t position() const { return position_; }
  std::uint64_t size() const { return size_; }
  const IndexBlock& bad_block() const { return blocks_[next_block_]; }
  int io_error() const { return io_error_; }
  // The CRCs of what no block covered and bytes() has reached, in pieces of at most 1 MiB, ascending; `seconds` 0.
  std::vector<IndexBlock> TakeUncovered();
  // True if the file holds nothing but zero bytes from `offset` to its end.
  bool OnlyZerosFrom(std::uint64_t offset);

 private:
  std::uint64_t buffer_end() const { return buffer_begin_ + buffered_; }
  Fill Verify(std::size_t need);
  Fill VerifyFromFile(const IndexBlock& block);
  void PassUncovered(std::uint64_t until);

  File& file_;
  const std::uint64_t size_;
  const std::vector<IndexBlock>& blocks_;
  std::vector<char> buffer_;
  std::size_t buffered_ = 0;
  std::uint64_t buffer_begin_ = 0;
  // buffer_begin_ <= position_ <= usable_ <= verified_; usable_ <= buffer_end()
  std::uint64_t position_ = 0;
  std::uint64_t usable_ = 0;
  std::uint64_t verified_ = 0;
  std::size_t next_block_ = 0;
  int io_error_ = 0;
  std::vector<IndexBlock> uncovered_;
};

// CRC of [begin, end) of `file`. 0 or -errno; -EIO if the file is shorter.
int ChecksumOf(File& file, std::uint64_t begin, std::uint64_t end, std::uint32_t* crc);
// CRCs of [begin, end) of `file` in blocks of at most 1 MiB, appended to `out`. 0 or -errno.
int ChecksumRange(File& file, std::uint64_t begin, std::uint64_t end, std::uint32_t seconds, std::vector<IndexBlock>* out);

}  // namespace slotwise
