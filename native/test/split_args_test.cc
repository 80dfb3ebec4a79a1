// SplitArgs: a table of Redis's behaviour, and the round trip through AppendQuoted.
#include "base/split_args.h"

#include "test.h"

namespace slotwise {
namespace {

ONE_THREAD_TEST(SplitArgs, FollowsRedis) {
  struct Row {
    const char* line;
    bool balanced;
    std::vector<std::string> words;
  };
  const Row rows[] = {
      {"", true, {}},
      {"   \t ", true, {}},
      {"a b", true, {"a", "b"}},
      {"  a\t b\r\n", true, {"a", "b"}},
      {"\"a b\" c", true, {"a b", "c"}},
      {"\"\"", true, {""}},
      {"a\"b c\"", true, {"ab c"}},
      {"\"a\"b", false, {}},
      {"\"a", false, {}},
      {"'a", false, {}},
      {"'a'b", false, {}},
      {"'a\\'b' c", true, {"a'b", "c"}},
      {"'a\\n'", true, {"a\\n"}},
      {"\"\\n\\r\\t\\b\\a\\\\\\\"\\q\"", true, {"\n\r\t\b\a\\\"q"}},
      {"\"\\x41\\xfF\\xg1\"", true, {"A\xff" "xg1"}},
      {"\"a\\", false, {}},
      {"\\x41", true, {"\\x41"}},
      {"a\vb", true, {"a\vb"}},
      {"\va", true, {"a"}},
      {"\"a\"\vb", true, {"a", "b"}},
  };
  for (const Row& row : rows) {
    std::vector<std::string> words = {"left over"};
    if (SplitArgs(row.line, &words) != row.balanced || words != row.words) {
      test::Fail(__FILE__, __LINE__, std::string("on: ") + row.line);
    }
  }
  std::vector<std::string> words;
  EXPECT_TRUE(SplitArgs(std::string_view("a b\0 \"c", 7), &words));  // The line ends at the NUL byte.
  EXPECT_EQ(words.size(), 2u);
}

ONE_THREAD_TEST(SplitArgs, GivesBackWhatAppendQuotedWrote) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  std::string line;
  AppendQuoted(all, &line);
  line += ' ';
  AppendQuoted(std::string_view("a\0b", 3), &line);
  std::vector<std::string> words;
  ASSERT_TRUE(SplitArgs(line, &words));
  ASSERT_EQ(words.size(), 2u);
  EXPECT_EQ(words[0], all);
  EXPECT_EQ(words[1], std::string("a\0b", 3));
  std::string quoted;
  AppendQuoted("a\"\\\n\x01\x7f\xe9", &quoted);
  EXPECT_EQ(quoted, "\"a\\\"\\\\\\n\\x01\\x7f\\xe9\"");
}

}  // namespace
}  // namespace slotwise
