#include "keyspace/slot_table.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "keyspace/key_ref.h"
#include "test.h"

namespace slotwise {
namespace {

Entry* Make(const std::string& key, std::int64_t expire = kNoExpire) {
  return Entry::Create(Type::kString, Encoding::kInt, key, 8, expire, false);
}

struct Table {
  SlotTable table;
  ~Table() { table.Clear([](Entry* e) { e->Destroy(); }); }
  void Add(const std::string& key, std::int64_t expire = kNoExpire) { table.Insert(Make(key, expire), KeyHash(key)); }
  bool Remove(const std::string& key) {
    auto place = table.Find(key, KeyHash(key));
    if (!place) return false;
    Entry* e = place.entry();
    table.Erase(place, KeyHash(key));
    e->Destroy();
    return true;
  }
  bool Has(const std::string& key) { return static_cast<bool>(table.Find(key, KeyHash(key))); }
};

ONE_THREAD_TEST(SlotTable, ModelOfRandomInsertsAndErases) {
  Table t;
  Random random(42);
  std::set<std::string> model;
  for (int i = 0; i < 60000; ++i) {
    // Grows to thousands of keys and back, several times: past the first segment and down again.
    bool growing = (i / 10000) % 2 == 0;
    std::string key = "key:" + std::to_string(random.Below(20000));
    if (random.Below(10) < (growing ? 8u : 2u)) {
      if (model.insert(key).second) t.Add(key);
    } else {
      EXPECT_EQ(t.Remove(key), model.erase(key) == 1);
    }
    ASSERT_EQ(t.table.size(), model.size());
  }
  for (const auto& key : model) ASSERT_TRUE(t.Has(key));
  std::size_t seen = 0;
  for (std::uint32_t b = 0; b < t.table.bucket_count(); ++b) t.table.VisitBucket(b, [&](Entry* e) { seen += model.count(std::string(e->key())); });
  EXPECT_EQ(seen, model.size());
  while (!model.empty()) {
    ASSERT_TRUE(t.Remove(*model.begin()));
    model.erase(model.begin());
  }
  EXPECT_EQ(t.table.bucket_count(), 0u);
  EXPECT_EQ(t.table.IndexMemory(), 0u);
}

ONE_THREAD_TEST(SlotTable, IndexCostsAtMostFifteenBytesAKey) {
  // Most at 5000, with a segment that has only just begun: 15.39, and 15.501 in 2 of 400 other ways for the hashes to fall.
  for (int n : {300, 1000, 5000, 50000}) {
    Table t;
    for (int i = 0; i < n; ++i) t.Add("key:" + std::to_string(i));
    double bytes = static_cast<double>(t.table.IndexMemory()) / n;
    EXPECT_LT(bytes, 15.5);
  }
}

// From one bucket to more than one segment, with more or fewer items than expected, in tables that go on growing and shrinking.
ONE_THREAD_TEST(SlotTable, ATableMadeWideEnoughIsOneThatHasGrown) {
  for (int expected : {0, 1, 5, 6, 7, 300, 1530, 1536, 5000}) {
    for (int n : {1, 10, 400, 3000}) {
      Table t;
      t.table.Reserve(static_cast<std::uint64_t>(expected));
      t.Add("first");
      if (expected > 0) EXPECT_GE(t.table.bucket_count(), static_cast<std::uint32_t>(std::min(expected, 1536) / 6));
      t.table.Reserve(100000);  // does nothing to one that holds something
      EXPECT_LE(t.table.bucket_count(), 256u);
      for (int i = 1; i < n; ++i) t.Add("key:" + std::to_string(i));
      for (int i = 1; i < n; ++i) ASSERT_TRUE(t.Has("key:" + std::to_string(i)));
      std::size_t scanned = 0;
      for (std::uint64_t cursor = 0;;) {
        cursor = t.table.Scan(cursor, [&](Entry*) { ++scanned; });
        if (cursor == 0) break;
      }
      EXPECT_EQ(scanned, static_cast<std::size_t>(n));
      for (int i = 1; i < n; ++i) ASSERT_TRUE(t.Remove("key:" + std::to_string(i)));
      ASSERT_TRUE(t.Has("first"));
      ASSERT_TRUE(t.Remove("first"));
      EXPECT_EQ(t.table.IndexMemory(), 0u);
    }
  }
}

ONE_THREAD_TEST(SlotTable, ScanReturnsWhatStaysWhileTheTableGrowsAndShrinks) {
  Random random(3);
  for (int round = 0; round < 30; ++round) {
    Table t;
    std::set<std::string> stay;
    for (int i = 0; i < 1500; ++i) {
      stay.insert("stay:" + std::to_string(i));
      t.Add("stay:" + std::to_string(i));
    }
    int extra = 0;
    for (; extra < (round % 3) * 3000; ++extra) t.Add("extra:" + std::to_string(extra));
    int removed = 0;
    std::set<std::string> seen;
    std::uint64_t cursor = 0;
    int steps = 0;
    do {
      cursor = t.table.Scan(cursor, [&](Entry* e) { seen.insert(std::string(e->key())); });
      std::uint64_t changes = random.Below(40);
      for (std::uint64_t c = 0; c < changes; ++c) {
        if (round % 2 == 0) t.Add("extra:" + std::to_string(extra++));
        else if (removed < extra) t.Remove("extra:" + std::to_string(removed++));
      }
    } while (cursor != 0 && ++steps < 100000);
    EXPECT_EQ(cursor, 0u);
    for (const auto& key : stay) ASSERT_TRUE(seen.count(key) == 1);
  }
}

ONE_THREAD_TEST(SlotTable, ExpiringEntriesAreCountedAndVisited) {
  Table t;
  for (int i = 0; i < 1000; ++i) t.Add("k" + std::to_string(i), i % 4 == 0 ? 1000 + i : kNoExpire);
  EXPECT_EQ(t.table.expiring(), 250u);
  EXPECT_EQ(t.table.next_expire_ms(), 1000);
  std::size_t visited = 0;
  for (std::uint32_t b = 0; b < t.table.bucket_count(); ++b) {
    t.table.VisitExpiringInBucket(b, [&](Entry* e) {
      EXPECT_TRUE(e->has_expire());
      ++visited;
    });
  }
  EXPECT_EQ(visited, 250u);
}

ONE_THREAD_TEST(SlotTable, RandomEntryIsFair) {
  Table t;
  constexpr int kKeys = 40;
  for (int i = 0; i < kKeys; ++i) t.Add("k" + std::to_string(i));
  std::map<std::string, int> counts;
  Random random(11);
  constexpr int kDraws = 40000;
  for (int i = 0; i < kDraws; ++i) ++counts[std::string(t.table.RandomEntry(random)->key())];
  EXPECT_EQ(counts.size(), static_cast<std::size_t>(kKeys));
  // Expected 1000 each; five standard deviations are 158.
  for (const auto& [key, n] : counts) EXPECT_TRUE(n > 840 && n < 1160);
}

ONE_THREAD_TEST(SlotTable, KeysOfAnyLengthAndBytes) {
  Table t;
  for (std::size_t n : {0, 1, 7, 8, 15, 16, 17, 254, 255, 256, 70000}) {
    std::string key(n, 'x');
    if (n > 2) key[1] = '\0';
    t.Add(key);
    EXPECT_TRUE(t.Has(key));
    EXPECT_FALSE(t.Has(key + "y"));
  }
  EXPECT_EQ(t.table.size(), 11u);
}

}  // namespace
}  // namespace slotwise
