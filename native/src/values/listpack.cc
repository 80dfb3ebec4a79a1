#include "values/listpack.h"

#include <algorithm>

namespace slotwise {
namespace {

using Byte = std::uint8_t;

constexpr std::size_t kHeader = 6;
constexpr std::uint32_t kCountUnknown = 65535;
constexpr Byte kEnd = 0xff;

template <typename T>
T Load(const Byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
void Store(Byte* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

// Bytes of the size-from-behind of an entry of `size` bytes. The limits are the format's, one below what 7 bits hold.
std::size_t BackSize(std::size_t size) {
  if (size <= 127) return 1;
  if (size < 16383) return 2;
  if (size < 2097151) return 3;
  if (size < 268435455) return 4;
  return 5;
}

Byte* WriteBack(Byte* at, std::size_t size) {
  std::size_t width = BackSize(size);
  for (std::size_t i = width; i-- > 0; size >>= 7) at[i] = static_cast<Byte>((size & 127) | (i == 0 ? 0 : 128));
  return at + width;
}

// Size of encoding and data of the entry at `c`, which must be valid.
std::size_t BodySize(const Byte* c) {
  Byte b = c[0];
  if (b < 0x80) return 1;
  if (b < 0xc0) return 1 + (b & 63u);
  if (b < 0xe0) return 2;
  if (b < 0xf0) return 2 + ((b & 15u) << 8 | c[1]);
  switch (b) {
    case 0xf0: return 5 + Load<std::uint32_t>(c + 1);
    case 0xf1: return 3;
    case 0xf2: return 4;
    case 0xf3: return 5;
    default: return 9;
  }
}

std::size_t FullSize(const Byte* c) {
  std::size_t body = BodySize(c);
  return body + BackSize(body);
}

std::size_t IntegerBody(std::int64_t v) {
  if (v >= 0 && v <= 127) return 1;
  if (v >= -4096 && v <= 4095) return 2;
  if (v >= INT16_MIN && v <= INT16_MAX) return 3;
  if (v >= -8388608 && v <= 8388607) return 4;
  if (v >= INT32_MIN && v <= INT32_MAX) return 5;
  return 9;
}

std::size_t StringBody(std::size_t n) {
  if (n < 64) return 1 + n;
  if (n < 4096) return 2 + n;
  return 5 + n;
}

Byte* WriteInteger(Byte* at, std::int64_t v) {
  std::size_t body = IntegerBody(v);
  auto u = static_cast<std::uint64_t>(v);
  switch (body) {
    case 1: at[0] = static_cast<Byte>(u); break;
    case 2:
      at[0] = static_cast<Byte>(0xc0 | ((u >> 8) & 31));
      at[1] = static_cast<Byte>(u);
      break;
    default:
      at[0] = static_cast<Byte>(body == 3 ? 0xf1 : body == 4 ? 0xf2 : body == 5 ? 0xf3 : 0xf4);
      std::memcpy(at + 1, &u, body - 1);  // little-endian, as the format is
  }
  return WriteBack(at + body, body);
}

Byte* WriteString(Byte* at, std::string_view s) {
  std::size_t body = StringBody(s.size());
  std::size_t lead = body - s.size();
  if (lead == 1) {
    at[0] = static_cast<Byte>(0x80 | s.size());
  } else if (lead == 2) {
    at[0] = static_cast<Byte>(0xe0 | s.size() >> 8);
    at[1] = static_cast<Byte>(s.size());
  } else {
    at[0] = 0xf0;
    Store<std::uint32_t>(at + 1, static_cast<std::uint32_t>(s.size()));
  }
  if (!s.empty()) std::memcpy(at + lead, s.data(), s.size());
  return WriteBack(at + body, body);
}

std::size_t SizeOf(const Listpack::Element& e) {
  std::size_t body = e.is_integer ? IntegerBody(e.integer) : StringBody(e.text.size());
  return body + BackSize(body);
}

void WriteElement(Byte* at, const Listpack::Element& e) {
  if (e.is_integer) WriteInteger(at, e.integer);
  else WriteString(at, e.text);
}

std::uint32_t CountField(const Byte* data) { return Load<std::uint16_t>(data + 4); }

void AddCount(Byte* data, std::int64_t by) {
  std::uint32_t now = CountField(data);
  if (now == kCountUnknown) return;  // once unknown it stays so until somebody walks
  std::int64_t then = std::min<std::int64_t>(now + by, kCountUnknown);
  Store<std::uint16_t>(data + 4, static_cast<std::uint16_t>(then));
}

// Whole size classes are asked for, so that the allocation's size follows from the total and changes stay in place.
void* AllocateFor(std::size_t total) { return Allocate(AllocatedSize(total)); }
void ReleaseOf(void* data, std::size_t total) { Release(data, AllocatedSize(total)); }

// Turns the `old_size` bytes at offset `at` into `new_size` bytes of which the caller writes the content. Moves the rest,
// and the whole when the size class changes.
Byte* Reshape(Byte* data, std::size_t at, std::size_t old_size, std::size_t new_size) {
  std::size_t total = Load<std::uint32_t>(data);
  std::size_t next = total - old_size + new_size;
  std::size_t rest = total - at - old_size;
  if (AllocatedSize(total) == AllocatedSize(next)) {
    if (old_size != new_size) std::memmove(data + at + new_size, data + at + old_size, rest);
  } else {
    auto* moved = static_cast<Byte*>(AllocateFor(next));
    std::memcpy(moved, data, at);
    std::memcpy(moved + at + new_size, data + at + old_size, rest);
    ReleaseOf(data, total);
    data = moved;
  }
  Store<std::uint32_t>(data, static_cast<std::uint32_t>(next));
  return data;
}

}  // namespace

std::string_view ListpackItem::View(IntScratch& scratch) const {
  if (bytes != nullptr) return {bytes, size};
  auto end = std::to_chars(scratch.bytes, scratch.bytes + sizeof scratch.bytes, integer).ptr;
  return {scratch.bytes, static_cast<std::size_t>(end - scratch.bytes)};
}

Listpack::Element::Element(std::string_view t) : text(t), is_integer(ParseInteger(t, &integer)) {}

Listpack Listpack::Create() {
  auto* data = static_cast<Byte*>(AllocateFor(kEmptySize));
  Store<std::uint32_t>(data, kEmptySize);
  Store<std::uint16_t>(data + 4, 0);
  data[kHeader] = kEnd;
  return Listpack(data);
}

Listpack Listpack::CopyOf(std::string_view bytes) {
  void* data = AllocateFor(bytes.size());
  std::memcpy(data, bytes.data(), bytes.size());
  return Listpack(data);
}

void Listpack::Free() {
  if (data_ != nullptr) ReleaseOf(data_, total());
  data_ = nullptr;
}

std::size_t Listpack::total() const { return Load<std::uint32_t>(data_); }

std::size_t Listpack::count() const {
  std::uint32_t n = CountField(data_);
  if (n != kCountUnknown) return n;
  std::size_t walked = 0;
  for (Cursor c = First(); c != nullptr; c = Next(c)) ++walked;
  if (walked < kCountUnknown) Store<std::uint16_t>(data_ + 4, static_cast<std::uint16_t>(walked));
  return walked;
}

bool Listpack::Validate(std::string_view bytes) {
  if (bytes.size() < kEmptySize || bytes.size() > UINT32_MAX) return false;
  auto* data = reinterpret_cast<const Byte*>(bytes.data());
  if (Load<std::uint32_t>(data) != bytes.size() || data[bytes.size() - 1] != kEnd) return false;
  std::size_t at = kHeader;
  std::size_t end = bytes.size() - 1;
  std::size_t walked = 0;
  while (at < end) {
    const Byte* c = data + at;
    std::size_t left = end - at;
    Byte b = c[0];
    if (b > 0xf4) return false;  // also an end before the end
    std::size_t lead = b < 0xc0 ? 1 : b < 0xf0 ? 2 : b == 0xf0 ? 5 : 1;
    if (left < lead) return false;
    std::size_t body = BodySize(c);
    std::size_t back = BackSize(body);
    if (body > left || back > left - body) return false;
    Byte expected[5];
    WriteBack(expected, body);
    if (std::memcmp(expected, c + body, back) != 0) return false;
    at += body + back;
    ++walked;
  }
  std::uint32_t count = CountField(data);
  return count == kCountUnknown || count == walked;
}

Listpack::Cursor Listpack::First() const { return data_[kHeader] == kEnd ? nullptr : data_ + kHeader; }

Listpack::Cursor Listpack::Last() const {
  const Byte* end = data_ + total() - 1;
  return end == data_ + kHeader ? nullptr : Prev(end);
}

Listpack::Cursor Listpack::Next(Cursor c) const {
  c += FullSize(c);
  return *c == kEnd ? nullptr : c;
}

Listpack::Cursor Listpack::Prev(Cursor c) const {
  if (c == data_ + kHeader) return nullptr;
  const Byte* p = c - 1;
  std::size_t size = 0;
  for (int shift = 0;; shift += 7, --p) {
    size |= static_cast<std::size_t>(*p & 127) << shift;
    if ((*p & 128) == 0 || shift == 28) break;
  }
  return p - size;
}

Listpack::Cursor Listpack::At(std::int64_t index) const {
  std::uint32_t known = CountField(data_);
  if (known != kCountUnknown) {
    auto n = static_cast<std::int64_t>(known);
    if (index >= n || index < -n) return nullptr;
    // From the nearer end.
    if (index > n / 2) index -= n;
    else if (index < -(n / 2) - 1) index += n;
  }
  if (index >= 0) {
    Cursor c = First();
    while (c != nullptr && index-- > 0) c = Next(c);
    return c;
  }
  Cursor c = Last();
  while (c != nullptr && ++index < 0) c = Prev(c);
  return c;
}

ListpackItem Listpack::Get(Cursor c) {
  Byte b = c[0];
  auto text = [](const Byte* p, std::size_t n) { return ListpackItem{reinterpret_cast<const char*>(p), static_cast<std::uint32_t>(n), 0}; };
  auto number = [](std::int64_t v) { return ListpackItem{nullptr, 0, v}; };
  if (b < 0x80) return number(b);
  if (b < 0xc0) return text(c + 1, b & 63u);
  if (b < 0xe0) {
    std::int64_t v = (b & 31) << 8 | c[1];
    return number(v >= 4096 ? v - 8192 : v);
  }
  if (b < 0xf0) return text(c + 2, (b & 15u) << 8 | c[1]);
  switch (b) {
    case 0xf0: return text(c + 5, Load<std::uint32_t>(c + 1));
    case 0xf1: return number(Load<std::int16_t>(c + 1));
    case 0xf2: {
      std::uint32_t v = c[1] | static_cast<std::uint32_t>(c[2]) << 8 | static_cast<std::uint32_t>(c[3]) << 16;
      return number(static_cast<std::int32_t>(v << 8) >> 8);
    }
    case 0xf3: return number(Load<std::int32_t>(c + 1));
    default: return number(Load<std::int64_t>(c + 1));
  }
}

bool Listpack::Equals(Cursor c, const Element& e) {
  ListpackItem item = Get(c);
  if (item.is_integer()) return e.is_integer && item.integer == e.integer;
  return item.size == e.text.size() && std::memcmp(item.bytes, e.text.data(), item.size) == 0;
}

Listpack::Cursor Listpack::Find(Cursor from, const Element& e, std::size_t skip) const {
  for (Cursor c = from; c != nullptr; c = Next(c)) {
    if (Equals(c, e)) return c;
    for (std::size_t i = 0; i < skip && c != nullptr; ++i) c = Next(c);
    if (c == nullptr) return nullptr;
  }
  return nullptr;
}

std::size_t Listpack::EntrySize(std::string_view element) { return SizeOf(Element(element)); }

std::size_t Listpack::EntrySize(std::int64_t integer) {
  std::size_t body = IntegerBody(integer);
  return body + BackSize(body);
}

Listpack::Cursor Listpack::Insert(Cursor where, std::string_view element) {
  Element e(element);
  if (e.is_integer) return Insert(where, e.integer);
  std::size_t at = where == nullptr ? total() - 1 : static_cast<std::size_t>(where - data_);
  data_ = Reshape(data_, at, 0, SizeOf(e));
  WriteElement(data_ + at, e);
  AddCount(data_, 1);
  return data_ + at;
}

Listpack::Cursor Listpack::Insert(Cursor where, std::int64_t integer) {
  std::size_t at = where == nullptr ? total() - 1 : static_cast<std::size_t>(where - data_);
  data_ = Reshape(data_, at, 0, EntrySize(integer));
  WriteInteger(data_ + at, integer);
  AddCount(data_, 1);
  return data_ + at;
}

Listpack::Cursor Listpack::Append(std::string_view element) { return Insert(nullptr, element); }
Listpack::Cursor Listpack::Append(std::int64_t integer) { return Insert(nullptr, integer); }
Listpack::Cursor Listpack::Prepend(std::string_view element) { return Insert(First(), element); }

Listpack::Cursor Listpack::Replace(Cursor where, std::string_view element) {
  Element e(element);
  if (e.is_integer) return Replace(where, e.integer);
  auto at = static_cast<std::size_t>(where - data_);
  data_ = Reshape(data_, at, FullSize(where), SizeOf(e));
  WriteElement(data_ + at, e);
  return data_ + at;
}

Listpack::Cursor Listpack::Replace(Cursor where, std::int64_t integer) {
  auto at = static_cast<std::size_t>(where - data_);
  data_ = Reshape(data_, at, FullSize(where), EntrySize(integer));
  WriteInteger(data_ + at, integer);
  return data_ + at;
}

Listpack::Cursor Listpack::Delete(Cursor where, std::size_t n) {
  auto at = static_cast<std::size_t>(where - data_);
  const Byte* end = where;
  std::size_t deleted = 0;
  for (; deleted < n && *end != kEnd; ++deleted) end += FullSize(end);
  data_ = Reshape(data_, at, static_cast<std::size_t>(end - where), 0);
  AddCount(data_, -static_cast<std::int64_t>(deleted));
  return data_[at] == kEnd ? nullptr : data_ + at;
}

void Listpack::DeleteRange(std::int64_t index, std::size_t n) {
  Cursor c = At(index);
  if (c != nullptr && n > 0) Delete(c, n);
}

void Listpack::AppendRange(const Listpack& other, Cursor from, Cursor to) {
  const Byte* end = to == nullptr ? other.data_ + other.total() - 1 : to;
  std::size_t added = 0;
  for (const Byte* c = from; c != end; c += FullSize(c)) ++added;
  auto size = static_cast<std::size_t>(end - from);
  std::size_t at = total() - 1;
  data_ = Reshape(data_, at, 0, size);
  std::memcpy(data_ + at, from, size);
  AddCount(data_, static_cast<std::int64_t>(added));
}

}  // namespace slotwise
