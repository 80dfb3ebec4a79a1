#include "engine/embedded_session.h"

#include <charconv>

#include "engine/blocking.h"
#include "engine/client_registry.h"
#include "engine/cluster.h"
#include "engine/replication.h"
#include "resp/reply_writer.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

constexpr std::size_t kBatch = 32;
constexpr std::size_t kWaitsKept = 64;  // that have ended, before anybody looks
constexpr std::uint64_t kUnwrittenMax = 4 * 1024 * 1024;

// Copies and says whether every byte behind the first `head` is below 128.
bool CopyAscii(char* to, const char* from, std::size_t n, std::size_t head) {
  std::uint64_t bits = 0;
  std::size_t i = 0;
  for (; i < head && i < n; ++i) to[i] = from[i];
  for (; i + 8 <= n; i += 8) {
    std::uint64_t v;
    std::memcpy(&v, from + i, 8);
    bits |= v;
    std::memcpy(to + i, &v, 8);
  }
  for (; i < n; ++i) {
    bits |= static_cast<unsigned char>(from[i]);
    to[i] = from[i];
  }
  return (bits & 0x8080808080808080ull) == 0;
}

// Where the reply of a call that waited goes.
class WaitSink final : public ClientSink {
 public:
  WaitSink(Engine& engine, EmbeddedSession::Done done) : engine_(engine), done_(std::move(done)) {}
  void Push(std::shared_ptr<const std::string>, std::shared_ptr<const std::string>, std::uint64_t) override {}
  void Kill() override {}
  void Unblocked(std::shared_ptr<Waiter> waiter) override {
    engine_.blocking().Forget(*waiter);
    done_(std::move(waiter->reply));
  }

 private:
  Engine& engine_;
  EmbeddedSession::Done done_;
};

}  // namespace

EmbeddedSession::EmbeddedSession(Engine& engine) : engine_(engine), thread_(engine.AddThread()) {
  client_.id = engine.NextClientId();
  client_.kind = engine.replays() ? ClientKind::kLoader : ClientKind::kEmbedded;
  client_.authenticated = true;
  client_.protocol = 3;
  client_.address = "embedded:0";
  client_.created_ms = client_.last_interaction_ms = engine.NowMs();
}

EmbeddedSession::~EmbeddedSession() {
  for (auto it = waits_.begin(); it != waits_.end(); it = waits_.begin()) CancelWait(it->first, true);
  engine_.ClientGone(thread_, client_);
  engine_.RemoveThread(thread_);
}

// Runs use(entry or null) under the stripe's lock; an expired entry is deleted first. False: the slot is not simply this node's
// at the moment, and nothing was done.
template <typename Use>
bool EmbeddedSession::WithValue(const KeyRef& key, Use&& use) {
  Stripe& stripe = engine_.keyspace().StripeForSlot(key.slot);
  stripe.lock.Lock();
  if (const Cluster* cluster = engine_.cluster(); cluster != nullptr && !cluster->Serves(key.slot)) [[unlikely]] {
    stripe.lock.Unlock();
    return false;
  }
  Database::Place place = engine_.keyspace().Db(client_.db).Find(key);
  Entry* e = place.entry();
  bool deleted = false;
  if (e != nullptr && e->has_expire() && e->ExpiredAt(engine_.NowMs()) && !engine_.replays()) [[unlikely]] {
    if (!engine_.is_replica()) {
      thread_.unit.Clear();
      engine_.DeleteAsEffect(thread_, client_.db, key, place, false);
      engine_.AppendEffects(thread_, stripe);
      deleted = true;
    }
    e = nullptr;
  }
  if (e == nullptr) {
    thread_.stats.keyspace_misses.Add();
  } else {
    thread_.stats.keyspace_hits.Add();
    TouchAccess(e, engine_.access(), engine_.clock_ms(), thread_.random);
  }
  use(e);
  stripe.lock.Unlock();
  if (deleted) [[unlikely]] engine_.log().FlushSoon();  // a reader has no other reason to wake who writes
  if (thread_.invalidations) [[unlikely]] engine_.SendInvalidations(thread_);
  return true;
}

std::size_t EmbeddedSession::ClearSlot(int slot) {
  const std::size_t cleared = engine_.cluster()->ClearSlot(thread_, slot);
  AfterWrites();
  return cleared;
}

std::int64_t EmbeddedSession::Get(std::string_view name, std::span<char> buffer, bool* ascii) {
  // The lines of the table and the lock are on their way while the hash is computed, that of the bucket while the lock is
  // taken: a locked instruction waits for every load before it and holds up every load behind it.
  // Tried: an array of bucket addresses (128 KiB), so that the bucket does not wait for the table's line. On a busy machine
  // lookups took 9 % longer: what they wait for are misses, and it is one line more.
  if (engine_.cluster() != nullptr) [[unlikely]] engine_.cluster()->LookAtLease();
  if (client_.max_staleness_ms != 0 && !engine_.replication().IsFreshFor(client_)) [[unlikely]] return kStale;
  KeyRef key;
  key.key = name;
  key.slot = HashSlot(name);
  const SlotTable& table = engine_.keyspace().Db(client_.db).Table(key.slot);
  __builtin_prefetch(&table);
  __builtin_prefetch(&engine_.keyspace().StripeForSlot(key.slot), 1);
  key.hash = KeyHash(name);
  table.PrefetchBucket(key.hash);
  std::int64_t result = kMissing;
  const bool here = WithValue(key, [&](const Entry* e) {
    if (e == nullptr) return;
    if (e->type() != Type::kString) {
      result = kWrongType;
      return;
    }
    IntScratch scratch;
    std::string_view bytes = StringBytes(e, scratch);
    if (bytes.size() > buffer.size()) {
      result = Needs(bytes.size());
      return;
    }
    *ascii = CopyAscii(buffer.data(), bytes.data(), bytes.size(), ascii_head_);
    result = static_cast<std::int64_t>(bytes.size());
  });
  return here ? result : kElsewhere;
}

std::int64_t EmbeddedSession::GetMany(std::span<const std::string_view> names, std::span<char> buffer) {
  if (engine_.cluster() != nullptr) [[unlikely]] engine_.cluster()->LookAtLease();
  if (client_.max_staleness_ms != 0 && !engine_.replication().IsFreshFor(client_)) [[unlikely]] return kStale;
  std::size_t used = names.size() * 4;
  std::size_t needed = used;
  keys_.resize(kBatch);
  for (std::size_t begin = 0; begin < names.size(); begin += kBatch) {
    std::size_t n = names.size() - begin < kBatch ? names.size() - begin : kBatch;
    Database& db = engine_.keyspace().Db(client_.db);
    for (std::size_t i = 0; i < n; ++i) {
      keys_[i] = KeyRef(names[begin + i]);
      __builtin_prefetch(&db.Table(keys_[i].slot));
      __builtin_prefetch(&engine_.keyspace().StripeForSlot(keys_[i].slot), 1);
    }
    for (std::size_t i = 0; i < n; ++i) db.Table(keys_[i].slot).PrefetchBucket(keys_[i].hash);
    for (std::size_t i = 0; i < n; ++i) db.Table(keys_[i].slot).PrefetchItem(keys_[i].hash);
    for (std::size_t i = 0; i < n; ++i) {
      std::int32_t length = static_cast<std::int32_t>(kMissing);
      const bool here = WithValue(keys_[i], [&](const Entry* e) {
        if (e == nullptr) return;
        if (e->type() != Type::kString) {
          length = static_cast<std::int32_t>(kWrongType);
          return;
        }
        IntScratch scratch;
        std::string_view bytes = StringBytes(e, scratch);
        needed += bytes.size();
        if (needed > buffer.size()) return;
        bool ascii = CopyAscii(buffer.data() + used, bytes.data(), bytes.size(), ascii_head_);
        used += bytes.size();
        length = static_cast<std::int32_t>(bytes.size()) | (ascii ? kAsciiBit : 0);
      });
      if (!here) [[unlikely]] length = static_cast<std::int32_t>(kElsewhere);
      if ((begin + i + 1) * 4 <= buffer.size()) std::memcpy(buffer.data() + (begin + i) * 4, &length, 4);
    }
  }
  return needed > buffer.size() ? Needs(needed) : static_cast<std::int64_t>(used);
}

const std::string* EmbeddedSession::Set(std::string_view key, std::string_view value, std::int64_t ttl_ms) {
  char digits[24];
  std::string_view args[5] = {"SET", key, value};
  std::size_t argc = 3;
  if (ttl_ms != kNoExpire) {
    auto end = std::to_chars(digits, digits + sizeof digits, ttl_ms).ptr;
    args[3] = "PX";
    args[4] = {digits, static_cast<std::size_t>(end - digits)};
    argc = 5;
  }
  Call({args, argc});
  iovec v;
  bool failed = out_.Gather(&v, 1, UINT64_MAX) == 1 && static_cast<const char*>(v.iov_base)[0] == '-';
  if (failed) {
    error_.clear();
    out_.CopyTo(&error_);
    error_ = error_.substr(1, error_.size() - 3);
  }
  out_.Consume(out_.pending());
  return failed ? &error_ : nullptr;
}

// While a replica takes over, clients that write wait with their connections; who cannot is told so. Else what is written here
// meanwhile would be acknowledged by a node that is about to copy another one.
bool EmbeddedSession::WritesArePaused(std::span<const std::string_view> args) {
  if (engine_.cluster() == nullptr || client_.control || engine_.clients().pause().UntilMs(engine_.NowMs()) == 0) [[likely]] return false;
  PreparedCommand p;
  p.client = &client_;
  p.args = args;
  engine_.Prepare(p);
  if (p.command == nullptr || !(p.command->Is(CommandFlag::kWrite) || p.command->Is(CommandFlag::kMayReplicate))) return false;
  ReplyWriter(out_, client_.protocol).Error("TRYAGAIN Writes are paused");
  if (client_.in_multi) client_.multi_failed = true;
  return true;
}

void EmbeddedSession::Call(std::span<const std::string_view> args) {
  if (!WritesArePaused(args)) engine_.Call(thread_, client_, args, out_);
  AfterWrites();
}

void EmbeddedSession::CallMany(std::span<const std::uint32_t> argcs, std::span<const std::string_view> args) {
  if (engine_.cluster() != nullptr) [[unlikely]] engine_.cluster()->LookAtLease();
  thread_.now_ms = engine_.NowMs();
  prepared_.resize(kBatch);
  std::size_t first = 0;
  for (std::size_t begin = 0; begin < argcs.size(); begin += kBatch) {
    std::size_t n = argcs.size() - begin < kBatch ? argcs.size() - begin : kBatch;
    for (std::size_t i = 0; i < n; ++i) {
      PreparedCommand& p = prepared_[i];
      p.client = &client_;
      p.args = args.subspan(first, argcs[begin + i]);
      first += argcs[begin + i];
      engine_.Prepare(p);
      engine_.PrefetchTable(p);
    }
    for (std::size_t i = 0; i < n; ++i) engine_.Prefetch(prepared_[i]);
    for (std::size_t i = 0; i < n; ++i) engine_.PrefetchEntry(prepared_[i]);
    engine_.PrefetchObjects({prepared_.data(), n});
    for (std::size_t i = 0; i < n; ++i) {
      if (!WritesArePaused(prepared_[i].args)) engine_.Execute(thread_, prepared_[i], out_);
    }
  }
  AfterWrites();
}

std::uint64_t EmbeddedSession::CallWaiting(std::span<const std::string_view> args, Done done) {
  if (waits_.size() >= sweep_waits_at_) {
    std::erase_if(waits_, [](const auto& wait) { return wait.second.expired(); });
    sweep_waits_at_ = waits_.size() * 2 + kWaitsKept;
  }
  // Every call that waits is a client of its own: the session goes on meanwhile.
  Client caller;
  caller.id = engine_.NextClientId();
  caller.kind = ClientKind::kEmbedded;
  caller.authenticated = true;
  caller.protocol = client_.protocol;
  caller.db = client_.db;
  caller.max_staleness_ms = client_.max_staleness_ms;
  caller.address = client_.address;
  caller.may_wait = true;
  caller.sink = std::make_shared<WaitSink>(engine_, std::move(done));
  if (WritesArePaused(args)) return 0;
  engine_.Call(thread_, caller, args, out_);
  if (caller.gate > client_.gate) client_.gate = caller.gate;
  AfterWrites();
  if (!caller.waiter) return 0;
  waits_.emplace(caller.id, caller.waiter);
  return caller.id;
}

bool EmbeddedSession::CancelWait(std::uint64_t id, bool aborted) {
  auto it = waits_.find(id);
  if (it == waits_.end()) return false;
  std::shared_ptr<Waiter> waiter = it->second.lock();
  waits_.erase(it);
  if (!waiter || !engine_.blocking().Cancel(*waiter, aborted ? Blocking::Reason::kClosed : Blocking::Reason::kTimeout)) return false;
  waiter->sink->Unblocked(waiter);
  return true;
}

// There is no end of turn here: the log thread writes what was appended, soon.
void EmbeddedSession::AfterWrites() {
  if (!engine_.records_effects()) return;
  engine_.replication().WakeFeeders();
  CommitLog& log = engine_.log();
  std::uint64_t written = log.written();
  if (client_.gate <= written) return;
  // A caller that outruns the log thread writes for itself: that slows it down to what the disk takes.
  if (client_.gate > written + kUnwrittenMax) log.Flush();
  else log.FlushSoon();
}

}  // namespace slotwise
