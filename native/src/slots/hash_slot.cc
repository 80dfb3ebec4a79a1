#include "slots/hash_slot.h"

#include <array>

namespace slotwise {
namespace {

// tables[k][b]: the CRC of byte b followed by k zero bytes, so that eight bytes are folded in one step.
constexpr std::array<std::array<std::uint16_t, 256>, 8> MakeTables() {
  std::array<std::array<std::uint16_t, 256>, 8> t{};
  for (int b = 0; b < 256; ++b) {
    std::uint16_t crc = static_cast<std::uint16_t>(b << 8);
    for (int i = 0; i < 8; ++i) crc = static_cast<std::uint16_t>((crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1);
    t[0][b] = crc;
  }
  for (int k = 1; k < 8; ++k) {
    for (int b = 0; b < 256; ++b) {
      std::uint16_t crc = t[k - 1][b];
      t[k][b] = static_cast<std::uint16_t>((crc << 8) ^ t[0][crc >> 8]);
    }
  }
  return t;
}
constexpr auto kTables = MakeTables();

}  // namespace

std::uint16_t Crc16(std::string_view bytes) {
  const unsigned char* p = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t n = bytes.size();
  std::uint16_t crc = 0;
  while (n >= 8) {
    crc = kTables[7][p[0] ^ (crc >> 8)] ^ kTables[6][p[1] ^ (crc & 0xff)] ^ kTables[5][p[2]] ^ kTables[4][p[3]] ^
          kTables[3][p[4]] ^ kTables[2][p[5]] ^ kTables[1][p[6]] ^ kTables[0][p[7]];
    p += 8;
    n -= 8;
  }
  while (n-- > 0) crc = static_cast<std::uint16_t>((crc << 8) ^ kTables[0][(crc >> 8) ^ *p++]);
  return crc;
}

std::string_view HashTag(std::string_view key) {
  std::size_t start = key.find('{');
  if (start == std::string_view::npos) return key;
  std::size_t close = key.find('}', ++start);
  if (close == std::string_view::npos || close == start) return key;
  return key.substr(start, close - start);
}

}  // namespace slotwise
