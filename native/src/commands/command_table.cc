#include "commands/command_table.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "commands/late_commands.h"

namespace slotwise {
namespace {

constinit const HandlerList* first_list = nullptr;

std::uint64_t Load64(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}
std::uint32_t Load32(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}

constexpr std::uint64_t kCaseBits = 0x2020202020202020;

struct Words {
  std::uint64_t head, tail;
};
// All bytes of a name of at most 16; the first and last 8 of a longer one. Never reads outside of the name.
inline Words Load(std::string_view name) {
  const char* p = name.data();
  const std::size_t n = name.size();
  if (n >= 8) return {Load64(p), Load64(p + n - 8)};
  if (n >= 4) return {Load32(p) | static_cast<std::uint64_t>(Load32(p + n - 4)) << 32, 0};
  if (n == 0) return {0, 0};
  auto byte = [p](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(p[i])); };
  return {byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16, 0};
}

// The same for names that differ in case only (and for some that differ otherwise).
inline std::size_t Hash(const Words& words, std::size_t length) {
  std::uint64_t h = ((words.head | kCaseBits) ^ ((words.tail | kCaseBits) << 1) ^ length) * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(h >> 48);
}

// The bits of a word of a lower-case name that do not matter: the case bits of its letters.
std::uint64_t IgnoredBits(std::uint64_t word) {
  std::uint64_t bits = 0;
  for (int shift = 0; shift < 64; shift += 8)
    if (const std::uint64_t c = word >> shift & 0xff; c >= 'a' && c <= 'z') bits |= std::uint64_t{0x20} << shift;
  return bits;
}

constexpr char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
// `lower` is in lower case already.
bool EqualsLower(std::string_view name, std::string_view lower) {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i)
    if (Lower(name[i]) != lower[i]) return false;
  return true;
}

[[noreturn]] void Bug(const char* what, const char* name) {
  std::fprintf(stderr, "command table: %s: '%s'\n", what, name);
  std::abort();
}

// What Redis 7.0 has and this server will not: why, for whoever asks; null for everything else.
const char* NeverServed(std::span<const std::string_view> args) {
  for (const CommandSpec& spec : CommandSpecs()) {
    bool script = std::string_view(spec.group) == "scripting" && spec.container < 0;
    if (script && EqualsLower(args[0], spec.name)) return "it runs no scripts";
  }
  if (args.size() < 2 || !EqualsLower(args[0], "module")) return nullptr;
  for (std::string_view sub : {"load", "loadex", "unload"}) {
    if (EqualsLower(args[1], sub)) return "it has no modules";
  }
  return nullptr;
}

// Redis prints these as C strings: what follows a NUL is not shown.
std::string_view Printable(std::string_view bytes, std::size_t limit) {
  return bytes.substr(0, std::min(limit, bytes.find('\0')));
}

}  // namespace

HandlerList::HandlerList(const HandlerEntry* entries, std::size_t count)
    : entries_(entries), count_(count), next_(first_list) {
  first_list = this;
}
const HandlerList* HandlerList::First() { return first_list; }

CommandTable::CommandTable() : CommandTable(std::span<const HandlerEntry>()) {
  for (const HandlerList* list = HandlerList::First(); list != nullptr; list = list->next())
    for (const HandlerEntry& entry : *list) AddHandler(entry);
  Finish();
}

CommandTable::CommandTable(std::span<const HandlerEntry> handlers) {
  const std::span<const CommandSpec> specs = CommandSpecs();
  commands_.resize(specs.size());
  names_.resize(specs.size());  // empty for subcommands
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const CommandSpec& spec = specs[i];
    Command& command = commands_[i];
    command.spec = &spec;
    command.flags = spec.flags;
    command.id = static_cast<std::uint16_t>(i);
    command.arity = spec.arity;
    command.is_container = spec.subcommand_count > 0;
    if (spec.container >= 0) command.container = &commands_[static_cast<std::size_t>(spec.container)];
    else names_[i] = spec.full_name;

    const std::span<const KeySpec> keys = spec.keys();
    if (std::ranges::all_of(keys, [](const KeySpec& k) { return (k.flags & key_flag::kNotKey) != 0; })) continue;
    command.first_key = spec.first_key;
    command.last_key = spec.last_key;
    command.key_step = spec.key_step;
    if (command.Is(CommandFlag::kMovableKeys)) command.key_layout = KeyLayout::kSearch;
    else if (spec.first_key == 1 && spec.last_key == 1) command.key_layout = KeyLayout::kOne;
    else command.key_layout = KeyLayout::kRange;
    std::string_view group = spec.group;
    command.on_collection = command.key_layout == KeyLayout::kOne && (group == "hash" || group == "set");
  }
  for (const HandlerEntry& entry : handlers) AddHandler(entry);
  Finish();
}

void CommandTable::AddHandler(const HandlerEntry& entry) {
  for (Command& command : commands_) {
    if (command.full_name() != entry.full_name) continue;
    if (command.handler != nullptr) Bug("two handlers for one command", entry.full_name);
    command.handler = entry.handler;
    command.lock = entry.lock;
    return;
  }
  Bug("a handler for a command that native/tables/commands does not describe", entry.full_name);
}

// Containers come before their subcommands, so one pass from the end settles both.
void CommandTable::Finish() {
  for (Command& command : commands_) command.known = command.handler != nullptr;
  for (Command& command : commands_)
    if (command.known && command.container != nullptr) commands_[command.container->id].known = true;
  Index();
}

void CommandTable::Index() {
  buckets_.fill({});
  known_count_ = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i].empty() || !commands_[i].known) continue;
    ++known_count_;
    const Words words = Load(names_[i]);
    std::size_t at = Hash(words, names_[i].size()) % kBucketCount;
    while (buckets_[at].command != nullptr) at = (at + 1) % kBucketCount;
    buckets_[at] = {words.head, words.tail, ~IgnoredBits(words.head), ~IgnoredBits(words.tail),
                    &commands_[i], static_cast<std::uint32_t>(names_[i].size())};
  }
}

const Command* CommandTable::Find(std::string_view name) const {
  const Words words = Load(name);
  for (std::size_t at = Hash(words, name.size()) % kBucketCount; buckets_[at].command != nullptr;
       at = (at + 1) % kBucketCount) {
    const Bucket& bucket = buckets_[at];
    if (((bucket.head ^ words.head) & bucket.head_mask) != 0 || bucket.length != name.size()) continue;
    if (((bucket.tail ^ words.tail) & bucket.tail_mask) != 0) continue;
    if (name.size() <= 16 || EqualsLower(name, names_[bucket.command->id])) return bucket.command;
  }
  return nullptr;
}

const Command* CommandTable::FindSubcommand(const Command& container, std::string_view name) const {
  const CommandSpec& spec = *container.spec;
  for (std::size_t i = 0; i < spec.subcommand_count; ++i) {
    const Command& sub = commands_[spec.first_subcommand + i];
    if (sub.known && EqualsLower(name, sub.spec->name)) return &sub;
  }
  const Command* late = nullptr;
  ForEachLateSubcommand(*this, container, [&](const Command& sub) {
    if (sub.known && EqualsLower(name, sub.spec->name)) late = &sub;
  });
  return late;
}

const Command* CommandTable::FindFullName(std::string_view full_name) const {
  const std::size_t bar = full_name.find('|');
  const Command* command = Find(full_name.substr(0, bar));
  if (bar == std::string_view::npos || command == nullptr) return command;
  return FindSubcommand(*command, full_name.substr(bar + 1));
}

std::string CommandTable::ErrorText(const Resolution& resolution, std::span<const std::string_view> args) {
  constexpr std::size_t kShown = 128;  // bytes of a name, and of all arguments together
  if (resolution.outcome == Outcome::kWrongArity) return WrongArityText(*resolution.command);
  if (const char* reason = NeverServed(args)) {
    std::string name(args[0]);
    if (resolution.outcome == Outcome::kUnknownSubcommand) name.append(" ").append(args[1]);
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return "ERR " + name + " is not supported by this server: " + reason;
  }
  if (resolution.outcome == Outcome::kUnknownSubcommand) {
    std::string container(Printable(args[0], kShown));
    for (char& c : container)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    return "ERR unknown subcommand '" + std::string(Printable(args[1], kShown)) + "'. Try " + container + " HELP.";
  }
  std::string shown;
  for (std::size_t i = 1; i < args.size() && shown.size() < kShown; ++i) {
    std::string_view arg = Printable(args[i], kShown - shown.size());
    shown.append("'").append(arg).append("' ");
  }
  return "ERR unknown command '" + std::string(Printable(args[0], kShown)) + "', with args beginning with: " + shown;
}

std::string CommandTable::WrongArityText(const Command& command) {
  return "ERR wrong number of arguments for '" + std::string(command.full_name()) + "' command";
}

Status CommandTable::Rename(std::string_view from, std::string_view to) {
  auto find = [this](std::string_view name) -> std::string* {
    for (std::string& current : names_)
      if (!current.empty() && current.size() == name.size() &&
          std::equal(name.begin(), name.end(), current.begin(), [](char a, char b) { return Lower(a) == Lower(b); }))
        return &current;
    return nullptr;
  };
  std::string* name = find(from);
  if (name == nullptr) return Status::Error(1, "No such command in rename-command");
  std::string old = std::move(*name);
  name->clear();
  if (find(to) != nullptr) {
    *name = std::move(old);
    return Status::Error(1, "Target command name already exists");
  }
  std::ranges::transform(to, std::back_inserter(*name), Lower);
  Index();
  return Status::Ok();
}

}  // namespace slotwise
