#include "values/sorted_set.h"

#include <cmath>
#include <new>

#include "base/double_text.h"
#include "keyspace/database.h"
#include "keyspace/deferred_free.h"

namespace slotwise {
namespace {

using Added = SortedSet::Added;

SortedSet::Big* NewBig() { return new (Allocate(sizeof(SortedSet::Big))) SortedSet::Big{ScoreTable::Create(), {}}; }

// Before `where`, or at the end if it is null.
void InsertPair(Listpack& list, Listpack::Cursor where, std::string_view member, double score) {
  std::int64_t integer;
  char text[32];
  bool whole = DoubleAsInteger(score, &integer);
  std::string_view printed = whole ? std::string_view() : std::string_view(text, PrintDouble(score, text));
  if (where == nullptr) {
    list.Append(member);
    if (whole) list.Append(integer);
    else list.Append(printed);
    return;
  }
  Listpack::Cursor next = list.Next(list.Insert(where, member));
  if (whole) list.Insert(next, integer);
  else list.Insert(next, printed);
}

// Where a pair belongs: the first that comes after it, or null.
Listpack::Cursor PlaceFor(const Listpack& list, std::string_view member, double score) {
  IntScratch scratch;
  for (Listpack::Cursor c = list.First(); c != nullptr;) {
    Listpack::Cursor score_at = list.Next(c);
    double s = SortedSet::StoredScore(score_at);
    if (s > score || (s == score && ScoreTree::MemberLess(member, Listpack::Get(c).View(scratch)))) return c;
    c = list.Next(score_at);
  }
  return nullptr;
}

Listpack::Cursor FindMember(const Listpack& list, std::string_view member) {
  Listpack::Cursor first = list.First();
  return first == nullptr ? nullptr : list.Find(first, Listpack::Element(member), 1);
}

// What the options make of a member that is there with the score `old`. *score: the one given, then the one to be.
Added Decide(double old, double* score, const SortedSet::AddOptions& options) {
  if (options.only_new) return Added::kRefused;
  double wanted = *score;
  if (options.increment) {
    wanted += old;
    if (std::isnan(wanted)) return Added::kNotANumber;
  }
  if ((options.only_less && wanted >= old) || (options.only_greater && wanted <= old)) return Added::kRefused;
  *score = wanted;
  return wanted == old ? Added::kSame : Added::kUpdated;
}

}  // namespace

double SortedSet::StoredScore(Listpack::Cursor score) {
  ListpackItem item = Listpack::Get(score);
  return item.is_integer() ? static_cast<double>(item.integer) : ParseStoredScore({item.bytes, item.size});
}

SortedSet SortedSet::Create(std::string_view first_member, const SortedSetLimits& limits) {
  if (limits.max_entries == 0 || first_member.size() > limits.max_value) return {Encoding::kSkiplist, NewBig()};
  return {Encoding::kListpack, Listpack::Create().data()};
}

SortedSet SortedSet::CreateFrom(std::span<const ScoredMember> members, const SortedSetLimits& limits) {
  std::size_t longest = 0, total = 0;
  for (const ScoredMember& m : members) {
    longest = std::max(longest, m.member.size());
    total += m.member.size();
  }
  Listpack list = Listpack::Create();
  if (members.size() <= limits.max_entries && longest <= limits.max_value && list.Fits(total)) {
    for (const ScoredMember& m : members) InsertPair(list, nullptr, m.member, m.score);
    return {Encoding::kListpack, list.data()};
  }
  list.Free();
  Big* big = NewBig();
  std::vector<ScoreItem*> items;
  items.reserve(members.size());
  for (const ScoredMember& m : members) {
    items.push_back(ScoreItem::Create(m.score, m.member));
    big->table->Insert(items.back(), KeyHash(m.member));
  }
  big->tree.Build(items);
  return {Encoding::kSkiplist, big};
}

std::size_t SortedSet::memory() const {
  if (packed()) return listpack().memory();
  return AllocatedSize(sizeof(Big)) + big()->table->memory() + big()->tree.memory();
}

void SortedSet::Free() {
  if (packed()) return listpack().Free();
  Big* b = big();
  b->tree.Clear();
  b->table->Destroy();
  b->~Big();
  Release(b, sizeof(Big));
}

void* SortedSet::Copy() const {
  if (packed()) return listpack().Copy().data();
  Big* copy = NewBig();
  std::vector<ScoreItem*> items;
  items.reserve(size());
  for (ScoreTree::Cursor c = big()->tree.First(); c; c = c.Next()) {
    items.push_back(c.item()->Copy());
    copy->table->Insert(items.back(), KeyHash(items.back()->key()));
  }
  copy->tree.Build(items);
  return copy;
}

void SortedSet::Become(Encoding encoding, void* object) {
  encoding_ = encoding;
  object_ = object;
  if (entry_ == nullptr) return;
  entry_->set_encoding(encoding);
  entry_->set_pointer(object);
}

void SortedSet::MakeBig() {
  Listpack list = listpack();
  Big* b = NewBig();
  std::vector<ScoreItem*> items;
  items.reserve(size());
  VisitAll([&](std::string_view member, double score) {
    items.push_back(ScoreItem::Create(score, member));
    b->table->Insert(items.back(), KeyHash(member));
  });
  b->tree.Build(items);
  list.Free();
  Become(Encoding::kSkiplist, b);
}

std::optional<double> SortedSet::Score(std::string_view member) const {
  if (packed()) {
    Listpack::Cursor c = FindMember(listpack(), member);
    return c == nullptr ? std::nullopt : std::optional(StoredScore(listpack().Next(c)));
  }
  const ScoreItem* item = big()->table->Find(member).item();
  return item == nullptr ? std::nullopt : std::optional(item->score());
}

std::optional<std::size_t> SortedSet::Rank(std::string_view member) const {
  if (!packed()) {
    const ScoreItem* item = big()->table->Find(member).item();
    return item == nullptr ? std::nullopt : std::optional(big()->tree.Rank(item));
  }
  Listpack list = listpack();
  Listpack::Element wanted(member);
  std::size_t rank = 0;
  for (Listpack::Cursor c = list.First(); c != nullptr; c = list.Next(list.Next(c)), ++rank) {
    if (Listpack::Equals(c, wanted)) return rank;
  }
  return std::nullopt;
}

Added SortedSet::Add(double* score, std::string_view member, const AddOptions& options, const SortedSetLimits& limits) {
  if (packed()) {
    bool too_big = false;
    Added result = AddPacked(score, member, options, limits, &too_big);
    if (!too_big) return result;
    MakeBig();
  }
  return AddBig(score, member, options);
}

Added SortedSet::AddPacked(double* score, std::string_view member, const AddOptions& options, const SortedSetLimits& limits, bool* too_big) {
  Listpack list = listpack();
  if (Listpack::Cursor found = FindMember(list, member)) {
    Added result = Decide(StoredScore(list.Next(found)), score, options);
    if (result != Added::kUpdated) return result;
    list.Delete(found, 2);
    InsertPair(list, PlaceFor(list, member, *score), member, *score);
    Became(list);
    return result;
  }
  if (options.only_existing) return Added::kRefused;
  if (size() + 1 > limits.max_entries || member.size() > limits.max_value || !list.Fits(member.size())) {
    *too_big = true;
    return Added::kRefused;
  }
  InsertPair(list, PlaceFor(list, member, *score), member, *score);
  Became(list);
  return Added::kNew;
}

Added SortedSet::AddBig(double* score, std::string_view member, const AddOptions& options) {
  Big* b = big();
  std::uint64_t hash = KeyHash(member);
  if (ScoreItem* item = b->table->Find(member, hash).item()) {
    Added result = Decide(item->score(), score, options);
    if (result == Added::kUpdated) b->tree.UpdateScore(item, *score);
    return result;
  }
  if (options.only_existing) return Added::kRefused;
  ScoreItem* item = ScoreItem::Create(*score, member);
  b->table->Insert(item, hash);
  b->tree.Insert(item);
  return Added::kNew;
}

bool SortedSet::Remove(std::string_view member) {
  if (packed()) {
    Listpack list = listpack();
    Listpack::Cursor found = FindMember(list, member);
    if (found == nullptr) return false;
    list.Delete(found, 2);
    Became(list);
    return true;
  }
  Big* b = big();
  std::uint64_t hash = KeyHash(member);
  ScoreTable::Place place = b->table->Find(member, hash);
  if (!place) return false;
  b->tree.Erase(place.item());
  b->table->Erase(place, hash);
  return true;
}

void SortedSet::RemoveRange(RankRange range) {
  if (range.empty()) return;
  if (packed()) {
    Listpack list = listpack();
    list.DeleteRange(static_cast<std::int64_t>(range.first * 2), range.size() * 2);
    return Became(list);
  }
  if (range.size() > DeferredFree::kMinEffort && range.size() > size() - range.size()) return RemoveAllBut(range);
  Big* b = big();
  b->tree.EraseRange(range.first, range.size(), [b](ScoreItem* item) {
    std::uint64_t hash = KeyHash(item->key());
    b->table->Erase(b->table->Find(item->key(), hash), hash);
  });
}

void SortedSet::RemoveAllBut(RankRange range) {
  Big* rest = NewBig();
  std::vector<ScoreItem*> items;
  items.reserve(size() - range.size());
  auto keep = [&](std::size_t from, std::size_t count) {
    ScoreTree::Cursor c = big()->tree.Select(from);
    for (; count > 0; --count, c = c.Next()) {
      items.push_back(c.item()->Copy());
      rest->table->Insert(items.back(), KeyHash(items.back()->key()));
    }
  };
  keep(0, range.first);
  keep(range.last, size() - range.last);
  rest->tree.Build(items);
  // An entry of its own, so that it can be handed over.
  Entry* old = Entry::Create(Type::kZSet, encoding_, {}, sizeof(void*), kNoExpire, false);
  old->set_pointer(object_);
  Become(Encoding::kSkiplist, rest);
  Database::FreeEntry(old);
}

RankRange SortedSet::Find(const ScoreRange& range) const {
  if (range.Empty()) return {};
  RankRange found;
  if (!packed()) {
    const ScoreTree& tree = big()->tree;
    found.first = tree.CountBefore([&range](double s, const ScoreItem*) { return !range.ReachesMin(s); });
    found.last = tree.CountBefore([&range](double s, const ScoreItem*) { return range.WithinMax(s); });
    return found;
  }
  Listpack list = listpack();
  for (Listpack::Cursor c = list.First(); c != nullptr; ) {
    Listpack::Cursor score_at = list.Next(c);
    double score = StoredScore(score_at);
    if (!range.WithinMax(score)) break;
    if (!range.ReachesMin(score)) ++found.first;
    ++found.last;
    c = list.Next(score_at);
  }
  return found;
}

// Where scores differ members are not in order, and what the answer should be nobody says. A listpack is searched from
// the front as Redis does it, so that at least the answers agree.
RankRange SortedSet::Find(const LexRange& range) const {
  if (range.Empty()) return {};
  RankRange found;
  if (!packed()) {
    const ScoreTree& tree = big()->tree;
    found.first = tree.CountBefore([&range](double, const ScoreItem* item) { return !range.ReachesMin(item->member()); });
    found.last = tree.CountBefore([&range](double, const ScoreItem* item) { return range.WithinMax(item->member()); });
    if (found.last < found.first) found.last = found.first;
    return found;
  }
  Listpack list = listpack();
  IntScratch scratch;
  bool inside = false;
  for (Listpack::Cursor c = list.First(); c != nullptr; c = list.Next(list.Next(c))) {
    std::string_view member = Listpack::Get(c).View(scratch);
    if (!inside && !range.ReachesMin(member)) {
      ++found.first;
      continue;
    }
    if (!inside) found.last = found.first;
    inside = true;
    if (!range.WithinMax(member)) break;
    ++found.last;
  }
  if (!inside) found.last = found.first;
  return found;
}

}  // namespace slotwise
