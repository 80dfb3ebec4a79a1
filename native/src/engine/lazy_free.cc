#include "engine/lazy_free.h"

#include <pthread.h>

#include <utility>

#include "values/blob.h"
#include "values/value_ops.h"

namespace slotwise {

void LazyFree::Add(Database* database) { Add({database, nullptr, 0}, database->KeyCount()); }
void LazyFree::Add(Entry* entry) {
  std::uint64_t bytes = 0;
  if (const ValueOps* ops = OpsOf(entry->type())) bytes = ops->memory(entry->encoding(), entry->pointer());
  else if (entry->external() && !entry->pointer<Blob>()->shared()) bytes = entry->pointer<Blob>()->memory();
  Add({nullptr, entry, bytes}, 1);
}

void LazyFree::Add(Work work, std::uint64_t objects) {
  pending_.fetch_add(objects, std::memory_order_relaxed);
  pending_bytes_.fetch_add(work.bytes, std::memory_order_relaxed);
  std::lock_guard<std::mutex> guard(mutex_);
  queue_.push_back(work);
  if (running_) return;
  running_ = true;
  // The one before has nothing left to do but to return, and waits for no lock.
  if (worker_.joinable()) worker_.join();
  worker_ = std::thread([this] { Loop(); });
}

void LazyFree::Finish() {
  std::thread last;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    last = std::move(worker_);
  }
  if (last.joinable()) last.join();
}

void LazyFree::Loop() {
  pthread_setname_np(pthread_self(), "slotwise-free");
  std::vector<Work> work;
  for (;;) {
    {
      std::lock_guard<std::mutex> guard(mutex_);
      if (queue_.empty()) {
        running_ = false;
        break;
      }
      work.swap(queue_);
    }
    for (const Work& w : work) {
      std::uint64_t objects = 1;
      if (w.database != nullptr) {
        objects = w.database->KeyCount();
        keyspace_.Recycle(w.database);
      } else {
        Database::FreeEntry(w.entry);
      }
      freed_.fetch_add(objects, std::memory_order_relaxed);
      pending_.fetch_sub(objects, std::memory_order_relaxed);
      pending_bytes_.fetch_sub(w.bytes, std::memory_order_relaxed);
    }
    work.clear();
  }
  FlushThreadCache();
}

}  // namespace slotwise
