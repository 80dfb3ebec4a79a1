#include "keyspace/allocator.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "base/ablation.h"
#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

TEST(Allocator, EveryClassHoldsWhatWasAskedFor) {
  for (std::size_t size = 0; size <= 20000; size += size < 300 ? 1 : 37) {
    EXPECT_GE(AllocatedSize(size), size);
    char* p = static_cast<char*>(Allocate(size));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 8, 0u);
    if (size > 0 && size % 64 == 0) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % 64, 0u);
    std::memset(p, 0xab, size);
    Release(p, size);
  }
}

TEST(Allocator, SmallSizesWasteLessThanEightBytes) {
  for (std::size_t size = 1; size <= 256; ++size) EXPECT_LT(AllocatedSize(size) - size, 8u);
  for (std::size_t size = 257; size <= 16384; ++size) EXPECT_LE(AllocatedSize(size), size + size / 4);
}

#if !defined(SLOTWISE_ASAN) && !defined(SLOTWISE_TSAN)
TEST(Allocator, SlabsAreFilledToTheEnd) {
  for (const std::size_t size : {4096u, 8192u, 16384u}) {
    const std::uint64_t before = SlabMemory();
    std::vector<void*> objects(64 * 1024 * 1024 / size);
    for (void*& p : objects) p = Allocate(size);
    EXPECT_LE(SlabMemory() - before, 68u * 1024 * 1024);  // one slab of a chunk of 64 holds what is to be known of them
    for (void* p : objects) Release(p, size);
  }
}
#endif

#if !defined(SLOTWISE_ASAN) && !defined(SLOTWISE_TSAN)
TEST(Allocator, HugePagesHoldWhatTheSmallOnesHeld) {
  while (MakeHugePage()) continue;
  std::vector<std::uint64_t*> objects;
  // Until some chunks are new and used up, whatever earlier tests have left to be taken; those of the first 16 MiB do not count.
  for (const std::uint64_t before = SlabMemory(); SlabMemory() - before < 40 * 1024 * 1024;) {
    const std::uint64_t i = objects.size();
    objects.push_back(static_cast<std::uint64_t*>(Allocate(64)));
    for (std::uint64_t k = 0; k < 8; ++k) objects.back()[k] = i * 8 + k;
  }
  std::atomic<bool> stop{false};
  std::thread reader([&] {  // others go on meanwhile
    for (std::size_t i = 0; !stop.load(); i = (i + 997) % objects.size()) {
      if (objects[i][3] != i * 8 + 3) std::abort();
    }
  });
  int made = 0;
  while (MakeHugePage()) ++made;
  stop = true;
  reader.join();
  if (!Ablated().hugepages) EXPECT_GE(made, 4);  // of what chunks that are used up hold
  for (std::size_t i = 0; i < objects.size(); ++i) {
    for (std::uint64_t k = 0; k < 8; ++k) ASSERT_EQ(objects[i][k], i * 8 + k);
  }
  for (std::uint64_t* p : objects) Release(p, 64);
}
#endif

TEST(Allocator, NoTwoLiveObjectsOverlap) {
  Random random(7);
  struct Live { unsigned char* p; std::size_t size; unsigned char mark; };
  std::vector<Live> live;
  for (int i = 0; i < 60000; ++i) {
    if (live.size() < 500 || random.Below(2) == 0) {
      std::size_t size = 1 + random.Below(random.Below(10) == 0 ? 20000 : 200);
      auto* p = static_cast<unsigned char*>(Allocate(size));
      auto mark = static_cast<unsigned char>(random.Next());
      std::memset(p, mark, size);
      live.push_back({p, size, mark});
    } else {
      std::size_t k = random.Below(live.size());
      Live l = live[k];
      ASSERT_TRUE(l.p[0] == l.mark && l.p[l.size - 1] == l.mark && l.p[l.size / 2] == l.mark);
      Release(l.p, l.size);
      live[k] = live.back();
      live.pop_back();
    }
  }
  for (const Live& l : live) Release(l.p, l.size);
}

TEST(Allocator, AccountsExactlyAcrossThreads) {
  std::uint64_t before = UsedMemory();
  std::vector<void*> objects(20000);
  std::thread maker([&] { for (void*& p : objects) p = Allocate(88); });
  maker.join();
  EXPECT_EQ(UsedMemory() - before, 20000u * 88);
  std::thread breaker([&] { for (void* p : objects) Release(p, 88); });
  breaker.join();
  EXPECT_EQ(UsedMemory(), before);
}

#if !defined(SLOTWISE_ASAN) && !defined(SLOTWISE_TSAN)
TEST(Allocator, EmptySlabsServeOtherSizes) {
  std::vector<void*> objects(100000);
  for (void*& p : objects) p = Allocate(96);
  for (void* p : objects) Release(p, 96);
  FlushThreadCache();
  std::uint64_t mapped = SlabMemory();
  for (void*& p : objects) p = Allocate(80);
  EXPECT_EQ(SlabMemory(), mapped);
  for (void* p : objects) Release(p, 80);
}
#endif

}  // namespace
}  // namespace slotwise
