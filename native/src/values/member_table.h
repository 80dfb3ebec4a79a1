// Big hashes, sets and sorted sets: a linear hash table (keyspace/linear_table.h) that owns its items, each one packed
// allocation.
//
//   MemberItem   length, member                                   sets
//   FieldItem    length, length, field, value                     hashes
//   ScoreItem    f64 score, length, member                        sorted sets: member -> score
//
// A length is one byte, or 255 and a u32 after the lengths. Nothing in an item is aligned; it is read with memcpy.
// Why one allocation: a lookup touches the bucket and the item, nothing else, and 16 bytes of member cost 24 + 12 of
// index where Redis takes 56. Guarded by the lock of the key's stripe.
#pragma once
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

#include "keyspace/allocator.h"
#include "keyspace/key_ref.h"
#include "keyspace/linear_table.h"
#include "values/value_ops.h"

namespace slotwise {

namespace member_item {
constexpr std::uint8_t kLong = 255;
constexpr std::size_t ExtraSize(std::size_t length) { return length >= kLong ? sizeof(std::uint32_t) : 0; }
inline std::size_t Load32(const char* p) { std::uint32_t v; std::memcpy(&v, p, sizeof v); return v; }
// Writes the one byte to *code and what is long to `at`; returns the byte behind.
inline char* StoreLength(std::size_t length, char* code, char* at) {
  *code = static_cast<char>(length >= kLong ? kLong : length);
  if (length < kLong) return at;
  auto v = static_cast<std::uint32_t>(length);
  std::memcpy(at, &v, sizeof v);
  return at + sizeof v;
}
inline void StoreBytes(std::string_view bytes, char* at) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
}
}  // namespace member_item

class MemberItem {
 public:
  static MemberItem* Create(std::string_view member) {
    auto* p = static_cast<char*>(Allocate(Size(member.size())));
    member_item::StoreBytes(member, member_item::StoreLength(member.size(), p, p + 1));
    return reinterpret_cast<MemberItem*>(p);
  }
  MemberItem* Copy() const { return Create(member()); }
  void Destroy() { Release(this, Size(member().size())); }

  std::string_view member() const {
    const char* p = reinterpret_cast<const char*>(this);
    std::size_t length = static_cast<std::uint8_t>(*p);
    if (length == member_item::kLong) [[unlikely]] return {p + 5, member_item::Load32(p + 1)};
    return {p + 1, length};
  }
  std::string_view key() const { return member(); }
  std::size_t memory() const { return AllocatedSize(Size(member().size())); }

 private:
  static std::size_t Size(std::size_t member) { return 1 + member_item::ExtraSize(member) + member; }
};

class FieldItem {
 public:
  static FieldItem* Create(std::string_view field, std::string_view value) {
    auto* p = static_cast<char*>(Allocate(Size(field.size(), value.size())));
    char* at = member_item::StoreLength(field.size(), p, p + 2);
    at = member_item::StoreLength(value.size(), p + 1, at);
    member_item::StoreBytes(field, at);
    member_item::StoreBytes(value, at + field.size());
    return reinterpret_cast<FieldItem*>(p);
  }
  FieldItem* Copy() const {
    View v = view();
    return Create(v.field, v.value);
  }
  void Destroy() {
    View v = view();
    Release(this, Size(v.field.size(), v.value.size()));
  }

  struct View {
    std::string_view field, value;
  };
  View view() const {
    const char* p = reinterpret_cast<const char*>(this);
    std::size_t field = static_cast<std::uint8_t>(p[0]), value = static_cast<std::uint8_t>(p[1]);
    const char* at = p + 2;
    if (field == member_item::kLong) [[unlikely]] {
      field = member_item::Load32(at);
      at += 4;
    }
    if (value == member_item::kLong) {
      value = member_item::Load32(at);
      at += 4;
    }
    return {{at, field}, {at + field, value}};
  }
  std::string_view key() const { return view().field; }
  std::string_view field() const { return view().field; }
  std::string_view value() const { return view().value; }
  // Overwrites the value if the new one is as long. `value` may not lie inside of this item.
  bool Overwrite(std::string_view value) {
    View v = view();
    if (v.value.size() != value.size()) return false;
    member_item::StoreBytes(value, const_cast<char*>(v.value.data()));
    return true;
  }
  std::size_t memory() const {
    View v = view();
    return AllocatedSize(Size(v.field.size(), v.value.size()));
  }

 private:
  static std::size_t Size(std::size_t field, std::size_t value) {
    return 2 + member_item::ExtraSize(field) + member_item::ExtraSize(value) + field + value;
  }
};

class ScoreItem {
 public:
  static ScoreItem* Create(double score, std::string_view member) {
    auto* p = static_cast<char*>(Allocate(Size(member.size())));
    std::memcpy(p, &score, sizeof score);
    member_item::StoreBytes(member, member_item::StoreLength(member.size(), p + 8, p + 9));
    return reinterpret_cast<ScoreItem*>(p);
  }
  ScoreItem* Copy() const { return Create(score(), member()); }
  void Destroy() { Release(this, Size(member().size())); }

  double score() const {
    double v;
    std::memcpy(&v, this, sizeof v);
    return v;
  }
  void set_score(double v) { std::memcpy(static_cast<void*>(this), &v, sizeof v); }
  std::string_view member() const {
    const char* p = reinterpret_cast<const char*>(this) + 8;
    std::size_t length = static_cast<std::uint8_t>(*p);
    if (length == member_item::kLong) [[unlikely]] return {p + 5, member_item::Load32(p + 1)};
    return {p + 1, length};
  }
  std::string_view key() const { return member(); }
  std::size_t memory() const { return AllocatedSize(Size(member().size())); }

 private:
  static std::size_t Size(std::size_t member) { return 9 + member_item::ExtraSize(member) + member; }
};

template <typename ItemType>
struct MemberItems {
  using Item = ItemType;
  static bool Equal(const Item* item, std::string_view key) { return item->key() == key; }
  static std::uint64_t Hash(const Item* item) { return KeyHash(item->key()); }
};

// Lives in an allocation of its own, from Create() to Destroy().
template <typename ItemType>
class MemberTable : private LinearTable<MemberItems<ItemType>> {
  using Base = LinearTable<MemberItems<ItemType>>;

 public:
  using Item = ItemType;
  using Place = typename Base::Place;

  static MemberTable* Create() { return new (Allocate(sizeof(MemberTable))) MemberTable; }
  // Frees the table with its items.
  void Destroy() {
    Clear();
    this->~MemberTable();
    Release(this, sizeof(MemberTable));
  }
  MemberTable* Copy() const {
    MemberTable* copy = Create();
    VisitAll([copy](const Item* item) { copy->Insert(item->Copy(), KeyHash(item->key())); });
    return copy;
  }

  using Base::bucket_count;
  using Base::RandomPlace;
  using Base::Scan;
  using Base::size;
  using Base::VisitAll;
  using Base::VisitAllWhile;
  using Base::VisitBucket;

  // One step of a lookup ahead of its time: first the table, then the bucket, then the item.
  void Prefetch(std::string_view key, ValueOps::Ahead ahead) const {
    switch (ahead) {
      case ValueOps::Ahead::kObject: return __builtin_prefetch(this);
      case ValueOps::Ahead::kBucket: return Base::PrefetchHome(KeyHash(key));
      case ValueOps::Ahead::kItem: return Base::PrefetchCandidate(KeyHash(key));
    }
  }

  Place Find(std::string_view key) const { return Base::Find(key, KeyHash(key)); }
  Place Find(std::string_view key, std::uint64_t hash) const { return Base::Find(key, hash); }
  // Takes the item over. Its key must be absent, `hash` is KeyHash of it.
  void Insert(Item* item, std::uint64_t hash) {
    item_bytes_ += item->memory();
    Base::Insert(item, hash);
  }
  // Puts `item`, which has the same key, in the place of the old one and frees that.
  void Replace(Place place, Item* item) {
    Item* old = place.item();
    item_bytes_ += item->memory() - old->memory();
    Base::Replace(place, item);
    old->Destroy();
  }
  // Removes and frees the item.
  void Erase(Place place, std::uint64_t hash) { Take(place, hash)->Destroy(); }
  // Takes the item out of the table; the caller frees it.
  Item* Take(Place place, std::uint64_t hash) {
    Item* item = place.item();
    item_bytes_ -= item->memory();
    Base::Erase(place, hash);
    return item;
  }
  void Clear() {
    Base::Clear([](Item* item) { item->Destroy(); });
    item_bytes_ = 0;
  }
  Item* RandomItem(Random& random) const { return RandomPlace(random).item(); }

  // Everything: the table, its buckets, the items.
  std::size_t memory() const { return AllocatedSize(sizeof(MemberTable)) + Base::IndexMemory() + item_bytes_; }

 private:
  MemberTable() = default;
  ~MemberTable() = default;

  std::size_t item_bytes_ = 0;
};

using MemberSet = MemberTable<MemberItem>;
using FieldTable = MemberTable<FieldItem>;
using ScoreTable = MemberTable<ScoreItem>;
extern template class LinearTable<MemberItems<MemberItem>>;
extern template class LinearTable<MemberItems<FieldItem>>;
extern template class LinearTable<MemberItems<ScoreItem>>;

}  // namespace slotwise
