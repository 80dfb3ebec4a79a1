// Eviction: the pool, each policy's choice, and the limit that holds.
#include <chrono>
#include <set>
#include <thread>

#include "engine/evictor.h"
#include "engine/cron.h"
#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;

TEST(EvictionPool, KeepsTheBestSixteen) {
  EvictionPool pool;
  for (std::uint64_t i = 0; i < 100; ++i) {
    std::uint64_t score = i * 37 % 101;
    pool.Offer(score, 0, std::to_string(score), score);
  }
  std::uint64_t last = UINT64_MAX;
  std::size_t n = 0;
  for (; pool.size() > 0; ++n, pool.DropBest()) {
    EXPECT_LE(pool.best().score, last);
    EXPECT_EQ(pool.best().key, std::to_string(pool.best().score));
    last = pool.best().score;
  }
  EXPECT_EQ(n, EvictionPool::kSize);
  EXPECT_GE(last, 84u);
}

TEST(EvictionPool, HoldsAKeyOnce) {
  EvictionPool pool;
  pool.Offer(5, 0, "a", 1);
  pool.Offer(6, 0, "a", 1);
  pool.Offer(6, 1, "a", 1);
  EXPECT_EQ(pool.size(), 2u);
}

struct Case {
  EngineFixture f;
  explicit Case(const std::string& policy) : f(EngineFixture::Directives{{"maxmemory-policy", policy}, {"maxmemory-samples", "200"}}) { f.thread->now_ms = f.engine->NowMs(); }
  Entry* At(const std::string& key) { return f.engine->keyspace().Db(0).Find(KeyRef(key)).entry(); }
  bool Has(const std::string& key) { return At(key) != nullptr; }
  // Evicts n keys and tells whether all of them are named `victim`-something.
  bool EvictsOnly(int n, const std::string& victim) {
    auto count = [&] {
      std::string reply = f("KEYS " + victim + "*");
      return std::atoi(reply.c_str() + 1);
    };
    int before = count();
    for (int i = 0; i < n; ++i) EXPECT_TRUE(Evictor(*f.engine, *f.thread).EvictOne());
    return before - count() == n;
  }
};

// `old` keys are a tenth; with 200 samples a round without any of them does not happen.
TEST(Evict, LruTakesWhatWasNotUsedForLongest) {
  Case c("allkeys-lru");
  for (int i = 0; i < 1000; ++i) {
    std::string key = (i % 10 == 0 ? "old" : "new") + std::to_string(i);
    c.f("SET " + key + " v");
    if (i % 10 == 0) c.At(key)->set_access(LruClock(c.f.thread->now_ms - 1'000'000));
  }
  EXPECT_TRUE(c.EvictsOnly(30, "old"));
}

TEST(Evict, LfuTakesWhatWasUsedLeast) {
  Case c("allkeys-lfu");
  for (int i = 0; i < 1000; ++i) {
    std::string key = (i % 10 == 0 ? "rare" : "often") + std::to_string(i);
    c.f("SET " + key + " v");
    c.At(key)->set_access(LfuMinutes(c.f.thread->now_ms) << 8 | (i % 10 == 0 ? 2 : 100));
  }
  EXPECT_TRUE(c.EvictsOnly(30, "rare"));
}

TEST(Evict, TtlTakesWhatWouldExpireFirst) {
  Case c("volatile-ttl");
  for (int i = 0; i < 1000; ++i) c.f("SET " + std::string(i % 10 == 0 ? "soon" : "late") + std::to_string(i) + " v EX " + (i % 10 == 0 ? "1000" : "9000"));
  EXPECT_TRUE(c.EvictsOnly(30, "soon"));
}

TEST(Evict, VolatilePoliciesSpareOtherKeysAndGiveUpWhenNoneIsLeft) {
  for (std::string policy : {"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}) {
    Case c(policy);
    for (int i = 0; i < 500; ++i) c.f("SET stay" + std::to_string(i) + " v");
    // Few among many, and in one slot: they must be found all the same.
    for (int i = 0; i < 5; ++i) c.f("SET {t}go" + std::to_string(i) + " v EX 1000");
    EXPECT_TRUE(c.EvictsOnly(5, "{t}go"));
    EXPECT_FALSE(Evictor(*c.f.engine, *c.f.thread).EvictOne());
    EXPECT_EQ(c.f("DBSIZE"), ":500\r\n");
  }
}

TEST(Evict, RandomSparesNoDatabase) {
  Case c("allkeys-random");
  for (int i = 0; i < 100; ++i) {
    c.f("SET k" + std::to_string(i) + " v");
    c.f("COPY k" + std::to_string(i) + " k" + std::to_string(i) + " DB 9");
  }
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Evictor(*c.f.engine, *c.f.thread).EvictOne());
  EXPECT_GT(c.f.engine->keyspace().Db(0).KeyCount(), 20u);
  EXPECT_GT(c.f.engine->keyspace().Db(9).KeyCount(), 20u);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(Evictor(*c.f.engine, *c.f.thread).EvictOne());
  EXPECT_FALSE(Evictor(*c.f.engine, *c.f.thread).EvictOne());
}

TEST(Evict, ACandidateThatIsUsedAgainStays) {
  Case c("allkeys-lru");
  c.f("SET a v");
  c.f("SET b v");
  c.At("a")->set_access(LruClock(c.f.thread->now_ms - 5'000'000));
  c.At("b")->set_access(LruClock(c.f.thread->now_ms - 1'000'000));
  c.f.thread->eviction_pool = std::make_shared<EvictionPool>();
  c.f.thread->eviction_pool->policy = static_cast<int>(config_value::MaxmemoryPolicy::kAllkeysLru);
  c.f.thread->eviction_pool->Offer(5'000'000, 0, "a", KeyHash("a"));
  c.f("GET a");
  EXPECT_TRUE(Evictor(*c.f.engine, *c.f.thread).EvictOne());
  EXPECT_TRUE(c.Has("a"));
  EXPECT_FALSE(c.Has("b"));
}

TEST(Evict, TheLimitHoldsUnderWrites) {
  for (std::string policy : {"allkeys-lru", "allkeys-random", "volatile-ttl"}) {
    std::uint64_t limit = UsedMemory() + 4 * 1024 * 1024;
    EngineFixture f(EngineFixture::Directives{{"maxmemory-policy", policy}, {"maxmemory", std::to_string(limit)}});
    std::string value(500, 'v');
    std::uint64_t most = 0;
    for (int i = 0; i < 8000; ++i) {
      EXPECT_EQ(f.Run({"SET", "k" + std::to_string(i), value, "EX", std::to_string(1000 + i % 7)}), "+OK\r\n");
      most = std::max(most, UsedMemory());
    }
    EXPECT_LE(most, limit + limit / 50);
    EXPECT_GT(f.engine->keyspace().KeyCount(), 2000u);
  }
}

TEST(Evict, WithoutEvictionWritesAreRefusedAndReadsAreNot) {
  EngineFixture f(EngineFixture::Directives{{"maxmemory-policy", "noeviction"}, {"maxmemory", "1"}});
  EXPECT_EQ(f("SET a 1"), "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
  EXPECT_EQ(f("GET a"), "$-1\r\n");
  EXPECT_EQ(f("DEL a"), ":0\r\n");
}

// What lazyfree-lazy-eviction leaves to the background counts as gone, or everything else would be evicted for it.
TEST(Evict, ABigValueIsFreedInTheBackgroundIfAskedFor) {
  for (std::string lazy : {"yes", "no"}) {
    EngineFixture f(EngineFixture::Directives{{"maxmemory-policy", "allkeys-lru"}, {"maxmemory-samples", "64"}, {"lazyfree-lazy-eviction", lazy}});
    f.Run({"SET", "big", std::string(64 << 20, 'v')});
    for (int i = 0; i < 10; ++i) f.Run({"SET", "k" + std::to_string(i), "v"});
    f.engine->keyspace().Db(0).Find(KeyRef("big")).entry()->set_access(LruClock(f.engine->NowMs() - 3600'000));
    f("CONFIG SET maxmemory " + std::to_string(UsedMemory() - (16 << 20)));
    EXPECT_EQ(f("SET after x"), "+OK\r\n");
    EXPECT_EQ(f("EXISTS big"), ":0\r\n");
    EXPECT_EQ(f("DBSIZE"), ":11\r\n");
    EXPECT_EQ(f.engine->cron()->lazyfreed() + f.engine->cron()->lazyfree_pending(), lazy == "yes" ? 1u : 0u);
    for (int i = 0; i < 20000 && f.engine->cron()->lazyfree_pending() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(f.engine->cron()->lazyfree_pending_bytes(), 0u);
  }
}

}  // namespace
}  // namespace slotwise
