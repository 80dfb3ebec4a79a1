// The ranges that sorted sets are asked for: of scores, of members when all scores are equal, and of ranks.
// Source: Redis 7.0 command reference, ZRANGE.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace slotwise {

// "1.5", "(1.5" (without it), "-inf".
struct ScoreRange {
  double min = 0;
  double max = 0;
  bool min_open = false;
  bool max_open = false;

  // False if either is not a number.
  [[nodiscard]] bool Parse(std::string_view min_text, std::string_view max_text);
  bool Empty() const { return min > max || (min == max && (min_open || max_open)); }
  bool ReachesMin(double score) const { return min_open ? score > min : score >= min; }
  bool WithinMax(double score) const { return max_open ? score < max : score <= max; }
};

// "[abc", "(abc" (without it), "-" and "+" for before and after all. Views into the arguments.
struct LexRange {
  enum class Kind : std::uint8_t { kBeforeAll, kMember, kAfterAll };
  struct End {
    Kind kind = Kind::kMember;
    bool open = true;
    std::string_view member;
  };
  End min;
  End max;

  // False if either begins with none of these characters, or something follows "-" or "+".
  [[nodiscard]] bool Parse(std::string_view min_text, std::string_view max_text);
  bool Empty() const;
  bool ReachesMin(std::string_view member) const {
    if (min.kind != Kind::kMember) return min.kind == Kind::kBeforeAll;
    return min.open ? member > min.member : member >= min.member;
  }
  bool WithinMax(std::string_view member) const {
    if (max.kind != Kind::kMember) return max.kind == Kind::kAfterAll;
    return max.open ? member < max.member : member <= max.member;
  }
};

// Ranks from first to before last.
struct RankRange {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t size() const { return last - first; }
  bool empty() const { return first == last; }

  // From start to stop as clients give them, stop included, negative ones counted from the end of `size`.
  static RankRange Of(std::int64_t start, std::int64_t stop, std::size_t size);
};

}  // namespace slotwise
