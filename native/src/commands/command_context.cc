#include <string>

#include "base/double_text.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "engine/blocking.h"
#include "engine/client.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/thread_state.h"
#include "keyspace/access.h"
#include "values/string_value.h"

namespace slotwise {

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

Database& CommandContext::Db() { return engine.keyspace().Db(client.db); }
Database& CommandContext::Db(int index) { return engine.keyspace().Db(index); }
int CommandContext::db_index() const { return client.db; }
bool CommandContext::loading() const { return client.kind == ClientKind::kLoader; }
bool CommandContext::replaying() const { return client.kind >= ClientKind::kLoader; }

namespace {

// Every command passes here at least once: compiled into its callers.
[[gnu::always_inline]] inline CommandContext::Place PeekAt(CommandContext& ctx, int db, const KeyRef& key) {
  CommandContext::Place place = ctx.engine.keyspace().Db(db).Find(key);
  if (!place) return place;
  // While the log is replayed or the primary's stream applied nothing expires: the DEL that belongs to it follows.
  if (place.entry()->ExpiredAt(ctx.now_ms) && !ctx.replaying()) [[unlikely]] {
    // A replica waits for its primary to say so. Who writes to it all the same finds the key gone, which nobody else is told.
    if (ctx.engine.is_replica() && !ctx.command.Is(CommandFlag::kWrite)) return {};
    // CLIENT PAUSE promises that nothing changes: who only reads sees the key as gone, and leaves it.
    if (!ctx.command.Is(CommandFlag::kWrite) && ctx.engine.clients().pause().UntilMs(ctx.now_ms) != 0) return {};
    ctx.engine.DeleteAsEffect(ctx.thread, db, key, place, false);
    return {};
  }
  return place;
}

}  // namespace

CommandContext::Place CommandContext::PeekIn(int db, const KeyRef& key) { return PeekAt(*this, db, key); }

CommandContext::Place CommandContext::FindForRead(const KeyRef& key) {
  Place place = PeekAt(*this, client.db, key);
  if (!place) {
    thread.stats.keyspace_misses.Add();
    Notify(kNotifyKeyMiss, "keymiss", key.key);
    return place;
  }
  thread.stats.keyspace_hits.Add();
  if (!client.no_touch) TouchAccess(place.entry(), engine.access(), now_ms, thread.random);
  return place;
}

CommandContext::Place CommandContext::FindForWrite(const KeyRef& key) {
  Place place = PeekAt(*this, client.db, key);
  if (place) TouchAccess(place.entry(), engine.access(), now_ms, thread.random);
  return place;
}

void CommandContext::ChangedIn(int db, const KeyRef& key) {
  ++dirty;
  Stripe& stripe = engine.keyspace().StripeForSlot(key.slot);
  if (stripe.listeners > 0 || engine.broadcasts_changes()) [[unlikely]] engine.KeyTouched(thread, stripe, db, key.key, true);
  if (stripe.waits && !replaying()) [[unlikely]] engine.blocking().NoteReady(thread, stripe, db, key);
}

void CommandContext::Erase(const KeyRef& key, Place place) { Db().Erase(key, place); }

void CommandContext::NotifyIn(int db, int notify_class, std::string_view event, std::string_view key) {
  if (engine.notify_flags() & notify_class) [[unlikely]] engine.Notify(thread, db, notify_class, event, key);
}

void CommandContext::PropagateIn(int db, std::span<const std::string_view> argv) {
  propagation_chosen = true;
  if (engine.records_effects() && !loading()) thread.unit.Add(db, argv.data(), argv.size());
}

bool CommandContext::IntegerArg(std::size_t i, std::int64_t* out, const char* error) {
  if (ParseInteger(args[i], out)) return true;
  reply.Error(error);
  return false;
}

bool CommandContext::IntegerArgInRange(std::size_t i, std::int64_t min, std::int64_t max, std::int64_t* out, const char* error) {
  if (!IntegerArg(i, out, error == nullptr ? errors::kNotInteger : error)) return false;
  if (*out >= min && *out <= max) return true;
  if (error != nullptr) reply.Error(error);
  else reply.Error("ERR value is out of range, value must between " + std::to_string(min) + " and " + std::to_string(max));
  return false;
}

bool CommandContext::DoubleArg(std::size_t i, double* out, const char* error) {
  if (ParseDouble(args[i], out)) return true;
  reply.Error(error);
  return false;
}

bool CommandContext::ArgIs(std::size_t i, std::string_view word) const { return EqualsIgnoreCase(args[i], word); }

void CommandContext::WrongArity() { reply.Error(CommandTable::WrongArityText(command)); }

void CommandContext::ReplyHelp(std::span<const std::string_view> lines) {
  std::string container(args[0]);
  for (char& c : container) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  reply.Array(static_cast<std::int64_t>(lines.size()) + 3);
  reply.Simple(container + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (std::string_view line : lines) reply.Simple(line);
  reply.Simple("HELP");
  reply.Simple("    Prints this help.");
}

StripeGuard::StripeGuard(CommandContext& ctx, int stripe) : ctx_(ctx), stripe_(stripe) {
  if (!ctx_.all_locked) ctx_.engine.keyspace().StripeAt(stripe_).lock.Lock();
}

StripeGuard::~StripeGuard() {
  if (ctx_.all_locked) return;  // the executor appends what EXEC did as one unit
  Stripe& stripe = ctx_.engine.keyspace().StripeAt(stripe_);
  if (!ctx_.thread.unit.empty()) ctx_.thread.unit.set_atomic(false);
  ctx_.engine.AppendEffects(ctx_.thread, stripe);
  if (stripe.last_offset > ctx_.gate) ctx_.gate = stripe.last_offset;
  stripe.lock.Unlock();
}

}  // namespace slotwise
