// Commands that wait for sorted sets: who is served with what, and what is propagated. How waiting works is tested with
// lists (blocking_test.cc).
#include <map>
#include <string>

#include "engine/embedded_session.h"
#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;

std::string Popped(const std::string& key, const std::string& member, const std::string& score) {
  return "*3\r\n" + Bulk(key) + Bulk(member) + Bulk(score);
}

class Waits {
 public:
  explicit Waits(EngineFixture& f) : session_(*f.engine) { session_.client().protocol = 2; }
  // "..." if the call waits, else its reply.
  std::string operator()(const std::string& name, const std::string& line) {
    std::vector<std::string> words;
    SplitArgs(line, &words);
    std::vector<std::string_view> args(words.begin(), words.end());
    replies_.erase(name);
    if (session_.CallWaiting(args, [this, name](std::string reply) { replies_[name] += reply; }) != 0) return "...";
    std::string text;
    session_.reply().CopyTo(&text);
    session_.reply().Consume(session_.reply().pending());
    return text;
  }
  std::string Reply(const std::string& name) { return replies_[name]; }

 private:
  std::map<std::string, std::string> replies_;
  EmbeddedSession session_;  // last: its end answers what still waits
};

TEST(BlockingSortedSets, PopAtOnceOrWait) {
  EngineFixture f;
  Waits wait(f);
  f("ZADD z 1 a 2 b 3 c");
  EXPECT_EQ(wait("a", "BZPOPMIN none z 0"), Popped("z", "a", "1"));
  EXPECT_EQ(wait("a", "BZPOPMAX z 0"), Popped("z", "c", "3"));
  EXPECT_EQ(wait("a", "BZMPOP 0 2 none z MIN COUNT 5"), "*2\r\n" + Bulk("z") + "*1\r\n*2\r\n" + Bulk("b") + Bulk("2"));
  EXPECT_EQ(wait("a", "BZPOPMIN z 0"), "...");
  EXPECT_EQ(wait("b", "BZPOPMAX other z 0"), "...");
  EXPECT_EQ(wait("c", "BZMPOP 0 1 z MAX COUNT 2"), "...");
  f("SET z string");
  EXPECT_EQ(wait.Reply("a"), "");  // of another type: it goes on waiting
  f("DEL z");
  f("ZADD z 1 a 2 b 3 c 4 d");
  EXPECT_EQ(wait.Reply("a"), Popped("z", "a", "1"));
  EXPECT_EQ(wait.Reply("b"), Popped("z", "d", "4"));
  EXPECT_EQ(wait.Reply("c"), "*2\r\n" + Bulk("z") + "*2\r\n*2\r\n" + Bulk("c") + Bulk("3") + "*2\r\n" + Bulk("b") + Bulk("2"));
  EXPECT_EQ(f("EXISTS z"), Int(0));
  EXPECT_EQ(wait("a", "BZPOPMIN z 0"), "...");
  f("ZADD s 5 x");
  f("ZUNIONSTORE z 1 s");
  EXPECT_EQ(wait.Reply("a"), Popped("z", "x", "5"));
  EXPECT_EQ(wait("a", "BZPOPMIN z 0"), "...");
  f("GEOADD z 0 0 here");
  EXPECT_EQ(wait.Reply("a"), Popped("z", "here", "3377699720527872"));
}

TEST(BlockingSortedSets, RefusesWhatItCannotWaitFor) {
  EngineFixture f;
  Expect(f, {
      {"BZPOPMIN z x", Err("ERR timeout is not a float or out of range")},
      {"BZPOPMIN z -1", Err("ERR timeout is negative")},
      {"BZMPOP 0 0 z MIN", Err("ERR numkeys should be greater than 0")},
      {"BZMPOP 0 1 z MID", kBadSyntax},
      {"BZMPOP 0 1 z MIN COUNT 0", Err("ERR count should be greater than 0")},
      {"BZMPOP x 1 z MIN", Err("ERR timeout is not a float or out of range")},
      {"SET s 1", kOk},
      {"BZPOPMAX none s 0", kWrongKind},
      {"MULTI", kOk},
      {"BZPOPMIN z 0", "+QUEUED\r\n"},
      {"EXEC", "*1\r\n*-1\r\n"},
  });
}

TEST(BlockingSortedSets, ArePropagatedWithoutTheWaiting) {
  LoggingFixture f;
  f.f("ZADD z 1 a 2 b 3 c 4 d");
  EXPECT_EQ(f.Effects("BZPOPMIN none z 0"), "ZPOPMIN z\n");
  EXPECT_EQ(f.Effects("BZPOPMAX z 0"), "ZPOPMAX z\n");
  EXPECT_EQ(f.Effects("BZMPOP 0 1 z MAX COUNT 9"), "ZPOPMAX z 2\n");
}

}  // namespace
}  // namespace slotwise
