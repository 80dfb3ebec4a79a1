#include "commands/container_help.h"

#include "commands/command_info.h"
#include "commands/late_commands.h"
#include "engine/engine.h"

namespace slotwise {

void ReplyContainerHelp(CommandContext& ctx) {
  const Command& container = *ctx.command.container;
  const CommandTable& table = ctx.engine.commands();
  auto upper = [](std::string_view name) {
    std::string text(name);
    for (char& c : text)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return text;
  };
  std::vector<std::string> lines;
  auto add = [&](std::string head, const CommandSpec& spec) {
    if (spec.argument_count != 0) head += " " + ArgumentSyntax(spec);
    lines.push_back(std::move(head));
    lines.push_back("    " + std::string(spec.summary) + ".");
  };
  lines.push_back(upper(container.full_name()) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  if (container.handler != nullptr) add("(no subcommand)", *container.spec);
  ForEachSubcommand(table, container, [&](const Command& sub) {
    if (&sub != &ctx.command) add(upper(sub.spec->name), *sub.spec);
  });
  lines.push_back("HELP");
  lines.push_back("    Prints this help.");
  ctx.reply.Array(static_cast<std::int64_t>(lines.size()));
  for (const std::string& line : lines) ctx.reply.Simple(line);
}

}  // namespace slotwise
