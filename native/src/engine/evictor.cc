#include "engine/evictor.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/ticks.h"
#include "engine/client_registry.h"
#include "engine/cron.h"
#include "engine/engine.h"
#include "keyspace/deferred_free.h"
#include "engine/latency_monitor.h"
#include "values/entry_memory.h"

namespace slotwise {
namespace {

constexpr int kEmptyRoundsMax = 64;  // samples without any candidate before giving up

}  // namespace

void EvictionPool::Offer(std::uint64_t score, int db, std::string_view key, std::uint64_t hash) {
  if (!Wants(score)) return;
  for (std::size_t i = 0; i < size_; ++i) {
    if (candidates_[i].hash == hash && candidates_[i].db == db && candidates_[i].key == key) return;
  }
  std::size_t at;  // where it goes; everything between the free place and there moves by one
  if (size_ < kSize) {
    at = size_++;
    while (at > 0 && candidates_[at - 1].score > score) {
      std::swap(candidates_[at], candidates_[at - 1]);
      --at;
    }
  } else {
    at = 0;
    while (at + 1 < kSize && candidates_[at + 1].score < score) {
      std::swap(candidates_[at], candidates_[at + 1]);
      ++at;
    }
  }
  Candidate& c = candidates_[at];
  c.score = score;
  c.hash = hash;
  c.db = db;
  c.key.assign(key);
}

Evictor::Evictor(Engine& engine, ThreadState& thread) : engine_(engine), thread_(thread) {
  policy_ = engine.config().EnumAs<Policy>(Directive::kMaxmemoryPolicy);
  volatile_only_ = policy_ == Policy::kVolatileLru || policy_ == Policy::kVolatileLfu || policy_ == Policy::kVolatileRandom ||
                   policy_ == Policy::kVolatileTtl;
}

std::uint64_t Evictor::CountedMemory(Engine& engine) {
  std::uint64_t used = UsedMemory();
  // Evicting makes the log longer before it makes memory smaller: counted, it would evict for its own sake.
  std::uint64_t pending = engine.log().persistent() ? engine.log().tail() - engine.log().written() : 0;
  // What is being freed in the background counts as gone, or more would be evicted for it.
  if (engine.cron() != nullptr) pending += engine.cron()->lazyfree_pending_bytes();
  return used > pending ? used - pending : 0;
}

std::int64_t Evictor::TimeLimitUs() const {
  std::int64_t tenacity = engine_.config().Int(Directive::kMaxmemoryEvictionTenacity);
  if (tenacity <= 10) return 50 * tenacity;
  if (tenacity < 100) return static_cast<std::int64_t>(500.0 * std::pow(1.15, static_cast<double>(tenacity) - 10.0));
  return INT64_MAX;
}

bool Evictor::FreeUntil(std::uint64_t limit_bytes) {
  if (policy_ == Policy::kNoeviction) return CountedMemory(engine_) <= limit_bytes;
  std::int64_t begin_us = MonotonicUs();
  std::int64_t time_limit_us = TimeLimitUs();
  bool done = true;
  // What is over now, and no more: what evicting itself puts into the buffers of clients (CLIENT TRACKING) would evict on.
  const std::uint64_t counted = CountedMemory(engine_);
  const std::uint64_t over = counted > limit_bytes ? counted - limit_bytes : 0;
  freed_ = 0;
  for (int n = 1; freed_ < over && CountedMemory(engine_) > limit_bytes; ++n) {
    done = EvictOne();
    if (!done || (n % 16 == 0 && MonotonicUs() - begin_us > time_limit_us)) break;
  }
  engine_.latency().AddIfSlow("eviction-cycle", (MonotonicUs() - begin_us) / 1000);
  return done;
}

bool Evictor::EvictOne() {
  if (policy_ == Policy::kNoeviction) return false;
  if (policy_ == Policy::kAllkeysRandom || policy_ == Policy::kVolatileRandom) return EvictRandom();
  return EvictFromPool();
}

bool Evictor::HasCandidates(Database& database) const {
  return database.used() && (volatile_only_ ? database.ExpiringCount() : database.KeyCount()) > 0;
}

std::uint64_t Evictor::Score(const Entry* entry) const {
  switch (policy_) {
    case Policy::kVolatileTtl:
      return static_cast<std::uint64_t>(INT64_MAX - entry->expire_at_ms());
    case Policy::kAllkeysLfu:
    case Policy::kVolatileLfu:
      return 255 - LfuCounter(entry, engine_.access(), thread_.now_ms);
    default:
      return static_cast<std::uint64_t>(IdleMs(entry, thread_.now_ms));
  }
}

// A random slot with something to offer, or -1. Without locks: a moment's answer.
int Evictor::PickSlot(Database& database) const {
  if (!volatile_only_) return database.RandomSlot(thread_.random);
  auto has_expiring = [&](int slot) { return database.Table(slot).NextExpireHint() != INT64_MAX; };
  for (int attempt = 0; attempt < 4; ++attempt) {
    int slot = database.RandomSlot(thread_.random);
    if (slot < 0 || has_expiring(slot)) return slot;
  }
  // Few keys have an expiry: the next slot that has one.
  auto start = static_cast<int>(thread_.random.Below(kSlotCount));
  for (int i = 0; i < kSlotCount; ++i) {
    int slot = (start + i) % kSlotCount;
    if (has_expiring(slot)) return slot;
  }
  return -1;
}

// The candidates of one random bucket, or of the next that has any.
template <typename F>
void Evictor::VisitSample(const SlotTable& table, F&& visit) const {
  std::uint32_t buckets = table.bucket_count();
  if (buckets == 0 || (volatile_only_ && table.expiring() == 0)) return;
  auto start = static_cast<std::uint32_t>(thread_.random.Below(buckets));
  bool found = false;
  for (std::uint32_t i = 0; i < buckets && !found; ++i) {
    std::uint32_t index = (start + i) % buckets;
    auto each = [&](Entry* e) {
      found = true;
      visit(e);
    };
    if (volatile_only_) {
      table.VisitExpiringInBucket(index, each);
    } else {
      table.VisitBucket(index, [](const Entry* e) { __builtin_prefetch(e); });
      table.VisitBucket(index, each);
    }
  }
}

void Evictor::Sample(int db) {
  EvictionPool& pool = *thread_.eviction_pool;
  std::int64_t wanted = engine_.config().Int(Directive::kMaxmemorySamples);
  for (int tries = 0; wanted > 0 && tries < kEmptyRoundsMax; ++tries) {
    int slot = PickSlot(engine_.keyspace().Db(db));
    if (slot < 0) return;
    std::lock_guard<FutexLock> guard(engine_.keyspace().StripeForSlot(slot).lock);
    VisitSample(engine_.keyspace().Db(db).Table(slot), [&](Entry* e) {
      --wanted;
      std::uint64_t score = Score(e);
      if (pool.Wants(score)) pool.Offer(score, db, e->key(), KeyHash(e->key()));
    });
  }
}

bool Evictor::EvictFromPool() {
  if (!thread_.eviction_pool) thread_.eviction_pool = std::make_shared<EvictionPool>();
  EvictionPool& pool = *thread_.eviction_pool;
  if (pool.policy != static_cast<int>(policy_)) {
    pool.Clear();
    pool.policy = static_cast<int>(policy_);
  }
  Keyspace& keyspace = engine_.keyspace();
  for (int round = 0; round < kEmptyRoundsMax; ++round) {
    bool any = false;
    for (int db = 0; db < keyspace.database_count(); ++db) {
      if (!HasCandidates(keyspace.Db(db))) continue;
      any = true;
      Sample(db);
    }
    if (!any) return false;
    while (pool.size() > 0) {
      const EvictionPool::Candidate& c = pool.best();
      KeyRef key(c.key);
      Stripe& stripe = keyspace.StripeForSlot(key.slot);
      std::lock_guard<FutexLock> guard(stripe.lock);
      Database::Place place = keyspace.Db(c.db).Find(key);
      // Gone, made persistent, or used since: no longer what was sampled.
      bool still = place && (!volatile_only_ || place.entry()->has_expire()) && Score(place.entry()) >= c.score;
      if (still) Evict(stripe, c.db, key, place);
      pool.DropBest();
      if (still) return true;
    }
  }
  return false;
}

bool Evictor::EvictRandom() {
  Keyspace& keyspace = engine_.keyspace();
  for (int round = 0; round < kEmptyRoundsMax; ++round) {
    // Databases take turns by chance, each as often as the others, as far as they have keys.
    int count = keyspace.database_count();
    auto first = static_cast<int>(thread_.random.Below(static_cast<std::uint64_t>(count)));
    int db = -1;
    for (int i = 0; i < count && db < 0; ++i) {
      if (HasCandidates(keyspace.Db((first + i) % count))) db = (first + i) % count;
    }
    if (db < 0) return false;
    int slot = PickSlot(keyspace.Db(db));
    if (slot < 0) continue;
    Stripe& stripe = keyspace.StripeForSlot(slot);
    std::lock_guard<FutexLock> guard(stripe.lock);
    Entry* victim = nullptr;
    std::uint64_t met = 0;
    VisitSample(keyspace.Db(db).Table(slot), [&](Entry* e) {
      if (thread_.random.Below(++met) == 0) victim = e;
    });
    if (victim == nullptr) continue;
    KeyRef key(victim->key());
    Evict(stripe, db, key, keyspace.Db(db).Find(key));
    return true;
  }
  return false;
}

void Evictor::Evict(Stripe& stripe, int db, const KeyRef& key, Database::Place place) {
  thread_.unit.Clear();
  thread_.unit.set_atomic(false);
  freed_ += EntryMemory(place.entry()) - kIndexBytesPerKey;
  engine_.DeleteAsEffect(thread_, db, key, place, true);
  engine_.AppendEffects(thread_, stripe);
}

bool Engine::EvictIfNeeded(ThreadState& thread) {
  std::uint64_t limit = config_->Bytes(Directive::kMaxmemory);
  if (limit == 0 || UsedMemory() <= limit) return true;
  if (clients_->pause().UntilMs(thread.now_ms) != 0) return true;  // CLIENT PAUSE: nothing may change
  // At once, unless lazyfree-lazy-eviction is on: then what the background has not freed yet counts as gone.
  const bool later = cron_ && config_->Bool(Directive::kLazyfreeLazyEviction);
  DeferredFree::Scope scope(later ? cron_->deferred_free() : nullptr);
  return Evictor(*this, thread).FreeUntil(limit);
}

}  // namespace slotwise
