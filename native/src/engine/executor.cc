// Executor: one command from its arguments to its reply: the checks around it in Redis's order, the locks, the handler,
// the log. Part of Engine.
#include <algorithm>

#include "base/ticks.h"
#include "commands/key_positions.h"
#include "engine/cron.h"
#include "engine/access_control.h"
#include "engine/blocking.h"
#include "engine/client_eviction.h"
#include "engine/cluster.h"
#include "engine/engine.h"
#include "engine/pubsub.h"
#include "engine/replication.h"
#include "engine/saver.h"
#include "engine/tracking.h"
#include "keyspace/watch_list.h"
#include "snapshot/snapshot_pass.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

// Commands that act at once although the client is in MULTI.
bool ActsInsideMulti(const Command& c) {
  return c.Is(CommandId::kExec) || c.Is(CommandId::kDiscard) || c.Is(CommandId::kMulti) || c.Is(CommandId::kWatch) ||
         c.Is(CommandId::kQuit) || c.Is(CommandId::kReset);
}

// What a pipeline repeats is looked up once. A container's subcommand is told by its second word.
inline bool CallsTheSame(const PreparedCommand& a, const PreparedCommand& before) {
  return before.command != nullptr && !before.command->container && a.args.size() == before.args.size() && a.args[0] == before.args[0];
}

// As ==, and cheap for keys that differ at their end, as numbered ones do.
inline bool SameKey(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || (a.back() == b.back() && a == b));
}

}  // namespace

// What a set of arguments needs locked: all stripes, or those of its keys. Once they are: what is locked.
struct LockNeed {
  bool all = false;
  bool any = false;
  bool writes = false;  // may make keys ready that somebody waits for
  StripeSet stripes;
  void Add(std::string_view key) {
    stripes.set(static_cast<std::size_t>(StripeOf(HashSlot(key))));
    any = true;
  }
};

namespace {

void AddNeed(const Command& command, std::span<const std::string_view> args, bool inside_exec, LockNeed& need) {
  need.writes |= command.Is(CommandFlag::kWrite) || command.Is(CommandFlag::kMayReplicate);
  const bool self = command.lock == LockMode::kSelf;
  if (self && !inside_exec) return;
  if (command.lock == LockMode::kAll || (self && !MayHaveKeys(command)) || TouchesUnnamedKeys(command, args.data(), args.size())) {
    need.all = true;
    return;
  }
  ForEachKeyIndex(command, args.data(), args.size(), [&](std::size_t i) { need.Add(args[i]); });
}

}  // namespace

// After each command, also a refused one: CLIENT REPLY SKIP covers the command that follows it; invalidations for the
// client itself follow its reply.
struct Engine::CommandEnd {
  Engine& engine;
  ThreadState& thread;
  const PreparedCommand& prepared;
  OutBuffer& out;
  bool discarding;
  ~CommandEnd() {
    Client& client = *prepared.client;
    if (engine.observers_.load(std::memory_order_relaxed) & kObserverTracking) [[unlikely]] engine.AfterCommand(thread, client, prepared.command, out);
    if (discarding) [[unlikely]] thread.discarded.Reset();
    if (client.asking && !client.in_multi && prepared.command != nullptr && !prepared.command->Is(CommandId::kAsking)) [[unlikely]] client.asking = false;
    if (client.reply_mode == ReplyMode::kOn) [[likely]] return;
    if (client.reply_mode == ReplyMode::kSkip) client.reply_mode = ReplyMode::kOn;
    if (client.reply_mode == ReplyMode::kSkipNext) client.reply_mode = ReplyMode::kSkip;
  }
};

void Engine::Prepare(PreparedCommand& p, const PreparedCommand* before) const {
  if (before != nullptr && CallsTheSame(p, *before)) {
    p.command = before->command;
  } else {
    CommandTable::Resolution resolved = commands_->Resolve(p.args);
    if (resolved.outcome != CommandTable::Outcome::kOk) [[unlikely]] {
      p.command = nullptr;
      p.key_index = UINT32_MAX;  // p.key is of an earlier batch, whose bytes are gone
      return;
    }
    p.command = resolved.command;
  }
  switch (p.command->key_layout) {
    case KeyLayout::kOne:
      p.key_index = 1;
      break;
    case KeyLayout::kRange:
      p.key_index = static_cast<std::uint32_t>(p.command->first_key);
      if (p.key_index >= p.args.size()) p.key_index = UINT32_MAX;
      break;
    default:
      p.key_index = UINT32_MAX;
  }
  if (p.key_index == UINT32_MAX) return;
  const std::string_view key = p.args[p.key_index];
  if (before != nullptr && before->key_index != UINT32_MAX && SameKey(before->key.key, key)) {
    p.key = before->key;
    p.key.key = key;
  } else {
    p.key = KeyRef(key);
  }
}

void Engine::PrefetchTable(const PreparedCommand& p) const {
  if (p.key_index != UINT32_MAX) __builtin_prefetch(&keyspace_->Db(p.client->db).Table(p.key.slot));
}

void Engine::Prefetch(const PreparedCommand& p) const {
  if (p.key_index != UINT32_MAX) keyspace_->Db(p.client->db).Table(p.key.slot).PrefetchBucket(p.key.hash);
}

void Engine::PrefetchEntry(const PreparedCommand& p) const {
  if (p.key_index != UINT32_MAX) keyspace_->Db(p.client->db).Table(p.key.slot).PrefetchItem(p.key.hash);
}

// Entries are there by now, so looking one up is cheap; what it points to may be read only under the lock. Commands on the
// same key share one lock and go further: their buckets first, then their items, all misses at the same time.
void Engine::PrefetchObjects(std::span<const PreparedCommand> batch) const {
  auto collection = [](const PreparedCommand& p) { return p.command != nullptr && p.command->on_collection && p.key_index == 1; };
  std::size_t end;
  for (std::size_t begin = 0; begin < batch.size(); begin = end) {
    const PreparedCommand& first = batch[begin];
    end = begin + 1;
    if (!collection(first)) continue;
    while (end < batch.size() && collection(batch[end]) && batch[end].key.hash == first.key.hash && batch[end].key.key == first.key.key) ++end;
    Stripe& stripe = keyspace_->StripeForSlot(first.key.slot);
    if (!stripe.lock.TryLock()) continue;
    Database::Place place = keyspace_->Db(first.client->db).Find(first.key);
    const Entry* e = place.entry();
    const ValueOps* ops = e == nullptr ? nullptr : OpsOf(e->type());
    if (ops != nullptr && ops->prefetch != nullptr) {
      using Ahead = ValueOps::Ahead;
      for (Ahead ahead : {Ahead::kObject, Ahead::kBucket, Ahead::kItem}) {
        for (std::size_t i = begin; i < end; ++i) {
          std::span<const std::string_view> args = batch[i].args;
          if (ahead != Ahead::kObject && args.size() < 3) continue;
          ops->prefetch(e->encoding(), e->pointer(), args.size() < 3 ? std::string_view() : args[2], ahead);
        }
        if (end == begin + 1) break;  // with nothing to overlap, the next step would only wait for this one
      }
    }
    stripe.lock.Unlock();
  }
}

void Engine::Call(ThreadState& thread, Client& client, std::span<const std::string_view> args, OutBuffer& out) {
  PreparedCommand p;
  p.client = &client;
  p.args = args;
  thread.now_ms = NowMs();
  if (cluster_) [[unlikely]] cluster_->LookAtLease();  // whoever calls has the answer at once
  Prepare(p);
  Execute(thread, p, out);
}

// A command that is refused before it runs: MULTI remembers it, and EXEC names it.
void Engine::Refuse(ThreadState& thread, PreparedCommand& p, ReplyWriter& reply, std::string_view error) {
  Client& client = *p.client;
  if (p.command != nullptr) thread.command_stats[p.command->id].rejected.Add();
  if (client.in_multi) client.multi_failed = true;
  if (p.command != nullptr && p.command->Is(CommandId::kExec)) {  // outside of MULTI too, as Redis does
    DiscardTransaction(client);
    std::size_t space = error.find(' ');
    // As Redis: the code is dropped when it is the plain one.
    std::string_view reason = error.starts_with("ERR ") ? error.substr(space + 1) : error;
    reply.Error("EXECABORT Transaction discarded because of: " + std::string(reason));
    CountError("EXECABORT");
    return;
  }
  reply.Error(error);
  CountError(reply.last_error_code());
}

void Engine::Execute(ThreadState& thread, PreparedCommand& p, OutBuffer& out) {
  Client& client = *p.client;
  thread.client_out = &out;
  DeferredFree::Scope big_values(cron_ ? cron_->deferred_free() : nullptr);
  ReplyWriter reply(client.reply_mode == ReplyMode::kOn ? out : thread.discarded, client.protocol);
  CommandEnd end{*this, thread, p, out, client.reply_mode != ReplyMode::kOn};
  thread.stats.commands.Add();
  if (p.command == nullptr) [[unlikely]] {
    CommandTable::Resolution resolved = commands_->Resolve(p.args);
    p.command = resolved.outcome == CommandTable::Outcome::kWrongArity ? resolved.command : nullptr;
    if (EqualsIgnoreCase(p.args[0], "post") || EqualsIgnoreCase(p.args[0], "host:")) {
      logger_.Warn("Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands. This is likely due to an "
                   "attacker attempting to use Cross Protocol Scripting to compromise your instance. Connection from " +
                   client.address + " aborted.");
      client.close_after_reply = true;
      return;
    }
    if (resolved.outcome != CommandTable::Outcome::kOk) return Refuse(thread, p, reply, CommandTable::ErrorText(resolved, p.args));
    p.command = resolved.command;  // the table changed in between
  }
  const Command& command = *p.command;
  client.last_command = &command;
  if (client.free_epoch != acl_->epoch() && !MayRun(thread, p, reply)) [[unlikely]] return;
  if (client.kind < ClientKind::kLoader) {
    bool tracking = (observers_.load(std::memory_order_relaxed) & kObserverTracking) != 0;
    if (tracking) [[unlikely]] thread.client_id = client.id;  // also of what is evicted for its sake
    if (memory_limited_.load(std::memory_order_relaxed) && !spares_memory()) [[unlikely]] {
      EvictClients(*this);  // the largest clients rather than keys
      bool fits = EvictIfNeeded(thread);
      if (thread.batch_ticks != 0) thread.batch_ticks = Ticks();  // not the command's time
      bool deny = command.Is(CommandFlag::kDenyOom) || (client.in_multi && command.Is(CommandId::kExec) && client.queue_denies_oom);
      if (!fits && deny) return Refuse(thread, p, reply, errors::kOutOfMemory);
    }
    if (saver_->refuses_writes() && config_->Bool(Directive::kStopWritesOnBgsaveError) && !config_->SavePoints().empty()) [[unlikely]] {
      bool writes = command.Is(CommandFlag::kWrite) || (client.in_multi && command.Is(CommandId::kExec) && client.queue_writes);
      if (writes || command.Is(CommandId::kPing)) return Refuse(thread, p, reply, errors::kSnapshotFailed);
    }
    if (tracking) [[unlikely]] BeforeCommand(thread, client, out);
    if (records_effects() && !log().healthy()) [[unlikely]] {
      bool writes = command.Is(CommandFlag::kWrite) || (client.in_multi && command.Is(CommandId::kExec) && client.queue_writes);
      if (writes || command.Is(CommandId::kPing)) {
        Status health = log().Health();
        if (!health.ok()) return Refuse(thread, p, reply, "MISCONF " + health.message());
      }
    }
    if (replication_->restricts()) [[unlikely]] {
      if (const char* error = replication_->Refusal(client, command)) {
        // Whose slot it is comes first: who writes to a replica is told where to write.
        const Cluster::Call call{&command, p.args};
        const std::string redirection = cluster_ ? cluster_->Refusal(client, {&call, 1}, thread.now_ms, false) : std::string();
        return Refuse(thread, p, reply, redirection.empty() ? std::string_view(error) : redirection);
      }
    }
  }
  if (client.subscriptions && client.protocol == 2 && client.subscribed() && !AllowedWhileSubscribed(command)) [[unlikely]] {
    return Refuse(thread, p, reply, "ERR Can't execute '" + std::string(command.full_name()) +
                                        "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context");
  }
  if (client.in_multi && !ActsInsideMulti(command)) [[unlikely]] {
    if (command.Is(CommandFlag::kNoMulti)) return Refuse(thread, p, reply, "ERR Command not allowed inside a transaction");
    if (cluster_) [[unlikely]] {
      const Cluster::Call call{&command, p.args};
      const std::string refusal = cluster_->Refusal(client, {&call, 1}, thread.now_ms, false);
      if (!refusal.empty()) return Refuse(thread, p, reply, refusal);
    }
    return QueueCommand(thread, p, reply);
  }
  const std::uint64_t start = thread.batch_ticks != 0 ? thread.batch_ticks : Ticks();
  bool counted = false;  // what fails inside of EXEC is counted there
  if (command.Is(CommandId::kExec)) [[unlikely]] {
    counted = client.in_multi && !client.multi_failed;
    if (!RunExec(thread, p, reply)) return;
    ShowToMonitors(client, command, p.args);
  } else if (!RunOne(thread, p, reply)) {
    return;
  }
  const std::uint64_t end_ticks = Ticks();
  if (thread.batch_ticks != 0) thread.batch_ticks = end_ticks;
  CommandRan(thread, client, command, p.args, TicksToNs(end_ticks - start));
  if (reply.failed() && !counted) [[unlikely]] {
    thread.command_stats[command.id].failed.Add();
    CountError(reply.last_error_code());
  }
}

// For whoever may not do everything, or has not been looked at since the last change of a user. False: answered already.
bool Engine::MayRun(ThreadState& thread, PreparedCommand& p, ReplyWriter& reply) {
  Client& client = *p.client;
  const Command& command = *p.command;
  if (!acl_->Refresh(client)) return false;  // its user is gone, and so is it
  if (client.free_epoch != 0) return true;
  if (acl_->NeedsAuth(client) && !command.Is(CommandFlag::kNoAuth)) {
    Refuse(thread, p, reply, errors::kNoAuth);
    return false;
  }
  if (client.in_multi && command.Is(CommandFlag::kNoMulti)) {
    Refuse(thread, p, reply, "ERR Command not allowed inside a transaction");
    return false;
  }
  const AclDenial denial = acl_->Check(client, command, p.args, {thread.now_ms, client.in_multi});
  if (denial == AclDenial::kNone) return true;
  Refuse(thread, p, reply, AclDenialReply(denial, command));
  return false;
}

[[gnu::always_inline]] inline void Engine::CommandRan(ThreadState& thread, const Client& client, const Command& command,
                                                      std::span<const std::string_view> args, std::uint64_t nanoseconds) {
  CommandStats& stats = thread.command_stats[command.id];
  stats.calls.Add();
  stats.nanoseconds.Add(nanoseconds);
  if (client.waiter) [[unlikely]] return;  // it has only begun
  if (latency_tracking_.load(std::memory_order_relaxed)) stats.RecordLatency(nanoseconds);
  if (nanoseconds >= notable_ns_.load(std::memory_order_relaxed)) [[unlikely]] {
    NotableCommand(client, command, args, nanoseconds);
    if (thread.batch_ticks != 0) thread.batch_ticks = Ticks();
  }
}

bool Engine::Replay(ThreadState& thread, PreparedCommand& p, std::string* error) {
  OutBuffer& out = thread.discarded;
  thread.client_out = &out;
  ReplyWriter reply(out, 2);
  RunOne(thread, p, reply);
  const bool failed = reply.failed();
  if (failed) [[unlikely]] {
    error->clear();
    out.CopyTo(error);  // "-ERR ...\r\n"
    *error = error->substr(1, error->find('\r') - 1);
  }
  out.Consume(out.pending());
  return !failed;
}

bool Engine::ApplyReceived(ThreadState& thread, Client& client, std::span<PreparedCommand> unit, std::string_view wire, std::uint64_t* failed, std::string* error) {
  OutBuffer& out = thread.discarded;
  thread.client_out = &out;
  DeferredFree::Scope big_values(cron_ ? cron_->deferred_free() : nullptr);
  thread.unit.Clear();
  std::vector<std::function<void()>> after;
  bool obeyed = false;
  bool all = false;
  // Some stripe is held: who changes the role of this server holds all of them.
  auto run = [&] {
    obeyed = replication_->Obeys(client);
    if (!obeyed) return;
    for (PreparedCommand& p : unit) {
      ReplyWriter reply(out, 2);
      CommandContext ctx{*this, thread, client, reply, *p.command, p.args, thread.now_ms};
      ctx.prepared_index = p.key_index == UINT32_MAX ? SIZE_MAX : p.key_index;
      ctx.prepared_key = &p.key;
      ctx.in_exec = unit.size() > 1;
      ctx.all_locked = all;
      RunHandler(thread, ctx);
      if (reply.failed()) [[unlikely]] {
        ++*failed;
        error->clear();
        out.CopyTo(error);  // "-ERR ...\r\n"
        *error = std::string(p.command->full_name()) + ": " + error->substr(1, error->find('\r') - 1);
      }
      out.Consume(out.pending());
      if (ctx.after_unlock) [[unlikely]] after.push_back(std::move(ctx.after_unlock));
      thread.stats.commands.Add();
      thread.command_stats[p.command->id].calls.Add();
    }
    thread.unit.SetReceived(wire, client.db);
  };
  if (unit.size() == 1 && unit[0].command->lock == LockMode::kKeys && unit[0].command->key_layout == KeyLayout::kOne) {
    Stripe& stripe = keyspace_->StripeForSlot(unit[0].key.slot);
    stripe.lock.Lock();
    run();
    if (!thread.unit.empty()) stripe.last_offset = log().Append(thread.unit);
    if (!thread.events.empty()) [[unlikely]] SendEvents(thread, stripe.last_offset);
    stripe.lock.Unlock();
  } else {
    LockNeed need;
    for (const PreparedCommand& p : unit) AddNeed(*p.command, p.args, true, need);
    if (!need.any && !need.all) {
      need.stripes.set(0);
      need.any = true;
    }
    need.writes = false;  // nobody is served on a replica
    all = need.all;
    RunLocked(thread, client, need, run);
  }
  for (auto& f : after) f();
  return obeyed;
}

void Engine::QueueCommand(ThreadState& thread, PreparedCommand& p, ReplyWriter& reply) {
  Client& client = *p.client;
  // A transaction that is lost already is not worth remembering.
  if (!client.multi_failed) {
    QueuedCommand queued{p.command, {}};
    queued.args.reserve(p.args.size());
    for (std::string_view a : p.args) {
      queued.args.emplace_back(a);
      client.queue_bytes += a.size() + sizeof(std::string);
    }
    client.queue_writes |= p.command->Is(CommandFlag::kWrite) || p.command->Is(CommandFlag::kMayReplicate);
    client.queue_denies_oom |= p.command->Is(CommandFlag::kDenyOom);
    client.queue.push_back(std::move(queued));
    if (client.queue_bytes > config_->Bytes(Directive::kSlotwiseMultiQueueLimit) && client.kind == ClientKind::kNormal) {
      client.close_after_reply = true;
      client.queue.clear();
      return Refuse(thread, p, reply, "ERR transaction is too big: its queued commands exceed slotwise-multi-queue-limit");
    }
  }
  reply.Simple("QUEUED");
}

void Engine::BeforeWrite(SnapshotPass& pass, const CommandContext& ctx) {
  if (!ctx.command.Is(CommandFlag::kWrite) && !ctx.command.Is(CommandFlag::kMayReplicate)) return;
  if (ctx.command.lock == LockMode::kSelf && !ctx.in_exec) return;  // it says so itself, once it holds them
  // Two commands write to a database that only their arguments name.
  bool elsewhere = ctx.command.Is(CommandId::kMove) || ctx.command.Is(CommandId::kCopy);
  ForEachKeyIndex(ctx.command, ctx.args.data(), ctx.args.size(), [&](std::size_t i) {
    KeyRef key(ctx.args[i]);
    if (!elsewhere) return pass.BeforeChange(keyspace_->Db(ctx.client.db), key);
    for (int db = 0; db < keyspace_->database_count(); ++db) pass.BeforeChange(keyspace_->Db(db), key);
  });
}

void Engine::BeforeChange(SnapshotPass& pass, Database& db, Entry* entry) { pass.BeforeChange(db, entry); }

// Runs the handler under locks that are held and adds what it propagates to the unit.
[[gnu::always_inline]] inline void Engine::RunHandler(ThreadState& thread, CommandContext& ctx, std::string_view wire) {
  int db = ctx.client.db;
  BeforeHandler(ctx);
  ctx.command.handler(ctx);
  if (observers_.load(std::memory_order_relaxed) != 0) [[unlikely]] Observe(ctx);
  if (ctx.dirty != 0) {
    dirty_.store(dirty_.load(std::memory_order_relaxed) + ctx.dirty, std::memory_order_relaxed);
    if (!ctx.propagation_chosen && records_effects() && !ctx.loading()) {
      thread.unit.AddReceived(db, ctx.args.data(), ctx.args.size(), wire);
    }
  }
}

[[gnu::always_inline]] inline bool Engine::RunOne(ThreadState& thread, PreparedCommand& p, ReplyWriter& reply) {
  Client& client = *p.client;
  const Command& command = *p.command;
  CommandContext ctx{*this, thread, client, reply, command, p.args, thread.now_ms};
  ctx.prepared_index = p.key_index == UINT32_MAX ? SIZE_MAX : p.key_index;
  ctx.prepared_key = &p.key;
  thread.unit.Clear();
  thread.unit.set_atomic(true);
  const bool bound = cluster_ && client.kind < ClientKind::kLoader;  // to the slots of this node
  const Cluster::Call call{&command, p.args};
  if (command.lock == LockMode::kKeys && command.key_layout == KeyLayout::kOne) {
    Stripe& stripe = keyspace_->StripeForSlot(p.key.slot);
    stripe.lock.Lock();
    if (bound && !cluster_->Serves(p.key.slot)) [[unlikely]] {
      const std::string refusal = cluster_->Refusal(client, {&call, 1}, thread.now_ms, true);
      if (!refusal.empty()) {
        stripe.lock.Unlock();
        Refuse(thread, p, reply, refusal);
        return false;
      }
    }
    if (!stripe.waits || !command.Is(CommandFlag::kWrite)) [[likely]] {
      RunHandler(thread, ctx, p.wire);
      if (!thread.unit.empty()) stripe.last_offset = log().Append(thread.unit);
      std::uint64_t gate = stripe.last_offset;
      if (!thread.events.empty()) [[unlikely]] SendEvents(thread, gate);
      stripe.lock.Unlock();
      if (gate > client.gate) client.gate = gate;
      return true;
    }
    stripe.lock.Unlock();  // somebody may have to be served, for which other stripes may be needed
  }
  LockNeed need;
  AddNeed(command, p.args, false, need);
  std::string refusal;
  RunLocked(thread, client, need, [&] {
    ctx.all_locked = need.all;
    if (bound) [[unlikely]] refusal = cluster_->Refusal(client, {&call, 1}, thread.now_ms, need.any || need.all);
    if (refusal.empty()) [[likely]] RunHandler(thread, ctx, p.wire);
  });
  if (!refusal.empty()) [[unlikely]] {
    Refuse(thread, p, reply, refusal);
    return false;
  }
  if (ctx.gate > client.gate) client.gate = ctx.gate;
  if (ctx.after_unlock) ctx.after_unlock();
  return true;
}

// Takes the stripes, runs, appends the unit, serves who waited for what was changed, notes the offsets, and lets go.
template <typename Body>
void Engine::RunLocked(ThreadState& thread, Client& client, LockNeed& need, Body&& body) {
  StripeSet& stripes = need.stripes;
  if (need.all) keyspace_->LockAll();
  else if (need.any && need.writes) blocking_->LockWithTargets(stripes);
  else if (need.any) keyspace_->Lock(stripes);
  body();
  std::uint64_t offset = thread.unit.empty() ? 0 : log().Append(thread.unit);
  if (!thread.ready.empty() && (need.all || need.any)) [[unlikely]] {
    if (!thread.events.empty()) SendEvents(thread, offset);  // before what those who are served cause
    if (std::uint64_t served = blocking_->Serve(thread)) offset = served;
  }
  std::uint64_t gate = offset;
  auto note = [&](int index) {
    Stripe& s = keyspace_->StripeAt(index);
    if (offset != 0) s.last_offset = offset;
    else if (s.last_offset > gate) gate = s.last_offset;
  };
  if (need.all) {
    for (int i = 0; i < kStripeCount; ++i) note(i);
  } else if (need.any) {
    for (std::size_t i = stripes._Find_first(); i < stripes.size(); i = stripes._Find_next(i)) note(static_cast<int>(i));
  }
  if (!thread.events.empty()) [[unlikely]] SendEvents(thread, gate);
  if (need.all) keyspace_->UnlockAll();
  else if (need.any) keyspace_->Unlock(stripes);
  if (gate > client.gate) client.gate = gate;
  if (!thread.ready.empty()) [[unlikely]] ServeLater(thread);
  if (!thread.served.empty()) [[unlikely]] blocking_->Deliver(thread);
}

// Keys that a handler made ready under locks of its own (LockMode::kSelf), which are gone.
void Engine::ServeLater(ThreadState& thread) {
  StripeSet stripes = Blocking::StripesOf(thread);
  blocking_->LockWithTargets(stripes);
  std::uint64_t offset = blocking_->Serve(thread);
  for (std::size_t i = stripes._Find_first(); offset != 0 && i < stripes.size(); i = stripes._Find_next(i)) {
    keyspace_->StripeAt(static_cast<int>(i)).last_offset = offset;
  }
  keyspace_->Unlock(stripes);
}

bool Engine::RunExec(ThreadState& thread, PreparedCommand& p, ReplyWriter& reply) {
  Client& client = *p.client;
  if (!client.in_multi) {
    reply.Error("ERR EXEC without MULTI");
    return true;
  }
  if (client.multi_failed) {
    DiscardTransaction(client);
    reply.Error(errors::kExecAbort);
    return true;
  }
  // Everything that any queued command or WATCH names is held from the check to the end.
  LockNeed need;
  std::vector<std::vector<std::string_view>> args(client.queue.size());
  for (std::size_t i = 0; i < client.queue.size(); ++i) {
    args[i].assign(client.queue[i].args.begin(), client.queue[i].args.end());
    AddNeed(*client.queue[i].command, args[i], true, need);
  }
  for (const Client::Watched& w : client.watched) need.Add(w.key);
  thread.unit.Clear();
  thread.unit.set_atomic(true);
  bool aborted = false;
  std::string refusal;
  std::vector<std::function<void()>> after;
  std::vector<QueuedCommand> queue = std::move(client.queue);
  client.queue.clear();
  RunLocked(thread, client, need, [&] {
    if (cluster_ && client.kind < ClientKind::kLoader) [[unlikely]] {
      std::vector<Cluster::Call> calls;
      for (std::size_t i = 0; i < queue.size(); ++i) calls.push_back({queue[i].command, args[i]});
      refusal = cluster_->Refusal(client, calls, thread.now_ms, need.any || need.all);
    }
    if (client.watch && client.watch->dirty.load(std::memory_order_relaxed)) aborted = true;
    for (const Client::Watched& w : client.watched) {
      // A watched key whose time came counts as changed, though nobody has deleted it yet.
      if (aborted) break;
      KeyRef key(w.key);
      Database::Place place = keyspace_->Db(w.db).Find(key);
      if (!place || !place.entry()->ExpiredAt(thread.now_ms)) continue;
      const Stripe& stripe = keyspace_->StripeForSlot(key.slot);
      if (!stripe.watches || !stripe.watches->IsStale(w.db, w.key, client.watch.get())) aborted = true;
    }
    UnwatchLocked(client);
    client.in_multi = false;
    client.queue_bytes = 0;
    client.queue_writes = client.queue_denies_oom = false;
    if (aborted || !refusal.empty()) return;
    reply.Array(static_cast<std::int64_t>(queue.size()));
    for (std::size_t i = 0; i < queue.size(); ++i) {
      const Command& command = *queue[i].command;
      CommandContext ctx{*this, thread, client, reply, command, args[i], thread.now_ms};
      ctx.in_exec = true;
      ctx.all_locked = need.all;
      ctx.holds_stripes = need.all || need.any;
      int errors_before = reply.errors();
      std::uint64_t start = Ticks();
      reply.set_protocol(client.protocol);
      // Again, since rules or the user may have changed after it was queued: even by a command before it.
      if (client.free_epoch != acl_->epoch()) [[unlikely]] {
        if (!acl_->Refresh(client)) (void)acl_->Refresh(client);  // deleted: the default user now, until the end
        AclDenial denial = client.free_epoch != 0 ? AclDenial::kNone : acl_->Check(client, command, args[i], {thread.now_ms, true});
        if (denial != AclDenial::kNone) {
          reply.Error(AclDenialReplyInExec(denial));
          CountError(reply.last_error_code());
          continue;
        }
      }
      RunHandler(thread, ctx);
      CommandRan(thread, client, command, args[i], TicksToNs(Ticks() - start));
      if (reply.errors() > errors_before) {
        thread.command_stats[command.id].failed.Add();
        CountError(reply.last_error_code());
      }
      if (ctx.after_unlock) after.push_back(std::move(ctx.after_unlock));
    }
  });
  for (auto& f : after) f();
  if (!refusal.empty()) [[unlikely]] {
    thread.command_stats[p.command->id].rejected.Add();
    reply.Error(refusal);
    CountError(reply.last_error_code());
    return false;
  }
  if (aborted) reply.NullArray();
  return true;
}

void Engine::AppendEffects(ThreadState& thread, Stripe& stripe) {
  if (!thread.unit.empty()) {
    stripe.last_offset = thread.outside_offset = log().Append(thread.unit);
    thread.unit.Clear();
  }
  if (!thread.events.empty()) [[unlikely]] SendEvents(thread, stripe.last_offset);
}

void Engine::KeyTouched(ThreadState& thread, Stripe& stripe, int db, std::string_view key, bool by_command) {
  if (stripe.watches) stripe.watches->Touch(db, key, static_cast<bool>(keyspace_->Db(db).Find(KeyRef(key))));
  tracking_->KeyChanged(thread, stripe, key, by_command ? Tracking::Why::kCommand : Tracking::Why::kNobody);
}

}  // namespace slotwise
