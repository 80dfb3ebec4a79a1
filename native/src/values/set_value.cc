#include "values/set_value.h"

#include <algorithm>

#include "values/string_value.h"
#include "values/value_digest.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

// The integers that an intset can count.
constexpr std::uint64_t kMaxIntsetEntries = std::uint64_t{1} << 30;

}  // namespace

SetValue SetValue::CreateFor(std::string_view member) {
  std::int64_t v;
  if (ParseInteger(member, &v)) return CreateIntset();
  if (member.size() <= kPackedMemberBytes) return {Encoding::kListpack, Listpack::Create().data()};
  return {Encoding::kHashtable, MemberSet::Create()};
}

void SetValue::Free() {
  if (is_intset()) intset().Free();
  else if (is_packed()) listpack().Free();
  else table().Destroy();
  object_ = nullptr;
}

SetValue SetValue::Copy() const {
  if (is_intset()) return {encoding_, intset().Copy().data()};
  if (is_packed()) return {encoding_, listpack().Copy().data()};
  return {encoding_, table().Copy()};
}

std::size_t SetValue::size() const {
  if (is_intset()) return intset().count();
  return is_packed() ? listpack().count() : table().size();
}

std::size_t SetValue::memory() const {
  if (is_intset()) return intset().memory();
  return is_packed() ? listpack().memory() : table().memory();
}

bool SetValue::Contains(std::string_view member) const {
  if (is_table()) return static_cast<bool>(table().Find(member));
  if (is_packed()) {
    Listpack pack = listpack();
    return member.size() <= kPackedMemberBytes && pack.Find(pack.First(), Listpack::Element(member)) != nullptr;
  }
  std::int64_t v;
  return ParseInteger(member, &v) && intset().Contains(v);
}

bool SetValue::Contains(const ListpackItem& member) const {
  if (is_intset() && member.is_integer()) return intset().Contains(member.integer);
  IntScratch scratch;
  return Contains(member.View(scratch));
}

bool SetValue::Add(std::string_view member, std::uint64_t intset_entries) {
  if (is_table()) return AddToTable(member);
  Listpack::Element element(member);
  if (is_intset()) {
    if (element.is_integer) return AddInteger(element.integer, intset_entries);
    if (intset().count() < kPackedEntries) BecomeListpack();
    else BecomeTable();
  }
  return is_packed() ? AddToListpack(element) : AddToTable(member);
}

bool SetValue::Add(const ListpackItem& member, std::uint64_t intset_entries) {
  if (is_intset() && member.is_integer()) return AddInteger(member.integer, intset_entries);
  IntScratch scratch;
  return Add(member.View(scratch), intset_entries);
}

bool SetValue::AddInteger(std::int64_t v, std::uint64_t intset_entries) {
  Intset ints = intset();
  bool added = ints.Add(v);
  object_ = ints.data();
  if (added && ints.count() > std::min(intset_entries, kMaxIntsetEntries)) {
    if (ints.count() <= kPackedEntries) BecomeListpack();
    else BecomeTable();
  }
  return added;
}

bool SetValue::AddToListpack(const Listpack::Element& member) {
  Listpack pack = listpack();
  if (member.text.size() <= kPackedMemberBytes) {
    if (pack.Find(pack.First(), member) != nullptr) return false;
    if (pack.count() < kPackedEntries) {
      if (member.is_integer) pack.Append(member.integer);
      else pack.Append(member.text);
      object_ = pack.data();
      return true;
    }
  }
  BecomeTable();
  return AddToTable(member.text);
}

bool SetValue::AddToTable(std::string_view member) {
  std::uint64_t hash = KeyHash(member);
  if (table().Find(member, hash)) return false;
  table().Insert(MemberItem::Create(member), hash);
  return true;
}

bool SetValue::Remove(std::string_view member) {
  if (is_table()) return RemoveFromTable(member);
  Listpack::Element element(member);
  if (is_packed()) return RemoveFromListpack(element);
  return element.is_integer && RemoveInteger(element.integer);
}

bool SetValue::Remove(const ListpackItem& member) {
  if (is_intset() && member.is_integer()) return RemoveInteger(member.integer);
  IntScratch scratch;
  return Remove(member.View(scratch));
}

bool SetValue::RemoveInteger(std::int64_t v) {
  Intset ints = intset();
  bool removed = ints.Remove(v);
  object_ = ints.data();
  return removed;
}

bool SetValue::RemoveFromListpack(const Listpack::Element& member) {
  Listpack pack = listpack();
  Listpack::Cursor c = pack.Find(pack.First(), member);
  if (c == nullptr) return false;
  pack.Delete(c);
  object_ = pack.data();
  return true;
}

bool SetValue::RemoveFromTable(std::string_view member) {
  std::uint64_t hash = KeyHash(member);
  MemberSet::Place place = table().Find(member, hash);
  if (!place) return false;
  table().Erase(place, hash);
  return true;
}

ListpackItem SetValue::RandomMember(Random& random) const {
  if (is_intset()) return {nullptr, 0, intset().At(random.Below(intset().count()))};
  if (is_packed()) return Listpack::Get(listpack().At(static_cast<std::int64_t>(random.Below(listpack().count()))));
  return ItemOf(table().RandomItem(random)->member());
}

void SetValue::BecomeListpack() {
  Listpack pack = Listpack::Create();
  Visit([&](const ListpackItem& item) { pack.Append(item.integer); });
  intset().Free();
  encoding_ = Encoding::kListpack;
  object_ = pack.data();
}

void SetValue::BecomeTable() {
  MemberSet* members = MemberSet::Create();
  Visit([members](const ListpackItem& item) {
    IntScratch scratch;
    std::string_view member = item.View(scratch);
    members->Insert(MemberItem::Create(member), KeyHash(member));
  });
  if (is_intset()) intset().Free();
  else listpack().Free();
  encoding_ = Encoding::kHashtable;
  object_ = members;
}

namespace {

void Digest(const Entry* e, unsigned char* out) {
  Sha1Digest digest;
  std::copy_n(out, digest.size(), digest.begin());
  SetValue(e).Visit([&](const ListpackItem& member) {
    IntScratch scratch;
    XorDigest(digest, member.View(scratch));
  });
  std::copy(digest.begin(), digest.end(), out);
}

SetValue Of(Encoding encoding, const void* object) { return {encoding, const_cast<void*>(object)}; }

constexpr ValueOps kSetOps = {
    "set",
    [](Encoding encoding, void* object) { Of(encoding, object).Free(); },
    [](Encoding encoding, const void* object) { return Of(encoding, object).Copy().object(); },
    [](Encoding encoding, const void* object) { return Of(encoding, object).memory(); },
    [](Encoding encoding, const void* object) { return encoding == Encoding::kHashtable ? Of(encoding, object).size() : 1; },
    Digest,
    [](Encoding encoding, const void* object, std::string_view member, ValueOps::Ahead ahead) {
      if (encoding == Encoding::kHashtable) return static_cast<const MemberSet*>(object)->Prefetch(member, ahead);
      if (ahead == ValueOps::Ahead::kObject) PrefetchPacked(object);
    },
};
[[maybe_unused]] const bool kRegistered = (RegisterValueOps(Type::kSet, &kSetOps), true);

}  // namespace
}  // namespace slotwise
