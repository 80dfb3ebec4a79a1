#include "keyspace/slot_table.h"

namespace slotwise {

template class LinearTable<EntryItems>;

void SlotTable::Insert(Entry* entry, std::uint64_t hash) {
  bool expires = entry->has_expire();
  Base::Insert(entry, hash, expires);
  if (expires) {
    ++expiring_;
    NoteExpire(entry->expire_at_ms());
  }
}

void SlotTable::Replace(Place place, Entry* entry) {
  auto bit = static_cast<std::uint8_t>(1u << place.index);
  bool had = place.bucket->marks & bit;
  bool has = entry->has_expire();
  Base::Replace(place, entry);
  if (had != has) {
    place.bucket->marks = static_cast<std::uint8_t>(place.bucket->marks ^ bit);
    expiring_ += has ? 1 : -1;
  }
  if (has) NoteExpire(entry->expire_at_ms());
}

void SlotTable::Erase(Place place, std::uint64_t hash) {
  if ((place.bucket->marks >> place.index) & 1) --expiring_;
  Base::Erase(place, hash);
  if (size() == 0) next_expire_ = 0;
}

}  // namespace slotwise
