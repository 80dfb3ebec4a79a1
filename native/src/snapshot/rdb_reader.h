// The words of the RDB format, read from bytes that nobody vouches for: every length is checked against what is there
// before memory is taken, and the first thing wrong makes every further read fail. The bytes may come in pieces from a
// source; a payload is one piece.
//
// Each read returns false once anything failed; error() says what was wrong and offset() where. What a file is full of, short
// lengths and strings that are all there, is read inline.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "snapshot/rdb_encoding.h"

namespace slotwise {

// Where the bytes come from. Returns how many were put at `into`, 0 at the end or after an error.
class RdbSource {
 public:
  virtual ~RdbSource() = default;
  virtual std::size_t Read(char* into, std::size_t size) = 0;
};

// DEBUG SET-SKIP-CHECKSUM-VALIDATION, for tests that damage payloads on purpose. For the whole process.
inline std::atomic<bool>& SkipRdbChecksums() {
  static std::atomic<bool> skip{false};
  return skip;
}

// A string as nearly all are: one or two bytes of length, then its bytes. Returns where it ends; null if it has another form or
// is not all there.
inline const char* PlainString(const char* at, const char* end, std::string_view* text) {
  if (end - at < 2) return nullptr;
  std::size_t size = static_cast<std::uint8_t>(*at++);
  if (size >= 0x40) {
    if (size >= 0x80) return nullptr;
    size = (size & 63) << 8 | static_cast<std::uint8_t>(*at++);
  }
  if (size > static_cast<std::size_t>(end - at)) return nullptr;
  *text = {at, size};
  return at + size;
}

class RdbReader {
 public:
  explicit RdbReader(std::string_view bytes) : view_(bytes) {}
  explicit RdbReader(RdbSource& source) : source_(&source) {}

  bool Byte(std::uint8_t* v) {
    if (!Need(1)) return false;
    *v = Next();
    return true;
  }
  bool Length(std::uint64_t* n) {
    if (left() < 2 || static_cast<std::uint8_t>(view_[at_]) >= 0x80) return LongLength(n);
    *n = Next();
    if (*n >= 0x40) *n = (*n & 63) << 8 | Next();
    return true;
  }
  // A length that counts things of at least `least_bytes` each: refused if the piece at hand cannot hold them (a payload),
  // or above 2^40 (a stream, where growth follows what really arrives).
  bool Count(std::uint64_t* n, std::size_t least_bytes = 1);
  // Whatever form the string has; integers become digits. `text` stays valid until the next read.
  bool String(std::string_view* text) {
    const std::string_view there = rest();
    const char* end = PlainString(there.data(), there.data() + there.size(), text);
    if (end == nullptr) return AnyString(text);
    Skip(static_cast<std::size_t>(end - there.data()));
    return true;
  }
  bool Double(double* v) { return Fixed(v, 8); }
  bool TextDouble(double* v);           // the score of old sorted sets
  bool Fixed32(std::int32_t* v) { return Fixed(v, 4); }
  bool Fixed64(std::int64_t* v) { return Fixed(v, 8); }
  bool Raw(std::size_t n, std::string_view* bytes);

  bool ok() const { return error_.empty(); }
  const std::string& error() const { return error_; }
  std::uint64_t offset() const { return consumed_ + at_; }
  // The bytes of a payload that were not read yet; of a source, those that came with what was read. None once anything failed.
  std::string_view rest() const { return {view_.data() + at_, left()}; }
  std::size_t left() const { return view_.size() - at_; }
  // Somebody else has read the first `n` bytes of rest().
  void Skip(std::size_t n) { at_ += n; }
  // The checksum of all that was read; of a source only.
  std::uint64_t Checksum();
  bool Fail(std::string why);

 private:
  bool Fixed(void* into, std::size_t n);
  bool LongLength(std::uint64_t* n);
  bool AnyString(std::string_view* text);
  std::uint8_t Next() { return static_cast<std::uint8_t>(view_[at_++]); }
  // Makes `n` bytes available at view_[at_]. After a failure nothing is left, so that nobody has to ask for it but Fetch(), which
  // also sees to it that none are not available either.
  bool Need(std::size_t n) { return n - 1 < left() || Fetch(n); }
  // Grows in steps, so that a lie about a length costs no more than what came.
  bool Fetch(std::size_t n);

  std::string_view view_;
  std::size_t at_ = 0;
  RdbSource* source_ = nullptr;
  std::string buffer_;             // of a source: what view_ shows a part of
  std::string expanded_;           // a decompressed or decimal string
  std::uint64_t consumed_ = 0;     // bytes of the source before view_
  std::uint64_t crc_ = 0;
  std::size_t summed_ = 0;         // of view_, already in crc_
  std::string error_;
};

}  // namespace slotwise
