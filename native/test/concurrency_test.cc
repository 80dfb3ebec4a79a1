// Many threads on one engine: what must hold whatever the interleaving. The real gate is the TSan build of this file.
#include <atomic>
#include <thread>

#include "engine/embedded_session.h"
#include "engine_fixture.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

// A caller with a thread state of its own.
struct Caller {
  explicit Caller(Engine& engine) : session(engine) {}
  std::string operator()(const std::vector<std::string>& words) {
    std::vector<std::string_view> args(words.begin(), words.end());
    session.Call(args);
    std::string text;
    session.reply().CopyTo(&text);
    session.reply().Consume(session.reply().pending());
    return text;
  }
  EmbeddedSession session;
};

template <typename Body>
void InThreads(int count, Body&& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
  for (auto& t : threads) t.join();
}

#if defined(SLOTWISE_TSAN) || defined(SLOTWISE_ASAN)
constexpr int kRounds = 1500;
#else
constexpr int kRounds = 20000;
#endif

void Work(Engine& engine, int index, std::atomic<int>& transfers) {
  Caller call(engine);
  Random random(static_cast<std::uint64_t>(index) + 1);
  auto key = [&] { return "k" + std::to_string(random.Below(64)); };
  for (int i = 0; i < kRounds; ++i) {
    if (std::string r = call({"INCR", "counter"}); r[0] != ':') Fail(__FILE__, __LINE__, "INCR was refused: " + r);
    call({"INCR", "mine:" + std::to_string(index)});
    switch (random.Below(12)) {
      case 0: call({"SET", key(), std::string(random.Below(4000), 'v')}); break;
      case 1: call({"SET", key(), "v", "PX", std::to_string(1 + random.Below(5))}); break;
      case 2: call({"DEL", key(), key(), key()}); break;
      case 3: call({"MGET", key(), key(), key(), key()}); break;
      case 4: call({"RENAME", key(), key()}); break;
      case 5: call({"APPEND", key(), "xyz"}); break;
      case 6: call({"SCAN", "0", "COUNT", "50"}); break;
      case 7: call({"RANDOMKEY"}); break;
      case 8: call({"MSET", key(), "1", key(), "2", key(), "3"}); break;
      case 9: call({"COPY", key(), key(), "REPLACE"}); break;
      default: {
        // A transfer between two accounts; the sum stays.
        std::string a = "acct:" + std::to_string(random.Below(8));
        std::string b = "acct:" + std::to_string(random.Below(8));
        call({"MULTI"});
        call({"DECR", a});
        call({"INCR", b});
        if (call({"EXEC"}).starts_with("*2")) transfers.fetch_add(1);
      }
    }
    if (i % 200 == 0) {
      // Optimistic locking loses no update.
      for (;;) {
        call({"WATCH", "cas"});
        std::string value = call({"GET", "cas"});
        std::int64_t n = value[0] == '_' ? 0 : std::stoll(value.substr(value.find('\n') + 1));
        call({"MULTI"});
        call({"SET", "cas", std::to_string(n + 1)});
        if (call({"EXEC"}).starts_with("*1")) break;
      }
    }
  }
}

std::string Dump(EngineFixture& f) {
  std::string all;
  for (const char* k : {"counter", "cas", "mine:0", "mine:1", "mine:2", "mine:3"}) all += f(std::string("GET ") + k);
  for (int i = 0; i < 8; ++i) all += f("GET acct:" + std::to_string(i));
  for (int i = 0; i < 64; ++i) all += f("GET k" + std::to_string(i));
  return all;
}

TEST(Concurrency, CountersTransfersAndOptimisticLocking) {
  TempDir dir;
  std::string before;
  constexpr int kThreads = 4;
  {
    EngineFixture f({{"dir", dir.path()}, {"appendfsync", "everysec"}});
    ASSERT_TRUE(f.status.ok());
    std::atomic<int> transfers{0};
    InThreads(kThreads, [&](int i) { Work(*f.engine, i, transfers); });
    EXPECT_EQ(f("GET counter"), "$" + std::to_string(std::to_string(kRounds * kThreads).size()) + "\r\n" + std::to_string(kRounds * kThreads) + "\r\n");
    std::int64_t sum = 0;
    for (int i = 0; i < 8; ++i) {
      std::string v = f("GET acct:" + std::to_string(i));
      if (v != "$-1\r\n") sum += std::stoll(v.substr(v.find('\n') + 1));
    }
    EXPECT_EQ(sum, 0);
    int expected = kThreads * ((kRounds + 199) / 200);
    EXPECT_EQ(f("GET cas"), "$" + std::to_string(std::to_string(expected).size()) + "\r\n" + std::to_string(expected) + "\r\n");
    EXPECT_GT(transfers.load(), 0);
    // Nothing with an expiry may still be there when the two states are compared.
    for (int i = 0; i < 64; ++i) f("PERSIST k" + std::to_string(i));
    before = Dump(f);
  }
  // The order of the log is the order in which it happened: replaying it gives the same.
  EngineFixture f({{"dir", dir.path()}});
  ASSERT_TRUE(f.status.ok());
  EXPECT_TRUE(Dump(f) == before);
}

TEST(Concurrency, FlushAndSwapAmongWriters) {
  EngineFixture f;
  InThreads(4, [&](int index) {
    Caller call(*f.engine);
    Random random(static_cast<std::uint64_t>(index) + 100);
    for (int i = 0; i < kRounds / 3; ++i) {
      call({"SET", "k" + std::to_string(random.Below(1000)), "v"});
      if (index == 0 && i % 50 == 0) call({"FLUSHALL", i % 100 == 0 ? "ASYNC" : "SYNC"});
      if (index == 1 && i % 50 == 0) call({"SWAPDB", "0", "1"});
      if (index == 2 && i % 20 == 0) call({"DBSIZE"});
      if (index == 3 && i % 20 == 0) call({"KEYS", "k1*"});
    }
  });
  f("FLUSHALL");
  EXPECT_EQ(f("DBSIZE"), ":0\r\n");
}

TEST(Concurrency, EvictionUnderPressure) {
  EngineFixture f({{"maxmemory", "4mb"}, {"maxmemory-policy", "allkeys-lru"}});
  InThreads(3, [&](int index) {
    Caller call(*f.engine);
    for (int i = 0; i < kRounds; ++i) call({"SET", "e" + std::to_string(index) + ":" + std::to_string(i), std::string(2000, 'x')});
  });
  std::uint64_t keys = f.engine->keyspace().KeyCount();
  EXPECT_GT(keys, 100u);
  EXPECT_LT(keys, 4u * 1024 * 1024 / 2000);
}

}  // namespace
}  // namespace slotwise::test
