// Which arguments of a command are secrets: what MONITOR and the slow log show as (redacted).
// A function of the arguments alone, so that commands which nobody looks at pay nothing, and so that a command that fails
// hides as much as one that succeeds.
// Source: Redis 7.0: AUTH, HELLO AUTH, ACL SETUSER, MIGRATE AUTH and AUTH2, CONFIG SET of sensitive directives.
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "commands/command_table.h"

namespace slotwise {

// `args` themselves if there is nothing to hide; else they are copied to `*scratch`, with the secrets replaced.
std::span<const std::string_view> Redacted(const Command& command, std::span<const std::string_view> args,
                                           std::vector<std::string_view>* scratch);

}  // namespace slotwise
