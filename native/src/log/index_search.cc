#include "log/index_search.h"

#include <algorithm>
#include <utility>

namespace slotwise {
namespace {

constexpr std::uint32_t kFoundAtStart = 1 << 20;  // the longest piece that SegmentReader::TakeUncovered() makes

bool EndsBetweenUnits(const IndexRecord& block) { return block.length != kFoundAtStart && block.length < kIndexBlockSizeMax; }

}  // namespace

std::unique_ptr<IndexSearch> IndexSearch::Open(FileSystem& files, const std::string& segment_path) {
  std::unique_ptr<File> file;
  if (files.Open(IndexPath(segment_path), OpenMode::kRead, &file) < 0) return nullptr;
  const std::int64_t size = file->Size();
  char header[kIndexRecordSize];
  if (size < static_cast<std::int64_t>(kIndexRecordSize) || file->ReadAt(0, header, sizeof header) < static_cast<std::int64_t>(sizeof header)) return nullptr;
  std::unique_ptr<IndexSearch> search(new IndexSearch(std::move(file)));
  if (!DecodeIndexHeader(header, &search->previous_end_)) return nullptr;
  search->count_ = static_cast<std::size_t>(size) / kIndexRecordSize;
  return search;
}

bool IndexSearch::Record(std::size_t i, IndexRecord* out) {
  char bytes[kIndexRecordSize];
  const std::int64_t n = file_->ReadAt(i * kIndexRecordSize, bytes, sizeof bytes);
  return n == static_cast<std::int64_t>(sizeof bytes) && DecodeIndexRecord(bytes, out) && (out->kind != IndexKind::kBlock || out->length <= out->end);
}

template <typename Late>
std::size_t IndexSearch::FirstWhere(const Late& late) {
  std::size_t low = 1, high = std::max<std::size_t>(count_, 1);
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    std::size_t good = middle;
    IndexRecord record;
    while (good < high && !Record(good, &record)) ++good;
    if (good == high || late(record)) high = middle;
    else low = good + 1;
  }
  return low;
}

std::uint32_t IndexSearch::FirstSeconds() {
  IndexRecord record;
  for (std::size_t i = 1; i < count_; ++i) {
    if (Record(i, &record) && record.kind == IndexKind::kBlock && record.seconds != 0) return record.seconds;
  }
  return 0;
}

std::uint32_t IndexSearch::LastSeconds() {
  IndexRecord record;
  for (std::size_t i = count_; i-- > 1;) {
    if (Record(i, &record) && record.kind == IndexKind::kBlock && record.seconds != 0) return record.seconds;
  }
  return 0;
}

std::uint64_t IndexSearch::StartBefore(std::uint64_t position) {
  IndexRecord record;
  std::size_t i = FirstWhere([&](const IndexRecord& r) { return r.end > position; });
  while (i-- > 1) {
    if (Record(i, &record) && record.kind == IndexKind::kBlock && EndsBetweenUnits(record) && record.end <= position) return record.end;
  }
  return 0;
}

bool IndexSearch::BlocksFrom(std::uint64_t start, std::size_t count_max, std::vector<IndexBlock>* out) {
  out->clear();
  constexpr std::size_t kRecordsARead = 256;
  std::string bytes(kRecordsARead * kIndexRecordSize, '\0');
  std::uint64_t covered = start;
  for (std::size_t i = FirstWhere([&](const IndexRecord& r) { return r.end > start; }); i < count_; i += kRecordsARead) {
    const std::size_t records = std::min(kRecordsARead, count_ - i);
    const std::int64_t n = file_->ReadAt(i * kIndexRecordSize, bytes.data(), records * kIndexRecordSize);
    for (std::size_t k = 0; n > 0 && (k + 1) * kIndexRecordSize <= static_cast<std::size_t>(n); ++k) {
      IndexRecord record;
      if (!DecodeIndexRecord(bytes.data() + k * kIndexRecordSize, &record) || record.kind != IndexKind::kBlock) continue;
      // What contradicts its predecessors proves nothing.
      if (record.length == 0 || record.length > record.end || record.end - record.length < covered) continue;
      if (out->size() == count_max) return true;
      out->push_back({record.end - record.length, record.end, record.crc, record.seconds});
      covered = record.end;
    }
  }
  return false;
}

std::optional<std::uint64_t> IndexSearch::BeginAt(std::uint32_t seconds) {
  IndexRecord record;
  for (std::size_t i = FirstWhere([&](const IndexRecord& r) { return r.seconds >= seconds; }); i < count_; ++i) {
    if (Record(i, &record) && record.kind == IndexKind::kBlock && record.seconds >= seconds) return StartBefore(record.end - record.length);
  }
  return std::nullopt;
}

}  // namespace slotwise
