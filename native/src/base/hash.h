// A seeded 64-bit hash for keys: folded 64x64->128 multiplications over 16 bytes at a time. Seeded per process, so that
// keys that collide here cannot be prepared in advance. Not for anything that is written to disk or sent to a peer.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

namespace slotwise {

namespace hash_internal {
inline std::uint64_t Load64(const char* p) { std::uint64_t v; std::memcpy(&v, p, 8); return v; }
inline std::uint64_t Load32(const char* p) { std::uint32_t v; std::memcpy(&v, p, 4); return v; }
inline std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  unsigned __int128 m = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(m) ^ static_cast<std::uint64_t>(m >> 64);
}
constexpr std::uint64_t kP0 = 0x9e3779b97f4a7c15ull;
constexpr std::uint64_t kP1 = 0xd6e8feb86659fd93ull;
constexpr std::uint64_t kP2 = 0xa0761d6478bd642full;
}  // namespace hash_internal

inline std::uint64_t HashBytes(std::string_view s, std::uint64_t seed) {
  using namespace hash_internal;
  const char* p = s.data();
  std::size_t n = s.size();
  std::uint64_t h = seed ^ Fold(n ^ kP0, kP1);
  std::uint64_t a;
  std::uint64_t b;
  if (n <= 16) {
    if (n >= 8) {
      a = Load64(p);
      b = Load64(p + n - 8);
    } else if (n >= 4) {
      a = Load32(p);
      b = Load32(p + n - 4);
    } else if (n > 0) {
      a = static_cast<unsigned char>(p[0]) | static_cast<std::uint64_t>(static_cast<unsigned char>(p[n / 2])) << 8 |
          static_cast<std::uint64_t>(static_cast<unsigned char>(p[n - 1])) << 16;
      b = 0;
    } else {
      a = b = 0;
    }
  } else {
    while (n > 16) {
      h = Fold(Load64(p) ^ kP1, Load64(p + 8) ^ h);
      p += 16;
      n -= 16;
    }
    a = Load64(p + n - 16);
    b = Load64(p + n - 8);
  }
  return Fold(Fold(a ^ kP2, b ^ h) ^ kP0, h ^ kP1);
}

// Chosen at random once a process.
std::uint64_t ProcessHashSeed();

}  // namespace slotwise
