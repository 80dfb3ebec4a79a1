#include "base/double_text.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

namespace slotwise {
namespace {

// Plain integers that a double holds exactly; most scores are.
bool ParseSmallInteger(std::string_view text, double* out) {
  const char* p = text.data();
  const char* end = p + text.size();
  bool negative = !text.empty() && *p == '-';
  if (negative) ++p;
  if (p == end || end - p > 15) return false;
  std::int64_t v = 0;
  for (; p != end; ++p) {
    unsigned digit = static_cast<unsigned char>(*p) - '0';
    if (digit > 9) return false;
    v = v * 10 + digit;
  }
  *out = negative ? -static_cast<double>(v) : static_cast<double>(v);
  return true;
}

// Decimal fractions and exponents, without the locale and the copy that strtod needs. False: let strtod decide.
bool ParseDecimal(std::string_view text, double* out) {
  if (text.empty() || text.size() > 40) return false;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || c == '.' || c == '-' || c == 'e' || c == 'E' || c == '+';
    if (!plain) return false;
  }
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

bool ParseDouble(std::string_view text, double* out) {
  if (ParseSmallInteger(text, out) || ParseDecimal(text, out)) return true;
  if (text.empty() || std::isspace(static_cast<unsigned char>(text[0]))) return false;
  std::string copy(text);
  char* end = nullptr;
  errno = 0;
  double v = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size() || std::isnan(v)) return false;
  if (errno == ERANGE && (std::isinf(v) || v == 0)) return false;
  *out = v;
  return true;
}

bool ParseRangeEnd(std::string_view text, double* out) {
  if (ParseSmallInteger(text, out) || ParseDecimal(text, out)) return true;
  std::string copy(text);
  char* end = nullptr;
  *out = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(*out);
}

double ParseStoredScore(std::string_view text) {
  double v;
  if (ParseDecimal(text, &v)) return v;
  char copy[128];
  std::size_t n = text.size() < sizeof copy ? text.size() : sizeof copy - 1;
  std::memcpy(copy, text.data(), n);
  copy[n] = '\0';
  return std::strtod(copy, nullptr);
}

std::size_t PrintDouble(double v, char* out32) {
  if (std::isinf(v)) {
    std::string_view text = v > 0 ? "inf" : "-inf";
    std::memcpy(out32, text.data(), text.size());
    return text.size();
  }
  if (std::int64_t i; v > -1e17 && v < 1e17 && DoubleAsInteger(v, &i) && (i != 0 || !std::signbit(v))) {
    return static_cast<std::size_t>(std::to_chars(out32, out32 + 32, i).ptr - out32);
  }
  return static_cast<std::size_t>(std::to_chars(out32, out32 + 32, v, std::chars_format::general, 17).ptr - out32);
}

std::size_t PrintPlain(double v, char* out340) {
  char* end = std::to_chars(out340, out340 + 340, v, std::chars_format::fixed, 17).ptr;
  while (end[-1] == '0') --end;
  if (end[-1] == '.') --end;
  auto length = static_cast<std::size_t>(end - out340);
  if (std::string_view(out340, length) != "-0") return length;
  out340[0] = '0';
  return 1;
}

bool DoubleAsInteger(double v, std::int64_t* out) {
  constexpr double kLimit = static_cast<double>(INT64_MAX / 2);
  if (!(v >= -kLimit && v <= kLimit)) return false;
  auto i = static_cast<std::int64_t>(v);
  if (static_cast<double>(i) != v) return false;
  *out = i;
  return true;
}

}  // namespace slotwise
