// The words of the RDB format, appended to a string: lengths, strings, numbers. What stands in which order is said by
// whoever saves a value, a payload or a file. Strings longer than 20 bytes are compressed where that saves 4 bytes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "snapshot/rdb_encoding.h"

namespace slotwise {

class RdbWriter {
 public:
  // `out` must outlive the writer; it is only appended to.
  explicit RdbWriter(std::string& out, bool compress = true) : out_(out), compress_(compress) {}

  void Byte(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void Length(std::uint64_t n);
  void String(std::string_view bytes);
  void Integer(std::int64_t v);        // as a string: 1 to 5 bytes within int32, else its digits
  void Double(double v) { Fixed(&v, 8); }
  void Fixed64(std::uint64_t v) { Fixed(&v, 8); }
  void Raw(std::string_view bytes) { out_.append(bytes); }
  std::string& out() { return out_; }

 private:
  void Fixed(const void* p, std::size_t n) { out_.append(static_cast<const char*>(p), n); }  // little-endian machines
  std::string& out_;
  bool compress_;
};

}  // namespace slotwise
