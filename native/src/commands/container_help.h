// HELP for any container of subcommands, in the form redis-cli users know, written from the command table: it lists
// exactly what this server serves and cannot grow stale.
#pragma once

namespace slotwise {

class CommandContext;

// A handler for "<container>|help".
void ReplyContainerHelp(CommandContext& ctx);

}  // namespace slotwise
