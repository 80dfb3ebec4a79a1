// A linear hash table of pointers to items: the index of a slot's keys, of a hash's fields, of a set's members. The
// table owns its buckets and none of the items. Guarded by the lock of the key's stripe.
//
// Bucket: eight one-byte fingerprints, a presence bitmap, eight 48-bit item addresses; when it is full, its last place
// holds the address of an overflow bucket. A lookup costs the bucket's line and the item's, false candidates 1 in 256.
// Linear hashing splits one bucket at a time, so memory follows the number of items in small steps and no insert pays for
// the whole table; removals merge buckets in the same way. Up to 128 buckets the bit of the hash that decides a split stands
// in the bucket, so that splitting touches no item. The bucket array grows by an eighth; from kSegmentBuckets on it is a
// directory of segments.
// Why not power-of-two doubling: it wastes 25 % on average and moves everything at once.
// Scanning uses the reversed-bit cursor, which survives growth: a linear hash table is always "between" two powers of two.
// What depends on the kind of item (comparing, hashing) is LinearTable, the rest LinearBuckets, compiled once.
// Source: Litwin, linear hashing; Redis's SCAN guarantees.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/ablation.h"
#include "base/random.h"
#include "keyspace/allocator.h"

namespace slotwise {

struct alignas(64) Bucket {
  std::uint8_t fingerprints[8];
  std::uint8_t used;      // bit i: place i holds an item
  std::uint8_t marks;     // bit i: that item is marked; a slot table marks entries that have an expiry
  std::uint8_t overflow;  // 1: place 7 holds the address of another bucket
  std::uint8_t more[5];   // five bits of each item's hash, from kMoreFirst on: what a split goes by
  std::uint8_t addresses[8][6];

  static constexpr int kAddresses = 16;  // where they begin
  static constexpr unsigned kMoreFirst = 2;
  static constexpr unsigned kMoreBits = 5;
  static std::uint32_t MoreOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> kMoreFirst) & 31u; }

  template <typename T>
  T* At(int i) const {
    std::uint64_t v;  // with the two bytes before it: one load, not two
    std::memcpy(&v, reinterpret_cast<const char*>(this) + kAddresses - 2 + 6 * i, 8);
    return reinterpret_cast<T*>(v >> 16);
  }
  void Set(int i, const void* p) {
    auto v = reinterpret_cast<std::uint64_t>(p);
    std::memcpy(addresses[i], &v, 6);
  }
  std::uint32_t More(int i) const {
    std::uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(this) + 8, 8);  // used, marks, overflow, more
    return static_cast<std::uint32_t>(word >> (24 + kMoreBits * static_cast<unsigned>(i))) & 31u;
  }
  void SetMore(int i, std::uint32_t bits) {
    unsigned at = 24 + kMoreBits * static_cast<unsigned>(i);
    std::uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(this) + 8, 8);
    word = (word & ~(std::uint64_t{31} << at)) | std::uint64_t{bits} << at;
    std::memcpy(reinterpret_cast<char*>(this) + 8, &word, 8);
  }
  Bucket* Next() const { return overflow ? At<Bucket>(7) : nullptr; }
};
static_assert(sizeof(Bucket) == 64 && offsetof(Bucket, addresses) == Bucket::kAddresses);

class LinearBuckets {
 public:
  LinearBuckets() = default;
  LinearBuckets(const LinearBuckets&) = delete;
  LinearBuckets& operator=(const LinearBuckets&) = delete;
  ~LinearBuckets() { FreeBuckets(); }  // frees no items

  std::uint32_t size() const { return size_; }
  // The same without the lock: a moment's value, for sampling.
  __attribute__((no_sanitize("thread"))) std::uint32_t SizeHint() const { return size_; }
  std::uint32_t bucket_count() const { return buckets_; }
  std::size_t IndexMemory() const;
  // Makes an empty table as wide as it would become with `items`, up to one segment, so that it need not grow step by step.
  // Costs nothing if they never come but that memory, until something is erased.
  void Reserve(std::uint64_t items);

  // Lock-free hints of where to prefetch: may be stale, never faults (slab memory stays mapped).
  void PrefetchBucket(std::uint64_t hash) const;
  void PrefetchItem(std::uint64_t hash) const;
  // The same under the lock, for tables of any size.
  void PrefetchHome(std::uint64_t hash) const {
    if (buckets_ > 0) __builtin_prefetch(At(IndexOf(hash)));
  }
  void PrefetchCandidate(std::uint64_t hash) const {
    if (buckets_ == 0) return;
    const Bucket* b = At(IndexOf(hash));
    if (std::uint32_t c = Candidates(b, Fingerprint(hash)); c != 0) __builtin_prefetch(b->At<char>(std::countr_zero(c)));
  }

 protected:
  static constexpr std::uint32_t kSegmentBuckets = 256;  // 16 KiB
  // Splits when there are more than this many items for ten buckets: fuller buckets save memory, overflow chains cost it.
  static constexpr std::uint32_t kItemsPerTenBuckets = 60;

  static std::uint8_t Fingerprint(std::uint64_t hash) { return static_cast<std::uint8_t>(hash >> 56); }
  // The places of `b` whose fingerprint fits.
  static std::uint32_t Candidates(const Bucket* b, std::uint8_t fingerprint) {
    std::uint64_t fps;
    std::memcpy(&fps, b->fingerprints, 8);
    // A bit at the top of each byte that is zero. Exact for the lowest such byte, maybe a false one above it: comparing
    // the items decides.
    std::uint64_t x = fps ^ (0x0101010101010101ull * fingerprint);
    std::uint64_t hits = (x - 0x0101010101010101ull) & ~x & 0x8080808080808080ull;
    // Gather the top bits of the eight bytes into one byte.
    return static_cast<std::uint32_t>(((hits >> 7) * 0x0102040810204080ull) >> 56) & b->used;
  }
  std::uint32_t IndexOf(std::uint64_t hash) const {
    std::uint32_t mask = mask_;  // 2^(level+1) - 1
    std::uint32_t i = static_cast<std::uint32_t>(hash) & mask;
    return i < buckets_ ? i : i & (mask >> 1);
  }
  Bucket* At(std::uint32_t index) const {
    if (!segmented_) return static_cast<Bucket*>(root_) + index;
    return static_cast<Bucket**>(root_)[index / kSegmentBuckets] + index % kSegmentBuckets;
  }
  bool MustGrow() const { return std::uint64_t{size_} * 10 >= std::uint64_t{buckets_} * kItemsPerTenBuckets; }
  void AddBucket();
  void InsertIntoChain(Bucket* bucket, void* item, std::uint8_t fingerprint, std::uint32_t more, bool marked);
  void EraseAt(Bucket* bucket, int index, std::uint64_t hash);
  void FreeBuckets();

  // visit(item) for each item of a chain.
  template <typename T, typename F>
  static void VisitChain(const Bucket* b, F&& visit) {
    while (b != nullptr) {
      const Bucket* next = b->Next();
      for (unsigned used = b->used; used != 0; used &= used - 1) visit(b->At<T>(std::countr_zero(used)));
      b = next;
    }
  }
  static std::uint32_t ChainLength(const Bucket* b) {
    std::uint32_t n = 0;
    for (; b != nullptr; b = b->Next()) n += static_cast<std::uint32_t>(std::popcount(b->used));
    return n;
  }
  // A fair choice among all items: bucket and place. The table must not be empty.
  Bucket* RandomBucket(Random& random, int* index) const;
  // The chain positions that scan position `cursor` stands for: *second is UINT32_MAX if it is only one. Returns the next.
  std::uint64_t ScanStep(std::uint64_t cursor, std::uint32_t* first, std::uint32_t* second) const;

  void* root_ = nullptr;            // Bucket[capacity_], or Bucket*[] of segments
  std::uint32_t buckets_ = 0;       // in use
  std::uint32_t mask_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;      // buckets allocated (segments: places in the directory times kSegmentBuckets)
  std::uint32_t overflows_ = 0;     // overflow buckets
  bool segmented_ = false;

 private:
  void Shrink();
  void Resize(std::uint32_t capacity);
  void ReleaseOverflow(Bucket* b);
  static Bucket* NewBucket();
  template <typename Items>
  friend class LinearTable;
};

// `Items` says what there is to know of an item:
//   using Item = ...;
//   static bool Equal(const Item*, std::string_view key);
//   static std::uint64_t Hash(const Item*);
template <typename Items>
class LinearTable : public LinearBuckets {
 public:
  using Item = typename Items::Item;
  // A found item: where it stands, so that it can be replaced or erased without a second lookup.
  struct Place {
    Bucket* bucket = nullptr;
    int index = 0;
    Item* item() const { return bucket == nullptr ? nullptr : bucket->template At<Item>(index); }
    explicit operator bool() const { return bucket != nullptr; }
  };

  Place Find(std::string_view key, std::uint64_t hash) const;
  // An equal item must not be in the table.
  void Insert(Item* item, std::uint64_t hash, bool marked = false);
  // Puts `item` (same key) in the place of the old one, which the caller frees.
  void Replace(Place place, Item* item) { place.bucket->Set(place.index, item); }
  // Takes the item out; the caller frees it.
  void Erase(Place place, std::uint64_t hash) { EraseAt(place.bucket, place.index, hash); }
  // Calls free(item) for every item and gives all memory back.
  template <typename F>
  void Clear(F&& free) {
    VisitAll(free);
    FreeBuckets();
  }

  // Visits the chain(s) of one cursor position with visit(Item*) and returns the next cursor; 0 when through.
  // Items present from the first to the last call are visited at least once. visit may not change the table.
  template <typename F>
  std::uint64_t Scan(std::uint64_t cursor, F&& visit) const {
    if (buckets_ == 0) return 0;
    std::uint32_t first, second;
    std::uint64_t next = ScanStep(cursor, &first, &second);
    VisitBucket(first, visit);
    if (second != UINT32_MAX) VisitBucket(second, visit);
    return next;
  }
  // Visits bucket chain `index` in [0, bucket_count()).
  template <typename F>
  void VisitBucket(std::uint32_t index, F&& visit) const { VisitChain<Item>(At(index), visit); }
  // visit(Item*) for all. Items are asked for ahead of their turn, since each is a cache miss in a big table. visit may
  // free the item.
  template <typename F>
  void VisitAll(F&& visit) const {
    VisitAllWhile([&](Item* item) {
      visit(item);
      return true;
    });
  }
  // The same, until visit returns false.
  template <typename F>
  void VisitAllWhile(F&& visit) const {
    constexpr std::uint32_t kAhead = 2;
    for (std::uint32_t i = 0; i < buckets_; ++i) {
      if (i + kAhead < buckets_) {
        const Bucket* ahead = At(i + kAhead);
        for (unsigned used = ahead->used; used != 0; used &= used - 1) __builtin_prefetch(ahead->template At<char>(std::countr_zero(used)));
      }
      for (const Bucket* b = At(i); b != nullptr; b = b->Next()) {
        for (unsigned used = b->used; used != 0; used &= used - 1) {
          if (!visit(b->template At<Item>(std::countr_zero(used)))) return;
        }
      }
    }
  }
  // A fair choice among all items; null if empty.
  Place RandomPlace(Random& random) const {
    Place place;
    if (size_ > 0) place.bucket = RandomBucket(random, &place.index);
    return place;
  }

 private:
  void Split();
};

template <typename Items>
typename LinearTable<Items>::Place LinearTable<Items>::Find(std::string_view key, std::uint64_t hash) const {
  if (size_ == 0) return {};
  std::uint8_t fp = Fingerprint(hash);
  for (Bucket* b = At(IndexOf(hash)); b != nullptr; b = b->Next()) {
    for (std::uint32_t c = Candidates(b, fp); c != 0; c &= c - 1) {
      int i = std::countr_zero(c);
      auto* item = b->template At<Item>(i);
      // Small items lie on two lines; asking for the second now hides its miss behind that of the first.
      __builtin_prefetch(reinterpret_cast<const char*>(item) + 64);
      if (Items::Equal(item, key)) return {b, i};
    }
  }
  return {};
}

template <typename Items>
void LinearTable<Items>::Insert(Item* item, std::uint64_t hash, bool marked) {
  if (buckets_ == 0) {
    AddBucket();
  } else if (MustGrow()) {
    Split();
  }
  InsertIntoChain(At(IndexOf(hash)), item, Fingerprint(hash), Bucket::MoreOf(hash), marked);
  ++size_;
}

template <typename Items>
void LinearTable<Items>::Split() {
  std::uint32_t fresh = buckets_;
  AddBucket();
  std::uint32_t source = fresh & (mask_ >> 1);
  // Take the chain apart and deal its items out again: each stays or goes to the image by one bit of its hash.
  Bucket old = *At(source);
  Bucket* home = At(source);
  Bucket* image = At(fresh);
  std::memset(static_cast<void*>(home), 0, sizeof(Bucket));
  const auto level = static_cast<unsigned>(std::countr_one(mask_ >> 1));
  const bool known = level >= Bucket::kMoreFirst && level < Bucket::kMoreFirst + Bucket::kMoreBits && !Ablated().hashbits;
  if (!known) {
    for (unsigned used = old.used; used != 0; used &= used - 1) __builtin_prefetch(old.template At<char>(std::countr_zero(used)));
  }
  for (Bucket* b = &old; b != nullptr;) {
    Bucket* next = b->Next();
    for (unsigned used = b->used; used != 0; used &= used - 1) {
      int i = std::countr_zero(used);
      auto* item = b->template At<Item>(i);
      const std::uint32_t more = b->More(i);
      const bool moves = ((known ? more >> (level - Bucket::kMoreFirst) : Items::Hash(item) >> level) & 1) != 0;
      InsertIntoChain(moves ? image : home, item, b->fingerprints[i], more, (b->marks >> i) & 1);
    }
    if (b != &old) ReleaseOverflow(b);
    b = next;
  }
}

}  // namespace slotwise
