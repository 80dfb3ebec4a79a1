#include "values/list_tree.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace slotwise {

struct ListTree::Block {
  Block* parent;
  Block* prev;
  Block* next;
  std::uint16_t level;
  std::uint16_t used;
  std::uint64_t counts[kFanout];
  void* refs[kFanout];

  Block* child(int i) const { return static_cast<Block*>(refs[i]); }
  std::uint64_t Sum() const {
    std::uint64_t n = 0;
    for (int i = 0; i < used; ++i) n += counts[i];
    return n;
  }
  int IndexOf(const Block* b) const {
    if (refs[used - 1] == b) return used - 1;
    int i = 0;
    while (refs[i] != b) ++i;
    return i;
  }
  void MoveTo(int from, Block* to, int at, int n) {
    std::memmove(to->counts + at, counts + from, static_cast<std::size_t>(n) * sizeof counts[0]);
    std::memmove(to->refs + at, refs + from, static_cast<std::size_t>(n) * sizeof refs[0]);
    if (to == this || level == 0) return;
    for (int i = 0; i < n; ++i) to->child(at + i)->parent = to;
  }
};

ListNode ListTree::Place::node() const { return ListNode::FromRef(block->refs[slot]); }
std::uint64_t ListTree::Place::count() const { return block->counts[slot]; }

ListTree* ListTree::Create() {
  auto* t = new (Allocate(sizeof(ListTree))) ListTree();
  t->root_ = t->head_ = t->tail_ = NewBlock(0);
  t->block_count_ = 1;
  return t;
}

ListTree::Block* ListTree::NewBlock(int level) {
  auto* b = static_cast<Block*>(Allocate(sizeof(Block)));
  b->parent = b->prev = b->next = nullptr;
  b->level = static_cast<std::uint16_t>(level);
  b->used = 0;
  return b;
}

void ListTree::Destroy() {
  for (Place p = First(); p; p = Next(p)) p.node().Free();
  // Level by level: the leftmost block of each leads to the others.
  for (Block* left = root_; left != nullptr;) {
    Block* below = left->level > 0 ? left->child(0) : nullptr;
    for (Block* b = left; b != nullptr;) {
      Block* next = b->next;
      Release(b, sizeof(Block));
      b = next;
    }
    left = below;
  }
  Release(this, sizeof(ListTree));
}

ListTree* ListTree::Copy() const {
  ListTree* t = Create();
  for (Place p = First(); p; p = Next(p)) t->Insert({}, p.node().Copy());
  return t;
}

std::size_t ListTree::memory() const {
  std::size_t n = AllocatedSize(sizeof(ListTree)) + block_count_ * AllocatedSize(sizeof(Block));
  for (Place p = First(); p; p = Next(p)) n += p.node().memory();
  return n;
}

ListTree::Place ListTree::First() const { return head_->used == 0 ? Place{} : Place{head_, 0}; }
ListTree::Place ListTree::Last() const { return tail_->used == 0 ? Place{} : Place{tail_, tail_->used - 1}; }

ListTree::Place ListTree::Next(Place at) const {
  if (at.slot + 1 < at.block->used) return {at.block, at.slot + 1};
  return at.block->next == nullptr ? Place{} : Place{at.block->next, 0};
}

ListTree::Place ListTree::Prev(Place at) const {
  if (at.slot > 0) return {at.block, at.slot - 1};
  return at.block->prev == nullptr ? Place{} : Place{at.block->prev, at.block->prev->used - 1};
}

ListTree::Place ListTree::Find(std::uint64_t index, std::uint64_t* offset) const {
  if (index < head_->counts[0]) {
    *offset = index;
    return {head_, 0};
  }
  Place last = Last();
  if (index >= size_ - last.count()) {
    *offset = index - (size_ - last.count());
    return last;
  }
  Block* b = root_;
  for (;;) {
    int i = 0;
    while (index >= b->counts[i]) index -= b->counts[i++];
    if (b->level == 0) {
      *offset = index;
      return {b, i};
    }
    b = b->child(i);
  }
}

void ListTree::AddUp(Block* b, std::uint64_t delta) {
  for (Block* p = b->parent; p != nullptr; b = p, p = p->parent) p->counts[p->IndexOf(b)] += delta;
}

void ListTree::Update(Place at, ListNode node, std::uint64_t count) {
  std::uint64_t delta = count - at.block->counts[at.slot];  // wraps when it shrinks, as the sums do
  at.block->refs[at.slot] = node.ref();
  at.block->counts[at.slot] = count;
  size_ += delta;
  AddUp(at.block, delta);
}

void ListTree::Link(Block* fresh, Block* before, Block* after) {
  fresh->prev = before;
  fresh->next = after;
  if (before != nullptr) before->next = fresh;
  else if (fresh->level == 0) head_ = fresh;
  if (after != nullptr) after->prev = fresh;
  else if (fresh->level == 0) tail_ = fresh;
}

void ListTree::Unlink(Block* b) {
  if (b->prev != nullptr) b->prev->next = b->next;
  else if (b->level == 0) head_ = b->next;
  if (b->next != nullptr) b->next->prev = b->prev;
  else if (b->level == 0) tail_ = b->prev;
}

// The full block gets a neighbour, both have a parent that knows them; returns the block, and where in it, that takes
// what was to stand at `at`.
ListTree::Block* ListTree::MakeRoom(Block* b, int* at) {
  if (b == root_) {
    root_ = NewBlock(b->level + 1);
    ++block_count_;
    b->parent = root_;
    root_->refs[0] = b;
    root_->counts[0] = b->Sum();
    root_->used = 1;
  }
  Block* fresh = NewBlock(b->level);
  ++block_count_;
  if (*at == 0) {
    Link(fresh, b->prev, b);
    InsertAt(b->parent, b->parent->IndexOf(b), fresh, 0);
    return fresh;
  }
  int keep = *at == kFanout ? kFanout : kFanout / 2;
  int moved = kFanout - keep;
  Link(fresh, b, b->next);
  b->MoveTo(keep, fresh, 0, moved);
  b->used = static_cast<std::uint16_t>(keep);
  fresh->used = static_cast<std::uint16_t>(moved);
  std::uint64_t elements = fresh->Sum();
  AddUp(b, 0 - elements);
  InsertAt(b->parent, b->parent->IndexOf(b) + 1, fresh, elements);
  if (*at <= keep && keep < kFanout) return b;
  *at -= keep;
  return fresh;
}

ListTree::Place ListTree::InsertAt(Block* b, int at, void* ref, std::uint64_t count) {
  if (b->used == kFanout) b = MakeRoom(b, &at);
  b->MoveTo(at, b, at + 1, b->used - at);
  b->refs[at] = ref;
  b->counts[at] = count;
  ++b->used;
  if (b->level > 0) static_cast<Block*>(ref)->parent = b;
  AddUp(b, count);
  return {b, at};
}

ListTree::Place ListTree::Insert(Place at, ListNode node) {
  std::uint64_t count = node.count();
  size_ += count;
  ++node_count_;
  if (!at) return InsertAt(tail_, tail_->used, node.ref(), count);
  return InsertAt(at.block, at.slot, node.ref(), count);
}

void ListTree::RemoveAt(Block* b, int at) {
  AddUp(b, 0 - b->counts[at]);
  b->MoveTo(at + 1, b, at, b->used - at - 1);
  --b->used;
  if (b->used > 0 || b == root_) return;
  Unlink(b);
  RemoveAt(b->parent, b->parent->IndexOf(b));
  Release(b, sizeof(Block));
  --block_count_;
}

bool ListTree::TryMerge(Block* left, Block* right) {
  if (left == nullptr || right == nullptr || left->parent != right->parent || left->used + right->used > kFanout * 3 / 4) return false;
  std::uint64_t elements = right->Sum();
  right->MoveTo(0, left, left->used, right->used);
  left->used = static_cast<std::uint16_t>(left->used + right->used);
  AddUp(left, elements);
  Unlink(right);
  RemoveAt(right->parent, right->parent->IndexOf(right));
  Release(right, sizeof(Block));
  --block_count_;
  return true;
}

ListTree::Place ListTree::Remove(Place at) {
  size_ -= at.count();
  --node_count_;
  // The block behind keeps its address whatever happens to this one, unless the two become one.
  Block* b = at.block;
  Block* behind = b->next;
  int slot = at.slot;
  bool emptied = b->used == 1 && b != root_;
  RemoveAt(b, slot);
  if (emptied) {
    b = behind;
    slot = 0;
  } else if (b != root_ && b->used <= kFanout / 4) {
    int before = b->prev != nullptr ? b->prev->used : 0;
    Block* prev = b->prev;
    if (TryMerge(prev, b)) {
      b = prev;
      slot += before;
    } else {
      TryMerge(b, behind);
    }
  }
  while (root_->level > 0 && root_->used == 1) {
    Block* only = root_->child(0);
    Release(root_, sizeof(Block));
    --block_count_;
    root_ = only;
    root_->parent = nullptr;
  }
  if (b == nullptr) return {};
  if (slot < b->used) return {b, slot};
  return b->next == nullptr ? Place{} : Place{b->next, 0};
}

}  // namespace slotwise
