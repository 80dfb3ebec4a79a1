#include "log/segment_index.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crc32c.h"
#include "base/little_endian.h"

namespace slotwise {
namespace {

constexpr char kMagic[] = "SLOTWIDX";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kNoPreviousEnd = ~std::uint64_t{0};
constexpr std::uint32_t kLengthMask = (1u << 28) - 1;
constexpr std::size_t kRecordsPerRead = 8192;

using little_endian::Get;
using little_endian::Put;

void EncodeHeader(std::optional<std::uint64_t> previous_end, char* out) {
  std::memset(out, 0, kIndexRecordSize);
  std::memcpy(out, kMagic, 8);
  Put<std::uint32_t>(out + 8, kVersion);
  Put<std::uint64_t>(out + 16, previous_end.value_or(kNoPreviousEnd));
  Put<std::uint32_t>(out + 28, Crc32c({out, 28}));
}

// Folds one record of the file, in order, into what the index says.
class Reader {
 public:
  explicit Reader(SegmentIndex* index) : index_(index) {}
  void Lost() {
    index_->damaged = true;
    ++lost_since_closed_;
  }
  void Take(const IndexRecord& record) {
    if (record.durable > index_->durable) index_->durable = record.durable;
    switch (record.kind) {
      case IndexKind::kBlock: {
        std::uint64_t begin = record.end - record.length;
        // A record that contradicts its predecessors proves nothing.
        if (record.length > record.end || record.length == 0 || begin < index_->covered_end()) return Lost();
        index_->blocks.push_back({begin, record.end, record.crc, record.seconds});
        closed_seen_ = false;
        break;
      }
      case IndexKind::kSession:
        index_->has_session = true;
        index_->boot = record.crc;
        index_->journal_epoch = 0;
        closed_seen_ = false;
        break;
      case IndexKind::kClosed:
        closed_seen_ = true;
        lost_since_closed_ = 0;
        index_->journal_epoch = 0;
        break;
      case IndexKind::kJournal:
        index_->journal_epoch = record.crc;
        index_->journal_owner = record.length;
        closed_seen_ = false;
        break;
    }
  }
  // The closing record stands twice: one lost record behind the first is its twin.
  void End() { index_->closed = closed_seen_ && lost_since_closed_ <= 1; }

 private:
  SegmentIndex* index_;
  bool closed_seen_ = false;
  int lost_since_closed_ = 0;
};

}  // namespace

bool DecodeIndexHeader(const char* bytes, std::optional<std::uint64_t>* previous_end) {
  if (std::memcmp(bytes, kMagic, 8) != 0 || Get<std::uint32_t>(bytes + 8) != kVersion ||
      Get<std::uint32_t>(bytes + 28) != Crc32c({bytes, 28})) {
    return false;
  }
  auto end = Get<std::uint64_t>(bytes + 16);
  if (end != kNoPreviousEnd) *previous_end = end;
  return true;
}

void EncodeIndexRecord(const IndexRecord& record, char* out) {
  Put<std::uint64_t>(out, record.end);
  Put<std::uint32_t>(out + 8, static_cast<std::uint32_t>(record.kind) << 28 | (record.length & kLengthMask));
  Put<std::uint32_t>(out + 12, record.crc);
  Put<std::uint64_t>(out + 16, record.durable);
  Put<std::uint32_t>(out + 24, record.seconds);
  Put<std::uint32_t>(out + 28, Crc32c({out, 28}));
}

bool DecodeIndexRecord(const char* bytes, IndexRecord* out) {
  if (Get<std::uint32_t>(bytes + 28) != Crc32c({bytes, 28})) return false;
  auto word = Get<std::uint32_t>(bytes + 8);
  if (word >> 28 < 1 || word >> 28 > 4) return false;
  out->kind = static_cast<IndexKind>(word >> 28);
  out->length = word & kLengthMask;
  out->end = Get<std::uint64_t>(bytes);
  out->crc = Get<std::uint32_t>(bytes + 12);
  out->durable = Get<std::uint64_t>(bytes + 16);
  out->seconds = Get<std::uint32_t>(bytes + 24);
  return true;
}

std::string IndexPath(const std::string& segment_path) { return segment_path + ".idx"; }

std::uint32_t BootHash(FileSystem& files) {
  std::string id = files.BootId();
  if (id.empty()) return 0;
  std::uint32_t hash = Crc32c(id);
  return hash == 0 ? 1 : hash;
}

std::uint32_t SegmentOwner(File& segment) {
  std::uint64_t identity = segment.Identity();
  char bytes[8];
  Put(bytes, identity);
  return Crc32c({bytes, sizeof(bytes)}) & kLengthMask;
}

bool NeverWritten(FileSystem& files, const std::string& path) {
  SegmentIndex index;
  return ReadSegmentIndex(files, path, &index).ok() && index.present && !index.damaged && index.blocks.empty() && index.durable == 0 &&
         index.journal_epoch == 0 && !index.previous_end;
}

Status ReadSegmentIndex(FileSystem& files, const std::string& path, SegmentIndex* out) {
  *out = SegmentIndex();
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  if (error == -ENOENT) return Status::Ok();
  if (error < 0) return Status::Error(-error, "Can't open the AOF index file " + path + ": " + std::strerror(-error));
  out->present = true;
  Reader reader(out);
  std::int64_t total = file->Size();
  std::size_t records = total < 0 ? 1 : static_cast<std::size_t>(total) / kIndexRecordSize + 1;
  std::string buffer(std::min(kRecordsPerRead, records) * kIndexRecordSize, '\0');
  for (std::uint64_t offset = 0;;) {
    std::int64_t n = file->ReadAt(offset, buffer.data(), buffer.size());
    if (n < 0) {
      int code = static_cast<int>(-n);
      return Status::Error(code, "Can't read the AOF index file " + path + ": " + std::strerror(code));
    }
    auto size = static_cast<std::size_t>(n);
    for (std::size_t at = 0; at < size; at += kIndexRecordSize) {
      IndexRecord record;
      if (size - at < kIndexRecordSize) {
        reader.Lost();
      } else if (offset + at == 0) {
        if (!DecodeIndexHeader(buffer.data(), &out->previous_end)) out->damaged = true;
      } else if (DecodeIndexRecord(buffer.data() + at, &record)) {
        reader.Take(record);
      } else {
        reader.Lost();
      }
    }
    offset += size;
    if (size < buffer.size()) break;
  }
  reader.End();
  if (out->blocks.empty() && !out->has_session && !out->closed) out->damaged = true;
  return Status::Ok();
}

Status WriteSegmentIndex(FileSystem& files, const std::string& dir, const std::string& path, const SegmentIndex& index,
                         std::uint32_t seconds) {
  std::string bytes(kIndexRecordSize, '\0');
  bytes.reserve((index.blocks.size() + 3) * kIndexRecordSize);
  EncodeHeader(index.previous_end, bytes.data());
  auto add = [&bytes](const IndexRecord& record) {
    bytes.resize(bytes.size() + kIndexRecordSize);
    EncodeIndexRecord(record, bytes.data() + bytes.size() - kIndexRecordSize);
  };
  for (const IndexBlock& block : index.blocks) {
    add({IndexKind::kBlock, block.end, static_cast<std::uint32_t>(block.end - block.begin), block.crc, block.begin,
         block.seconds});
  }
  IndexRecord closed{IndexKind::kClosed, index.covered_end(), 0, 0, index.covered_end(), seconds};
  add(closed);
  add(closed);

  std::string temp = path + ".tmp";
  std::unique_ptr<File> file;
  int error = files.Open(temp, OpenMode::kCreateTruncate, &file);
  for (std::size_t done = 0; error >= 0 && done < bytes.size();) {
    std::int64_t n = file->Append(std::string_view(bytes).substr(done));
    if (n <= 0) error = n < 0 ? static_cast<int>(n) : -ENOSPC;
    else done += static_cast<std::size_t>(n);
  }
  if (error >= 0) error = file->SyncData();
  file.reset();
  if (error >= 0) error = files.Rename(temp, path);
  if (error >= 0) error = files.SyncDir(dir);
  if (error < 0) return Status::Error(-error, "Can't write the AOF index file " + path + ": " + std::strerror(-error));
  return Status::Ok();
}

int IndexWriter::Create(FileSystem& files, const std::string& path, std::optional<std::uint64_t> previous_end,
                        std::unique_ptr<IndexWriter>* out) {
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kCreateTruncate, &file);
  if (error < 0) return error;
  out->reset(new IndexWriter(std::move(file)));
  (*out)->queued_.resize(kIndexRecordSize);
  EncodeHeader(previous_end, (*out)->queued_.data());
  return 0;
}

int IndexWriter::Continue(FileSystem& files, const std::string& path, std::uint64_t end, std::unique_ptr<IndexWriter>* out) {
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kAppendExisting, &file);
  if (error < 0) return error;
  out->reset(new IndexWriter(std::move(file)));
  (*out)->end_ = end;
  (*out)->durable_ = end;
  return 0;
}

void IndexWriter::Cover(std::string_view bytes, std::uint32_t seconds) {
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, kIndexBlockSizeMax - length_);
    crc_ = Crc32c(piece, crc_);
    length_ += static_cast<std::uint32_t>(piece.size());
    end_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (length_ == kIndexBlockSizeMax) EndBlock(seconds);
  }
}

void IndexWriter::EndBlock(std::uint32_t seconds) {
  if (length_ == 0) return;
  char record[kIndexRecordSize];
  EncodeIndexRecord({IndexKind::kBlock, end_, length_, crc_, durable_, seconds}, record);
  queued_.append(record, sizeof(record));
  length_ = 0;
  crc_ = 0;
}

void IndexWriter::AddJournal(std::uint32_t epoch, std::uint32_t owner, std::uint32_t seconds) {
  AddRecord(IndexKind::kJournal, owner, epoch, seconds);
  AddRecord(IndexKind::kJournal, owner, epoch, seconds);
}

void IndexWriter::AddRecord(IndexKind kind, std::uint32_t length, std::uint32_t crc, std::uint32_t seconds) {
  char record[kIndexRecordSize];
  EncodeIndexRecord({kind, end_, length, crc, durable_, seconds}, record);
  queued_.append(record, sizeof(record));
}

int IndexWriter::Write() {
  while (!queued_.empty()) {
    std::int64_t n = file_->Append(queued_);
    if (n < 0) return static_cast<int>(n);
    if (n == 0) return -ENOSPC;
    queued_.erase(0, static_cast<std::size_t>(n));
  }
  return 0;
}

}  // namespace slotwise
