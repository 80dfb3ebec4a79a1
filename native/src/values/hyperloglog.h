// HyperLogLog: how many different elements were seen, in 12 KiB and with an error of 0.8 %. It is a string, in Redis's own
// format, so that any server can go on with it:
//
//   "HYLL" | u8 encoding | 3 zero bytes | u64le cardinality (top bit: stale) | registers
//
//   dense    16384 registers of 6 bits, from the low bits on
//   sparse   runs: 00nnnnnn n+1 zeros | 01nnnnnn nnnnnnnn n+1 zeros | 1vvvvvnn n+1 registers of value v+1
//
// An element chooses a register by 14 bits of its hash; the register keeps the longest run of zeros seen in the others.
// These are functions on bytes. Sparse ones may be damaged (clients write strings): everything checks, nothing trusts.
// Source: Flajolet et al., HyperLogLog; Ertl, arXiv:1702.01284, for the estimate; MurmurHash64A; Redis's format.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace slotwise::hyperloglog {

inline constexpr int kRegisters = 1 << 14;
inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kDenseSize = kHeaderSize + kRegisters * 6 / 8;
using Registers = std::array<std::uint8_t, kRegisters>;

enum class Result : std::uint8_t { kCorrupt, kSame, kChanged };

// Without elements, sparse.
std::string Empty();
// Whether it looks like one; the runs of a sparse one are not looked at.
bool IsValid(std::string_view bytes);
inline bool IsDense(std::string_view bytes) { return bytes[4] == 0; }

// Adds an element. A sparse one that would exceed `sparse_max` bytes, or needs too great a value, becomes dense.
Result Add(std::string& bytes, std::string_view element, std::size_t sparse_max);
// The same for a dense one, in place: kDenseSize bytes.
Result AddDense(char* bytes, std::string_view element);
// Raises a register to `value` if it is less.
Result Raise(std::string& bytes, int index, std::uint8_t value, std::size_t sparse_max);
// False: corrupt, and left as it is.
bool MakeDense(std::string& bytes);

// Raises each of `registers` to what it is in `bytes`. False: corrupt.
bool MergeInto(Registers& registers, std::string_view bytes);
std::uint64_t Estimate(const Registers& registers);
// False: corrupt.
bool Estimate(std::string_view bytes, std::uint64_t* cardinality);

// The cardinality stored in the header.
bool Cached(std::string_view bytes, std::uint64_t* cardinality);
void StoreCached(char* bytes, std::uint64_t cardinality);
inline void Invalidate(char* bytes) { bytes[15] = static_cast<char>(bytes[15] | 0x80); }

// The runs of a sparse one as text, "Z:16383 v:1,1"; for PFDEBUG.
std::string Decode(std::string_view bytes);

}  // namespace slotwise::hyperloglog
