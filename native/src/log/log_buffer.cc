#include "log/log_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "base/ablation.h"

namespace slotwise {
namespace {

constexpr std::string_view kMulti = "*1\r\n$5\r\nMULTI\r\n";
constexpr std::string_view kExec = "*1\r\n$4\r\nEXEC\r\n";
constexpr std::size_t kPoolChunksMax = 128;
constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kAhead = 512;
constexpr std::size_t kAheadMost = 256;
const bool kPrefetch = !Ablated().prefetch;

char* Put(char* out, std::string_view bytes) {
  std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

}  // namespace

std::size_t EncodeSelect(int db, char* out) {
  char digits[12];
  auto length = static_cast<std::size_t>(std::to_chars(digits, digits + sizeof(digits), db).ptr - digits);
  char* p = Put(out, "*2\r\n$6\r\nSELECT\r\n$");
  p = std::to_chars(p, p + 2, length).ptr;
  p = Put(p, "\r\n");
  p = Put(p, {digits, length});
  p = Put(p, "\r\n");
  return static_cast<std::size_t>(p - out);
}

LogBuffer::LogBuffer(std::uint64_t begin, bool timestamps) : timestamps_(timestamps), tail_(begin), first_(begin) {
  head_ = last_ = cursor_ = Allocate(kChunkSize - sizeof(Chunk));
  head_->begin = begin;
}

LogBuffer::~LogBuffer() {
  while (head_ != nullptr) {
    Chunk* next = head_->next.load(std::memory_order_relaxed);
    Free(head_);
    head_ = next;
  }
  Trim();
}

// Straight from the kernel: chunks come and go by the megabyte and would otherwise fragment the heap of the values.
LogBuffer::Chunk* LogBuffer::Allocate(std::size_t capacity) {
  void* memory = mmap(nullptr, sizeof(Chunk) + capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();  // as operator new would: an effect that cannot be logged must not be applied
  auto* chunk = new (memory) Chunk;
  chunk->capacity = capacity;
  return chunk;
}

void LogBuffer::Free(Chunk* chunk) {
  std::size_t size = sizeof(Chunk) + chunk->capacity;
  chunk->~Chunk();
  munmap(chunk, size);
}

// Room for `size` bytes in one piece. The caller holds lock_.
char* LogBuffer::Reserve(std::size_t size) {
  if (last_->capacity - last_->used < size) {
    constexpr std::size_t kCapacity = kChunkSize - sizeof(Chunk);  // whole pages with the header
    Chunk* chunk;
    if (size <= kCapacity && !pool_.empty()) {
      chunk = pool_.back();
      pool_.pop_back();
    } else {
      chunk = Allocate(std::max(size, kCapacity));
    }
    chunk->begin = last_->begin + last_->used;
    chunk->used = 0;
    chunk->next.store(nullptr, std::memory_order_relaxed);
    chunk->end.store(~std::uint64_t{0}, std::memory_order_relaxed);
    chunk->references.store(1, std::memory_order_relaxed);
    last_->end.store(chunk->begin, std::memory_order_relaxed);  // read by who has seen a later tail
    last_->next.store(chunk, std::memory_order_release);
    last_ = chunk;
  }
  char* out = last_->data() + last_->used;
  last_->used += size;
  return out;
}

std::uint64_t LogBuffer::Append(const LogUnit& unit, std::uint32_t seconds) {
  if (unit.empty()) return tail();
  const bool wrap = unit.count() > 1 && unit.atomic();
  char prefix[96];
  std::lock_guard<FutexLock> guard(lock_);
  char* p = prefix;
  if (timestamps() && seconds != last_second_ && !timestamps_paused_.load(std::memory_order_relaxed)) {
    last_second_ = seconds;
    p = Put(p, "#TS:");
    p = std::to_chars(p, p + 16, seconds).ptr;
    p = Put(p, "\r\n");
  }
  if (unit.first_db() >= 0) {
    if (unit.first_db() != db_) p += EncodeSelect(unit.first_db(), p);
    db_ = unit.last_db();
  } else if (unit.last_db() >= 0) {
    db_ = unit.last_db();
  }
  if (wrap) p = Put(p, kMulti);
  auto prefix_size = static_cast<std::size_t>(p - prefix);
  const std::size_t size = prefix_size + unit.bytes().size() + (wrap ? kExec.size() : 0);
  char* out = Reserve(size);
  if (kPrefetch) {
    // The lock is given back once these bytes have reached a cache: what the appends after this one write to is asked for now.
    for (std::size_t at = 0; at < size && at < kAheadMost; at += kCacheLine) __builtin_prefetch(out + kAhead + at, 1);
  }
  out = Put(out, {prefix, prefix_size});
  out = Put(out, unit.bytes());
  if (wrap) Put(out, kExec);
  std::uint64_t tail = tail_.load(std::memory_order_relaxed) + size;
  tail_.store(tail, std::memory_order_release);
  return tail;
}

LogBuffer::Mark LogBuffer::TailMark() {
  std::lock_guard<FutexLock> guard(lock_);
  return {tail_.load(std::memory_order_relaxed), db_};
}

std::uint64_t LogBuffer::Collect(std::uint64_t from, std::uint64_t to, std::size_t parts_max,
                                 std::vector<std::string_view>* parts) {
  parts->clear();
  Chunk* chunk = cursor_->begin <= from ? cursor_ : head_;
  while (from < to && parts->size() < parts_max) {
    Chunk* next = chunk->next.load(std::memory_order_acquire);
    std::uint64_t end = next != nullptr ? std::min(to, next->begin) : to;
    if (end > from) {
      parts->emplace_back(chunk->data() + (from - chunk->begin), static_cast<std::size_t>(end - from));
      from = end;
    }
    cursor_ = chunk;
    chunk = next;
  }
  return from;
}

std::uint64_t LogBuffer::BeginStream(std::atomic<std::uint64_t>* split) {
  std::lock_guard<FutexLock> guard(lock_);
  db_ = -1;
  last_second_ = 0;  // a file begins with a timestamp line
  const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  if (split != nullptr) split->store(tail, std::memory_order_release);
  return tail;
}

LogBuffer::Mark LogBuffer::Split(std::atomic<std::uint64_t>* split) {
  std::lock_guard<FutexLock> guard(lock_);
  last_second_ = 0;
  const Mark mark{tail_.load(std::memory_order_relaxed), db_};
  split->store(mark.offset, std::memory_order_release);
  return mark;
}

std::uint64_t LogBuffer::TakeOverStream(int db) {
  std::lock_guard<FutexLock> guard(lock_);
  db_ = db;
  return tail_.load(std::memory_order_relaxed);
}

LogBuffer::Chunk* LogBuffer::Pin(std::uint64_t offset, Chunk* held) {
  Chunk* found = nullptr;
  {
    std::lock_guard<FutexLock> guard(chain_lock_);
    if (offset >= head_->begin) {
      // What the caller holds is in the chain if it does not lie before its head; then so are all that follow.
      found = held != nullptr && held->begin >= head_->begin && held->begin <= offset ? held : head_;
      for (Chunk* next; (next = found->next.load(std::memory_order_acquire)) != nullptr && next->begin <= offset;) found = next;
      found->references.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (held != nullptr) Unref(held);
  return found;
}

void LogBuffer::Unpin(Chunk* chunk) { Unref(chunk); }

std::string_view LogBuffer::Bytes(const Chunk* chunk, std::uint64_t from, std::uint64_t to) {
  to = std::min(to, chunk->end.load(std::memory_order_acquire));
  if (from < chunk->begin || from >= to) return {};
  return {chunk->data() + (from - chunk->begin), static_cast<std::size_t>(to - from)};
}

void LogBuffer::Release(std::uint64_t offset) {
  const std::uint64_t tail = this->tail();
  const std::uint64_t keep = keep_.load(std::memory_order_relaxed);
  offset = std::min({offset, floor_.load(std::memory_order_relaxed), tail > keep ? tail - keep : 0});
  for (;;) {
    Chunk* next = head_->next.load(std::memory_order_acquire);
    if (next == nullptr || next->begin > offset) return;
    if (cursor_ == head_) cursor_ = next;
    Chunk* released = head_;
    {
      std::lock_guard<FutexLock> guard(chain_lock_);
      head_ = next;
    }
    first_.store(next->begin, std::memory_order_release);
    Unref(released);
  }
}

void LogBuffer::Unref(Chunk* chunk) {
  if (chunk->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (chunk->capacity == kChunkSize - sizeof(Chunk)) {
    std::lock_guard<FutexLock> guard(lock_);
    if (pool_.size() < kPoolChunksMax) {
      pool_.push_back(chunk);
      return;
    }
  }
  Free(chunk);
}

void LogBuffer::Trim() {
  std::vector<Chunk*> unused;
  {
    std::lock_guard<FutexLock> guard(lock_);
    unused.swap(pool_);
  }
  for (Chunk* chunk : unused) Free(chunk);
}

}  // namespace slotwise
