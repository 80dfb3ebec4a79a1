// The text of INFO: lines of "field:value" under "# Section" headings.
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace slotwise {

class InfoText {
 public:
  void Section(std::string_view title);
  void Line(std::string_view field, std::string_view value);
  template <std::integral T>
  void Line(std::string_view field, T value) {
    Line(field, std::string_view(std::to_string(value)));
  }
  // Two digits after the point; `unit` follows.
  void Fixed(std::string_view field, double value, std::string_view unit = "");
  // Seconds with microseconds.
  void Seconds(std::string_view field, std::int64_t microseconds);
  // Bytes, and beside them <field>_human.
  void Memory(std::string_view field, std::uint64_t bytes);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// "894.90K"
std::string HumanBytes(std::uint64_t bytes);

}  // namespace slotwise
