#include "commands/key_positions.h"

#include <charconv>
#include <cstring>

namespace slotwise {
namespace {

using Positions = std::vector<KeyPosition>;

struct Arguments {
  const std::string_view* argv;
  std::ptrdiff_t count;

  bool Is(std::ptrdiff_t i, std::string_view word) const { return EqualsIgnoreCase(argv[i], word); }
};

void Add(Positions* out, std::ptrdiff_t index, std::uint16_t flags) {
  out->push_back({static_cast<std::uint32_t>(index), flags});
}

// Where a spec's search begins; 0 if its keyword is not there.
std::ptrdiff_t Begin(const KeySpec& spec, const Arguments& args) {
  if (spec.begin == KeyBegin::kIndex) return spec.begin_at;
  const bool forward = spec.begin_at > 0;
  const std::ptrdiff_t from = forward ? spec.begin_at : args.count + spec.begin_at;
  const std::ptrdiff_t end = forward ? args.count - 1 : 1;
  for (std::ptrdiff_t i = from; i != end; i += forward ? 1 : -1) {
    if (i >= args.count || i < 1) break;
    if (args.Is(i, spec.keyword)) return i + 1;
  }
  return 0;
}

// Adds the keys of one spec. False if it cannot tell, or the arguments do not fit it.
bool AddBySpec(const Command& command, const KeySpec& spec, const Arguments& args, Positions* out) {
  if (spec.begin == KeyBegin::kUnknown) return false;
  std::ptrdiff_t first = Begin(spec, args);
  if (first == 0) return true;  // an option that was not given
  std::ptrdiff_t last = 0;
  std::ptrdiff_t step = 1;
  switch (spec.find) {
    case KeyFind::kUnknown:
      return false;
    case KeyFind::kRange:
      step = spec.b;
      if (spec.a >= 0) last = first + spec.a;
      else if (spec.c <= 1) last = args.count + spec.a;
      else last = first + (args.count - first) / spec.c + spec.a;  // STREAMS: the keys, then as many ids
      break;
    case KeyFind::kCount: {
      step = spec.c;
      if (first + spec.a >= args.count) return false;
      const std::string_view digits = args.argv[first + spec.a];
      std::int64_t count = 0;
      auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
      if (error != std::errc() || end != digits.data() + digits.size() || count < 0 || count > args.count) return false;
      first += spec.b;
      last = first + (count - 1) * step;
      if (count == 0) return command.Is(CommandFlag::kNoMandatoryKeys);  // EVAL script 0, but not ZUNION 0
      break;
    }
  }
  if (first >= args.count || last >= args.count || last < first) return false;
  for (std::ptrdiff_t i = first; i <= last; i += step) Add(out, i, spec.flags);
  return true;
}

// SORT key [options]: STORE may stand anywhere among the options; the last one counts.
void AddSortKeys(const Command& command, const Arguments& args, Positions* out) {
  Add(out, 1, key_flag::kReadOnly | key_flag::kAccess);
  std::ptrdiff_t store = 0;
  if (!command.Is(CommandId::kSort)) return;
  for (std::ptrdiff_t i = 2; i < args.count; ++i) {
    if (args.Is(i, "limit")) i += 2;
    else if (args.Is(i, "get") || args.Is(i, "by")) i += 1;
    else if (args.Is(i, "store") && i + 1 < args.count) store = ++i;
  }
  if (store != 0) Add(out, store, key_flag::kOverwrite | key_flag::kUpdate);
}

// MIGRATE host port key|"" db timeout [options] [KEYS key ...]: either one key or, if that is empty, a list.
void AddMigrateKeys(const Arguments& args, Positions* out) {
  constexpr std::uint16_t kFlags = key_flag::kReadWrite | key_flag::kAccess | key_flag::kDelete;
  for (std::ptrdiff_t i = 6; i + 1 < args.count; ++i) {
    if (args.Is(i, "auth")) i += 1;
    else if (args.Is(i, "auth2")) i += 2;
    else if (args.Is(i, "keys")) {
      if (!args.argv[3].empty()) return;  // a syntax error
      for (++i; i < args.count; ++i) Add(out, i, kFlags);
      return;
    }
  }
  Add(out, 3, kFlags);
}

// GEORADIUS, GEORADIUSBYMEMBER: every STORE and STOREDIST, though only the last takes effect, so that whoever locks by
// this list never holds too little.
void AddGeoRadiusKeys(const Command& command, const Arguments& args, Positions* out) {
  Add(out, 1, key_flag::kReadOnly | key_flag::kAccess);
  for (std::ptrdiff_t i = command.Is(CommandId::kGeoradius) ? 6 : 5; i + 1 < args.count; ++i)
    if (args.Is(i, "store") || args.Is(i, "storedist")) Add(out, ++i, key_flag::kOverwrite | key_flag::kUpdate);
}

// SET returns the old value only with GET.
void AddSetKeys(const Arguments& args, Positions* out) {
  for (std::ptrdiff_t i = 3; i < args.count; ++i)
    if (args.Is(i, "get"))
      return Add(out, 1, key_flag::kReadWrite | key_flag::kAccess | key_flag::kUpdate);
  Add(out, 1, key_flag::kOverwrite | key_flag::kUpdate);
}

// BITFIELD only reads if all its subcommands are complete GETs (and OVERFLOWs, which touch nothing).
void AddBitfieldKeys(const Arguments& args, Positions* out) {
  bool only_reads = true;
  for (std::ptrdiff_t i = 2; i < args.count && only_reads;) {
    const std::ptrdiff_t left = args.count - i - 1;
    if (args.Is(i, "get") && left >= 2) i += 3;
    else if (args.Is(i, "overflow") && left >= 1) i += 2;
    else only_reads = false;
  }
  Add(out, 1, only_reads ? key_flag::kReadOnly | key_flag::kAccess
                         : key_flag::kReadWrite | key_flag::kAccess | key_flag::kUpdate);
}

// True if `command` is one whose specs do not suffice; its keys are then in `out`.
bool AddBySpecialRule(const Command& command, const Arguments& args, Positions* out) {
  switch (static_cast<CommandId>(command.id)) {
    case CommandId::kSort:
    case CommandId::kSortRo:
      AddSortKeys(command, args, out);
      return true;
    case CommandId::kMigrate:
      AddMigrateKeys(args, out);
      return true;
    case CommandId::kGeoradius:
    case CommandId::kGeoradiusbymember:
      AddGeoRadiusKeys(command, args, out);
      return true;
    case CommandId::kSet:
      AddSetKeys(args, out);
      return true;
    case CommandId::kBitfield:
      AddBitfieldKeys(args, out);
      return true;
    default:
      return false;
  }
}

}  // namespace

int ExtractKeys(const Command& command, const std::string_view* argv, std::size_t argc, std::vector<KeyPosition>* out,
                bool with_channels) {
  if (command.spec->key_spec_count == 0) return 0;
  if (!command.AcceptsArgc(argc)) return -1;
  const Arguments args{argv, static_cast<std::ptrdiff_t>(argc)};
  const std::size_t before = out->size();
  if (!AddBySpecialRule(command, args, out)) {
    for (const KeySpec& spec : command.spec->keys()) {
      if ((spec.flags & key_flag::kNotKey) != 0 && !with_channels) continue;
      if (!AddBySpec(command, spec, args, out)) {
        out->resize(before);
        return -1;
      }
    }
  }
  return static_cast<int>(out->size() - before);
}

bool MayHaveKeys(const Command& command) {
  for (const KeySpec& spec : command.spec->keys())
    if ((spec.flags & key_flag::kNotKey) == 0) return true;
  return false;
}

bool TouchesUnnamedKeys(const Command& command, const std::string_view* argv, std::size_t argc) {
  if (!command.Is(CommandId::kSort) && !command.Is(CommandId::kSortRo)) return false;
  for (std::size_t i = 2; i + 1 < argc; ++i)
    if (EqualsIgnoreCase(argv[i], "by") || EqualsIgnoreCase(argv[i], "get")) return true;
  return false;
}

}  // namespace slotwise
