// Active expiry, step by step and with the thread.
#include <algorithm>
#include <map>
#include <thread>

#include "base/random.h"
#include "base/ticks.h"
#include "engine/cron.h"
#include "engine/expire_cycle.h"
#include "engine/huge_page_pace.h"
#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;

constexpr std::int64_t kPlentyUs = 10'000'000;

// An engine whose own cron leaves expiry to the test.
struct Quiet : EngineFixture {
  Quiet() {
    engine->active_expire_enabled() = false;
    // A round that has begun may still be running, or stand still for as long as a host likes.
    engine->cron()->Stop();
    engine->cron()->Start();
  }
  void Put(const std::string& name, std::int64_t expire_at_ms) {
    KeyRef key(name);
    std::lock_guard<FutexLock> guard(engine->keyspace().StripeForSlot(key.slot).lock);
    Database& db = engine->keyspace().Db(0);
    db.SetString(key, db.Find(key), "v", expire_at_ms);
  }
  void Remove(const std::string& name) {
    KeyRef key(name);
    std::lock_guard<FutexLock> guard(engine->keyspace().StripeForSlot(key.slot).lock);
    Database& db = engine->keyspace().Db(0);
    if (auto place = db.Find(key)) db.Erase(key, place);
  }
  bool Has(const std::string& name) { return static_cast<bool>(engine->keyspace().Db(0).Find(KeyRef(name))); }
};

TEST(ExpireCycle, DeletesWhatIsDueAndNothingElse) {
  Quiet f;
  for (int i = 0; i < 2000; ++i) f.Put("k" + std::to_string(i), 1000 + i);
  f.Put("forever", kNoExpire);
  ExpireCycle cycle(*f.engine, *f.thread);
  EXPECT_TRUE(cycle.Run(999, kPlentyUs));
  EXPECT_EQ(f.engine->keyspace().Db(0).KeyCount(), 2001u);
  EXPECT_TRUE(cycle.Run(1499, kPlentyUs));
  EXPECT_EQ(f.engine->keyspace().Db(0).KeyCount(), 1501u);
  EXPECT_FALSE(f.Has("k499"));
  EXPECT_TRUE(f.Has("k500"));
  EXPECT_TRUE(cycle.Run(100000, kPlentyUs));
  EXPECT_EQ(f.engine->keyspace().Db(0).KeyCount(), 1u);
  EXPECT_TRUE(f.Has("forever"));
}

TEST(ExpireCycle, AWalkMakesTheBoundOfItsTableExact) {
  Quiet f;
  f.Put("{t}a", 1000);
  f.Put("{t}b", 3000);
  f.Put("{t}b", 5000);  // later than what the bound remembers
  SlotTable& table = f.engine->keyspace().Db(0).Table(HashSlot("{t}"));
  EXPECT_EQ(table.next_expire_ms(), 1000);
  ExpireCycle cycle(*f.engine, *f.thread);
  cycle.Run(1000, kPlentyUs);
  EXPECT_EQ(table.next_expire_ms(), 5000);
  f.Remove("{t}b");
  cycle.Run(6000, kPlentyUs);
  EXPECT_EQ(table.next_expire_ms(), INT64_MAX);
}

// One huge table, walked one hold at a time, while others add, delete and change deadlines in between: growth and
// shrinking move keys across the walk. Nothing that is due may be missed for good, and the bound may never be late.
TEST(ExpireCycle, FindsEverythingInATableThatChangesUnderTheWalk) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Quiet f;
    Random random(seed);
    std::map<std::string, std::int64_t> model;
    auto put = [&](std::int64_t at) {
      std::string key = "{t}" + std::to_string(random.Below(3000));
      f.Put(key, at);
      model[key] = at;
    };
    for (std::uint64_t n = random.Below(3000); n > 0; --n) put(static_cast<std::int64_t>(1000 + random.Below(4000)));
    SlotTable& table = f.engine->keyspace().Db(0).Table(HashSlot("{t}"));
    ExpireCycle cycle(*f.engine, *f.thread);
    for (std::int64_t now = 1000; now <= 6000; now += 1000) {
      // No time at all means one hold of the lock a call. Writes come slower than the walk gets on, so it ends.
      while (!cycle.Run(now, 0)) {
        if (random.Below(2) == 0) continue;
        for (std::uint64_t n = random.Below(60); n > 0; --n) put(static_cast<std::int64_t>(now + 1 + random.Below(2000)));
        if (random.Below(4) == 0) {
          std::uint64_t part = 1 + random.Below(4);
          for (auto it = model.begin(); it != model.end();) {
            if (random.Below(4) < part) {
              f.Remove(it->first);
              it = model.erase(it);
            } else {
              ++it;
            }
          }
        }
      }
      std::erase_if(model, [&](auto& key) { return key.second <= now; });
      EXPECT_EQ(table.size(), model.size());
      std::int64_t earliest = INT64_MAX;
      for (auto& [key, at] : model) earliest = std::min(earliest, at);
      EXPECT_LE(table.next_expire_ms(), earliest);
      if (test::FailuresInTest() > 0) {
        std::fprintf(stderr, "seed %llu, now %lld\n", static_cast<unsigned long long>(seed), static_cast<long long>(now));
        return;
      }
    }
  }
}

TEST(ExpireCycle, AFlushOrSwapInTheMiddleOfAWalkLosesNothing) {
  Quiet f;
  for (int i = 0; i < 5000; ++i) f.Put("{t}" + std::to_string(i), 1000);
  ExpireCycle cycle(*f.engine, *f.thread);
  EXPECT_FALSE(cycle.Run(2000, 0));
  f("SWAPDB 0 2");
  f.Put("{t}new", 1500);
  for (int i = 0; i < 1000 && !cycle.Run(2000, 0); ++i) {}
  cycle.Run(2000, kPlentyUs);
  cycle.Run(2000, kPlentyUs);
  EXPECT_EQ(f.engine->keyspace().KeyCount(), 0u);
  for (int i = 0; i < 5000; ++i) f.Put("{t}" + std::to_string(i), 1000);
  EXPECT_FALSE(cycle.Run(2000, 0));
  f("FLUSHALL");
  f.Put("{t}new", 1500);
  cycle.Run(2000, kPlentyUs);
  cycle.Run(2000, kPlentyUs);
  EXPECT_EQ(f.engine->keyspace().KeyCount(), 0u);
}

TEST(ExpireCycle, ALittleLatenessIsTradedForLessWork) {
  Quiet f;
  ExpireCycle cycle(*f.engine, *f.thread);
  EXPECT_EQ(cycle.lateness_ms(), 0);
  for (int i = 0; i < 100; ++i) cycle.Adapt(10'000, 100'000);
  EXPECT_EQ(cycle.lateness_ms(), ExpireCycle::kLatenessMsMax);
  f.Put("a", 1000);
  cycle.Run(1000 + cycle.lateness_ms() - 1, kPlentyUs);
  EXPECT_TRUE(f.Has("a"));
  cycle.Run(1000 + cycle.lateness_ms(), kPlentyUs);
  EXPECT_FALSE(f.Has("a"));
  for (int i = 0; i < 100; ++i) cycle.Adapt(10, 100'000);
  EXPECT_EQ(cycle.lateness_ms(), 0);
}

TEST(Cron, KeysGoByThemselves) {
  EngineFixture f;
  for (int i = 0; i < 300; ++i) f("SET k" + std::to_string(i) + " v PX 20");
  f("SET stays v PX 1000000");
  std::int64_t begin = MonotonicMs();
  while (f("DBSIZE") != ":1\r\n" && MonotonicMs() - begin < 60000) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(f("DBSIZE"), ":1\r\n");
  EXPECT_EQ(f("EXISTS stays"), ":1\r\n");
}

TEST(Cron, RestsLongerWhenNothingCanBecomeDue) {
  EngineFixture f;
  Cron cron(*f.engine);  // never started: only its decisions
  cron.Step(1000);
  cron.Step(1000);
  std::int64_t idle = cron.Step(1000);
  f("SET a 1 PX 1000000");
  EXPECT_EQ(cron.Step(1000), 100);  // hz 10
  EXPECT_GE(idle, 100);
}

TEST(Cron, StopsAtOnce) {
  // One that waited for its next round would need as long each time; one that is not run for a moment does not.
  std::int64_t best_ms = INT64_MAX;
  for (int i = 0; i < 10 && best_ms >= 400; ++i) {
    EngineFixture f;
    std::int64_t begin = MonotonicMs();
    (void)f.engine->Stop();
    best_ms = std::min(best_ms, MonotonicMs() - begin);
  }
  EXPECT_LT(best_ms, 400);
}

ONE_THREAD_TEST(Cron, HugePagesRestBesideClientsInProportionToWhatTheyTook) {
  HugePagePace pace;
  EXPECT_EQ(pace.Most(1000, false), HugePagePace::kARound);
  EXPECT_EQ(pace.Most(1000, true), 1);
  pace.Made(1000, 6000);
  const std::int64_t rest_end = 6000 + HugePagePace::kRest * 5000;
  EXPECT_EQ(pace.Most(rest_end - 1, true), 0);
  EXPECT_EQ(pace.Most(rest_end, true), 1);
  EXPECT_EQ(pace.Most(6001, false), HugePagePace::kARound);  // the clients are gone
}

}  // namespace
}  // namespace slotwise
