// CONFIG: the directives while the server runs. Source: Redis 7.0 command documentation. Elsewhere: everything but the
// replies (config/config.h).
#include <cstring>

#include "commands/container_help.h"
#include "engine/access_control.h"
#include "engine/append_only.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

// Some directives may be changed by clients of this machine only.
bool IsLocal(const Client& client) {
  return client.kind != ClientKind::kNormal || client.unix_socket || client.address.starts_with("127.") ||
         client.address.starts_with("[::1]") || client.address.starts_with("::1");
}

void Get(CommandContext& ctx) {
  auto values = ctx.engine.config().Get(ctx.args.subspan(2));
  ctx.reply.Map(static_cast<std::int64_t>(values.size()));
  for (const auto& [name, value] : values) {
    ctx.reply.Bulk(name);
    ctx.reply.Bulk(value);
  }
}

void Set(CommandContext& ctx) {
  if (ctx.argc() % 2 != 0) return ctx.SyntaxError();
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  for (std::size_t i = 2; i < ctx.argc(); i += 2) pairs.emplace_back(ctx.arg(i), ctx.arg(i + 1));
  AppendOnly::Hurry hurry(ctx.inside_exec());
  Status status = ctx.engine.config().Set(pairs, {IsLocal(ctx.client), ctx.engine.loading()});
  if (!status.ok()) return ctx.Error(status.message());
  ctx.after_unlock = [&engine = ctx.engine] { engine.ApplyConfig(); };
  ctx.reply.Ok();
}

void Rewrite(CommandContext& ctx) {
  std::string path = ctx.engine.config().ConfigFile();
  if (path.empty()) return ctx.Error("ERR The server is running without a config file");
  std::vector<std::string> users = ctx.engine.acl().ConfigLines();
  Status status = ctx.engine.config().Rewrite(path, false, &users);
  if (!status.ok()) {
    ctx.engine.logger().Warn("CONFIG REWRITE failed: " + status.message());
    return ctx.Error(std::string("ERR Rewriting config file: ") + std::strerror(status.code()));
  }
  ctx.engine.logger().Info("CONFIG REWRITE executed with success.");
  ctx.reply.Ok();
}

void ResetStat(CommandContext& ctx) {
  ctx.engine.ResetStats();
  ctx.reply.Ok();
}

}  // namespace

SLOTWISE_COMMANDS(config, {"config|get", Get}, {"config|set", Set}, {"config|rewrite", Rewrite},
                  {"config|resetstat", ResetStat}, {"config|help", ReplyContainerHelp});

}  // namespace slotwise
