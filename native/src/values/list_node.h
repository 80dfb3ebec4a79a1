// A node of a list: a listpack of several elements, or one big element by itself (PLAIN, in Redis's words). And how big
// a node may become: list-max-listpack-size.
//
// A plain element is a Blob: replies reference it instead of copying, and nobody changes its bytes.
// Guarded by the stripe of the key.
// Source: list-max-listpack-size in redis.conf; PLAIN nodes as RDB files of Redis 7.0 have them.
#pragma once
#include <cstdint>
#include <string_view>

#include "values/blob.h"
#include "values/listpack.h"

namespace slotwise {

class ListNode {
 public:
  ListNode() = default;
  explicit ListNode(Listpack pack) : bits_(reinterpret_cast<std::uintptr_t>(pack.data())) {}
  explicit ListNode(Blob* blob) : bits_(reinterpret_cast<std::uintptr_t>(blob) | kPlain) {}
  static ListNode FromRef(void* ref) {
    ListNode n;
    n.bits_ = reinterpret_cast<std::uintptr_t>(ref);
    return n;
  }
  void* ref() const { return reinterpret_cast<void*>(bits_); }

  bool plain() const { return bits_ & kPlain; }
  Listpack pack() const { return Listpack(reinterpret_cast<void*>(bits_)); }
  Blob* blob() const { return reinterpret_cast<Blob*>(bits_ & ~kPlain); }
  std::uint64_t count() const { return plain() ? 1 : pack().count(); }
  std::size_t memory() const { return plain() ? blob()->memory() : pack().memory(); }
  // Bytes as an RDB file stores them.
  std::size_t stored_size() const { return plain() ? blob()->size() : pack().total(); }

  ListNode Copy() const {
    if (!plain()) return ListNode(pack().Copy());
    blob()->Ref();
    return *this;
  }
  void Free() {
    if (plain()) blob()->Unref();
    else pack().Free();
  }

 private:
  static constexpr std::uintptr_t kPlain = 1;
  std::uintptr_t bits_ = 0;
};

// What a node takes. Listpacks stay below 65535 elements with every setting, so their counts are always known.
struct ListLimits {
  std::size_t bytes;       // of a listpack, header and all
  std::size_t entries;
  std::size_t plain_from;  // an element of this size is a node of its own

  // `fill` is list-max-listpack-size: elements if positive, else -1 to -5 for 4 to 64 KiB. The sizes are the greatest of
  // which slabs hold many without leaving a hole: nine nodes of 7 KiB in 64 KiB, but only seven of 8.
  static ListLimits Of(std::int64_t fill, std::size_t packed_threshold) {
    constexpr std::size_t kBytes[] = {3584, 7168, 12288, 32768, 65536};
    constexpr std::size_t kSafe = kBytes[1];
    ListLimits l;
    l.bytes = fill >= 0 ? kSafe : kBytes[fill < -5 ? 4 : -fill - 1];
    l.entries = fill >= 0 ? static_cast<std::size_t>(fill == 0 ? 1 : fill) : kMostEntries;
    if (l.entries > kMostEntries) l.entries = kMostEntries;
    l.plain_from = l.bytes - Listpack::kEmptySize - kOverhead;
    if (packed_threshold < l.plain_from) l.plain_from = packed_threshold;
    return l;
  }

  // How big the node at the head becomes while small elements are pushed there or popped: they move what is behind them in
  // the node, so that nodes of full size are made of four of these (List::PushInFront).
  std::size_t front() const { return bytes / 4; }
  // With a limit on their number somebody wants nodes of just that many.
  bool front_stays_small() const { return entries >= kMostEntries; }
  bool IsSmall(std::string_view element) const { return EntryBound(element.size()) <= bytes / 64; }
  bool FitsFront(const Listpack& pack, std::string_view element) const { return pack.total() + EntryBound(element.size()) <= front(); }
  // Whether two neighbours may be one.
  bool Fits(const ListNode& a, const ListNode& b) const {
    if (a.plain() || b.plain()) return false;
    return a.pack().total() + b.pack().total() <= bytes + Listpack::kEmptySize && a.count() + b.count() <= entries;
  }

  bool IsPlain(std::string_view element) const { return element.size() >= plain_from; }
  // Whether the listpack takes the element besides what it has.
  bool Takes(const Listpack& pack, std::string_view element) const {
    return !IsPlain(element) && pack.count() < entries && pack.total() + EntryBound(element.size()) <= bytes;
  }
  bool Takes(const ListNode& node, std::string_view element) const { return !node.plain() && Takes(node.pack(), element); }
  // Whether two neighbours should be one: with room to spare, so that they are not divided again at once.
  bool Unites(const ListNode& a, const ListNode& b) const {
    if (a.plain() || b.plain()) return false;
    return a.pack().total() + b.pack().total() <= bytes / 4 * 3 && a.count() + b.count() <= entries / 4 * 3;
  }

 private:
  static constexpr std::size_t kMostEntries = 32767;
  static constexpr std::size_t kOverhead = 10;
  // The most bytes that an element of this size takes in a listpack.
  static constexpr std::size_t EntryBound(std::size_t n) { return n + (n < 64 ? 2 : n < 4096 ? 4 : kOverhead); }
};

}  // namespace slotwise
