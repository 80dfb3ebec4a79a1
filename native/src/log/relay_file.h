// A relay: a part of a replication stream that was received before what comes before it, kept on disk until it is its turn.
//   head   "SWRELAY1", the history's id (40 bytes), the offset of its first byte (8), CRC32C of all that (4)
//   frame  size (4), CRC32C of its offset (8) and its bytes (4), the bytes; numbers are little-endian
// What was received in one go is one frame. A file ends where a frame is not whole or not right: a crash tears the end off, and what
// was torn off was not acknowledged. Nothing is written behind an end that was found.
// Elsewhere: what is relayed and what becomes of it (replication/dual_channel.h).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

std::string RelayPath(const std::string& dir, std::int64_t start);

class RelayWriter {
 public:
  // Where another file of this name is, it is replaced. `durable`: also the name is on disk when it returns.
  static Status Create(FileSystem& files, const std::string& dir, const std::string& id, std::int64_t start, bool durable, std::unique_ptr<RelayWriter>* out);
  // After an error nothing more may be appended: what is there is torn.
  Status Append(std::string_view bytes);
  Status Sync();
  std::int64_t next() const { return next_; }  // offset of the byte that comes next

 private:
  RelayWriter(std::unique_ptr<File> file, std::int64_t start) : file_(std::move(file)), next_(start) {}
  std::unique_ptr<File> file_;
  std::int64_t next_;
  std::string frame_;
};

class RelayReader {
 public:
  static Status Open(FileSystem& files, const std::string& path, std::unique_ptr<RelayReader>* out);
  const std::string& id() const { return id_; }
  std::int64_t start() const { return start_; }
  std::int64_t next() const { return next_; }
  // The bytes of the next frame, valid until the next call; empty at the end. A frame that is appended later is found later.
  std::string_view Next();

 private:
  RelayReader() = default;
  std::unique_ptr<File> file_;
  std::string id_;
  std::int64_t start_ = 0;
  std::int64_t next_ = 0;
  std::uint64_t position_ = 0;  // in the file
  std::vector<char> frame_;
};

struct FoundRelay {
  std::string id;
  std::int64_t start = 0;
  std::int64_t end = 0;
};
// All relays in `dir`; reads them to the end. Files that are none by their heads are left alone, and named in `unreadable`.
std::vector<FoundRelay> FindRelays(FileSystem& files, const std::string& dir, std::vector<std::string>* unreadable);
// Out of the way, under another name, which is returned; empty: it is not there.
std::string SetRelayAside(FileSystem& files, const std::string& dir, std::int64_t start);

}  // namespace slotwise
