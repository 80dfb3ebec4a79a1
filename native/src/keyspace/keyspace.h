// All databases, and the locks: slots are grouped into stripes, a command holds the stripes of its keys while it runs.
// Lock order: stripes ascending, then the log's append lock, then leaf locks (pub/sub, watch and wait lists of a
// held stripe).
// A slot's stripe is the same in every database, so MOVE and COPY need no second lock.
#pragma once
#include <atomic>
#include <bitset>
#include <memory>
#include <vector>

#include "base/futex_lock.h"
#include "keyspace/database.h"

namespace slotwise {

constexpr int kStripeCount = 1024;  // a power of two; 64 bytes each
using StripeSet = std::bitset<kStripeCount>;

inline int StripeOf(int slot) { return slot & (kStripeCount - 1); }

class WatchList;
class WaitList;
class TrackedKeys;

struct alignas(64) Stripe {
  FutexLock lock;
  std::uint32_t listeners = 0;          // how many keys of the stripe are watched or tracked: whose changes are looked at
  // The log offset after the last write to the stripe: what a read of it depends on.
  std::uint64_t last_offset = 0;
  std::unique_ptr<WatchList> watches;   // null while nobody watches a key here
  std::unique_ptr<WaitList> waits;      // null while nobody waits for a key here
  std::unique_ptr<TrackedKeys> tracked; // null while nobody tracks one
  Stripe();
  ~Stripe();
  // After any change of the two above.
  void CountListeners();
};

class Keyspace {
 public:
  explicit Keyspace(int databases);

  int database_count() const { return static_cast<int>(databases_.size()); }
  // SWAPDB and FLUSHDB exchange what the numbers stand for: under all stripe locks, so the answer holds while any is held.
  // Without a lock it is a moment's answer, good for the lock-free hints of Database; a Database lives as long as this.
  Database& Db(int index) { return *databases_[static_cast<std::size_t>(index)].load(std::memory_order_acquire); }
  Stripe& StripeAt(int index) { return stripes_[index]; }
  Stripe& StripeForSlot(int slot) { return stripes_[StripeOf(slot)]; }

  void LockAll();
  void UnlockAll();
  void Lock(const StripeSet& set);
  void Unlock(const StripeSet& set);

  // All stripes held.
  void Swap(int a, int b);
  // All stripes held: puts an empty database in place and hands the old one over, for Recycle() without the locks.
  Database* Exchange(int index);
  // Empty databases that nobody sees, one for each number: to be filled, and for ExchangeAll() or Recycle(). What is put into
  // them has the present phase, so no snapshot may begin or end until then.
  std::vector<Database*> MakeHidden();
  // All stripes held: puts these in place, and hands over those that were.
  std::vector<Database*> ExchangeAll(const std::vector<Database*>& databases);
  // Frees the keys of a database that Exchange() took out, and keeps the shell for the next Exchange(): somebody may still
  // be looking at its hints.
  void Recycle(Database* database);

  // What the snapshot under way needs of the databases: all stripes are held. Gives each its number, flips the phase and
  // returns them; until ReleaseForSnapshot() none of them is recycled, whatever FLUSHALL and SWAPDB do meanwhile.
  std::vector<Database*> HoldForSnapshot();
  void ReleaseForSnapshot(const std::vector<Database*>& databases);
  std::uint8_t phase() const { return phase_.load(std::memory_order_relaxed); }

  std::uint64_t KeyCount();
  // The access field of entries made from now on; refreshed by whoever reads the clock.
  void SetNewAccess(std::uint32_t v) {
    if (new_access_.load(std::memory_order_relaxed) != v) new_access_.store(v, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> new_access_{0};
  std::atomic<std::uint8_t> phase_{0};             // changed under all stripes
  std::unique_ptr<Stripe[]> stripes_;
  Database* NewDatabase();

  std::vector<std::atomic<Database*>> databases_;
  FutexLock shells_lock_;                          // guards the next two; a leaf
  std::vector<std::unique_ptr<Database>> owned_;   // every database there ever was
  std::vector<Database*> spare_;                   // those that are empty and not in databases_
  std::vector<Database*> kept_;                    // to be recycled when the snapshot is done
};

}  // namespace slotwise
