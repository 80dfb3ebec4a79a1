// The command table at run time: the commands of command_spec.h joined with the handlers that this build has, found by
// name. A command without a handler is unknown to clients; a container is known as soon as one of its subcommands is.
//
// A family of commands is a file that says SLOTWISE_COMMANDS(family, {"get", Get}, ...): nothing else needs to change.
// Lookup compares at most two words, with the case of letters masked out, since it is on the path of every command.
// A table is filled and renamed (rename-command) before threads use it, and constant from then on.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "commands/command.h"
#include "commands/command_spec.h"

namespace slotwise {

// Where the keys are, as far as dispatch can tell without looking at the arguments.
enum class KeyLayout : std::uint8_t {
  kNone,    // no keys
  kOne,     // one key, the first argument
  kRange,   // first_key, first_key + key_step, ... last_key (relative to the end if negative)
  kSearch,  // the arguments tell: ExtractKeys
};

struct Command {
  const CommandSpec* spec = nullptr;
  Handler handler = nullptr;           // nullptr: not served; a container may still be known
  const Command* container = nullptr;  // of a subcommand
  std::uint32_t flags = 0;             // spec->flags
  std::uint16_t id = 0;                // 0 .. CommandTable::size() - 1: index of per-thread statistics
  std::int8_t arity = 0;               // with the name and the container's name; -n: at least n
  LockMode lock = LockMode::kKeys;
  KeyLayout key_layout = KeyLayout::kNone;
  std::int8_t first_key = 0, last_key = 0, key_step = 0;  // of kOne and kRange
  bool on_collection = false;          // of one key that holds members: worth looking behind its entry ahead of time
  bool is_container = false;           // has subcommands
  bool known = false;                  // to clients: has a handler, or a subcommand that has one

  bool Is(CommandFlag flag) const { return (flags & static_cast<std::uint32_t>(flag)) != 0; }
  bool Is(CommandId command_id) const { return id == static_cast<std::uint16_t>(command_id); }
  std::string_view full_name() const { return spec->full_name; }  // "config|set", whatever it was renamed to
  bool AcceptsArgc(std::size_t argc) const {
    return arity >= 0 ? argc == static_cast<std::size_t>(arity) : argc >= static_cast<std::size_t>(-arity);
  }
};

struct HandlerEntry {
  const char* full_name;  // as in the table; a name it does not have aborts at start
  Handler handler;
  LockMode lock = LockMode::kKeys;
};

// Links a family's handlers into the list that every CommandTable is made of.
class HandlerList {
 public:
  HandlerList(const HandlerEntry* entries, std::size_t count);
  static const HandlerList* First();
  const HandlerList* next() const { return next_; }
  const HandlerEntry* begin() const { return entries_; }
  const HandlerEntry* end() const { return entries_ + count_; }

 private:
  const HandlerEntry* entries_;
  std::size_t count_;
  const HandlerList* next_;
};

#define SLOTWISE_COMMANDS(family, ...)                                                                 \
  static constexpr ::slotwise::HandlerEntry family##_handlers[] = {__VA_ARGS__};                       \
  static const ::slotwise::HandlerList family##_handler_list(family##_handlers, std::size(family##_handlers))

class CommandTable {
 public:
  enum class Outcome : std::uint8_t { kOk, kUnknownCommand, kUnknownSubcommand, kWrongArity };
  struct Resolution {
    const Command* command;  // null if unknown; the container itself if its arguments end before the subcommand
    Outcome outcome;
  };

  // All handlers of the program.
  CommandTable();
  // These only; for tests.
  explicit CommandTable(std::span<const HandlerEntry> handlers);
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  std::size_t size() const { return commands_.size(); }
  // Every command by id, known or not.
  const Command& At(std::size_t id) const { return commands_[id]; }
  const Command& At(CommandId id) const { return commands_[static_cast<std::size_t>(id)]; }
  std::span<const Command> all() const { return commands_; }

  // A known top-level command by its current name, in any case; else null.
  const Command* Find(std::string_view name) const;
  // A known subcommand, in any case; else null.
  const Command* FindSubcommand(const Command& container, std::string_view name) const;
  // "get" or "config|get"; else null.
  const Command* FindFullName(std::string_view full_name) const;

  // The command that these arguments call. argc >= 1.
  Resolution Resolve(const std::string_view* argv, std::size_t argc) const {
    const Command* command = Find(argv[0]);
    if (command == nullptr) [[unlikely]] return {nullptr, Outcome::kUnknownCommand};
    if (command->is_container && argc > 1) {
      command = FindSubcommand(*command, argv[1]);
      if (command == nullptr) return {nullptr, Outcome::kUnknownSubcommand};
    }
    return {command, command->AcceptsArgc(argc) ? Outcome::kOk : Outcome::kWrongArity};
  }
  Resolution Resolve(std::span<const std::string_view> args) const { return Resolve(args.data(), args.size()); }
  // The error reply for a resolution that is not kOk: "ERR unknown command ...". May hold line breaks of the client's,
  // which ReplyWriter::Error removes.
  static std::string ErrorText(const Resolution& resolution, std::span<const std::string_view> args);
  static std::string WrongArityText(const Command& command);

  // rename-command: `to` empty removes the command. Errors are Redis's words. Only before threads use the table.
  Status Rename(std::string_view from, std::string_view to);
  // The name clients call a top-level command by; empty if it was removed.
  std::string_view CurrentName(const Command& command) const { return names_[command.id]; }

  // Known top-level commands: COMMAND COUNT.
  std::size_t known_count() const { return known_count_; }
  // visit(const Command&) for each known top-level command, in order of their original names.
  template <class Visitor>
  void ForEachKnown(Visitor&& visit) const {
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (commands_[i].known && !names_[i].empty()) visit(commands_[i]);
  }
  template <class Visitor>
  void ForEachKnownSubcommand(const Command& container, Visitor&& visit) const {
    const CommandSpec& spec = *container.spec;
    for (std::size_t i = 0; i < spec.subcommand_count; ++i)
      if (const Command& sub = commands_[spec.first_subcommand + i]; sub.known) visit(sub);
  }

 private:
  // A name of up to 16 bytes is its two words and its length; of a longer one these are compared first.
  struct Bucket {
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::uint64_t head_mask = 0;  // the bits that matter: all but the case of letters
    std::uint64_t tail_mask = 0;
    const Command* command = nullptr;  // null: the chain ends here
    std::uint32_t length = 0;
  };
  static constexpr std::size_t kBucketCount = 1024;  // a power of two, over four times the commands

  void AddHandler(const HandlerEntry& entry);
  void Finish();
  void Index();

  std::vector<Command> commands_;
  std::vector<std::string> names_;  // current names of top-level commands, by id
  std::size_t known_count_ = 0;
  std::array<Bucket, kBucketCount> buckets_;
};

}  // namespace slotwise
