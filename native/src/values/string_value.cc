#include "values/string_value.h"

namespace slotwise {

bool ParseInteger(std::string_view s, std::int64_t* out) {
  if (s.empty() || s.size() > 20) return false;
  const char* p = s.data();
  const char* end = p + s.size();
  bool negative = *p == '-';
  if (negative && ++p == end) return false;
  if (*p == '0') {
    if (s.size() != 1) return false;  // "-0", "007"
    *out = 0;
    return true;
  }
  std::uint64_t v = 0;
  for (; p != end; ++p) {
    unsigned digit = static_cast<unsigned char>(*p) - '0';
    if (digit > 9) return false;
    if (v > (UINT64_MAX - digit) / 10) return false;
    v = v * 10 + digit;
  }
  if (negative) {
    if (v > std::uint64_t{1} << 63) return false;
    *out = static_cast<std::int64_t>(0 - v);
  } else {
    if (v > INT64_MAX) return false;
    *out = static_cast<std::int64_t>(v);
  }
  return true;
}

}  // namespace slotwise
