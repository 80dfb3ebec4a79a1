// Memory of the keyspace: size classes in 64 KiB slabs, with a small cache for each thread.
//
// Why not malloc: an entry of 16 + 64 bytes takes 88 bytes here and 96 to 112 there (header and 16-byte steps), callers
// know the size when they free, and slabs that become empty serve any other class. Slab memory is never unmapped, only
// given back to the system page by page (madvise), so a stale address may be prefetched or read without a fault.
// Source: the slab and tcmalloc designs. Accounting: UsedMemory() counts class sizes, exactly.
#pragma once
#include <cstddef>
#include <cstdint>

namespace slotwise {

// Never returns null: running out of address space aborts, as everywhere in the process. 8-byte aligned; 64-byte
// aligned if `size` is a multiple of 64.
void* Allocate(std::size_t size);
// `size` as given to Allocate.
void Release(void* p, std::size_t size);
// The bytes really taken for a request of `size`; a value may grow into them in place.
std::size_t AllocatedSize(std::size_t size);

// Bytes in live allocations, all threads. Cost: one relaxed load a thread.
std::uint64_t UsedMemory();
std::uint64_t PeakUsedMemory();  // as sampled by SamplePeak()
void SamplePeak();
void ResetPeak();
// Accounts memory that is allocated elsewhere (connection buffers, log chunks). May be negative.
void AccountMemory(std::int64_t delta);
// Bytes mapped from the system for slabs.
std::uint64_t SlabMemory();
// Puts 2 MiB of small pages together to a huge one, where a chunk of slabs is used up. Random access to gigabytes is bound by
// TLB misses otherwise; but memory that is huge when it is first touched stalls its writer for the whole 2 MiB, which
// on a virtual machine the host may have to find first. For a background thread: a few milliseconds, in which page
// faults of other threads wait. False if there was nothing to do.
bool MakeHugePage();
// Returns the calling thread's cached objects to their slabs (before it sleeps for long, or for exact tests).
void FlushThreadCache();

}  // namespace slotwise
