#include "base/crc64.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/ablation.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kReflected = 0x95ac9329ac4bc9b5ull;

// Eight tables: a step takes eight bytes, one lookup in each (slicing-by-8).
constexpr auto MakeTables() {
  std::array<std::array<std::uint64_t, 256>, 8> t{};
  for (std::uint64_t n = 0; n < 256; ++n) {
    std::uint64_t crc = n;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ kReflected : crc >> 1;
    t[0][n] = crc;
  }
  for (std::size_t n = 0; n < 256; ++n) {
    for (std::size_t k = 1; k < 8; ++k) t[k][n] = t[0][t[k - 1][n] & 255] ^ (t[k - 1][n] >> 8);
  }
  return t;
}
constexpr auto kTables = MakeTables();

std::uint64_t WithTables(std::uint64_t crc, const char* p, std::size_t n) {
  for (; n >= 8; n -= 8, p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    word ^= crc;
    crc = kTables[7][word & 255] ^ kTables[6][(word >> 8) & 255] ^ kTables[5][(word >> 16) & 255] ^ kTables[4][(word >> 24) & 255] ^
          kTables[3][(word >> 32) & 255] ^ kTables[2][(word >> 40) & 255] ^ kTables[1][(word >> 48) & 255] ^ kTables[0][word >> 56];
  }
  for (; n > 0; --n, ++p) crc = kTables[0][(crc ^ static_cast<std::uint8_t>(*p)) & 255] ^ (crc >> 8);
  return crc;
}

#if defined(__x86_64__)
// x^n mod P, in the reflected form: bit 63 is x^0.
constexpr std::uint64_t PowerOfX(unsigned n) {
  std::uint64_t v = std::uint64_t{1} << 63;
  for (; n > 0; --n) v = (v & 1) ? (v >> 1) ^ kReflected : v >> 1;
  return v;
}

// 128 bits X stand for X.low * x^64 + X.high. Moved on by `bits`, modulo P: X.low times x^(64 + bits) and X.high times x^bits.
// A carry-less product of reflected words is the product's reflected form times x: hence one less.
template <unsigned bits>
__attribute__((target("pclmul,sse2"))) inline __m128i MovedOn(__m128i x) {
  const __m128i by = _mm_set_epi64x(static_cast<long long>(PowerOfX(bits - 1)), static_cast<long long>(PowerOfX(bits + 63)));
  return _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11));
}

inline __m128i Load(const char* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// Folds 64 bytes a step into four such values, these into one, and leaves its 16 bytes to the tables. `n` >= 64.
__attribute__((target("pclmul,sse2"))) std::uint64_t WithProducts(std::uint64_t crc, const char* p, std::size_t n) {
  __m128i a = _mm_xor_si128(Load(p), _mm_cvtsi64_si128(static_cast<long long>(crc)));
  __m128i b = Load(p + 16);
  __m128i c = Load(p + 32);
  __m128i d = Load(p + 48);
  for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
    a = _mm_xor_si128(MovedOn<512>(a), Load(p));
    b = _mm_xor_si128(MovedOn<512>(b), Load(p + 16));
    c = _mm_xor_si128(MovedOn<512>(c), Load(p + 32));
    d = _mm_xor_si128(MovedOn<512>(d), Load(p + 48));
  }
  b = _mm_xor_si128(MovedOn<128>(a), b);
  c = _mm_xor_si128(MovedOn<128>(b), c);
  d = _mm_xor_si128(MovedOn<128>(c), d);
  for (; n >= 16; p += 16, n -= 16) d = _mm_xor_si128(MovedOn<128>(d), Load(p));
  char folded[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(folded), d);
  return WithTables(WithTables(0, folded, sizeof folded), p, n);
}

bool HasProducts() {
  static const bool has = __builtin_cpu_supports("pclmul") != 0 && !Ablated().crc64;
  return has;
}
#endif

}  // namespace

std::uint64_t Crc64(std::uint64_t crc, std::string_view bytes) {
#if defined(__x86_64__)
  if (bytes.size() >= 128 && HasProducts()) return WithProducts(crc, bytes.data(), bytes.size());
#endif
  return WithTables(crc, bytes.data(), bytes.size());
}

}  // namespace slotwise
