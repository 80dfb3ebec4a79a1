// BY and GET patterns of SORT: the name of another key made from an element, `weight_*`, or of a field of a hash,
// `object_*->field`; `#` is the element itself.
// Source: Redis 7.0 command reference.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "commands/command.h"

namespace slotwise {

class SortPattern {
 public:
  explicit SortPattern(std::string_view text);
  // What the pattern refers to for `element`. Empty if there is no such key or field, or one of another type. All stripes
  // are held. Counts as reading the key.
  std::optional<std::string> Look(CommandContext& ctx, std::string_view element) const;

 private:
  bool is_element_ = false;
  bool has_star_ = false;
  std::string before_, after_, field_;
};

}  // namespace slotwise
