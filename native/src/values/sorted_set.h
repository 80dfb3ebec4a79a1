// A sorted set, in either of its forms:
//
//   listpack   member, score, member, score, ... in order, in one allocation, as RDB files have it
//   skiplist   the name that OBJECT ENCODING gives to the big form: a table from member to item and score, and a
//              B+tree over the same items for the order. (Redis keeps a skip list there; clients ask for the name.)
//
// A listpack becomes big when a member or the number of members exceeds the limits, and never small again by removals.
// Ordered by score, then by the bytes of the member. Scores are never NaN.
// This is a handle on the object of an Entry, which it keeps up to date, or of none while a result is put together.
// Guarded by the lock of the key's stripe.
// Source: Redis 7.0's sorted sets. Elsewhere: the tree (score_tree.h), the table (member_table.h), commands (zset_*.cc).
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "keyspace/entry.h"
#include "values/listpack.h"
#include "values/member_table.h"
#include "values/score_range.h"
#include "values/score_tree.h"

namespace slotwise {

// zset-max-listpack-entries and -value.
struct SortedSetLimits {
  std::uint64_t max_entries;
  std::uint64_t max_value;
};

struct ScoredMember {
  double score;
  std::string_view member;
  friend bool operator<(const ScoredMember& a, const ScoredMember& b) { return ScoreTree::Less(a.score, a.member, b.score, b.member); }
};

class SortedSet {
 public:
  // What the big form points to.
  struct Big {
    ScoreTable* table;
    ScoreTree tree;
  };

  explicit SortedSet(Entry* entry) : entry_(entry), encoding_(entry->encoding()), object_(entry->pointer()) {}
  SortedSet(Encoding encoding, const void* object) : encoding_(encoding), object_(const_cast<void*>(object)) {}
  // An empty one that belongs to no entry yet. The first member decides its form.
  static SortedSet Create(std::string_view first_member, const SortedSetLimits& limits);
  // `members` are in order, each once.
  static SortedSet CreateFrom(std::span<const ScoredMember> members, const SortedSetLimits& limits);

  Encoding encoding() const { return encoding_; }
  void* object() const { return object_; }
  std::size_t size() const { return packed() ? listpack().count() / 2 : big()->tree.size(); }
  std::size_t memory() const;
  void Free();
  void* Copy() const;

  std::optional<double> Score(std::string_view member) const;
  std::optional<std::size_t> Rank(std::string_view member) const;

  // ZADD's conditions.
  struct AddOptions {
    bool increment = false;
    bool only_new = false;       // NX
    bool only_existing = false;  // XX
    bool only_greater = false;   // GT; does not keep new members out
    bool only_less = false;      // LT
  };
  enum class Added : std::uint8_t { kNotANumber, kRefused, kSame, kNew, kUpdated };
  // kNotANumber (of an increment) and kRefused (by the options) change nothing; otherwise *score becomes the new score.
  Added Add(double* score, std::string_view member, const AddOptions& options, const SortedSetLimits& limits);
  bool Remove(std::string_view member);
  // Of a big set that loses most of its members what stays is copied, and the rest goes as a whole.
  void RemoveRange(RankRange range);

  RankRange Find(const ScoreRange& range) const;
  RankRange Find(const LexRange& range) const;
  // visit(member, score) for `count` members from the one of rank `from` on, or downwards from it; one that returns bool
  // ends it with false. A view lives until the next call. Without `scores` the score is 0 where reading it costs something.
  template <typename F>
  void Visit(std::size_t from, std::size_t count, bool down, bool scores, F&& visit) const {
    if (count == 0) return;
    if (!packed()) return VisitBig(from, count, down, visit);
    Listpack list = listpack();
    IntScratch scratch;
    for (Listpack::Cursor member = list.At(static_cast<std::int64_t>(from * 2)); count > 0; --count) {
      Listpack::Cursor score = list.Next(member);
      if (!Goes(visit, Listpack::Get(member).View(scratch), scores ? StoredScore(score) : 0.0) || count == 1) return;
      member = down ? list.Prev(list.Prev(member)) : list.Next(score);
    }
  }
  template <typename F>
  void VisitAll(F&& visit) const { Visit(0, size(), false, true, visit); }

  bool packed() const { return encoding_ == Encoding::kListpack; }
  Listpack listpack() const { return Listpack(object_); }
  Big* big() const { return static_cast<Big*>(object_); }
  static double StoredScore(Listpack::Cursor score);

 private:
  template <typename F>
  static bool Goes(F& visit, std::string_view member, double score) {
    if constexpr (std::is_same_v<decltype(visit(member, score)), bool>) return visit(member, score);
    visit(member, score);
    return true;
  }
  template <typename F>
  void VisitBig(std::size_t from, std::size_t count, bool down, F&& visit) const {
    // Members lie where they were allocated: they are fetched some steps ahead.
    constexpr std::size_t kAhead = 8;
    ScoreTree::Cursor at = big()->tree.Select(from);
    for (; count > 0; --count, at = down ? at.Prev() : at.Next()) {
      if (!down && at.index + kAhead < at.leaf->count) __builtin_prefetch(at.leaf->items()[at.index + kAhead]);
      if (down && at.index >= kAhead) __builtin_prefetch(at.leaf->items()[at.index - kAhead]);
      if (!Goes(visit, at.item()->member(), at.score())) return;
    }
  }
  void Become(Encoding encoding, void* object);
  void Became(Listpack list) { Become(Encoding::kListpack, list.data()); }
  void MakeBig();
  void RemoveAllBut(RankRange range);
  Added AddPacked(double* score, std::string_view member, const AddOptions& options, const SortedSetLimits& limits, bool* too_big);
  Added AddBig(double* score, std::string_view member, const AddOptions& options);

  Entry* entry_ = nullptr;
  Encoding encoding_;
  void* object_;
};

}  // namespace slotwise
