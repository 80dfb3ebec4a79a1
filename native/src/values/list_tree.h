// The nodes of a long list in their order: a B+tree in which every child is counted with the elements under it, so that
// an index is found, and a node added or taken anywhere, in a logarithmic number of steps.
//
// All blocks are alike; those of level 0 hold list nodes, the others hold blocks. Neighbours of one level are linked.
// Blocks that are filled from one end stay full: a full block at an end gets an empty neighbour instead of being halved.
// Invariant: counts[i] of a block is the sum of the counts of its child i. Only the root may be empty.
// Guarded by the stripe of the key.
#pragma once
#include <cstdint>

#include "values/list_node.h"

namespace slotwise {

class ListTree {
 public:
  static constexpr int kFanout = 30;  // blocks of 512 bytes
  struct Block;
  // Where a node stands. Any change of the tree but Update() makes other places invalid.
  struct Place {
    Block* block = nullptr;
    int slot = 0;
    explicit operator bool() const { return block != nullptr; }
    ListNode node() const;
    std::uint64_t count() const;
  };

  static ListTree* Create();
  // With its nodes.
  void Destroy();
  ListTree* Copy() const;

  std::uint64_t size() const { return size_; }            // elements
  std::size_t node_count() const { return node_count_; }
  std::size_t memory() const;                             // nodes included; visits all of them

  Place First() const;
  Place Last() const;
  Place Next(Place at) const;
  Place Prev(Place at) const;
  // The node of element `index` < size(), and which of its elements that is.
  Place Find(std::uint64_t index, std::uint64_t* offset) const;

  // Puts a node before `at`; at the end if that is none. Returns where it is.
  Place Insert(Place at, ListNode node);
  // Takes a node out without freeing it; returns the place of the one behind it.
  Place Remove(Place at);
  // The node at the place was changed, and may have moved.
  void Update(Place at, ListNode node, std::uint64_t count);

 private:
  ListTree() = default;
  static Block* NewBlock(int level);
  void Link(Block* fresh, Block* before, Block* after);
  void Unlink(Block* b);
  Place InsertAt(Block* b, int at, void* ref, std::uint64_t count);
  Block* MakeRoom(Block* b, int* at);
  void RemoveAt(Block* b, int at);
  void AddUp(Block* b, std::uint64_t delta);
  bool TryMerge(Block* left, Block* right);

  Block* root_ = nullptr;
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  std::uint64_t size_ = 0;
  std::size_t node_count_ = 0;
  std::size_t block_count_ = 0;
};

}  // namespace slotwise
