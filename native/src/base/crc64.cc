#include "base/crc64.h"

#include <array>
#include <cstring>

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

}  // namespace

std::uint64_t Crc64(std::uint64_t crc, std::string_view bytes) {
  const char* p = bytes.data();
  std::size_t n = bytes.size();
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

}  // namespace slotwise
