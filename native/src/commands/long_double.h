// Numbers of INCRBYFLOAT and HINCRBYFLOAT: long double (80 bits on x86, so 64-bit integers are exact), printed with 17
// decimals without trailing zeros, as Redis does.
#pragma once
#include <cstddef>
#include <string_view>

namespace slotwise {

// The longest text of a long double: 4933 digits before the point, 17 after it, and longer input is no number to Redis.
inline constexpr std::size_t kMaxFloatText = 5 * 1024;

// False if `text` is not a number, or not one that a long double can hold. "inf" is a number.
bool ParseLongDouble(std::string_view text, long double* out);

// A finite number as text: fixed notation, no trailing zeros. The view lives as long as the object.
class LongDoubleText {
 public:
  explicit LongDoubleText(long double value);
  LongDoubleText(const LongDoubleText&) = delete;
  LongDoubleText& operator=(const LongDoubleText&) = delete;
  std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[kMaxFloatText];
  std::size_t size_;
};

}  // namespace slotwise
