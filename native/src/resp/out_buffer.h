// The replies of one connection that have not been sent: a queue of chunks and of references to big strings.
// Owned by one thread. Positions are bytes since the connection began, so that a gate can say "up to here".
#pragma once
#include <sys/uio.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string_view>

#include "values/blob.h"

namespace slotwise {

class OutBuffer {
 public:
  static constexpr std::size_t kChunkSize = 16 * 1024;

  OutBuffer() = default;
  OutBuffer(const OutBuffer&) = delete;
  OutBuffer& operator=(const OutBuffer&) = delete;
  ~OutBuffer() { Reset(); }

  // At least n writable bytes at the end; follow with Commit(written <= n).
  char* Reserve(std::size_t n) {
    if (static_cast<std::size_t>(end_ - cursor_) < n) [[unlikely]] NewChunk(n);
    return cursor_;
  }
  void Commit(std::size_t n) { cursor_ += n; }
  void Append(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    Commit(bytes.size());
  }
  // Appends the bytes of a blob by reference.
  void AppendBlob(Blob* blob);

  // Bytes ever appended / consumed; the difference is pending.
  std::uint64_t appended() const { return base_ + static_cast<std::uint64_t>(cursor_ - chunk_begin_); }
  std::uint64_t consumed() const { return consumed_; }
  std::uint64_t pending() const { return appended() - consumed_; }
  bool empty() const { return appended() == consumed_; }
  // Memory held, for output buffer limits.
  std::size_t memory() const;

  // Fills at most `max` vectors with pending bytes up to position `limit`; returns how many.
  int Gather(iovec* vectors, int max, std::uint64_t limit);
  // The first n pending bytes are sent.
  void Consume(std::uint64_t n);
  // Everything pending as one string (embedded calls, tests); does not consume.
  void CopyTo(std::string* out) const;
  // Drops what was appended after `position` (a reply that turned out too big, MULTI discards). Only within the last chunk's life.
  void Reset();
  // Gives the chunk back when nothing is pending: an idle connection holds no memory.
  void ReleaseIfEmpty() {
    if (empty() && chunk_begin_ != nullptr) FreeCurrent();
  }

 private:
  struct Piece {
    char* data;          // chunk memory (owned if blob == nullptr)
    std::size_t size;    // bytes used
    std::size_t capacity;
    Blob* blob;
  };
  void NewChunk(std::size_t n);
  void SealCurrent();
  void FreeCurrent();
  static void FreePiece(Piece& piece);

  // full_ pieces precede the current chunk [chunk_begin_, cursor_).
  std::unique_ptr<std::deque<Piece>> full_;
  char* chunk_begin_ = nullptr;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
  std::uint64_t base_ = 0;      // position of chunk_begin_
  std::uint64_t consumed_ = 0;
};

}  // namespace slotwise
