// A list: one listpack while that suffices, a ListTree of nodes when it does not. `OBJECT ENCODING` calls both quicklist.
//
// A List is a handle, as cheap to copy as a pointer; the lowest bit of the pointer tells the forms apart, so that an entry
// needs no encoding for it. Every change may move the object: store object() in the entry after it.
// A list becomes a tree when a push or a replacement does not fit its node, and a listpack again when its only node is half
// of what fits. Empty lists exist only inside a command.
// Guarded by the stripe of the key.
// Source: the semantics of Redis's quicklist; the limits of a node are Redis's (list_node.h), the structure is ours.
#pragma once
#include <atomic>
#include <cstdint>
#include <string_view>

#include "keyspace/entry.h"
#include "values/list_node.h"
#include "values/list_tree.h"

namespace slotwise {

enum class ListEnd : std::uint8_t { kHead, kTail };

class List {
 public:
  explicit List(void* object) : bits_(reinterpret_cast<std::uintptr_t>(object)) {}
  static List Create() { return List(Listpack::Create().data()); }
  // A list of nodes that come from elsewhere (a snapshot): Add() them in order, then Finish().
  static List Of(const Entry* e) { return List(e->pointer()); }
  void* object() const { return reinterpret_cast<void*>(bits_); }
  void Free();
  List Copy() const;

  std::uint64_t size() const { return is_tree() ? tree()->size() : pack().count(); }
  std::size_t node_count() const { return is_tree() ? tree()->node_count() : 1; }
  std::size_t memory() const { return is_tree() ? tree()->memory() : pack().memory(); }
  // visit(ListNode) in order.
  template <typename F>
  void ForEachNode(F&& visit) const {
    if (!is_tree()) return visit(ListNode(pack()));
    for (ListTree::Place p = tree()->First(); p; p = tree()->Next(p)) visit(p.node());
  }

  void Push(ListEnd end, std::string_view element, const ListLimits& limits);
  // Before element `index` <= size().
  void Insert(std::uint64_t index, std::string_view element, const ListLimits& limits);
  // Element `index` < size() becomes `element`.
  void Set(std::uint64_t index, std::string_view element, const ListLimits& limits);
  // index + n <= size().
  void DeleteRange(std::uint64_t index, std::uint64_t n, const ListLimits& limits);
  void DeleteEnd(ListEnd end, const ListLimits& limits) { DeleteRange(end == ListEnd::kHead ? 0 : size() - 1, 1, limits); }
  // Deletes what equals `element`, at most `most` of them, the nearest to `from` first; returns how many.
  std::uint64_t Remove(const Listpack::Element& element, std::uint64_t most, ListEnd from, const ListLimits& limits);
  // Adds a node behind the last. It is taken over.
  void AppendNode(ListNode node);

  // DEBUG QUICKLIST-PACKED-THRESHOLD: elements of this size are nodes of their own. For all lists of the process.
  static std::atomic<std::size_t>& PackedThreshold();

 private:
  friend class ListCursor;
  static constexpr std::uintptr_t kTree = 1;
  bool is_tree() const { return bits_ & kTree; }
  ListTree* tree() const { return reinterpret_cast<ListTree*>(bits_ & ~kTree); }
  Listpack pack() const { return Listpack(reinterpret_cast<void*>(bits_)); }
  void Become(Listpack p) { bits_ = reinterpret_cast<std::uintptr_t>(p.data()); }
  ListTree* BecomeTree();
  void PushInFront(std::string_view element, const ListLimits& limits);
  ListTree::Place LightenFront(ListTree::Place head, const ListLimits& limits);
  void MaybeShrink(const ListLimits& limits);
  void Unite(std::uint64_t index, const ListLimits& limits);

  std::uintptr_t bits_;
};

// Walks a list element by element. The list may not change meanwhile.
class ListCursor {
 public:
  // Stands on element `index`; on none if there is no such element.
  ListCursor(const List& list, std::uint64_t index, ListEnd towards);
  explicit operator bool() const { return blob_ != nullptr || at_ != nullptr; }
  // An element; what is no integer stays valid while the list does not change.
  ListpackItem item() const;
  // The element itself if it is a node of its own, else null.
  Blob* blob() const { return blob_; }
  bool Equals(const Listpack::Element& e) const;
  void Next();

 private:
  void Enter(ListNode node, std::int64_t offset);
  ListTree* tree_;  // null: a single listpack
  ListTree::Place place_;
  Listpack pack_;
  Listpack::Cursor at_ = nullptr;
  Blob* blob_ = nullptr;
  bool forward_;
};

}  // namespace slotwise
