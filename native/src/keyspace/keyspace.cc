#include "keyspace/keyspace.h"

#include <mutex>

#include "keyspace/allocator.h"
#include "keyspace/wait_list.h"
#include "keyspace/tracked_keys.h"
#include "keyspace/watch_list.h"

namespace slotwise {

// Counted, so that a store is never of size 0: maxmemory 1 is a way to refuse every write.
Stripe::Stripe() { AccountMemory(sizeof(Stripe)); }
Stripe::~Stripe() { AccountMemory(-static_cast<std::int64_t>(sizeof(Stripe))); }
void Stripe::CountListeners() {
  listeners = static_cast<std::uint32_t>((watches ? watches->size() : 0) + (tracked ? tracked->size() : 0));
}

Keyspace::Keyspace(int databases)
    : stripes_(std::make_unique<Stripe[]>(kStripeCount)), databases_(static_cast<std::size_t>(databases)) {
  for (auto& database : databases_) database.store(NewDatabase(), std::memory_order_release);
}

void Keyspace::LockAll() {
  for (int i = 0; i < kStripeCount; ++i) stripes_[i].lock.Lock();
}
void Keyspace::UnlockAll() {
  for (int i = 0; i < kStripeCount; ++i) stripes_[i].lock.Unlock();
}
void Keyspace::Lock(const StripeSet& set) {
  for (std::size_t i = set._Find_first(); i < kStripeCount; i = set._Find_next(i)) stripes_[i].lock.Lock();
}
void Keyspace::Unlock(const StripeSet& set) {
  for (std::size_t i = set._Find_first(); i < kStripeCount; i = set._Find_next(i)) stripes_[i].lock.Unlock();
}

void Keyspace::Swap(int a, int b) {
  Database* old = databases_[static_cast<std::size_t>(a)].load(std::memory_order_relaxed);
  databases_[static_cast<std::size_t>(a)].store(&Db(b), std::memory_order_release);
  databases_[static_cast<std::size_t>(b)].store(old, std::memory_order_release);
}

Database* Keyspace::NewDatabase() {
  std::lock_guard<FutexLock> guard(shells_lock_);
  if (spare_.empty()) {
    owned_.push_back(std::make_unique<Database>(&new_access_, &phase_));
    return owned_.back().get();
  }
  Database* database = spare_.back();
  spare_.pop_back();
  return database;
}

Database* Keyspace::Exchange(int index) {
  Database* old = &Db(index);
  databases_[static_cast<std::size_t>(index)].store(NewDatabase(), std::memory_order_release);
  return old;
}

std::vector<Database*> Keyspace::MakeHidden() {
  std::vector<Database*> databases;
  for (int i = 0; i < database_count(); ++i) databases.push_back(NewDatabase());
  return databases;
}

std::vector<Database*> Keyspace::ExchangeAll(const std::vector<Database*>& databases) {
  std::vector<Database*> old;
  for (std::size_t i = 0; i < databases_.size(); ++i) {
    old.push_back(databases_[i].load(std::memory_order_relaxed));
    databases_[i].store(databases[i], std::memory_order_release);
  }
  return old;
}

std::vector<Database*> Keyspace::HoldForSnapshot() {
  std::vector<Database*> held;
  for (int i = 0; i < database_count(); ++i) {
    held.push_back(&Db(i));
    Db(i).set_snapshot_index(i);
  }
  phase_.store(phase() ^ 1, std::memory_order_relaxed);
  return held;
}

void Keyspace::ReleaseForSnapshot(const std::vector<Database*>& databases) {
  std::vector<Database*> kept;
  {
    std::lock_guard<FutexLock> guard(shells_lock_);
    for (Database* database : databases) database->set_snapshot_index(-1);
    kept.swap(kept_);
  }
  for (Database* database : kept) Recycle(database);
}

void Keyspace::Recycle(Database* database) {
  {
    std::lock_guard<FutexLock> guard(shells_lock_);
    if (database->snapshot_index() >= 0) {
      kept_.push_back(database);
      return;
    }
  }
  for (int slot = database->NextNonEmptySlot(0); slot < kSlotCount; slot = database->NextNonEmptySlot(slot + 1)) {
    database->ClearSlot(slot);
  }
  std::lock_guard<FutexLock> guard(shells_lock_);
  spare_.push_back(database);
}

std::uint64_t Keyspace::KeyCount() {
  std::uint64_t n = 0;
  for (int i = 0; i < database_count(); ++i) n += Db(i).KeyCount();
  return n;
}

}  // namespace slotwise
