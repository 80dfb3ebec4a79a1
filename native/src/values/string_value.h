// Reading the string of an entry, whatever form it is stored in.
#pragma once
#include <charconv>
#include <cstdint>
#include <string_view>

#include "keyspace/entry.h"
#include "values/blob.h"

namespace slotwise {

constexpr std::size_t kMaxEmbstr = 44;

// Room for the digits of an int64.
struct IntScratch {
  char bytes[24];
};

// The bytes of a string entry; integers are written into `scratch`. Valid while the lock is held and nothing is set.
inline std::string_view StringBytes(const Entry* e, IntScratch& scratch) {
  if (e->encoding() == Encoding::kInt) {
    auto end = std::to_chars(scratch.bytes, scratch.bytes + sizeof scratch.bytes, e->int_value()).ptr;
    return {scratch.bytes, static_cast<std::size_t>(end - scratch.bytes)};
  }
  if (e->external()) return e->pointer<Blob>()->view();
  return {e->value_bytes(), e->inline_length()};
}

inline std::size_t StringLength(const Entry* e) {
  IntScratch scratch;
  return StringBytes(e, scratch).size();
}

// Whether `s` is an integer exactly as Redis would print it ("12", "-3"; not "+1", "01", " 1"), in int64 range.
bool ParseInteger(std::string_view s, std::int64_t* out);

// The entry's string as an integer; false if it is not one.
inline bool StringAsInteger(const Entry* e, std::int64_t* out) {
  if (e->encoding() == Encoding::kInt) {
    *out = e->int_value();
    return true;
  }
  IntScratch scratch;
  return ParseInteger(StringBytes(e, scratch), out);
}

}  // namespace slotwise
