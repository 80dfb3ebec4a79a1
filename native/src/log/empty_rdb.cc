#include "log/empty_rdb.h"

#include "base/crc64.h"

namespace slotwise {
namespace {

constexpr unsigned char kAux = 0xfa;
constexpr unsigned char kResizeDb = 0xfb;
constexpr unsigned char kSelectDb = 0xfe;
constexpr unsigned char kEof = 0xff;

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  std::size_t pos() const { return pos_; }
  bool Byte(unsigned char* out) {
    if (pos_ >= bytes_.size()) return false;
    *out = static_cast<unsigned char>(bytes_[pos_++]);
    return true;
  }
  bool Skip(std::uint64_t n) {
    if (n > bytes_.size() - pos_) return false;
    pos_ += static_cast<std::size_t>(n);
    return true;
  }
  // The length encoding; `special` is set for the integer and compressed forms of strings.
  bool Length(std::uint64_t* out, bool* special) {
    unsigned char first;
    if (!Byte(&first)) return false;
    *special = false;
    switch (first >> 6) {
      case 0: *out = first & 0x3f; return true;
      case 1: {
        unsigned char low;
        if (!Byte(&low)) return false;
        *out = static_cast<std::uint64_t>(first & 0x3f) << 8 | low;
        return true;
      }
      case 2: {
        int bytes = first == 0x80 ? 4 : first == 0x81 ? 8 : 0;
        if (bytes == 0) return false;
        *out = 0;
        for (int i = 0; i < bytes; ++i) {
          unsigned char b;
          if (!Byte(&b)) return false;
          *out = *out << 8 | b;
        }
        return true;
      }
      default: *special = true; *out = first & 0x3f; return true;
    }
  }
  bool String(std::string* out) {
    std::uint64_t n;
    bool special;
    if (!Length(&n, &special)) return false;
    if (!special) {
      std::size_t from = pos_;
      if (!Skip(n)) return false;
      *out = std::string(bytes_.substr(from, static_cast<std::size_t>(n)));
      return true;
    }
    if (n > 2) return false;  // compressed: never seen in AUX fields
    std::uint32_t value = 0;  // 8, 16 or 32 bits, little endian
    const int size = 1 << n;
    for (int i = 0; i < size; ++i) {
      unsigned char b;
      if (!Byte(&b)) return false;
      value |= static_cast<std::uint32_t>(b) << (8 * i);
    }
    const int shift = 32 - 8 * size;
    *out = std::to_string(static_cast<std::int32_t>(value << shift) >> shift);
    return true;
  }

 private:
  std::string_view bytes_;
  std::size_t pos_ = 0;
};

}  // namespace

EmptyRdbResult CheckEmptyRdb(std::string_view bytes, std::size_t* size, std::vector<RdbAuxField>* aux) {
  if (bytes.size() < 9 || bytes.substr(0, 5) != "REDIS") return EmptyRdbResult::kDamaged;
  int version = 0;
  for (char c : bytes.substr(5, 4)) {
    if (c < '0' || c > '9') return EmptyRdbResult::kDamaged;
    version = version * 10 + (c - '0');
  }
  if (version < 1) return EmptyRdbResult::kDamaged;
  Cursor cursor(bytes);
  cursor.Skip(9);
  for (;;) {
    unsigned char opcode;
    std::uint64_t n;
    bool special;
    if (!cursor.Byte(&opcode)) return EmptyRdbResult::kDamaged;
    if (opcode == kAux) {
      RdbAuxField field;
      if (!cursor.String(&field.key) || !cursor.String(&field.value)) return EmptyRdbResult::kDamaged;
      field.end = cursor.pos();
      if (aux != nullptr) aux->push_back(std::move(field));
    } else if (opcode == kSelectDb) {
      if (!cursor.Length(&n, &special) || special) return EmptyRdbResult::kDamaged;
    } else if (opcode == kResizeDb) {
      if (!cursor.Length(&n, &special) || special || !cursor.Length(&n, &special) || special) return EmptyRdbResult::kDamaged;
    } else if (opcode == kEof) {
      break;
    } else {
      return EmptyRdbResult::kHoldsKeys;
    }
  }
  if (version < 5) {  // no checksum before version 5
    *size = cursor.pos();
    return EmptyRdbResult::kEmpty;
  }
  std::size_t covered = cursor.pos();
  std::uint64_t expected = 0;
  for (int i = 0; i < 8; ++i) {
    unsigned char b;
    if (!cursor.Byte(&b)) return EmptyRdbResult::kDamaged;
    expected |= static_cast<std::uint64_t>(b) << (8 * i);
  }
  // Zero: the writer had checksums switched off.
  if (expected != 0 && expected != Crc64(0, bytes.substr(0, covered))) return EmptyRdbResult::kDamaged;
  *size = cursor.pos();
  return EmptyRdbResult::kEmpty;
}

}  // namespace slotwise
