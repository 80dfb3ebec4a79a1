#include "engine/semi_sync_gate.h"

#include <chrono>
#include <utility>

#include "base/ticks.h"
#include "engine/copy_lease.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "log/log_buffer.h"

namespace slotwise {
namespace {

constexpr auto kQuorum = static_cast<config_value::ReplAck>(2);  // as native/tables/directives.json numbers it

}  // namespace

void SemiSyncGate::Start() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    started_ = true;
  }
  Configure();
}

void SemiSyncGate::Configure() {
  const Config& config = engine_.config();
  SemiSyncOptions options;
  const auto promised = config.EnumAs<config_value::ReplAck>(Directive::kReplAck);
  const bool quorum = promised == kQuorum;
  const bool wanted = promised != config_value::ReplAck::kAsync || config.Bool(Directive::kReplSemiSync);
  options.enabled = wanted && !engine_.is_replica();
  options.acks = config.Int(Directive::kReplSemiSyncAcks);
  options.timeout_ms = config.Int(Directive::kReplSemiSyncTimeout);
  options.strict = quorum || config.Bool(Directive::kReplSemiSyncStrict);
  // Of a replica too: the lease begins with its role. Without a cluster nobody says which copies there are: then new writes are refused.
  const bool counted = options.strict && wanted && engine_.cluster() != nullptr;
  if (quorum) options.acks = SemiSync::kNever;
  takes_relays_.store(options.enabled && !options.strict && config.Bool(Directive::kReplSemiSyncDualChannel), std::memory_order_relaxed);
  // What is not in the stream no replica can acknowledge, so it begins before the first replica does.
  engine_.replication().KeepStream(options.enabled);
  std::lock_guard<std::mutex> guard(mutex_);
  if (!started_ || stopped_) return;
  CopyLease& copies = engine_.replication().copies();
  const bool fsyncs = config.Bool(Directive::kAppendonly) && config.EnumAs<config_value::Appendfsync>(Directive::kAppendfsync) == config_value::Appendfsync::kAlways;
  copies.Configure(counted, !quorum || fsyncs, options.timeout_ms);
  if (counted) {
    const std::int64_t needed = copies.duty().needed;
    options.acks = needed > 0 ? needed : SemiSync::kNever;
  }
  // A primary that becomes a replica loses what its replicas have not got: who waits for it is not answered.
  if (engine_.is_replica() && machine_.state() == SemiSync::State::kOn) {
    broken_from_.store(promise(), std::memory_order_relaxed);
    broken_to_.store(engine_.log().tail(), std::memory_order_seq_cst);
  }
  durable_ = quorum || config.EnumAs<config_value::ReplSemiSyncAckOn>(Directive::kReplSemiSyncAckOn) == config_value::ReplSemiSyncAckOn::kDurable;
  Apply(machine_.Step(SemiSync::Configured{options, engine_.log().tail()}, MonotonicMs()), true);
  Refresh();
}

void SemiSyncGate::Stop() {
  std::lock_guard<std::mutex> guard(mutex_);
  stopped_ = true;
  progress_.notify_all();
}

void SemiSyncGate::SetWaker(Waker waker, void* arg) {
  std::lock_guard<std::mutex> guard(waker_mutex_);
  waker_ = waker;
  waker_arg_ = arg;
}

void SemiSyncGate::WaitFor(std::uint64_t offset) {
  std::lock_guard<std::mutex> guard(mutex_);
  Apply(machine_.Step(SemiSync::Waiting{offset, engine_.log().tail()}, MonotonicMs()), false);
}

void SemiSyncGate::ReplicasChanged() {
  if (!on()) return;
  std::lock_guard<std::mutex> guard(mutex_);
  Refresh();
}

void SemiSyncGate::Refresh() {
  if (machine_.state() == SemiSync::State::kOff) return;
  const CopyLease& copies = engine_.replication().copies();
  if (copies.counted()) engine_.replication().CollectTagged(copies.duty().tag, durable_, &acks_);
  else engine_.replication().CollectAcks(durable_, !machine_.options().strict, &acks_);
  Apply(machine_.Step(SemiSync::Replicas{acks_, engine_.log().tail()}, MonotonicMs()), true);
}

void SemiSyncGate::Tick() {
  if (MonotonicMs() < tick_at_ms()) return;
  std::lock_guard<std::mutex> guard(mutex_);
  Apply(machine_.Step(SemiSync::Tick{engine_.log().tail()}, MonotonicMs()), true);
}

bool SemiSyncGate::Await(std::uint64_t offset, std::int64_t moment_ms) {
  if (promise() >= offset) return true;
  WaitFor(offset);
  engine_.log().Flush();
  engine_.replication().WakeFeeders();
  std::unique_lock<std::mutex> lock(mutex_);
  progress_.wait_for(lock, std::chrono::milliseconds(moment_ms), [&] { return stopped_ || promise() >= offset; });
  return promise() >= offset;
}

// mutex_ is held.
void SemiSyncGate::Apply(const SemiSync::Effects& effects, bool flush) {
  on_.store(machine_.state() != SemiSync::State::kOff, std::memory_order_relaxed);
  acked_.store(machine_.acked(), std::memory_order_relaxed);
  tick_at_ms_.store(effects.tick_at_ms, std::memory_order_relaxed);
  const bool counted = engine_.replication().copies().counted();
  engine_.replication().RefuseForSemiSync(effects.refuse && !counted);  // else the lease decides
  if (effects.change != SemiSync::Change::kNone) Say(effects.change);
  if (effects.ask) {
    engine_.replication().AppendGetAck();
    if (flush) {
      engine_.log().Flush();
      engine_.replication().WakeFeeders();
    }
  }
  if (promise_.exchange(effects.promise, std::memory_order_seq_cst) == effects.promise) return;
  progress_.notify_all();
  std::lock_guard<std::mutex> guard(waker_mutex_);
  if (waker_ != nullptr) waker_(waker_arg_);
}

// One line for each change, and an event for who embeds the engine.
void SemiSyncGate::Say(SemiSync::Change change) {
  const bool counted = engine_.replication().copies().counted();
  const std::string k = counted ? "the copies of this shard" : std::to_string(machine_.options().acks) + (machine_.options().acks == 1 ? " replica" : " replicas");
  Logger& logger = engine_.logger();
  switch (change) {
    case SemiSync::Change::kNone: return;
    case SemiSync::Change::kTurnedOn: logger.Info("Semi-sync replication is on: replies wait for " + k); break;
    case SemiSync::Change::kTurnedOff: EndUnprotected(); logger.Info("Semi-sync replication is off"); break;
    case SemiSync::Change::kFellBack:
      ++fallen_back_count_;
      fell_back_us_ = MonotonicUs();
      logger.Warn("Semi-sync replication fell back to asynchronous: " + k + " did not acknowledge within " +
                  std::to_string(machine_.options().timeout_ms) + " ms (" + std::to_string(machine_.replica_count()) + " connected)");
      break;
    case SemiSync::Change::kReturned: EndUnprotected(); logger.Info("Semi-sync replication is on again: " + k + " caught up"); break;
  }
  if (change == SemiSync::Change::kFellBack && takes_relays()) engine_.replication().InviteRelays();
  if (engine_.host() != nullptr) engine_.host()->OnSemiSync(machine_.state(), machine_.replica_count());
}

void SemiSyncGate::EndUnprotected() {
  if (fell_back_us_ == 0) return;
  last_unprotected_us_ = MonotonicUs() - std::exchange(fell_back_us_, 0);
  unprotected_us_ += last_unprotected_us_;
}

std::string SemiSyncGate::StartRelay(Client& client) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!takes_relays() || !FallenBack()) {
    engine_.replication().DeclineRelay(client);
    return "NO";
  }
  std::uint64_t begin = 0;
  std::string answer = engine_.replication().StartRelay(client, durable_, &begin);
  if (begin > 0) Apply(machine_.Step(SemiSync::RelayBegins{begin}, MonotonicMs()), true);
  return answer;
}

void SemiSyncGate::InviteIfFallenBack() {
  if (!takes_relays()) return;
  std::lock_guard<std::mutex> guard(mutex_);
  if (FallenBack()) engine_.replication().InviteRelays();
}

SemiSyncGate::Info SemiSyncGate::info() const {
  Info info;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    info.state = machine_.state();
    info.clients = machine_.replica_count();
    info.fallen_back_count = fallen_back_count_;
    info.acked = machine_.acked();
    info.last_unprotected_us = fell_back_us_ != 0 ? MonotonicUs() - fell_back_us_ : last_unprotected_us_;
    info.unprotected_us = unprotected_us_ + (fell_back_us_ != 0 ? info.last_unprotected_us : 0);
    info.net_waits = machine_.answered_count();
    info.net_wait_ms = machine_.answered_ms();
  }
  engine_.ForEachThread([&](ThreadState& thread) {
    info.yes += thread.stats.semi_sync_yes.value();
    info.no += thread.stats.semi_sync_no.value();
    info.waits += thread.stats.semi_sync_waits.value();
    info.wait_us += thread.stats.semi_sync_wait_us.value();
  });
  return info;
}

}  // namespace slotwise
