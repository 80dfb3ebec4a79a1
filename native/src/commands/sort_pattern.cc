#include "commands/sort_pattern.h"

#include "engine/engine.h"
#include "values/hash_value.h"
#include "values/string_value.h"

namespace slotwise {

SortPattern::SortPattern(std::string_view text) : is_element_(text == "#") {
  std::size_t star = text.find('*');
  has_star_ = star != std::string_view::npos;
  if (is_element_ || !has_star_) return;
  before_ = text.substr(0, star);
  std::string_view rest = text.substr(star + 1);
  std::size_t arrow = rest.find("->");
  if (arrow != std::string_view::npos && arrow + 2 < rest.size()) {
    field_ = rest.substr(arrow + 2);
    rest = rest.substr(0, arrow);
  }
  after_ = rest;
}

std::optional<std::string> SortPattern::Look(CommandContext& ctx, std::string_view element) const {
  if (is_element_) return std::string(element);
  if (!has_star_) return std::nullopt;
  std::string name = before_;
  name.append(element).append(after_);
  CommandContext::Place place = ctx.FindForRead(KeyRef(name));
  if (!place) return std::nullopt;
  const Entry* entry = place.entry();
  IntScratch scratch;
  if (field_.empty()) {
    if (entry->type() != Type::kString) return std::nullopt;
    return std::string(StringBytes(entry, scratch));
  }
  ListpackItem value;
  if (entry->type() != Type::kHash || !HashValue(entry).Get(field_, &value)) return std::nullopt;
  return std::string(value.View(scratch));
}

}  // namespace slotwise
