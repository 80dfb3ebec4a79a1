#include "values/score_range.h"

#include <algorithm>

#include "base/double_text.h"

namespace slotwise {
namespace {

bool ParseScoreEnd(std::string_view text, double* value, bool* open) {
  *open = text.starts_with('(');
  if (*open) text.remove_prefix(1);
  return ParseRangeEnd(text, value);
}

bool ParseLexEnd(std::string_view text, LexRange::End* end) {
  if (text.empty()) return false;
  if (text[0] == '[' || text[0] == '(') {
    *end = {LexRange::Kind::kMember, text[0] == '(', text.substr(1)};
    return true;
  }
  // What follows a NUL byte does not count, as in Redis.
  if ((text[0] != '-' && text[0] != '+') || (text.size() > 1 && text[1] != '\0')) return false;
  *end = {text[0] == '-' ? LexRange::Kind::kBeforeAll : LexRange::Kind::kAfterAll, true, {}};
  return true;
}

}  // namespace

bool ScoreRange::Parse(std::string_view min_text, std::string_view max_text) {
  return ParseScoreEnd(min_text, &min, &min_open) && ParseScoreEnd(max_text, &max, &max_open);
}

bool LexRange::Parse(std::string_view min_text, std::string_view max_text) {
  return ParseLexEnd(min_text, &min) && ParseLexEnd(max_text, &max);
}

bool LexRange::Empty() const {
  if (min.kind != max.kind) return min.kind > max.kind;
  if (min.kind != Kind::kMember) return true;
  return min.member > max.member || (min.member == max.member && (min.open || max.open));
}

RankRange RankRange::Of(std::int64_t start, std::int64_t stop, std::size_t size) {
  auto n = static_cast<std::int64_t>(size);
  if (start < 0) start = std::max<std::int64_t>(start + n, 0);
  if (stop < 0) stop += n;
  if (start > stop || start >= n) return {};
  return {static_cast<std::size_t>(start), static_cast<std::size_t>(std::min(stop, n - 1)) + 1};
}

}  // namespace slotwise
