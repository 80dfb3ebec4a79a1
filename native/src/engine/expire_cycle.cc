#include "engine/expire_cycle.h"

#include <algorithm>
#include <bit>
#include <ctime>
#include <mutex>

#include "engine/cluster.h"
#include "engine/engine.h"
#include "engine/slot_import.h"

namespace slotwise {
namespace {

// The bound of a table while a walk through it is under way: nothing is known to be due, yet it has keys that expire.
constexpr std::int64_t kBoundInWalk = INT64_MAX - 1;

}  // namespace

std::int64_t ThreadCpuUs() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1000000 + t.tv_nsec / 1000;
}

bool ExpireCycle::OutOfTime() const { return ThreadCpuUs() >= stop_us_; }

bool ExpireCycle::Run(std::int64_t now_ms, std::int64_t budget_us) {
  now_ms_ = now_ms;
  thread_.now_ms = now_ms;
  stop_us_ = ThreadCpuUs() + budget_us;
  Keyspace& keyspace = engine_.keyspace();
  expiring_ = 0;
  for (int db = 0; db < keyspace.database_count(); ++db) expiring_ += keyspace.Db(db).ExpiringCount();
  if (unfinished_.database != nullptr && !Resume()) return false;
  if (expiring_ == 0) return true;
  for (int n = keyspace.database_count(); n > 0; --n, next_slot_ = 0, next_db_ = (next_db_ + 1) % keyspace.database_count()) {
    if (keyspace.Db(next_db_).ExpiringCount() == 0) continue;
    // Bounds are read in the order of memory and without locks: a stale one is seen right the next time.
    for (int& slot = next_slot_; slot < kSlotCount; ++slot) {
      if (keyspace.Db(next_db_).Table(slot).NextExpireHint() > now_ms_ - lateness_ms_) continue;
      if (!Visit(next_db_, slot)) return false;
    }
  }
  return true;
}

void ExpireCycle::Adapt(std::int64_t work_us, std::int64_t elapsed_us) {
  // Above 2 % of one core it pays to wait and do more at once; under 0.5 % there is nothing to save.
  if (work_us * 50 > elapsed_us) {
    lateness_ms_ = std::min(lateness_ms_ + 100, kLatenessMsMax);
  } else if (work_us * 200 < elapsed_us && lateness_ms_ > 0) {
    lateness_ms_ -= 100;
  }
}

bool ExpireCycle::Visit(int db, int slot) {
  // What is being imported expires when its owner says so: commands of the owner's that follow rely on it.
  if (engine_.cluster() != nullptr && engine_.cluster()->importer().Imports(slot)) [[unlikely]] return true;
  Stripe& s = engine_.keyspace().StripeForSlot(slot);
  {
    std::lock_guard<FutexLock> guard(s.lock);
    Database& database = engine_.keyspace().Db(db);
    SlotTable& table = database.Table(slot);
    if (table.next_expire_ms() > now_ms_) return true;
    table.set_next_expire_ms(kBoundInWalk);
    unfinished_ = {&database, db, slot, 0, table.bucket_count(), kBoundInWalk};
    if (WalkOn(unfinished_)) unfinished_.database = nullptr;
    engine_.AppendEffects(thread_, s);
  }
  if (unfinished_.database != nullptr) return !OutOfTime() && Resume();
  return !OutOfTime();
}

// Goes on with the unfinished walk until it is through (true) or time is up, but gets on at least a little.
bool ExpireCycle::Resume() {
  Stripe& s = engine_.keyspace().StripeForSlot(unfinished_.slot);
  Walk& walk = unfinished_;
  do {
    std::lock_guard<FutexLock> guard(s.lock);
    if (&engine_.keyspace().Db(walk.db) != walk.database) {
      // Swapped or flushed meanwhile. If the table is still in use, its bound must lead somebody to it again.
      for (int db = 0; db < engine_.keyspace().database_count(); ++db) {
        if (&engine_.keyspace().Db(db) == walk.database) walk.database->Table(walk.slot).NoteExpire(now_ms_);
      }
      walk.database = nullptr;
      return true;
    }
    bool finished = WalkOn(walk);
    engine_.AppendEffects(thread_, s);
    if (finished) {
      walk.database = nullptr;
      return true;
    }
  } while (!OutOfTime());
  return false;
}

bool ExpireCycle::WalkOn(Walk& walk) {
  SlotTable& table = walk.database->Table(walk.slot);
  thread_.unit.Clear();
  thread_.unit.set_atomic(false);
  DeleteDue(table, walk.buckets, walk);
  for (std::uint32_t n = 0; n < kBucketsPerHold && walk.next < table.bucket_count();) {
    std::uint32_t buckets = table.bucket_count();
    // A few buckets at a time, so that the list of what is due stays short.
    for (std::uint32_t i = 0; i < 8 && walk.next < buckets; ++i, ++n) Collect(table, walk.next++, walk);
    DeleteDue(table, buckets, walk);
  }
  walk.buckets = table.bucket_count();
  if (walk.next < walk.buckets) return false;
  // Deadlines that were set during the walk have lowered the table's bound already.
  std::int64_t bound = std::min(table.next_expire_ms(), walk.earliest);
  table.set_next_expire_ms(bound == kBoundInWalk ? INT64_MAX : bound);
  return true;
}

void ExpireCycle::DeleteDue(SlotTable& table, std::uint32_t buckets, Walk& walk) {
  for (;;) {
    std::uint32_t now = table.bucket_count();
    std::uint32_t first = std::max(now, walk.next);
    if (first < buckets) {
      // Linear hashing puts the keys of a bucket that is gone where its index without the top bit points. Growth needs
      // no such care: it moves keys to the end, which is always ahead.
      if (buckets - first > now) {
        walk.next = 0;  // so much has gone that starting again costs less
      } else {
        for (std::uint32_t index = first; index < buckets; ++index) {
          std::uint32_t home = index;
          while (home >= now) home -= std::bit_floor(home);
          if (home < walk.next) Collect(table, home, walk);
        }
      }
    }
    walk.next = std::min(walk.next, now);
    if (due_.empty()) return;
    for (Entry* e : due_) {
      // Shrinking moves entries between buckets, never in memory.
      KeyRef key(e->key());
      engine_.DeleteAsEffect(thread_, walk.db, key, walk.database->Find(key), false);
    }
    due_.clear();
    buckets = now;
  }
}

void ExpireCycle::Collect(SlotTable& table, std::uint32_t bucket, Walk& walk) {
  table.VisitExpiringInBucket(bucket, [&](Entry* e) {
    std::int64_t at = e->expire_at_ms();
    if (at > now_ms_) {
      walk.earliest = std::min(walk.earliest, at);
    } else if (std::find(due_.begin(), due_.end(), e) == due_.end()) {  // a home may be looked at twice
      due_.push_back(e);
    }
  });
}

}  // namespace slotwise
