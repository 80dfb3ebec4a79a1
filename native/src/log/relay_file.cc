#include "log/relay_file.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/crc32c.h"
#include "base/little_endian.h"

namespace slotwise {
namespace {

constexpr std::string_view kMagic = "SWRELAY1";
constexpr std::string_view kPrefix = "semi-sync-relay.";
constexpr std::size_t kIdSize = 40;
constexpr std::size_t kHeadSize = 8 + kIdSize + 8 + 4;
constexpr std::size_t kFrameHeadSize = 8;
constexpr std::size_t kFrameMax = 1 << 20;

Status Failed(const std::string& what, std::int64_t error) { return Status::Error(static_cast<int>(-error), what + ": " + std::strerror(static_cast<int>(-error))); }

std::string Number64(std::int64_t value) {
  std::string bytes(8, '\0');
  little_endian::Put(bytes.data(), static_cast<std::uint64_t>(value));
  return bytes;
}

std::string Number32(std::uint32_t value) {
  std::string bytes(4, '\0');
  little_endian::Put(bytes.data(), value);
  return bytes;
}

std::uint32_t FrameSum(std::int64_t offset, std::string_view bytes) { return Crc32c(bytes, Crc32c(Number64(offset))); }

}  // namespace

std::string RelayPath(const std::string& dir, std::int64_t start) { return dir + "/" + std::string(kPrefix) + std::to_string(start); }

Status RelayWriter::Create(FileSystem& files, const std::string& dir, const std::string& id, std::int64_t start, bool durable, std::unique_ptr<RelayWriter>* out) {
  std::unique_ptr<File> file;
  const std::string path = RelayPath(dir, start);
  if (int error = files.Open(path, OpenMode::kCreateTruncate, &file); error != 0) return Failed("Cannot create " + path, error);
  std::string head(kMagic);
  head += id;
  head += Number64(start);
  head += Number32(Crc32c(head));
  const std::int64_t n = file->Append(head);
  if (n != static_cast<std::int64_t>(head.size())) return Failed("Cannot write " + path, n < 0 ? n : -ENOSPC);
  if (durable) {
    if (int error = file->SyncData(); error != 0) return Failed("Cannot sync " + path, error);
    if (int error = files.SyncDir(dir); error != 0) return Failed("Cannot sync " + dir, error);
  }
  out->reset(new RelayWriter(std::move(file), start));
  return Status::Ok();
}

Status RelayWriter::Append(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kFrameMax);
    frame_ = Number32(static_cast<std::uint32_t>(part.size()));
    frame_ += Number32(FrameSum(next_, part));
    frame_ += part;
    for (std::string_view left = frame_; !left.empty();) {
      const std::int64_t n = file_->Append(left);
      if (n <= 0) return Failed("Cannot write a relay", n < 0 ? n : -EIO);
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    next_ += static_cast<std::int64_t>(part.size());
    bytes.remove_prefix(part.size());
  }
  return Status::Ok();
}

Status RelayWriter::Sync() {
  const int error = file_->SyncData();
  return error == 0 ? Status::Ok() : Failed("Cannot sync a relay", error);
}

Status RelayReader::Open(FileSystem& files, const std::string& path, std::unique_ptr<RelayReader>* out) {
  std::unique_ptr<RelayReader> reader(new RelayReader());
  if (int error = files.Open(path, OpenMode::kRead, &reader->file_); error != 0) return Failed("Cannot open " + path, error);
  char head[kHeadSize];
  const std::int64_t n = reader->file_->ReadAt(0, head, sizeof head);
  if (n < 0) return Failed("Cannot read " + path, n);
  const std::string_view text(head, static_cast<std::size_t>(n));
  if (text.size() < kHeadSize || !text.starts_with(kMagic) || little_endian::Get<std::uint32_t>(head + kHeadSize - 4) != Crc32c(text.substr(0, kHeadSize - 4))) {
    return Status::Error(EINVAL, path + " is not a relay");
  }
  reader->id_ = text.substr(kMagic.size(), kIdSize);
  reader->start_ = reader->next_ = static_cast<std::int64_t>(little_endian::Get<std::uint64_t>(head + kMagic.size() + kIdSize));
  reader->position_ = kHeadSize;
  if (reader->start_ < 1) return Status::Error(EINVAL, path + " is not a relay");
  *out = std::move(reader);
  return Status::Ok();
}

std::string_view RelayReader::Next() {
  char head[kFrameHeadSize];
  if (file_->ReadAt(position_, head, sizeof head) != static_cast<std::int64_t>(sizeof head)) return {};
  const std::size_t size = little_endian::Get<std::uint32_t>(head);
  if (size == 0 || size > kFrameMax) return {};
  frame_.resize(size);
  if (file_->ReadAt(position_ + kFrameHeadSize, frame_.data(), size) != static_cast<std::int64_t>(size)) return {};
  const std::string_view bytes(frame_.data(), size);
  if (little_endian::Get<std::uint32_t>(head + 4) != FrameSum(next_, bytes)) return {};
  position_ += kFrameHeadSize + size;
  next_ += static_cast<std::int64_t>(size);
  return bytes;
}

std::vector<FoundRelay> FindRelays(FileSystem& files, const std::string& dir, std::vector<std::string>* unreadable) {
  std::vector<FoundRelay> found;
  std::vector<std::string> names;
  if (files.List(dir, &names) != 0) return found;
  for (const std::string& name : names) {
    if (!name.starts_with(kPrefix) || name.find_first_not_of("0123456789", kPrefix.size()) != std::string::npos) continue;
    std::unique_ptr<RelayReader> reader;
    if (!RelayReader::Open(files, dir + "/" + name, &reader).ok() || RelayPath(dir, reader->start()) != dir + "/" + name) {
      unreadable->push_back(name);
      continue;
    }
    while (!reader->Next().empty()) {
    }
    found.push_back({reader->id(), reader->start(), reader->next()});
  }
  return found;
}

std::string SetRelayAside(FileSystem& files, const std::string& dir, std::int64_t start) {
  const std::string from = RelayPath(dir, start);
  std::string to = from + ".kept";
  for (int i = 2; files.Exists(to); ++i) to = from + ".kept-" + std::to_string(i);
  return files.Rename(from, to) == 0 ? to : std::string();
}

}  // namespace slotwise
