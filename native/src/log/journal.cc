#include "log/journal.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>

#include "base/crc32c.h"
#include "base/little_endian.h"

namespace slotwise {
namespace {

constexpr char kFileMagic[] = "SLOTWJRN";
constexpr char kFrameMagic[] = "SLOTWFRM";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kBlocksMin = 5;
constexpr std::size_t kFrameBytesMax = 512 << 10;

using little_endian::Get;
using little_endian::Put;

char* AllocateAligned(std::size_t size) {
  void* memory = std::aligned_alloc(kJournalBlockSize, size);
  if (memory == nullptr) std::abort();
  std::memset(memory, 0, size);
  return static_cast<char*>(memory);
}

std::uint64_t BlocksFor(std::size_t bytes) {
  return (kFrameHeaderSize + bytes + kJournalBlockSize - 1) / kJournalBlockSize;
}

Status Failed(const char* what, const std::string& path, int error) {
  return Status::Error(-error, std::string(what) + " the AOF journal " + path + ": " + std::strerror(-error));
}

// Writes the whole file once, so that no later write allocates anything.
int Fill(FileSystem& files, const std::string& dir, const std::string& path, const JournalHeader& header) {
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kCreateTruncate, &file);
  if (error < 0) return error;
  std::string piece(std::min<std::uint64_t>(1 << 20, header.file_size), '\0');
  for (std::uint64_t done = 0; done < header.file_size;) {
    std::string_view bytes(piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), header.file_size - done)));
    std::int64_t n = file->Append(bytes);
    if (n <= 0) return n < 0 ? static_cast<int>(n) : -ENOSPC;
    done += static_cast<std::uint64_t>(n);
  }
  error = file->SyncData();
  return error < 0 ? error : files.SyncDir(dir);
}

}  // namespace

void EncodeJournalHeader(const JournalHeader& header, char* out) {
  std::memcpy(out, kFileMagic, 8);
  Put<std::uint32_t>(out + 8, kVersion);
  Put<std::uint32_t>(out + 12, header.epoch);
  Put<std::uint64_t>(out + 16, header.file_size);
  Put<std::uint32_t>(out + 24, 0);
  Put<std::uint32_t>(out + 28, Crc32c({out, 28}));
}

bool DecodeJournalHeader(const char* bytes, JournalHeader* out) {
  if (std::memcmp(bytes, kFileMagic, 8) != 0 || Get<std::uint32_t>(bytes + 8) != kVersion ||
      Get<std::uint32_t>(bytes + 28) != Crc32c({bytes, 28})) {
    return false;
  }
  out->epoch = Get<std::uint32_t>(bytes + 12);
  out->file_size = Get<std::uint64_t>(bytes + 16);
  return out->epoch != 0;
}

void EncodeFrameHeader(const FrameHeader& header, char* out) {
  std::memcpy(out, kFrameMagic, 8);
  Put<std::uint32_t>(out + 8, header.epoch);
  Put<std::uint32_t>(out + 12, header.block);
  Put<std::uint64_t>(out + 16, header.sequence);
  Put<std::uint64_t>(out + 24, header.segment_seq);
  Put<std::uint64_t>(out + 32, header.position);
  Put<std::uint32_t>(out + 40, header.length);
  Put<std::uint32_t>(out + 44, header.crc);
  Put<std::uint32_t>(out + 48, header.seconds);
  Put<std::uint32_t>(out + 52, Crc32c({out, 52}));
}

bool DecodeFrameHeader(const char* bytes, FrameHeader* out) {
  if (std::memcmp(bytes, kFrameMagic, 8) != 0 || Get<std::uint32_t>(bytes + 52) != Crc32c({bytes, 52})) return false;
  out->epoch = Get<std::uint32_t>(bytes + 8);
  out->block = Get<std::uint32_t>(bytes + 12);
  out->sequence = Get<std::uint64_t>(bytes + 16);
  out->segment_seq = Get<std::uint64_t>(bytes + 24);
  out->position = Get<std::uint64_t>(bytes + 32);
  out->length = Get<std::uint32_t>(bytes + 40);
  out->crc = Get<std::uint32_t>(bytes + 44);
  out->seconds = Get<std::uint32_t>(bytes + 48);
  return true;
}

void Journal::AlignedFree::operator()(char* p) const { std::free(p); }

Journal::Journal(std::unique_ptr<File> file, std::string path, std::uint64_t blocks, std::uint32_t epoch)
    : file_(std::move(file)), path_(std::move(path)), blocks_(blocks), epoch_(epoch) {
  // Four frames fit, so that one can be written while others are being settled.
  std::uint64_t frame_blocks = std::max<std::uint64_t>((blocks - 1) / 4, 1);
  frame_bytes_max_ = std::min<std::size_t>(frame_blocks * kJournalBlockSize - kFrameHeaderSize, kFrameBytesMax);
  buffer_.reset(AllocateAligned(BlocksFor(frame_bytes_max_) * kJournalBlockSize));
}

Status Journal::Open(FileSystem& files, const std::string& dir, const std::string& path, std::uint64_t size,
                     std::unique_ptr<Journal>* out) {
  const std::uint64_t blocks = std::max<std::uint64_t>(size / kJournalBlockSize, kBlocksMin);
  JournalHeader header;
  std::unique_ptr<File> file;
  char bytes[kJournalHeaderSize];
  int error = files.Open(path, OpenMode::kRead, &file);
  bool usable = error >= 0 && file->ReadAt(0, bytes, sizeof(bytes)) == sizeof(bytes) && DecodeJournalHeader(bytes, &header) &&
                header.file_size == blocks * kJournalBlockSize &&
                file->Size() == static_cast<std::int64_t>(header.file_size);
  file.reset();
  // A file that is made anew holds nothing old; its epochs start anywhere, so that no other file's frames fit either.
  header.epoch = usable ? header.epoch + 1 : std::random_device()();
  if (header.epoch == 0) header.epoch = 1;
  header.file_size = blocks * kJournalBlockSize;
  error = usable ? 0 : Fill(files, dir, path, header);
  if (error >= 0) error = files.Open(path, OpenMode::kOverwriteDurably, &file);
  if (error >= 0) {
    std::unique_ptr<char[], AlignedFree> block(AllocateAligned(kJournalBlockSize));
    EncodeJournalHeader(header, block.get());
    std::int64_t n = file->WriteAt(0, {block.get(), kJournalBlockSize});
    if (n != static_cast<std::int64_t>(kJournalBlockSize)) error = n < 0 ? static_cast<int>(n) : -EIO;
  }
  if (error < 0) {
    if (!usable) files.Unlink(path);
    return Failed("Can't prepare", path, error);
  }
  out->reset(new Journal(std::move(file), path, blocks, header.epoch));
  return Status::Ok();
}

void Journal::Prepare(std::uint64_t segment_seq, std::uint64_t position, const std::vector<std::string_view>& parts,
                      std::uint32_t seconds) {
  char* out = buffer_.get() + kFrameHeaderSize;
  std::uint32_t crc = 0;
  for (std::string_view part : parts) {
    std::memcpy(out, part.data(), part.size());
    crc = Crc32c(part, crc);
    out += part.size();
  }
  const auto length = static_cast<std::size_t>(out - buffer_.get()) - kFrameHeaderSize;
  frame_blocks_ = BlocksFor(length);
  std::memset(out, 0, frame_blocks_ * kJournalBlockSize - kFrameHeaderSize - length);
  header_ = {epoch_, 0, sequence_ + 1, segment_seq, position, static_cast<std::uint32_t>(length), crc, seconds};
}

void Journal::DropSettled(std::uint64_t settled) {
  while (!live_.empty() && live_.front().log_end <= settled) live_.pop_front();
}

bool Journal::MakeRoom(std::uint64_t settled) {
  DropSettled(settled);
  if (live_.empty()) {
    if (head_ + frame_blocks_ > blocks_) head_ = 1;
    return true;
  }
  const std::uint64_t oldest = live_.front().begin;
  if (oldest >= head_) return oldest - head_ >= frame_blocks_;
  if (head_ + frame_blocks_ <= blocks_) return true;
  if (oldest - 1 < frame_blocks_) return false;
  head_ = 1;
  return true;
}

int Journal::Write(std::uint64_t log_end) {
  header_.block = static_cast<std::uint32_t>(head_);
  EncodeFrameHeader(header_, buffer_.get());
  const std::size_t size = frame_blocks_ * kJournalBlockSize;
  std::int64_t n = file_->WriteAt(head_ * kJournalBlockSize, {buffer_.get(), size});
  if (n != static_cast<std::int64_t>(size)) return n < 0 ? static_cast<int>(n) : -EIO;
  ++sequence_;
  live_.push_back({head_, log_end});
  head_ += frame_blocks_;
  return 0;
}

bool Journal::IsHalfFull(std::uint64_t settled) {
  DropSettled(settled);
  if (live_.empty()) return false;
  const std::uint64_t oldest = live_.front().begin;
  const std::uint64_t used = oldest < head_ ? head_ - oldest : blocks_ - 1 - (oldest - head_);
  return used >= (blocks_ - 1) / 2;
}

}  // namespace slotwise
