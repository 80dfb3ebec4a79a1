// The frame of an RDB file around entries that come in any order: magic, AUX fields, databases, end, checksum.
// Sans I/O: bytes go to a function. Source: spec rdb.md sections 1, 2, 16.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace slotwise {

// What an entry carries besides its value.
struct RdbEntryOptions {
  bool compress = true;     // rdbcompression
  enum class Access { kNone, kLru, kLfu } access = Access::kNone;  // from maxmemory-policy
  std::int64_t now_ms = 0;  // of idle times
};
class Entry;
// Expiry, access, type, key, value.
void AppendRdbEntry(const Entry* entry, const RdbEntryOptions& options, std::string& out);

class RdbFileWriter {
 public:
  using Output = std::function<Status(std::string_view bytes)>;
  struct Aux {
    std::string name;
    std::string value;
  };

  RdbFileWriter(Output output, bool checksum) : output_(std::move(output)), checksum_(checksum) {}
  Status Begin(const std::vector<Aux>& fields);
  // `keys` and `expiring` are hints for whoever loads the file, given when a database is first selected.
  Status Entries(int db, std::uint64_t keys, std::uint64_t expiring, std::string_view entries);
  Status End();
  std::uint64_t bytes() const { return bytes_; }

 private:
  Status Put(std::string_view bytes);

  Output output_;
  bool checksum_;
  int db_ = -1;
  std::vector<bool> announced_;
  std::uint64_t crc_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace slotwise
