// COMMAND and its subcommands. Source: Redis 7.0 COMMAND documentation, and its replies.
#include "base/glob.h"
#include "commands/command_info.h"
#include "commands/container_help.h"
#include "commands/key_positions.h"
#include "commands/late_commands.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

constexpr const char* kInvalidCommand = "ERR Invalid command specified";
constexpr const char* kNoKeyArguments = "ERR The command has no key arguments";
constexpr const char* kInvalidArity = "ERR Invalid number of arguments specified for command";
constexpr const char* kInvalidArguments = "ERR Invalid arguments specified for command";

void AllInfo(CommandContext& ctx) {
  const CommandTable& table = ctx.engine.commands();
  ctx.reply.Array(static_cast<std::int64_t>(table.known_count()));
  table.ForEachKnown([&](const Command& command) { WriteCommandInfo(ctx.reply, table, command); });
}

void Count(CommandContext& ctx) {
  ctx.reply.Integer(static_cast<std::int64_t>(ctx.engine.commands().known_count()));
}

void Info(CommandContext& ctx) {
  if (ctx.argc() == 2) return AllInfo(ctx);
  const CommandTable& table = ctx.engine.commands();
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc() - 2));
  for (std::string_view name : ctx.args.subspan(2)) {
    if (const Command* command = table.FindFullName(name)) WriteCommandInfo(ctx.reply, table, *command);
    else ctx.reply.Null();
  }
}

void Docs(CommandContext& ctx) {
  const CommandTable& table = ctx.engine.commands();
  auto write = [&](const Command& command) {
    ctx.reply.Bulk(command.full_name());
    WriteCommandDocs(ctx.reply, table, command);
  };
  if (ctx.argc() == 2) {
    ctx.reply.Map(static_cast<std::int64_t>(table.known_count()));
    table.ForEachKnown(write);
    return;
  }
  std::vector<const Command*> found;
  for (std::string_view name : ctx.args.subspan(2))
    if (const Command* command = table.FindFullName(name)) found.push_back(command);
  ctx.reply.Map(static_cast<std::int64_t>(found.size()));
  for (const Command* command : found) write(*command);
}

// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern]: full names, subcommands behind their container.
void List(CommandContext& ctx) {
  const CommandTable& table = ctx.engine.commands();
  std::vector<std::string_view> names;
  auto collect = [&](auto&& matches) {
    table.ForEachKnown([&](const Command& command) {
      if (matches(command)) names.push_back(command.full_name());
      ForEachSubcommand(table, command, [&](const Command& sub) {
        if (matches(sub)) names.push_back(sub.full_name());
      });
    });
  };
  if (ctx.argc() == 2) {
    collect([](const Command&) { return true; });
  } else {
    if (ctx.argc() != 5 || !ctx.ArgIs(2, "filterby")) return ctx.SyntaxError();
    const std::string_view value = ctx.arg(4);
    if (ctx.ArgIs(3, "module")) {
      // There are no modules, so none has commands.
    } else if (ctx.ArgIs(3, "aclcat")) {
      const std::span<const char* const> categories = AclCategoryNames();
      std::uint32_t bit = 0;
      for (std::size_t i = 0; i < categories.size(); ++i)
        if (EqualsIgnoreCase(value, categories[i])) bit = 1u << i;
      collect([bit](const Command& command) { return (command.spec->acl & bit) != 0; });
    } else if (ctx.ArgIs(3, "pattern")) {
      collect([value](const Command& command) { return GlobMatch(value, command.full_name(), true); });
    } else {
      return ctx.SyntaxError();
    }
  }
  ctx.reply.Array(static_cast<std::int64_t>(names.size()));
  for (std::string_view name : names) ctx.reply.Bulk(name);
}

void ReplyKeys(CommandContext& ctx, bool with_flags) {
  const std::span<const std::string_view> call = ctx.args.subspan(2);
  const CommandTable::Resolution resolution = ctx.engine.commands().Resolve(call);
  if (resolution.command == nullptr) return ctx.Error(kInvalidCommand);
  const Command& command = *resolution.command;
  if (!MayHaveKeys(command)) return ctx.Error(kNoKeyArguments);
  if (resolution.outcome == CommandTable::Outcome::kWrongArity) return ctx.Error(kInvalidArity);
  std::vector<KeyPosition> keys;
  if (ExtractKeys(command, call.data(), call.size(), &keys) <= 0 && !command.Is(CommandFlag::kNoMandatoryKeys))
    return ctx.Error(kInvalidArguments);
  ctx.reply.Array(static_cast<std::int64_t>(keys.size()));
  for (const KeyPosition& key : keys) {
    if (with_flags) ctx.reply.Array(2);
    ctx.reply.Bulk(call[key.index]);
    if (with_flags) WriteNames(ctx.reply, key.flags, KeyFlagNames());
  }
}
void GetKeys(CommandContext& ctx) { ReplyKeys(ctx, false); }
void GetKeysAndFlags(CommandContext& ctx) { ReplyKeys(ctx, true); }

}  // namespace

SLOTWISE_COMMANDS(command, {"command", AllInfo}, {"command|count", Count}, {"command|docs", Docs},
                  {"command|getkeys", GetKeys}, {"command|getkeysandflags", GetKeysAndFlags},
                  {"command|help", ReplyContainerHelp}, {"command|info", Info}, {"command|list", List});

}  // namespace slotwise
