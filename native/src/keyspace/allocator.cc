#include "keyspace/allocator.h"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <vector>

#include "base/ablation.h"
#include "base/futex_lock.h"

namespace slotwise {
namespace {

constexpr std::size_t kSlabSize = 64 * 1024;
constexpr std::size_t kChunkSize = 4 * 1024 * 1024;
constexpr std::size_t kChunkHeader = 4096;  // at the begin of a chunk: what is to be known of each of its slabs
constexpr std::size_t kHugePage = 2 * 1024 * 1024;
// Before that much there are no huge pages: every class begins a slab of its own, of which a small store uses little.
constexpr std::uint64_t kHugeFrom = 16 * 1024 * 1024;
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25  // Linux 6.1
#endif
constexpr std::size_t kMaxSlabObject = 16 * 1024;

// Class sizes: steps of 8 to 256, 16 to 512, 64 to 1024, 128 to 2048, then an eighth of the next power of two.
constexpr int kClassCount = 32 + 16 + 8 + 8 + 12;
constexpr std::array<std::uint32_t, kClassCount> MakeClassSizes() {
  std::array<std::uint32_t, kClassCount> sizes{};
  int i = 0;
  for (std::uint32_t s = 8; s <= 256; s += 8) sizes[i++] = s;
  for (std::uint32_t s = 272; s <= 512; s += 16) sizes[i++] = s;
  for (std::uint32_t s = 576; s <= 1024; s += 64) sizes[i++] = s;
  for (std::uint32_t s = 1152; s <= 2048; s += 128) sizes[i++] = s;
  for (std::uint32_t s = 2048; s < 16384; s *= 2) {
    for (std::uint32_t q = 1; q <= 4; ++q) sizes[i++] = s + s / 4 * q;
  }
  return sizes;
}
constexpr auto kClassSizes = MakeClassSizes();
static_assert(kClassSizes[kClassCount - 1] == kMaxSlabObject);

inline int ClassOf(std::size_t size) {
  if (size <= 256) return size == 0 ? 0 : static_cast<int>((size + 7) / 8) - 1;
  if (size <= 512) return 32 + static_cast<int>((size - 256 + 15) / 16) - 1;
  if (size <= 1024) return 48 + static_cast<int>((size - 512 + 63) / 64) - 1;
  if (size <= 2048) return 56 + static_cast<int>((size - 1024 + 127) / 128) - 1;
  int log = 63 - std::countl_zero(static_cast<std::uint64_t>(size - 1));  // size in (2^log, 2^(log+1)]
  std::size_t base = std::size_t{1} << log;
  std::size_t step = base / 4;
  return 64 + (log - 11) * 4 + static_cast<int>((size - base + step - 1) / step) - 1;
}

struct FreeObject {
  FreeObject* next;
};

// Not in the slab itself, so that eight objects of 8 KiB fit into one. Guarded by the lock of its class, once it has one.
struct alignas(64) Slab {
  Slab* next;
  Slab* prev;
  FreeObject* free_list;
  std::uint32_t free_count;   // in free_list; does not count what was never carved
  std::uint32_t carved;       // objects handed out from the front so far
  std::uint32_t capacity;
  std::int32_t size_class;
  bool in_partial;

  std::size_t index() const { return (reinterpret_cast<std::uintptr_t>(this) & (kChunkSize - 1)) / sizeof(Slab); }
  std::size_t header() const { return index() == 0 ? kChunkHeader : 0; }  // the first slab gives way to it
  char* data() {
    const std::uintptr_t chunk = reinterpret_cast<std::uintptr_t>(this) & ~(kChunkSize - 1);
    return reinterpret_cast<char*>(chunk + index() * kSlabSize + header());
  }
  std::size_t size() const { return kSlabSize - header(); }
};
static_assert(kChunkSize / kSlabSize * sizeof(Slab) == kChunkHeader);

Slab* SlabOf(void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  const std::uintptr_t chunk = address & ~(kChunkSize - 1);
  return reinterpret_cast<Slab*>(chunk) + (address - chunk) / kSlabSize;
}

struct alignas(64) ClassHeap {
  FutexLock lock;
  Slab* partial = nullptr;  // slabs with something to give, most recently used first
};

struct SlabPool {
  FutexLock lock;
  std::vector<Slab*> warm;  // slabs without a class; their pages are resident
  std::vector<Slab*> cold;  // as well, their pages are not
  static constexpr std::size_t kWarmMax = 128;
  Slab* chunk = nullptr;  // the next of the last chunk's
  std::size_t chunk_left = 0;
  std::deque<char*> small;  // where chunks are used up and could be huge pages
  std::atomic<std::uint64_t> mapped{0};

  Slab* Take() {
    std::lock_guard<FutexLock> guard(lock);
    for (auto* list : {&warm, &cold}) {
      if (list->empty()) continue;
      Slab* s = list->back();
      list->pop_back();
      return s;
    }
    if (chunk_left == 0) {
      void* raw = mmap(nullptr, 2 * kChunkSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (raw == MAP_FAILED) {
        std::fprintf(stderr, "slotwise: out of memory (cannot map %zu bytes)\n", 2 * kChunkSize);
        std::abort();
      }
      auto address = reinterpret_cast<std::uintptr_t>(raw);
      std::uintptr_t aligned = (address + kChunkSize - 1) & ~(kChunkSize - 1);
      if (aligned > address) munmap(raw, aligned - address);
      std::uintptr_t end = address + 2 * kChunkSize;
      if (end > aligned + kChunkSize) munmap(reinterpret_cast<void*>(aligned + kChunkSize), end - aligned - kChunkSize);
      chunk = reinterpret_cast<Slab*>(aligned);
      chunk_left = kChunkSize / kSlabSize;
      mapped.fetch_add(kChunkSize, std::memory_order_relaxed);
    }
    if (--chunk_left == 0 && !Ablated().hugepages && mapped.load(std::memory_order_relaxed) > kHugeFrom) {
      char* begin = reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(chunk) & ~(kChunkSize - 1));
      for (std::size_t at = 0; at < kChunkSize; at += kHugePage) small.push_back(begin + at);
    }
    return chunk++;
  }
  bool MakeHugePage() {
    char* begin;
    {
      std::lock_guard<FutexLock> guard(lock);
      if (small.empty()) return false;
      begin = small.front();
      small.pop_front();
    }
    // Before Linux 6.1, or when there is none to be had, khugepaged does it in time. To be asked for that a mapping is split,
    // during which nobody can map or touch a new page, so only then.
    if (madvise(begin, kHugePage, MADV_COLLAPSE) != 0) madvise(begin, kHugePage, MADV_HUGEPAGE);
    return true;
  }
  // A few slabs stay resident for the next taker; the pages of others go back to the system. The content is not needed
  // any more, the addresses stay readable (zeros).
  void Give(Slab* s) {
    {
      std::lock_guard<FutexLock> guard(lock);
      if (warm.size() < kWarmMax) {
        warm.push_back(s);
        return;
      }
    }
    madvise(s->data(), s->size(), MADV_DONTNEED);
    std::lock_guard<FutexLock> guard(lock);
    cold.push_back(s);
  }
};

constexpr int kBatch = 32;

struct ThreadCache;

struct Global {
  std::array<ClassHeap, kClassCount> heaps;
  SlabPool pool;
  FutexLock threads_lock;
  std::vector<ThreadCache*> threads;
  std::atomic<std::int64_t> exited_bytes{0};
  std::atomic<std::uint64_t> peak{0};
};

// Leaked on purpose: threads may still run while static destructors do.
Global& G() {
  static Global* global = new Global;
  return *global;
}

struct ThreadCache {
  struct Bin {
    FreeObject* head = nullptr;
    std::uint32_t count = 0;
  };
  std::array<Bin, kClassCount> bins{};
  std::atomic<std::int64_t> bytes{0};  // written by the owner only

  ThreadCache() {
    Global& g = G();
    std::lock_guard<FutexLock> guard(g.threads_lock);
    g.threads.push_back(this);
  }
  ~ThreadCache() {
    for (int c = 0; c < kClassCount; ++c) Flush(c, bins[c].count);
    Global& g = G();
    std::lock_guard<FutexLock> guard(g.threads_lock);
    std::erase(g.threads, this);
    g.exited_bytes.fetch_add(bytes.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  void Count(std::int64_t delta) { bytes.store(bytes.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed); }

  static std::uint32_t BatchOf(int size_class) { return kClassSizes[size_class] <= 1024 ? kBatch : 4; }

  __attribute__((noinline)) void* Refill(int size_class) {
    Bin& bin = bins[size_class];
    ClassHeap& heap = G().heaps[size_class];
    std::uint32_t size = kClassSizes[size_class];
    std::uint32_t want = BatchOf(size_class);
    std::lock_guard<FutexLock> guard(heap.lock);
    while (want > 0) {
      Slab* slab = heap.partial;
      if (slab == nullptr) {
        if (bin.count > 0) break;
        slab = G().pool.Take();
        slab->free_list = nullptr;
        slab->free_count = 0;
        slab->carved = 0;
        slab->capacity = static_cast<std::uint32_t>(slab->size() / size);
        slab->size_class = size_class;
        slab->in_partial = true;
        slab->next = slab->prev = nullptr;
        heap.partial = slab;
      }
      while (want > 0 && slab->free_list != nullptr) {
        FreeObject* o = slab->free_list;
        slab->free_list = o->next;
        --slab->free_count;
        o->next = bin.head;
        bin.head = o;
        ++bin.count;
        --want;
      }
      char* data = slab->data();
      while (want > 0 && slab->carved < slab->capacity) {
        auto* o = reinterpret_cast<FreeObject*>(data + std::size_t{slab->carved++} * size);
        o->next = bin.head;
        bin.head = o;
        ++bin.count;
        --want;
      }
      if (slab->free_list == nullptr && slab->carved == slab->capacity) {
        heap.partial = slab->next;
        if (slab->next != nullptr) slab->next->prev = nullptr;
        slab->in_partial = false;
        slab->next = slab->prev = nullptr;
      }
    }
    FreeObject* o = bin.head;
    bin.head = o->next;
    --bin.count;
    return o;
  }

  __attribute__((noinline)) void Flush(int size_class, std::uint32_t n) {
    Bin& bin = bins[size_class];
    if (n == 0) return;
    ClassHeap& heap = G().heaps[size_class];
    Slab* empty = nullptr;
    {
      std::lock_guard<FutexLock> guard(heap.lock);
      for (; n > 0; --n) {
        FreeObject* o = bin.head;
        bin.head = o->next;
        --bin.count;
        Slab* slab = SlabOf(o);
        o->next = slab->free_list;
        slab->free_list = o;
        ++slab->free_count;
        if (!slab->in_partial) {
          slab->in_partial = true;
          slab->prev = nullptr;
          slab->next = heap.partial;
          if (heap.partial != nullptr) heap.partial->prev = slab;
          heap.partial = slab;
        }
        // An empty slab goes back to the pool, unless it is the only one its class has left to give from.
        if (slab->free_count == slab->carved && (slab->prev != nullptr || slab->next != nullptr)) {
          if (slab->prev != nullptr) slab->prev->next = slab->next; else heap.partial = slab->next;
          if (slab->next != nullptr) slab->next->prev = slab->prev;
          slab->in_partial = false;
          slab->next = empty;
          empty = slab;
        }
      }
    }
    while (empty != nullptr) {
      Slab* next = empty->next;
      G().pool.Give(empty);
      empty = next;
    }
  }
};

thread_local ThreadCache t_cache;

// Where t_cache is: reaching that itself takes one more call, which asks whether it has been made.
constinit thread_local ThreadCache* t_fast = nullptr;

inline ThreadCache& Cache() {
  if (t_fast == nullptr) [[unlikely]] t_fast = &t_cache;
  return *t_fast;
}

}  // namespace

#if defined(SLOTWISE_ASAN) || defined(SLOTWISE_TSAN)
// Under sanitizers every object is a malloc of its own, so that each overflow and use after free is seen.
void* Allocate(std::size_t size) {
  Cache().Count(static_cast<std::int64_t>(AllocatedSize(size)));
  void* p = size % 64 == 0 && size > 0 ? std::aligned_alloc(64, size) : std::malloc(size == 0 ? 1 : size);
  if (p == nullptr) std::abort();
  return p;
}
void Release(void* p, std::size_t size) {
  if (p == nullptr) return;
  Cache().Count(-static_cast<std::int64_t>(AllocatedSize(size)));
  std::free(p);
}
#else
void* Allocate(std::size_t size) {
  if (__builtin_expect(size > kMaxSlabObject, 0)) {
    Cache().Count(static_cast<std::int64_t>(AllocatedSize(size)));
    void* p = size % 64 == 0 ? std::aligned_alloc(64, size) : std::malloc(size);
    if (p == nullptr) {
      std::fprintf(stderr, "slotwise: out of memory allocating %zu bytes\n", size);
      std::abort();
    }
    return p;
  }
  ThreadCache& cache = Cache();
  int c = ClassOf(size);
  cache.Count(kClassSizes[c]);
  ThreadCache::Bin& bin = cache.bins[c];
  FreeObject* o = bin.head;
  if (__builtin_expect(o == nullptr, 0)) return cache.Refill(c);
  bin.head = o->next;
  --bin.count;
  return o;
}

void Release(void* p, std::size_t size) {
  if (p == nullptr) return;
  ThreadCache& cache = Cache();
  if (__builtin_expect(size > kMaxSlabObject, 0)) {
    cache.Count(-static_cast<std::int64_t>(AllocatedSize(size)));
    std::free(p);
    return;
  }
  int c = ClassOf(size);
  cache.Count(-static_cast<std::int64_t>(kClassSizes[c]));
  ThreadCache::Bin& bin = cache.bins[c];
  auto* o = static_cast<FreeObject*>(p);
  o->next = bin.head;
  bin.head = o;
  if (__builtin_expect(++bin.count > 2 * ThreadCache::BatchOf(c), 0)) cache.Flush(c, ThreadCache::BatchOf(c));
}
#endif

std::size_t AllocatedSize(std::size_t size) {
  if (size > kMaxSlabObject) return (size + 8 + 15) & ~std::size_t{15};
  return kClassSizes[ClassOf(size)];
}

std::uint64_t UsedMemory() {
  Global& g = G();
  std::int64_t sum = g.exited_bytes.load(std::memory_order_relaxed);
  std::lock_guard<FutexLock> guard(g.threads_lock);
  for (ThreadCache* t : g.threads) sum += t->bytes.load(std::memory_order_relaxed);
  return sum > 0 ? static_cast<std::uint64_t>(sum) : 0;
}

void SamplePeak() {
  std::uint64_t used = UsedMemory();
  std::uint64_t peak = G().peak.load(std::memory_order_relaxed);
  while (used > peak && !G().peak.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}
std::uint64_t PeakUsedMemory() {
  SamplePeak();
  return G().peak.load(std::memory_order_relaxed);
}
void ResetPeak() { G().peak.store(UsedMemory(), std::memory_order_relaxed); }
void AccountMemory(std::int64_t delta) { t_cache.Count(delta); }
bool MakeHugePage() { return G().pool.MakeHugePage(); }
std::uint64_t SlabMemory() { return G().pool.mapped.load(std::memory_order_relaxed); }
void FlushThreadCache() {
  for (int c = 0; c < kClassCount; ++c) t_cache.Flush(c, t_cache.bins[c].count);
}

}  // namespace slotwise
