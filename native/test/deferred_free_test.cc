// Big values that commands drop are freed elsewhere; small ones, and those dropped outside of a command, at once.
#include "keyspace/deferred_free.h"

#include <string>

#include "engine/cron.h"
#include "engine_fixture.h"
#include "test.h"
#include "values/sorted_set.h"

namespace slotwise {
namespace {

using test::EngineFixture;

std::string Zadd(int members) {
  std::string command = "ZADD z";
  for (int i = 0; i < members; ++i) command += " " + std::to_string(i) + " m" + std::to_string(i);
  return command;
}

TEST(DeferredFree, WhateverDropsABigValueAnswersFirst) {
  EngineFixture f;
  std::uint64_t expected = 0;
  f("SET s x");
  for (const char* command : {"DEL z", "SET z v", "EXPIRE z -1", "RENAME s z", "ZUNIONSTORE z 1 none", "ZREMRANGEBYRANK z 0 -1",
                              "ZREMRANGEBYRANK z 1 -2", "ZPOPMIN z 5000", "FLUSHDB"}) {
    f("DEL z");
    f(Zadd(1500));
    f(command);
    ++expected;
    if (std::string_view(command) == "ZREMRANGEBYRANK z 1 -2") {
      EXPECT_EQ(f("ZRANGE z 0 -1 WITHSCORES"), "*4\r\n$2\r\nm0\r\n$1\r\n0\r\n$5\r\nm1499\r\n$4\r\n1499\r\n");
    }
    f("DEL z");
    EXPECT_EQ(f.engine->cron()->lazyfreed() + f.engine->cron()->lazyfree_pending(), expected);
  }
}

TEST(DeferredFree, SmallValuesGoAtOnce) {
  EngineFixture f;
  f(Zadd(900));
  f("DEL z");
  EXPECT_EQ(f.engine->cron()->lazyfreed() + f.engine->cron()->lazyfree_pending(), std::uint64_t{0});
}

// A string's pages go back in the background too, when there are many.
TEST(DeferredFree, BigStringsGoInTheBackground) {
  EngineFixture f;
  f.Run({"SET", "small", std::string(100000, 'v')});
  f("DEL small");
  EXPECT_EQ(f.engine->cron()->lazyfreed() + f.engine->cron()->lazyfree_pending(), std::uint64_t{0});
  f.Run({"SET", "big", std::string(DeferredFree::kMinStringBytes, 'v')});
  f("SET big x");
  EXPECT_EQ(f.engine->cron()->lazyfreed() + f.engine->cron()->lazyfree_pending(), std::uint64_t{1});
  EXPECT_EQ(f("GET big"), "$1\r\nx\r\n");
}

TEST(DeferredFree, AScopeEndsWhereItBegan) {
  struct Counting final : DeferredFree {
    void FreeLater(Entry*) override {}
  } outer;
  EXPECT_TRUE(DeferredFree::current() == nullptr);
  {
    DeferredFree::Scope a(&outer);
    EXPECT_TRUE(DeferredFree::current() == &outer);
    {
      DeferredFree::Scope b(nullptr);
      EXPECT_TRUE(DeferredFree::current() == nullptr);
    }
    EXPECT_TRUE(DeferredFree::current() == &outer);
  }
  EXPECT_TRUE(DeferredFree::current() == nullptr);
}

}  // namespace
}  // namespace slotwise
