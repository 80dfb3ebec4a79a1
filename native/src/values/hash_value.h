// A hash: fields with values, as one listpack (field, value, field, value...) while it is small, as a table of fields
// (values/member_table.h) once it is not. It never becomes a listpack again.
//
// A HashValue is a handle: encoding and object, as the key's entry holds them. What changes it may move the object or its
// encoding: StoreTo() the entry after that. Guarded by the stripe of the key.
// Source: Redis 7.0, hash-max-listpack-entries and hash-max-listpack-value.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "keyspace/entry.h"
#include "values/listpack.h"
#include "values/member_table.h"

namespace slotwise {

class HashValue {
 public:
  // Up to where a hash is a listpack.
  struct Limits {
    std::uint64_t entries = 512;
    std::uint64_t value_bytes = 64;
  };

  HashValue(Encoding encoding, void* object) : encoding_(encoding), object_(object) {}
  explicit HashValue(const Entry* e) : HashValue(e->encoding(), e->pointer()) {}
  static HashValue Create() { return {Encoding::kListpack, Listpack::Create().data()}; }
  void StoreTo(Entry* e) const {
    e->set_encoding(encoding_);
    e->set_pointer(object_);
  }
  void Free();
  HashValue Copy() const;

  Encoding encoding() const { return encoding_; }
  void* object() const { return object_; }
  bool packed() const { return encoding_ == Encoding::kListpack; }
  Listpack listpack() const { return Listpack(object_); }
  FieldTable& table() const { return *static_cast<FieldTable*>(object_); }

  std::size_t size() const { return packed() ? listpack().count() / 2 : table().size(); }
  std::size_t memory() const { return packed() ? listpack().memory() : table().memory(); }

  // The value of a field, valid until the hash changes. False: no such field.
  bool Get(std::string_view field, ListpackItem* value) const;
  // Whether the field is new.
  bool Set(std::string_view field, std::string_view value, const Limits& limits);
  // Whether there was such a field.
  bool Delete(std::string_view field);
  // Becomes a table if any of these is longer than a listpack may hold, or all together too much.
  void MakeRoomFor(std::span<const std::string_view> strings, const Limits& limits);

  // visit(const ListpackItem& field, const ListpackItem& value), in the order of the listpack or of the table.
  template <typename F>
  void Visit(F&& visit) const {
    if (!packed()) {
      table().VisitAll([&](const FieldItem* item) {
        FieldItem::View v = item->view();
        visit(ItemOf(v.field), ItemOf(v.value));
      });
      return;
    }
    Listpack pack = listpack();
    for (Listpack::Cursor c = pack.First(); c != nullptr;) {
      Listpack::Cursor value = pack.Next(c);
      visit(Listpack::Get(c), Listpack::Get(value));
      c = pack.Next(value);
    }
  }
  static ListpackItem ItemOf(std::string_view bytes) { return {bytes.data(), static_cast<std::uint32_t>(bytes.size()), 0}; }

 private:
  void BecomeTable();
  bool SetInTable(std::string_view field, std::string_view value);

  Encoding encoding_;
  void* object_;
};

}  // namespace slotwise
