#include "log/segment_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crc32c.h"

namespace slotwise {
namespace {

constexpr std::size_t kWindowSize = 512 << 10;
constexpr std::size_t kChecksumBlockSize = 1 << 20;

}  // namespace

SegmentReader::SegmentReader(File& file, std::uint64_t size, const std::vector<IndexBlock>& blocks)
    : file_(file), size_(size), blocks_(blocks) {}

SegmentReader::Fill SegmentReader::Ensure(std::size_t need) {
  if (bytes().size() >= need) return Fill::kOk;
  if (need > size_ - position_) {
    // What is there must still be checked: a torn element in front of a damaged block is damage.
    for (; next_block_ < blocks_.size(); ++next_block_) {
      Fill fill = VerifyFromFile(blocks_[next_block_]);
      if (fill != Fill::kOk) return fill;
    }
    return Fill::kEnd;
  }
  // Keep what was not consumed, also the part not verified yet.
  auto skip = static_cast<std::size_t>(position_ - buffer_begin_);
  if (skip > 0) {
    std::memmove(buffer_.data(), buffer_.data() + skip, buffered_ - skip);
    buffered_ -= skip;
    buffer_begin_ = position_;
  }
  auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(need + need / 4, kWindowSize), size_ - position_));
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  if (buffered_ < wanted) {
    std::int64_t n = file_.ReadAt(buffer_end(), buffer_.data() + buffered_, wanted - buffered_);
    if (n < static_cast<std::int64_t>(wanted - buffered_)) {
      io_error_ = n < 0 ? static_cast<int>(-n) : EIO;  // shorter than its size: somebody is changing it
      return Fill::kIoError;
    }
    buffered_ = wanted;
  }
  return Verify(need);
}

SegmentReader::Fill SegmentReader::SkipTo(std::uint64_t offset) {
  if (offset >= position_ && offset <= usable_) {
    position_ = offset;
    return Fill::kOk;
  }
  std::uint64_t covered = std::max(offset, verified_);
  for (; next_block_ < blocks_.size() && blocks_[next_block_].begin < offset; ++next_block_) {
    Fill fill = VerifyFromFile(blocks_[next_block_]);
    if (fill != Fill::kOk) return fill;
    covered = std::max(covered, blocks_[next_block_].end);
  }
  buffered_ = 0;
  buffer_begin_ = position_ = usable_ = offset;
  verified_ = covered;
  return Fill::kOk;
}

SegmentReader::Fill SegmentReader::Verify(std::size_t need) {
  while (verified_ < buffer_end()) {
    if (next_block_ == blocks_.size()) {
      PassUncovered(buffer_end());
      break;
    }
    const IndexBlock& block = blocks_[next_block_];
    if (block.begin > verified_) {
      PassUncovered(std::min(block.begin, buffer_end()));
      continue;
    }
    if (block.end <= buffer_end()) {
      auto at = static_cast<std::size_t>(block.begin - buffer_begin_);
      if (Crc32c({buffer_.data() + at, static_cast<std::size_t>(block.end - block.begin)}) != block.crc) {
        if (verified_ - position_ >= need) break;  // what is asked for lies before it
        return Fill::kMismatch;
      }
    } else if (verified_ - position_ >= need) {
      break;  // enough for now; the rest of the block comes with the next window
    } else {
      Fill fill = VerifyFromFile(block);
      if (fill != Fill::kOk) return fill;
    }
    verified_ = block.end;
    ++next_block_;
  }
  usable_ = std::min(verified_, buffer_end());
  return Fill::kOk;
}

// [verified_, until) is in the buffer.
void SegmentReader::PassUncovered(std::uint64_t until) {
  while (verified_ < until) {
    if (uncovered_.empty() || uncovered_.back().end != verified_ ||
        uncovered_.back().end - uncovered_.back().begin == kChecksumBlockSize) {
      uncovered_.push_back({verified_, verified_, 0, 0});
    }
    IndexBlock& block = uncovered_.back();
    const std::uint64_t end = std::min(until, block.begin + kChecksumBlockSize);
    block.crc = Crc32c({buffer_.data() + (verified_ - buffer_begin_), static_cast<std::size_t>(end - verified_)}, block.crc);
    block.end = verified_ = end;
  }
}

std::vector<IndexBlock> SegmentReader::TakeUncovered() {
  std::vector<IndexBlock> taken;
  taken.swap(uncovered_);
  return taken;
}

SegmentReader::Fill SegmentReader::VerifyFromFile(const IndexBlock& block) {
  if (block.end > size_) return Fill::kMismatch;
  std::uint32_t crc = 0;
  int error = ChecksumOf(file_, block.begin, block.end, &crc);
  if (error < 0) {
    io_error_ = -error;
    return Fill::kIoError;
  }
  return crc == block.crc ? Fill::kOk : Fill::kMismatch;
}

bool SegmentReader::OnlyZerosFrom(std::uint64_t offset) {
  std::vector<char> piece(64 << 10);
  while (offset < size_) {
    auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size_ - offset));
    if (file_.ReadAt(offset, piece.data(), n) < static_cast<std::int64_t>(n)) return false;
    if (std::any_of(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(n), [](char c) { return c != 0; })) return false;
    offset += n;
  }
  return true;
}

int ChecksumOf(File& file, std::uint64_t begin, std::uint64_t end, std::uint32_t* crc) {
  std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(kChecksumBlockSize, end - begin)));
  *crc = 0;
  while (begin < end) {
    auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - begin));
    std::int64_t got = file.ReadAt(begin, piece.data(), n);
    if (got < static_cast<std::int64_t>(n)) return got < 0 ? static_cast<int>(got) : -EIO;
    *crc = Crc32c({piece.data(), n}, *crc);
    begin += n;
  }
  return 0;
}

int ChecksumRange(File& file, std::uint64_t begin, std::uint64_t end, std::uint32_t seconds, std::vector<IndexBlock>* out) {
  while (begin < end) {
    IndexBlock block{begin, std::min<std::uint64_t>(end, begin + kChecksumBlockSize), 0, seconds};
    int error = ChecksumOf(file, block.begin, block.end, &block.crc);
    if (error < 0) return error;
    out->push_back(block);
    begin = block.end;
  }
  return 0;
}

}  // namespace slotwise
