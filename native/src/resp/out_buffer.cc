#include "resp/out_buffer.h"

#include <string>

namespace slotwise {
namespace {

// Chunks of the usual size go round in a small pool of the thread: every reply of every turn takes one. Those that wait in
// it are not in use: counted, the peak of one moment would evict keys for ever.
struct ChunkPool {
  static constexpr int kMax = 256;
  char* chunks[kMax];
  int count = 0;
  ~ChunkPool() {
    while (count > 0) Release(Take(), OutBuffer::kChunkSize);
    count = kMax;  // nothing is taken in any more
  }
  char* Take() {
    AccountMemory(static_cast<std::int64_t>(OutBuffer::kChunkSize));
    return chunks[--count];
  }
  void Give(char* chunk) {
    AccountMemory(-static_cast<std::int64_t>(OutBuffer::kChunkSize));
    chunks[count++] = chunk;
  }
};
thread_local ChunkPool t_pool;

char* TakeChunk(std::size_t size) {
  if (size == OutBuffer::kChunkSize && t_pool.count > 0 && t_pool.count < ChunkPool::kMax) return t_pool.Take();
  return static_cast<char*>(Allocate(size));
}

void GiveChunk(char* chunk, std::size_t size) {
  if (size == OutBuffer::kChunkSize && t_pool.count < ChunkPool::kMax - 1) {
    t_pool.Give(chunk);
    return;
  }
  Release(chunk, size);
}

}  // namespace

void OutBuffer::FreePiece(Piece& piece) {
  if (piece.blob != nullptr) piece.blob->Unref();
  else GiveChunk(piece.data, piece.capacity);
}

void OutBuffer::SealCurrent() {
  if (chunk_begin_ == nullptr) return;
  auto used = static_cast<std::size_t>(cursor_ - chunk_begin_);
  auto capacity = static_cast<std::size_t>(end_ - chunk_begin_);
  if (base_ + used == consumed_) {
    GiveChunk(chunk_begin_, capacity);
  } else {
    if (!full_) full_ = std::make_unique<std::deque<Piece>>();
    full_->push_back({chunk_begin_, used, capacity, nullptr});
  }
  base_ += used;
  chunk_begin_ = cursor_ = end_ = nullptr;
}

void OutBuffer::NewChunk(std::size_t n) {
  SealCurrent();
  std::size_t size = n > kChunkSize ? n : kChunkSize;
  chunk_begin_ = cursor_ = TakeChunk(size);
  end_ = chunk_begin_ + size;
}

void OutBuffer::AppendBlob(Blob* blob) {
  SealCurrent();
  if (!full_) full_ = std::make_unique<std::deque<Piece>>();
  blob->Ref();
  full_->push_back({blob->data(), blob->size(), 0, blob});
  base_ += blob->size();
}

std::size_t OutBuffer::memory() const {
  std::size_t bytes = static_cast<std::size_t>(end_ - chunk_begin_);
  if (full_) {
    for (const Piece& p : *full_) bytes += p.blob != nullptr ? p.size : p.capacity;
  }
  return bytes;
}

int OutBuffer::Gather(iovec* vectors, int max, std::uint64_t limit) {
  std::uint64_t total = 0;
  if (limit <= consumed_) return 0;
  limit -= consumed_;
  int n = 0;
  auto add = [&](char* data, std::uint64_t size) {
    if (size > limit - total) size = limit - total;
    if (size == 0) return;
    vectors[n++] = {data, static_cast<std::size_t>(size)};
    total += size;
  };
  std::uint64_t at = base_;
  if (full_ && !full_->empty()) {
    std::uint64_t queued = 0;
    for (const Piece& p : *full_) queued += p.size;
    at = base_ - queued;
    for (const Piece& p : *full_) {
      if (n == max || total == limit) return n;
      std::uint64_t skip = consumed_ > at ? consumed_ - at : 0;
      if (skip < p.size) add(p.data + skip, p.size - skip);
      at += p.size;
    }
  }
  if (n < max && total < limit && chunk_begin_ != nullptr) {
    std::uint64_t skip = consumed_ > base_ ? consumed_ - base_ : 0;
    add(chunk_begin_ + skip, static_cast<std::uint64_t>(cursor_ - chunk_begin_) - skip);
  }
  return n;
}

void OutBuffer::Consume(std::uint64_t n) {
  consumed_ += n;
  if (full_) {
    std::uint64_t queued = 0;
    for (const Piece& p : *full_) queued += p.size;
    std::uint64_t at = base_ - queued;
    while (!full_->empty() && at + full_->front().size <= consumed_) {
      at += full_->front().size;
      FreePiece(full_->front());
      full_->pop_front();
    }
    if (full_->empty()) full_.reset();
  }
  if (chunk_begin_ != nullptr && consumed_ == appended()) {
    if (static_cast<std::size_t>(end_ - chunk_begin_) > kChunkSize) {
      FreeCurrent();
    } else {
      base_ = consumed_;
      cursor_ = chunk_begin_;
    }
  }
}

void OutBuffer::CopyTo(std::string* out) const {
  std::uint64_t at = base_;
  if (full_) {
    for (const Piece& p : *full_) at -= p.size;
    for (const Piece& p : *full_) {
      std::uint64_t skip = consumed_ > at ? consumed_ - at : 0;
      if (skip < p.size) out->append(p.data + skip, p.size - skip);
      at += p.size;
    }
  }
  std::uint64_t skip = consumed_ > base_ ? consumed_ - base_ : 0;
  if (chunk_begin_ != nullptr) out->append(chunk_begin_ + skip, static_cast<std::size_t>(cursor_ - chunk_begin_) - skip);
}

void OutBuffer::FreeCurrent() {
  base_ += static_cast<std::uint64_t>(cursor_ - chunk_begin_);
  GiveChunk(chunk_begin_, static_cast<std::size_t>(end_ - chunk_begin_));
  chunk_begin_ = cursor_ = end_ = nullptr;
}

void OutBuffer::Reset() {
  if (full_) {
    for (Piece& p : *full_) FreePiece(p);
    full_.reset();
  }
  if (chunk_begin_ != nullptr) FreeCurrent();
  consumed_ = base_;
}

}  // namespace slotwise
