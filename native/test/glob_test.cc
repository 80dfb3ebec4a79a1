// Glob: a table of Redis's behaviour, a plain recursive matcher as a second opinion, and a time bound.
#include "base/glob.h"

#include <ctime>
#include <string>
#include <vector>

#include "test.h"

namespace slotwise {
namespace {

ONE_THREAD_TEST(Glob, FollowsRedis) {
  struct Row {
    const char* pattern;
    const char* string;
    bool matches;
  };
  const Row rows[] = {
      {"*", "a", true},          {"*", "", false},         {"", "", true},           {"", "a", false},
      {"a*", "a", true},         {"a**", "a", true},       {"*a", "a", true},        {"h?llo", "hello", true},
      {"h?llo", "hllo", false},  {"h*llo", "hllo", true},  {"h*llo", "heeello", true}, {"h[ae]llo", "hello", true},
      {"h[ae]llo", "hillo", false}, {"h[^e]llo", "hallo", true}, {"h[^e]llo", "hello", false},
      {"h[a-b]llo", "hbllo", true}, {"h[b-a]llo", "hallo", true}, {"h[a-b]llo", "hcllo", false},
      {"[a-", "a", true},        {"[a-", "-", true},       {"[a-", "b", false},      {"[a-]", "]", true},
      {"[", "[", false},         {"[^", "x", true},        {"[]", "]", false},       {"[\\]]", "]", true},
      {"\\*", "*", true},        {"\\*", "a", false},      {"\\", "\\", true},       {"a\\", "a\\", true},
      {"*[0-9]*[0-9]", "a1b2", true}, {"*a*b*c", "xxaxxbxxc", true}, {"*a*b*c", "xxaxxcxxb", false},
      {"?", "", false},          {"a?", "a", false},       {"*?", "a", true},        {"**?**", "ab", true},
      {"user:*:name", "user:1:name", true}, {"user:*:name", "user:1:names", false},
  };
  for (const Row& row : rows) {
    if (GlobMatch(row.pattern, row.string) != row.matches) {
      test::Fail(__FILE__, __LINE__, std::string("'") + row.pattern + "' on '" + row.string + "'");
    }
  }
  EXPECT_TRUE(GlobMatch("AB[C-E]*", "abdx", true));
  EXPECT_FALSE(GlobMatch("AB[C-E]*", "abdx", false));
  EXPECT_FALSE(GlobMatch("[\\A]", "a", true));  // An escaped byte of a class keeps its case.
  EXPECT_TRUE(GlobMatch(std::string_view("a\0*", 3), std::string_view("a\0b", 3)));
  EXPECT_FALSE(GlobMatch(std::string_view("a\0c", 3), std::string_view("a\0b", 3)));
}

// The definition, without any cleverness: `*` tries every rest of the string.
bool Plain(std::string_view p, std::string_view s, bool first = true) {
  if (first && s.empty()) return p.empty();
  if (p.empty()) return s.empty();
  if (p[0] == '*') {
    if (s.empty()) return Plain(p.substr(1), s, false);
    for (std::size_t i = 0; i <= s.size(); ++i) {
      if (Plain(p.substr(1), s.substr(i), false)) return true;
    }
    return false;
  }
  if (s.empty()) return false;
  if (p[0] == '?') return Plain(p.substr(1), s.substr(1), false);
  return p[0] == s[0] && Plain(p.substr(1), s.substr(1), false);
}

ONE_THREAD_TEST(Glob, AgreesWithAPlainMatcherOnAllShortInputs) {
  const std::string_view letters = "ab*?";
  std::vector<std::string> patterns = {""};
  std::vector<std::string> strings = {""};
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].size() < 5) {
      for (const char c : letters) patterns.push_back(patterns[i] + c);
    }
  }
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (strings[i].size() < 6) {
      for (const char c : letters.substr(0, 2)) strings.push_back(strings[i] + c);
    }
  }
  int wrong = 0;
  for (const std::string& pattern : patterns) {
    for (const std::string& string : strings) {
      if (GlobMatch(pattern, string) != Plain(pattern, string)) ++wrong;
    }
  }
  EXPECT_EQ(wrong, 0);
}

ONE_THREAD_TEST(Glob, HostilePatternsAnswerInTime) {
  std::string stars;
  std::string classes;
  while (stars.size() < 65536) stars += "*a";
  while (classes.size() < 65536) classes += "[a-";
  const std::string text(65536, 'a');
  const std::string long_tail = "*" + std::string(32768, 'a') + "b";
  const std::clock_t start = std::clock();
  EXPECT_FALSE(GlobMatch(stars + "b", text));
  EXPECT_TRUE(GlobMatch(stars, text));
  EXPECT_FALSE(GlobMatch(long_tail, text));
  EXPECT_FALSE(GlobMatch("*" + classes, text));
  // Of the processor, for which others may queue. Four matches of at most 100 ms, with room for sanitizers.
  EXPECT_LT((std::clock() - start) * 1000 / CLOCKS_PER_SEC, 1000);
}

ONE_THREAD_TEST(Glob, ALongStringIsSearchedToItsEnd) {
  const std::string text = std::string(4 << 20, 'x') + "needle";
  EXPECT_TRUE(GlobMatch("*needle", text));
  EXPECT_TRUE(GlobMatch("x*n[e]edl?", text));
}

}  // namespace
}  // namespace slotwise
