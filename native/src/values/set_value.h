// A set, in one of three forms:
//
//   intset     all members are integers, and not too many                         encoding intset
//   listpack   a few short members of any kind, in one allocation                 encoding hashtable
//   table      the rest (values/member_table.h)                                   encoding hashtable
//
// The second is ours: Redis 7.0 knows no packed set of strings and would take 480 bytes for ten members of 16 bytes, this
// 190. Clients are told what Redis would say (commands/encoding_name.h), and its limits are constants, since what is not
// seen needs no directive. A set never becomes an intset or a listpack again.
// A SetValue is a handle: encoding and object, as the key's entry holds them. What changes it may move the object or its
// encoding: StoreTo() the entry after that. Guarded by the stripe of the key.
// Source: Redis 7.0, set-max-intset-entries.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/random.h"
#include "keyspace/entry.h"
#include "values/intset.h"
#include "values/listpack.h"
#include "values/member_table.h"

namespace slotwise {

class SetValue {
 public:
  // A walk over 64 members costs about as much as the two cache misses of a table.
  static constexpr std::size_t kPackedEntries = 64;
  static constexpr std::size_t kPackedMemberBytes = 64;

  SetValue(Encoding encoding, void* object) : encoding_(encoding), object_(object) {}
  explicit SetValue(const Entry* e) : SetValue(e->encoding(), e->pointer()) {}
  // An empty set, of the form that suits its first member.
  static SetValue CreateFor(std::string_view member);
  static SetValue CreateIntset() { return {Encoding::kIntset, Intset::Create().data()}; }
  void StoreTo(Entry* e) const {
    e->set_encoding(encoding_);
    e->set_pointer(object_);
  }
  void Free();
  SetValue Copy() const;

  Encoding encoding() const { return encoding_; }
  void* object() const { return object_; }
  bool is_intset() const { return encoding_ == Encoding::kIntset; }
  bool is_packed() const { return encoding_ == Encoding::kListpack; }
  bool is_table() const { return encoding_ == Encoding::kHashtable; }
  Intset intset() const { return Intset(object_); }
  Listpack listpack() const { return Listpack(object_); }
  MemberSet& table() const { return *static_cast<MemberSet*>(object_); }

  std::size_t size() const;
  std::size_t memory() const;

  bool Contains(std::string_view member) const;
  bool Contains(const ListpackItem& member) const;
  // False: it is a member already. `intset_entries`: up to how many members a set of integers is an intset.
  bool Add(std::string_view member, std::uint64_t intset_entries);
  bool Add(const ListpackItem& member, std::uint64_t intset_entries);
  // False: it is no member.
  bool Remove(std::string_view member);
  bool Remove(const ListpackItem& member);

  // A member by chance, every one as likely; the set is not empty. Valid until the set changes.
  ListpackItem RandomMember(Random& random) const;
  // Takes a member by chance out; take(const ListpackItem&) sees it before it goes.
  template <typename F>
  void Pop(Random& random, F&& take);

  // visit(const ListpackItem&) for all members, in the order of the form.
  template <typename F>
  void Visit(F&& visit) const {
    VisitWhile([&](const ListpackItem& item) {
      visit(item);
      return true;
    });
  }
  // The same, until visit returns false.
  template <typename F>
  void VisitWhile(F&& visit) const;

  static ListpackItem ItemOf(std::string_view bytes) { return {bytes.data(), static_cast<std::uint32_t>(bytes.size()), 0}; }

 private:
  bool AddInteger(std::int64_t v, std::uint64_t intset_entries);
  bool AddToListpack(const Listpack::Element& member);
  bool AddToTable(std::string_view member);
  bool RemoveInteger(std::int64_t v);
  bool RemoveFromListpack(const Listpack::Element& member);
  bool RemoveFromTable(std::string_view member);
  void BecomeListpack();
  void BecomeTable();

  Encoding encoding_;
  void* object_;
};

template <typename F>
void SetValue::VisitWhile(F&& visit) const {
  if (is_intset()) {
    Intset ints = intset();
    for (std::size_t i = 0, n = ints.count(); i < n; ++i) {
      if (!visit(ListpackItem{nullptr, 0, ints.At(i)})) return;
    }
  } else if (is_packed()) {
    Listpack pack = listpack();
    for (Listpack::Cursor c = pack.First(); c != nullptr; c = pack.Next(c)) {
      if (!visit(Listpack::Get(c))) return;
    }
  } else {
    table().VisitAllWhile([&](const MemberItem* item) { return visit(ItemOf(item->member())); });
  }
}

template <typename F>
void SetValue::Pop(Random& random, F&& take) {
  if (is_intset()) {
    Intset ints = intset();
    std::int64_t v = ints.At(random.Below(ints.count()));
    take(ListpackItem{nullptr, 0, v});
    ints.Remove(v);
    object_ = ints.data();
  } else if (is_packed()) {
    Listpack pack = listpack();
    Listpack::Cursor c = pack.At(static_cast<std::int64_t>(random.Below(pack.count())));
    take(Listpack::Get(c));
    pack.Delete(c);
    object_ = pack.data();
  } else {
    MemberSet::Place place = table().RandomPlace(random);
    std::string_view member = place.item()->member();
    take(ItemOf(member));
    table().Erase(place, KeyHash(member));
  }
}

}  // namespace slotwise
