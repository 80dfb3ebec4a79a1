#include "keyspace/linear_table.h"

#include <algorithm>

namespace slotwise {

Bucket* LinearBuckets::NewBucket() {
  auto* b = static_cast<Bucket*>(Allocate(sizeof(Bucket)));
  std::memset(static_cast<void*>(b), 0, sizeof(Bucket));
  return b;
}

void LinearBuckets::ReleaseOverflow(Bucket* b) {
  Release(b, sizeof(Bucket));
  --overflows_;
}

std::size_t LinearBuckets::IndexMemory() const {
  std::size_t bytes = std::size_t{overflows_} * sizeof(Bucket);
  if (!segmented_) return bytes + std::size_t{capacity_} * sizeof(Bucket);
  std::uint32_t segments = (buckets_ + kSegmentBuckets - 1) / kSegmentBuckets;
  return bytes + std::size_t{segments} * kSegmentBuckets * sizeof(Bucket) + capacity_ / kSegmentBuckets * sizeof(Bucket*);
}

void LinearBuckets::InsertIntoChain(Bucket* b, void* item, std::uint8_t fingerprint, std::uint32_t more, bool marked) {
  for (;;) {
    unsigned free = ~static_cast<unsigned>(b->used) & (b->overflow ? 0x7fu : 0xffu);
    if (free != 0) {
      int i = std::countr_zero(free);
      b->fingerprints[i] = fingerprint;
      b->SetMore(i, more);
      b->Set(i, item);
      b->used = static_cast<std::uint8_t>(b->used | 1u << i);
      b->marks = static_cast<std::uint8_t>(marked ? b->marks | 1u << i : b->marks & ~(1u << i));
      return;
    }
    if (!b->overflow) {
      Bucket* next = NewBucket();
      ++overflows_;
      // The eighth item moves into the overflow bucket and leaves its place to the link.
      next->fingerprints[0] = b->fingerprints[7];
      next->SetMore(0, b->More(7));
      next->Set(0, b->At<void>(7));
      next->used = 1;
      next->marks = (b->marks >> 7) & 1;
      b->used &= 0x7f;
      b->marks &= 0x7f;
      b->overflow = 1;
      b->Set(7, next);
    }
    b = b->At<Bucket>(7);
  }
}

void LinearBuckets::EraseAt(Bucket* b, int index, std::uint64_t hash) {
  auto bit = static_cast<std::uint8_t>(1u << index);
  b->used = static_cast<std::uint8_t>(b->used & ~bit);
  b->marks = static_cast<std::uint8_t>(b->marks & ~bit);
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
      ReleaseOverflow(b);
    }
  }
  // Half as full as where it grows: give buckets back, one a removal.
  if (buckets_ > 1 && std::uint64_t{size_} * 20 < std::uint64_t{buckets_} * kItemsPerTenBuckets) Shrink();
}

void LinearBuckets::Reserve(std::uint64_t items) {
  if (root_ != nullptr || items == 0) return;
  const std::uint64_t want = (items * 10 + kItemsPerTenBuckets - 1) / kItemsPerTenBuckets;
  Resize(static_cast<std::uint32_t>(std::min<std::uint64_t>(want, kSegmentBuckets)));
  std::memset(root_, 0, std::size_t{capacity_} * sizeof(Bucket));
  buckets_ = capacity_;
  mask_ = std::bit_ceil(buckets_) - 1;
}

// Makes room for and clears bucket number buckets_.
void LinearBuckets::AddBucket() {
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
void LinearBuckets::Resize(std::uint32_t capacity) {
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

// The inverse of Split: the last bucket's chain joins its home.
void LinearBuckets::Shrink() {
  std::uint32_t last = buckets_ - 1;
  std::uint32_t home_index = last & (std::bit_ceil(buckets_) - 1) >> 1;
  Bucket old = *At(last);
  Bucket* home = At(home_index);
  --buckets_;
  mask_ = std::bit_ceil(buckets_) - 1;
  for (Bucket* b = &old; b != nullptr;) {
    Bucket* next = b->Next();
    for (unsigned used = b->used; used != 0; used &= used - 1) {
      int i = std::countr_zero(used);
      InsertIntoChain(home, b->At<void>(i), b->fingerprints[i], b->More(i), (b->marks >> i) & 1);
    }
    if (b != &old) ReleaseOverflow(b);
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

void LinearBuckets::FreeBuckets() {
  if (root_ == nullptr) return;
  if (overflows_ > 0) {
    for (std::uint32_t i = 0; i < buckets_; ++i) {
      Bucket* b = At(i)->Next();
      while (b != nullptr) {
        Bucket* next = b->Next();
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
  buckets_ = mask_ = size_ = capacity_ = overflows_ = 0;
  segmented_ = false;
}

Bucket* LinearBuckets::RandomBucket(Random& random, int* index) const {
  auto place = [index](Bucket* b, std::uint32_t pick) {
    for (;; b = b->At<Bucket>(7)) {
      auto n = static_cast<std::uint32_t>(std::popcount(b->used));
      if (pick < n) {
        unsigned used = b->used;
        for (; pick > 0; --pick) used &= used - 1;
        *index = std::countr_zero(used);
        return b;
      }
      pick -= n;
    }
  };
  // A chain is chosen with a probability that does not depend on its length, then kept with one that does: fair. Several
  // are drawn at a time, so that their cache misses overlap; what is drawn after the chosen one is not used.
  constexpr std::uint32_t kLongChain = 24;
  constexpr int kDraws = 4;
  for (int round = 0; round < 250; ++round) {
    Bucket* drawn[kDraws];
    for (Bucket*& b : drawn) {
      b = At(static_cast<std::uint32_t>(random.Below(buckets_)));
      __builtin_prefetch(b);
    }
    for (Bucket* b : drawn) {
      auto pick = static_cast<std::uint32_t>(random.Below(kLongChain));
      std::uint32_t n = ChainLength(b);
      if (pick < n) return place(b, n <= kLongChain ? pick : static_cast<std::uint32_t>(random.Below(n)));
    }
  }
  // A huge table with hardly anything in it, on its way to shrink.
  auto start = static_cast<std::uint32_t>(random.Below(buckets_));
  for (std::uint32_t i = 0; i < buckets_; ++i) {
    Bucket* b = At((start + i) % buckets_);
    std::uint32_t n = ChainLength(b);
    if (n > 0) return place(b, static_cast<std::uint32_t>(random.Below(n)));
  }
  return nullptr;  // not reached: the table is not empty
}

std::uint64_t LinearBuckets::ScanStep(std::uint64_t cursor, std::uint32_t* first, std::uint32_t* second) const {
  // Chains of the smaller mask that have been split are visited together with their image, so a cursor position means
  // the same items whatever the number of buckets: position = hash bits under the small mask.
  std::uint32_t small = mask_ >> 1;
  if (buckets_ == mask_ + 1) small = mask_;
  *first = static_cast<std::uint32_t>(cursor) & small;
  *second = small != mask_ && *first + small + 1 < buckets_ ? *first + small + 1 : UINT32_MAX;
  // Increment the reversed cursor.
  auto reverse = [](std::uint32_t x) {
    x = __builtin_bswap32(x);
    x = ((x & 0x0f0f0f0fu) << 4) | ((x >> 4) & 0x0f0f0f0fu);
    x = ((x & 0x33333333u) << 2) | ((x >> 2) & 0x33333333u);
    x = ((x & 0x55555555u) << 1) | ((x >> 1) & 0x55555555u);
    return x;
  };
  std::uint32_t v = reverse(static_cast<std::uint32_t>(cursor) | ~small);
  return reverse(v + 1);
}

// Both read without the lock: the values may be torn or old, which costs a useless prefetch and nothing else. A bucket
// array of up to 16 KiB lies within one slab, whose memory is never unmapped; an address outside of it is not followed.
#if defined(SLOTWISE_ASAN) || defined(SLOTWISE_TSAN)
void LinearBuckets::PrefetchBucket(std::uint64_t) const {}
void LinearBuckets::PrefetchItem(std::uint64_t) const {}
#else
void LinearBuckets::PrefetchBucket(std::uint64_t hash) const {
  const auto* root = static_cast<const Bucket*>(__atomic_load_n(&root_, __ATOMIC_RELAXED));
  if (root == nullptr || segmented_) return;
  __builtin_prefetch(root + IndexOf(hash));
}

void LinearBuckets::PrefetchItem(std::uint64_t hash) const {
  const auto* root = static_cast<const Bucket*>(__atomic_load_n(&root_, __ATOMIC_RELAXED));
  if (root == nullptr || segmented_) return;
  const Bucket* b = root + IndexOf(hash);
  if ((reinterpret_cast<std::uintptr_t>(b) ^ reinterpret_cast<std::uintptr_t>(root)) >> 16 != 0) return;
  std::uint32_t c = Candidates(b, Fingerprint(hash));
  if (c == 0) return;
  const char* e = b->At<const char>(std::countr_zero(c));
  __builtin_prefetch(e);
  __builtin_prefetch(e + 64);
}
#endif

}  // namespace slotwise
