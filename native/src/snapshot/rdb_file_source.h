// The bytes of an RDB from a file's beginning on; what follows it in the file is not its business.
#pragma once
#include <cstdint>

#include "log/file_system.h"
#include "snapshot/rdb_reader.h"

namespace slotwise {

class RdbFileSource final : public RdbSource {
 public:
  explicit RdbFileSource(File& file) : file_(file) {}
  std::size_t Read(char* into, std::size_t size) override {
    const std::int64_t n = file_.ReadAt(at_, into, size);
    if (n < 0) error_ = static_cast<int>(-n);
    if (n <= 0) return 0;
    at_ += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
  // Why reading failed; 0: it did not.
  int error() const { return error_; }

 private:
  File& file_;
  std::uint64_t at_ = 0;
  int error_ = 0;
};

}  // namespace slotwise
