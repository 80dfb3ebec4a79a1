#include "keyspace/database.h"

#include <map>
#include <string>

#include "test.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

std::string Read(Database& db, const std::string& key) {
  auto place = db.Find(KeyRef(key));
  if (!place) return "<none>";
  IntScratch scratch;
  return std::string(StringBytes(place.entry(), scratch));
}

void Put(Database& db, const std::string& key, const std::string& value, std::int64_t expire = kNoExpire) {
  KeyRef ref(key);
  db.SetString(ref, db.Find(ref), value, expire);
}

ONE_THREAD_TEST(Database, EncodingsAreChosenAsRedisDoes) {
  Database db;
  auto encoding = [&](const std::string& value) {
    Put(db, "k", value);
    return db.Find(KeyRef("k")).entry()->encoding();
  };
  EXPECT_TRUE(encoding("12345") == Encoding::kInt);
  EXPECT_TRUE(encoding("-9223372036854775808") == Encoding::kInt);
  EXPECT_TRUE(encoding("9223372036854775808") == Encoding::kEmbstr);
  EXPECT_TRUE(encoding("007") == Encoding::kEmbstr);
  EXPECT_TRUE(encoding("") == Encoding::kEmbstr);
  EXPECT_TRUE(encoding(std::string(44, 'a')) == Encoding::kEmbstr);
  EXPECT_TRUE(encoding(std::string(45, 'a')) == Encoding::kRaw);
  EXPECT_TRUE(encoding(std::string(100000, 'a')) == Encoding::kRaw);
}

ONE_THREAD_TEST(Database, ModelOfRandomChanges) {
  std::uint64_t memory = UsedMemory();
  {
    Database db;
    Random random(5);
    std::map<std::string, std::pair<std::string, std::int64_t>> model;
    for (int i = 0; i < 40000; ++i) {
      std::string key = "k" + std::to_string(random.Below(500));
      KeyRef ref(key);
      auto place = db.Find(ref);
      ASSERT_EQ(static_cast<bool>(place), model.count(key) == 1);
      switch (random.Below(6)) {
        case 0: {
          std::size_t sizes[] = {0, 5, 44, 45, 300, 2048, 2049, 9000};
          std::string value(sizes[random.Below(8)], static_cast<char>('a' + random.Below(26)));
          std::int64_t expire = random.Below(2) ? kNoExpire : 1000 + i;
          db.SetString(ref, place, value, expire);
          model[key] = {value, expire};
          break;
        }
        case 1: {
          auto v = static_cast<std::int64_t>(random.Next());
          db.SetInt(ref, place, v, kNoExpire);
          model[key] = {std::to_string(v), kNoExpire};
          break;
        }
        case 2: {
          std::size_t size = random.Below(5000);
          Entry* e = nullptr;
          char* bytes = db.GrowString(ref, place, size, &e);
          auto& m = model.try_emplace(key, "", kNoExpire).first->second;
          if (m.first.size() < size) m.first.resize(size, '\0');
          if (!m.first.empty()) {
            std::size_t at = random.Below(m.first.size());
            bytes[at] = 'Z';
            m.first[at] = 'Z';
          }
          break;
        }
        case 3:
          if (place) {
            std::int64_t expire = random.Below(2) ? kNoExpire : 5000 + i;
            db.SetExpire(ref, place, expire);
            model[key].second = expire;
          }
          break;
        case 4:
          if (place) {
            db.Erase(ref, place);
            model.erase(key);
          }
          break;
        default:
          if (place) {
            Entry* e = db.Detach(ref, place);
            db.Attach(ref, e);
          }
      }
      auto now = db.Find(ref);
      if (model.count(key) == 1) {
        ASSERT_EQ(Read(db, key), model[key].first);
        ASSERT_EQ(now.entry()->expire_at_ms(), model[key].second);
      }
    }
    std::uint64_t expiring = 0;
    for (const auto& [key, value] : model) expiring += value.second != kNoExpire;
    EXPECT_EQ(db.KeyCount(), model.size());
    EXPECT_EQ(db.ExpiringCount(), expiring);
    std::size_t found = 0;
    for (int slot = db.NextNonEmptySlot(0); slot < kSlotCount; slot = db.NextNonEmptySlot(slot + 1)) found += db.Table(slot).size();
    EXPECT_EQ(found, model.size());
  }
  EXPECT_EQ(UsedMemory(), memory);
}

ONE_THREAD_TEST(Database, ASharedBlobIsCopiedBeforeItChanges) {
  Database db;
  Put(db, "k", std::string(10000, 'a'));
  Blob* held = db.Find(KeyRef("k")).entry()->pointer<Blob>();
  held->Ref();
  KeyRef ref("k");
  Entry* e = nullptr;
  db.GrowString(ref, db.Find(ref), 10000, &e)[0] = 'b';
  EXPECT_EQ(held->view()[0], 'a');
  EXPECT_EQ(Read(db, "k")[0], 'b');
  held->Unref();
}

ONE_THREAD_TEST(Database, RandomSlotIsWeightedByKeys) {
  Database db;
  for (int i = 0; i < 90; ++i) Put(db, "{a}" + std::to_string(i), "x");
  for (int i = 0; i < 10; ++i) Put(db, "{b}" + std::to_string(i), "x");
  Random random(9);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) hits += db.RandomSlot(random) == HashSlot("{a}");
  EXPECT_TRUE(hits > 8800 && hits < 9200);
}

// Whether slots are alike or one holds half of all keys: each is drawn as often as it has keys.
ONE_THREAD_TEST(Database, RandomSlotsAreDrawnByTheirNumberOfKeys) {
  Random random(7);
  Database db;
  EXPECT_FALSE(db.used());
  EXPECT_EQ(db.RandomSlot(random), -1);
  constexpr int kKeys = 4000;
  for (int i = 0; i < kKeys; ++i) Put(db, "k" + std::to_string(i), "v");
  for (int big : {0, kKeys}) {
    for (int i = 0; i < big; ++i) Put(db, "{big}" + std::to_string(i), "v");
    int slot = KeyRef("{big}").slot, hits = 0, even = 0;
    for (int i = 0; i < 4000; ++i) {
      int drawn = db.RandomSlot(random);
      ASSERT_TRUE(drawn >= 0 && db.Table(drawn).size() > 0);
      hits += drawn == slot ? 1 : 0;
      even += drawn != slot && drawn % 2 == 0 ? 1 : 0;
    }
    if (big > 0) EXPECT_TRUE(hits > 1700 && hits < 2300);
    EXPECT_TRUE(even > (4000 - hits) * 4 / 10 && even < (4000 - hits) * 6 / 10);
  }
  EXPECT_TRUE(db.used());
}

}  // namespace
}  // namespace slotwise
