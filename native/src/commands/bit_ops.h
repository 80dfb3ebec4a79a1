// Bits of byte strings, as the bitmap commands number them: bit 0 is the most significant bit of the first byte. Plain
// functions on memory; what is a key and what is a range in the client's words is in bitmaps.cc and bitfield.cc.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slotwise {

// A range of bits, both ends included; empty if first > last.
struct BitRange {
  std::int64_t first;
  std::int64_t last;
};

inline bool TestBit(const char* bytes, std::uint64_t bit) {
  return (static_cast<unsigned char>(bytes[bit >> 3]) >> (7 - (bit & 7)) & 1) != 0;
}

// How many bits of the range are set. The range lies within `bytes`.
std::uint64_t CountBits(std::string_view bytes, BitRange range);
// Where the first bit of value `bit` in the range is; -1 if there is none. The range lies within `bytes`.
std::int64_t FindBit(std::string_view bytes, bool bit, BitRange range);

enum class BitOperation { kAnd, kOr, kXor, kNot };
// Combines `count` >= 1 sources, the shorter ones continued with zeros, into `out` (`size` bytes: the longest source).
// kNot takes one source.
void CombineBits(BitOperation operation, const std::string_view* sources, std::size_t count, char* out, std::size_t size);

// Integers of 1 to 64 bits at any bit offset, most significant bit first. Get reads zeros beyond the end; Set must stay
// within.
std::uint64_t GetBitfield(std::string_view bytes, std::uint64_t offset, unsigned bits);
void SetBitfield(char* bytes, std::uint64_t offset, unsigned bits, std::uint64_t value);
// The value of an integer of `bits` bits read as two's complement.
inline std::int64_t SignExtend(std::uint64_t value, unsigned bits) {
  return static_cast<std::int64_t>(value << (64 - bits)) >> (64 - bits);
}

}  // namespace slotwise
