#include "log/binlog_reader.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "log/index_search.h"
#include "log/resp_scanner.h"

namespace slotwise {
namespace {

// As many blocks are looked at; what lies behind is read with the next Seek().
constexpr std::size_t kBlocksMax = 8192;
constexpr std::uint64_t kBackwardStep = 1 << 20;
constexpr std::string_view kTime = "#TS:";
constexpr std::string_view kSelect = "SELECT\r\n";  // as every log has it

// The database that a SELECT names; -1: none.
int SelectedBy(const std::vector<std::string_view>& argv) {
  if (argv.size() != 2 || argv[0].size() != 6 || !IsCommand(argv[0], "select")) return -1;
  int db = -1;
  const auto [end, error] = std::from_chars(argv[1].data(), argv[1].data() + argv[1].size(), db);
  return error == std::errc() && end == argv[1].data() + argv[1].size() ? db : -1;
}

}  // namespace

Status BinlogReader::Open(FileSystem& files, const std::string& path, std::uint64_t limit, std::uint32_t open_seconds,
                          std::unique_ptr<BinlogReader>* out) {
  std::unique_ptr<BinlogReader> reader(new BinlogReader(files, path, limit, open_seconds));
  const int error = files.Open(path, OpenMode::kRead, &reader->file_);
  const std::int64_t size = error < 0 ? error : reader->file_->Size();
  if (size < 0) return Status::Error(static_cast<int>(-size), "Can't open " + path + ": " + std::strerror(static_cast<int>(-size)));
  reader->limit_ = std::min(limit, static_cast<std::uint64_t>(size));
  *out = std::move(reader);
  return Status::Ok();
}

// At `start` a unit begins.
Status BinlogReader::Begin(std::uint64_t start) {
  bool more = false;
  if (const std::unique_ptr<IndexSearch> index = IndexSearch::Open(files_, path_)) more = index->BlocksFrom(start, kBlocksMax, &blocks_);
  if (more) limit_ = std::min(limit_, blocks_.back().end);
  // The limit may lie inside of a block: then its bytes cannot be held against anything yet.
  while (!blocks_.empty() && blocks_.back().end > limit_) blocks_.pop_back();
  block_ = 0;
  in_transaction_ = false;
  reader_ = std::make_unique<SegmentReader>(*file_, limit_, blocks_);
  const SegmentReader::Fill fill = reader_->SkipTo(start);
  return fill == SegmentReader::Fill::kOk ? Status::Ok() : Unreadable(fill);
}

Status BinlogReader::Seek(std::uint64_t position, std::optional<int> db) {
  inside_ = {};
  if (position == 0) db = 0;
  if (db) {
    db_ = *db;
    return Begin(position);
  }
  const std::unique_ptr<IndexSearch> index = IndexSearch::Open(files_, path_);
  const std::uint64_t start = index == nullptr ? 0 : index->StartBefore(position);
  Status status = DatabaseAt(start, &db_);
  if (status.ok()) status = Begin(start);
  inside_.begin = start;
  BinlogEvent event;
  while (status.ok() && reader_->position() < position) {
    if (!in_transaction_) inside_.begin = reader_->position();
    if (!Next(&event, &status)) break;
  }
  if (!status.ok() || (reader_->position() == position && !in_transaction_)) return status;
  while (in_transaction_ && Next(&event, &status)) {}
  if (!status.ok()) return status;
  if (!in_transaction_ && reader_->position() > inside_.begin) inside_.end = reader_->position();
  return Status::Error(EINVAL, "inside of a unit");
}

// Backwards, until some SELECT is found: in most files that is far, but looking for six letters is fast.
Status BinlogReader::DatabaseAt(std::uint64_t position, int* db) {
  *db = 0;
  const std::unique_ptr<IndexSearch> index = position == 0 ? nullptr : IndexSearch::Open(files_, path_);
  std::string bytes;
  std::vector<std::string_view> argv;
  for (std::uint64_t end = position; end > 0;) {
    const std::uint64_t begin = index == nullptr || end <= kBackwardStep ? 0 : index->StartBefore(end - kBackwardStep);
    bytes.resize(static_cast<std::size_t>(end - begin));
    const std::int64_t n = file_->ReadAt(begin, bytes.data(), bytes.size());
    if (n < static_cast<std::int64_t>(bytes.size())) {
      return Status::Error(n < 0 ? static_cast<int>(-n) : EIO, "Can't read " + path_ + " at byte " + std::to_string(begin));
    }
    if (bytes.find(kSelect) != std::string::npos) {
      int found = -1;
      for (std::string_view rest = bytes; !rest.empty();) {
        const Scan scan = ScanCommand(rest, &argv);
        if (scan.result == ScanResult::kBad || scan.result == ScanResult::kNeedMore) {
          return Status::Error(EIO, path_ + " is damaged between the bytes " + std::to_string(begin) + " and " + std::to_string(end));
        }
        if (scan.result == ScanResult::kCommand) {
          if (const int selected = SelectedBy(argv); selected >= 0) found = selected;
        }
        rest.remove_prefix(scan.size);
      }
      if (found >= 0) {
        *db = found;
        return Status::Ok();
      }
    }
    end = begin;
  }
  return Status::Ok();
}

std::uint32_t BinlogReader::SecondsAt(std::uint64_t position) {
  while (block_ < blocks_.size() && blocks_[block_].end <= position) ++block_;
  const bool covered = block_ < blocks_.size() && blocks_[block_].begin <= position;
  if (covered && blocks_[block_].seconds != 0) return blocks_[block_].seconds;
  return line_seconds_ != 0 ? line_seconds_ : covered ? 0 : open_seconds_;
}

bool BinlogReader::Next(BinlogEvent* event, Status* status) {
  for (;;) {
    Scan scan = ScanCommand(reader_->bytes(), &event->argv);
    while (scan.result == ScanResult::kNeedMore) {
      if (scan.least > limit_ - reader_->position()) return false;
      const SegmentReader::Fill fill = reader_->Ensure(scan.need);
      if (fill == SegmentReader::Fill::kEnd) return false;
      if (fill != SegmentReader::Fill::kOk) return *status = Unreadable(fill), false;
      scan = ScanCommand(reader_->bytes(), &event->argv);
    }
    if (scan.result == ScanResult::kBad) {
      *status = Status::Error(EIO, "Bad file format in " + path_ + " at byte " + std::to_string(reader_->position() + scan.bad.at) + ": " +
                                       scan.bad.Describe(reader_->bytes()));
      return false;
    }
    const std::uint64_t begin = reader_->position();
    if (scan.result == ScanResult::kAnnotation) {
      const std::string_view line = reader_->bytes().substr(0, scan.size);
      if (line.starts_with(kTime)) std::from_chars(line.data() + kTime.size(), line.data() + line.size(), line_seconds_);
      reader_->Consume(scan.size);
      continue;
    }
    const std::string_view name = event->argv[0];
    if (const int selected = SelectedBy(event->argv); selected >= 0) db_ = selected;
    event->opens = name.size() == 5 && IsCommand(name, "multi");
    event->closes = name.size() == 4 && IsCommand(name, "exec");
    event->in_transaction = in_transaction_ || event->opens || event->closes;
    if (event->opens) in_transaction_ = true;
    if (event->closes) in_transaction_ = false;
    event->begin = begin;
    event->seconds = SecondsAt(begin);
    event->db = db_;
    reader_->Consume(scan.size);
    event->end = reader_->position();
    return true;
  }
}

Status BinlogReader::Unreadable(SegmentReader::Fill fill) {
  if (fill == SegmentReader::Fill::kIoError) {
    return Status::Error(reader_->io_error(), "Can't read " + path_ + " at byte " + std::to_string(reader_->position()) + ": " +
                                                  std::strerror(reader_->io_error()));
  }
  return Status::Error(EIO, path_ + " is damaged: the bytes from " + std::to_string(reader_->bad_block().begin) + " to " +
                                std::to_string(reader_->bad_block().end) + " are not what was written");
}

}  // namespace slotwise
