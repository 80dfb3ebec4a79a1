// Sorted sets as values: the packed and the big form answer alike, whatever is done to them; when one becomes the other;
// what is stored of a score.
#include "values/sorted_set.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "test.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

constexpr SortedSetLimits kSmall{100'000, 1000};
constexpr SortedSetLimits kBig{0, 0};

struct Member {
  std::string name;
  double score;
  bool operator==(const Member& o) const { return name == o.name && score == o.score; }
};

std::vector<Member> Read(const SortedSet& set, std::size_t from, std::size_t count, bool down) {
  std::vector<Member> all;
  set.Visit(from, count, down, true, [&](std::string_view member, double score) { all.push_back({std::string(member), score}); });
  return all;
}

// An owner for one set, as an entry is.
struct Owner {
  explicit Owner(SortedSet s) : entry(Entry::Create(Type::kZSet, s.encoding(), "k", 8, kNoExpire, false)) { entry->set_pointer(s.object()); }
  ~Owner() {
    set().Free();
    entry->Destroy();
  }
  SortedSet set() const { return SortedSet(entry); }
  Entry* entry;
};

std::string RandomMember(Random& random) {
  switch (random.Below(4)) {
    case 0: return std::to_string(static_cast<std::int64_t>(random.Below(60)) - 30);  // stored as an integer
    case 1: return "0" + std::to_string(random.Below(20));
    case 2: return std::string(1, static_cast<char>(random.Below(256)));
    default: return "member:" + std::to_string(random.Below(40));
  }
}

double RandomScore(Random& random) {
  constexpr double kSpecial[] = {0, -1, 1, 0.1, 1e17, 1e300, -1e-300, HUGE_VAL, -HUGE_VAL, 4611686018427387904.0, 9007199254740993.0};
  return random.Below(3) == 0 ? kSpecial[random.Below(std::size(kSpecial))] : static_cast<double>(random.Below(20)) / 4;
}

ONE_THREAD_TEST(SortedSetValue, BothFormsAnswerAlike) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Random random(seed);
    Owner packed(SortedSet::Create("", kSmall));
    Owner big(SortedSet::Create("", kBig));
    for (int i = 0; i < 3000; ++i) {
      SortedSet a = packed.set(), b = big.set();
      ASSERT_TRUE(a.packed() && !b.packed());
      std::string member = RandomMember(random);
      std::uint64_t op = random.Below(10);
      if (op < 6) {
        SortedSet::AddOptions options;
        options.increment = random.Below(4) == 0;
        options.only_new = random.Below(6) == 0;
        options.only_existing = !options.only_new && random.Below(6) == 0;
        options.only_greater = !options.only_new && random.Below(6) == 0;
        options.only_less = !options.only_new && !options.only_greater && random.Below(6) == 0;
        double sa = RandomScore(random), sb = sa;
        ASSERT_TRUE(a.Add(&sa, member, options, kSmall) == b.Add(&sb, member, options, kBig));
        ASSERT_TRUE(sa == sb);
      } else if (op < 8) {
        ASSERT_EQ(a.Remove(member), b.Remove(member));
      } else if (op == 8 && a.size() > 60) {
        std::size_t first = random.Below(a.size());
        RankRange range{first, first + random.Below(a.size() - first + 1)};
        a.RemoveRange(range);
        b.RemoveRange(range);
      }
      ASSERT_EQ(a.size(), b.size());
      ASSERT_TRUE(a.Score(member) == b.Score(member) && a.Rank(member) == b.Rank(member));
      ScoreRange scores{RandomScore(random), RandomScore(random), random.Below(2) == 0, random.Below(2) == 0};
      RankRange ra = a.Find(scores), rb = b.Find(scores);
      ASSERT_TRUE(ra.size() == rb.size() && (ra.empty() || ra.first == rb.first));
      if (!ra.empty()) ASSERT_TRUE(Read(a, ra.first, ra.size(), false) == Read(b, rb.first, rb.size(), false));
      if (i % 100 == 0) {
        ASSERT_TRUE(b.big()->tree.Check());
        ASSERT_TRUE(a.size() == 0 || Read(a, a.size() - 1, a.size(), true) == Read(b, b.size() - 1, b.size(), true));
      }
    }
  }
}

ONE_THREAD_TEST(SortedSetValue, MemberRangesAgreeWhereScoresAreEqual) {
  Random random(5);
  Owner packed(SortedSet::Create("", kSmall)), big(SortedSet::Create("", kBig));
  for (int i = 0; i < 300; ++i) {
    std::string member = RandomMember(random);
    double score = 0;
    SortedSet a = packed.set(), b = big.set();
    a.Add(&score, member, {}, kSmall);
    b.Add(&score, member, {}, kBig);
  }
  const char* forms = "[(-+";
  for (int i = 0; i < 3000; ++i) {
    auto end = [&] {
      char form = forms[random.Below(4)];
      return form == '-' || form == '+' ? std::string(1, form) : std::string(1, form) + RandomMember(random);
    };
    std::string min = end(), max = end();
    LexRange range;
    ASSERT_TRUE(range.Parse(min, max));
    RankRange ra = packed.set().Find(range), rb = big.set().Find(range);
    ASSERT_TRUE(ra.size() == rb.size() && (ra.empty() || ra.first == rb.first));
    std::size_t counted = 0;
    packed.set().VisitAll([&](std::string_view m, double) { counted += !range.Empty() && range.ReachesMin(m) && range.WithinMax(m) ? 1 : 0; });
    ASSERT_EQ(counted, ra.size());
  }
}

ONE_THREAD_TEST(SortedSetValue, BecomesBigAtTheLimitsAndStaysSo) {
  Owner o(SortedSet::Create("a", {3, 5}));
  auto add = [&](const char* member) {
    double score = 1;
    SortedSet set = o.set();
    (void)set.Add(&score, member, {}, {3, 5});
    return set.packed();
  };
  EXPECT_TRUE(add("a"));
  EXPECT_TRUE(add("12345"));
  EXPECT_TRUE(add("c"));
  EXPECT_TRUE(add("c"));  // no new member
  EXPECT_FALSE(add("d"));
  SortedSet set = o.set();
  EXPECT_EQ(set.size(), std::size_t{4});
  for (const char* m : {"a", "c", "d"}) EXPECT_TRUE(set.Remove(m));
  EXPECT_FALSE(o.set().packed());
  Owner longer(SortedSet::Create("a", {3, 5}));
  double score = 2;
  SortedSet other = longer.set();
  (void)other.Add(&score, "1", {}, {3, 5});
  (void)other.Add(&score, "123456", {}, {3, 5});
  EXPECT_FALSE(longer.set().packed());
  EXPECT_TRUE(longer.set().Score("1") == 2.0);
  Owner first(SortedSet::Create("123456", {3, 5}));
  EXPECT_FALSE(first.set().packed());
  Owner none(SortedSet::Create("a", {0, 5}));
  EXPECT_FALSE(none.set().packed());
}

ONE_THREAD_TEST(SortedSetValue, BuildsResultsInTheRightForm) {
  std::vector<ScoredMember> members;
  for (int i = 0; i < 10; ++i) members.push_back({static_cast<double>(i), i % 2 == 0 ? "x" : "longer"});
  Owner packed(SortedSet::CreateFrom(members, {10, 6})), big(SortedSet::CreateFrom(members, {9, 6})), wide(SortedSet::CreateFrom(members, {10, 5}));
  EXPECT_TRUE(packed.set().packed());
  EXPECT_FALSE(big.set().packed());
  EXPECT_FALSE(wide.set().packed());
  EXPECT_TRUE(Read(packed.set(), 0, 10, false) == Read(wide.set(), 0, 10, false));
}

ONE_THREAD_TEST(SortedSetValue, ANegativeZeroSurvivesOnlyInTheBigForm) {
  Owner packed(SortedSet::Create("", kSmall)), big(SortedSet::Create("", kBig));
  double score = -0.0;
  SortedSet a = packed.set(), b = big.set();
  (void)a.Add(&score, "m", {}, kSmall);
  (void)b.Add(&score, "m", {}, kBig);
  EXPECT_FALSE(std::signbit(*packed.set().Score("m")));
  EXPECT_TRUE(std::signbit(*big.set().Score("m")));
}

ONE_THREAD_TEST(SortedSetValue, ACopyIsEqualAndItsOwn) {
  for (const SortedSetLimits& limits : {kSmall, kBig}) {
    Owner o(SortedSet::Create("", limits));
    for (int i = 0; i < 500; ++i) {
      double score = i % 7;
      SortedSet set = o.set();
      (void)set.Add(&score, "m" + std::to_string(i), {}, limits);
    }
    const ValueOps* ops = OpsOf(Type::kZSet);
    Owner copy(SortedSet(o.entry->encoding(), ops->copy(o.entry->encoding(), o.entry->pointer())));
    EXPECT_TRUE(Read(o.set(), 0, 500, false) == Read(copy.set(), 0, 500, false));
    SortedSet set = o.set();
    EXPECT_TRUE(set.Remove("m3"));
    EXPECT_TRUE(copy.set().Score("m3").has_value());
    EXPECT_TRUE(ops->memory(o.entry->encoding(), o.entry->pointer()) > 500 * 4);
    EXPECT_EQ(ops->free_effort(o.entry->encoding(), o.entry->pointer()), limits.max_entries == 0 ? std::size_t{499} : std::size_t{1});
  }
}

}  // namespace
}  // namespace slotwise
