// The keys of one slot in one database: a linear hash table of 64-byte buckets. The caller holds the stripe's lock.
//
// Bucket: eight one-byte fingerprints, a presence bitmap, eight 48-bit entry addresses; when it is full, its last place
// holds the address of an overflow bucket. A lookup costs the bucket's line and the entry's, false candidates 1 in 256.
// Linear hashing splits one bucket at a time, so memory follows the number of keys in small steps and no insert pays for
// the whole table. The bucket array grows by an eighth; from kSegmentBuckets on it is a directory of segments.
// Why not power-of-two doubling: it wastes 25 % on average and moves everything at once.
// Scanning uses the reversed-bit cursor, which survives growth: a linear hash table is always "between" two powers of two.
// Source: Litwin, linear hashing; Redis's SCAN guarantees.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/random.h"
#include "keyspace/entry.h"

namespace slotwise {

struct alignas(64) Bucket {
  std::uint8_t fingerprints[8];
  std::uint8_t used;      // bit i: place i holds an entry
  std::uint8_t expires;   // bit i: that entry has an expiry
  std::uint8_t overflow;  // 1: place 7 holds the address of another bucket
  std::uint8_t spare[5];
  std::uint8_t addresses[8][6];

  template <typename T>
  T* At(int i) const {
    std::uint64_t v = 0;
    std::memcpy(&v, addresses[i], 6);
    return reinterpret_cast<T*>(v);
  }
  void Set(int i, const void* p) {
    auto v = reinterpret_cast<std::uint64_t>(p);
    std::memcpy(addresses[i], &v, 6);
  }
};
static_assert(sizeof(Bucket) == 64);

class SlotTable {
 public:
  // A found entry: where it stands, so that it can be replaced or erased without a second lookup.
  struct Place {
    Bucket* bucket = nullptr;
    int index = 0;
    Entry* entry() const { return bucket == nullptr ? nullptr : bucket->At<Entry>(index); }
    explicit operator bool() const { return bucket != nullptr; }
  };

  SlotTable() = default;
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;
  ~SlotTable();  // must be empty of entries or have been Clear()ed; frees the buckets

  std::uint32_t size() const { return size_; }
  // The same without the lock: a moment's value, for sampling.
  __attribute__((no_sanitize("thread"))) std::uint32_t SizeHint() const { return size_; }
  __attribute__((no_sanitize("thread"))) std::int64_t NextExpireHint() const { return next_expire_ms_; }
  std::uint32_t expiring() const { return expiring_; }
  std::uint32_t bucket_count() const { return buckets_; }
  std::size_t IndexMemory() const;

  Place Find(std::string_view key, std::uint64_t hash) const;
  // `entry->key()` must not be in the table.
  void Insert(Entry* entry, std::uint64_t hash);
  // Puts `entry` (same key) in the place of the old one, which the caller frees.
  void Replace(Place place, Entry* entry);
  // Takes the entry out; the caller frees it.
  void Erase(Place place, std::uint64_t hash);
  // Calls free(entry) for every entry and gives all memory back.
  template <typename F>
  void Clear(F&& free);

  // Visits the chain(s) of one cursor position with visit(Entry*) and returns the next cursor; 0 when through.
  // Entries present from the first to the last call are visited at least once. visit may not change the table.
  template <typename F>
  std::uint64_t Scan(std::uint64_t cursor, F&& visit) const;
  // Visits bucket chain `index` in [0, bucket_count()): visit(Entry*).
  template <typename F>
  void VisitBucket(std::uint32_t index, F&& visit) const;
  // As VisitBucket, only entries with an expiry.
  template <typename F>
  void VisitExpiringInBucket(std::uint32_t index, F&& visit) const;
  // A fair choice among all entries; null if empty.
  Entry* RandomEntry(Random& random) const;

  // Lock-free hints of where to prefetch: may be stale, never faults (slab memory stays mapped).
  void PrefetchBucket(std::uint64_t hash) const;
  void PrefetchEntry(std::uint64_t hash) const;

  // A lower bound of the earliest expiry in the table, in ms; INT64_MAX if none. Kept low by NoteExpire, raised by the
  // expiry cycle after it has looked at everything.
  std::int64_t next_expire_ms() const { return next_expire_ms_; }
  void set_next_expire_ms(std::int64_t at) { next_expire_ms_ = at; }
  void NoteExpire(std::int64_t at_ms) { if (at_ms < next_expire_ms_) next_expire_ms_ = at_ms; }

 private:
  static constexpr std::uint32_t kSegmentBuckets = 256;  // 16 KiB
  static constexpr int kPlaces = 8;

  static std::uint8_t Fingerprint(std::uint64_t hash) { return static_cast<std::uint8_t>(hash >> 56); }
  std::uint32_t IndexOf(std::uint64_t hash) const {
    std::uint32_t mask = mask_;  // 2^(level+1) - 1
    std::uint32_t i = static_cast<std::uint32_t>(hash) & mask;
    return i < buckets_ ? i : i & (mask >> 1);
  }
  Bucket* At(std::uint32_t index) const {
    if (!segmented_) return static_cast<Bucket*>(root_) + index;
    return static_cast<Bucket**>(root_)[index / kSegmentBuckets] + index % kSegmentBuckets;
  }
  void AddBucket();
  void Split();
  void Shrink();
  void Resize(std::uint32_t capacity);
  void FreeBuckets();
  void InsertIntoChain(Bucket* bucket, Entry* entry, std::uint8_t fingerprint, bool expires);
  static Bucket* NewBucket();

  void* root_ = nullptr;            // Bucket[capacity_], or Bucket*[] of segments
  std::uint32_t buckets_ = 0;       // in use
  std::uint32_t mask_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t expiring_ = 0;
  std::uint32_t capacity_ = 0;      // buckets allocated (segments: places in the directory times kSegmentBuckets)
  std::uint32_t overflows_ = 0;     // overflow buckets
  std::int64_t next_expire_ms_ = INT64_MAX;
  bool segmented_ = false;
};

template <typename F>
void SlotTable::VisitBucket(std::uint32_t index, F&& visit) const {
  for (Bucket* b = At(index); b != nullptr;) {
    Bucket* next = b->overflow ? b->At<Bucket>(7) : nullptr;
    for (unsigned used = b->used; used != 0; used &= used - 1) visit(b->At<Entry>(__builtin_ctz(used)));
    b = next;
  }
}

template <typename F>
void SlotTable::VisitExpiringInBucket(std::uint32_t index, F&& visit) const {
  for (Bucket* b = At(index); b != nullptr;) {
    Bucket* next = b->overflow ? b->At<Bucket>(7) : nullptr;
    for (unsigned used = b->used & b->expires; used != 0; used &= used - 1) visit(b->At<Entry>(__builtin_ctz(used)));
    b = next;
  }
}

template <typename F>
std::uint64_t SlotTable::Scan(std::uint64_t cursor, F&& visit) const {
  if (buckets_ == 0) return 0;
  // Chains of the smaller mask that have been split are visited together with their image, so a cursor position means
  // the same keys whatever the number of buckets: position = hash bits under the small mask.
  std::uint32_t small = mask_ >> 1;
  if (buckets_ == mask_ + 1) small = mask_;
  auto position = static_cast<std::uint32_t>(cursor) & small;
  VisitBucket(position, visit);
  if (small != mask_ && position + small + 1 < buckets_) VisitBucket(position + small + 1, visit);
  // Increment the reversed cursor.
  std::uint32_t v = static_cast<std::uint32_t>(cursor) | ~small;
  auto reverse = [](std::uint32_t x) {
    x = __builtin_bswap32(x);
    x = ((x & 0x0f0f0f0fu) << 4) | ((x >> 4) & 0x0f0f0f0fu);
    x = ((x & 0x33333333u) << 2) | ((x >> 2) & 0x33333333u);
    x = ((x & 0x55555555u) << 1) | ((x >> 1) & 0x55555555u);
    return x;
  };
  v = reverse(v);
  ++v;
  return reverse(v);
}

template <typename F>
void SlotTable::Clear(F&& free) {
  for (std::uint32_t i = 0; i < buckets_; ++i) VisitBucket(i, free);
  FreeBuckets();
}

}  // namespace slotwise
