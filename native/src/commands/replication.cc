// SYNC, PSYNC, REPLCONF, ROLE and REPLICAOF NO ONE: what replicas and those who watch them say to a primary.
// Source: Redis 7.0 replication and command documentation; spec replication.md sections 3, 4, 15.
// Elsewhere: replicas and the stream (engine/replication.h), whether a replica may continue (replication/resync.h).
#include <memory>

#include "commands/command_table.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "engine/replica.h"
#include "engine/replication.h"
#include "engine/thread_state.h"
#include "replication/replconf.h"

namespace slotwise {
namespace {

// False: it is a replica already, or cannot become one, and has been told.
bool MayFollow(CommandContext& ctx) {
  if (ctx.client.replica || ctx.client.monitor) return false;  // no answer, as in Redis
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
  if (result.acknowledges && client.replica) ctx.engine.replication().Acknowledged(*client.replica, result.offset);
}

void Role(CommandContext& ctx) {
  Replication::Info info = ctx.engine.replication().info();
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

// A primary that is told to follow nobody is what it was. Following somebody is not served yet.
void ReplicaOf(CommandContext& ctx) {
  if (ctx.ArgIs(1, "no") && ctx.ArgIs(2, "one")) return ctx.reply.Ok();
  std::int64_t port;
  if (!ctx.IntegerArgInRange(2, 0, 65535, &port, "ERR Invalid master port")) return;
  ctx.Error("ERR REPLICAOF host port is not supported yet: this server can only be followed");
}

SLOTWISE_COMMANDS(replication, {"sync", Sync}, {"psync", Psync}, {"replconf", Replconf}, {"role", Role}, {"replicaof", ReplicaOf},
                  {"slaveof", ReplicaOf});

}  // namespace
}  // namespace slotwise
