#include "snapshot/ziplist.h"

#include <cstdint>
#include <cstring>

namespace slotwise {
namespace {

constexpr std::size_t kHeader = 10;
constexpr std::uint16_t kCountUnknown = 65535;

template <typename T>
T Load(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

std::uint8_t At(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

// The entry at `at`, which stands behind one of `previous` bytes. Returns its size and appends it; 0: malformed.
std::size_t AppendEntry(std::string_view z, std::size_t at, std::size_t end, std::size_t previous, Listpack* out) {
  std::size_t left = end - at;
  std::size_t head = 1;
  std::size_t said = At(z, at);
  if (said == 254) {
    if (left < 5) return 0;
    said = Load<std::uint32_t>(z.data() + at + 1);
    head = 5;
  }
  if (said != previous || left < head + 1) return 0;
  const char* p = z.data() + at + head;
  left -= head;
  std::uint8_t code = At(z, at + head);
  auto text = [&](std::size_t lead, std::size_t n) -> std::size_t {
    if (n > left - lead) return 0;
    out->Append(std::string_view(p + lead, n));
    return head + lead + n;
  };
  auto number = [&](std::size_t bytes, std::int64_t v) -> std::size_t {
    out->Append(v);
    return head + 1 + bytes;
  };
  switch (code >> 6) {
    case 0: return text(1, code);
    case 1: return left < 2 ? 0 : text(2, (code & 63u) << 8 | static_cast<std::uint8_t>(p[1]));
    case 2: return code != 0x80 || left < 5 ? 0 : text(5, __builtin_bswap32(Load<std::uint32_t>(p + 1)));
    default: break;
  }
  std::size_t width = code == 0xc0 ? 2 : code == 0xd0 ? 4 : code == 0xe0 ? 8 : code == 0xf0 ? 3 : code == 0xfe ? 1 : 0;
  if (width == 0) return code >= 0xf1 && code <= 0xfd ? number(0, (code & 15) - 1) : 0;
  if (left < 1 + width) return 0;
  switch (width) {
    case 1: return number(1, Load<std::int8_t>(p + 1));
    case 2: return number(2, Load<std::int16_t>(p + 1));
    case 4: return number(4, Load<std::int32_t>(p + 1));
    case 8: return number(8, Load<std::int64_t>(p + 1));
    default: {
      std::uint32_t v = 0;
      std::memcpy(&v, p + 1, 3);
      return number(3, static_cast<std::int32_t>(v << 8) >> 8);
    }
  }
}

// The length at *at; false if it does not fit.
bool ZipmapLength(std::string_view z, std::size_t* at, std::size_t* length) {
  if (*at >= z.size()) return false;
  *length = At(z, *at);
  if (*length < 254) return ++*at, true;
  if (*length == 255 || z.size() - *at < 5) return false;
  *length = Load<std::uint32_t>(z.data() + *at + 1);
  *at += 5;
  return true;
}

}  // namespace

bool AppendZiplist(std::string_view z, Listpack* out) {
  if (z.size() < kHeader + 1 || Load<std::uint32_t>(z.data()) != z.size() || At(z, z.size() - 1) != 0xff) return false;
  const std::size_t end = z.size() - 1;
  const std::uint32_t tail = Load<std::uint32_t>(z.data() + 4);
  const std::uint16_t count = Load<std::uint16_t>(z.data() + 8);
  std::size_t at = kHeader;
  std::size_t previous = 0;
  std::size_t last = kHeader;
  std::size_t walked = 0;
  while (at < end) {
    std::size_t size = AppendEntry(z, at, end, previous, out);
    if (size == 0) return false;
    last = at;
    previous = size;
    at += size;
    ++walked;
  }
  return last == tail && (count == kCountUnknown || count == walked);
}

bool AppendZipmap(std::string_view z, Listpack* out) {
  if (z.size() < 2 || At(z, z.size() - 1) != 0xff) return false;
  const std::string_view body = z.substr(0, z.size() - 1);
  std::size_t at = 1;
  std::size_t pairs = 0;
  while (at < body.size()) {
    std::size_t length;
    if (!ZipmapLength(body, &at, &length) || length > body.size() - at) return false;
    std::string_view field = body.substr(at, length);
    at += length;
    if (!ZipmapLength(body, &at, &length) || at >= body.size()) return false;
    std::size_t free = At(body, at++);
    if (length > body.size() - at || free > body.size() - at - length) return false;
    out->Append(field);
    out->Append(body.substr(at, length));
    at += length + free;
    ++pairs;
  }
  std::uint8_t said = At(z, 0);
  return said >= 254 || said == pairs;
}

}  // namespace slotwise
