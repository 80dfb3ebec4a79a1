// The B+tree of sorted sets against std::set: thousands of random operations each round, the invariants checked
// throughout. Seeds are fixed; a failure prints the one it happened with.
#include "values/score_tree.h"

#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

using Key = std::pair<double, std::string>;

// A tree that owns its items, and the model.
class Pair {
 public:
  ~Pair() {
    for (ScoreTree::Cursor c = tree.First(); c; c = c.Next()) c.item()->Destroy();
  }
  void Insert(double score, const std::string& member) {
    if (!model.emplace(score, member).second) return;
    tree.Insert(ScoreItem::Create(score, member));
  }
  void EraseRank(std::size_t rank) {
    ScoreItem* item = tree.Select(rank).item();
    tree.Erase(item);
    item->Destroy();
    model.erase(std::next(model.begin(), static_cast<std::ptrdiff_t>(rank)));
  }
  void UpdateRank(std::size_t rank, double score) {
    auto old = std::next(model.begin(), static_cast<std::ptrdiff_t>(rank));
    Key changed{score, old->second};
    if (model.contains(changed)) return;
    model.erase(old);
    model.insert(changed);
    tree.UpdateScore(tree.Select(rank).item(), score);
  }
  void EraseRange(std::size_t rank, std::size_t count) {
    auto from = std::next(model.begin(), static_cast<std::ptrdiff_t>(rank));
    auto expected = from;
    tree.EraseRange(rank, count, [&](ScoreItem* item) {
      EXPECT_TRUE(item->score() == expected->first && item->member() == expected->second);
      ++expected;
      item->Destroy();
    });
    model.erase(from, expected);
  }
  void Pop(bool first) {
    if (model.empty()) return;
    ScoreItem* item = first ? tree.PopFirst() : tree.PopLast();
    auto expected = first ? model.begin() : std::prev(model.end());
    EXPECT_TRUE(item->score() == expected->first && item->member() == expected->second);
    model.erase(expected);
    item->Destroy();
  }
  // Same content forwards, backwards, by rank.
  bool Same() const {
    if (!tree.Check() || tree.size() != model.size()) return false;
    auto at = model.begin();
    std::size_t rank = 0;
    for (ScoreTree::Cursor c = tree.First(); c; c = c.Next(), ++at, ++rank) {
      if (at == model.end() || c.score() != at->first || c.item()->member() != at->second) return false;
      if (tree.Rank(c.item()) != rank || tree.Select(rank).item() != c.item()) return false;
    }
    auto back = model.rbegin();
    for (ScoreTree::Cursor c = tree.Last(); c; c = c.Prev(), ++back) {
      if (back == model.rend() || c.item()->member() != back->second) return false;
    }
    return at == model.end() && back == model.rend() && !tree.Select(rank);
  }

  ScoreTree tree;
  std::set<Key> model;
};

ONE_THREAD_TEST(ScoreTree, AnswersAsASetAfterAnyOperations) {
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    Random random(seed);
    Pair p;
    // Few scores make ties, where members decide; the mix of additions and removals swings, so that it grows and shrinks.
    std::uint64_t scores = seed % 3 == 0 ? 3 : seed % 3 == 1 ? 50 : 1'000'000;
    bool good = true;
    for (int i = 0; i < 12'000 && good; ++i) {
      bool growing = (i / 3000) % 2 == 0;
      std::uint64_t op = random.Below(100);
      std::size_t size = p.model.size();
      if (size == 0 || op < (growing ? 75u : 25u)) {
        p.Insert(static_cast<double>(random.Below(scores)) / 2, std::to_string(random.Below(4000)));
      } else if (op < 85) {
        p.EraseRank(random.Below(size));
      } else if (op < 95) {
        p.UpdateRank(random.Below(size), static_cast<double>(random.Below(scores)) / 2);
      } else if (op < 97) {
        p.Pop(random.Below(2) == 0);
      } else if (!growing || op == 97) {
        std::size_t rank = random.Below(size);
        p.EraseRange(rank, 1 + random.Below(std::min<std::size_t>(size - rank, 200)));
      }
      if (i % 500 == 0) good = p.Same();
    }
    if (!good || !p.Same()) return test::Fail(__FILE__, __LINE__, "seed " + std::to_string(seed));
  }
}

ONE_THREAD_TEST(ScoreTree, CountsWhatLiesBeforeABound) {
  Random random(7);
  Pair p;
  for (int i = 0; i < 5000; ++i) p.Insert(static_cast<double>(random.Below(300)), std::to_string(random.Next()));
  for (int bound = -1; bound <= 300; ++bound) {
    auto less = [bound](double s, const ScoreItem*) { return s < bound; };
    auto less_or_equal = [bound](double s, const ScoreItem*) { return s <= bound; };
    auto first = p.model.lower_bound({bound, ""});
    auto last = p.model.lower_bound({bound + 1, ""});
    EXPECT_EQ(p.tree.CountBefore(less), static_cast<std::size_t>(std::distance(p.model.begin(), first)));
    EXPECT_EQ(p.tree.CountBefore(less_or_equal), static_cast<std::size_t>(std::distance(p.model.begin(), last)));
  }
}

ONE_THREAD_TEST(ScoreTree, BuildsFromSortedItems) {
  for (std::size_t n : {0, 1, 6, 7, 14, 15, 30, 31, 128, 1890, 1891, 50'000}) {
    Pair p;
    std::vector<ScoreItem*> items;
    for (std::size_t i = 0; i < n; ++i) {
      p.model.emplace(static_cast<double>(i), "m");
      items.push_back(ScoreItem::Create(static_cast<double>(i), "m"));
    }
    p.tree.Build(items);
    EXPECT_TRUE(p.Same());
    for (int i = 0; i < 200; ++i) p.Insert(i * 3.5, "x");
    while (p.model.size() > 10) p.EraseRange(p.model.size() / 3, p.model.size() / 4 + 1);
    EXPECT_TRUE(p.Same());
  }
}

ONE_THREAD_TEST(ScoreTree, FillsLeavesThatGrowAtOneEnd) {
  for (bool ascending : {true, false}) {
    Pair p;
    constexpr std::size_t kCount = 20'000;
    for (std::size_t i = 0; i < kCount; ++i) p.Insert(static_cast<double>(ascending ? i : kCount - i), "m");
    EXPECT_TRUE(p.Same());
    // Full leaves take 512 / 30 bytes a member.
    EXPECT_LT(p.tree.memory(), kCount * 19);
    for (std::size_t i = 0; i < kCount; ++i) p.Pop(ascending);
    EXPECT_TRUE(p.Same());
    EXPECT_EQ(p.tree.memory(), std::size_t{0});
  }
}

ONE_THREAD_TEST(ScoreTree, SparseLeavesAreMerged) {
  Random random(3);
  Pair p;
  for (int i = 0; i < 6000; ++i) p.Insert(random.Unit(), std::to_string(i));
  while (p.model.size() > 600) p.EraseRank(random.Below(p.model.size()));
  EXPECT_TRUE(p.Same());
  EXPECT_LT(p.tree.memory(), std::size_t{600 * 60});
}

}  // namespace
}  // namespace slotwise
