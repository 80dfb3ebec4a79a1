#include "engine/engine.h"

#include "engine_fixture.h"
#include "test.h"

namespace slotwise::test {
namespace {

TEST(Executor, UnknownCommandsAndWrongArityAreRefused) {
  EngineFixture f;
  EXPECT_EQ(f("FOO a b"), "-ERR unknown command 'FOO', with args beginning with: 'a' 'b' \r\n");
  EXPECT_EQ(f("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(f("get a b"), "-ERR wrong number of arguments for 'get' command\r\n");
}

// A batch is used again and again, so a command in it that is refused may stand where one with a key stood, whose bytes
// have become those of another key. (Found by `npm run differential`.)
TEST(Executor, TheKeyOfAnEarlierBatchIsNotTakenForThisOnes) {
  EngineFixture f;
  Client c;
  std::string bytes = "k1";
  const std::string_view get[] = {"GET", bytes};
  const std::string_view bad[] = {"LCS"};
  PreparedCommand first, second;
  first.client = second.client = &c;
  first.args = get;
  f.engine->Prepare(first, nullptr);
  bytes[1] = '2';
  first.args = bad;
  f.engine->Prepare(first, nullptr);
  second.args = get;
  f.engine->Prepare(second, &first);
  EXPECT_EQ(second.key.hash, KeyHash("k2"));
  EXPECT_EQ(second.key.slot, HashSlot("k2"));
}

// What browsers can be made to send to a port of the local machine.
TEST(Executor, HttpIsReportedAsAnAttackAndNotAnswered) {
  for (const char* line : {"POST / HTTP/1.1", "host: example.org"}) {
    EngineFixture f;
    Client c;
    c.address = "192.0.2.7:4711";
    EXPECT_EQ(f.As(c, line), "");
    EXPECT_TRUE(c.close_after_reply);
    EXPECT_TRUE(f.logger.Contains("Possible SECURITY ATTACK detected."));
    EXPECT_TRUE(f.logger.Contains("192.0.2.7:4711"));
  }
}

TEST(Executor, NothingButAuthBeforeAuthentication) {
  EngineFixture f({{"requirepass", "secret"}});
  Client c;
  EXPECT_EQ(f.As(c, "GET a"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(f.As(c, "AUTH wrong"), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(f.As(c, "AUTH secret"), "+OK\r\n");
  EXPECT_EQ(f.As(c, "GET a"), "$-1\r\n");
}

TEST(Transactions, QueueThenRunAsOne) {
  EngineFixture f;
  EXPECT_EQ(f("EXEC"), "-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(f("DISCARD"), "-ERR DISCARD without MULTI\r\n");
  EXPECT_EQ(f("MULTI"), "+OK\r\n");
  EXPECT_EQ(f("MULTI"), "-ERR MULTI calls can not be nested\r\n");
  EXPECT_EQ(f("EXEC"), "*0\r\n");
  f("MULTI");
  EXPECT_EQ(f("SET a 1"), "+QUEUED\r\n");
  EXPECT_EQ(f("INCR a"), "+QUEUED\r\n");
  EXPECT_EQ(f("GET a"), "+QUEUED\r\n");
  EXPECT_EQ(f("WATCH x"), "-ERR WATCH inside MULTI is not allowed\r\n");
  EXPECT_EQ(f("EXEC"), "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
}

TEST(Transactions, ARefusedCommandAbortsTheWhole) {
  EngineFixture f;
  f("MULTI");
  f("SET a 1");
  EXPECT_EQ(f("NOPE"), "-ERR unknown command 'NOPE', with args beginning with: \r\n");
  EXPECT_EQ(f("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(f("GET a"), "$-1\r\n");
  // An error while running does not: the others count.
  f("SET s x");
  f("MULTI");
  f("INCR s");
  f("SET b 1");
  EXPECT_EQ(f("EXEC"), "*2\r\n-ERR value is not an integer or out of range\r\n+OK\r\n");
}

TEST(Transactions, WatchSeesEveryKindOfChange) {
  const char* changes[] = {"SET k 2", "DEL k", "EXPIRE k 100", "APPEND k x", "RENAME k other", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "MOVE k 1", "COPY z k REPLACE"};
  for (const char* change : changes) {
    EngineFixture f;
    Client other;
    other.authenticated = true;
    f("SET k 1");
    f("SET z 1");
    EXPECT_EQ(f("WATCH k"), "+OK\r\n");
    f.As(other, change);
    f("MULTI");
    f("PING");
    std::string reply = f("EXEC");
    if (reply != "*-1\r\n") Fail(__FILE__, __LINE__, std::string("not seen: ") + change);
    // Once only: the watch is gone.
    f("MULTI");
    EXPECT_EQ(f("EXEC"), "*0\r\n");
  }
}

TEST(Transactions, WatchIgnoresOtherKeysAndUnwatchForgets) {
  EngineFixture f;
  f("WATCH k");
  f("SET other 1");
  f("MULTI");
  EXPECT_EQ(f("EXEC"), "*0\r\n");
  f("WATCH k");
  f("SET k 1");
  EXPECT_EQ(f("UNWATCH"), "+OK\r\n");
  f("MULTI");
  EXPECT_EQ(f("EXEC"), "*0\r\n");
  f("WATCH k");
  f("SET k 2");
  f("MULTI");
  f("DISCARD");
  f("MULTI");
  EXPECT_EQ(f("EXEC"), "*0\r\n");
}

TEST(Transactions, AWatchedKeyThatExpiresCountsAsChanged) {
  EngineFixture f;
  f("DEBUG SET-ACTIVE-EXPIRE 0");
  f("SET k 1 PX 200");
  f("SET gone 1 PXAT 1");
  f("WATCH k gone");
  std::int64_t until = f.engine->NowMs() + 210;
  while (f.engine->NowMs() < until) {
  }
  f("MULTI");
  EXPECT_EQ(f("EXEC"), "*-1\r\n");
}

TEST(Transactions, TooManyQueuedBytesCloseTheClient) {
  EngineFixture f({{"slotwise-multi-queue-limit", "100000"}});
  Client c;
  c.authenticated = true;
  f.As(c, "MULTI");
  std::string big(60000, 'x');
  EXPECT_EQ(f.Run(c, {"SET", "a", big}), "+QUEUED\r\n");
  EXPECT_TRUE(f.Run(c, {"SET", "b", big}).starts_with("-ERR transaction is too big"));
  EXPECT_TRUE(c.close_after_reply);
}

}  // namespace
}  // namespace slotwise::test
