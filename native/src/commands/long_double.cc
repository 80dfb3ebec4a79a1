#include "commands/long_double.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace slotwise {

bool ParseLongDouble(std::string_view text, long double* out) {
  if (text.empty() || text.size() >= kMaxFloatText || std::strchr(" \t\n\v\f\r", text[0]) != nullptr) return false;
  char buffer[kMaxFloatText];
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  char* end;
  errno = 0;
  long double value = std::strtold(buffer, &end);
  if (end != buffer + text.size() || std::isnan(value)) return false;
  // Subnormal results are fine; those that became infinite or zero are not what was written.
  if (errno == ERANGE && (std::isinf(value) || value == 0)) return false;
  *out = value;
  return true;
}

LongDoubleText::LongDoubleText(long double value) {
  size_ = static_cast<std::size_t>(std::snprintf(bytes_, kMaxFloatText, "%.17Lf", value));
  while (bytes_[size_ - 1] == '0') --size_;
  if (bytes_[size_ - 1] == '.') --size_;
  if (view() != "-0") return;
  bytes_[0] = '0';
  size_ = 1;
}

}  // namespace slotwise
