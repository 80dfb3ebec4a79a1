// DirectiveValue: one directive's value, and the three texts it has: what is typed (arguments), what CONFIG GET prints,
// and what CONFIG REWRITE writes. Pure functions of a spec and a value; storing, locking and files live in config.h and
// rewrite.h. Parsing is as forgiving and as strict as Redis 7.0.15: a configuration that Redis refuses is refused with
// the same sentence, and one it takes means the same here.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/directive.h"

namespace slotwise {

struct DirectiveValue {
  // kBool: 0 or 1. Numbers: the number (kMemory of 2^63 and more as the bits of a uint64). kEnum: its number(s).
  // kEventClasses: kEvent... bits. Other types: unused.
  std::int64_t number = 0;
  // kString: the string. Lists: as CONFIG GET prints them. Others: unused.
  std::string text;

  bool operator==(const DirectiveValue&) const = default;
};

// notify-keyspace-events. kEventAll is what `A` stands for.
inline constexpr std::int64_t kEventKeyspace = 1 << 0;   // K
inline constexpr std::int64_t kEventKeyevent = 1 << 1;   // E
inline constexpr std::int64_t kEventGeneric = 1 << 2;    // g
inline constexpr std::int64_t kEventString = 1 << 3;     // $
inline constexpr std::int64_t kEventList = 1 << 4;       // l
inline constexpr std::int64_t kEventSet = 1 << 5;        // s
inline constexpr std::int64_t kEventHash = 1 << 6;       // h
inline constexpr std::int64_t kEventZset = 1 << 7;       // z
inline constexpr std::int64_t kEventExpired = 1 << 8;    // x
inline constexpr std::int64_t kEventEvicted = 1 << 9;    // e
inline constexpr std::int64_t kEventStream = 1 << 10;    // t
inline constexpr std::int64_t kEventKeyMiss = 1 << 11;   // m
inline constexpr std::int64_t kEventModule = 1 << 13;    // d
inline constexpr std::int64_t kEventNew = 1 << 14;       // n
inline constexpr std::int64_t kEventAll = kEventGeneric | kEventString | kEventList | kEventSet | kEventHash |
                                          kEventZset | kEventExpired | kEventEvicted | kEventStream | kEventModule;

// client-output-buffer-limit, one for each class: index 0 normal, 1 replica, 2 pubsub.
struct OutputLimit {
  std::uint64_t hard_bytes = 0;  // 0: none
  std::uint64_t soft_bytes = 0;  // 0: none
  std::int64_t soft_seconds = 0;
  bool operator==(const OutputLimit&) const = default;
};
inline constexpr int kOutputClassCount = 3;

struct SavePoint {
  std::int64_t seconds;
  int changes;
};

// Reads `args` (without the directive's name) into `*value`, which holds the present value: limits of classes not named
// stay, and with `append_save` save points are added to it. An error text of Redis's, or nullopt; on error `*value` is
// unchanged. kDir: takes any single argument, since only the caller may look at the disk.
std::optional<std::string> ParseDirective(const DirectiveSpec& spec, std::span<const std::string> args,
                                          bool append_save, DirectiveValue* value);

// As CONFIG GET prints it.
std::string FormatDirective(const DirectiveSpec& spec, const DirectiveValue& value);

// One line of a configuration file. `forced`: write it even if the file did not mention the directive.
struct ConfigLine {
  std::string text;
  bool forced;
};
// The lines that say `value`; none if the file must not mention the directive.
std::vector<ConfigLine> RewriteDirective(const DirectiveSpec& spec, const DirectiveValue& value,
                                         const DirectiveValue& default_value);

// Parts of the lists above, from their canonical text.
void ParseOutputLimits(std::string_view canonical, OutputLimit (&limits)[kOutputClassCount]);
std::vector<SavePoint> ParseSavePoints(std::string_view canonical);

}  // namespace slotwise
