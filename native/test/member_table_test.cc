#include "values/member_table.h"

#include <map>
#include <set>
#include <string>

#include "test.h"

namespace slotwise {
namespace {

// Owns a table for the length of a test, and sees that nothing is left behind.
template <typename T>
struct Owned {
  std::uint64_t before = UsedMemory();
  T* table = T::Create();
  ~Owned() {
    if (table != nullptr) table->Destroy();
    EXPECT_EQ(UsedMemory(), before);
  }
  T* operator->() { return table; }
};

void Add(MemberSet* set, const std::string& member) { set->Insert(MemberItem::Create(member), KeyHash(member)); }
bool Remove(MemberSet* set, const std::string& member) {
  auto place = set->Find(member);
  if (place) set->Erase(place, KeyHash(member));
  return static_cast<bool>(place);
}

ONE_THREAD_TEST(MemberTable, SetAgainstAModelWhileItGrowsAndShrinks) {
  Owned<MemberSet> set;
  Random random(5);
  std::set<std::string> model;
  for (int i = 0; i < 80000; ++i) {
    bool growing = (i / 20000) % 2 == 0;
    // Some members are longer than what one byte of length can say.
    std::uint64_t n = random.Below(15000);
    std::string member = "m:" + std::to_string(n) + std::string(n % 500 == 0 ? 300 : 0, 'x');
    if (random.Below(10) < (growing ? 8u : 2u)) {
      if (model.insert(member).second) Add(set.table, member);
    } else {
      ASSERT_EQ(Remove(set.table, member), model.erase(member) == 1);
    }
    ASSERT_EQ(set->size(), model.size());
  }
  std::size_t bytes = 0, seen = 0;
  set->VisitAll([&](const MemberItem* item) {
    seen += model.count(std::string(item->member()));
    bytes += item->memory();
  });
  EXPECT_EQ(seen, model.size());
  EXPECT_TRUE(set->memory() > bytes);
  for (const std::string& member : model) ASSERT_TRUE(Remove(set.table, member));
  EXPECT_EQ(set->size(), 0u);
  EXPECT_EQ(set->memory(), AllocatedSize(sizeof(MemberSet)));
}

ONE_THREAD_TEST(MemberTable, FieldsOfAllLengthsKeepTheirValues) {
  Owned<FieldTable> table;
  std::map<std::string, std::string> model;
  const std::size_t lengths[] = {0, 1, 7, 254, 255, 256, 70000};
  for (std::size_t f : lengths) {
    std::string field(f, 'f');
    for (std::size_t v : lengths) {
      std::string value(v, static_cast<char>('a' + v % 26));
      auto place = table->Find(field);
      if (place) {
        EXPECT_EQ(place.item()->Overwrite(value), model[field].size() == v);
        table->Replace(place, FieldItem::Create(field, value));
      } else {
        table->Insert(FieldItem::Create(field, value), KeyHash(field));
      }
      model[field] = value;
      EXPECT_TRUE(table->Find(field).item()->value() == value);
    }
  }
  EXPECT_EQ(table->size(), model.size());
  std::string same(70000, 'z');
  EXPECT_TRUE(table->Find("").item()->Overwrite(same));
  EXPECT_TRUE(table->Find("").item()->value() == same);
  std::size_t bytes = 0;
  table->VisitAll([&](const FieldItem* item) { bytes += item->memory(); });
  EXPECT_TRUE(table->memory() > bytes && table->memory() < bytes + 1024);
}

ONE_THREAD_TEST(MemberTable, ScoresAreFoundAndChanged) {
  Owned<ScoreTable> table;
  for (int i = 0; i < 3000; ++i) {
    std::string member = std::to_string(i) + std::string(i == 7 ? 400 : 0, 'y');
    table->Insert(ScoreItem::Create(i / 4.0, member), KeyHash(member));
  }
  for (int i = 0; i < 3000; ++i) {
    std::string member = std::to_string(i) + std::string(i == 7 ? 400 : 0, 'y');
    ScoreItem* item = table->Find(member).item();
    ASSERT_TRUE(item != nullptr && item->member() == member);
    EXPECT_EQ(item->score(), i / 4.0);
    item->set_score(-i);
    EXPECT_EQ(table->Find(member).item()->score(), -i);
  }
  ScoreItem* taken = table->Take(table->Find("12"), KeyHash("12"));
  EXPECT_FALSE(static_cast<bool>(table->Find("12")));
  EXPECT_EQ(taken->score(), -12.0);
  taken->Destroy();
}

ONE_THREAD_TEST(MemberTable, ACopyIsIndependent) {
  Owned<MemberSet> set;
  for (int i = 0; i < 2000; ++i) Add(set.table, std::to_string(i));
  MemberSet* copy = set->Copy();
  set->Clear();
  EXPECT_EQ(copy->size(), 2000u);
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(static_cast<bool>(copy->Find(std::to_string(i))));
  copy->Destroy();
}

// A table of 16 members, and one of many with chains of all lengths.
ONE_THREAD_TEST(MemberTable, RandomItemsAreFair) {
  for (int members : {1, 16, 700}) {
    Owned<MemberSet> set;
    for (int i = 0; i < members; ++i) Add(set.table, std::to_string(i));
    std::map<std::string, int> counts;
    Random random(17);
    int draws = members * 2000;
    for (int i = 0; i < draws; ++i) ++counts[std::string(set->RandomItem(random)->member())];
    EXPECT_EQ(counts.size(), static_cast<std::size_t>(members));
    double chi = 0;
    for (const auto& [member, n] : counts) chi += (n - 2000.0) * (n - 2000.0) / 2000.0;
    // Chi square with k degrees of freedom: mean k, deviation sqrt(2k). Six deviations.
    double k = members - 1;
    EXPECT_TRUE(chi <= k + 6 * __builtin_sqrt(2 * k));
  }
}

ONE_THREAD_TEST(MemberTable, ScanSeesWhatStaysWhileMembersComeAndGo) {
  Owned<MemberSet> set;
  std::set<std::string> stay, seen;
  for (int i = 0; i < 1000; ++i) stay.insert("stay:" + std::to_string(i));
  for (const std::string& member : stay) Add(set.table, member);
  for (int i = 0; i < 5000; ++i) Add(set.table, "go:" + std::to_string(i));
  std::uint64_t cursor = 0;
  int gone = 0, come = 0;
  do {
    cursor = set->Scan(cursor, [&](const MemberItem* item) { seen.insert(std::string(item->member())); });
    for (int i = 0; i < 20 && gone < 5000; ++i) Remove(set.table, "go:" + std::to_string(gone++));
    if (gone == 5000) Add(set.table, "come:" + std::to_string(come++));
  } while (cursor != 0);
  for (const std::string& member : stay) ASSERT_TRUE(seen.count(member) == 1);
}

// What the memory goals rest on: a member of 16 bytes takes 56 bytes in Redis, a field and value of 16 bytes 80.
ONE_THREAD_TEST(MemberTable, BigTablesTakeLessThanThreeQuartersOfRedis) {
  constexpr int kMembers = 200000;
  auto name = [](int i) { return std::to_string(1000000000000000 + i); };
  {
    Owned<MemberSet> set;
    for (int i = 0; i < kMembers; ++i) Add(set.table, name(i));
    EXPECT_TRUE(static_cast<double>(set->memory()) / kMembers < 0.75 * 56);
  }
  Owned<FieldTable> table;
  for (int i = 0; i < kMembers; ++i) table->Insert(FieldItem::Create(name(i), name(i)), KeyHash(name(i)));
  EXPECT_TRUE(static_cast<double>(table->memory()) / kMembers < 0.75 * 80);
}

}  // namespace
}  // namespace slotwise
