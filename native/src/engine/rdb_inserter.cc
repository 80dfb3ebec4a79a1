#include "engine/rdb_inserter.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/ablation.h"
#include "engine/engine.h"
#include "keyspace/allocator.h"

namespace slotwise {
namespace {

constexpr std::size_t kQueuedJobsMax = 8;
constexpr std::size_t kBatch = 32;

}  // namespace

RdbInserter::RdbInserter(Engine& engine, const RdbLoadOptions& options, std::int64_t now_ms, bool parallel)
    : engine_(engine), options_(options), now_ms_(now_ms) {
  const unsigned cores = std::thread::hardware_concurrency();
  const unsigned count = !parallel ? 0 : std::clamp(cores, 1u, 8u);
  for (unsigned i = 0; i < std::max(count, 1u); ++i) workers_.push_back(std::make_unique<Worker>());
  if (count == 0) return;
  for (auto& worker : workers_) worker->thread = std::thread([this, &w = *worker] { Run(w); });
}

RdbInserter::~RdbInserter() {
  Finish();
  for (auto& w : workers_) {
    if (!w->thread.joinable()) continue;
    {
      std::lock_guard<std::mutex> guard(w->mutex);
      w->stop = true;
    }
    w->wake.notify_all();
    w->thread.join();
  }
}

void RdbInserter::Add(RdbKey& key, std::uint64_t keys_of_db) {
  const std::uint16_t slot = HashSlot(key.key);
  Worker& worker = WorkerOf(slot);
  Job& job = *worker.filling;
  Item& item = job.items.emplace_back();
  item.key_size = static_cast<std::uint32_t>(key.key.size());
  item.slot = slot;
  item.db = key.db;
  item.keys_of_slot = static_cast<std::uint32_t>(std::min<std::uint64_t>(keys_of_db / kSlotCount, UINT32_MAX));
  item.type = key.value.type;
  item.encoding = key.value.encoding;
  item.object = std::exchange(key.value.object, nullptr);
  item.expire_at_ms = key.expire_at_ms;
  item.idle_seconds = key.idle_seconds;
  item.frequency = key.frequency;
  job.bytes.insert(job.bytes.end(), key.key.begin(), key.key.end());
  if (item.type == Type::kString) {
    item.text_size = key.value.text.size();
    job.bytes.insert(job.bytes.end(), key.value.text.begin(), key.value.text.end());
  }
  if (job.full()) Submit(worker);
}

void RdbInserter::Add(const RdbString& key, std::uint64_t keys_of_db) {
  const std::uint16_t slot = HashSlot(key.key);
  Worker& worker = WorkerOf(slot);
  Job& job = *worker.filling;
  Item& item = job.items.emplace_back();
  item.key_size = static_cast<std::uint32_t>(key.key.size());
  item.text_size = key.text.size();
  item.slot = slot;
  item.db = key.db;
  item.keys_of_slot = static_cast<std::uint32_t>(std::min<std::uint64_t>(keys_of_db / kSlotCount, UINT32_MAX));
  item.expire_at_ms = key.expire_at_ms;
  job.bytes.insert(job.bytes.end(), key.key.begin(), key.key.end());
  job.bytes.insert(job.bytes.end(), key.text.begin(), key.text.end());
  if (job.full()) Submit(worker);
}

void RdbInserter::Submit(Worker& w) {
  if (!w.thread.joinable()) {
    Insert(*w.filling);
    return w.filling->Clear();
  }
  std::unique_lock<std::mutex> lock(w.mutex);
  w.wake.wait(lock, [&] { return w.queue.size() < kQueuedJobsMax; });
  w.queue.push_back(std::move(w.filling));
  if (w.spare.empty()) {
    w.filling = std::make_unique<Job>();
  } else {
    w.filling = std::move(w.spare.back());
    w.spare.pop_back();
  }
  lock.unlock();
  w.wake.notify_all();
}

void RdbInserter::Finish() {
  for (auto& w : workers_) {
    if (!w->filling->items.empty()) Submit(*w);
  }
  for (auto& w : workers_) {
    std::unique_lock<std::mutex> lock(w->mutex);
    w->wake.wait(lock, [&] { return w->queue.empty() && !w->busy; });
  }
}

void RdbInserter::Run(Worker& w) {
  pthread_setname_np(pthread_self(), "slotwise-load");
  std::unique_lock<std::mutex> lock(w.mutex);
  for (;;) {
    w.wake.wait(lock, [&] { return w.stop || !w.queue.empty(); });
    if (w.queue.empty()) break;
    std::unique_ptr<Job> job = std::move(w.queue.front());
    w.queue.pop_front();
    w.busy = true;
    lock.unlock();
    w.wake.notify_all();
    Insert(*job);
    job->Clear();
    lock.lock();
    w.busy = false;
    w.spare.push_back(std::move(job));
    w.wake.notify_all();
  }
  lock.unlock();
  FlushThreadCache();
}

void RdbInserter::Insert(Job& job) {
  Keyspace& keyspace = engine_.keyspace();
  const bool prefetch = !Ablated().prefetch;
  std::array<KeyRef, kBatch> keys;
  std::array<std::string_view, kBatch> texts;
  const char* at = job.bytes.data();
  for (std::size_t begin = 0; begin < job.items.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, job.items.size() - begin);
    for (std::size_t i = 0; i < n; ++i) {
      const Item& item = job.items[begin + i];
      keys[i].key = {at, item.key_size};
      keys[i].hash = KeyHash(keys[i].key);
      keys[i].slot = item.slot;
      texts[i] = {at + item.key_size, item.text_size};
      at += item.key_size + item.text_size;
      if (prefetch) __builtin_prefetch(&keyspace.Db(item.db).Table(item.slot));
    }
    if (prefetch) {
      for (std::size_t i = 0; i < n; ++i) keyspace.Db(job.items[begin + i].db).Table(keys[i].slot).PrefetchBucket(keys[i].hash);
    }
    for (std::size_t i = 0; i < n; ++i) InsertOne(keyspace.Db(job.items[begin + i].db), keys[i], texts[i], job.items[begin + i]);
  }
}

void RdbInserter::InsertOne(Database& db, const KeyRef& key, std::string_view text, Item& item) {
  LoadedValue value;  // frees what is not put anywhere
  value.type = item.type;
  value.encoding = item.encoding;
  value.object = std::exchange(item.object, nullptr);
  std::unique_lock<FutexLock> guard(engine_.keyspace().StripeForSlot(key.slot).lock, std::defer_lock);
  if (!options_.holds_all) guard.lock();
  Database::Place place = db.Find(key);
  if (place) {
    if (!options_.replace) {
      failed_.store(true, std::memory_order_relaxed);
      return;
    }
    engine_.BeforeChange(db, place.entry());
    db.Erase(key, place);
  }
  if (SlotTable& table = db.Table(key.slot); table.size() == 0) table.Reserve(item.keys_of_slot + item.keys_of_slot / 16);  // slots differ
  Entry* entry = item.type == Type::kString ? db.SetString(key, {}, text, item.expire_at_ms) : value.Put(db, key, {}, item.expire_at_ms);
  SetLoadedAccess(engine_, entry, item.idle_seconds, item.frequency, now_ms_);
}

}  // namespace slotwise
