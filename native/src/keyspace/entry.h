// One key with its value: a single allocation of header, expiry if any, key, and a small value or a pointer to a big one.
//
//   0  u8  type (low nibble) and encoding (high nibble)
//   1  u8  flags: kHasExpire, kLongKey, kExternal, kPhase (see snapshot/snapshot_pass.h)
//   2  u8  key length (kLongKey: a u32 follows the header instead)
//   3  u8[3] access: last access in seconds (LRU), or minutes:16 and counter:8 (LFU)
//   6  u16 length of an inline string value
//   8  [i64 expire_at_ms]  [u32 key length]  key bytes  value
//
// The value is: an i64 (strings of encoding int), the bytes (inline strings), a Blob* (kExternal strings), or a void*
// to the object of another type. It is not aligned; it is read and written with memcpy.
// An entry is reached and changed only under the lock of its slot's stripe.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

#include "keyspace/allocator.h"

namespace slotwise {

enum class Type : std::uint8_t { kString, kList, kSet, kZSet, kHash, kStream };
enum class Encoding : std::uint8_t { kRaw, kEmbstr, kInt, kListpack, kQuicklist, kIntset, kHashtable, kSkiplist, kStream };

constexpr std::int64_t kNoExpire = -1;
constexpr std::size_t kMaxInlineValue = 2048;  // longer strings live in a Blob, which replies can reference

class Entry {
 public:
  static constexpr std::uint8_t kHasExpire = 1;
  static constexpr std::uint8_t kLongKey = 2;
  static constexpr std::uint8_t kExternal = 4;
  static constexpr std::uint8_t kPhase = 8;
  static constexpr std::size_t kHeader = 8;

  Type type() const { return static_cast<Type>(type_enc_ & 15); }
  Encoding encoding() const { return static_cast<Encoding>(type_enc_ >> 4); }
  void set_encoding(Encoding e) { type_enc_ = static_cast<std::uint8_t>((type_enc_ & 15) | static_cast<std::uint8_t>(e) << 4); }
  bool has_expire() const { return flags_ & kHasExpire; }
  bool external() const { return flags_ & kExternal; }
  // Which of the last two snapshots has seen to this entry: 0 or 1. Database keeps it.
  std::uint8_t phase() const { return (flags_ & kPhase) != 0; }
  void set_phase(std::uint8_t phase) { flags_ = static_cast<std::uint8_t>((flags_ & ~kPhase) | (phase != 0 ? kPhase : 0)); }
  std::int64_t expire_at_ms() const { return has_expire() ? Load<std::int64_t>(kHeader) : kNoExpire; }
  bool ExpiredAt(std::int64_t now_ms) const { return has_expire() && Load<std::int64_t>(kHeader) <= now_ms; }
  // The entry must already have an expiry; adding or removing one moves the entry (Database::SetExpire).
  void OverwriteExpire(std::int64_t at_ms) { Store<std::int64_t>(kHeader, at_ms); }

  std::string_view key() const {
    std::size_t at = KeyOffset();
    return {bytes() + at, KeyLength()};
  }
  std::size_t KeyLength() const {
    if (flags_ & kLongKey) [[unlikely]] return Load<std::uint32_t>(kHeader + (has_expire() ? 8 : 0));
    return key_length_;
  }
  std::size_t ValueOffset() const { return KeyOffset() + KeyLength(); }

  // Strings, inline: bytes and length.
  std::size_t inline_length() const { return inline_length_; }
  void set_inline_length(std::size_t n) { inline_length_ = static_cast<std::uint16_t>(n); }
  char* value_bytes() { return bytes() + ValueOffset(); }
  const char* value_bytes() const { return bytes() + ValueOffset(); }
  // Strings of encoding int.
  std::int64_t int_value() const { return Load<std::int64_t>(ValueOffset()); }
  void set_int_value(std::int64_t v) { Store<std::int64_t>(ValueOffset(), v); }
  // Blob or object.
  template <typename T = void>
  T* pointer() const { return Load<T*>(ValueOffset()); }
  void set_pointer(void* p) { Store<void*>(ValueOffset(), p); }

  std::uint32_t access() const { return Load<std::uint32_t>(2) >> 8; }  // with the byte before it
  void set_access(std::uint32_t v) {
    access_[0] = static_cast<std::uint8_t>(v);
    access_[1] = static_cast<std::uint8_t>(v >> 8);
    access_[2] = static_cast<std::uint8_t>(v >> 16);
  }

  // Bytes of an entry with a key and a value area of these sizes.
  static std::size_t SizeFor(std::size_t key_length, std::size_t value_size, bool has_expire) {
    return kHeader + (has_expire ? 8 : 0) + (key_length > 254 ? 4 : 0) + key_length + value_size;
  }
  // The size it was allocated with: value area of 8 unless it is an inline string.
  std::size_t AllocationSize() const { return SizeFor(KeyLength(), ValueArea(), has_expire()); }
  std::size_t ValueArea() const {
    if (type() == Type::kString && encoding() != Encoding::kInt && !external()) return inline_length_;
    return 8;
  }

  // Allocates and fills everything but the value.
  static Entry* Create(Type type, Encoding encoding, std::string_view key, std::size_t value_size, std::int64_t expire_at_ms, bool external) {
    bool expires = expire_at_ms != kNoExpire;
    auto* e = static_cast<Entry*>(Allocate(SizeFor(key.size(), value_size, expires)));
    e->type_enc_ = static_cast<std::uint8_t>(static_cast<std::uint8_t>(type) | static_cast<std::uint8_t>(encoding) << 4);
    bool long_key = key.size() > 254;
    e->flags_ = static_cast<std::uint8_t>((expires ? kHasExpire : 0) | (long_key ? kLongKey : 0) | (external ? kExternal : 0));
    e->key_length_ = static_cast<std::uint8_t>(long_key ? 255 : key.size());
    e->inline_length_ = static_cast<std::uint16_t>(external ? 0 : value_size);
    e->set_access(0);
    std::size_t at = kHeader;
    if (expires) {
      e->Store<std::int64_t>(at, expire_at_ms);
      at += 8;
    }
    if (long_key) {
      e->Store<std::uint32_t>(at, static_cast<std::uint32_t>(key.size()));
      at += 4;
    }
    if (!key.empty()) std::memcpy(e->bytes() + at, key.data(), key.size());
    return e;
  }
  // Frees the entry itself, not what its pointer refers to.
  void Destroy() { Release(this, AllocationSize()); }

 private:
  std::size_t KeyOffset() const { return kHeader + (flags_ & kHasExpire) * 8u + (flags_ & kLongKey) * 2u; }
  char* bytes() { return reinterpret_cast<char*>(this); }
  const char* bytes() const { return reinterpret_cast<const char*>(this); }
  template <typename T>
  T Load(std::size_t at) const { T v; std::memcpy(&v, bytes() + at, sizeof v); return v; }
  template <typename T>
  void Store(std::size_t at, T v) { std::memcpy(bytes() + at, &v, sizeof v); }

  std::uint8_t type_enc_;
  std::uint8_t flags_;
  std::uint8_t key_length_;
  std::uint8_t access_[3];
  std::uint16_t inline_length_;
};
static_assert(sizeof(Entry) == Entry::kHeader);

}  // namespace slotwise
