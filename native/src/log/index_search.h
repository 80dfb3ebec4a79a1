// Finds a position or a time in the index of a segment without reading all of it: records have one size and ascend, so each
// question costs O(log n) reads of 32 bytes. A damaged record is passed over; its neighbours answer for it.
// Not every block ends where a unit ends: bytes that a start of the server found without an index are covered in pieces of 1 MiB.
// Whoever wants to begin to read goes back to the end of a block that is none.
// Sans I/O but for reading the file; by one thread at a time. Elsewhere: the format (segment_index.h).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/file_system.h"
#include "log/segment_index.h"

namespace slotwise {

class IndexSearch {
 public:
  // Null: there is no index that could be read.
  static std::unique_ptr<IndexSearch> Open(FileSystem& files, const std::string& segment_path);

  // The segment before counts only up to here.
  std::optional<std::uint64_t> previous_end() const { return previous_end_; }
  // When the first and the last block ended, Unix time; 0: unknown.
  std::uint32_t FirstSeconds();
  std::uint32_t LastSeconds();
  // The last place at or before `position` where a unit begins for certain.
  std::uint64_t StartBefore(std::uint64_t position);
  // The blocks from there on, at most `count_max`. True: there are more.
  bool BlocksFrom(std::uint64_t start, std::size_t count_max, std::vector<IndexBlock>* out);
  // Where the first block begins that ended at that second or later; nullopt: none did.
  std::optional<std::uint64_t> BeginAt(std::uint32_t seconds);

 private:
  explicit IndexSearch(std::unique_ptr<File> file) : file_(std::move(file)) {}
  bool Record(std::size_t i, IndexRecord* out);
  // The least `i` such that all good records from it on are `late`.
  template <typename Late>
  std::size_t FirstWhere(const Late& late);

  std::unique_ptr<File> file_;
  std::size_t count_ = 0;  // records, the header among them
  std::optional<std::uint64_t> previous_end_;
};

}  // namespace slotwise
