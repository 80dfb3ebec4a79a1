#include "engine/cluster.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/ticks.h"
#include "commands/key_positions.h"
#include "engine/blocking.h"
#include "engine/copy_lease.h"
#include "engine/engine.h"
#include "engine/pubsub.h"
#include "engine/replication.h"
#include "engine/slot_export.h"
#include "engine/slot_import.h"
#include "resp/reply_writer.h"

namespace slotwise {
namespace {

bool OnShardChannels(const Command& command) {
  return command.Is(CommandId::kSsubscribe) || command.Is(CommandId::kSunsubscribe) || command.Is(CommandId::kSpublish);
}

// They change what is in every slot, and name none.
bool Flushes(const Command& command) { return command.Is(CommandId::kFlushall) || command.Is(CommandId::kFlushdb); }

bool MayWrite(const Command& command) { return command.Is(CommandFlag::kWrite) || command.Is(CommandFlag::kMayReplicate); }

// How long commands wait for a lease that has ended: longer than a control plane is late as a rule.
constexpr std::int64_t kLeaseWaitMs = 1000;

// Some key is in a slot of this node.
template <typename Args>
bool NamesMine(const SlotMap& map, const Command& command, const Args& args) {
  bool found = false;
  ForEachKeyIndex(command, args.data(), args.size(), [&](std::size_t i) { found = found || map.IsMine(HashSlot(args[i])); });
  return found;
}

std::string RefusalWithoutLease(const CopyLease& copies, const SlotQuestion& question, const WhenDown& when_down) {
  if (!copies.counted()) return RefusalWhenDown(question, when_down);
  const std::string why = copies.duty().why;
  return "CLUSTERDOWN No quorum: " + (why.empty() ? "the copies of this shard have not renewed the lease of this primary" : why);
}

bool Exists(const Database& db, const KeyRef& key, std::int64_t now_ms) {
  const Database::Place place = db.Find(key);
  return place && !place.entry()->ExpiredAt(now_ms);
}

}  // namespace

Cluster::Cluster(Engine& engine)
    : engine_(engine), exporter_(std::make_unique<SlotExport>(engine, *this)), importer_(std::make_unique<SlotImport>(engine)),
      map_(std::make_shared<const SlotMap>()) {
  present_ = map_.get();
}

Cluster::~Cluster() = default;

void Cluster::Stop() { exporter_->Stop(); }

std::shared_ptr<const SlotMap> Cluster::map() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return map_;
}

void Cluster::SetMap(std::shared_ptr<const SlotMap> map) {
  std::shared_ptr<const SlotMap> now = map;
  {
    engine_.keyspace().LockAll();
    std::lock_guard<std::mutex> guard(mutex_);
    map_.swap(map);
    present_ = map_.get();
    engine_.keyspace().UnlockAll();
  }
  engine_.blocking().EndIf([&](const Waiter& waiter) {
    if (waiter.ops == nullptr) return std::string();
    int slot = -1;
    ForEachKeyIndex(*waiter.command, waiter.args.data(), waiter.args.size(), [&](std::size_t i) {
      if (slot < 0) slot = HashSlot(waiter.args[i]);
    });
    const std::string error = slot < 0 ? "" : RedirectionOfWaiting(*now, slot);
    return error.empty() ? error : "-" + error + "\r\n";
  });
  for (const std::shared_ptr<ClientSink>& sink : engine_.pubsub().ShardSubscribers([&](std::string_view channel) { return !now->Listens(HashSlot(channel)); })) {
    sink->SlotsLost();
  }
}

bool Cluster::LeaseEnded() const {
  const std::int64_t end_ms = std::min(serves_until_ms_.load(std::memory_order_acquire), engine_.replication().copies().end_ms());
  return end_ms != kForever && !engine_.is_replica() && MonotonicMs() >= end_ms;
}

// Threads may look at the same time, and one that was held up set or clear what no longer is: the next look mends that, and no
// reply leaves without a look of its own.
bool Cluster::LookAtLease() {
  const bool ended = LeaseEnded();
  if (ended == ((bars_.load(std::memory_order_relaxed) & kLapsed) != 0)) [[likely]] return ended;
  if (!ended) {
    bars_.fetch_and(static_cast<std::uint8_t>(~kLapsed), std::memory_order_relaxed);
  } else {
    lapsed_ms_.store(MonotonicMs(), std::memory_order_relaxed);
    bars_.fetch_or(kLapsed, std::memory_order_relaxed);
  }
  return ended;
}

bool Cluster::WaitsForLease(const Client& client, const Command& command, std::span<const std::string_view> args) const {
  if (client.kind != ClientKind::kNormal || MonotonicMs() - lapsed_ms_.load(std::memory_order_relaxed) >= kLeaseWaitMs) return false;
  if (engine_.replication().copies().end_ms() == 0) return false;  // there is none to return
  const std::shared_ptr<const SlotMap> present = map();
  if (!present->ok()) return false;
  if (!command.Is(CommandId::kExec)) return NamesMine(*present, command, args);
  for (const QueuedCommand& queued : client.queue) {
    const std::vector<std::string_view> words(queued.args.begin(), queued.args.end());
    if (NamesMine(*present, *queued.command, words)) return true;
  }
  return false;
}

std::string Cluster::Refusal(const Client& client, std::span<const Call> calls, std::int64_t now_ms, bool held) {
  SlotQuestion question;
  std::vector<std::string_view> keys;
  std::vector<KeyPosition> positions;
  for (const Call& call : calls) {
    const bool channels = OnShardChannels(*call.command);
    positions.clear();
    ExtractKeys(*call.command, call.args.data(), call.args.size(), &positions, channels);
    for (const KeyPosition& position : positions) keys.push_back(call.args[position.index]);
    question.channels |= channels;
    question.writes |= call.command->Is(CommandFlag::kWrite);
    question.migrates |= call.command->Is(CommandId::kMigrate);
    question.asking |= call.command->Is(CommandFlag::kAsking);
  }
  if (held && (bars_.load(std::memory_order_relaxed) & kSealed) != 0 && client.kind < ClientKind::kLoader) [[unlikely]] {
    // It passed Holds() before the hold began, or cannot wait.
    const bool reads_too = client.kind == ClientKind::kEmbedded && hold_.mode() == SlotHold::Mode::kAll;
    for (const Call& call : calls) {
      if ((reads_too || MayWrite(*call.command)) && Names(*call.command, call.args)) return "TRYAGAIN The slot is being handed over to another node";
    }
  }
  if (keys.empty()) return {};
  question.asking |= client.asking;
  question.readonly = client.readonly;
  question.slot = HashSlot(keys.front());
  for (std::string_view key : keys) {
    if (key == keys.front()) continue;
    question.several = true;
    question.crosses |= HashSlot(key) != question.slot;
  }
  const WhenDown when_down{engine_.config().Bool(Directive::kClusterAllowReadsWhenDown), engine_.config().Bool(Directive::kClusterAllowPubsubshardWhenDown)};
  Stripe& stripe = engine_.keyspace().StripeForSlot(question.slot);
  if (!held) stripe.lock.Lock();
  if (!question.channels && DependsOnKeys(*present_, question.slot)) {
    const Database& db = engine_.keyspace().Db(client.db);
    for (std::string_view key : keys) {
      // Keys of another slot, whose stripe may not be held, are refused whatever exists.
      if (question.crosses) break;
      (Exists(db, KeyRef(key), now_ms) ? question.present : question.missing) = true;
    }
  }
  std::string error = Redirection(*present_, question, when_down);
  if (error.empty() && !question.channels && (bars_.load(std::memory_order_relaxed) & kLapsed) != 0 && !engine_.is_replica()) [[unlikely]] {
    error = RefusalWithoutLease(engine_.replication().copies(), question, when_down);
  }
  if (!held) stripe.lock.Unlock();
  return error;
}

void Cluster::Hold(const SlotSet& slots, SlotHold::Mode mode) {
  if (!hold_.any()) hold_began_us_.store(MonotonicUs(), std::memory_order_relaxed);
  hold_.Hold(slots, mode);
}

void Cluster::Seal() {
  bars_.fetch_or(kSealed, std::memory_order_relaxed);
  engine_.keyspace().LockAll();
  engine_.keyspace().UnlockAll();
}

void Cluster::Release() {
  if (hold_.any()) hold_ended_us_.store(MonotonicUs(), std::memory_order_relaxed);
  bars_.fetch_and(static_cast<std::uint8_t>(~kSealed), std::memory_order_relaxed);
  hold_.Release();
}

std::int64_t Cluster::held_us() const {
  const std::int64_t began = hold_began_us_.load(std::memory_order_relaxed);
  return began == 0 ? 0 : (hold_.any() ? MonotonicUs() : hold_ended_us_.load(std::memory_order_relaxed)) - began;
}

bool Cluster::Names(const Command& command, std::span<const std::string_view> args) const {
  if (Flushes(command)) return true;
  bool found = false;
  ForEachKeyIndex(command, args.data(), args.size(), [&](std::size_t i) { found = found || hold_.Has(HashSlot(args[i])); });
  return found;
}

bool Cluster::Holds(const Client& client, const Command& command, std::span<const std::string_view> args) const {
  if (client.kind != ClientKind::kNormal) return false;
  const bool all = hold_.mode() == SlotHold::Mode::kAll;
  if (!command.Is(CommandId::kExec)) return (all || MayWrite(command)) && Names(command, args);
  for (const QueuedCommand& queued : client.queue) {
    const std::vector<std::string_view> words(queued.args.begin(), queued.args.end());
    if ((all || MayWrite(*queued.command)) && Names(*queued.command, words)) return true;
  }
  return false;
}

std::size_t Cluster::ClearSlot(ThreadState& thread, int slot) {
  Keyspace& keyspace = engine_.keyspace();
  Stripe& stripe = keyspace.StripeForSlot(slot);
  std::size_t cleared = 0;
  std::lock_guard<FutexLock> guard(stripe.lock);
  thread.unit.Clear();
  Database& db = keyspace.Db(0);
  SlotTable& table = db.Table(slot);
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < table.bucket_count(); ++i) {
    table.VisitBucket(i, [&](const Entry* e) { names.emplace_back(e->key()); });
  }
  for (const std::string& name : names) {
    const KeyRef key(name);
    const Database::Place place = db.Find(key);
    if (!place) continue;  // an entry may be met twice
    engine_.BeforeChange(db, place.entry());
    if (engine_.records_effects()) {
      const std::string_view effect[] = {"DEL", name};
      thread.unit.Add(0, effect, 2);
    }
    db.Erase(key, place);
    engine_.KeyTouched(thread, stripe, 0, name, false);
    if (engine_.notify_flags() & kNotifyGeneric) engine_.Notify(thread, 0, kNotifyGeneric, "del", name);
    ++cleared;
  }
  engine_.AppendEffects(thread, stripe);
  return cleared;
}

void Cluster::LeaveLostChannels(Client& client, OutBuffer& out) {
  if (!client.subscriptions) return;
  const std::shared_ptr<const SlotMap> now = map();
  std::vector<std::string> lost;
  for (const std::string& channel : client.subscriptions->shard_channels) {
    if (!now->Listens(HashSlot(channel))) lost.push_back(channel);
  }
  for (const std::string& channel : lost) {
    engine_.pubsub().Unsubscribe(client, SubscriptionKind::kShardChannel, channel);
    ReplyWriter push(out, client.protocol);
    push.Push(3);
    push.Bulk("sunsubscribe");
    push.Bulk(channel);
    push.Integer(static_cast<std::int64_t>(client.subscriptions->shard_channels.size()));
  }
}

}  // namespace slotwise
