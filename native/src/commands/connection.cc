// Connection: who a client is, which protocol it speaks, which database it uses.
// Source: Redis 7.0 command documentation. Elsewhere: CLIENT (client_commands.cc).
#include "commands/connection.h"

#include <climits>

#include "base/version.h"
#include "commands/pubsub_commands.h"
#include "engine/access_control.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/tracking.h"

namespace slotwise {
namespace {

constexpr const char* kWrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";
constexpr const char* kHelloNeedsAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be "
    "used to authenticate the client and select the RESP protocol version at the same time";

bool Authenticate(CommandContext& ctx, std::string_view user, std::string_view password) {
  AccessControl& acl = ctx.engine.acl();
  if (acl.Authenticate(ctx.client, user, password, {ctx.now_ms, ctx.inside_exec(), ctx.arg(0)})) return true;
  ctx.Error(kWrongPassword);
  return false;
}

void Ping(CommandContext& ctx) {
  if (ctx.argc() > 2) return ctx.WrongArity();
  if (ctx.client.protocol == 2 && ctx.client.subscribed()) {
    // In the shape of a message, so that a RESP2 client which only expects messages can tell.
    ctx.reply.Array(2);
    ctx.reply.Bulk("pong");
    ctx.reply.Bulk(ctx.argc() == 2 ? ctx.arg(1) : "");
  } else if (ctx.argc() == 2) {
    ctx.reply.Bulk(ctx.arg(1));
  } else {
    ctx.reply.Simple("PONG");
  }
}

void Echo(CommandContext& ctx) { ctx.reply.Bulk(ctx.arg(1)); }

void Select(CommandContext& ctx) {
  std::int64_t db;
  if (!ctx.IntegerArg(1, &db)) return;
  if (db < INT_MIN || db > INT_MAX) return ctx.Error("ERR value is out of range, value must between -2147483648 and 2147483647");
  if (db != 0 && ctx.engine.cluster() != nullptr) return ctx.Error("ERR SELECT is not allowed in cluster mode");
  if (db < 0 || db >= ctx.engine.keyspace().database_count()) return ctx.Error(errors::kDbOutOfRange);
  ctx.client.db = static_cast<int>(db);
  ctx.reply.Ok();
}

void Auth(CommandContext& ctx) {
  if (ctx.argc() > 3) return ctx.SyntaxError();
  if (ctx.argc() == 3) {
    if (Authenticate(ctx, ctx.arg(1), ctx.arg(2))) ctx.reply.Ok();
    return;
  }
  AclUsers& users = ctx.engine.acl().users();
  if (users.Look(users.default_account()).rules->nopass()) {
    return ctx.Error(
        "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?");
  }
  if (Authenticate(ctx, "default", ctx.arg(1))) ctx.reply.Ok();
}

void Hello(CommandContext& ctx) {
  std::int64_t protocol = ctx.client.protocol;
  if (ctx.argc() >= 2) {
    if (!ctx.IntegerArg(1, &protocol, "ERR Protocol version is not an integer or out of range")) return;
    if (protocol < 2 || protocol > 3) return ctx.Error("NOPROTO unsupported protocol version");
  }
  for (std::size_t i = 2; i < ctx.argc(); ++i) {
    std::size_t more = ctx.argc() - i - 1;
    if (ctx.ArgIs(i, "auth") && more >= 2) {
      if (!Authenticate(ctx, ctx.arg(i + 1), ctx.arg(i + 2))) return;
      i += 2;
    } else if (ctx.ArgIs(i, "setname") && more >= 1) {
      if (!SetClientName(ctx, ctx.arg(i + 1))) return;
      i += 1;
    } else {
      return ctx.Error("ERR Syntax error in HELLO option '" + std::string(ctx.arg(i)) + "'");
    }
  }
  if (!ctx.client.authenticated && ctx.client.kind == ClientKind::kNormal) return ctx.Error(kHelloNeedsAuth);
  if (protocol != ctx.client.protocol) WriteWaitingPushes(ctx);  // pushed to a client of the old protocol
  ctx.client.protocol = static_cast<int>(protocol);
  ctx.reply.set_protocol(ctx.client.protocol);
  ReplyWriter& reply = ctx.reply;
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(protocol);
  reply.Bulk("id");
  reply.Integer(static_cast<std::int64_t>(ctx.client.id));
  reply.Bulk("mode");
  reply.Bulk(ctx.engine.cluster() == nullptr ? "standalone" : "cluster");
  reply.Bulk("role");
  reply.Bulk(ctx.engine.is_replica() ? "replica" : "master");
  reply.Bulk("modules");
  reply.Array(0);
}

void Reset(CommandContext& ctx) {
  Client& client = ctx.client;
  OutBuffer& out = *ctx.thread.client_out;
  ctx.engine.DiscardTransaction(client);
  LeavePubSub(ctx);
  ctx.engine.StopMonitor(client);
  ctx.engine.tracking().Disable(client);
  if (client.max_staleness_ms != 0) ctx.engine.replication().SetStaleness(client, 0);
  client.db = 0;
  client.protocol = 2;
  client.reply_mode = ReplyMode::kOn;
  client.readonly = client.asking = false;
  ctx.engine.acl().BecomeDefault(client);
  client.name.clear();
  if (client.record) client.record->SetName({});
  ReplyWriter(out, 2).Simple("RESET");  // also after CLIENT REPLY OFF
}

void Quit(CommandContext& ctx) {
  ctx.client.close_after_reply = true;
  ctx.reply.Ok();
}

}  // namespace

bool SetClientName(CommandContext& ctx, std::string_view name) {
  for (char c : name) {
    if (c < '!' || c > '~') {
      ctx.Error("ERR Client names cannot contain spaces, newlines or special characters.");
      return false;
    }
  }
  ctx.client.name = name;
  if (ctx.client.record) ctx.client.record->SetName(name);
  return true;
}

SLOTWISE_COMMANDS(connection, {"ping", Ping}, {"echo", Echo}, {"select", Select}, {"auth", Auth}, {"hello", Hello},
                  {"reset", Reset}, {"quit", Quit});

}  // namespace slotwise
