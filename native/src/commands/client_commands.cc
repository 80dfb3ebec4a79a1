// CLIENT: this connection and the others.
// Source: Redis 7.0 command documentation. Elsewhere: what is known of each client (engine/client_registry.h), client-side
// caching (commands/client_tracking.cc).
#include <climits>

#include "commands/client_filter.h"
#include "commands/connection.h"
#include "commands/container_help.h"
#include "engine/access_control.h"
#include "engine/blocking.h"
#include "engine/client_registry.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

std::size_t Digits(std::size_t n) { return n < 10 ? 1 : 1 + Digits(n / 10); }

// The bytes of the command as it came in RESP: what Redis shows as the input of the client that asks.
std::size_t InputSize(std::span<const std::string_view> args) {
  std::size_t size = 3 + Digits(args.size());
  for (std::string_view a : args) size += 5 + Digits(a.size()) + a.size();
  return size;
}

// The asking client's own record, brought up to date: it is in the middle of its turn.
void RefreshOwn(CommandContext& ctx, ClientRecord& record) {
  ConnectionNumbers numbers;
  numbers.input = static_cast<std::uint32_t>(InputSize(ctx.args));
  for (std::string_view a : ctx.args) numbers.argument_memory += static_cast<std::uint32_t>(a.size());
  record.Refresh(ctx.client, numbers);
}

void Info(CommandContext& ctx) {
  std::string line;
  // An embedded caller is no connection and has no record of its own.
  std::shared_ptr<ClientRecord> record = ctx.client.record ? ctx.client.record : std::make_shared<ClientRecord>(ctx.client);
  RefreshOwn(ctx, *record);
  record->AppendLine(ctx.now_ms, &line);
  ctx.reply.Verbatim(line);
}

void List(CommandContext& ctx) {
  ClientRegistry& clients = ctx.engine.clients();
  if (ctx.client.record) RefreshOwn(ctx, *ctx.client.record);
  std::string lines;
  ClientFilter filter;
  if (ctx.argc() == 4 && ctx.ArgIs(2, "type")) {
    filter.type = ClientTypeByName(ctx.arg(3));
    if (!filter.type) return ctx.Error("ERR Unknown client type '" + std::string(ctx.arg(3)) + "'");
  } else if (ctx.argc() > 3 && ctx.ArgIs(2, "id")) {
    std::vector<std::int64_t> ids(ctx.argc() - 3);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!ctx.IntegerArg(i + 3, &ids[i], "ERR Invalid client ID")) return;
    }
    for (std::int64_t id : ids) {
      if (auto record = clients.Find(static_cast<std::uint64_t>(id))) record->AppendLine(ctx.now_ms, &lines);
    }
    return ctx.reply.Verbatim(lines);
  } else if (ctx.argc() != 2) {
    return ctx.SyntaxError();
  }
  for (const auto& record : clients.All()) {
    if (filter.Matches(*record)) record->AppendLine(ctx.now_ms, &lines);
  }
  ctx.reply.Verbatim(lines);
}

// CLIENT KILL option value [option value ...]. False: replied with an error.
bool ParseKillFilter(CommandContext& ctx, ClientFilter* filter, bool* skip_me) {
  for (std::size_t i = 2; i < ctx.argc(); i += 2) {
    if (i + 1 == ctx.argc()) {
      ctx.SyntaxError();
      return false;
    }
    std::string_view value = ctx.arg(i + 1);
    if (ctx.ArgIs(i, "id")) {
      std::int64_t id;
      if (!ctx.IntegerArg(i + 1, &id, "ERR client-id should be greater than 0")) return false;
      if (id < 1) {
        ctx.Error("ERR client-id should be greater than 0");
        return false;
      }
      filter->id = static_cast<std::uint64_t>(id);
    } else if (ctx.ArgIs(i, "type")) {
      filter->type = ClientTypeByName(value);
      if (!filter->type) {
        ctx.Error("ERR Unknown client type '" + std::string(value) + "'");
        return false;
      }
    } else if (ctx.ArgIs(i, "addr")) {
      filter->address = value;
    } else if (ctx.ArgIs(i, "laddr")) {
      filter->local_address = value;
    } else if (ctx.ArgIs(i, "user")) {
      filter->user = ctx.engine.acl().users().Find(value).account;
      if (!filter->user) {
        ctx.Error("ERR No such user '" + std::string(value) + "'");
        return false;
      }
    } else if (ctx.ArgIs(i, "skipme") && EqualsIgnoreCase(value, "yes")) {
      *skip_me = true;
    } else if (ctx.ArgIs(i, "skipme") && EqualsIgnoreCase(value, "no")) {
      *skip_me = false;
    } else {
      ctx.SyntaxError();
      return false;
    }
  }
  return true;
}

void Kill(CommandContext& ctx) {
  ClientFilter filter;
  bool old_form = ctx.argc() == 3;
  bool skip_me = !old_form;
  if (old_form) filter.address = ctx.arg(2);
  else if (!ParseKillFilter(ctx, &filter, &skip_me)) return;
  if (skip_me) filter.not_id = ctx.client.id;
  ClientRegistry& clients = ctx.engine.clients();
  if (ctx.client.record) RefreshOwn(ctx, *ctx.client.record);
  std::int64_t killed = 0;
  for (const auto& record : clients.All()) {
    if (!filter.Matches(*record)) continue;
    if (record->id() == ctx.client.id) {
      ctx.client.close_after_reply = true;  // the answer still leaves
      ++killed;
    } else if (clients.Kill(record->id())) {
      ++killed;
    }
  }
  if (!old_form) return ctx.reply.Integer(killed);
  if (killed == 0) return ctx.Error("ERR No such client");
  ctx.reply.Ok();
}

void Id(CommandContext& ctx) { ctx.reply.Integer(static_cast<std::int64_t>(ctx.client.id)); }

void GetName(CommandContext& ctx) {
  if (ctx.client.name.empty()) return ctx.reply.Null();
  ctx.reply.Bulk(ctx.client.name);
}

void SetName(CommandContext& ctx) {
  if (SetClientName(ctx, ctx.arg(2))) ctx.reply.Ok();
}

void Reply(CommandContext& ctx) {
  Client& client = ctx.client;
  if (ctx.ArgIs(2, "on")) {
    client.reply_mode = ReplyMode::kOn;
    ReplyWriter(*ctx.thread.client_out, client.protocol).Ok();  // ctx.reply may lead nowhere
  } else if (ctx.ArgIs(2, "off")) {
    client.reply_mode = ReplyMode::kOff;
  } else if (ctx.ArgIs(2, "skip")) {
    if (client.reply_mode != ReplyMode::kOff) client.reply_mode = ReplyMode::kSkipNext;
  } else {
    ctx.SyntaxError();
  }
}

void NoEvict(CommandContext& ctx) {
  if (ctx.ArgIs(2, "on")) ctx.client.no_evict = true;
  else if (ctx.ArgIs(2, "off")) ctx.client.no_evict = false;
  else return ctx.SyntaxError();
  ctx.reply.Ok();
}

void WrongSubcommandArity(CommandContext& ctx) {
  ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + std::string(ctx.arg(1)) + "'. Try CLIENT HELP.");
}

void Pause(CommandContext& ctx) {
  if (ctx.argc() > 4) return WrongSubcommandArity(ctx);
  ClientPause::Mode mode = ClientPause::Mode::kAll;
  if (ctx.argc() == 4) {
    if (ctx.ArgIs(3, "write")) mode = ClientPause::Mode::kWrite;
    else if (!ctx.ArgIs(3, "all")) return ctx.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  std::int64_t timeout_ms;
  if (!ctx.IntegerArg(2, &timeout_ms, "ERR timeout is not an integer or out of range")) return;
  if (timeout_ms < 0) return ctx.Error("ERR timeout is negative");
  std::int64_t until_ms = timeout_ms > LLONG_MAX - ctx.now_ms ? LLONG_MAX : ctx.now_ms + timeout_ms;
  ctx.engine.clients().pause().Pause(mode, until_ms, ctx.now_ms);
  ctx.reply.Ok();
}

void Unpause(CommandContext& ctx) {
  ctx.engine.clients().pause().Unpause();
  ctx.reply.Ok();
}

void Unblock(CommandContext& ctx) {
  if (ctx.argc() > 4) return WrongSubcommandArity(ctx);
  if (ctx.argc() == 4 && !ctx.ArgIs(3, "timeout") && !ctx.ArgIs(3, "error")) {
    return ctx.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  std::int64_t id;
  if (!ctx.IntegerArg(2, &id)) return;
  bool as_error = ctx.argc() == 4 && ctx.ArgIs(3, "error");
  Blocking::Reason reason = as_error ? Blocking::Reason::kUnblocked : Blocking::Reason::kTimeout;
  ctx.reply.Integer(ctx.engine.blocking().Unblock(ctx.thread, static_cast<std::uint64_t>(id), reason));
}

}  // namespace

SLOTWISE_COMMANDS(client, {"client|info", Info}, {"client|list", List}, {"client|kill", Kill}, {"client|id", Id},
                  {"client|getname", GetName}, {"client|setname", SetName}, {"client|reply", Reply},
                  {"client|no-evict", NoEvict}, {"client|pause", Pause}, {"client|unpause", Unpause},
                  {"client|unblock", Unblock}, {"client|help", ReplyContainerHelp});

}  // namespace slotwise
