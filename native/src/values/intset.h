// An intset: a sorted array of integers in one allocation, in Redis's own format, so that what is in memory is what RDB
// files carry.
//
//   u32le bytes of an integer (2, 4, 8) | u32le count | integers, little-endian, ascending
//
// All integers are as wide as the widest that was ever added needs; it never becomes narrower.
// An Intset is a handle to the allocation and as cheap to copy as a pointer. Every change may move the allocation: store
// data() again after it. Not for untrusted bytes: those pass Validate() first. Guarded by the stripe of the key.
// Source: the intset format as the RDB documentation has it.
#pragma once
#include <cstdint>
#include <string_view>

#include "keyspace/allocator.h"

namespace slotwise {

class Intset {
 public:
  Intset() = default;
  explicit Intset(void* data) : data_(static_cast<std::uint8_t*>(data)) {}
  static Intset Create();
  // Takes a copy of bytes that passed Validate().
  static Intset CopyOf(std::string_view bytes);
  // Whether `bytes` is an intset: width, size, strictly ascending.
  static bool Validate(std::string_view bytes);
  Intset Copy() const { return CopyOf(bytes()); }
  void Free();

  void* data() const { return data_; }
  std::size_t count() const;
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), Total()}; }
  std::size_t memory() const { return AllocatedSize(Total()); }

  // `index` < count().
  std::int64_t At(std::size_t index) const;
  bool Contains(std::int64_t v) const;
  // False: it is there already.
  bool Add(std::int64_t v);
  // False: it is not there.
  bool Remove(std::int64_t v);

 private:
  std::size_t width() const;
  std::size_t Total() const { return 8 + count() * width(); }
  // Where `v` is, or would be; it must fit the width.
  std::size_t LowerBound(std::int64_t v) const;
  void Put(std::size_t index, std::int64_t v);
  void Widen(std::size_t width);

  std::uint8_t* data_ = nullptr;
};

}  // namespace slotwise
