#include "values/intset.h"

#include <cstring>

namespace slotwise {
namespace {

constexpr std::size_t kHeader = 8;

template <typename T>
T Load(const std::uint8_t* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
void Store(std::uint8_t* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

std::size_t WidthFor(std::int64_t v) {
  if (v >= INT16_MIN && v <= INT16_MAX) return 2;
  return v >= INT32_MIN && v <= INT32_MAX ? 4 : 8;
}

std::int64_t Read(const std::uint8_t* p, std::size_t width) {
  if (width == 2) return Load<std::int16_t>(p);
  return width == 4 ? Load<std::int32_t>(p) : Load<std::int64_t>(p);
}

void Write(std::uint8_t* p, std::size_t width, std::int64_t v) { std::memcpy(p, &v, width); }  // little-endian

// Whole size classes are asked for, so that the allocation's size follows from the content and changes stay in place.
std::uint8_t* AllocateFor(std::size_t total) { return static_cast<std::uint8_t*>(Allocate(AllocatedSize(total))); }
void ReleaseOf(void* data, std::size_t total) { Release(data, AllocatedSize(total)); }

}  // namespace

Intset Intset::Create() {
  std::uint8_t* data = AllocateFor(kHeader);
  Store<std::uint32_t>(data, 2);
  Store<std::uint32_t>(data + 4, 0);
  return Intset(data);
}

Intset Intset::CopyOf(std::string_view bytes) {
  std::uint8_t* data = AllocateFor(bytes.size());
  std::memcpy(data, bytes.data(), bytes.size());
  return Intset(data);
}

bool Intset::Validate(std::string_view bytes) {
  if (bytes.size() < kHeader) return false;
  auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t width = Load<std::uint32_t>(data);
  if (width != 2 && width != 4 && width != 8) return false;
  std::size_t count = Load<std::uint32_t>(data + 4);
  if (count == 0 || bytes.size() != kHeader + count * width) return false;
  for (std::size_t i = 1; i < count; ++i) {
    if (Read(data + kHeader + (i - 1) * width, width) >= Read(data + kHeader + i * width, width)) return false;
  }
  return true;
}

void Intset::Free() {
  if (data_ != nullptr) ReleaseOf(data_, Total());
  data_ = nullptr;
}

std::size_t Intset::width() const { return Load<std::uint32_t>(data_); }
std::size_t Intset::count() const { return Load<std::uint32_t>(data_ + 4); }
std::int64_t Intset::At(std::size_t index) const { return Read(data_ + kHeader + index * width(), width()); }
void Intset::Put(std::size_t index, std::int64_t v) { Write(data_ + kHeader + index * width(), width(), v); }

std::size_t Intset::LowerBound(std::int64_t v) const {
  std::size_t first = 0, n = count();
  // Ascending inserts are common, and the last element decides them.
  if (n > 0 && At(n - 1) < v) return n;
  while (n > 0) {
    std::size_t half = n / 2;
    if (At(first + half) < v) {
      first += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return first;
}

bool Intset::Contains(std::int64_t v) const {
  if (WidthFor(v) > width()) return false;
  std::size_t at = LowerBound(v);
  return at < count() && At(at) == v;
}

void Intset::Widen(std::size_t wide) {
  std::size_t n = count(), old_total = Total();
  std::uint8_t* data = AllocateFor(kHeader + n * wide);
  Store<std::uint32_t>(data, static_cast<std::uint32_t>(wide));
  Store<std::uint32_t>(data + 4, static_cast<std::uint32_t>(n));
  for (std::size_t i = 0; i < n; ++i) Write(data + kHeader + i * wide, wide, At(i));
  ReleaseOf(data_, old_total);
  data_ = data;
}

bool Intset::Add(std::int64_t v) {
  if (WidthFor(v) > width()) Widen(WidthFor(v));
  std::size_t at = LowerBound(v), n = count();
  if (at < n && At(at) == v) return false;
  std::size_t total = Total(), next = total + width();
  std::size_t offset = kHeader + at * width();
  if (AllocatedSize(total) == AllocatedSize(next)) {
    std::memmove(data_ + offset + width(), data_ + offset, total - offset);
  } else {
    std::uint8_t* data = AllocateFor(next);
    std::memcpy(data, data_, offset);
    std::memcpy(data + offset + width(), data_ + offset, total - offset);
    ReleaseOf(data_, total);
    data_ = data;
  }
  Store<std::uint32_t>(data_ + 4, static_cast<std::uint32_t>(n + 1));
  Put(at, v);
  return true;
}

bool Intset::Remove(std::int64_t v) {
  if (WidthFor(v) > width()) return false;
  std::size_t at = LowerBound(v), n = count();
  if (at == n || At(at) != v) return false;
  std::size_t total = Total(), next = total - width();
  std::size_t offset = kHeader + at * width();
  std::size_t rest = total - offset - width();
  if (AllocatedSize(total) == AllocatedSize(next)) {
    std::memmove(data_ + offset, data_ + offset + width(), rest);
  } else {
    std::uint8_t* data = AllocateFor(next);
    std::memcpy(data, data_, offset);
    std::memcpy(data + offset, data_ + offset + width(), rest);
    ReleaseOf(data_, total);
    data_ = data;
  }
  Store<std::uint32_t>(data_ + 4, static_cast<std::uint32_t>(n - 1));
  return true;
}

}  // namespace slotwise
