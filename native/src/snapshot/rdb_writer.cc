#include "snapshot/rdb_writer.h"

#include <bit>

#include "snapshot/lzf.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::size_t kMaxIntegerText = 11;
constexpr std::size_t kCompressFrom = 21;
constexpr std::size_t kCompressSaves = 4;

template <typename T>
void BigEndian(std::string& out, T v) {
  for (int shift = static_cast<int>(sizeof v) * 8 - 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}

}  // namespace

void RdbWriter::Length(std::uint64_t n) {
  if (n < 64) {
    Byte(static_cast<std::uint8_t>(n));
  } else if (n < 16384) {
    Byte(static_cast<std::uint8_t>(0x40 | n >> 8));
    Byte(static_cast<std::uint8_t>(n));
  } else if (n <= UINT32_MAX) {
    Byte(0x80);
    BigEndian(out_, static_cast<std::uint32_t>(n));
  } else {
    Byte(0x81);
    BigEndian(out_, n);
  }
}

void RdbWriter::Integer(std::int64_t v) {
  if (v >= INT8_MIN && v <= INT8_MAX) {
    Byte(0xc0);
    Fixed(&v, 1);
  } else if (v >= INT16_MIN && v <= INT16_MAX) {
    Byte(0xc1);
    Fixed(&v, 2);
  } else if (v >= INT32_MIN && v <= INT32_MAX) {
    Byte(0xc2);
    Fixed(&v, 4);
  } else {
    std::string digits = std::to_string(v);
    Length(digits.size());
    Raw(digits);
  }
}

void RdbWriter::String(std::string_view bytes) {
  std::int64_t integer;
  if (bytes.size() <= kMaxIntegerText && ParseInteger(bytes, &integer) && integer >= INT32_MIN && integer <= INT32_MAX) return Integer(integer);
  if (compress_ && bytes.size() >= kCompressFrom && bytes.size() <= UINT32_MAX) {
    std::string compressed;
    if (LzfCompress(bytes, bytes.size() - kCompressSaves, compressed) != 0) {
      Byte(0xc3);
      Length(compressed.size());
      Length(bytes.size());
      Raw(compressed);
      return;
    }
  }
  Length(bytes.size());
  Raw(bytes);
}

}  // namespace slotwise
