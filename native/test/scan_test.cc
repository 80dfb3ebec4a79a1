// SCAN's promise, and the other ways through the keyspace.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>

#include "base/random.h"
#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;

struct Page {
  std::string cursor;
  std::vector<std::string> keys;
};

// Reads *2 $cursor *keys.
Page Parse(const std::string& reply) {
  Page page;
  std::size_t at = 0;
  auto line = [&] {
    std::size_t end = reply.find("\r\n", at);
    std::string text = reply.substr(at, end - at);
    at = end + 2;
    return text;
  };
  auto bulk = [&] {
    auto n = static_cast<std::size_t>(std::atoll(line().c_str() + 1));
    std::string text = reply.substr(at, n);
    at += n + 2;
    return text;
  };
  line();
  page.cursor = bulk();
  int n = std::atoi(line().c_str() + 1);
  while (n-- > 0) page.keys.push_back(bulk());
  return page;
}

std::vector<std::string> ScanAll(EngineFixture& f, const std::string& options) {
  std::vector<std::string> keys;
  std::string cursor = "0";
  do {
    Page page = Parse(f("SCAN " + cursor + options));
    keys.insert(keys.end(), page.keys.begin(), page.keys.end());
    cursor = page.cursor;
  } while (cursor != "0");
  return keys;
}

TEST(Scan, ReturnsEveryKeyOnceWhenNothingChanges) {
  EngineFixture f;
  for (int i = 0; i < 3000; ++i) f("SET " + std::string(i % 3 == 0 ? "{t}" : "") + "k" + std::to_string(i) + " 1");
  for (std::string count : {"1", "10", "1000000"}) {
    std::vector<std::string> keys = ScanAll(f, " COUNT " + count);
    EXPECT_EQ(keys.size(), 3000u);
    EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 3000u);
  }
}

// Keys that stay are found, whatever is added and deleted between the calls. One slot, so that its table grows and
// shrinks by orders of magnitude while the cursor is within it.
TEST(Scan, KeysThatStayAreFoundWhileTheTableGrowsAndShrinks) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    EngineFixture f;
    Random random(seed);
    std::string tag = seed % 4 == 0 ? "" : "{t}";
    std::set<std::string> stay;
    for (std::uint64_t n = 1 + random.Below(200); n > 0; --n) stay.insert(tag + "stay" + std::to_string(random.Next()));
    for (const std::string& key : stay) f("SET " + key + " 1");
    std::vector<std::string> come_and_go;
    std::set<std::string> found;
    std::string cursor = "0";
    do {
      for (std::uint64_t n = random.Below(random.Below(2) == 0 ? 10 : 800); n > 0; --n) {
        if (random.Below(2) == 0) {
          come_and_go.push_back(tag + "go" + std::to_string(random.Next()));
          f("SET " + come_and_go.back() + " 1");
        }
      }
      if (random.Below(3) == 0) {
        for (const std::string& key : come_and_go) f("DEL " + key);
        come_and_go.clear();
      }
      Page page = Parse(f("SCAN " + cursor + " COUNT " + std::to_string(1 + random.Below(60))));
      found.insert(page.keys.begin(), page.keys.end());
      cursor = page.cursor;
    } while (cursor != "0");
    bool all = std::includes(found.begin(), found.end(), stay.begin(), stay.end());
    if (!all) std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    EXPECT_TRUE(all);
  }
}

TEST(Scan, Filters) {
  EngineFixture f;
  f("MSET abc 1 abd 2 xyz 3");
  EXPECT_EQ(ScanAll(f, " MATCH ab*").size(), 2u);
  EXPECT_EQ(ScanAll(f, " TYPE STRING MATCH xy?").size(), 1u);
  EXPECT_EQ(ScanAll(f, " TYPE list").size(), 0u);
  EXPECT_EQ(f("KEYS x*"), "*1\r\n$3\r\nxyz\r\n");
}

TEST(Scan, CursorsAreReadAsRedisReadsThem) {
  EngineFixture f;
  f("SET a 1");
  for (std::string bad : {"x", "1x", "\" 1\"", "99999999999999999999"}) EXPECT_EQ(f("SCAN " + bad), "-ERR invalid cursor\r\n");
  // Any number is a cursor, also one that nobody was given.
  for (std::string odd : {"18446744073709551615", "-1", "\"\"", "16383", "274877906943"}) EXPECT_EQ(f("SCAN " + odd).substr(0, 2), "*2");
  EXPECT_EQ(f("SCAN x COUNT x"), "-ERR invalid cursor\r\n");
  EXPECT_EQ(f("SCAN 0 COUNT 0"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("SCAN 0 COUNT x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(f("SCAN 0 MATCH"), "-ERR syntax error\r\n");
}

TEST(Scan, WorksInsideATransaction) {
  EngineFixture f;
  f("SET a 1");
  f("MULTI");
  f("SCAN 0");
  f("KEYS *");
  f("RANDOMKEY");
  f("DBSIZE");
  EXPECT_EQ(f("EXEC"), "*4\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n*1\r\n$1\r\na\r\n$1\r\na\r\n:1\r\n");
}

TEST(Scan, RandomKeyIsFairToKeysOfLargeAndSmallSlots) {
  EngineFixture f;
  // 30 keys in one slot, 10 in slots of their own: each should come up once in 40 times.
  for (int i = 0; i < 30; ++i) f("SET {t}" + std::to_string(i) + " 1");
  for (int i = 0; i < 10; ++i) f("SET alone" + std::to_string(i) + " 1");
  int alone = 0;
  constexpr int kRounds = 8000;
  for (int i = 0; i < kRounds; ++i) alone += f("RANDOMKEY").find("alone") != std::string::npos;
  // 2000 expected, standard deviation 39.
  EXPECT_GT(alone, 1750);
  EXPECT_LT(alone, 2250);
}

}  // namespace
}  // namespace slotwise
