// AclSelector: one set of permissions: which commands, on which keys, for reading or writing, and on which channels.
// A user has one (the root) and any number of further ones in parentheses; a call is allowed if any of them allows all of
// it. A plain value: built rule by rule with Apply, constant and shared between threads once it belongs to a user.
// Commands are bits by Command::id, of the names that the table was made with, so that rename-command changes nothing
// here and rules may speak of commands that this build does not serve. The last bit stands for commands of the future:
// +@all sets it, and that is how a description knows whether to begin with +@all or -@all.
// Source: the rules of Redis 7.0 ACL SETUSER. Elsewhere: users (acl/user.h), descriptions (acl/describe.h).
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"
#include "commands/key_positions.h"

namespace slotwise {

// Why a rule was refused; AclErrorText says it in Redis's words.
enum class AclError : std::uint8_t {
  kNone,
  kSyntax,
  kUnknownCommand,     // or category
  kPatternAfterAll,
  kChannelAfterAll,
  kNoSuchPassword,
  kBadHash,
  kDuplicateUser,
  kFirstArgOfSubcommand,
  kTooMany,
};
const char* AclErrorText(AclError error);

// What a check found; the greater the more specific. Values are compared.
enum class AclDenial : std::uint8_t { kNone = 0, kCommand = 1, kKey = 2, kAuth = 3, kChannel = 4 };

// Names of commands, known to this build or not: "get", "config|set", in any case. Null if Redis has no such command.
const Command* FindAclCommand(const CommandTable& table, std::string_view full_name);
// The bit of a category, 0 if there is none of that name.
std::uint32_t FindAclCategory(std::string_view name);

// One call, and its keys once somebody has asked for them: selectors share the search.
class AclCall {
 public:
  AclCall(const Command& command, std::span<const std::string_view> args) : command(command), args(args) {}
  const Command& command;
  const std::span<const std::string_view> args;  // args[0] is the name
  std::span<const KeyPosition> Keys();

 private:
  bool has_keys_ = false;
  std::vector<KeyPosition> keys_;
};

class AclSelector {
 public:
  static constexpr std::uint8_t kRead = 1, kWrite = 2;
  // Adding a pattern looks through those that are there, so there is an end to their number.
  static constexpr std::size_t kPatternsMax = 8192;

  struct KeyPattern {
    std::uint8_t permissions;
    std::string pattern;
    bool operator==(const KeyPattern&) const = default;
  };
  // A command that is not allowed as such may be with certain first arguments: +select|0.
  using FirstArgs = std::map<std::uint16_t, std::vector<std::string>>;

  // No permissions, but for all channels if acl-pubsub-default says so.
  explicit AclSelector(bool all_channels = false) : all_channels_(all_channels) {}

  // A rule: "+get", "~key*", "allchannels". On an error nothing has changed.
  AclError Apply(const CommandTable& table, std::string_view rule);

  AclDenial Check(AclCall& call, std::size_t* denied_arg) const;
  // Every key may be accessed in the way that `key_flags` say.
  bool AllowsAnyKey(std::uint16_t key_flags) const;
  bool AllowsEverything() const { return all_commands_ && all_keys_ && all_channels_; }

  bool all_keys() const { return all_keys_; }
  bool all_channels() const { return all_channels_; }
  const std::vector<KeyPattern>& key_patterns() const { return key_patterns_; }
  const std::vector<std::string>& channels() const { return channels_; }

  // For descriptions: the bits as they are, whatever AllowsEverything() says.
  bool Allows(std::uint16_t command_id) const { return commands_[command_id / 64] >> (command_id % 64) & 1; }
  bool AllowsFutureCommands() const { return Allows(kFutureCommands); }
  bool SameCommands(const AclSelector& other) const { return commands_ == other.commands_; }
  std::span<const std::string> FirstArgsOf(std::uint16_t command_id) const;
  // A command, with its subcommands if it is a container.
  void SetCommand(const CommandTable& table, const Command& command, bool allowed);
  void SetCategory(const CommandTable& table, std::uint32_t category, bool allowed);
  void SetAllCommands(bool allowed);

 private:
  static constexpr std::size_t kCommandBits = 1024;
  static constexpr std::uint16_t kFutureCommands = kCommandBits - 1;

  AclError ApplyCommand(const CommandTable& table, bool allowed, std::string_view name);
  AclError ApplyKeyPattern(std::string_view rule);
  AclError ApplyChannel(std::string_view pattern);
  void SetBit(std::uint16_t command_id, bool allowed);
  bool AllowsCall(const AclCall& call) const;
  bool AllowsKey(std::string_view key, std::uint16_t key_flags) const;

  bool all_keys_ = false;
  bool all_channels_ = false;
  bool all_commands_ = false;  // no bit needs to be looked at
  std::array<std::uint64_t, kCommandBits / 64> commands_{};
  FirstArgs first_args_;
  std::vector<KeyPattern> key_patterns_;
  std::vector<std::string> channels_;
};

// Whether patterns of channels cover a name, or (literally) a pattern that somebody subscribes to.
bool AclChannelsAllow(std::span<const std::string> patterns, std::string_view channel, bool is_pattern);

}  // namespace slotwise
