// MULTI, DISCARD, WATCH, UNWATCH. EXEC is the executor's: it locks for all queued commands at once.
#include "commands/command_table.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "keyspace/watch_list.h"

namespace slotwise {
namespace {

void Multi(CommandContext& ctx) {
  if (ctx.client.in_multi) return ctx.Error("ERR MULTI calls can not be nested");
  ctx.client.in_multi = true;
  ctx.client.multi_failed = false;
  ctx.reply.Ok();
}

void Discard(CommandContext& ctx) {
  if (!ctx.client.in_multi) return ctx.Error("ERR DISCARD without MULTI");
  ctx.engine.DiscardTransaction(ctx.client);
  ctx.reply.Ok();
}

// The stripes of the keys are held, so no write can slip between the lookup and the entry in the list.
void Watch(CommandContext& ctx) {
  Client& client = ctx.client;
  if (client.in_multi) return ctx.Error("ERR WATCH inside MULTI is not allowed");
  auto limit = static_cast<std::size_t>(ctx.engine.config().Int(Directive::kSlotwiseWatchedKeysMax));
  if (client.watched.size() + ctx.argc() - 1 > limit) return ctx.Error("ERR too many watched keys");
  if (!client.watch) client.watch = std::make_shared<WatchState>();
  for (std::size_t i = 1; i < ctx.argc(); ++i) {
    bool known = false;
    for (const Client::Watched& w : client.watched) known |= w.db == client.db && w.key == ctx.arg(i);
    if (known) continue;
    KeyRef key = ctx.Key(i);
    Database::Place place = ctx.Db().Find(key);
    bool expired = place && place.entry()->ExpiredAt(ctx.now_ms);
    client.watched.push_back({client.db, std::string(ctx.arg(i))});
    client.watched_bytes += 2 * ctx.arg(i).size() + sizeof(Client::Watched) + 96;  // beside it a node and a watcher in the stripe's list
    Stripe& stripe = ctx.engine.keyspace().StripeForSlot(key.slot);
    if (!stripe.watches) stripe.watches = std::make_unique<WatchList>();
    stripe.watches->Add(client.db, ctx.arg(i), client.watch, expired);
    stripe.CountListeners();
  }
  ctx.reply.Ok();
}

void Unwatch(CommandContext& ctx) {
  // Inside EXEC the watches are gone already.
  if (!ctx.inside_exec()) ctx.engine.Unwatch(ctx.client);
  ctx.reply.Ok();
}

// Never called: Engine::Execute recognises EXEC. Registered so that clients know the command.
void Exec(CommandContext& ctx) { ctx.Error("ERR EXEC without MULTI"); }

SLOTWISE_COMMANDS(transactions, {"multi", Multi}, {"discard", Discard}, {"watch", Watch}, {"unwatch", Unwatch}, {"exec", Exec});

}  // namespace
}  // namespace slotwise
