#include "commands/info_text.h"

#include <cstdio>

namespace slotwise {

void InfoText::Section(std::string_view title) {
  if (!text_.empty()) text_ += "\r\n";
  text_ += "# ";
  text_ += title;
  text_ += "\r\n";
}

void InfoText::Line(std::string_view field, std::string_view value) {
  text_ += field;
  text_ += ':';
  text_ += value;
  text_ += "\r\n";
}

void InfoText::Fixed(std::string_view field, double value, std::string_view unit) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  Line(field, digits + std::string(unit));
}

void InfoText::Seconds(std::string_view field, std::int64_t microseconds) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%lld.%06lld", static_cast<long long>(microseconds / 1000000),
                static_cast<long long>(microseconds % 1000000));
  Line(field, std::string_view(digits));
}

void InfoText::Memory(std::string_view field, std::uint64_t bytes) {
  Line(field, bytes);
  Line(std::string(field) + "_human", HumanBytes(bytes));
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"K", "M", "G", "T", "P"};
  if (bytes < 1024) return std::to_string(bytes) + "B";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // The unit is chosen before rounding: 1048575 bytes are 1024.00K.
  for (std::uint64_t next = 1024 * 1024; bytes >= next && unit < 4; next *= 1024) {
    value /= 1024;
    ++unit;
  }
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.2f%s", value, kUnits[unit]);
  return digits;
}

}  // namespace slotwise
