#include "values/score_tree.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace slotwise {
namespace {

constexpr std::size_t kLeafMin = ScoreTree::kLeafCapacity / 4;
constexpr std::size_t kInnerMin = ScoreTree::kInnerCapacity / 4;
// Of the leaf that is the only node: 120, 248 and 504 bytes.
constexpr std::size_t kSmallLeaf = 6;
constexpr std::size_t kMiddleLeaf = 14;

std::size_t LeafCapacityFor(std::size_t n) {
  return n <= kSmallLeaf ? kSmallLeaf : n <= kMiddleLeaf ? kMiddleLeaf : ScoreTree::kLeafCapacity;
}

constexpr std::size_t LeafSize(std::size_t capacity) {
  return sizeof(ScoreTree::Leaf) + capacity * (sizeof(double) + sizeof(ScoreItem*));
}
static_assert(LeafSize(ScoreTree::kLeafCapacity) <= 512);

template <typename T>
void Move(T* to, const T* from, std::size_t n) {
  if (n > 0) std::memmove(to, from, n * sizeof(T));
}

// Makes room for one at `index` of `count`; closes the gap of n at `index`.
template <typename T>
void OpenGap(T* array, std::size_t index, std::size_t count) { Move(array + index + 1, array + index, count - index); }
template <typename T>
void CloseGap(T* array, std::size_t index, std::size_t n, std::size_t count) { Move(array + index, array + index + n, count - index - n); }

void PutInLeaf(ScoreTree::Leaf* leaf, std::size_t index, ScoreItem* item) {
  OpenGap(leaf->scores(), index, leaf->count);
  OpenGap(leaf->items(), index, leaf->count);
  leaf->scores()[index] = item->score();
  leaf->items()[index] = item;
  ++leaf->count;
}

void MoveLeafItems(ScoreTree::Leaf* to, std::size_t to_index, const ScoreTree::Leaf* from, std::size_t from_index, std::size_t n) {
  Move(to->scores() + to_index, from->scores() + from_index, n);
  Move(to->items() + to_index, from->items() + from_index, n);
}

void LinkAfter(ScoreTree::Leaf* leaf, ScoreTree::Leaf* added) {
  added->prev = leaf;
  added->next = leaf->next;
  if (leaf->next != nullptr) leaf->next->prev = added;
  leaf->next = added;
}

}  // namespace

// --- nodes

ScoreTree::Leaf* ScoreTree::NewLeaf(std::size_t capacity) {
  auto* leaf = static_cast<Leaf*>(Allocate(LeafSize(capacity)));
  leaf->prev = leaf->next = nullptr;
  leaf->count = 0;
  leaf->capacity = static_cast<std::uint16_t>(capacity);
  memory_ += AllocatedSize(LeafSize(capacity));
  ++node_count_;
  return leaf;
}

ScoreTree::Inner* ScoreTree::NewInner() {
  auto* inner = static_cast<Inner*>(Allocate(sizeof(Inner)));
  inner->count = 0;
  memory_ += AllocatedSize(sizeof(Inner));
  ++node_count_;
  return inner;
}

void ScoreTree::FreeLeaf(Leaf* leaf) {
  memory_ -= AllocatedSize(LeafSize(leaf->capacity));
  --node_count_;
  if (leaf->prev != nullptr) leaf->prev->next = leaf->next; else first_ = leaf->next;
  if (leaf->next != nullptr) leaf->next->prev = leaf->prev;
  Release(leaf, LeafSize(leaf->capacity));
}

void ScoreTree::FreeInner(Inner* inner) {
  memory_ -= AllocatedSize(sizeof(Inner));
  --node_count_;
  Release(inner, sizeof(Inner));
}

void ScoreTree::FreeBelow(void* node, int height) {
  if (height == 0) return FreeLeaf(static_cast<Leaf*>(node));
  auto* inner = static_cast<Inner*>(node);
  for (std::size_t i = 0; i < inner->count; ++i) FreeBelow(inner->children[i], height - 1);
  FreeInner(inner);
}

void ScoreTree::Clear() {
  if (root_ != nullptr) FreeBelow(root_, height_);
  root_ = nullptr;
  first_ = nullptr;
  height_ = 0;
  size_ = 0;
}

// --- descending

std::size_t ScoreTree::Find(double score, std::string_view member, Path* path) const {
  auto before = [score, member](double s, const ScoreItem* item) { return s != score ? s < score : MemberLess(item->member(), member); };
  // A key that is equal is the item looked for, in the child that it belongs to.
  auto not_after = [score, member](double s, const ScoreItem* item) { return s != score ? s < score : !MemberLess(member, item->member()); };
  void* node = root_;
  for (int depth = 0; depth < height_; ++depth) {
    auto* inner = static_cast<Inner*>(node);
    std::size_t child = inner->Descend(not_after);
    path->steps[depth] = {inner, child};
    node = inner->children[child];
  }
  path->leaf = static_cast<Leaf*>(node);
  return PartitionPoint(path->leaf->scores(), path->leaf->items(), path->leaf->count, before);
}

std::size_t ScoreTree::FindRank(std::size_t rank, Path* path) const {
  void* node = root_;
  for (int depth = 0; depth < height_; ++depth) {
    auto* inner = static_cast<Inner*>(node);
    std::size_t child = 0;
    while (rank >= inner->counts[child]) rank -= inner->counts[child++];
    path->steps[depth] = {inner, child};
    node = inner->children[child];
  }
  path->leaf = static_cast<Leaf*>(node);
  return rank;
}

ScoreTree::Cursor ScoreTree::Select(std::size_t rank) const {
  if (rank >= size_) return {};
  const void* node = root_;
  for (int height = height_; height > 0; --height) {
    auto* inner = static_cast<const Inner*>(node);
    std::size_t child = 0;
    while (rank >= inner->counts[child]) rank -= inner->counts[child++];
    node = inner->children[child];
  }
  return {static_cast<const Leaf*>(node), rank};
}

std::size_t ScoreTree::Rank(const ScoreItem* item) const {
  double score = item->score();
  std::string_view member = item->member();
  return CountBefore([score, member](double s, const ScoreItem* other) {
    return s != score ? s < score : MemberLess(other->member(), member);
  });
}

// --- adding

void ScoreTree::Insert(ScoreItem* item) {
  if (root_ == nullptr) {
    first_ = NewLeaf(kSmallLeaf);
    root_ = first_;
    PutInLeaf(first_, 0, item);
    size_ = 1;
    return;
  }
  Path path;
  std::size_t index = Find(item->score(), item->member(), &path);
  InsertAt(path, index, item);
}

void ScoreTree::InsertAt(Path& path, std::size_t index, ScoreItem* item) {
  ++size_;
  for (int depth = 0; depth < height_; ++depth) ++path.steps[depth].node->counts[path.steps[depth].child];
  Leaf* leaf = path.leaf;
  if (leaf->count == leaf->capacity && leaf->capacity < kLeafCapacity) {  // the only node
    Leaf* bigger = NewLeaf(LeafCapacityFor(leaf->count + std::size_t{1}));
    MoveLeafItems(bigger, 0, leaf, 0, leaf->count);
    bigger->count = leaf->count;
    FreeLeaf(leaf);
    root_ = first_ = leaf = bigger;
  }
  if (leaf->count < leaf->capacity) return PutInLeaf(leaf, index, item);
  if (index == 0 && leaf->prev == nullptr) {
    Leaf* left = NewLeaf(kLeafCapacity);
    left->next = leaf;
    leaf->prev = left;
    first_ = left;
    PutInLeaf(left, 0, item);
    return AddSibling(path, height_ - 1, left, 1, {leaf->scores()[0], leaf->items()[0]}, true);
  }
  Leaf* right = NewLeaf(kLeafCapacity);
  LinkAfter(leaf, right);
  if (index == leaf->count && right->next == nullptr) {
    PutInLeaf(right, 0, item);
  } else {
    std::size_t half = leaf->count / 2;
    MoveLeafItems(right, 0, leaf, half, leaf->count - half);
    right->count = static_cast<std::uint16_t>(leaf->count - half);
    leaf->count = static_cast<std::uint16_t>(half);
    if (index <= half) PutInLeaf(leaf, index, item);
    else PutInLeaf(right, index - half, item);
  }
  AddSibling(path, height_ - 1, right, right->count, {right->scores()[0], right->items()[0]}, false);
}

void ScoreTree::AddSibling(Path& path, int depth, void* node, std::uint64_t count, Key key, bool before) {
  if (depth < 0) {
    Inner* root = NewInner();
    root->count = 2;
    root->children[before ? 1 : 0] = root_;
    root->counts[before ? 1 : 0] = size_ - count;
    root->children[before ? 0 : 1] = node;
    root->counts[before ? 0 : 1] = count;
    root->scores[1] = key.score;
    root->items[1] = key.item;
    root_ = root;
    ++height_;
    return;
  }
  auto [parent, child] = path.steps[depth];
  parent->counts[child] -= count;
  // A node before the others can only be the very first, and its key is not used: in both cases the key that appears
  // is that of child + 1.
  auto put = [&](Inner* in, std::size_t left) {
    std::size_t at = before ? left : left + 1;
    OpenGap(in->children, at, in->count);
    OpenGap(in->counts, at, in->count);
    OpenGap(in->scores, at, in->count);
    OpenGap(in->items, at, in->count);
    in->children[at] = node;
    in->counts[at] = count;
    in->scores[left + 1] = key.score;
    in->items[left + 1] = key.item;
    ++in->count;
  };
  if (parent->count < kInnerCapacity) return put(parent, child);
  Inner* sibling = NewInner();
  bool at_end = !before && child + 1 == parent->count;
  for (int d = 0; d < depth; ++d) at_end = at_end && path.steps[d].child + 1 == path.steps[d].node->count;
  if (before || at_end) {  // what grows at one end leaves full nodes behind
    sibling->count = 1;
    sibling->children[0] = node;
    sibling->counts[0] = count;
    return AddSibling(path, depth - 1, sibling, count, key, before);
  }
  std::size_t half = parent->count / 2;
  std::size_t moved = parent->count - half;
  Move(sibling->children, parent->children + half, moved);
  Move(sibling->counts, parent->counts + half, moved);
  Move(sibling->scores, parent->scores + half, moved);
  Move(sibling->items, parent->items + half, moved);
  sibling->count = moved;
  parent->count = half;
  if (child < half) put(parent, child);
  else put(sibling, child - half);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < sibling->count; ++i) total += sibling->counts[i];
  AddSibling(path, depth - 1, sibling, total, {sibling->scores[0], sibling->items[0]}, false);
}

void ScoreTree::Build(std::span<ScoreItem* const> items) {
  struct Built {
    void* node;
    std::uint64_t count;
    Key key;
  };
  if (items.empty()) return;
  size_ = items.size();
  std::vector<Built> level;
  std::size_t groups = (items.size() + kLeafCapacity - 1) / kLeafCapacity;
  level.reserve(groups);
  Leaf* last = nullptr;
  std::size_t at = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    std::size_t end = items.size() * (g + 1) / groups;
    Leaf* leaf = NewLeaf(groups == 1 ? LeafCapacityFor(items.size()) : kLeafCapacity);
    for (; at < end; ++at) {
      leaf->scores()[leaf->count] = items[at]->score();
      leaf->items()[leaf->count++] = items[at];
    }
    if (last == nullptr) first_ = leaf; else LinkAfter(last, leaf);
    last = leaf;
    level.push_back({leaf, leaf->count, {leaf->scores()[0], leaf->items()[0]}});
  }
  while (level.size() > 1) {
    std::vector<Built> above;
    groups = (level.size() + kInnerCapacity - 1) / kInnerCapacity;
    at = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      std::size_t end = level.size() * (g + 1) / groups;
      Inner* inner = NewInner();
      Built built{inner, 0, level[at].key};
      for (; at < end; ++at) {
        std::size_t i = inner->count++;
        inner->children[i] = level[at].node;
        inner->counts[i] = level[at].count;
        inner->scores[i] = level[at].key.score;
        inner->items[i] = level[at].key.item;
        built.count += level[at].count;
      }
      above.push_back(built);
    }
    level.swap(above);
    ++height_;
  }
  root_ = level[0].node;
}

// --- removing

void ScoreTree::Erase(const ScoreItem* item) {
  Path path;
  std::size_t index = Find(item->score(), item->member(), &path);
  if (index >= path.leaf->count || path.leaf->items()[index] != item) std::abort();
  RemoveAt(path, index, 1);
}

void ScoreTree::UpdateScore(ScoreItem* item, double score) {
  Path path;
  std::string_view member = item->member();
  std::size_t index = Find(item->score(), member, &path);
  Leaf* leaf = path.leaf;
  if (index >= leaf->count || leaf->items()[index] != item) std::abort();
  Cursor here{leaf, index};
  Cursor prev = here.Prev();
  Cursor next = here.Next();
  bool stays = (!prev || Less(prev.score(), prev.item()->member(), score, member)) &&
               (!next || Less(score, member, next.score(), next.item()->member()));
  if (stays) {
    item->set_score(score);
    leaf->scores()[index] = score;
    if (index == 0) SetFirstKey(path, height_ - 1, {score, item});
    return;
  }
  RemoveAt(path, index, 1);
  item->set_score(score);
  Insert(item);
}

ScoreItem* ScoreTree::PopFirst() {
  ScoreItem* item;
  TakeFromLeaf(0, 1, &item);
  return item;
}

ScoreItem* ScoreTree::PopLast() {
  Path path;
  void* node = root_;
  for (int depth = 0; depth < height_; ++depth) {
    auto* inner = static_cast<Inner*>(node);
    path.steps[depth] = {inner, inner->count - 1};
    node = inner->children[inner->count - 1];
  }
  path.leaf = static_cast<Leaf*>(node);
  std::size_t last = path.leaf->count - std::size_t{1};
  ScoreItem* item = path.leaf->items()[last];
  RemoveAt(path, last, 1);
  return item;
}

std::size_t ScoreTree::TakeFromLeaf(std::size_t rank, std::size_t count, ScoreItem** items) {
  Path path;
  std::size_t index = FindRank(rank, &path);
  std::size_t n = std::min(count, path.leaf->count - index);
  std::copy_n(path.leaf->items() + index, n, items);
  RemoveAt(path, index, n);
  return n;
}

void ScoreTree::RemoveAt(Path& path, std::size_t index, std::size_t n) {
  size_ -= n;
  for (int depth = 0; depth < height_; ++depth) path.steps[depth].node->counts[path.steps[depth].child] -= n;
  Leaf* leaf = path.leaf;
  if (n == leaf->count) {
    FreeLeaf(leaf);
    if (height_ == 0) root_ = nullptr;
    else RemoveChild(path, height_ - 1);
    return;
  }
  CloseGap(leaf->scores(), index, n, leaf->count);
  CloseGap(leaf->items(), index, n, leaf->count);
  leaf->count = static_cast<std::uint16_t>(leaf->count - n);
  if (index == 0) SetFirstKey(path, height_ - 1, {leaf->scores()[0], leaf->items()[0]});
  if (leaf->count < kLeafMin && leaf->prev != nullptr && leaf->next != nullptr) FixLeaf(path);
}

// `key` is now the first item below the node that the path takes at `depth`.
void ScoreTree::SetFirstKey(Path& path, int depth, Key key) {
  for (; depth >= 0; --depth) {
    auto [node, child] = path.steps[depth];
    if (child == 0) continue;
    node->scores[child] = key.score;
    node->items[child] = key.item;
    return;
  }
}

// Takes the child out, which is freed or empty, at `depth` of the path.
void ScoreTree::RemoveChild(Path& path, int depth) {
  auto [node, child] = path.steps[depth];
  CloseGap(node->children, child, 1, node->count);
  CloseGap(node->counts, child, 1, node->count);
  CloseGap(node->scores, child, 1, node->count);
  CloseGap(node->items, child, 1, node->count);
  --node->count;
  if (node->count == 0) {
    FreeInner(node);
    if (depth > 0) return RemoveChild(path, depth - 1);
    root_ = nullptr;
    height_ = 0;
    return;
  }
  if (child == 0) SetFirstKey(path, depth - 1, {node->scores[0], node->items[0]});
  FixInner(path, depth);
}

// Merges a leaf that became small with a neighbour below the same parent, or evens the two out.
void ScoreTree::FixLeaf(Path& path) {
  auto& [parent, child] = path.steps[height_ - 1];
  if (parent->count < 2) return;
  std::size_t right_index = child > 0 ? child : 1;
  auto* left = static_cast<Leaf*>(parent->children[right_index - 1]);
  auto* right = static_cast<Leaf*>(parent->children[right_index]);
  std::size_t total = std::size_t{left->count} + right->count;
  if (total <= kLeafCapacity) {
    MoveLeafItems(left, left->count, right, 0, right->count);
    left->count = static_cast<std::uint16_t>(total);
    parent->counts[right_index - 1] = total;
    FreeLeaf(right);
    child = right_index;
    return RemoveChild(path, height_ - 1);
  }
  std::size_t left_count = total / 2;
  if (left->count > left_count) {
    std::size_t n = left->count - left_count;
    MoveLeafItems(right, n, right, 0, right->count);
    MoveLeafItems(right, 0, left, left_count, n);
  } else {
    std::size_t n = left_count - left->count;
    MoveLeafItems(left, left->count, right, 0, n);
    MoveLeafItems(right, 0, right, n, right->count - n);
  }
  left->count = static_cast<std::uint16_t>(left_count);
  right->count = static_cast<std::uint16_t>(total - left_count);
  parent->counts[right_index - 1] = left->count;
  parent->counts[right_index] = right->count;
  parent->scores[right_index] = right->scores()[0];
  parent->items[right_index] = right->items()[0];
}

// The same for an inner node at `depth`; at the root, drops nodes of one child.
void ScoreTree::FixInner(Path& path, int depth) {
  if (depth == 0) return DropRoot();
  if (path.steps[depth].node->count >= kInnerMin) return;
  auto& [parent, child] = path.steps[depth - 1];
  if (parent->count < 2) return;
  std::size_t right_index = child > 0 ? child : 1;
  auto* left = static_cast<Inner*>(parent->children[right_index - 1]);
  auto* right = static_cast<Inner*>(parent->children[right_index]);
  auto move = [](Inner* to, std::size_t to_index, const Inner* from, std::size_t from_index, std::size_t n) {
    Move(to->children + to_index, from->children + from_index, n);
    Move(to->counts + to_index, from->counts + from_index, n);
    Move(to->scores + to_index, from->scores + from_index, n);
    Move(to->items + to_index, from->items + from_index, n);
  };
  // The key of the right node is that of its first child, too.
  right->scores[0] = parent->scores[right_index];
  right->items[0] = parent->items[right_index];
  std::size_t total = left->count + right->count;
  if (total <= kInnerCapacity) {
    move(left, left->count, right, 0, right->count);
    left->count = total;
    parent->counts[right_index - 1] += parent->counts[right_index];
    FreeInner(right);
    child = right_index;
    return RemoveChild(path, depth - 1);
  }
  std::size_t left_count = total / 2;
  if (left->count > left_count) {
    std::size_t n = left->count - left_count;
    move(right, n, right, 0, right->count);
    move(right, 0, left, left_count, n);
  } else {
    std::size_t n = left_count - left->count;
    move(left, left->count, right, 0, n);
    move(right, 0, right, n, right->count - n);
  }
  left->count = left_count;
  right->count = total - left_count;
  std::uint64_t both = parent->counts[right_index - 1] + parent->counts[right_index];
  std::uint64_t in_left = 0;
  for (std::size_t i = 0; i < left->count; ++i) in_left += left->counts[i];
  parent->counts[right_index - 1] = in_left;
  parent->counts[right_index] = both - in_left;
  parent->scores[right_index] = right->scores[0];
  parent->items[right_index] = right->items[0];
}

void ScoreTree::DropRoot() {
  while (height_ > 0 && static_cast<Inner*>(root_)->count == 1) {
    auto* root = static_cast<Inner*>(root_);
    root_ = root->children[0];
    FreeInner(root);
    --height_;
  }
}

// --- checking

bool ScoreTree::Check() const {
  if (root_ == nullptr) return height_ == 0 && size_ == 0 && first_ == nullptr && memory_ == 0 && node_count_ == 0;
  const Leaf* expected = first_;
  std::size_t nodes = 0;
  bool good = true;
  // Returns how many items are below; `first` receives the first of them.
  auto visit = [&](auto&& self, const void* node, int height, Key* first) -> std::uint64_t {
    ++nodes;
    if (height == 0) {
      auto* leaf = static_cast<const Leaf*>(node);
      good = good && leaf == expected && leaf->count > 0 && leaf->count <= leaf->capacity;
      if (!good) return 0;
      expected = leaf->next;
      if (leaf->next != nullptr) good = good && leaf->next->prev == leaf;
      for (std::size_t i = 0; i < leaf->count; ++i) {
        Cursor here{leaf, i};
        Cursor next = here.Next();
        good = good && here.score() == here.item()->score();
        if (next) good = good && Less(here.score(), here.item()->member(), next.score(), next.item()->member());
      }
      *first = {leaf->scores()[0], leaf->items()[0]};
      return leaf->count;
    }
    auto* inner = static_cast<const Inner*>(node);
    good = good && inner->count > 0 && inner->count <= kInnerCapacity;
    std::uint64_t total = 0;
    for (std::size_t i = 0; good && i < inner->count; ++i) {
      Key child_first{};
      std::uint64_t below = self(self, inner->children[i], height - 1, &child_first);
      good = good && below == inner->counts[i];
      if (i == 0) *first = child_first;
      else good = good && inner->scores[i] == child_first.score && inner->items[i] == child_first.item;
      total += below;
    }
    return total;
  };
  Key first{};
  std::uint64_t total = visit(visit, root_, height_, &first);
  return good && total == size_ && expected == nullptr && first_->prev == nullptr && nodes == node_count_;
}

}  // namespace slotwise
