// A listpack: a short sequence of strings and integers in one packed allocation, in Redis's own format, so that what is
// in memory is what RDB files carry.
//
//   u32le total bytes | u16le count (65535: more than fits, walk) | entries | FF
//   entry = encoding and length, data, and its own size written so that it can be read from behind
//
// An element that is the canonical decimal form of an i64 is stored as an integer, in 1 to 9 bytes.
// A Listpack is a handle to the allocation and as cheap to copy as a pointer; whoever holds the object in an Entry owns
// it. Every change may move the allocation: store data() again after it, and use no older Cursor.
// An element handed to a change must not lie inside the listpack itself.
// Not for untrusted bytes: those pass Validate() first. Guarded by the stripe of the key.
// Source: the listpack format as the RDB documentation has it.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

#include "keyspace/allocator.h"
#include "values/string_value.h"

namespace slotwise {

// One element: bytes inside the listpack, or an integer.
struct ListpackItem {
  const char* bytes = nullptr;  // null: an integer
  std::uint32_t size = 0;
  std::int64_t integer = 0;

  bool is_integer() const { return bytes == nullptr; }
  // The element as bytes; an integer is written into `scratch`. Valid while the listpack and the scratch are unchanged.
  std::string_view View(IntScratch& scratch) const;
};

class Listpack {
 public:
  // The first byte of an entry; null: no such entry.
  using Cursor = const std::uint8_t*;
  // An element to look for or to store, with its integer form worked out once.
  struct Element {
    explicit Element(std::string_view text);
    std::string_view text;
    std::int64_t integer = 0;
    bool is_integer = false;
  };
  static constexpr std::size_t kEmptySize = 7;

  Listpack() = default;
  explicit Listpack(void* data) : data_(static_cast<std::uint8_t*>(data)) {}
  static Listpack Create();
  // Takes a copy of bytes that passed Validate().
  static Listpack CopyOf(std::string_view bytes);
  // Whether `bytes` is a well-formed listpack: lengths inside the buffer, sizes from behind right, count right.
  static bool Validate(std::string_view bytes);
  Listpack Copy() const { return CopyOf(bytes()); }
  void Free();

  void* data() const { return data_; }
  explicit operator bool() const { return data_ != nullptr; }
  std::size_t total() const;                       // bytes of the format, header and end included
  std::string_view bytes() const { return {reinterpret_cast<const char*>(data_), total()}; }
  std::size_t memory() const { return AllocatedSize(total()); }
  std::size_t count() const;                       // O(1) below 65535 elements

  Cursor First() const;
  Cursor Last() const;
  Cursor Next(Cursor c) const;
  Cursor Prev(Cursor c) const;
  // Negative indexes count from the end, -1 the last; null outside. Walks from the nearer end.
  Cursor At(std::int64_t index) const;
  static ListpackItem Get(Cursor c);
  static bool Equals(Cursor c, const Element& e);
  // The first of `from`, and every `skip` + 1 elements on, that equals `e`; null: none. skip = 1 looks at the fields of
  // field, value, field, value...
  Cursor Find(Cursor from, const Element& e, std::size_t skip = 0) const;

  // How many bytes an element takes as an entry.
  static std::size_t EntrySize(std::string_view element);
  static std::size_t EntrySize(std::int64_t integer);
  // Whether the total stays under 1 GiB (Redis's own limit) after adding `more` bytes.
  bool Fits(std::size_t more) const { return total() + more <= (std::size_t{1} << 30); }

  // Changes. Each returns a cursor to the (new) element where one exists.
  Cursor Append(std::string_view element);
  Cursor Append(std::int64_t integer);
  Cursor Prepend(std::string_view element);
  // Before `where`; null: at the end.
  Cursor Insert(Cursor where, std::string_view element);
  Cursor Insert(Cursor where, std::int64_t integer);
  Cursor Replace(Cursor where, std::string_view element);
  Cursor Replace(Cursor where, std::int64_t integer);
  // Deletes `n` elements from `where` on; returns what follows them, null at the end.
  Cursor Delete(Cursor where, std::size_t n = 1);
  // From element `index` (negative: from the end) on.
  void DeleteRange(std::int64_t index, std::size_t n);
  // Appends the entries [from, to) of another listpack; to = null: to its end.
  void AppendRange(const Listpack& other, Cursor from, Cursor to);

 private:
  std::uint8_t* data_ = nullptr;
};

}  // namespace slotwise
