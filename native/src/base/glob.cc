#include "base/glob.h"

#include <cstddef>
#include <utility>

namespace slotwise {
namespace {

// ASCII only, whatever the locale of the embedding process.
int Lower(int c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; }

// Bytes compare as signed, as Redis's `char` does where this runs: it matters for ranges beyond ASCII only.
int Byte(std::string_view s, std::size_t i) { return static_cast<signed char>(s[i]); }

bool SameByte(int a, int b, bool ignore_case) { return a == b || (ignore_case && Lower(a) == Lower(b)); }

// `*at` is just behind `[`; leaves it behind the class. Returns whether the class holds `c`.
bool MatchClass(std::string_view pattern, std::size_t* at, int c, bool ignore_case) {
  std::size_t i = *at;
  const bool negated = i < pattern.size() && pattern[i] == '^';
  if (negated) ++i;
  bool found = false;
  for (; i < pattern.size() && pattern[i] != ']'; ++i) {
    const std::size_t left = pattern.size() - i;
    if (pattern[i] == '\\' && left >= 2) {
      ++i;
      if (Byte(pattern, i) == c) found = true;  // An escaped byte keeps its case even when case is ignored.
    } else if (left >= 3 && pattern[i + 1] == '-') {
      int first = Byte(pattern, i);
      int last = Byte(pattern, i + 2);
      if (first > last) std::swap(first, last);
      const int candidate = ignore_case ? Lower(c) : c;
      if (ignore_case) {
        first = Lower(first);
        last = Lower(last);
      }
      if (candidate >= first && candidate <= last) found = true;
      i += 2;
    } else if (SameByte(Byte(pattern, i), c, ignore_case)) {
      found = true;
    }
  }
  *at = i < pattern.size() ? i + 1 : i;
  return found != negated;
}

// Matches one element of the pattern other than `*` against `c`, and moves `*at` behind it.
bool MatchOne(std::string_view pattern, std::size_t* at, int c, bool ignore_case) {
  switch (pattern[*at]) {
    case '?':
      ++*at;
      return true;
    case '[':
      ++*at;
      return MatchClass(pattern, at, c, ignore_case);
    case '\\':
      if (*at + 1 < pattern.size()) ++*at;
      [[fallthrough]];
    default:
      return SameByte(Byte(pattern, (*at)++), c, ignore_case);
  }
}

}  // namespace

bool GlobMatch(std::string_view pattern, std::string_view string, bool ignore_case, std::uint64_t max_steps) {
  if (string.empty()) return pattern.empty();
  constexpr std::size_t kNoStar = static_cast<std::size_t>(-1);
  std::uint64_t steps = max_steps + 8 * (static_cast<std::uint64_t>(pattern.size()) + string.size());
  std::size_t p = 0;
  std::size_t s = 0;
  std::size_t star = kNoStar;  // Where the pattern goes on behind the last `*`...
  std::size_t retry = 0;       // ... and the next place of the string to try it at.
  while (s < string.size()) {
    bool matched = false;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        while (p < pattern.size() && pattern[p] == '*') ++p;
        if (p == pattern.size()) return true;
        star = p;
        retry = s;
        continue;
      }
      const std::size_t before = p;
      matched = MatchOne(pattern, &p, Byte(string, s), ignore_case);
      // A class costs as many steps as it is long.
      const std::uint64_t cost = p - before;
      if (cost >= steps) return false;
      steps -= cost;
    }
    if (matched) {
      ++s;
      continue;
    }
    if (star == kNoStar) return false;
    s = ++retry;
    p = star;
    if (steps-- == 0) return false;
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace slotwise
