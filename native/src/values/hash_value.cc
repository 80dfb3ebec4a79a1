#include "values/hash_value.h"

#include <algorithm>

#include "values/value_digest.h"
#include "values/value_ops.h"

namespace slotwise {

void HashValue::Free() {
  if (packed()) listpack().Free();
  else table().Destroy();
  object_ = nullptr;
}

HashValue HashValue::Copy() const {
  if (packed()) return {encoding_, listpack().Copy().data()};
  return {encoding_, table().Copy()};
}

bool HashValue::Get(std::string_view field, ListpackItem* value) const {
  if (packed()) {
    Listpack pack = listpack();
    Listpack::Cursor c = pack.Find(pack.First(), Listpack::Element(field), 1);
    if (c == nullptr) return false;
    *value = Listpack::Get(pack.Next(c));
    return true;
  }
  const FieldItem* item = table().Find(field).item();
  if (item == nullptr) return false;
  *value = ItemOf(item->value());
  return true;
}

bool HashValue::SetInTable(std::string_view field, std::string_view value) {
  std::uint64_t hash = KeyHash(field);
  FieldTable::Place place = table().Find(field, hash);
  if (!place) {
    table().Insert(FieldItem::Create(field, value), hash);
    return true;
  }
  if (!place.item()->Overwrite(value)) table().Replace(place, FieldItem::Create(field, value));
  return false;
}

bool HashValue::Set(std::string_view field, std::string_view value, const Limits& limits) {
  if (packed() && (field.size() > limits.value_bytes || value.size() > limits.value_bytes)) BecomeTable();
  if (!packed()) return SetInTable(field, value);
  Listpack pack = listpack();
  Listpack::Cursor c = pack.Find(pack.First(), Listpack::Element(field), 1);
  bool added = c == nullptr;
  if (added) {
    pack.Append(field);
    pack.Append(value);
  } else {
    pack.Replace(pack.Next(c), value);
  }
  object_ = pack.data();
  if (size() > limits.entries) BecomeTable();
  return added;
}

bool HashValue::Delete(std::string_view field) {
  if (packed()) {
    Listpack pack = listpack();
    Listpack::Cursor c = pack.Find(pack.First(), Listpack::Element(field), 1);
    if (c == nullptr) return false;
    pack.Delete(c, 2);
    object_ = pack.data();
    return true;
  }
  std::uint64_t hash = KeyHash(field);
  FieldTable::Place place = table().Find(field, hash);
  if (!place) return false;
  table().Erase(place, hash);
  return true;
}

void HashValue::MakeRoomFor(std::span<const std::string_view> strings, const Limits& limits) {
  if (!packed()) return;
  std::size_t sum = 0;
  for (std::string_view s : strings) {
    if (s.size() > limits.value_bytes) return BecomeTable();
    sum += s.size();
  }
  if (!listpack().Fits(sum)) BecomeTable();
}

void HashValue::BecomeTable() {
  FieldTable* fields = FieldTable::Create();
  Visit([fields](const ListpackItem& field, const ListpackItem& value) {
    IntScratch f, v;
    std::string_view name = field.View(f);
    fields->Insert(FieldItem::Create(name, value.View(v)), KeyHash(name));
  });
  listpack().Free();
  encoding_ = Encoding::kHashtable;
  object_ = fields;
}

namespace {

void Digest(const Entry* e, unsigned char* out) {
  Sha1Digest digest;
  std::copy_n(out, digest.size(), digest.begin());
  HashValue(e).Visit([&](const ListpackItem& field, const ListpackItem& value) {
    IntScratch scratch;
    Sha1Digest pair{};
    MixDigest(pair, field.View(scratch));
    MixDigest(pair, value.View(scratch));
    XorDigest(digest, {reinterpret_cast<const char*>(pair.data()), pair.size()});
  });
  std::copy(digest.begin(), digest.end(), out);
}

HashValue Of(Encoding encoding, const void* object) { return {encoding, const_cast<void*>(object)}; }

constexpr ValueOps kHashOps = {
    "hash",
    [](Encoding encoding, void* object) { Of(encoding, object).Free(); },
    [](Encoding encoding, const void* object) { return Of(encoding, object).Copy().object(); },
    [](Encoding encoding, const void* object) { return Of(encoding, object).memory(); },
    [](Encoding encoding, const void* object) { return encoding == Encoding::kHashtable ? Of(encoding, object).size() : 1; },
    Digest,
    [](Encoding encoding, const void* object, std::string_view member, ValueOps::Ahead ahead) {
      if (encoding == Encoding::kHashtable) return static_cast<const FieldTable*>(object)->Prefetch(member, ahead);
      if (ahead == ValueOps::Ahead::kObject) PrefetchPacked(object);
    },
};
[[maybe_unused]] const bool kRegistered = (RegisterValueOps(Type::kHash, &kHashOps), true);

}  // namespace
}  // namespace slotwise
