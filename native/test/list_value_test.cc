// The list value itself, without commands: random operations against a deque, with every kind of limit, checking the
// order of elements from both ends, the counts, and that all memory comes back.
#include <array>
#include <deque>
#include <random>
#include <string>

#include "test.h"
#include "values/list.h"

namespace slotwise {
namespace {

std::string Text(const ListpackItem& item) {
  IntScratch digits;
  return std::string(item.View(digits));
}

void Compare(const List& list, const std::deque<std::string>& model) {
  EXPECT_EQ(list.size(), model.size());
  std::size_t i = 0;
  for (ListCursor c(list, 0, ListEnd::kTail); c; c.Next(), ++i) EXPECT_EQ(Text(c.item()), model[i]);
  EXPECT_EQ(i, model.size());
  if (!model.empty()) {
    for (ListCursor c(list, model.size() - 1, ListEnd::kHead); c; c.Next()) EXPECT_EQ(Text(c.item()), model[--i]);
  }
  EXPECT_EQ(i, std::size_t{0});
  std::uint64_t in_nodes = 0;
  list.ForEachNode([&](ListNode n) { in_nodes += n.count(); });
  EXPECT_EQ(in_nodes, model.size());
}

std::string RandomElement(std::mt19937_64& random) {
  switch (random() % 8) {
    case 0: return std::to_string(static_cast<std::int64_t>(random()));
    case 1: return std::to_string(random() % 100);
    case 2: return std::string(random() % 2000, 'b');
    case 3: return random() % 16 == 0 ? std::string(random() % 20000, 'c') : std::string();
    default: return "v" + std::to_string(random() % 20);
  }
}

void Storm(std::uint64_t seed, std::int64_t fill, std::size_t threshold, int steps, std::size_t target) {
  std::mt19937_64 random(seed);
  List list = List::Create();
  std::deque<std::string> model;
  for (int step = 0; step < steps; ++step) {
    if (random() % 512 == 0) fill = std::array{-5, -2, -1, 0, 1, 3, 128}[random() % 7];
    ListLimits limits = ListLimits::Of(fill, threshold);
    bool grow = random() % (2 * target) >= model.size();
    std::string e = RandomElement(random);
    ListEnd end = random() % 2 ? ListEnd::kHead : ListEnd::kTail;
    switch (random() % 16) {
      case 0: case 1: case 2: case 3: case 4: case 5: case 6: case 7:
        if (grow) {
          list.Push(end, e, limits);
          if (end == ListEnd::kHead) model.push_front(e);
          else model.push_back(e);
        } else if (!model.empty()) {
          list.DeleteEnd(end, limits);
          if (end == ListEnd::kHead) model.pop_front();
          else model.pop_back();
        }
        break;
      case 8: case 9: case 10: {
        std::size_t at = random() % (model.size() + 1);
        list.Insert(at, e, limits);
        model.insert(model.begin() + static_cast<std::ptrdiff_t>(at), e);
        break;
      }
      case 11: case 12: {
        if (model.empty()) break;
        std::size_t at = random() % model.size();
        list.Set(at, e, limits);
        model[at] = e;
        break;
      }
      case 13: {
        if (model.empty()) break;
        std::size_t at = random() % model.size();
        std::size_t n = 1 + random() % std::min<std::size_t>(model.size() - at, random() % 20 == 0 ? target : 5);
        list.DeleteRange(at, n, limits);
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(at), model.begin() + static_cast<std::ptrdiff_t>(at + n));
        break;
      }
      case 14: {
        std::string wanted = model.empty() || random() % 4 == 0 ? e : model[random() % model.size()];
        std::size_t most = random() % 4 == 0 ? model.size() + 1 : 1 + random() % 3;
        std::size_t removed = 0;
        if (end == ListEnd::kHead) {
          for (auto it = model.begin(); it != model.end() && removed < most;) {
            if (*it == wanted) { it = model.erase(it); ++removed; }
            else ++it;
          }
        } else {
          for (std::size_t i = model.size(); i-- > 0 && removed < most;) {
            if (model[i] == wanted) { model.erase(model.begin() + static_cast<std::ptrdiff_t>(i)); ++removed; }
          }
        }
        EXPECT_EQ(list.Remove(Listpack::Element(wanted), most, end, limits), removed);
        break;
      }
      default:
        if (random() % 8 == 0) {
          List copy = list.Copy();
          list.Free();
          list = copy;
        }
    }
    EXPECT_EQ(list.size(), model.size());
    if (step % 64 == 0) Compare(list, model);
    if (!model.empty()) {
      std::size_t at = random() % model.size();
      ListCursor c(list, at, end);
      EXPECT_EQ(Text(c.item()), model[at]);
      EXPECT_TRUE(c.Equals(Listpack::Element(model[at])));
    }
  }
  Compare(list, model);
  list.Free();
}

ONE_THREAD_TEST(ListValue, BehavesAsADequeWithAnyLimit) {
  std::uint64_t before = UsedMemory();
  std::uint64_t seed = 1;
  for (std::int64_t fill : {-2, -1, -5, 1, 4, 100}) {
    for (std::size_t threshold : {std::size_t{1} << 30, std::size_t{10}, std::size_t{1}}) Storm(seed++, fill, threshold, 3000, 300);
  }
  EXPECT_EQ(UsedMemory(), before);
}

ONE_THREAD_TEST(ListValue, ManyNodesKeepTheirOrder) {
  std::uint64_t before = UsedMemory();
  Storm(77, 1, std::size_t{1} << 30, 30000, 6000);
  EXPECT_EQ(UsedMemory(), before);
}

// Blocks at the ends fill completely: 1000 nodes need 34 blocks of 30, and their parents two more and a root.
ONE_THREAD_TEST(ListValue, ANodeOfTheTreeCostsLittle) {
  ListLimits limits = ListLimits::Of(1, std::size_t{1} << 30);
  for (ListEnd end : {ListEnd::kHead, ListEnd::kTail}) {
    std::uint64_t before = UsedMemory();
    List list = List::Create();
    for (int i = 0; i < 1000; ++i) list.Push(end, "12345678901234567890123", limits);
    EXPECT_EQ(list.node_count(), std::size_t{1000});
    std::size_t of_nodes = 1000 * AllocatedSize(Listpack::kEmptySize + 25);
    EXPECT_EQ(list.memory(), UsedMemory() - before);
    EXPECT_TRUE(list.memory() - of_nodes <= 40 * 512);
    list.Free();
  }
}

ONE_THREAD_TEST(ListValue, ChangesItsFormOnlyWhenItPays) {
  ListLimits limits = ListLimits::Of(-2, std::size_t{1} << 30);
  List list = List::Create();
  std::string element(100, 'x');
  while (list.node_count() == 1) list.Push(ListEnd::kTail, element, limits);
  EXPECT_EQ(list.size(), std::uint64_t{70});  // 69 elements of 103 bytes are one node of 7 KiB
  // One fewer is a single node again, but in its place in the tree.
  list.DeleteEnd(ListEnd::kTail, limits);
  EXPECT_EQ(list.node_count(), std::size_t{1});
  std::size_t as_tree = list.memory();
  list.DeleteRange(0, 40, limits);
  EXPECT_TRUE(list.memory() + 512 < as_tree - 40 * 100 + 128);
  list.Free();
}

ONE_THREAD_TEST(ListValue, ABigElementIsNotCopied) {
  ListLimits limits = ListLimits::Of(-2, std::size_t{1} << 30);
  List list = List::Create();
  list.Push(ListEnd::kTail, "small", limits);
  list.Push(ListEnd::kTail, std::string(8192, 'x'), limits);
  list.Push(ListEnd::kTail, "small", limits);
  EXPECT_EQ(list.node_count(), std::size_t{3});
  EXPECT_TRUE(ListCursor(list, 1, ListEnd::kTail).blob() != nullptr);
  EXPECT_TRUE(ListCursor(list, 0, ListEnd::kTail).blob() == nullptr);
  List copy = list.Copy();
  EXPECT_TRUE(ListCursor(copy, 1, ListEnd::kTail).blob() == ListCursor(list, 1, ListEnd::kTail).blob());
  list.Free();
  EXPECT_EQ(Text(ListCursor(copy, 1, ListEnd::kTail).item()), std::string(8192, 'x'));
  copy.Free();
}

// The node at the head stays small while elements come and go there, and what is behind it is as full as ever.
ONE_THREAD_TEST(ListValue, PushingInFrontLeavesFullNodesBehind) {
  std::uint64_t memory = UsedMemory();
  ListLimits limits = ListLimits::Of(-2, std::size_t{1} << 30);
  List list = List::Create();
  std::deque<std::string> model;
  for (int i = 0; i < 6000; ++i) {
    model.push_front("element:" + std::to_string(i));
    list.Push(ListEnd::kHead, model.front(), limits);
  }
  Compare(list, model);
  std::uint64_t bytes = 0;
  list.ForEachNode([&](ListNode n) { bytes += n.pack().total(); });
  EXPECT_LE(list.node_count(), bytes / (limits.bytes * 9 / 10) + 4);
  std::size_t most = 0;
  for (int i = 0; i < 5990; ++i) {
    if (i % 3 == 0) {
      model.push_front("again");
      list.Push(ListEnd::kHead, "again", limits);
    }
    int pops = i % 3 == 0 ? 2 : 1;
    for (; pops > 0; --pops) {
      list.DeleteEnd(ListEnd::kHead, limits);
      model.pop_front();
    }
    if (i % 1000 == 0) Compare(list, model);
    std::size_t first = 0;
    list.ForEachNode([&, n = 0](ListNode node) mutable { if (n++ == 0) first = node.pack().total(); });
    if (i > 0 && list.node_count() > 2) most = std::max(most, first);
    if (i % 97 != 0) continue;
    EXPECT_LE(list.node_count(), bytes / (limits.bytes / 2) + 4);
  }
  EXPECT_LE(most, limits.bytes);
  Compare(list, model);
  list.Free();
  EXPECT_EQ(UsedMemory(), memory);
}

// Whoever limits the number of elements gets nodes of that many.
ONE_THREAD_TEST(ListValue, PushingInFrontKeepsToALimitOfElements) {
  ListLimits limits = ListLimits::Of(128, std::size_t{1} << 30);
  List list = List::Create();
  for (int i = 0; i < 128 * 50; ++i) list.Push(ListEnd::kHead, "e", limits);
  EXPECT_EQ(list.node_count(), std::size_t{50});
  list.Free();
}

}  // namespace
}  // namespace slotwise
