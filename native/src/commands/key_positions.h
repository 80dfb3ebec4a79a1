// Which arguments of a command are keys, and what happens to them: from the key specs of the command table, as Redis
// reads them, plus the five commands whose specs cannot say it (SORT, MIGRATE, GEORADIUS*, SET, BITFIELD).
// Dispatch, which only wants to know where the keys are, uses ForEachKeyIndex: for all but a few commands it looks at
// no argument. COMMAND GETKEYS, slots of shard channels and permissions use ExtractKeys.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "commands/command_table.h"

namespace slotwise {

struct KeyPosition {
  std::uint32_t index;  // into argv
  std::uint16_t flags;  // key_flag bits
};

// Appends the keys of a call to `out`; argv[0] is the command's name. Returns how many, or -1 if the arguments cannot
// be those of a valid call (a key count that is no number, or too large); then nothing was appended.
// Never reports a position outside of argv. `with_channels`: also what is no key but hashes to a slot (SSUBSCRIBE).
int ExtractKeys(const Command& command, const std::string_view* argv, std::size_t argc, std::vector<KeyPosition>* out,
                bool with_channels = false);

// Whether COMMAND GETKEYS has an answer at all: some argument may be a key.
bool MayHaveKeys(const Command& command);

// True if this call may touch keys that its arguments do not name: SORT with a BY or GET pattern.
bool TouchesUnnamedKeys(const Command& command, const std::string_view* argv, std::size_t argc);

// Calls visit(index) for every argument that is a key. A call whose arguments cannot be valid has no keys: its handler
// will refuse it before it touches any. argc satisfies the arity.
template <class Visitor>
void ForEachKeyIndex(const Command& command, const std::string_view* argv, std::size_t argc, Visitor&& visit) {
  switch (command.key_layout) {
    case KeyLayout::kNone:
      return;
    case KeyLayout::kOne:
      visit(std::size_t{1});
      return;
    case KeyLayout::kRange: {
      const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(argc);
      std::ptrdiff_t last = command.last_key < 0 ? count + command.last_key : command.last_key;
      if (last >= count) last = count - 1;
      for (std::ptrdiff_t i = command.first_key; i <= last; i += command.key_step) visit(static_cast<std::size_t>(i));
      return;
    }
    case KeyLayout::kSearch: {
      std::vector<KeyPosition> positions;
      ExtractKeys(command, argv, argc, &positions);
      for (const KeyPosition& position : positions) visit(std::size_t{position.index});
      return;
    }
  }
}

// The first key's index, 0 if there is none: what the executor hashes ahead of time.
inline std::size_t FirstKeyIndex(const Command& command, const std::string_view* argv, std::size_t argc) {
  if (command.key_layout != KeyLayout::kSearch) return static_cast<std::size_t>(command.first_key);
  std::vector<KeyPosition> positions;
  ExtractKeys(command, argv, argc, &positions);
  return positions.empty() ? 0 : positions.front().index;
}

}  // namespace slotwise
