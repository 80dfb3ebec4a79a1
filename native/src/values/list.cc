#include "values/list.h"

#include <algorithm>
#include <vector>

#include "values/value_digest.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

constexpr std::size_t kNoThreshold = std::size_t{1} << 30;

ListNode NewNode(std::string_view element, const ListLimits& limits) {
  if (limits.IsPlain(element)) return ListNode(Blob::Copy(element, element.size()));
  Listpack p = Listpack::Create();
  p.Append(element);
  return ListNode(p);
}

void PushTo(Listpack& pack, ListEnd end, std::string_view element) {
  if (end == ListEnd::kHead) pack.Prepend(element);
  else pack.Append(element);
}

// Moves the elements from `offset` on to a listpack of their own.
Listpack SplitOff(Listpack& pack, std::uint64_t offset) {
  Listpack right = Listpack::Create();
  Listpack::Cursor at = pack.At(static_cast<std::int64_t>(offset));
  right.AppendRange(pack, at, nullptr);
  pack.Delete(at, pack.count() - offset);
  return right;
}

// Deletes the elements at the cursors, which ascend.
void DeleteAll(Listpack& pack, const std::vector<Listpack::Cursor>& cursors) {
  if (cursors.size() == 1) {
    pack.Delete(cursors[0]);
    return;
  }
  // What stays is copied run by run: deleting one by one would move the rest of the listpack each time.
  Listpack kept = Listpack::Create();
  Listpack::Cursor from = pack.First();
  for (Listpack::Cursor c : cursors) {
    if (c != from) kept.AppendRange(pack, from, c);
    from = pack.Next(c);
  }
  if (from != nullptr) kept.AppendRange(pack, from, nullptr);
  pack.Free();
  pack = kept;
}

// The first (from the tail: last) elements that equal `e`, at most `most`; ascending.
void FindAll(const Listpack& pack, const Listpack::Element& e, std::uint64_t most, ListEnd from, std::vector<Listpack::Cursor>& out) {
  out.clear();
  if (from == ListEnd::kHead) {
    for (Listpack::Cursor c = pack.First(); c != nullptr && out.size() < most; c = pack.Next(c)) {
      if (Listpack::Equals(c, e)) out.push_back(c);
    }
  } else {
    for (Listpack::Cursor c = pack.Last(); c != nullptr && out.size() < most; c = pack.Prev(c)) {
      if (Listpack::Equals(c, e)) out.push_back(c);
    }
    std::reverse(out.begin(), out.end());
  }
}

}  // namespace

std::atomic<std::size_t>& List::PackedThreshold() {
  static std::atomic<std::size_t> threshold{kNoThreshold};
  return threshold;
}

void List::Free() {
  if (bits_ == 0) return;
  if (is_tree()) tree()->Destroy();
  else pack().Free();
}

List List::Copy() const {
  List copy(nullptr);
  if (is_tree()) copy.bits_ = reinterpret_cast<std::uintptr_t>(tree()->Copy()) | kTree;
  else copy.Become(pack().Copy());
  return copy;
}

// The listpack becomes the tree's only node, or nothing if it is empty.
ListTree* List::BecomeTree() {
  if (is_tree()) return tree();
  Listpack p = pack();
  ListTree* t = ListTree::Create();
  if (p.count() > 0) t->Insert({}, ListNode(p));
  else p.Free();
  bits_ = reinterpret_cast<std::uintptr_t>(t) | kTree;
  return t;
}

void List::MaybeShrink(const ListLimits& limits) {
  ListTree* t = tree();
  if (t->node_count() != 1) return;
  ListTree::Place only = t->First();
  ListNode node = only.node();
  if (node.plain() || node.pack().total() > limits.bytes / 2 || node.count() > limits.entries / 2) return;
  t->Remove(only);
  t->Destroy();
  Become(node.pack());
}

void List::Push(ListEnd end, std::string_view element, const ListLimits& limits) {
  if (!is_tree()) {
    Listpack p = pack();
    if (limits.Takes(p, element)) [[likely]] {
      PushTo(p, end, element);
      Become(p);
      return;
    }
  }
  ListTree* t = BecomeTree();
  if (end == ListEnd::kHead && limits.front_stays_small() && limits.IsSmall(element)) return PushInFront(element, limits);
  ListTree::Place at = end == ListEnd::kHead ? t->First() : t->Last();
  if (at && limits.Takes(at.node(), element)) {
    Listpack p = at.node().pack();
    PushTo(p, end, element);
    t->Update(at, ListNode(p), at.count() + 1);
  } else {
    t->Insert(end == ListEnd::kHead ? at : ListTree::Place{}, NewNode(element, limits));
  }
}

// A push moves everything behind it in the node, 3.5 KiB on average in nodes that are filled like this. So the node at the
// head stays small, and joins the one behind it when it has become a quarter of a full one.
void List::PushInFront(std::string_view element, const ListLimits& limits) {
  ListTree* t = tree();
  if (ListTree::Place head = t->First(); head && !head.node().plain()) {
    Listpack p = head.node().pack();
    if (limits.FitsFront(p, element)) {
      p.Prepend(element);
      t->Update(head, ListNode(p), head.count() + 1);
      return;
    }
    ListTree::Place next = t->Next(head);
    if (next && limits.Fits(head.node(), next.node())) {
      Listpack behind = next.node().pack();
      p.AppendRange(behind, behind.First(), nullptr);
      t->Update(next, ListNode(p), p.count());
      t->Remove(head);
      behind.Free();
    }
  }
  t->Insert(t->First(), NewNode(element, limits));
}

// A pop moves what is behind it, too: a big node at the head gives its first elements to one of their own. Returns the head.
ListTree::Place List::LightenFront(ListTree::Place head, const ListLimits& limits) {
  Listpack rest = head.node().pack();
  if (rest.total() <= limits.front() * 2) return head;
  Listpack::Cursor cut = rest.First();
  std::size_t n = 0;
  for (Listpack::Cursor first = cut; cut != nullptr && static_cast<std::size_t>(cut - first) < limits.front(); cut = rest.Next(cut)) ++n;
  if (cut == nullptr || n < 8) return head;  // a few big elements: they are what takes the time
  Listpack front = Listpack::Create();
  front.AppendRange(rest, rest.First(), cut);
  rest.Delete(rest.First(), n);
  tree()->Update(head, ListNode(rest), rest.count());
  return tree()->Insert(head, ListNode(front));
}

void List::Insert(std::uint64_t index, std::string_view element, const ListLimits& limits) {
  if (index == 0) return Push(ListEnd::kHead, element, limits);
  if (index == size()) return Push(ListEnd::kTail, element, limits);
  if (!is_tree()) {
    Listpack p = pack();
    if (limits.Takes(p, element)) {
      p.Insert(p.At(static_cast<std::int64_t>(index)), element);
      Become(p);
      return;
    }
  }
  ListTree* t = BecomeTree();
  std::uint64_t offset;
  ListTree::Place at = t->Find(index, &offset);
  if (limits.Takes(at.node(), element)) {
    Listpack p = at.node().pack();
    p.Insert(p.At(static_cast<std::int64_t>(offset)), element);
    t->Update(at, ListNode(p), at.count() + 1);
    return;
  }
  if (offset > 0) {
    Listpack left = at.node().pack();
    Listpack right = SplitOff(left, offset);
    t->Update(at, ListNode(right), right.count());
    at = t->Next(t->Insert(at, ListNode(left)));
  }
  ListTree::Place before = t->Prev(at);
  if (limits.Takes(before.node(), element)) {
    Listpack p = before.node().pack();
    p.Append(element);
    t->Update(before, ListNode(p), before.count() + 1);
  } else if (limits.Takes(at.node(), element)) {
    Listpack p = at.node().pack();
    p.Prepend(element);
    t->Update(at, ListNode(p), at.count() + 1);
  } else {
    t->Insert(at, NewNode(element, limits));
  }
}

void List::Set(std::uint64_t index, std::string_view element, const ListLimits& limits) {
  std::uint64_t offset = index;
  ListTree::Place at;
  if (is_tree()) at = tree()->Find(index, &offset);
  if (!is_tree() || !at.node().plain()) {
    Listpack p = is_tree() ? at.node().pack() : pack();
    Listpack::Cursor c = p.At(static_cast<std::int64_t>(offset));
    IntScratch scratch;
    std::size_t now = Listpack::EntrySize(Listpack::Get(c).View(scratch));
    if (!limits.IsPlain(element) && p.total() - now + Listpack::EntrySize(element) <= limits.bytes) {
      p.Replace(c, element);
      if (is_tree()) tree()->Update(at, ListNode(p), at.count());
      else Become(p);
      return;
    }
  } else if (limits.IsPlain(element)) {
    at.node().Free();
    tree()->Update(at, NewNode(element, limits), 1);
    return;
  }
  // Inserted before it is deleted: a list that is short of an element for a moment might change its form.
  Insert(index, element, limits);
  DeleteRange(index + 1, 1, limits);
}

void List::DeleteRange(std::uint64_t index, std::uint64_t n, const ListLimits& limits) {
  if (n == 0) return;
  if (!is_tree()) {
    Listpack p = pack();
    p.Delete(p.At(static_cast<std::int64_t>(index)), n);
    Become(p);
    return;
  }
  ListTree* t = tree();
  bool inside = index > 0 && index + n < t->size();
  std::uint64_t offset;
  ListTree::Place at = t->Find(index, &offset);
  if (index == 0 && n == 1 && at.count() > 1 && limits.front_stays_small()) at = LightenFront(at, limits);
  while (n > 0) {
    std::uint64_t count = at.count();
    std::uint64_t here = std::min(n, count - offset);
    n -= here;
    if (here == count) {
      ListNode node = at.node();
      at = t->Remove(at);
      node.Free();
    } else {
      Listpack p = at.node().pack();
      p.Delete(p.At(static_cast<std::int64_t>(offset)), here);
      t->Update(at, ListNode(p), count - here);
      if (n > 0) at = t->Next(at);
    }
    offset = 0;
  }
  if (inside) Unite(index, limits);
  MaybeShrink(limits);
}

// Joins the node of element `index` with a neighbour that has become as small.
void List::Unite(std::uint64_t index, const ListLimits& limits) {
  ListTree* t = tree();
  std::uint64_t offset;
  ListTree::Place at = t->Find(index, &offset);
  for (ListTree::Place left : {at, t->Prev(at)}) {
    if (!left) continue;
    ListTree::Place right = t->Next(left);
    if (!right || !limits.Unites(left.node(), right.node())) continue;
    Listpack p = left.node().pack();
    Listpack gone = right.node().pack();
    p.AppendRange(gone, gone.First(), nullptr);
    t->Update(left, ListNode(p), p.count());
    t->Remove(right);
    gone.Free();
    return;
  }
}

std::uint64_t List::Remove(const Listpack::Element& element, std::uint64_t most, ListEnd from, const ListLimits& limits) {
  std::vector<Listpack::Cursor> found;
  if (!is_tree()) {
    Listpack p = pack();
    FindAll(p, element, most, from, found);
    if (found.empty()) return 0;
    DeleteAll(p, found);
    Become(p);
    return found.size();
  }
  ListTree* t = tree();
  std::uint64_t removed = 0;
  bool head = from == ListEnd::kHead;
  for (ListTree::Place at = head ? t->First() : t->Last(); at && removed < most;) {
    ListNode node = at.node();
    std::uint64_t count = at.count();
    std::uint64_t here = 0;
    if (node.plain()) {
      here = node.blob()->view() == element.text ? 1 : 0;
    } else {
      FindAll(node.pack(), element, most - removed, from, found);
      here = found.size();
    }
    removed += here;
    if (here == count) {
      ListTree::Place next = t->Remove(at);
      node.Free();
      at = head ? next : next ? t->Prev(next) : t->Last();
      continue;
    }
    if (here > 0) {
      Listpack p = node.pack();
      DeleteAll(p, found);
      t->Update(at, ListNode(p), count - here);
      // Joined with the node that was looked at before; the walk goes on from what they have become.
      ListTree::Place left = head ? t->Prev(at) : at;
      ListTree::Place right = head ? at : t->Next(at);
      if (left && right && limits.Unites(left.node(), right.node())) {
        Listpack joined = left.node().pack();
        Listpack gone = right.node().pack();
        joined.AppendRange(gone, gone.First(), nullptr);
        t->Update(left, ListNode(joined), joined.count());
        ListTree::Place next = t->Remove(right);
        gone.Free();
        if (head) {
          at = next;
          continue;
        }
        at = next ? t->Prev(next) : t->Last();
      }
    }
    at = head ? t->Next(at) : t->Prev(at);
  }
  if (removed > 0) MaybeShrink(limits);
  return removed;
}

void List::AppendNode(ListNode node) {
  if (!is_tree() && pack().count() == 0 && !node.plain()) {
    pack().Free();
    return Become(node.pack());
  }
  BecomeTree()->Insert({}, node);
}

ListCursor::ListCursor(const List& list, std::uint64_t index, ListEnd towards)
    : tree_(list.is_tree() ? list.tree() : nullptr), forward_(towards == ListEnd::kTail) {
  if (index >= list.size()) return;
  if (tree_ == nullptr) {
    Enter(ListNode(list.pack()), static_cast<std::int64_t>(index));
  } else {
    std::uint64_t offset;
    place_ = tree_->Find(index, &offset);
    Enter(place_.node(), static_cast<std::int64_t>(offset));
  }
}

void ListCursor::Enter(ListNode node, std::int64_t offset) {
  if (node.plain()) {
    blob_ = node.blob();
    return;
  }
  blob_ = nullptr;
  pack_ = node.pack();
  at_ = pack_.At(offset);
}

ListpackItem ListCursor::item() const {
  if (blob_ != nullptr) return {blob_->data(), static_cast<std::uint32_t>(blob_->size()), 0};
  return Listpack::Get(at_);
}

bool ListCursor::Equals(const Listpack::Element& e) const {
  return blob_ != nullptr ? blob_->view() == e.text : Listpack::Equals(at_, e);
}

void ListCursor::Next() {
  if (blob_ == nullptr) at_ = forward_ ? pack_.Next(at_) : pack_.Prev(at_);
  if (at_ != nullptr && blob_ == nullptr) return;
  blob_ = nullptr;
  at_ = nullptr;
  if (tree_ == nullptr) return;
  place_ = forward_ ? tree_->Next(place_) : tree_->Prev(place_);
  if (place_) Enter(place_.node(), forward_ ? 0 : -1);
}

namespace {

void Digest(const Entry* e, unsigned char* out) {
  Sha1Digest digest;
  std::copy_n(out, digest.size(), digest.begin());
  for (ListCursor c(List::Of(e), 0, ListEnd::kTail); c; c.Next()) {
    IntScratch scratch;
    MixDigest(digest, c.item().View(scratch));
  }
  std::copy(digest.begin(), digest.end(), out);
}

constexpr ValueOps kListOps = {
    "list",
    [](Encoding, void* object) { List(object).Free(); },
    [](Encoding, const void* object) { return List(const_cast<void*>(object)).Copy().object(); },
    [](Encoding, const void* object) { return List(const_cast<void*>(object)).memory(); },
    [](Encoding, const void* object) { return object == nullptr ? std::size_t{1} : List(const_cast<void*>(object)).node_count(); },
    Digest,
};
[[maybe_unused]] const bool kRegistered = (RegisterValueOps(Type::kList, &kListOps), true);

}  // namespace
}  // namespace slotwise
