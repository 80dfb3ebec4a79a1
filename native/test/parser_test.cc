#include "resp/parser.h"

#include <string>

#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

using Commands = std::vector<std::vector<std::string>>;

struct Outcome {
  Commands commands;
  std::string error;
};

// Feeds `input` cut at `cuts`, moving the unparsed rest to a new place each time, as connections do.
Outcome Feed(const std::string& input, const std::vector<std::size_t>& cuts, const ParserLimits& limits = {}) {
  RespParser parser;
  Outcome outcome;
  std::string pending;
  std::size_t from = 0;
  std::vector<std::string_view> args;
  auto run = [&](std::size_t to) {
    pending = std::string(pending + input.substr(from, to - from));
    from = to;
    std::size_t at = 0;
    while (outcome.error.empty() && at < pending.size()) {
      std::size_t taken = 0;
      args.clear();
      auto result = parser.Next(std::string_view(pending).substr(at), limits, args, &taken);
      if (result == RespParser::Result::kIncomplete) break;
      if (result == RespParser::Result::kError) {
        outcome.error = parser.error();
        break;
      }
      if (!args.empty()) outcome.commands.emplace_back(args.begin(), args.end());
      at += taken;
    }
    parser.Recycle();
    pending.erase(0, at);
  };
  for (std::size_t cut : cuts) run(cut);
  run(input.size());
  return outcome;
}

ONE_THREAD_TEST(Parser, EverySplitGivesTheSameCommands) {
  std::string input("*3\r\n$3\r\nSET\r\n$5\r\na\r\nb\0\r\n$0\r\n\r\n", 30);
  input += "*1\r\n$4\r\nPING\r\nGET  'x y'\r\n\r\n*0\r\n*-5\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  Outcome whole = Feed(input, {});
  ASSERT_EQ(whole.error, "");
  ASSERT_EQ(whole.commands.size(), 4u);
  EXPECT_EQ(whole.commands[0][1], std::string("a\r\nb\0", 5));
  EXPECT_EQ(whole.commands[2][1], "x y");
  for (std::size_t cut = 1; cut < input.size(); ++cut) {
    Outcome o = Feed(input, {cut});
    ASSERT_EQ(o.error, "");
    ASSERT_TRUE(o.commands == whole.commands);
  }
  std::vector<std::size_t> all;
  for (std::size_t i = 1; i < input.size(); ++i) all.push_back(i);
  EXPECT_TRUE(Feed(input, all).commands == whole.commands);
}

ONE_THREAD_TEST(Parser, MalformedFramesGetRedisTexts) {
  struct Row { std::string input; const char* error; };
  const Row rows[] = {
      {"*abc\r\n", "Protocol error: invalid multibulk length"},
      {"*99999999999999999999999\r\n", "Protocol error: invalid multibulk length"},
      {"*1048577\r\n", "Protocol error: invalid multibulk length"},
      {"*2147483648\r\n", "Protocol error: invalid multibulk length"},
      {"*1\r\n$-1\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$-2000\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$536870913\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$x\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n+PING\r\n", "Protocol error: expected '$', got '+'"},
      {"*01\r\n$4\r\nPING\r\n", "Protocol error: invalid multibulk length"},
      {"*00\r\n", "Protocol error: invalid multibulk length"},
      {"*-0\r\n", "Protocol error: invalid multibulk length"},
      {"*+1\r\n", "Protocol error: invalid multibulk length"},
      {"* 1\r\n", "Protocol error: invalid multibulk length"},
      {"*1 \r\n", "Protocol error: invalid multibulk length"},
      {"*0x1\r\n", "Protocol error: invalid multibulk length"},
      {"*18446744073709551617\r\n", "Protocol error: invalid multibulk length"},
      {"*\r\n", "Protocol error: invalid multibulk length"},
      {"*1\r\n$01\r\nx\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$-0\r\n\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$+1\r\nx\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n$4294967297\r\nx\r\n", "Protocol error: invalid bulk length"},
      {"*1\r\n\r\n", "Protocol error: expected '$', got ' '"},
      {"*1\r\n:4\r\n", "Protocol error: expected '$', got ':'"},
      {"*1\r\n*1\r\n$4\r\nPING\r\n", "Protocol error: expected '$', got '*'"},
      {"*1\r\n\x01PING\r\n", "Protocol error: expected '$', got '?'"},
      {"*1\r\n$4\r\nPINGXX", "Protocol error: expected CRLF after bulk"},
      {"SET \"abc\r\n", "Protocol error: unbalanced quotes in request"},
      {"GET 'a'b\r\n", "Protocol error: unbalanced quotes in request"},
      {std::string(70000, 'a'), "Protocol error: too big inline request"},
      {"*" + std::string(70000, '1'), "Protocol error: too big mbulk count string"},
      {"*1\r\n$" + std::string(70000, '1'), "Protocol error: too big bulk count string"},
      {std::string("\0\0\0", 3), "Protocol error: unexpected control byte"},
      {"\x16\x03\x01\x02", "Protocol error: unexpected control byte"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Feed(row.input, {}).error, row.error);
    for (std::size_t cut = 1; cut < row.input.size() && cut < 40; ++cut) EXPECT_EQ(Feed(row.input, {cut}).error, row.error);
  }
}

ONE_THREAD_TEST(Parser, BeforeAuthenticationTenArgumentsOfSixteenKiB) {
  ParserLimits limits;
  limits.authenticated = false;
  EXPECT_EQ(Feed("*11\r\n", {}, limits).error, "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(Feed("*1\r\n$16385\r\n", {}, limits).error, "Protocol error: unauthenticated bulk length");
  EXPECT_EQ(Feed("*10\r\n$16384\r\n", {}, limits).error, "");
}

// Numbers of up to three digits are read by another piece of code than longer ones.
ONE_THREAD_TEST(Parser, LengthsOfEveryNumberOfDigits) {
  for (std::size_t count : {1u, 9u, 10u, 99u, 100u, 999u, 1000u}) {
    for (std::size_t length : {0u, 9u, 10u, 99u, 100u, 999u, 1000u}) {
      std::vector<std::string> command(count, std::string(length, 'x'));
      command.back() += 'y';
      std::string input = "*" + std::to_string(count) + "\r\n";
      for (const auto& a : command) input += "$" + std::to_string(a.size()) + "\r\n" + a + "\r\n";
      Outcome o = Feed(input + input, {});
      ASSERT_EQ(o.error, "");
      ASSERT_TRUE(o.commands == Commands({command, command}));
    }
  }
  ParserLimits limits;
  limits.max_bulk = 100;
  limits.max_args = 10;
  EXPECT_EQ(Feed("*1\r\n$101\r\n" + std::string(101, 'x') + "\r\n", {}, limits).error, "Protocol error: invalid bulk length");
  EXPECT_EQ(Feed("*11\r\n", {}, limits).error, "Protocol error: invalid multibulk length");
  EXPECT_EQ(Feed("*2\r\n$3\r\nGET\r\n$01\r\nx\r\n", {}).error, "Protocol error: invalid bulk length");
  EXPECT_EQ(Feed("*2\r\n$3\r\nGET\r\n$1\r\nx\n\r", {}).error, "Protocol error: expected CRLF after bulk");
}

ONE_THREAD_TEST(Parser, ABigCommandInSmallPiecesIsNotParsedAgainFromItsStart) {
  std::string input = "*100000\r\n";
  for (int i = 0; i < 100000; ++i) input += "$1\r\nx\r\n";
  std::vector<std::size_t> cuts;
  for (std::size_t i = 1000; i < input.size(); i += 1000) cuts.push_back(i);
  RespParser parser;
  std::vector<std::string_view> args;
  std::size_t taken = 0;
  RespParser::Result result = RespParser::Result::kIncomplete;
  for (std::size_t cut : cuts) {
    result = parser.Next(std::string_view(input).substr(0, cut), {}, args, &taken);
    ASSERT_TRUE(result == RespParser::Result::kIncomplete);
  }
  result = parser.Next(input, {}, args, &taken);
  EXPECT_TRUE(result == RespParser::Result::kCommand);
  EXPECT_EQ(args.size(), 100000u);
  EXPECT_EQ(taken, input.size());
}

ONE_THREAD_TEST(Parser, MissingTellsHowMuchOfABigArgumentIsOutstanding) {
  RespParser parser;
  std::vector<std::string_view> args;
  std::size_t taken = 0;
  std::string input = "*2\r\n$3\r\nGET\r\n$1000\r\nabc";
  EXPECT_TRUE(parser.Next(input, {}, args, &taken) == RespParser::Result::kIncomplete);
  EXPECT_EQ(parser.missing(), 1000u + 2 - 3);
}

ONE_THREAD_TEST(Parser, RandomCommandsSurviveRandomCuts) {
  Random random(77);
  for (int round = 0; round < 500; ++round) {
    Commands expected;
    std::string input;
    for (std::uint64_t c = 0, n = 1 + random.Below(5); c < n; ++c) {
      std::vector<std::string> command;
      for (std::uint64_t a = 0, m = 1 + random.Below(4); a < m; ++a) {
        std::string arg(random.Below(20), '\0');
        for (char& ch : arg) ch = static_cast<char>(random.Next());
        command.push_back(arg);
      }
      input += "*" + std::to_string(command.size()) + "\r\n";
      for (const auto& a : command) input += "$" + std::to_string(a.size()) + "\r\n" + a + "\r\n";
      expected.push_back(command);
    }
    std::vector<std::size_t> cuts;
    for (std::size_t at = random.Below(10); at < input.size(); at += 1 + random.Below(10)) cuts.push_back(at);
    ASSERT_TRUE(Feed(input, cuts).commands == expected);
  }
}

}  // namespace
}  // namespace slotwise
