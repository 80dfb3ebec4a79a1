#include "keyspace/slot_table.h"

#include <bit>

#include "keyspace/key_ref.h"

namespace slotwise {
namespace {

// Splits when there are more than this many keys for ten buckets: fuller buckets save memory, overflow chains cost it.
constexpr std::uint32_t kKeysPerTenBuckets = 60;

// A bit at the top of each byte of `x` that is zero. Exact for the lowest such byte, maybe a false one above it: the key
// comparison decides.
inline std::uint64_t ZeroBytes(std::uint64_t x) { return (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull; }

inline std::uint32_t Candidates(const Bucket* b, std::uint8_t fingerprint) {
  std::uint64_t fps;
  std::memcpy(&fps, b->fingerprints, 8);
  std::uint64_t hits = ZeroBytes(fps ^ (0x0101010101010101ull * fingerprint));
  // Gather the top bits of the eight bytes into one byte.
  return static_cast<std::uint32_t>(((hits >> 7) * 0x0102040810204080ull) >> 56) & b->used;
}

}  // namespace

Bucket* SlotTable::NewBucket() {
  auto* b = static_cast<Bucket*>(Allocate(sizeof(Bucket)));
  std::memset(static_cast<void*>(b), 0, sizeof(Bucket));
  return b;
}

SlotTable::~SlotTable() { FreeBuckets(); }

std::size_t SlotTable::IndexMemory() const {
  std::size_t bytes = std::size_t{overflows_} * sizeof(Bucket);
  if (!segmented_) return bytes + std::size_t{capacity_} * sizeof(Bucket);
  std::uint32_t segments = (buckets_ + kSegmentBuckets - 1) / kSegmentBuckets;
  return bytes + std::size_t{segments} * kSegmentBuckets * sizeof(Bucket) + capacity_ / kSegmentBuckets * sizeof(Bucket*);
}

SlotTable::Place SlotTable::Find(std::string_view key, std::uint64_t hash) const {
  if (size_ == 0) return {};
  std::uint8_t fp = Fingerprint(hash);
  for (Bucket* b = At(IndexOf(hash)); b != nullptr;) {
    for (std::uint32_t c = Candidates(b, fp); c != 0; c &= c - 1) {
      int i = __builtin_ctz(c);
      auto* e = b->At<Entry>(i);
      // Small entries lie on two lines; asking for the second now hides its miss behind that of the first.
      __builtin_prefetch(reinterpret_cast<const char*>(e) + 64);
      if (e->KeyLength() == key.size() && e->key() == key) return {b, i};
    }
    b = b->overflow ? b->At<Bucket>(7) : nullptr;
  }
  return {};
}

void SlotTable::InsertIntoChain(Bucket* b, Entry* entry, std::uint8_t fingerprint, bool expires) {
  for (;;) {
    unsigned free = ~static_cast<unsigned>(b->used) & (b->overflow ? 0x7fu : 0xffu);
    if (free != 0) {
      int i = __builtin_ctz(free);
      b->fingerprints[i] = fingerprint;
      b->Set(i, entry);
      b->used = static_cast<std::uint8_t>(b->used | 1u << i);
      b->expires = static_cast<std::uint8_t>(expires ? b->expires | 1u << i : b->expires & ~(1u << i));
      return;
    }
    if (!b->overflow) {
      Bucket* next = NewBucket();
      ++overflows_;
      // The eighth entry moves into the overflow bucket and leaves its place to the link.
      next->fingerprints[0] = b->fingerprints[7];
      next->Set(0, b->At<Entry>(7));
      next->used = 1;
      next->expires = (b->expires >> 7) & 1;
      b->used &= 0x7f;
      b->expires &= 0x7f;
      b->overflow = 1;
      b->Set(7, next);
    }
    b = b->At<Bucket>(7);
  }
}

void SlotTable::Insert(Entry* entry, std::uint64_t hash) {
  if (buckets_ == 0) {
    AddBucket();
  } else if (std::uint64_t{size_} * 10 >= std::uint64_t{buckets_} * kKeysPerTenBuckets) {
    Split();
  }
  bool expires = entry->has_expire();
  InsertIntoChain(At(IndexOf(hash)), entry, Fingerprint(hash), expires);
  ++size_;
  if (expires) {
    ++expiring_;
    NoteExpire(entry->expire_at_ms());
  }
}

void SlotTable::Replace(Place place, Entry* entry) {
  auto bit = static_cast<std::uint8_t>(1u << place.index);
  bool had = place.bucket->expires & bit;
  bool has = entry->has_expire();
  place.bucket->Set(place.index, entry);
  if (had != has) {
    place.bucket->expires = static_cast<std::uint8_t>(place.bucket->expires ^ bit);
    expiring_ += has ? 1 : -1;
  }
  if (has) NoteExpire(entry->expire_at_ms());
}

void SlotTable::Erase(Place place, std::uint64_t hash) {
  Bucket* b = place.bucket;
  auto bit = static_cast<std::uint8_t>(1u << place.index);
  b->used = static_cast<std::uint8_t>(b->used & ~bit);
  if (b->expires & bit) {
    --expiring_;
    b->expires = static_cast<std::uint8_t>(b->expires & ~bit);
  }
  --size_;
  if (size_ == 0) {
    FreeBuckets();
    return;
  }
  // An empty overflow bucket at the end of its chain goes back.
  if (b->used == 0 && !b->overflow) {
    Bucket* home = At(IndexOf(hash));
    if (b != home) {
      Bucket* before = home;
      while (before->At<Bucket>(7) != b) before = before->At<Bucket>(7);
      before->overflow = 0;
      Release(b, sizeof(Bucket));
      --overflows_;
    }
  }
  // Half as full as where it grows: give buckets back, one a removal.
  if (buckets_ > 1 && std::uint64_t{size_} * 20 < std::uint64_t{buckets_} * kKeysPerTenBuckets) Shrink();
}

// Makes room for and clears bucket number buckets_.
void SlotTable::AddBucket() {
  if (buckets_ == capacity_ && !segmented_) {
    std::uint32_t want = capacity_ == 0 ? 1 : capacity_ + (capacity_ < 8 ? 1 : capacity_ / 8);
    Resize(want > kSegmentBuckets ? kSegmentBuckets : want);
  }
  if (segmented_ && buckets_ % kSegmentBuckets == 0) {
    std::uint32_t segments = buckets_ / kSegmentBuckets;
    if (buckets_ == capacity_) {
      std::uint32_t places = segments < 8 ? 8 : segments + segments / 2;
      auto* directory = static_cast<Bucket**>(Allocate(places * sizeof(Bucket*)));
      std::memcpy(directory, root_, segments * sizeof(Bucket*));
      Release(root_, capacity_ / kSegmentBuckets * sizeof(Bucket*));
      root_ = directory;
      capacity_ = places * kSegmentBuckets;
    }
    static_cast<Bucket**>(root_)[segments] = static_cast<Bucket*>(Allocate(kSegmentBuckets * sizeof(Bucket)));
  }
  std::memset(static_cast<void*>(At(buckets_)), 0, sizeof(Bucket));
  ++buckets_;
  mask_ = std::bit_ceil(buckets_) - 1;
}

// Reallocates the plain array, or turns a full one into the first segment of a directory.
void SlotTable::Resize(std::uint32_t capacity) {
  if (capacity_ == kSegmentBuckets && capacity == kSegmentBuckets) {
    auto* directory = static_cast<Bucket**>(Allocate(8 * sizeof(Bucket*)));
    directory[0] = static_cast<Bucket*>(root_);
    root_ = directory;
    segmented_ = true;
    capacity_ = 8 * kSegmentBuckets;
    return;
  }
  void* array = Allocate(std::size_t{capacity} * sizeof(Bucket));
  if (root_ != nullptr) {
    std::memcpy(array, root_, std::size_t{buckets_} * sizeof(Bucket));
    Release(root_, std::size_t{capacity_} * sizeof(Bucket));
  }
  root_ = array;
  capacity_ = capacity;
}

void SlotTable::Split() {
  std::uint32_t fresh = buckets_;
  AddBucket();
  std::uint32_t source = fresh & (mask_ >> 1);
  // Take the chain apart and deal its entries out again: each stays or goes to the image by one bit of its hash.
  Bucket old = *At(source);
  Bucket* home = At(source);
  Bucket* image = At(fresh);
  std::memset(static_cast<void*>(home), 0, sizeof(Bucket));
  for (unsigned used = old.used; used != 0; used &= used - 1) __builtin_prefetch(old.At<Entry>(__builtin_ctz(used)));
  for (Bucket* b = &old; b != nullptr;) {
    Bucket* next = b->overflow ? b->At<Bucket>(7) : nullptr;
    for (unsigned used = b->used; used != 0; used &= used - 1) {
      int i = __builtin_ctz(used);
      auto* e = b->At<Entry>(i);
      std::uint64_t hash = KeyHash(e->key());
      InsertIntoChain(IndexOf(hash) == fresh ? image : home, e, b->fingerprints[i], (b->expires >> i) & 1);
    }
    if (b != &old) {
      Release(b, sizeof(Bucket));
      --overflows_;
    }
    b = next;
  }
}

// The inverse of Split: the last bucket's chain joins its home.
void SlotTable::Shrink() {
  std::uint32_t last = buckets_ - 1;
  std::uint32_t home_index = last & (std::bit_ceil(buckets_) - 1) >> 1;
  Bucket old = *At(last);
  Bucket* home = At(home_index);
  --buckets_;
  mask_ = std::bit_ceil(buckets_) - 1;
  for (Bucket* b = &old; b != nullptr;) {
    Bucket* next = b->overflow ? b->At<Bucket>(7) : nullptr;
    for (unsigned used = b->used; used != 0; used &= used - 1) {
      int i = __builtin_ctz(used);
      InsertIntoChain(home, b->At<Entry>(i), b->fingerprints[i], (b->expires >> i) & 1);
    }
    if (b != &old) {
      Release(b, sizeof(Bucket));
      --overflows_;
    }
    b = next;
  }
  if (segmented_) {
    if (buckets_ % kSegmentBuckets == 0) {
      Release(static_cast<Bucket**>(root_)[buckets_ / kSegmentBuckets], kSegmentBuckets * sizeof(Bucket));
    }
    if (buckets_ == kSegmentBuckets) {
      auto* first = static_cast<Bucket**>(root_)[0];
      Release(root_, capacity_ / kSegmentBuckets * sizeof(Bucket*));
      root_ = first;
      segmented_ = false;
      capacity_ = kSegmentBuckets;
    }
  } else if (capacity_ > 8 && buckets_ < capacity_ - capacity_ / 4) {
    Resize(buckets_ + buckets_ / 16);
  }
}

void SlotTable::FreeBuckets() {
  if (root_ == nullptr) return;
  if (overflows_ > 0) {
    for (std::uint32_t i = 0; i < buckets_; ++i) {
      Bucket* b = At(i);
      b = b->overflow ? b->At<Bucket>(7) : nullptr;
      while (b != nullptr) {
        Bucket* next = b->overflow ? b->At<Bucket>(7) : nullptr;
        Release(b, sizeof(Bucket));
        b = next;
      }
    }
  }
  if (segmented_) {
    std::uint32_t segments = (buckets_ + kSegmentBuckets - 1) / kSegmentBuckets;
    for (std::uint32_t i = 0; i < segments; ++i) Release(static_cast<Bucket**>(root_)[i], kSegmentBuckets * sizeof(Bucket));
    Release(root_, capacity_ / kSegmentBuckets * sizeof(Bucket*));
  } else {
    Release(root_, std::size_t{capacity_} * sizeof(Bucket));
  }
  root_ = nullptr;
  buckets_ = mask_ = size_ = expiring_ = capacity_ = overflows_ = 0;
  next_expire_ms_ = INT64_MAX;
  segmented_ = false;
}

Entry* SlotTable::RandomEntry(Random& random) const {
  if (size_ == 0) return nullptr;
  // A chain is chosen with a probability that does not depend on its length, then kept with one that does: fair.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    auto index = static_cast<std::uint32_t>(random.Below(buckets_));
    std::uint32_t n = 0;
    VisitBucket(index, [&](Entry*) { ++n; });
    constexpr std::uint32_t kLongChain = 24;
    if (n == 0 || random.Below(kLongChain) >= n) continue;
    auto pick = static_cast<std::uint32_t>(random.Below(n));
    Entry* found = nullptr;
    VisitBucket(index, [&](Entry* e) { if (pick-- == 0) found = e; });
    return found;
  }
  Entry* found = nullptr;
  for (std::uint32_t i = 0; i < buckets_ && found == nullptr; ++i) VisitBucket(i, [&](Entry* e) { found = e; });
  return found;
}

// Both read without the lock: the values may be torn or old, which costs a useless prefetch and nothing else. A bucket
// array of up to 16 KiB lies within one slab, whose memory is never unmapped; an address outside of it is not followed.
#if defined(SLOTWISE_ASAN) || defined(SLOTWISE_TSAN)
void SlotTable::PrefetchBucket(std::uint64_t) const {}
void SlotTable::PrefetchEntry(std::uint64_t) const {}
#else
void SlotTable::PrefetchBucket(std::uint64_t hash) const {
  const auto* root = static_cast<const Bucket*>(__atomic_load_n(&root_, __ATOMIC_RELAXED));
  if (root == nullptr || segmented_) return;
  __builtin_prefetch(root + IndexOf(hash));
}

void SlotTable::PrefetchEntry(std::uint64_t hash) const {
  const auto* root = static_cast<const Bucket*>(__atomic_load_n(&root_, __ATOMIC_RELAXED));
  if (root == nullptr || segmented_) return;
  const Bucket* b = root + IndexOf(hash);
  if ((reinterpret_cast<std::uintptr_t>(b) ^ reinterpret_cast<std::uintptr_t>(root)) >> 16 != 0) return;
  std::uint32_t c = Candidates(b, Fingerprint(hash));
  if (c == 0) return;
  const char* e = b->At<const char>(__builtin_ctz(c));
  __builtin_prefetch(e);
  __builtin_prefetch(e + 64);
}
#endif

}  // namespace slotwise
