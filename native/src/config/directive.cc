#include "config/directive.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace slotwise {
namespace {

#include "config/directive_lists.inc"
#include "config/directives.inc"

constexpr std::size_t kNameLengthMax = 64;

struct Names {
  std::array<DirectiveName, 2 * kDirectiveCount> rows;
  std::size_t count = 0;
};

// Sorted once: tables are small, look-ups are rare, and a binary search needs no hash to be right.
const Names& SortedNames() {
  static const Names names = [] {
    Names n;
    for (std::size_t i = 0; i < kDirectiveCount; ++i) {
      const auto directive = static_cast<Directive>(i);
      n.rows[n.count++] = {directive, kDirectives[i].name, false};
      if (kDirectives[i].alias != nullptr) n.rows[n.count++] = {directive, kDirectives[i].alias, true};
    }
    std::sort(n.rows.begin(), n.rows.begin() + static_cast<std::ptrdiff_t>(n.count),
              [](const DirectiveName& a, const DirectiveName& b) { return std::strcmp(a.name, b.name) < 0; });
    return n;
  }();
  return names;
}

// Lower-case copy in `buffer`; empty if the name is too long to be one.
std::string_view LowerName(std::string_view name, char (&buffer)[kNameLengthMax]) {
  if (name.size() > kNameLengthMax) return {};
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    buffer[i] = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return {buffer, name.size()};
}

}  // namespace

const DirectiveSpec& SpecOf(Directive directive) { return kDirectives[static_cast<std::size_t>(directive)]; }

std::optional<DirectiveName> FindDirective(std::string_view name) {
  char buffer[kNameLengthMax];
  const std::string_view lower = LowerName(name, buffer);
  const Names& names = SortedNames();
  const auto* end = names.rows.data() + names.count;
  const auto* row = std::lower_bound(names.rows.data(), end, lower, [](const DirectiveName& a, std::string_view b) {
    return std::string_view(a.name) < b;
  });
  if (row == end || lower != row->name) return std::nullopt;
  return *row;
}

bool IsIgnoredDirective(std::string_view name) {
  char buffer[kNameLengthMax];
  const std::string_view lower = LowerName(name, buffer);
  return std::any_of(std::begin(kIgnoredDirectives), std::end(kIgnoredDirectives),
                     [&](const char* word) { return lower == word; });
}

}  // namespace slotwise
