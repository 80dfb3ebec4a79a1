// EXPIRE and its relatives, and what they leave in the log.
#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "engine_fixture.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;
using test::TempDir;

TEST(Expire, ErrorsComeInRedisOrder) {
  EngineFixture f;
  const char* cases[][2] = {
      {"EXPIRE a x FOO", "-ERR Unsupported option FOO\r\n"},
      {"EXPIRE a x \"\\rF\\r\\n\"", "-ERR Unsupported option  F\r\n"},  // what ends the text is cut off, other line breaks are spaces
      {"EXPIRE a x NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"},
      {"EXPIRE a x GT LT", "-ERR GT and LT options at the same time are not compatible\r\n"},
      {"EXPIRE a x", "-ERR value is not an integer or out of range\r\n"},
      {"EXPIRE a 9223372036854775807", "-ERR invalid expire time in 'expire' command\r\n"},
      {"EXPIRE a 9223372036854775", "-ERR invalid expire time in 'expire' command\r\n"},
      {"EXPIRE a -9223372036854775808", "-ERR invalid expire time in 'expire' command\r\n"},
      {"PEXPIRE a 9223372036854775807", "-ERR invalid expire time in 'pexpire' command\r\n"},
      {"EXPIREAT a 9223372036854775807", "-ERR invalid expire time in 'expireat' command\r\n"},
      {"PEXPIREAT a 9223372036854775807", ":0\r\n"},
  };
  for (auto& [command, reply] : cases) EXPECT_EQ(f(command), reply);
}

TEST(Expire, ConditionsTakeNoDeadlineForInfinity) {
  EngineFixture f;
  auto allowed = [&](const std::string& before, const std::string& option) {
    f("SET a 1");
    if (!before.empty()) f("PEXPIREAT a " + before);
    return f("PEXPIREAT a 4000000000000 " + option);
  };
  const std::string sooner = "3999999999999";
  const std::string same = "4000000000000";
  const std::string later = "4000000000001";
  struct Case { const char* option; std::string before; bool ok; };
  for (const Case& c : {Case{"NX", "", true}, {"NX", sooner, false}, {"XX", "", false}, {"XX", sooner, true}, {"GT", "", false},
                        {"GT", sooner, true}, {"GT", same, false}, {"GT", later, false}, {"LT", "", true}, {"LT", sooner, false},
                        {"LT", same, false}, {"LT", later, true}, {"XX LT", "", false}, {"XX GT", sooner, true}}) {
    EXPECT_EQ(allowed(c.before, c.option), c.ok ? ":1\r\n" : ":0\r\n");
  }
}

TEST(Expire, TheLastMillisecondThereIsCanBeADeadline) {
  EngineFixture f;
  f("SET a 1");
  EXPECT_EQ(f("PEXPIREAT a 9223372036854775807"), ":1\r\n");
  EXPECT_EQ(f("PEXPIRETIME a"), ":9223372036854775807\r\n");
  EXPECT_EQ(f("EXPIRETIME a"), ":9223372036854776\r\n");
  EXPECT_EQ(f("EXISTS a"), ":1\r\n");
}

TEST(Expire, ADeadlineInThePastDeletes) {
  EngineFixture f;
  for (std::string command : {"EXPIRE a 0", "EXPIRE a -1", "PEXPIREAT a 1", "EXPIREAT a 0", "PEXPIREAT a -9223372036854775808"}) {
    f("SET a 1");
    EXPECT_EQ(f(command), ":1\r\n");
    EXPECT_EQ(f("DBSIZE"), ":0\r\n");
  }
}

TEST(Expire, TtlTellsMissingFromPersistent) {
  EngineFixture f;
  f("SET a 1");
  for (std::string command : {"TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"}) {
    EXPECT_EQ(f(command + " nokey"), ":-2\r\n");
    EXPECT_EQ(f(command + " a"), ":-1\r\n");
  }
  f("EXPIRE a 100");
  EXPECT_EQ(f("TTL a"), ":100\r\n");
  EXPECT_EQ(f("PERSIST a"), ":1\r\n");
  EXPECT_EQ(f("PERSIST a"), ":0\r\n");
  EXPECT_EQ(f("TTL a"), ":-1\r\n");
}

TEST(Expire, AnExpiredKeyIsNowhereToBeSeen) {
  EngineFixture f;
  f.engine->active_expire_enabled() = false;
  std::int64_t at = f.engine->NowMs() + 200;  // what is over when it is set is deleted
  for (std::string key : {"a", "b", "c", "d", "e", "g"}) f("SET " + key + " 1 PXAT " + std::to_string(at));
  while (f.engine->NowMs() < at) usleep(500);
  EXPECT_EQ(f("DBSIZE"), ":6\r\n");  // nobody has asked yet
  EXPECT_EQ(f("EXISTS a"), ":0\r\n");
  EXPECT_EQ(f("RENAME b x"), "-ERR no such key\r\n");
  EXPECT_EQ(f("COPY c x"), ":0\r\n");
  EXPECT_EQ(f("MOVE d 1"), ":0\r\n");
  EXPECT_EQ(f("KEYS *"), "*0\r\n");
  EXPECT_EQ(f("RANDOMKEY"), "$-1\r\n");
  EXPECT_EQ(f("SCAN 0 COUNT 100"), "*2\r\n$1\r\n0\r\n*0\r\n");
  EXPECT_EQ(f("DBSIZE"), ":0\r\n");
}

// The words of the log, one command a line, SELECT left out.
class LogOf {
 public:
  const std::string& dir() const { return dir_.path(); }
  std::string Words() const {
    std::ifstream file(dir() + "/appendonlydir/appendonly.aof.1.incr.aof");
    std::stringstream out;
    std::string line;
    while (std::getline(file, line)) {
      int argc = std::atoi(line.c_str() + 1);
      std::string words;
      for (int i = 0; i < argc; ++i) {
        std::getline(file, line);
        std::getline(file, line);
        line.pop_back();
        words += (i == 0 ? "" : " ") + line;
      }
      if (words.rfind("SELECT", 0) != 0) out << words << "\n";
    }
    return out.str();
  }

 private:
  TempDir dir_;
};

// Source: replication.md, section 11.
TEST(Expire, TheLogHoldsAbsoluteTimesAndDeletions) {
  LogOf log;
  EngineFixture f(EngineFixture::Directives{{"dir", log.dir()}});
  ASSERT_TRUE(f.status.ok());
  f("SET a 1");
  f("EXPIREAT a 4000000000 gt");  // refused: a has no deadline
  f("EXPIREAT a 4000000000 nx");
  f("pexpireat a 4000000000001 XX");
  f("PERSIST a");
  f("PERSIST a");
  f("EXPIRE a -1");
  f("EXPIRE a 100");
  f("SET b 1");
  f("RENAME b c");
  f("COPY c d");
  f("MOVE d 3");
  f("SWAPDB 0 1");
  f("DEL nokey");
  f("FLUSHALL");
  ASSERT_TRUE(f.engine->log().Sync().ok());
  EXPECT_EQ(log.Words(),
            "SET a 1\nPEXPIREAT a 4000000000000 nx\npexpireat a 4000000000001 XX\nPERSIST a\nDEL a\nSET b 1\nRENAME b c\n"
            "COPY c d\nMOVE d 3\nSWAPDB 0 1\nFLUSHALL\n");
}

TEST(Expire, TheLastMillisecondThereIsSurvivesARestart) {
  LogOf log;
  const EngineFixture::Directives directives = {{"dir", log.dir()}};
  {
    EngineFixture f(directives);
    f("SET a 1");
    EXPECT_EQ(f("PEXPIREAT a 9223372036854775807"), ":1\r\n");
    f("SET b 1 PXAT 9223372036854775807");
  }
  EngineFixture again(directives);
  ASSERT_TRUE(again.status.ok());
  EXPECT_EQ(again("PEXPIRETIME a"), ":9223372036854775807\r\n");
  EXPECT_EQ(again("PEXPIRETIME b"), ":9223372036854775807\r\n");
}

TEST(Expire, KeysThatExpiredReachTheLogWhoeverFindsThem) {
  LogOf log;
  EngineFixture f(EngineFixture::Directives{{"dir", log.dir()}});
  ASSERT_TRUE(f.status.ok());
  f.engine->active_expire_enabled() = false;
  const std::int64_t over = f.engine->NowMs() + 200;  // what is over when it is set is deleted
  std::string at = std::to_string(over);
  f("SET a 1 PXAT " + at);
  f("SET b 1 PXAT " + at);
  f("SET c 1 PXAT " + at);
  while (f.engine->NowMs() <= over) usleep(500);
  f("TTL a");
  f("SCAN 0 MATCH b COUNT 1000");
  f("SET c 2");
  ASSERT_TRUE(f.engine->log().Sync().ok());
  std::string set = " 1 PXAT " + at + "\n";
  EXPECT_EQ(log.Words(), "SET a" + set + "SET b" + set + "SET c" + set + "DEL a\nDEL b\nMULTI\nDEL c\nSET c 2\nEXEC\n");
}

}  // namespace
}  // namespace slotwise
