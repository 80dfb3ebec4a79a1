// What COMMAND says of one command, written from the command table. Subcommands that this server does not know are left
// out. Elsewhere: the handlers of COMMAND (command_commands.cc), HELP (container_help.h).
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "commands/command_table.h"
#include "resp/reply_writer.h"

namespace slotwise {

// The names of the bits that are set, as a set of simple strings; bits whose name is nullptr are not shown.
void WriteNames(ReplyWriter& reply, std::uint32_t bits, std::span<const char* const> names, const char* prefix = "");

// The ten elements of COMMAND INFO, subcommands included.
void WriteCommandInfo(ReplyWriter& reply, const CommandTable& table, const Command& command);

// The map of COMMAND DOCS for one command, without its name.
void WriteCommandDocs(ReplyWriter& reply, const CommandTable& table, const Command& command);

// The arguments as people read them: "<key> <value> [NX|XX] [GET] [EX <seconds>|...]".
std::string ArgumentSyntax(const CommandSpec& spec);

}  // namespace slotwise
