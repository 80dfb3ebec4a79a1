#include "commands/bit_ops.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace slotwise {
namespace {

inline std::uint64_t LoadWord(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// The first byte most significant, so that the bits of the word are in string order.
inline std::uint64_t BigEndian(std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::little) return __builtin_bswap64(word);
  return word;
}

// Four sums, so that no popcount waits for the one before. Inlined into each of the functions below, where the compiler
// knows what the processor can do.
__attribute__((always_inline)) inline std::uint64_t CountBytes(const char* p, std::size_t size) {
  std::uint64_t sums[4] = {};
  for (; size >= 32; p += 32, size -= 32) {
    for (int i = 0; i < 4; ++i) sums[i] += static_cast<std::uint64_t>(__builtin_popcountll(LoadWord(p + 8 * i)));
  }
  std::uint64_t total = sums[0] + sums[1] + sums[2] + sums[3];
  for (; size >= 8; p += 8, size -= 8) total += static_cast<std::uint64_t>(__builtin_popcountll(LoadWord(p)));
  for (; size > 0; ++p, --size) total += static_cast<std::uint64_t>(std::popcount(static_cast<unsigned char>(*p)));
  return total;
}

std::uint64_t CountPortable(const char* p, std::size_t size) { return CountBytes(p, size); }

// The x86-64 baseline lacks POPCNT, every server since 2008 has it: chosen at run time. Plain dispatch and no ifunc,
// which does not get along with sanitizers.
#if defined(__x86_64__)
__attribute__((target("popcnt"))) std::uint64_t CountWithPopcnt(const char* p, std::size_t size) { return CountBytes(p, size); }
inline std::uint64_t Count(const char* p, std::size_t size) {
  static const bool popcnt = __builtin_cpu_supports("popcnt") != 0;
  return popcnt ? CountWithPopcnt(p, size) : CountPortable(p, size);
}
#else
inline std::uint64_t Count(const char* p, std::size_t size) { return CountPortable(p, size); }
#endif

// The bits of a byte from number `first` on, or up to number `last`.
inline unsigned char From(std::int64_t first) { return static_cast<unsigned char>(0xff >> (first & 7)); }
inline unsigned char UpTo(std::int64_t last) { return static_cast<unsigned char>(0xff << (7 - (last & 7))); }

}  // namespace

std::uint64_t CountBits(std::string_view bytes, BitRange range) {
  if (range.first > range.last) return 0;
  auto first = static_cast<std::size_t>(range.first >> 3), last = static_cast<std::size_t>(range.last >> 3);
  const char* p = bytes.data();
  // All bits of the bytes touched, less those outside of the range.
  auto before = static_cast<unsigned char>(p[first] & ~From(range.first));
  auto after = static_cast<unsigned char>(p[last] & ~UpTo(range.last));
  return Count(p + first, last - first + 1) - static_cast<std::uint64_t>(std::popcount(before) + std::popcount(after));
}

std::int64_t FindBit(std::string_view bytes, bool bit, BitRange range) {
  if (range.first > range.last) return -1;
  auto i = static_cast<std::size_t>(range.first >> 3), last = static_cast<std::size_t>(range.last >> 3);
  const char* p = bytes.data();
  // A search for clear bits is one for set bits in the complement.
  std::uint64_t flip = bit ? 0 : ~std::uint64_t{0};
  auto hits = [&](std::size_t at) { return static_cast<unsigned char>(p[at] ^ static_cast<char>(flip)); };
  auto answer = [&](std::size_t at, unsigned char byte) {
    std::int64_t found = static_cast<std::int64_t>(at) * 8 + std::countl_zero(byte);
    return found <= range.last ? found : -1;
  };
  if (auto byte = static_cast<unsigned char>(hits(i) & From(range.first)); byte != 0) return answer(i, byte);
  for (++i; i + 8 <= last; i += 8) {
    if (std::uint64_t word = LoadWord(p + i) ^ flip; word != 0) {
      return static_cast<std::int64_t>(i) * 8 + std::countl_zero(BigEndian(word));
    }
  }
  for (; i <= last; ++i) {
    if (unsigned char byte = hits(i); byte != 0) return answer(i, byte);
  }
  return -1;
}

void CombineBits(BitOperation operation, const std::string_view* sources, std::size_t count, char* out, std::size_t size) {
  // Block by block, so that the intermediate result stays in the first cache level; the inner loops become vector code.
  constexpr std::size_t kBlock = 8 * 1024;
  for (std::size_t begin = 0; begin < size; begin += kBlock) {
    std::size_t length = std::min(kBlock, size - begin);
    auto overlap = [&](std::string_view s) { return s.size() <= begin ? 0 : std::min(length, s.size() - begin); };
    auto* __restrict to = reinterpret_cast<unsigned char*>(out + begin);
    std::size_t n = overlap(sources[0]);
    if (n > 0) std::memcpy(to, sources[0].data() + begin, n);
    std::memset(to + n, 0, length - n);
    if (operation == BitOperation::kNot) {
      for (std::size_t i = 0; i < length; ++i) to[i] = static_cast<unsigned char>(~to[i]);
      continue;
    }
    for (std::size_t s = 1; s < count; ++s) {
      n = overlap(sources[s]);
      const auto* from = reinterpret_cast<const unsigned char*>(sources[s].data()) + (n > 0 ? begin : 0);
      if (operation == BitOperation::kAnd) {
        for (std::size_t i = 0; i < n; ++i) to[i] &= from[i];
        std::memset(to + n, 0, length - n);
      } else if (operation == BitOperation::kOr) {
        for (std::size_t i = 0; i < n; ++i) to[i] |= from[i];
      } else {
        for (std::size_t i = 0; i < n; ++i) to[i] ^= from[i];
      }
    }
  }
}

// A field of up to 64 bits touches up to nine bytes: they are handled as one 128-bit number.
std::uint64_t GetBitfield(std::string_view bytes, std::uint64_t offset, unsigned bits) {
  std::uint64_t first = offset >> 3;
  unsigned __int128 window = 0;
  for (std::uint64_t i = first; i < first + 9; ++i) {
    window = window << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0);
  }
  unsigned below = 72 - static_cast<unsigned>(offset & 7) - bits;
  return static_cast<std::uint64_t>(window >> below) & (~std::uint64_t{0} >> (64 - bits));
}

void SetBitfield(char* bytes, std::uint64_t offset, unsigned bits, std::uint64_t value) {
  std::uint64_t first = offset >> 3;
  unsigned touched = static_cast<unsigned>(((offset & 7) + bits + 7) / 8);
  unsigned below = touched * 8 - static_cast<unsigned>(offset & 7) - bits;
  unsigned __int128 mask = static_cast<unsigned __int128>(~std::uint64_t{0} >> (64 - bits)) << below;
  unsigned __int128 placed = static_cast<unsigned __int128>(value) << below & mask;
  for (unsigned i = touched; i-- > 0; mask >>= 8, placed >>= 8) {
    auto& byte = reinterpret_cast<unsigned char&>(bytes[first + i]);
    byte = static_cast<unsigned char>((byte & ~static_cast<unsigned>(mask & 0xff)) | static_cast<unsigned>(placed & 0xff));
  }
}

}  // namespace slotwise
