// The keys of one slot in one database: a linear hash table of entries that also knows which of them expire. The caller
// holds the stripe's lock. How the table works: linear_table.h.
#pragma once
#include <cstdint>
#include <string_view>

#include "keyspace/entry.h"
#include "keyspace/key_ref.h"
#include "keyspace/linear_table.h"

namespace slotwise {

struct EntryItems {
  using Item = Entry;
  static bool Equal(const Entry* e, std::string_view key) { return e->KeyLength() == key.size() && e->key() == key; }
  static std::uint64_t Hash(const Entry* e) { return KeyHash(e->key()); }
};
extern template class LinearTable<EntryItems>;

// Entries with an expiry are the marked items. One cache line, so that a lookup reads no second one. All zero bytes are an
// empty table (keyspace/slot_tables.h).
class alignas(64) SlotTable : public LinearTable<EntryItems> {
  using Base = LinearTable<EntryItems>;

 public:
  struct Place : Base::Place {
    Entry* entry() const { return item(); }
  };

  __attribute__((no_sanitize("thread"))) std::int64_t NextExpireHint() const { return next_expire_ ^ INT64_MAX; }
  std::uint32_t expiring() const { return expiring_; }

  Place Find(std::string_view key, std::uint64_t hash) const { return {Base::Find(key, hash)}; }
  // `entry->key()` must not be in the table.
  void Insert(Entry* entry, std::uint64_t hash);
  // Puts `entry` (same key) in the place of the old one, which the caller frees.
  void Replace(Place place, Entry* entry);
  // Takes the entry out; the caller frees it.
  void Erase(Place place, std::uint64_t hash);
  template <typename F>
  void Clear(F&& free) {
    Base::Clear(free);
    expiring_ = 0;
    next_expire_ = 0;
  }

  // As VisitBucket, only entries with an expiry.
  template <typename F>
  void VisitExpiringInBucket(std::uint32_t index, F&& visit) const {
    for (const Bucket* b = At(index); b != nullptr;) {
      const Bucket* next = b->Next();
      for (unsigned due = b->used & b->marks; due != 0; due &= due - 1) visit(b->At<Entry>(std::countr_zero(due)));
      b = next;
    }
  }
  // A fair choice among all entries; null if empty.
  Entry* RandomEntry(Random& random) const { return RandomPlace(random).item(); }

  // A lower bound of the earliest expiry in the table, in ms; INT64_MAX if none. Kept low by NoteExpire, raised by the
  // expiry cycle after it has looked at everything.
  std::int64_t next_expire_ms() const { return next_expire_ ^ INT64_MAX; }
  void set_next_expire_ms(std::int64_t at) { next_expire_ = at ^ INT64_MAX; }
  void NoteExpire(std::int64_t at_ms) { if (at_ms < next_expire_ms()) set_next_expire_ms(at_ms); }

 private:
  std::uint32_t expiring_ = 0;
  std::int64_t next_expire_ = 0;  // next_expire_ms() ^ INT64_MAX: 0 says none
};
static_assert(sizeof(SlotTable) == 64);

}  // namespace slotwise
