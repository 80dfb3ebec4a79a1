#include "commands/command_spec.h"

#include "commands/late_commands.h"

namespace slotwise {
namespace {
#include "commands/command_table.inc"
}  // namespace

std::span<const CommandSpec> CommandSpecs() { return kCommandSpecs; }
std::span<const CommandSpec> LateCommandSpecs() { return CommandSpecs().last(kLateCommandCount); }
std::span<const char* const> CommandFlagNames() { return kCommandFlagNames; }
std::span<const char* const> AclCategoryNames() { return kAclCategoryNames; }
std::span<const char* const> KeyFlagNames() { return kKeyFlagNames; }
std::span<const char* const> ArgumentTypeNames() { return kArgumentTypeNames; }
std::span<const char* const> ArgumentFlagNames() { return kArgumentFlagNames; }

std::span<const KeySpec> CommandSpec::keys() const {
  return std::span<const KeySpec>(kKeySpecs).subspan(first_key_spec, key_spec_count);
}
std::span<const ArgumentSpec> CommandSpec::arguments() const {
  return std::span<const ArgumentSpec>(kArgumentSpecs).subspan(first_argument, argument_count);
}
std::span<const char* const> CommandSpec::tips() const {
  return std::span<const char* const>(kTips).subspan(first_tip, tip_count);
}
std::span<const ArgumentSpec> ArgumentSpec::children() const {
  return std::span<const ArgumentSpec>(kArgumentSpecs).subspan(first_child, child_count);
}

}  // namespace slotwise
