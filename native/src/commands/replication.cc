// SYNC, PSYNC, REPLCONF: what replicas say to their primary. REPLICAOF and ROLE: whom this server follows, and who follows it.
// Source: Redis 7.0 replication and command documentation; spec replication.md sections 3, 4, 15.
// Elsewhere: replicas and the stream (engine/replication.h), whether a replica may continue (replication/resync.h).
#include <memory>
#include <mutex>

#include "commands/command_table.h"
#include "commands/debug.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "engine/replica.h"
#include "engine/replica_link.h"
#include "engine/replication.h"
#include "engine/thread_state.h"
#include "replication/replconf.h"

namespace slotwise {
namespace {

// False: it is a replica already, or cannot become one, and has been told.
bool MayFollow(CommandContext& ctx) {
  if (ctx.client.replica || ctx.client.monitor) return false;  // no answer, as in Redis
  if (!ctx.engine.replication().MayBeFollowed()) {
    ctx.Error("NOMASTERLINK Can't SYNC while not connected with my master");
    return false;
  }
  if (ctx.argc() > 3 && ctx.ArgIs(3, "failover")) {
    ctx.Error("ERR PSYNC FAILOVER can't be sent to a master.");
    return false;
  }
  if (!ctx.client.sink || ctx.client.fd < 0 || ctx.inside_exec()) {
    ctx.Error("ERR only a connection can follow the replication stream");
    return false;
  }
  if (!ctx.thread.client_out->empty()) {
    ctx.Error("ERR SYNC and PSYNC are invalid with pending output");
    return false;
  }
  if (ctx.client.announce && ctx.client.announce->filtered && !ctx.client.announce->eof) {
    ctx.Error("ERR Filtered replica requires EOF capability");
    return false;
  }
  return true;
}

void Sync(CommandContext& ctx) {
  if (MayFollow(ctx)) ctx.engine.replication().StartFullResync(ctx.client, /*acknowledges=*/false);
}

void Psync(CommandContext& ctx) {
  if (!MayFollow(ctx)) return;
  std::int64_t offset;
  if (!ctx.IntegerArg(2, &offset)) return;
  Replication& replication = ctx.engine.replication();
  if (replication.Continue(ctx.client, ctx.arg(1), offset, *ctx.thread.client_out)) return;
  replication.StartFullResync(ctx.client, /*acknowledges=*/true);
}

void Replconf(CommandContext& ctx) {
  Client& client = ctx.client;
  if (!client.announce) client.announce = std::make_shared<ReplicaAnnounce>();
  ReplconfResult result = ParseReplconf(ctx.args, client.announce.get());
  if (!result.error.empty()) return ctx.Error(result.error);
  if (!result.silent) return ctx.reply.Ok();
  if (result.acknowledges && client.replica) ctx.engine.replication().Acknowledged(*client.replica, result.offset, result.fsynced);
}

void Role(CommandContext& ctx) {
  Replication::Info info = ctx.engine.replication().info();
  if (info.replica) {
    const LinkState state = ctx.engine.replication().link().info().state;
    ctx.reply.Array(5);
    ctx.reply.Bulk("slave");
    ctx.reply.Bulk(info.primary_host);
    ctx.reply.Integer(info.primary_port);
    ctx.reply.Bulk(LinkStateName(state == LinkState::kNone ? LinkState::kConnect : state));
    ctx.reply.Integer(state == LinkState::kConnected ? info.offset : -1);
    return;
  }
  std::erase_if(info.replicas, [](const Replication::ReplicaLine& r) { return r.state != Replica::State::kOnline; });
  ctx.reply.Array(3);
  ctx.reply.Bulk("master");
  ctx.reply.Integer(info.offset);
  ctx.reply.Array(static_cast<std::int64_t>(info.replicas.size()));
  for (const Replication::ReplicaLine& r : info.replicas) {
    ctx.reply.Array(3);
    ctx.reply.Bulk(r.ip);
    ctx.reply.Bulk(std::to_string(r.port));
    ctx.reply.Bulk(std::to_string(r.acked));
  }
}

void ReplicaOf(CommandContext& ctx) {
  Replication& replication = ctx.engine.replication();
  std::string host;
  std::int64_t port = 0;
  const bool nobody = ctx.ArgIs(1, "no") && ctx.ArgIs(2, "one");
  if (!nobody) {
    if (ctx.client.replica) return ctx.Error("ERR Command is not valid when client is a replica.");
    if (!ctx.IntegerArgInRange(2, 0, 65535, &port, "ERR Invalid master port")) return;
    host = ctx.arg(1);
    if (host.empty() || host.find('\0') != std::string::npos) return ctx.Error("ERR Invalid master host");
    if (replication.SamePrimary(host, static_cast<int>(port))) return ctx.reply.Simple("OK Already connected to specified master");
  }
  if (nobody && !ctx.engine.is_replica()) return ctx.reply.Ok();
  std::unique_lock<std::mutex> role(replication.role_mutex(), std::defer_lock);
  if (!ctx.holds_all()) {
    role.lock();
  } else if (!role.try_lock()) {
    return ctx.Error("ERR a full resynchronization is just being completed, try again");
  }
  {
    AllStripes all(ctx);
    replication.SetPrimary(host, static_cast<int>(port));
  }
  // What CONFIG GET and CONFIG REWRITE say.
  const std::string words[] = {nobody ? "no" : host, nobody ? "one" : std::to_string(port)};
  (void)ctx.engine.config().Override(Directive::kReplicaof, words);
  // Without locks, also after EXEC: clients that wait are told, replicas sent away.
  role.unlock();
  if (ctx.inside_exec()) ctx.after_unlock = [&replication] { replication.RoleChanged(); };
  else replication.RoleChanged();
  const std::string who = " (user request from '" + ctx.client.address + "')";
  if (nobody) ctx.engine.logger().Info("MASTER MODE enabled" + who);
  else ctx.engine.logger().Info("REPLICAOF " + host + ":" + std::to_string(port) + " enabled" + who);
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(replication, {"sync", Sync}, {"psync", Psync}, {"replconf", Replconf}, {"role", Role}, {"replicaof", ReplicaOf, LockMode::kSelf},
                  {"slaveof", ReplicaOf, LockMode::kSelf});

}  // namespace
}  // namespace slotwise
