#include "snapshot/rdb_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/crc64.h"
#include "snapshot/lzf.h"

namespace slotwise {
namespace {

constexpr std::size_t kPiece = 1 << 16;
constexpr std::uint64_t kMaxString = std::uint64_t{1} << 32;
// LZF's best ratio: 264 bytes for 3. Whatever claims more is lying.
constexpr std::uint64_t kMaxExpansion = 264;

template <typename T>
T BigEndian(std::string_view bytes) {
  T v = 0;
  for (char c : bytes) v = static_cast<T>(v << 8 | static_cast<std::uint8_t>(c));
  return v;
}

}  // namespace

bool RdbReader::Fail(std::string why) {
  if (error_.empty()) error_ = std::move(why);
  view_ = view_.substr(0, at_);
  return false;
}

std::uint64_t RdbReader::Checksum() {
  crc_ = Crc64(crc_, view_.substr(summed_, at_ - summed_));
  summed_ = at_;
  return crc_;
}

bool RdbReader::Fetch(std::size_t n) {
  if (!error_.empty()) return false;
  if (view_.size() - at_ >= n) return true;
  if (source_ == nullptr) return Fail("the data ends too early");
  // What was read moves out, what is there moves to the front.
  Checksum();
  std::size_t have = left();
  if (have > 0) std::memmove(buffer_.data(), view_.data() + at_, have);
  consumed_ += at_;
  at_ = summed_ = 0;
  bool ended = false;
  while (have < n && !ended) {
    const std::size_t step = std::max(kPiece, std::min(n - have, have));
    if (buffer_.size() < have + step) buffer_.resize(have + step);
    const std::size_t got = source_->Read(buffer_.data() + have, step);
    have += got;
    ended = got == 0;
  }
  view_ = {buffer_.data(), have};
  return !ended || Fail("the data ends too early");
}

bool RdbReader::Fixed(void* into, std::size_t n) {
  if (!Need(n)) return false;
  std::memcpy(into, view_.data() + at_, n);
  at_ += n;
  return true;
}

bool RdbReader::Raw(std::size_t n, std::string_view* bytes) {
  if (!Need(n)) return false;
  *bytes = view_.substr(at_, n);
  at_ += n;
  return true;
}

bool RdbReader::LongLength(std::uint64_t* n) {
  std::uint8_t first;
  if (!Byte(&first)) return false;
  std::string_view more;
  switch (first >> 6) {
    case 0: *n = first & 63; return true;
    case 1:
      if (!Raw(1, &more)) return false;
      *n = (first & 63u) << 8 | static_cast<std::uint8_t>(more[0]);
      return true;
    case 2:
      if (first == 0x80) {
        if (!Raw(4, &more)) return false;
        *n = BigEndian<std::uint32_t>(more);
        return true;
      }
      if (first == 0x81) {
        if (!Raw(8, &more)) return false;
        *n = BigEndian<std::uint64_t>(more);
        return true;
      }
      return Fail("a length of an unknown form");
    default: return Fail("a string where a length is expected");
  }
}

bool RdbReader::Count(std::uint64_t* n, std::size_t least_bytes) {
  if (!Length(n)) return false;
  if (source_ == nullptr ? *n > left() / least_bytes : *n > (std::uint64_t{1} << 40)) return Fail("a count that the data cannot hold");
  return true;
}

bool RdbReader::AnyString(std::string_view* text) {
  if (!Need(1)) return false;
  auto first = static_cast<std::uint8_t>(view_[at_]);
  if (first < 0xc0) {
    std::uint64_t size;
    if (!Length(&size)) return false;
    if (size > kMaxString) return Fail("a string of more than 4 GiB");
    return Raw(size, text);
  }
  ++at_;
  std::int64_t integer = 0;
  switch (first) {
    case 0xc0: { std::int8_t v; if (!Fixed(&v, 1)) return false; integer = v; break; }
    case 0xc1: { std::int16_t v; if (!Fixed(&v, 2)) return false; integer = v; break; }
    case 0xc2: { std::int32_t v; if (!Fixed(&v, 4)) return false; integer = v; break; }
    case 0xc3: {
      std::uint64_t compressed, size;
      if (!Length(&compressed) || !Length(&size)) return false;
      if (compressed > kMaxString || size > kMaxString || size / kMaxExpansion > compressed) return Fail("a compressed string with impossible sizes");
      std::string_view bytes;
      if (!Raw(compressed, &bytes)) return false;
      expanded_.resize(size);
      if (!LzfDecompress(bytes, expanded_.data(), size)) return Fail("a compressed string that does not expand to its size");
      *text = expanded_;
      return true;
    }
    default: return Fail("a string of an unknown form");
  }
  expanded_ = std::to_string(integer);
  *text = expanded_;
  return true;
}

bool RdbReader::TextDouble(double* v) {
  std::uint8_t size;
  if (!Byte(&size)) return false;
  if (size == 253) return *v = std::numeric_limits<double>::quiet_NaN(), true;
  if (size == 254) return *v = std::numeric_limits<double>::infinity(), true;
  if (size == 255) return *v = -std::numeric_limits<double>::infinity(), true;
  std::string_view text;
  if (!Raw(size, &text)) return false;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *v);
  if (error != std::errc() || end != text.data() + text.size()) return Fail("a score that is not a number");
  return true;
}

}  // namespace slotwise
