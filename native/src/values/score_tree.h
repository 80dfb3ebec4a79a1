// The order of a big sorted set: a B+tree over its items, by score and then by the bytes of the member.
//
//   leaf    up to 30 scores | as many items          512 bytes, in a doubly linked list
//   inner   up to 63 children, with the least score and item of each and how many items are below it
//
// A leaf repeats the scores, so a search reads an item only where scores tie. The counts give ranks both ways. Children
// are found from above, so a node knows no parent; every operation keeps the path it came down.
// Invariant: keys[i] of an inner node, i >= 1, is the first item below children[i]; keys[0] is not used, and so a change
// at the very front touches no key. Nodes below a quarter are merged or filled up from a neighbour, except the first and
// the last leaf: those drain (ZPOPMIN) and fill up whole (scores that only grow) from one end.
// Why not a skip list: 23 bytes a member instead of 45, and about 20 leaves' worth of neighbours in one cache line read.
// Does not own the items. Guarded by the lock of the key's stripe.
// Source: Bayer and Unterauer's B+tree. Elsewhere: member -> item (member_table.h), both together (sorted_set.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "values/member_table.h"

namespace slotwise {

class ScoreTree {
 public:
  static constexpr std::size_t kLeafCapacity = 30;
  static constexpr std::size_t kInnerCapacity = 63;

  struct Leaf {
    Leaf* prev;
    Leaf* next;
    std::uint16_t count;
    std::uint16_t capacity;  // kLeafCapacity, or less while it is the only node
    double* scores() { return reinterpret_cast<double*>(this + 1); }
    const double* scores() const { return reinterpret_cast<const double*>(this + 1); }
    ScoreItem** items() { return reinterpret_cast<ScoreItem**>(scores() + capacity); }
    ScoreItem* const* items() const { return reinterpret_cast<ScoreItem* const*>(scores() + capacity); }
  };

  // A place among the items. Any change of the tree makes it stale.
  struct Cursor {
    const Leaf* leaf = nullptr;
    std::size_t index = 0;
    explicit operator bool() const { return leaf != nullptr; }
    double score() const { return leaf->scores()[index]; }
    ScoreItem* item() const { return leaf->items()[index]; }
    // Null past either end.
    Cursor Next() const {
      if (index + 1 < leaf->count) return {leaf, index + 1};
      return {leaf->next, 0};
    }
    Cursor Prev() const {
      if (index > 0) return {leaf, index - 1};
      return {leaf->prev, leaf->prev == nullptr ? std::size_t{0} : leaf->prev->count - std::size_t{1}};
    }
  };

  ScoreTree() = default;
  ScoreTree(const ScoreTree&) = delete;
  ScoreTree& operator=(const ScoreTree&) = delete;
  ~ScoreTree() { Clear(); }

  std::size_t size() const { return size_; }
  // Bytes of the nodes.
  std::size_t memory() const { return memory_; }
  std::size_t node_count() const { return node_count_; }

  // Puts the item where its score and member belong. No equal one may be there.
  void Insert(ScoreItem* item);
  // Takes the item out, which must be there.
  void Erase(const ScoreItem* item);
  // Changes the score of an item that is there, and its place.
  void UpdateScore(ScoreItem* item, double score);
  // Takes out the first or last item of a tree that is not empty.
  ScoreItem* PopFirst();
  ScoreItem* PopLast();
  // Takes out the `count` items from `rank` on and hands each to `taken`, in order.
  template <typename F>
  void EraseRange(std::size_t rank, std::size_t count, F&& taken) {
    while (count > 0) {
      ScoreItem* items[kLeafCapacity];
      std::size_t n = TakeFromLeaf(rank, count, items);
      for (std::size_t i = 0; i < n; ++i) taken(items[i]);
      count -= n;
    }
  }
  // Fills an empty tree. `items` are in order, each once.
  void Build(std::span<ScoreItem* const> items);
  // Frees the nodes.
  void Clear();

  // How many items come before this one, which is there.
  std::size_t Rank(const ScoreItem* item) const;
  // The item of this rank; null from size() on.
  Cursor Select(std::size_t rank) const;
  Cursor First() const { return Select(0); }
  Cursor Last() const { return size_ == 0 ? Cursor{} : Select(size_ - 1); }

  // How many items come first for which before(score, item) holds. It must hold for the first n items, of some n, and
  // for no other.
  template <typename Before>
  std::size_t CountBefore(Before&& before) const {
    std::size_t rank = 0;
    const void* node = root_;
    if (node == nullptr) return 0;
    for (int level = height_; level > 0; --level) {
      auto* inner = static_cast<const Inner*>(node);
      std::size_t child = inner->Descend(before);
      for (std::size_t i = 0; i < child; ++i) rank += inner->counts[i];
      node = inner->children[child];
    }
    auto* leaf = static_cast<const Leaf*>(node);
    return rank + PartitionPoint(leaf->scores(), leaf->items(), leaf->count, before);
  }

  // Whether the invariants hold; for tests. O(n).
  bool Check() const;

  // The order of members: bytes as unsigned, a prefix first.
  static bool MemberLess(std::string_view a, std::string_view b) { return a < b; }
  static bool Less(double score_a, std::string_view a, double score_b, std::string_view b) {
    return score_a != score_b ? score_a < score_b : MemberLess(a, b);
  }

 private:
  struct Inner {
    std::size_t count;
    double scores[kInnerCapacity];
    ScoreItem* items[kInnerCapacity];
    void* children[kInnerCapacity];
    std::uint64_t counts[kInnerCapacity];

    // The child in which the first item lies for which `before` does not hold, or the end of it.
    template <typename Before>
    std::size_t Descend(Before&& before) const {
      return PartitionPoint(scores + 1, items + 1, count - 1, before);
    }
  };
  // The inner nodes from the root to a leaf, and the child taken in each.
  struct Step {
    Inner* node;
    std::size_t child;
  };
  static constexpr int kMaxHeight = 16;
  struct Path {
    Step steps[kMaxHeight];
    int depth = 0;
    Leaf* leaf;
  };
  struct Key {
    double score;
    ScoreItem* item;
  };

  template <typename Before>
  static std::size_t PartitionPoint(const double* scores, ScoreItem* const* items, std::size_t n, Before&& before) {
    std::size_t low = 0;
    while (n > 0) {
      std::size_t half = n / 2;
      if (before(scores[low + half], items[low + half])) {
        low += half + 1;
        n -= half + 1;
      } else {
        n = half;
      }
    }
    return low;
  }
  // Leads to where an item with this score and member is, or belongs; returns the index in the leaf.
  std::size_t Find(double score, std::string_view member, Path* path) const;
  std::size_t FindRank(std::size_t rank, Path* path) const;
  std::size_t TakeFromLeaf(std::size_t rank, std::size_t count, ScoreItem** items);

  Leaf* NewLeaf(std::size_t capacity);
  Inner* NewInner();
  void FreeLeaf(Leaf* leaf);
  void FreeInner(Inner* inner);
  void FreeBelow(void* node, int level);

  void InsertAt(Path& path, std::size_t index, ScoreItem* item);
  void RemoveAt(Path& path, std::size_t index, std::size_t n);
  // Adds a node behind (or, `before`, in front of) the child that the path took at `depth`. `key` is the first item of
  // the latter of the two, `count` of the child's items are below the new node.
  void AddSibling(Path& path, int depth, void* node, std::uint64_t count, Key key, bool before);
  void RemoveChild(Path& path, int depth);
  void SetFirstKey(Path& path, int depth, Key key);
  void FixLeaf(Path& path);
  void FixInner(Path& path, int depth);
  void DropRoot();

  void* root_ = nullptr;  // a leaf if height_ is 0
  int height_ = 0;        // levels of inner nodes
  Leaf* first_ = nullptr;
  std::size_t size_ = 0;
  std::size_t memory_ = 0;
  std::size_t node_count_ = 0;
};

}  // namespace slotwise
