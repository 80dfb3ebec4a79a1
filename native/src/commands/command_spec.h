// What is known of a command before anything runs: the rows of the command table, as generated from
// native/tables/commands. Plain constants; every pointer points to static data.
// Names are lower case. A subcommand is a command of its own, "config|set", whose container is "config".
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace slotwise {

// One enumerator a command: kGet, kConfigSet. The value is its index in the table and changes between builds.
enum class CommandId : std::uint16_t {
#include "commands/command_ids.inc"
};

// Bits of CommandSpec::flags, in the order in which COMMAND prints them.
enum class CommandFlag : std::uint32_t {
  kWrite = 1u << 0,             // may change data
  kReadonly = 1u << 1,          // only reads data
  kDenyOom = 1u << 2,           // refused when maxmemory is reached
  kModule = 1u << 3,
  kAdmin = 1u << 4,
  kPubsub = 1u << 5,
  kNoScript = 1u << 6,          // refused in scripts
  kBlocking = 1u << 7,          // may wait
  kLoading = 1u << 8,           // allowed while data is being loaded
  kStale = 1u << 9,             // allowed on a replica that lost its primary
  kSkipMonitor = 1u << 10,
  kSkipSlowlog = 1u << 11,
  kAsking = 1u << 12,           // behaves as if ASKING preceded it
  kFast = 1u << 13,
  kNoAuth = 1u << 14,           // allowed before authentication
  kMayReplicate = 1u << 15,     // not a write, yet may propagate (PUBLISH, EVAL); not printed
  kNoMandatoryKeys = 1u << 16,  // having no key argument is not an error
  kProtected = 1u << 17,        // needs enable-debug-command or the like; not printed
  kNoAsyncLoading = 1u << 18,
  kNoMulti = 1u << 19,          // refused inside MULTI
  kMovableKeys = 1u << 20,      // where the keys are depends on the arguments
  kAllowBusy = 1u << 21,        // allowed while a script runs for too long
  kArbitraryKeys = 1u << 22,    // touches keys it does not name (KEYS, FLUSHALL); not printed
};
constexpr std::uint32_t operator|(CommandFlag a, CommandFlag b) {
  return static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b);
}
constexpr std::uint32_t operator|(std::uint32_t a, CommandFlag b) { return a | static_cast<std::uint32_t>(b); }

// Bits of CommandSpec::acl, in the order of ACL CAT.
enum class AclCategory : std::uint32_t {
  kKeyspace = 1u << 0, kRead = 1u << 1, kWrite = 1u << 2, kSet = 1u << 3, kSortedSet = 1u << 4, kList = 1u << 5,
  kHash = 1u << 6, kString = 1u << 7, kBitmap = 1u << 8, kHyperloglog = 1u << 9, kGeo = 1u << 10, kStream = 1u << 11,
  kPubsub = 1u << 12, kAdmin = 1u << 13, kFast = 1u << 14, kSlow = 1u << 15, kBlocking = 1u << 16,
  kDangerous = 1u << 17, kConnection = 1u << 18, kTransaction = 1u << 19, kScripting = 1u << 20,
};

// What a command does to a key, as bits of KeySpec::flags. Exactly one of the first four, unless kNotKey.
namespace key_flag {
inline constexpr std::uint16_t kReadOnly = 1u << 0;         // RO
inline constexpr std::uint16_t kReadWrite = 1u << 1;        // RW
inline constexpr std::uint16_t kOverwrite = 1u << 2;        // OW: written without looking at the old value
inline constexpr std::uint16_t kRemove = 1u << 3;           // RM
inline constexpr std::uint16_t kAccess = 1u << 4;           // the value, or a part of it, is returned or copied
inline constexpr std::uint16_t kUpdate = 1u << 5;           // the value changes
inline constexpr std::uint16_t kInsert = 1u << 6;           // something is added, nothing is changed or removed
inline constexpr std::uint16_t kDelete = 1u << 7;           // something is removed
inline constexpr std::uint16_t kNotKey = 1u << 8;           // has a slot as a key does, but is none (a shard channel)
inline constexpr std::uint16_t kIncomplete = 1u << 9;       // the spec cannot name every key
inline constexpr std::uint16_t kVariableFlags = 1u << 10;   // the flags depend on the arguments (SET ... GET)
}  // namespace key_flag

// Where the search for keys begins: at an index, after a keyword (from argument `begin_at` on, from the end if it is
// negative), or nowhere a rule can tell.
enum class KeyBegin : std::uint8_t { kIndex, kKeyword, kUnknown };
// How keys follow from there. kRange: a = last key, relative to the first, or to the end if negative; b = step;
// c = limit (of what follows, only 1/c are keys). kCount: a = place of the number of keys, b = first key, both
// relative to the beginning; c = step.
enum class KeyFind : std::uint8_t { kRange, kCount, kUnknown };

struct KeySpec {
  std::uint16_t flags;
  KeyBegin begin;
  std::int8_t begin_at;
  const char* keyword;
  KeyFind find;
  std::int8_t a, b, c;
};

// One argument of COMMAND DOCS. `children` of a oneof or block are a range of the same array.
struct ArgumentSpec {
  const char* name;
  std::uint8_t type;         // index into ArgumentTypeNames()
  std::uint8_t flags;        // bits in the order of ArgumentFlagNames()
  std::int8_t key_spec;      // index into the command's keys, -1: none
  const char* token;         // nullptr: none
  const char* since;         // nullptr: as old as the command
  const char* deprecated_since;
  std::uint16_t first_child;
  std::uint16_t child_count;
  std::span<const ArgumentSpec> children() const;
};
inline constexpr std::uint8_t kArgumentOptional = 1, kArgumentMultiple = 2, kArgumentMultipleToken = 4;

struct CommandSpec {
  CommandId id;
  std::string_view name;       // "set", of "config|set"
  std::string_view full_name;  // "config|set"
  std::int16_t container;      // index in the table, -1: none
  std::uint16_t first_subcommand, subcommand_count;
  std::int8_t arity;           // with the name; -n: at least n
  std::uint32_t flags;
  std::uint32_t acl;
  std::int8_t first_key, last_key, key_step;  // as COMMAND tells; 0: none, or not at a fixed place
  std::uint16_t first_key_spec, key_spec_count;
  std::uint16_t first_argument, argument_count;
  std::uint16_t first_tip, tip_count;
  bool internal;               // not meant for applications
  const char* group;
  const char* since;
  const char* complexity;      // nullptr: depends
  const char* summary;
  const char* deprecated_since;  // nullptr: it is not
  const char* replaced_by;

  constexpr bool Is(CommandFlag flag) const { return (flags & static_cast<std::uint32_t>(flag)) != 0; }
  constexpr bool IsIn(AclCategory category) const { return (acl & static_cast<std::uint32_t>(category)) != 0; }
  std::span<const KeySpec> keys() const;
  std::span<const ArgumentSpec> arguments() const;
  std::span<const char* const> tips() const;
};

// The table; index = CommandId. Containers come before their subcommands.
std::span<const CommandSpec> CommandSpecs();
// Names by bit; nullptr for bits that are not printed.
std::span<const char* const> CommandFlagNames();
std::span<const char* const> AclCategoryNames();
std::span<const char* const> KeyFlagNames();
std::span<const char* const> ArgumentTypeNames();
std::span<const char* const> ArgumentFlagNames();

}  // namespace slotwise
