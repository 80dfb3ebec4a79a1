#include "acl/selector.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <unordered_map>

#include "base/glob.h"
#include "commands/late_commands.h"

namespace slotwise {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower;
}

// Neither names nor patterns may hold what separates the words of a rule.
bool HasSpaces(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c == 0 || std::isspace(static_cast<unsigned char>(c)); });
}

// How the arguments of the pub/sub commands name channels; leaving one is always allowed.
struct ChannelArgs {
  bool to_end;
  bool is_pattern;
};
std::optional<ChannelArgs> ChannelArgsOf(const Command& command) {
  switch (static_cast<CommandId>(command.id)) {
    case CommandId::kPublish:
    case CommandId::kSpublish:
      return ChannelArgs{false, false};
    case CommandId::kSubscribe:
    case CommandId::kSsubscribe:
      return ChannelArgs{true, false};
    case CommandId::kPsubscribe:
      return ChannelArgs{true, true};
    default:
      return std::nullopt;
  }
}

std::uint8_t PermissionsFor(std::uint16_t key_flags) {
  std::uint8_t permissions = 0;
  if ((key_flags & key_flag::kAccess) != 0) permissions |= AclSelector::kRead;
  if ((key_flags & (key_flag::kInsert | key_flag::kDelete | key_flag::kUpdate)) != 0) permissions |= AclSelector::kWrite;
  return permissions;
}

}  // namespace

const char* AclErrorText(AclError error) {
  switch (error) {
    case AclError::kNone: break;
    case AclError::kSyntax: return "Syntax error";
    case AclError::kUnknownCommand: return "Unknown command or category name in ACL";
    case AclError::kPatternAfterAll:
      return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start "
             "with an empty list of patterns";
    case AclError::kChannelAfterAll:
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' "
             "to start with an empty list of channels";
    case AclError::kNoSuchPassword: return "The password you are trying to remove from the user does not exist";
    case AclError::kBadHash: return "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
    case AclError::kDuplicateUser: return "Duplicate user found. A user can only be defined once in config files";
    case AclError::kFirstArgOfSubcommand: return "Allowing first-arg of a subcommand is not supported";
    case AclError::kTooMany: return "Too many selectors, patterns or passwords for one user";
  }
  return "Wrong format";
}

// Every table holds the same commands at the same ids, so that one index serves all.
const Command* FindAclCommand(const CommandTable& table, std::string_view full_name) {
  static const auto* ids = [] {
    auto* map = new std::unordered_map<std::string_view, std::uint16_t>;
    for (const CommandSpec& spec : CommandSpecs()) map->emplace(spec.full_name, static_cast<std::uint16_t>(spec.id));
    return map;
  }();
  auto it = ids->find(Lower(full_name));
  return it == ids->end() ? nullptr : &table.At(it->second);
}

std::uint32_t FindAclCategory(std::string_view name) {
  std::uint32_t bit = 1;
  for (const char* category : AclCategoryNames()) {
    if (EqualsIgnoreCase(name, category)) return bit;
    bit <<= 1;
  }
  return 0;
}

std::span<const KeyPosition> AclCall::Keys() {
  if (!has_keys_) ExtractKeys(command, args.data(), args.size(), &keys_);
  has_keys_ = true;
  return keys_;
}

std::span<const std::string> AclSelector::FirstArgsOf(std::uint16_t command_id) const {
  auto it = first_args_.find(command_id);
  return it == first_args_.end() ? std::span<const std::string>() : it->second;
}

void AclSelector::SetBit(std::uint16_t id, bool allowed) {
  const std::uint64_t bit = std::uint64_t{1} << (id % 64);
  if (allowed) {
    commands_[id / 64] |= bit;
  } else {
    commands_[id / 64] &= ~bit;
    all_commands_ = false;
  }
}

void AclSelector::SetCommand(const CommandTable& table, const Command& command, bool allowed) {
  SetBit(command.id, allowed);
  first_args_.erase(command.id);
  const CommandSpec& spec = *command.spec;
  for (std::uint16_t i = 0; i < spec.subcommand_count; ++i) SetBit(table.At(std::size_t{spec.first_subcommand} + i).id, allowed);
  ForEachLateSubcommand(table, command, [&](const Command& sub) { SetBit(sub.id, allowed); });
}

void AclSelector::SetCategory(const CommandTable& table, std::uint32_t category, bool allowed) {
  for (const Command& command : table.all())
    if ((command.spec->acl & category) != 0) SetCommand(table, command, allowed);
}

void AclSelector::SetAllCommands(bool allowed) {
  commands_.fill(allowed ? ~std::uint64_t{0} : 0);
  all_commands_ = allowed;
  first_args_.clear();
}

AclError AclSelector::Apply(const CommandTable& table, std::string_view rule) {
  auto is = [rule](std::string_view word) { return EqualsIgnoreCase(rule, word); };
  if (is("allkeys") || is("~*")) {
    all_keys_ = true;
    key_patterns_.clear();
  } else if (is("resetkeys")) {
    all_keys_ = false;
    key_patterns_.clear();
  } else if (is("allchannels") || is("&*")) {
    all_channels_ = true;
    channels_.clear();
  } else if (is("resetchannels")) {
    all_channels_ = false;
    channels_.clear();
  } else if (is("allcommands") || is("+@all")) {
    SetAllCommands(true);
  } else if (is("nocommands") || is("-@all")) {
    SetAllCommands(false);
  } else if (rule.starts_with('~') || rule.starts_with('%')) {
    return ApplyKeyPattern(rule);
  } else if (rule.starts_with('&')) {
    return ApplyChannel(rule.substr(1));
  } else if (rule.starts_with("+@") || rule.starts_with("-@")) {
    const std::uint32_t category = FindAclCategory(rule.substr(2));
    if (category == 0) return AclError::kUnknownCommand;
    SetCategory(table, category, rule[0] == '+');
  } else if (rule.starts_with('+') || rule.starts_with('-')) {
    return ApplyCommand(table, rule[0] == '+', rule.substr(1));
  } else {
    return AclError::kSyntax;
  }
  return AclError::kNone;
}

AclError AclSelector::ApplyCommand(const CommandTable& table, bool allowed, std::string_view name) {
  const std::size_t bar = name.rfind('|');
  if (!allowed || bar == std::string_view::npos) {
    const Command* command = FindAclCommand(table, name);
    if (command == nullptr) return AclError::kUnknownCommand;
    SetCommand(table, *command, allowed);
    return AclError::kNone;
  }
  const Command* command = FindAclCommand(table, name.substr(0, bar));
  if (command == nullptr) return AclError::kUnknownCommand;
  if (command->container != nullptr) return AclError::kFirstArgOfSubcommand;
  const std::string_view word = name.substr(bar + 1);
  if (word.empty()) return AclError::kSyntax;
  if (command->is_container) {
    command = FindAclCommand(table, name);
    if (command == nullptr) return AclError::kUnknownCommand;
    SetCommand(table, *command, true);
    return AclError::kNone;
  }
  if (HasSpaces(word)) return AclError::kSyntax;  // its description could not be read again
  std::vector<std::string>& words = first_args_[command->id];
  for (const std::string& present : words)
    if (EqualsIgnoreCase(present, word)) return AclError::kNone;
  if (words.size() == kPatternsMax) return AclError::kTooMany;
  words.emplace_back(word);
  return AclError::kNone;
}

AclError AclSelector::ApplyKeyPattern(std::string_view rule) {
  if (all_keys_) return AclError::kPatternAfterAll;
  std::uint8_t permissions = 0;
  std::size_t at = 1;
  if (rule[0] == '~') {
    permissions = kRead | kWrite;
  } else {
    for (; at < rule.size(); ++at) {
      if ((rule[at] == 'R' || rule[at] == 'r') && (permissions & kRead) == 0) permissions |= kRead;
      else if ((rule[at] == 'W' || rule[at] == 'w') && (permissions & kWrite) == 0) permissions |= kWrite;
      else break;
    }
    // A pattern without any permission could not be described, and Redis falls over it.
    if (permissions == 0 || (at < rule.size() && rule[at] != '~')) return AclError::kSyntax;
    if (at < rule.size()) ++at;
  }
  const std::string_view pattern = rule.substr(at);
  if (HasSpaces(pattern)) return AclError::kSyntax;
  auto present = std::ranges::find(key_patterns_, pattern, &KeyPattern::pattern);
  if (present != key_patterns_.end()) {
    present->permissions |= permissions;
    return AclError::kNone;
  }
  if (key_patterns_.size() == kPatternsMax) return AclError::kTooMany;
  key_patterns_.push_back({permissions, std::string(pattern)});
  return AclError::kNone;
}

AclError AclSelector::ApplyChannel(std::string_view pattern) {
  if (all_channels_) return AclError::kChannelAfterAll;
  if (HasSpaces(pattern)) return AclError::kSyntax;
  if (std::ranges::find(channels_, pattern) != channels_.end()) return AclError::kNone;
  if (channels_.size() == kPatternsMax) return AclError::kTooMany;
  channels_.emplace_back(pattern);
  return AclError::kNone;
}

bool AclSelector::AllowsCall(const AclCall& call) const {
  const Command& command = call.command;
  if (all_commands_ || command.Is(CommandFlag::kNoAuth) || Allows(command.id)) return true;
  const std::size_t at = command.container != nullptr ? 2 : 1;
  if (first_args_.empty() || call.args.size() <= at) return false;
  return std::ranges::any_of(FirstArgsOf(command.id), [&](const std::string& word) { return EqualsIgnoreCase(word, call.args[at]); });
}

bool AclSelector::AllowsKey(std::string_view key, std::uint16_t key_flags) const {
  const std::uint8_t needed = PermissionsFor(key_flags);
  return std::ranges::any_of(key_patterns_, [&](const KeyPattern& p) { return (p.permissions & needed) == needed && GlobMatch(p.pattern, key); });
}

bool AclSelector::AllowsAnyKey(std::uint16_t key_flags) const {
  if (all_keys_) return true;
  const std::uint8_t needed = PermissionsFor(key_flags);
  return std::ranges::any_of(key_patterns_, [&](const KeyPattern& p) { return (p.permissions & needed) == needed && p.pattern == "*"; });
}

AclDenial AclSelector::Check(AclCall& call, std::size_t* denied_arg) const {
  if (!AllowsCall(call)) return AclDenial::kCommand;
  if (!all_keys_ && call.command.spec->key_spec_count != 0) {
    for (const KeyPosition& key : call.Keys()) {
      if (AllowsKey(call.args[key.index], key.flags)) continue;
      *denied_arg = key.index;
      return AclDenial::kKey;
    }
  }
  if (all_channels_) return AclDenial::kNone;
  if (const std::optional<ChannelArgs> channels = ChannelArgsOf(call.command)) {
    const std::size_t end = channels->to_end ? call.args.size() : std::min<std::size_t>(2, call.args.size());
    for (std::size_t i = 1; i < end; ++i) {
      if (AclChannelsAllow(channels_, call.args[i], channels->is_pattern)) continue;
      *denied_arg = i;
      return AclDenial::kChannel;
    }
  }
  return AclDenial::kNone;
}

bool AclChannelsAllow(std::span<const std::string> patterns, std::string_view channel, bool is_pattern) {
  return std::ranges::any_of(patterns, [&](const std::string& p) { return is_pattern ? p == channel : GlobMatch(p, channel); });
}

}  // namespace slotwise
