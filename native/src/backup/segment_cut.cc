#include "backup/segment_cut.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "log/resp_scanner.h"
#include "log/segment_index.h"
#include "log/segment_reader.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kProgressBytes = 8 << 20;
constexpr std::string_view kTime = "#TS:";

class Search {
 public:
  Search(const std::string& path, const CutTarget& target, const std::vector<IndexBlock>& blocks, SegmentReader& reader, SegmentCut* out)
      : path_(path), target_(target), blocks_(blocks), reader_(reader), out_(*out) {}

  Status Run(const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    std::vector<std::string_view> argv;
    while (AtBoundary() && reader_.position() < reader_.size()) {
      Scan scan = ScanCommand(reader_.bytes(), &argv);
      while (scan.result == ScanResult::kNeedMore) {
        // An unfinished unit at the end: what lies before it is what there is.
        if (scan.least > reader_.size() - reader_.position()) return Status::Ok();
        SegmentReader::Fill fill = reader_.Ensure(scan.need);
        if (fill == SegmentReader::Fill::kEnd) return Status::Ok();
        if (fill != SegmentReader::Fill::kOk) return Unreadable(fill);
        scan = ScanCommand(reader_.bytes(), &argv);
      }
      if (scan.result == ScanResult::kBad) {
        return Status::Error(EINVAL, "Bad file format in " + path_ + " at byte " + std::to_string(reader_.position() + scan.bad.at) + ": " +
                                         scan.bad.Describe(reader_.bytes()));
      }
      if (scan.result == ScanResult::kAnnotation) {
        ReadTime(reader_.bytes().substr(0, scan.size));
      } else if (argv[0].size() == 4 && IsCommand(argv[0], "exec")) {
        in_transaction_ = false;
      } else if (!in_transaction_) {
        if (target_.seconds && !InTime()) return Status::Ok();
        in_transaction_ = argv[0].size() == 5 && IsCommand(argv[0], "multi");
      }
      if (target_.seconds && line_seconds_ && *line_seconds_ > *target_.seconds) return Status::Ok();
      reader_.Consume(scan.size);
      if (reader_.position() - told_ >= kProgressBytes) progress(told_ = reader_.position(), reader_.size());
    }
    return Status::Ok();
  }

 private:
  // Between units the end moves up to here; false if that is behind the position asked for.
  bool AtBoundary() {
    if (in_transaction_) return true;
    if (target_.position && reader_.position() > *target_.position) return false;
    out_.end = reader_.position();
    return true;
  }

  void ReadTime(std::string_view line) {
    if (line.substr(0, kTime.size()) != kTime) return;
    std::uint32_t seconds = 0;
    if (std::from_chars(line.data() + kTime.size(), line.data() + line.size(), seconds).ec != std::errc()) return;
    line_seconds_ = seconds;
    // A block ends soon after it began: this one was made of bytes that were there already, when somebody loaded them.
    if (const IndexBlock* block = Block(); block != nullptr && block->seconds > seconds + 2) made_at_start_ = block->seconds;
  }

  // The block of the current position, if there is one and it has a date.
  const IndexBlock* Block() {
    const std::uint64_t at = reader_.position();
    while (block_ < blocks_.size() && blocks_[block_].end <= at) ++block_;
    const bool dated = block_ < blocks_.size() && blocks_[block_].begin <= at && blocks_[block_].seconds != 0;
    return dated ? &blocks_[block_] : nullptr;
  }

  // The unit that begins here was written in time.
  bool InTime() {
    const IndexBlock* block = Block();
    if (block != nullptr && block->seconds <= *target_.seconds) return true;
    const bool line_counts = line_seconds_ && (block == nullptr || *line_seconds_ + 1 >= block->seconds || block->seconds == made_at_start_);
    if (line_counts) return *line_seconds_ <= *target_.seconds;
    if (block == nullptr) out_.undated_at = reader_.position();
    return false;
  }

  Status Unreadable(SegmentReader::Fill fill) {
    if (fill == SegmentReader::Fill::kIoError) {
      return Status::Error(reader_.io_error(), "Can't read " + path_ + " at byte " + std::to_string(reader_.position()) + ": " +
                                                   std::strerror(reader_.io_error()));
    }
    return Status::Error(EIO, path_ + " is damaged: the bytes from " + std::to_string(reader_.bad_block().begin) + " to " +
                                  std::to_string(reader_.bad_block().end) + " are not what was written");
  }

  const std::string& path_;
  const CutTarget& target_;
  const std::vector<IndexBlock>& blocks_;
  SegmentReader& reader_;
  SegmentCut& out_;
  bool in_transaction_ = false;
  std::optional<std::uint32_t> line_seconds_;
  std::size_t block_ = 0;
  std::uint32_t made_at_start_ = 0;  // blocks of this second say when they were loaded, not when they were written
  std::uint64_t told_ = 0;
};

}  // namespace

Status FindSegmentCut(FileSystem& files, const std::string& path, const CutTarget& target,
                      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress, SegmentCut* out) {
  *out = SegmentCut();
  SegmentIndex index;
  if (Status status = ReadSegmentIndex(files, IndexPath(path), &index); !status.ok()) return status;
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  std::int64_t size = error < 0 ? error : file->Size();
  if (size < 0) return Status::Error(static_cast<int>(-size), "Can't open " + path + ": " + std::strerror(static_cast<int>(-size)));
  out->size = static_cast<std::uint64_t>(size);
  if (out->size < index.covered_end()) {
    return Status::Error(EIO, path + " has " + std::to_string(size) + " bytes, but " + std::to_string(index.covered_end()) + " were written");
  }
  SegmentReader reader(*file, out->size, index.blocks);
  return Search(path, target, index.blocks, reader, out).Run(progress);
}

}  // namespace slotwise
