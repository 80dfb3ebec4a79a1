// SYNC, PSYNC, REPLCONF: what replicas say to their primary. REPLICAOF and ROLE: whom this server follows, and who follows it.
// Source: Redis 7.0 replication and command documentation; spec replication.md sections 3, 4, 15.
// Elsewhere: replicas and the stream (engine/replication.h), whether a replica may continue (replication/resync.h).
#include <memory>
#include <mutex>

#include "commands/command_table.h"
#include "commands/debug.h"
#include "engine/client.h"
#include "engine/copy_lease.h"
#include "engine/engine.h"
#include "engine/failover.h"
#include "engine/replica.h"
#include "engine/replica_link.h"
#include "engine/replication.h"
#include "engine/semi_sync_gate.h"
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
  if (ctx.engine.replication().failover().state() != Failover::State::kNone) {
    ctx.Error("NOMASTERLINK Can't SYNC while failing over");
    return false;
  }
  if (!ctx.engine.is_replica() && !ctx.engine.replication().copies().feeds()) {
    // What it has may be less than what its replicas have acknowledged.
    ctx.Error("NOMASTERLINK Can't SYNC while this primary does not lead the copies of its shard");
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

// The primary hands over: this replica is one from here on.
bool TakeOver(CommandContext& ctx) {
  Replication& replication = ctx.engine.replication();
  if (!ctx.engine.is_replica()) return ctx.Error("ERR PSYNC FAILOVER can't be sent to a master."), false;
  if (!EqualsIgnoreCase(ctx.arg(1), replication.Position().id)) return ctx.Error("ERR PSYNC FAILOVER replid must match my replid."), false;
  {
    std::lock_guard<std::mutex> role(replication.role_mutex());
    AllStripes all(ctx);
    replication.SetPrimary({}, 0);
  }
  const std::string nobody[] = {"no", "one"};
  (void)ctx.engine.config().Override(Directive::kReplicaof, nobody);
  replication.RoleChanged();
  ctx.engine.logger().Info("MASTER MODE enabled (failover request from '" + ctx.client.address + "')");
  return true;
}

void Psync(CommandContext& ctx) {
  if (!MayFollow(ctx)) return;
  if (ctx.argc() > 3) {
    if (!ctx.ArgIs(3, "failover")) return ctx.SyntaxError();
    if (!TakeOver(ctx)) return;
  }
  std::int64_t offset;
  if (!ctx.IntegerArg(2, &offset)) return;
  Replication& replication = ctx.engine.replication();
  if (replication.Continue(ctx.client, ctx.arg(1), offset, *ctx.thread.client_out)) return;
  replication.StartFullResync(ctx.client, /*acknowledges=*/true);
}

// The second channel of a replica of ours (replication_relays.cc).
void SecondChannel(CommandContext& ctx, ReplconfResult::Channel channel) {
  using Channel = ReplconfResult::Channel;
  Client& client = ctx.client;
  Replication& replication = ctx.engine.replication();
  if (!client.sink || client.fd < 0 || ctx.inside_exec()) return ctx.Error("ERR only a connection can follow the replication stream");
  switch (channel) {
    case Channel::kNone: return;
    case Channel::kOffered: return ctx.reply.Simple(ctx.engine.semi_sync().takes_relays() ? "DUAL" : "OK");
    case Channel::kStandsBy:
      if (client.replica || client.monitor) return ctx.Error("ERR this connection is a replica already");
      replication.AddStandby(client);
      return ctx.reply.Ok();
    case Channel::kStarts:
      if (!client.replica || !client.replica->relay) return ctx.Error("ERR this connection is no replica's second channel");
      return ctx.reply.Simple(ctx.engine.semi_sync().StartRelay(client));
    case Channel::kMerged: return replication.RelayMerged(client);
    case Channel::kLeft: return replication.LeaveLink(client);
  }
}

void Replconf(CommandContext& ctx) {
  Client& client = ctx.client;
  if (!client.announce) client.announce = std::make_shared<ReplicaAnnounce>();
  ReplconfResult result = ParseReplconf(ctx.args, client.announce.get());
  if (!result.error.empty()) return ctx.Error(result.error);
  if (result.channel != ReplconfResult::Channel::kNone) return SecondChannel(ctx, result.channel);
  if (!result.silent) return ctx.reply.Ok();
  if (result.acknowledges && client.replica) ctx.engine.replication().Acknowledged(*client.replica, result.offset, result.fsynced, result.tag);
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
  if (ctx.engine.cluster() != nullptr && !ctx.client.control) return ctx.Error("ERR REPLICAOF not allowed in cluster mode.");
  if (!nobody) {
    if (ctx.client.replica) return ctx.Error("ERR Command is not valid when client is a replica.");
    if (!ctx.IntegerArgInRange(2, 0, 65535, &port, "ERR Invalid master port")) return;
    host = ctx.arg(1);
    if (host.empty() || host.find('\0') != std::string::npos) return ctx.Error("ERR Invalid master host");
    if (replication.SamePrimary(host, static_cast<int>(port))) return ctx.reply.Simple("OK Already connected to specified master");
  }
  if (nobody && !ctx.engine.is_replica()) return ctx.reply.Ok();
  // What a relay holds next is a part of what is promoted. The link that applies it needs stripes.
  if (nobody && !ctx.holds_all()) replication.link().FinishRelay();
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

void FailoverCommand(CommandContext& ctx) {
  if (ctx.engine.cluster() != nullptr) return ctx.Error("ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.");
  if (ctx.holds_all()) return ctx.Error("ERR FAILOVER is not allowed inside a transaction");
  Failover& failover = ctx.engine.replication().failover();
  Failover::Request request;
  bool to = false, timeout = false;
  const bool abort = ctx.argc() == 2 && ctx.ArgIs(1, "abort");
  for (std::size_t i = 1; i < ctx.argc() && !abort; ++i) {
    if (ctx.ArgIs(i, "timeout") && i + 1 < ctx.argc() && !timeout) {
      if (!ctx.IntegerArg(++i, &request.timeout_ms, "ERR value is not an integer or out of range")) return;
      if (request.timeout_ms <= 0) return ctx.Error("ERR FAILOVER timeout must be greater than 0");
      timeout = true;
    } else if (ctx.ArgIs(i, "to") && i + 2 < ctx.argc() && !to) {
      std::int64_t port;
      request.host = ctx.arg(i + 1);
      if (!ctx.IntegerArg(i + 2, &port)) return;
      request.port = static_cast<int>(port);
      to = true;
      i += 2;
    } else if (ctx.ArgIs(i, "force") && !request.force) {
      request.force = true;
    } else {
      return ctx.SyntaxError();
    }
  }
  const std::string error = abort ? failover.Abort() : failover.Start(request);
  if (!error.empty()) return ctx.Error(error);
  ctx.reply.Ok();
  failover.Step();
}

SLOTWISE_COMMANDS(replication, {"failover", FailoverCommand, LockMode::kSelf}, {"sync", Sync}, {"psync", Psync, LockMode::kSelf}, {"replconf", Replconf}, {"role", Role}, {"replicaof", ReplicaOf, LockMode::kSelf},
                  {"slaveof", ReplicaOf, LockMode::kSelf});

}  // namespace
}  // namespace slotwise
