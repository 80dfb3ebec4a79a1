#include "keyspace/database.h"

#include "keyspace/deferred_free.h"
#include "values/blob.h"
#include "values/string_value.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

// Frees what an entry's pointer refers to.
void FreeValue(Entry* e) {
  if (e->type() == Type::kString) {
    if (e->external()) e->pointer<Blob>()->Unref();
    return;
  }
  if (const ValueOps* ops = OpsOf(e->type())) ops->free(e->encoding(), e->pointer());
}

// How much to allocate for a string that has to hold `size` bytes and will probably grow again.
std::size_t GrowthCapacity(std::size_t size) {
  constexpr std::size_t kMaxStep = 1024 * 1024;
  return size < kMaxStep ? size * 2 : size + kMaxStep;
}

}  // namespace

Database::Database(const std::atomic<std::uint32_t>* new_access, const std::atomic<std::uint8_t>* phase)
    : new_access_(new_access), phase_(phase) {}

Database::~Database() {
  for (int slot = NextNonEmptySlot(0); slot < kSlotCount; slot = NextNonEmptySlot(slot + 1)) {
    tables_[slot].Clear([](Entry* e) { FreeEntry(e); });
  }
}

void Database::FreeEntry(Entry* e) {
  if (DeferredFree* later = DeferredFree::current(); later != nullptr) {
    if (e->type() == Type::kString) {
      if (e->external() && e->pointer<Blob>()->capacity() >= DeferredFree::kMinStringBytes) return later->FreeLater(e);
    } else {
      const ValueOps* ops = OpsOf(e->type());
      if (ops != nullptr && ops->free_effort(e->encoding(), e->pointer()) > DeferredFree::kMinEffort) return later->FreeLater(e);
    }
  }
  FreeValue(e);
  e->Destroy();
}

void Database::Counted(int slot, std::int64_t keys_before, std::int64_t expiring_before) {
  const SlotTable& t = tables_[slot];
  Counter& counter = counters_[slot % kCounterShards];
  std::int64_t keys = t.size() - keys_before;
  std::int64_t expiring = t.expiring() - expiring_before;
  if (keys != 0) {
    counter.keys.fetch_add(keys, std::memory_order_relaxed);
    std::uint32_t most = slot_size_max_.load(std::memory_order_relaxed);
    while (t.size() > most && !slot_size_max_.compare_exchange_weak(most, t.size(), std::memory_order_relaxed)) {
    }
    std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    if (keys_before == 0) {
      non_empty_[slot / 64].fetch_or(bit, std::memory_order_relaxed);
    } else if (t.size() == 0) {
      non_empty_[slot / 64].fetch_and(~bit, std::memory_order_relaxed);
    }
  }
  if (expiring != 0) counter.expiring.fetch_add(expiring, std::memory_order_relaxed);
}

Entry* Database::SetString(const KeyRef& key, Place place, std::string_view value, std::int64_t expire_at_ms) {
  std::int64_t number;
  if (value.size() <= 20 && ParseInteger(value, &number)) return SetInt(key, place, number, expire_at_ms);
  Encoding encoding = value.size() <= kMaxEmbstr ? Encoding::kEmbstr : Encoding::kRaw;
  bool external = value.size() > kMaxInlineValue;
  SlotTable& table = tables_[key.slot];
  Entry* old = place.entry();
  if (old != nullptr && !external && old->type() == Type::kString && !old->external() && old->encoding() != Encoding::kInt &&
      old->inline_length() == value.size() && old->has_expire() == (expire_at_ms != kNoExpire)) {
    // The same size: overwrite in place, no allocation and no other cache line.
    std::memcpy(old->value_bytes(), value.data(), value.size());
    old->set_encoding(encoding);
    if (expire_at_ms != kNoExpire) {
      old->OverwriteExpire(expire_at_ms);
      table.NoteExpire(expire_at_ms);
    }
    return old;
  }
  Entry* e = Entry::Create(Type::kString, encoding, key.key, external ? 8 : value.size(), expire_at_ms, external);
  if (external) {
    e->set_pointer(Blob::Copy(value, value.size()));
  } else if (!value.empty()) {
    std::memcpy(e->value_bytes(), value.data(), value.size());
  }
  if (old == nullptr) {
    std::int64_t keys = table.size();
    std::int64_t expiring = table.expiring();
    Stamp(e);
    Settle(e);
    table.Insert(e, key.hash);
    Counted(key.slot, keys, expiring);
  } else {
    e->set_access(old->access());
    Settle(e);
    std::int64_t expiring = table.expiring();
    table.Replace(place, e);
    Counted(key.slot, table.size(), expiring);
    FreeEntry(old);
  }
  return e;
}

Entry* Database::SetInt(const KeyRef& key, Place place, std::int64_t value, std::int64_t expire_at_ms) {
  SlotTable& table = tables_[key.slot];
  Entry* old = place.entry();
  if (old != nullptr && old->type() == Type::kString && old->encoding() == Encoding::kInt &&
      old->has_expire() == (expire_at_ms != kNoExpire)) {
    old->set_int_value(value);
    if (expire_at_ms != kNoExpire) {
      old->OverwriteExpire(expire_at_ms);
      table.NoteExpire(expire_at_ms);
    }
    return old;
  }
  Entry* e = Entry::Create(Type::kString, Encoding::kInt, key.key, 8, expire_at_ms, false);
  e->set_int_value(value);
  if (old == nullptr) {
    Stamp(e);
    Attach(key, e);
  } else {
    e->set_access(old->access());
    Settle(e);
    std::int64_t expiring = table.expiring();
    table.Replace(place, e);
    Counted(key.slot, table.size(), expiring);
    FreeEntry(old);
  }
  return e;
}

Entry* Database::SetObject(const KeyRef& key, Place place, Type type, Encoding encoding, void* object, std::int64_t expire_at_ms) {
  Entry* e = Entry::Create(type, encoding, key.key, 8, expire_at_ms, false);
  e->set_pointer(object);
  if (place) Erase(key, place);
  Stamp(e);
  Attach(key, e);
  return e;
}

char* Database::GrowString(const KeyRef& key, Place place, std::size_t size, Entry** entry) {
  Entry* old = place.entry();
  std::size_t length = 0;
  if (old != nullptr && old->external()) {
    Blob* blob = old->pointer<Blob>();
    length = blob->size();
    if (size < length) size = length;
    if (blob->shared() || blob->capacity() < size) {
      Blob* bigger = Blob::Copy(blob->view(), size > length ? GrowthCapacity(size) : size);
      blob->Unref();
      old->set_pointer(bigger);
      blob = bigger;
    }
    if (size > length) std::memset(blob->data() + length, 0, size - length);
    blob->set_size(size);
    old->set_encoding(Encoding::kRaw);
    *entry = old;
    return blob->data();
  }
  IntScratch scratch;
  std::string_view bytes = old == nullptr ? std::string_view() : StringBytes(old, scratch);
  length = bytes.size();
  if (size < length) size = length;
  if (old != nullptr && size == length && old->encoding() != Encoding::kInt) {
    old->set_encoding(Encoding::kRaw);
    *entry = old;
    return old->value_bytes();
  }
  std::int64_t expire = old == nullptr ? kNoExpire : old->expire_at_ms();
  bool external = size > kMaxInlineValue;
  Entry* e = Entry::Create(Type::kString, Encoding::kRaw, key.key, external ? 8 : size, expire, external);
  char* to;
  if (external) {
    Blob* blob = Blob::Copy(bytes, old == nullptr ? size : GrowthCapacity(size));
    blob->set_size(size);
    e->set_pointer(blob);
    to = blob->data();
  } else {
    to = e->value_bytes();
    if (length > 0) std::memcpy(to, bytes.data(), length);
  }
  std::memset(to + length, 0, size - length);
  if (old == nullptr) {
    Stamp(e);
    Attach(key, e);
  } else {
    e->set_access(old->access());
    Settle(e);
    tables_[key.slot].Replace(place, e);
    FreeEntry(old);
  }
  *entry = e;
  return to;
}

Entry* Database::SetExpire(const KeyRef& key, Place place, std::int64_t expire_at_ms) {
  SlotTable& table = tables_[key.slot];
  Entry* old = place.entry();
  if (old->has_expire() && expire_at_ms != kNoExpire) {
    old->OverwriteExpire(expire_at_ms);
    table.NoteExpire(expire_at_ms);
    return old;
  }
  if (!old->has_expire() && expire_at_ms == kNoExpire) return old;
  std::size_t area = old->ValueArea();
  Entry* e = Entry::Create(old->type(), old->encoding(), key.key, area, expire_at_ms, old->external());
  std::memcpy(e->value_bytes(), old->value_bytes(), area);
  e->set_inline_length(old->inline_length());
  e->set_access(old->access());
  Settle(e);
  std::int64_t expiring = table.expiring();
  table.Replace(place, e);
  Counted(key.slot, table.size(), expiring);
  old->Destroy();
  return e;
}

Entry* Database::Detach(const KeyRef& key, Place place) {
  SlotTable& table = tables_[key.slot];
  Entry* e = place.entry();
  std::int64_t keys = table.size();
  std::int64_t expiring = table.expiring();
  table.Erase(place, key.hash);
  Counted(key.slot, keys, expiring);
  return e;
}

void Database::Erase(const KeyRef& key, Place place) { FreeEntry(Detach(key, place)); }

void Database::Attach(const KeyRef& key, Entry* entry) {
  SlotTable& table = tables_[key.slot];
  std::int64_t keys = table.size();
  std::int64_t expiring = table.expiring();
  Settle(entry);
  table.Insert(entry, key.hash);
  Counted(key.slot, keys, expiring);
}

void Database::ClearSlot(int slot) {
  SlotTable& table = tables_[slot];
  std::int64_t keys = table.size();
  std::int64_t expiring = table.expiring();
  if (keys == 0) return;
  table.Clear([](Entry* e) { FreeEntry(e); });
  Counted(slot, keys, expiring);
}

std::uint64_t Database::KeyCount() const {
  std::int64_t n = 0;
  for (const Counter& c : counters_) n += c.keys.load(std::memory_order_relaxed);
  return n > 0 ? static_cast<std::uint64_t>(n) : 0;
}

std::uint64_t Database::ExpiringCount() const {
  std::int64_t n = 0;
  for (const Counter& c : counters_) n += c.expiring.load(std::memory_order_relaxed);
  return n > 0 ? static_cast<std::uint64_t>(n) : 0;
}

int Database::NextNonEmptySlot(int from) const {
  for (int word = from / 64; word < kSlotCount / 64; ++word) {
    std::uint64_t bits = non_empty_[word].load(std::memory_order_relaxed);
    if (word == from / 64) bits &= ~std::uint64_t{0} << (from % 64);
    if (bits != 0) return word * 64 + __builtin_ctzll(bits);
  }
  return kSlotCount;
}

int Database::RandomSlot(Random& random) const {
  // A slot is drawn whatever its size, then kept with a probability that its size decides: fair, and where slots are about
  // alike, as hashing makes them, one or two draws do.
  constexpr int kDraws = 32;  // as dear as the sums, at the very most
  const std::uint32_t most = slot_size_max_.load(std::memory_order_relaxed);
  if (most == 0) return -1;
  for (int draw = 0; draw < kDraws; ++draw) {
    const auto slot = static_cast<int>(random.Below(kSlotCount));
    if (random.Below(most) < tables_[slot].SizeHint()) return slot;
  }
  // By weight in two steps: a counter shard, then a slot of that shard. Fair, for about 64 + 256 loads.
  for (int attempt = 0; attempt < 8; ++attempt) {
    std::uint64_t total = KeyCount();
    if (total == 0) return -1;
    auto left = static_cast<std::int64_t>(random.Below(total));
    int shard = 0;
    for (; shard < kCounterShards - 1; ++shard) {
      std::int64_t n = counters_[shard].keys.load(std::memory_order_relaxed);
      if (left < n) break;
      left -= n;
    }
    for (int slot = shard; slot < kSlotCount; slot += kCounterShards) {
      left -= tables_[slot].SizeHint();
      if (left < 0) return slot;
    }
    // Keys went away between the two steps: again.
  }
  int slot = NextNonEmptySlot(static_cast<int>(random.Below(kSlotCount)));
  return slot < kSlotCount ? slot : (slot = NextNonEmptySlot(0)) < kSlotCount ? slot : -1;
}

}  // namespace slotwise
