// The bytes of a string too big to live in its entry. Counted references let a reply or the log send the bytes without
// copying them; whoever wants to change a blob that others hold makes a copy first.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "keyspace/allocator.h"

namespace slotwise {

class Blob {
 public:
  // One reference, size 0 bytes used of `capacity`.
  static Blob* Create(std::size_t capacity) {
    auto* b = static_cast<Blob*>(Allocate(sizeof(Blob) + capacity));
    b->references_.store(1, std::memory_order_relaxed);
    b->size_ = 0;
    b->allocated_ = sizeof(Blob) + capacity;
    b->capacity_ = capacity;
    return b;
  }
  static Blob* Copy(std::string_view bytes, std::size_t capacity) {
    Blob* b = Create(capacity < bytes.size() ? bytes.size() : capacity);
    if (!bytes.empty()) std::memcpy(b->data(), bytes.data(), bytes.size());
    b->size_ = bytes.size();
    return b;
  }
  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) Release(this, allocated_);
  }
  bool shared() const { return references_.load(std::memory_order_acquire) > 1; }
  std::size_t size() const { return size_; }
  void set_size(std::size_t n) { size_ = n; }
  std::size_t capacity() const { return capacity_; }
  std::size_t memory() const { return AllocatedSize(allocated_); }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view view() const { return {data(), size_}; }

 private:
  std::atomic<std::uint32_t> references_;
  std::size_t size_;
  std::size_t capacity_;
  std::size_t allocated_;
};

}  // namespace slotwise
