// Commands behind all others in the table (`late` in native/tables/commands): their ids have no enumerators, and adding one
// changes no other's, so that only the table is compiled again. A late subcommand is not in its container's range; whoever goes
// through the subcommands of a container asks here too.
#pragma once
#include <span>

#include "commands/command_table.h"

namespace slotwise {

std::span<const CommandSpec> LateCommandSpecs();

// visit(const Command&) for each late subcommand of `container`, known or not.
template <class Visitor>
void ForEachLateSubcommand(const CommandTable& table, const Command& container, Visitor&& visit) {
  const std::span<const CommandSpec> late = LateCommandSpecs();
  // A late container has its own in its range.
  if (late.empty() || static_cast<int>(container.id) >= static_cast<int>(late.front().id)) return;
  for (const CommandSpec& spec : late)
    if (spec.container == static_cast<int>(container.id)) visit(table.At(spec.id));
}

// The known ones of either place.
template <class Visitor>
void ForEachSubcommand(const CommandTable& table, const Command& container, Visitor&& visit) {
  table.ForEachKnownSubcommand(container, visit);
  ForEachLateSubcommand(table, container, [&](const Command& sub) {
    if (sub.known) visit(sub);
  });
}

}  // namespace slotwise
