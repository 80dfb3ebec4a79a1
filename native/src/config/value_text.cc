#include "config/value_text.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <strings.h>

namespace slotwise {

std::string_view UpToNul(std::string_view text) { return text.substr(0, text.find('\0')); }

bool SameWord(std::string_view text, const char* word) {
  text = UpToNul(text);
  return text.size() == std::strlen(word) && strncasecmp(text.data(), word, text.size()) == 0;
}

bool ParseStrictInt(std::string_view text, std::int64_t* number) {
  const bool negative = !text.empty() && text[0] == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 19 || (digits[0] == '0' && (negative || digits.size() > 1))) return false;
  std::uint64_t magnitude = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    magnitude = magnitude * 10 + static_cast<std::uint64_t>(c - '0');
  }
  const std::uint64_t limit = static_cast<std::uint64_t>(INT64_MAX) + (negative ? 1 : 0);
  if (magnitude > limit) return false;
  *number = static_cast<std::int64_t>(negative ? ~magnitude + 1 : magnitude);
  return true;
}

bool ParseMemory(std::string_view text, std::uint64_t* bytes) {
  const std::string copy(UpToNul(text));
  const char* unit = copy.c_str();
  while (*unit >= '0' && *unit <= '9') ++unit;
  static constexpr struct {
    const char* name;
    std::uint64_t factor;
  } kUnits[] = {{"", 1},        {"b", 1},        {"k", 1000},       {"kb", 1 << 10},
                {"m", 1000000}, {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
  for (const auto& row : kUnits) {
    if (strcasecmp(unit, row.name) != 0) continue;
    const std::string digits(copy.c_str(), unit);
    if (digits.size() >= 128) return false;
    *bytes = std::strtoull(digits.c_str(), nullptr, 10) * row.factor;
    return true;
  }
  return false;
}

bool ParseLooseInt(const std::string& text, int base, std::int64_t* number, bool* overflow) {
  char* end = nullptr;
  errno = 0;
  *number = std::strtoll(text.c_str(), &end, base);
  if (overflow != nullptr) *overflow = errno == ERANGE;
  return *end == '\0';
}

std::string FormatMemory(std::int64_t bytes) {
  if (bytes != 0 && bytes % (1 << 30) == 0) return std::to_string(bytes >> 30) + "gb";
  if (bytes != 0 && bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "mb";
  if (bytes != 0 && bytes % (1 << 10) == 0) return std::to_string(bytes >> 10) + "kb";
  return std::to_string(bytes);
}

std::vector<std::string> SplitAtSpaces(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty() || !words.empty()) {
    const std::size_t end = text.find(' ');
    words.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

}  // namespace slotwise
