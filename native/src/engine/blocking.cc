#include "engine/blocking.h"

#include <utility>

#include "engine/engine.h"
#include "engine/thread_state.h"
#include "engine/tracking.h"

namespace slotwise {
namespace {

// `set`, which is held, and the stripes that waiters of its stripes put something into. What follows from these is known
// only when they are held.
StripeSet WithTargets(Keyspace& keyspace, const StripeSet& set) {
  StripeSet all = set;
  for (std::size_t i = set._Find_first(); i < set.size(); i = set._Find_next(i)) {
    Stripe& stripe = keyspace.StripeAt(static_cast<int>(i));
    if (!stripe.waits) continue;
    for (const auto& [target, n] : stripe.waits->targets()) all.set(static_cast<std::size_t>(target));
  }
  return all;
}

// CLIENT TRACKING while a waiter is served by another client's thread: what it changes itself is told behind its reply.
class ServedInvalidations {
 public:
  ServedInvalidations(Engine& engine, ThreadState& thread, std::uint64_t client_id)
      : engine_(engine), thread_(thread), outer_(std::exchange(thread.client_id, client_id)) {
    if (thread.invalidations) outer_own_.swap(thread.invalidations->own);
  }
  ~ServedInvalidations() {
    thread_.client_id = outer_;
    if (thread_.invalidations) thread_.invalidations->own.swap(outer_own_);
  }
  void Send(OutBuffer& out, int protocol, std::uint64_t gate) {
    if (!thread_.invalidations || thread_.invalidations->own.empty()) return;
    if (auto client = engine_.tracking().Find(thread_.client_id)) engine_.tracking().SendOwn(thread_, *client, out, protocol, gate);
    thread_.invalidations->own.clear();
  }

 private:
  Engine& engine_;
  ThreadState& thread_;
  std::uint64_t outer_;
  decltype(PendingInvalidations::own) outer_own_;
};

const char* NullArray(int protocol) { return protocol == 3 ? "_\r\n" : "*-1\r\n"; }

}  // namespace

void Blocking::Add(const std::shared_ptr<Waiter>& waiter, std::span<const std::size_t> keys, std::size_t target) {
  if (target != 0) {
    waiter->target_stripe_ = StripeOf(HashSlot(waiter->args[target]));
    with_target_.fetch_add(1, std::memory_order_relaxed);
  }
  waiter->places_.reserve(keys.size());
  for (std::size_t i : keys) {
    std::string_view key = waiter->args[i];
    bool again = false;
    for (const Waiter::Place& p : waiter->places_) again |= p.key == key;
    if (again) continue;
    int index = StripeOf(HashSlot(key));
    Stripe& stripe = engine_.keyspace().StripeAt(index);
    if (!stripe.waits) stripe.waits = std::make_unique<WaitList>();
    if (target != 0) stripe.waits->AddTarget(waiter->target_stripe_);
    waiter->places_.push_back({key, index, true, stripe.waits->Add(waiter->db, key, waiter)});
  }
  waiter->listed_.store(static_cast<int>(waiter->places_.size()), std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  std::lock_guard<std::mutex> guard(mutex_);
  by_client_[waiter->client_id] = waiter;
}

// The stripe is held.
void Blocking::Unlist(Stripe& stripe, Waiter& waiter, Waiter::Place& place) {
  place.listed = false;
  if (waiter.target_stripe_ >= 0) stripe.waits->RemoveTarget(waiter.target_stripe_);
  stripe.waits->Remove(waiter.db, place.key, place.at);
  if (stripe.waits->empty()) stripe.waits.reset();
  if (waiter.listed_.fetch_sub(1, std::memory_order_acq_rel) == 1 && waiter.target_stripe_ >= 0) with_target_.fetch_sub(1, std::memory_order_relaxed);
}

void Blocking::Forget(Waiter& waiter) {
  if (waiter.listed_.load(std::memory_order_acquire) > 0) {
    for (Waiter::Place& place : waiter.places_) {
      Stripe& stripe = engine_.keyspace().StripeAt(place.stripe);
      std::lock_guard<FutexLock> guard(stripe.lock);
      if (place.listed) Unlist(stripe, waiter, place);
    }
  }
  std::lock_guard<std::mutex> guard(mutex_);
  by_client_.erase(waiter.client_id);
}

bool Blocking::Claim(Waiter& waiter) {
  if (!waiter.Claim()) return false;
  count_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool Blocking::Cancel(Waiter& waiter, Reason reason) {
  if (!Claim(waiter)) return false;
  if (reason == Reason::kTimeout) waiter.reply = waiter.at_timeout ? waiter.at_timeout() : NullArray(waiter.protocol);
  else if (reason == Reason::kUnblocked) waiter.reply = "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";
  else waiter.reply = "-UNBLOCKED the call was aborted\r\n";
  return true;
}

bool Blocking::Unblock(ThreadState& thread, std::uint64_t client_id, Reason reason) {
  std::shared_ptr<Waiter> waiter;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    auto it = by_client_.find(client_id);
    if (it != by_client_.end()) waiter = it->second.lock();
  }
  if (!waiter || !Cancel(*waiter, reason)) return false;
  if (reason == Reason::kUnblocked) engine_.CountError("UNBLOCKED");
  thread.command_stats[waiter->command->id].failed.Add();
  thread.served.push_back(std::move(waiter));
  return true;
}

void Blocking::AbortAll(const std::string& reply) {
  // CLUSTER REPLICATE is what made a replica of this server, and is not answered yet.
  EndIf([&](const Waiter& waiter) { return waiter.asks_control ? std::string() : reply; });
}

void Blocking::EndIf(const std::function<std::string(const Waiter&)>& reply_to) {
  std::vector<std::shared_ptr<Waiter>> waiters;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    for (auto& [id, weak] : by_client_) {
      if (auto waiter = weak.lock()) waiters.push_back(std::move(waiter));
    }
  }
  for (std::shared_ptr<Waiter>& waiter : waiters) {
    std::string reply = reply_to(*waiter);
    if (reply.empty() || !Claim(*waiter)) continue;
    waiter->reply = std::move(reply);
    ClientSink& sink = *waiter->sink;
    sink.Unblocked(std::move(waiter));
  }
}

void Blocking::LockWithTargets(StripeSet& set) {
  constexpr int kAttempts = 16;
  Keyspace& keyspace = engine_.keyspace();
  for (int attempt = 0;; ++attempt) {
    keyspace.Lock(set);
    if (with_target_.load(std::memory_order_relaxed) == 0) return;
    StripeSet needed = WithTargets(keyspace, set);
    if (needed == set) return;
    keyspace.Unlock(set);
    set = needed;
    if (attempt == kAttempts) set.set();  // whoever keeps adding targets has to wait now
  }
}

void Blocking::NoteReady(ThreadState& thread, Stripe& stripe, int db, const KeyRef& key) {
  WaitList::Key* waited = stripe.waits->Find(db, key.key);
  if (waited == nullptr) return;
  Database::Place place = engine_.keyspace().Db(db).Find(key);
  if (!place) return;
  Type type = place.entry()->type();
  if (type != Type::kList && type != Type::kZSet && type != Type::kStream) return;
  if (thread.ready.empty()) thread.ready_mark = next_mark_.fetch_add(1, std::memory_order_relaxed);
  if (waited->ready_mark == thread.ready_mark) return;
  waited->ready_mark = thread.ready_mark;
  thread.ready.push_back({db, std::string(key.key)});
}

void Blocking::NoteAllReady(ThreadState& thread, int db) {
  for (int i = 0; i < kStripeCount; ++i) {
    Stripe& stripe = engine_.keyspace().StripeAt(i);
    if (!stripe.waits) continue;
    stripe.waits->ForEach([&](int waited_db, std::string_view name) {
      if (waited_db == db) NoteReady(thread, stripe, db, KeyRef(name));
    });
  }
}

StripeSet Blocking::StripesOf(const ThreadState& thread) {
  StripeSet set;
  for (const ReadyKey& r : thread.ready) set.set(static_cast<std::size_t>(StripeOf(HashSlot(r.key))));
  return set;
}

std::uint64_t Blocking::Serve(ThreadState& thread) {
  std::uint64_t offset = 0;
  // BLMOVE makes other keys ready, which are served when it is their turn; also keys that were served before.
  for (std::size_t i = 0; i < thread.ready.size(); ++i) {
    ReadyKey ready = std::move(thread.ready[i]);
    if (std::uint64_t o = ServeKey(thread, ready.db, KeyRef(ready.key))) offset = o;
  }
  thread.ready.clear();
  return offset;
}

std::uint64_t Blocking::ServeKey(ThreadState& thread, int db, const KeyRef& key) {
  std::uint64_t offset = 0;
  Keyspace& keyspace = engine_.keyspace();
  Stripe& stripe = keyspace.StripeForSlot(key.slot);
  WaitList::Key* waited = stripe.waits ? stripe.waits->Find(db, key.key) : nullptr;
  if (waited == nullptr) return 0;
  waited->ready_mark = 0;
  // Nobody joins the line while the stripe is held; the line itself goes with its last.
  WaitList::Queue& line = waited->waiters;
  bool last = false;
  for (auto next = line.begin(); !last;) {
    std::shared_ptr<Waiter> waiter = *next++;
    last = next == line.end();
    Database::Place place = keyspace.Db(db).Find(key);
    if (!place) break;
    // By the clock of now: what made the key ready may have taken its time (EXEC). Whoever looks at an expired key deletes it.
    if (place.entry()->has_expire() && place.entry()->ExpiredAt(engine_.NowMs())) [[unlikely]] {
      if (engine_.is_replica()) break;
      thread.unit.Clear();
      engine_.DeleteAsEffect(thread, db, key, place, false);
      if (!thread.unit.empty()) offset = engine_.log().Append(thread.unit);
      engine_.SendEvents(thread, offset);
      break;
    }
    Entry* entry = place.entry();
    const WaitOps& ops = *waiter->ops;
    if (entry->type() != ops.type) continue;
    if (ops.has_something != nullptr && !ops.has_something(*waiter, key, entry)) continue;
    if (!waiter->Claim()) continue;
    count_.fetch_sub(1, std::memory_order_relaxed);
    for (Waiter::Place& p : waiter->places_) {
      if (p.stripe != StripeOf(key.slot) || p.key != key.key) continue;
      Unlist(stripe, *waiter, p);
      break;
    }
    if (std::uint64_t o = ServeOne(thread, *waiter, key, entry)) offset = o;
    thread.served.push_back(std::move(waiter));
  }
  return offset;
}

std::uint64_t Blocking::ServeOne(ThreadState& thread, Waiter& waiter, const KeyRef& key, Entry* entry) {
  // The client belongs to another thread; this one has its place in the handler's eyes.
  Client client;
  client.id = waiter.client_id;
  client.db = waiter.db;
  client.protocol = waiter.protocol;
  client.authenticated = true;
  OutBuffer out;
  ReplyWriter reply(out, waiter.protocol);
  CommandContext ctx{engine_, thread, client, reply, *waiter.command, waiter.args, thread.now_ms};
  thread.unit.Clear();
  thread.unit.set_atomic(true);
  engine_.BeforeHandler(ctx);
  ServedInvalidations invalidations(engine_, thread, waiter.client_id);
  waiter.ops->serve(ctx, key, entry);
  if (ctx.dirty != 0) engine_.dirty().fetch_add(ctx.dirty, std::memory_order_relaxed);
  waiter.gate = thread.unit.empty() ? 0 : engine_.log().Append(thread.unit);
  engine_.SendEvents(thread, waiter.gate);
  invalidations.Send(out, waiter.protocol, waiter.gate);
  out.CopyTo(&waiter.reply);
  if (reply.failed()) {
    thread.command_stats[waiter.command->id].failed.Add();
    engine_.CountError(reply.last_error_code());
  }
  return waiter.gate;
}

void Blocking::Deliver(ThreadState& thread) {
  std::vector<std::shared_ptr<Waiter>> served = std::move(thread.served);
  thread.served.clear();
  for (std::shared_ptr<Waiter>& w : served) {
    ClientSink& sink = *w->sink;
    sink.Unblocked(std::move(w));
  }
}

}  // namespace slotwise
