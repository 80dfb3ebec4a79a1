#include "engine/cron.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "base/ticks.h"
#include "engine/append_only.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/saver.h"
#include "engine/latency_monitor.h"
#include "engine/totals.h"
#include "engine/tracking.h"
#include "keyspace/allocator.h"

namespace slotwise {
namespace {

constexpr std::int64_t kIdlePeriodMs = 500;
constexpr double kServing = 1000;  // commands a second; who runs more is not to notice huge pages

}  // namespace

Cron::Cron(Engine& engine)
    : engine_(engine), thread_(engine.AddThread()), expire_(engine, thread_), lazy_free_(engine.keyspace()) {}

Cron::~Cron() {
  Stop();
  engine_.RemoveThread(thread_);
}

void Cron::Start() {
  if (worker_.joinable()) return;
  stop_ = false;
  worker_ = std::thread([this] { Loop(); });
}

void Cron::Stop() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (worker_.joinable()) worker_.join();
  lazy_free_.Finish();
}

void Cron::Loop() {
  pthread_setname_np(pthread_self(), "slotwise-cron");
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stop_) {
    lock.unlock();
    std::int64_t begin_ms = MonotonicMs();
    std::int64_t pause_ms = Step(engine_.NowMs());
    if (pause_ms >= kIdlePeriodMs) FlushThreadCache();
    // Rounds begin at a steady rate, also when the machine is busy; a millisecond's rest is the least.
    pause_ms = std::max<std::int64_t>(1, pause_ms - (MonotonicMs() - begin_ms));
    lock.lock();
    wake_.wait_for(lock, std::chrono::milliseconds(pause_ms), [this] { return stop_; });
  }
}

// The share of a period that Redis grants its fast and slow cycles together: a quarter, and more with more effort.
std::int64_t Cron::ExpireBudgetUs() const {
  std::int64_t hz = std::max<std::int64_t>(1, engine_.config().Int(Directive::kHz));
  std::int64_t percent = 25 + 2 * (engine_.config().Int(Directive::kActiveExpireEffort) - 1);
  return 1000000 / hz * percent / 100;
}

std::int64_t Cron::Step(std::int64_t now_ms) {
  std::int64_t period_ms = 1000 / std::max<std::int64_t>(1, engine_.config().Int(Directive::kHz));
  thread_.now_ms = now_ms;
  if (paused_.load(std::memory_order_relaxed)) return period_ms;
  SampleRates(engine_);
  bool busy = false;
  bool paused = engine_.clients().pause().UntilMs(now_ms) != 0;  // nothing may change
  if (engine_.active_expire_enabled().load(std::memory_order_relaxed) && !engine_.loading() && !paused && !engine_.is_replica()) {
    std::uint64_t appended_before = engine_.log().tail();
    std::int64_t begin_cpu_us = ThreadCpuUs();
    DeferredFree::Scope scope(&lazy_free_);
    std::int64_t begin_us = MonotonicUs();
    expire_.Run(now_ms, ExpireBudgetUs());
    std::int64_t work_us = ThreadCpuUs() - begin_cpu_us;
    std::int64_t end_us = MonotonicUs();
    engine_.latency().AddIfSlow("expire-cycle", (end_us - begin_us) / 1000);
    if (last_step_us_ != 0) expire_.Adapt(work_us, end_us - last_step_us_);
    last_step_us_ = end_us;
    if (engine_.log().tail() != appended_before) engine_.log().FlushSoon();
    busy = expire_.expiring() > 0;
  }
  // A command evicts for a bounded time only; what is left over when writes stop is done here.
  if (engine_.config().Bytes(Directive::kMaxmemory) > 0 && !engine_.loading() && !paused && !engine_.spares_memory()) {
    std::uint64_t appended_before = engine_.log().tail();
    engine_.EvictIfNeeded(thread_);
    if (engine_.log().tail() != appended_before) engine_.log().FlushSoon();
    busy = true;
  }
  if (engine_.takes_snapshots() && !engine_.loading()) engine_.saver().SaveIfDue(now_ms);
  if (!engine_.loading()) engine_.append_only().Step();
  if (engine_.tracking().client_count() > 0) {
    engine_.tracking().Limit(thread_, engine_.keyspace(), engine_.config().Bytes(Directive::kTrackingTableMaxKeys));
    engine_.SendInvalidations(thread_);
    busy = true;
  }
  busy |= engine_.replication().Step();
  engine_.semi_sync().Tick();
  engine_.replication().WakeFeeders();
  busy |= MakeHugePages();
  SamplePeak();
  std::uint64_t used = UsedMemory();
  busy |= used != last_used_memory_;
  last_used_memory_ = used;
  return busy ? period_ms : std::max(period_ms, kIdlePeriodMs);
}

// Not beside who uses the cores up.
bool Cron::MakeHugePages() {
  if (engine_.loading() || engine_.in_snapshot()) return false;
  const std::int64_t begin_us = MonotonicUs();
  const int most = huge_page_pace_.Most(begin_us, engine_.rates().Current().commands > kServing);
  int made = 0;
  while (made < most && MakeHugePage()) ++made;
  if (made > 0) huge_page_pace_.Made(begin_us, MonotonicUs());
  return made > 0;
}

void Cron::FreeLater(Engine& engine, Database* database) {
  if (engine.cron_) engine.cron_->lazy_free_.Add(database);
  else engine.keyspace().Recycle(database);
}

void Cron::FreeLater(Engine& engine, Entry* entry) {
  if (engine.cron_) engine.cron_->lazy_free_.Add(entry);
  else Database::FreeEntry(entry);
}

}  // namespace slotwise
