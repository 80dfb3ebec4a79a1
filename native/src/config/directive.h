// Directive: the words of a configuration as data. Which directives exist, their types, bounds, defaults and enums come
// from native/tables/directives.json, of which the TypeScript side is generated too; here is only how to look at them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace slotwise {

// `enum class Directive` (kMaxmemory, kAppendfsync, ...) and kDirectiveCount, then one enum class for each directive
// that has named values, in namespace config_value.
namespace config_value {
#include "config/directive_enums.inc"
}  // namespace config_value
using config_value::Directive;
using config_value::kDirectiveCount;

enum class DirectiveType : std::uint8_t {
  kBool,
  kInt,
  kMemory,           // bytes, with k kb m mb g gb
  kMemoryOrPercent,  // a percentage is kept as a negative number
  kOctal,
  kString,
  kEnum,  // one name, or the sum of several if kDirectiveMulti
  kAddresses,
  kSave,
  kOutputLimits,
  kOomValues,
  kEventClasses,
  kPrimary,
  kPercentiles,
  kDir,
};

enum class DirectiveCheck : std::uint8_t {
  kNone,
  kNoDefrag,
  kFileName,
  kNonemptyFileName,
  kShutdownFlags,
  kHostName,
  kTitleTemplate,
};

inline constexpr std::uint16_t kDirectiveImmutable = 1 << 0;         // fixed at start
inline constexpr std::uint16_t kDirectiveMulti = 1 << 1;             // several arguments
inline constexpr std::uint16_t kDirectiveHidden = 1 << 2;            // CONFIG GET shows it by its full name only
inline constexpr std::uint16_t kDirectiveProtected = 1 << 3;         // CONFIG SET needs enable-protected-configs
inline constexpr std::uint16_t kDirectiveSensitive = 1 << 4;         // its value must not reach logs
inline constexpr std::uint16_t kDirectiveDenyWhileLoading = 1 << 5;
inline constexpr std::uint16_t kDirectiveEmptyIsUnset = 1 << 6;      // an empty string is not written by CONFIG REWRITE
inline constexpr std::uint16_t kDirectiveBinary = 1 << 7;            // may hold NUL bytes
inline constexpr std::uint16_t kDirectiveAlwaysApply = 1 << 8;       // listeners run even if the value stays the same
inline constexpr std::uint16_t kDirectiveUnsigned = 1 << 9;          // bounds compare as uint64
inline constexpr std::uint16_t kDirectiveWithoutEffect = 1 << 10;    // stored and returned, but nothing reads it yet

struct EnumValue {
  const char* name;
  int number;
};

struct DirectiveSpec {
  const char* name;
  const char* alias;  // nullptr if none
  DirectiveType type;
  DirectiveCheck check;
  std::uint16_t flags;
  const char* default_value;  // as CONFIG GET prints it
  std::int64_t min;           // inclusive; the bits of a uint64 if kDirectiveUnsigned
  std::int64_t max;
  std::int32_t clamp_min;  // clamp_min < clamp_max: values outside are moved to the bound after they were accepted
  std::int32_t clamp_max;
  const EnumValue* values;
  std::uint8_t value_count;
  const char* summary;

  bool Has(std::uint16_t flag) const { return (flags & flag) != 0; }
};

const DirectiveSpec& SpecOf(Directive directive);

struct DirectiveName {
  Directive directive;
  const char* name;  // in canonical case: the directive's name or its alias
  bool is_alias;
};

// Any case; aliases are found too.
std::optional<DirectiveName> FindDirective(std::string_view name);

// A word of an older Redis version, which configuration files may hold and which means nothing any more.
bool IsIgnoredDirective(std::string_view name);

}  // namespace slotwise
