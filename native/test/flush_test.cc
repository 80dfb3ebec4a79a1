// Whole databases.
#include <atomic>
#include <thread>

#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;

TEST(Flush, EmptiesOneDatabaseOrAll) {
  EngineFixture f;
  for (std::string how : {"", " SYNC", " async"}) {
    f("SET a 1");
    f("COPY a a DB 5 REPLACE");
    EXPECT_EQ(f("FLUSHDB" + how), "+OK\r\n");
    EXPECT_EQ(f("DBSIZE"), ":0\r\n");
    f("SWAPDB 0 5");
    EXPECT_EQ(f("DBSIZE"), ":1\r\n");
    EXPECT_EQ(f("FLUSHALL" + how), "+OK\r\n");
    EXPECT_EQ(f("DBSIZE"), ":0\r\n");
  }
  EXPECT_EQ(f("FLUSHALL now"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("FLUSHDB SYNC ASYNC"), "-ERR syntax error\r\n");
}

TEST(Flush, GivesTheMemoryBack) {
  EngineFixture f;
  f("FLUSHALL");
  FlushThreadCache();
  std::uint64_t before = UsedMemory();
  for (std::string how : {"SYNC", "ASYNC"}) {
    for (int i = 0; i < 20000; ++i) f("SET key:" + std::to_string(i) + " some-value-of-some-length");
    EXPECT_GT(UsedMemory(), before + 20000 * 40);
    f("FLUSHALL " + how);
    for (int i = 0; i < 20000 && UsedMemory() > before + 4096; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_LE(UsedMemory(), before + 4096);
  }
}

TEST(Flush, AWatchedKeyThatWasThereFailsExec) {
  EngineFixture f;
  f("SET a 1");
  for (std::string command : {"FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1"}) {
    Client other;
    other.authenticated = true;
    f("SET a 1");
    f("WATCH a");
    f.As(other, command);
    f("MULTI");
    f("GET a");
    EXPECT_EQ(f("EXEC"), "*-1\r\n");
  }
}

// Source: Redis 7.0: a key that had expired already when it was watched may be deleted, by anything, without failing EXEC.
TEST(Flush, AKeyThatWasWatchedExpiredMayGo) {
  for (std::string command : {"DEL x", "GET x", "FLUSHDB", "FLUSHALL", "SWAPDB 0 1", "SET x 2"}) {
    EngineFixture f;
    f.engine->active_expire_enabled() = false;
    Client other;
    other.authenticated = true;
    std::int64_t at = f.engine->NowMs() + 50;
    f("SET x 1 PXAT " + std::to_string(at));
    while (f.engine->NowMs() < at) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    f("WATCH x");
    f.As(other, command);
    f("MULTI");
    f("DBSIZE");
    EXPECT_EQ(f("EXEC").substr(0, 2), command == "SET x 2" ? "*-" : "*1");
  }
}

TEST(Flush, InsideATransactionTheFollowingCommandsSeeItEmpty) {
  EngineFixture f;
  f("SET a 1");
  f("MULTI");
  f("FLUSHALL");
  f("EXISTS a");
  f("SET b 1");
  EXPECT_EQ(f("EXEC"), "*3\r\n+OK\r\n:0\r\n+OK\r\n");
  EXPECT_EQ(f("DBSIZE"), ":1\r\n");
}

// Readers without locks (prefetch, DBSIZE, the choice of a random slot) meet databases that are being exchanged.
TEST(Flush, RunsAgainstReadersAndWriters) {
  EngineFixture f;
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (int n = 0; n < 2; ++n) {
    others.emplace_back([&, n] {
      ThreadState& thread = f.engine->AddThread();
      Client client;
      client.authenticated = true;
      OutBuffer out;
      auto run = [&](std::vector<std::string_view> args) {
        f.engine->Call(thread, client, args, out);
        out.Consume(out.pending());
      };
      for (int i = 0; !stop; ++i) {
        std::string key = "k" + std::to_string(i % 500) + (n == 0 ? "" : "{t}");
        run({"SET", key, "value", "PX", i % 2 == 0 ? "1" : "100000"});
        run({"DBSIZE"});
        run({"RANDOMKEY"});
        run({"SCAN", "0"});
      }
      f.engine->RemoveThread(thread);
    });
  }
  for (int i = 0; i < 150; ++i) {
    EXPECT_EQ(f(i % 2 == 0 ? "FLUSHALL ASYNC" : "FLUSHALL"), "+OK\r\n");
    f("SWAPDB 0 3");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  stop = true;
  for (std::thread& t : others) t.join();
}

}  // namespace
}  // namespace slotwise
