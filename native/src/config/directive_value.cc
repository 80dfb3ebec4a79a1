#include "config/directive_value.h"

#include <cerrno>
#include <cinttypes>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <algorithm>

#include "base/split_args.h"
#include "config/value_text.h"

namespace slotwise {
namespace {

using Error = std::optional<std::string>;

constexpr const char* kWrongCount = "wrong number of arguments";

std::string FormatNumber(const char* format, std::int64_t number) {
  char buffer[96];
  std::snprintf(buffer, sizeof(buffer), format, number);
  return buffer;
}

Error CheckBounds(const DirectiveSpec& spec, std::int64_t number) {
  const bool octal = spec.type == DirectiveType::kOctal;
  if (spec.Has(kDirectiveUnsigned)) {
    const auto value = static_cast<std::uint64_t>(number);
    const auto min = static_cast<std::uint64_t>(spec.min);
    const auto max = static_cast<std::uint64_t>(spec.max);
    if (value >= min && value <= max) return std::nullopt;
    char buffer[96];
    std::snprintf(buffer, sizeof(buffer),
                  octal ? "argument must be between %" PRIo64 " and %" PRIo64 " inclusive"
                        : "argument must be between %" PRIu64 " and %" PRIu64 " inclusive",
                  min, max);
    return buffer;
  }
  if (spec.type == DirectiveType::kMemoryOrPercent && number < 0) {
    if (number >= spec.min) return std::nullopt;
    return FormatNumber("percentage argument must be less or equal to %" PRId64, -spec.min);
  }
  if (number >= spec.min && number <= spec.max) return std::nullopt;
  return "argument must be between " + std::to_string(spec.min) + " and " + std::to_string(spec.max) + " inclusive";
}

Error ParseNumber(const DirectiveSpec& spec, const std::string& text, std::int64_t* number) {
  std::uint64_t bytes = 0;
  switch (spec.type) {
    case DirectiveType::kMemory:
      if (!ParseMemory(text, &bytes)) return "argument must be a memory value";
      *number = static_cast<std::int64_t>(bytes);
      break;
    case DirectiveType::kMemoryOrPercent:
      if (ParseMemory(text, &bytes)) {
        *number = static_cast<std::int64_t>(bytes);
      } else if (text.size() > 1 && text.back() == '%' &&
                 ParseStrictInt(std::string_view(text).substr(0, text.size() - 1), number) && *number >= 0) {
        *number = -*number;
      } else {
        return "argument must be a memory or percent value";
      }
      break;
    case DirectiveType::kOctal: {
      bool overflow = false;
      const bool parsed = ParseLooseInt(text, 8, number, &overflow);
      if (!parsed || overflow) return "argument couldn't be parsed as an octal number";
      break;
    }
    default:
      if (!ParseStrictInt(text, number)) return "argument couldn't be parsed into an integer";
  }
  if (Error error = CheckBounds(spec, *number)) return error;
  if (spec.clamp_min < spec.clamp_max) {
    *number = std::min<std::int64_t>(std::max<std::int64_t>(*number, spec.clamp_min), spec.clamp_max);
  }
  return std::nullopt;
}

Error ParseEnum(const DirectiveSpec& spec, std::span<const std::string> args, std::int64_t* number) {
  bool valid = !args.empty() && (spec.Has(kDirectiveMulti) || args.size() == 1);
  *number = 0;
  for (std::size_t i = 0; valid && i < args.size(); ++i) {
    valid = false;
    for (int v = 0; v < spec.value_count; ++v) {
      if (!SameWord(args[i], spec.values[v].name)) continue;
      *number |= spec.values[v].number;
      valid = true;
    }
  }
  if (valid) {
    constexpr std::int64_t kSave = static_cast<std::int64_t>(config_value::ShutdownOnSigterm::kSave);
    constexpr std::int64_t kNosave = static_cast<std::int64_t>(config_value::ShutdownOnSigterm::kNosave);
    if (spec.check == DirectiveCheck::kShutdownFlags && (*number & kSave) != 0 && (*number & kNosave) != 0) {
      return "shutdown options SAVE and NOSAVE can't be used simultaneously";
    }
    return std::nullopt;
  }
  std::string names = "argument(s) must be one of the following: ";
  for (int v = 0; v < spec.value_count; ++v) {
    if (v > 0) names += ", ";
    names += spec.values[v].name;
  }
  return names;
}

// A title must not come out empty. Variables that may be empty count as empty, since what they stand for can change.
bool IsTitleTemplate(std::string_view text) {
  bool visible = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{') {
      visible = visible || text[i] != ' ';
      continue;
    }
    if (++i == text.size()) return false;
    if (text[i] == '{') {
      visible = true;
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (end == std::string_view::npos) return false;
    const std::string_view name = text.substr(i, end - i);
    if (name == "listen-addr" || name == "port" || name == "tls-port" || name == "config-file") {
      visible = true;
    } else if (name != "title" && name != "server-mode" && name != "unixsocket") {
      return false;
    }
    i = end;
  }
  return visible;
}

Error CheckString(const DirectiveSpec& spec, std::string_view text) {
  const std::string name = spec.name;
  switch (spec.check) {
    case DirectiveCheck::kNonemptyFileName:
      if (text.empty()) return name + " can't be empty";
      [[fallthrough]];
    case DirectiveCheck::kFileName:
      if (text.find_first_of("/\\") == std::string_view::npos) return std::nullopt;
      return name + " can't be a path, just a " + (name == "appenddirname" ? "dirname" : "filename");
    case DirectiveCheck::kHostName:
      if (text.size() >= 256) return "Hostnames must be less than 256 characters";
      for (const char c : text) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter || c == '-' || c == '.') continue;
        return "Hostnames may only contain alphanumeric characters, hyphens or dots";
      }
      return std::nullopt;
    case DirectiveCheck::kTitleTemplate:
      if (!IsTitleTemplate(text)) return "template format is invalid or contains unknown variables";
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Error ParseAddresses(std::span<const std::string> args, std::string* text) {
  if (args.size() > 16) return "Too many bind addresses specified.";
  text->clear();
  for (const std::string& arg : args) {
    if (&arg != args.data()) *text += ' ';
    *text += UpToNul(arg);
  }
  return std::nullopt;
}

Error ParseSave(std::span<const std::string> args, bool append, std::string* text) {
  std::string points = append ? *text : std::string();
  if (args.size() == 1 && UpToNul(args[0]).empty()) {
    points.clear();
    args = {};
  }
  if (args.size() % 2 != 0) return "Invalid save parameters";
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::int64_t number = 0;
    const bool is_seconds = i % 2 == 0;
    if (!ParseLooseInt(args[i], 10, &number) || number < (is_seconds ? 1 : 0)) return "Invalid save parameters";
    if (!points.empty()) points += ' ';
    points += std::to_string(is_seconds ? number : static_cast<std::int32_t>(number));
  }
  *text = std::move(points);
  return std::nullopt;
}

constexpr const char* kOutputClassNames[kOutputClassCount] = {"normal", "slave", "pubsub"};

int OutputClass(const std::string& name) {
  if (SameWord(name, "replica")) return 1;
  for (int i = 0; i < kOutputClassCount; ++i) {
    if (SameWord(name, kOutputClassNames[i])) return i;
  }
  return -1;
}

std::string FormatOutputLimits(const OutputLimit (&limits)[kOutputClassCount]) {
  std::string text;
  for (int i = 0; i < kOutputClassCount; ++i) {
    if (i > 0) text += ' ';
    text += kOutputClassNames[i];
    text += ' ' + std::to_string(limits[i].hard_bytes) + ' ' + std::to_string(limits[i].soft_bytes);
    text += ' ' + std::to_string(limits[i].soft_seconds);
  }
  return text;
}

Error ParseOutputArgs(std::span<const std::string> args, std::string* text) {
  if (args.size() % 4 != 0) return "Wrong number of arguments in buffer limit configuration.";
  OutputLimit limits[kOutputClassCount];
  ParseOutputLimits(*text, limits);
  for (std::size_t i = 0; i < args.size(); i += 4) {
    const int output_class = OutputClass(args[i]);
    if (output_class < 0) return "Invalid client class specified in buffer limit configuration.";
    OutputLimit& limit = limits[output_class];
    std::int64_t seconds = 0;
    if (!ParseMemory(args[i + 1], &limit.hard_bytes) || !ParseMemory(args[i + 2], &limit.soft_bytes) ||
        !ParseLooseInt(args[i + 3], 10, &seconds) || static_cast<std::int32_t>(seconds) < 0) {
      return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
    limit.soft_seconds = static_cast<std::int32_t>(seconds);
  }
  *text = FormatOutputLimits(limits);
  return std::nullopt;
}

Error ParseOomValues(std::span<const std::string> args, std::string* text) {
  if (args.size() != 3) return kWrongCount;
  std::string values;
  for (const std::string& arg : args) {
    std::int64_t number = 0;
    if (!ParseLooseInt(arg, 10, &number) || number < -2000 || number > 2000) {
      return "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    }
    if (!values.empty()) values += ' ';
    values += std::to_string(number);
  }
  *text = std::move(values);
  return std::nullopt;
}

// In the order in which Redis prints them.
constexpr struct {
  char letter;
  std::int64_t bit;
} kEventClasses[] = {{'g', kEventGeneric}, {'$', kEventString},  {'l', kEventList},    {'s', kEventSet},
                     {'h', kEventHash},    {'z', kEventZset},    {'x', kEventExpired}, {'e', kEventEvicted},
                     {'t', kEventStream},  {'d', kEventModule},  {'n', kEventNew},     {'K', kEventKeyspace},
                     {'E', kEventKeyevent}, {'m', kEventKeyMiss}};

Error ParseEventClasses(std::span<const std::string> args, std::int64_t* bits) {
  if (args.size() != 1) return kWrongCount;
  *bits = 0;
  for (const char letter : UpToNul(args[0])) {
    std::int64_t bit = letter == 'A' ? kEventAll : 0;
    for (const auto& row : kEventClasses) {
      if (row.letter == letter) bit = row.bit;
    }
    if (bit == 0) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    *bits |= bit;
  }
  return std::nullopt;
}

std::string FormatEventClasses(std::int64_t bits) {
  std::string text;
  const bool all = (bits & kEventAll) == kEventAll;
  if (all) text += 'A';
  for (const auto& row : kEventClasses) {
    // After an A Redis names none of the classes of keys, `n` included, though A does not contain it.
    const bool about_keys = row.bit != kEventKeyspace && row.bit != kEventKeyevent && row.bit != kEventKeyMiss;
    if ((bits & row.bit) != 0 && !(all && about_keys)) text += row.letter;
  }
  return text;
}

Error ParsePrimary(std::span<const std::string> args, std::string* text) {
  if (args.size() != 2) return kWrongCount;
  if (SameWord(args[0], "no") && SameWord(args[1], "one")) {
    text->clear();
    return std::nullopt;
  }
  std::int64_t port = 0;
  if (!ParseLooseInt(args[1], 10, &port) || port < 0 || port > 65535) return "Invalid master port";
  *text = std::string(UpToNul(args[0])) + ' ' + std::to_string(port);
  return std::nullopt;
}

// Six decimals, then without the zeros nobody needs.
std::string FormatPercentile(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), "%f", value);
  std::string text = buffer;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

Error ParsePercentiles(std::span<const std::string> args, std::string* text) {
  if (args.size() == 1 && args[0].empty()) args = {};
  std::string values;
  for (const std::string& arg : args) {
    char* end = nullptr;
    errno = 0;
    const double value = std::strtod(arg.c_str(), &end);
    const bool out_of_range = errno == ERANGE && (std::isinf(value) || std::fpclassify(value) == FP_ZERO);
    const bool starts_blank = !arg.empty() && (arg[0] == ' ' || (arg[0] >= '\t' && arg[0] <= '\r'));
    if (arg.empty() || starts_blank || end != arg.c_str() + arg.size() || out_of_range || std::isnan(value)) {
      return "Invalid latency-tracking-info-percentiles parameters";
    }
    if (value > 100.0 || value < 0.0) {
      return "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    }
    if (!values.empty()) values += ' ';
    values += FormatPercentile(value);
  }
  *text = std::move(values);
  return std::nullopt;
}

Error ParseInto(const DirectiveSpec& spec, std::span<const std::string> args, bool append_save, DirectiveValue* value) {
  switch (spec.type) {
    case DirectiveType::kAddresses: {
      if (args.size() == 1 && args[0].empty()) args = {};
      return ParseAddresses(args, &value->text);
    }
    case DirectiveType::kSave: return ParseSave(args, append_save, &value->text);
    case DirectiveType::kOutputLimits: return ParseOutputArgs(args, &value->text);
    case DirectiveType::kOomValues: return ParseOomValues(args, &value->text);
    case DirectiveType::kEventClasses: return ParseEventClasses(args, &value->number);
    case DirectiveType::kPrimary: return ParsePrimary(args, &value->text);
    case DirectiveType::kPercentiles: return ParsePercentiles(args, &value->text);
    case DirectiveType::kEnum: return ParseEnum(spec, args, &value->number);
    default: break;
  }
  if (args.size() != 1) return kWrongCount;
  switch (spec.type) {
    case DirectiveType::kBool:
      if (!SameWord(args[0], "yes") && !SameWord(args[0], "no")) return "argument must be 'yes' or 'no'";
      value->number = SameWord(args[0], "yes") ? 1 : 0;
      if (spec.check == DirectiveCheck::kNoDefrag && value->number == 1) {
        return "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified Jemalloc "
               "like the one shipped by default with the Redis source distribution";
      }
      return std::nullopt;
    case DirectiveType::kString:
    case DirectiveType::kDir: {
      const std::string_view text = spec.Has(kDirectiveBinary) ? std::string_view(args[0]) : UpToNul(args[0]);
      if (Error error = CheckString(spec, text)) return error;
      value->text = text;
      return std::nullopt;
    }
    default:
      return ParseNumber(spec, args[0], &value->number);
  }
}

std::string FormatEnum(const DirectiveSpec& spec, std::int64_t number) {
  std::string names;
  std::int64_t left = number;
  for (int v = 0; v < spec.value_count; ++v) {
    const EnumValue& row = spec.values[v];
    if (row.number == number) return row.name;
    if (spec.Has(kDirectiveMulti) && row.number != 0 && (left & row.number) == row.number) {
      if (!names.empty()) names += ' ';
      names += row.name;
      left &= ~static_cast<std::int64_t>(row.number);
    }
  }
  return names.empty() || left != 0 ? "unknown" : names;
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendQuoted(text, &out);
  return out;
}

}  // namespace

void ParseOutputLimits(std::string_view canonical, OutputLimit (&limits)[kOutputClassCount]) {
  const std::vector<std::string> words = SplitAtSpaces(canonical);
  for (std::size_t i = 0; i + 3 < words.size(); i += 4) {
    OutputLimit& limit = limits[OutputClass(words[i])];
    limit.hard_bytes = std::strtoull(words[i + 1].c_str(), nullptr, 10);
    limit.soft_bytes = std::strtoull(words[i + 2].c_str(), nullptr, 10);
    limit.soft_seconds = std::strtoll(words[i + 3].c_str(), nullptr, 10);
  }
}

std::vector<SavePoint> ParseSavePoints(std::string_view canonical) {
  std::vector<SavePoint> points;
  const std::vector<std::string> words = SplitAtSpaces(canonical);
  for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
    points.push_back({std::strtoll(words[i].c_str(), nullptr, 10), std::atoi(words[i + 1].c_str())});
  }
  return points;
}

std::optional<std::string> ParseDirective(const DirectiveSpec& spec, std::span<const std::string> args,
                                          bool append_save, DirectiveValue* value) {
  DirectiveValue next = *value;
  Error error = ParseInto(spec, args, append_save, &next);
  if (!error) *value = std::move(next);
  return error;
}

std::string FormatDirective(const DirectiveSpec& spec, const DirectiveValue& value) {
  switch (spec.type) {
    case DirectiveType::kBool: return value.number != 0 ? "yes" : "no";
    case DirectiveType::kInt: return std::to_string(value.number);
    case DirectiveType::kOctal: return FormatNumber("%" PRIo64, value.number);
    case DirectiveType::kMemoryOrPercent:
      if (value.number < 0) return std::to_string(-value.number) + '%';
      [[fallthrough]];
    case DirectiveType::kMemory: return std::to_string(static_cast<std::uint64_t>(value.number));
    case DirectiveType::kEnum: return FormatEnum(spec, value.number);
    case DirectiveType::kEventClasses: return FormatEventClasses(value.number);
    default: return value.text;
  }
}

std::vector<ConfigLine> RewriteDirective(const DirectiveSpec& spec, const DirectiveValue& value,
                                         const DirectiveValue& default_value) {
  const std::string name = std::string(spec.name) + ' ';
  const bool changed = value != default_value;
  std::vector<ConfigLine> lines;
  switch (spec.type) {
    case DirectiveType::kMemoryOrPercent:
    case DirectiveType::kMemory:
      if (spec.type == DirectiveType::kMemory || value.number >= 0) {
        lines.push_back({name + FormatMemory(value.number), changed});
        break;
      }
      [[fallthrough]];
    case DirectiveType::kBool:
    case DirectiveType::kInt:
    case DirectiveType::kOctal:
    case DirectiveType::kEnum:
    case DirectiveType::kOomValues:
      lines.push_back({name + FormatDirective(spec, value), changed});
      break;
    case DirectiveType::kString:
      if (value.text.empty() && spec.Has(kDirectiveEmptyIsUnset)) break;
      lines.push_back({name + Quoted(value.text), changed});
      break;
    case DirectiveType::kDir:
      lines.push_back({name + Quoted(value.text), true});
      break;
    case DirectiveType::kAddresses:
      if (changed) lines.push_back({name + (value.text.empty() ? "\"\"" : value.text), true});
      break;
    case DirectiveType::kSave:
      for (const SavePoint& point : ParseSavePoints(value.text)) {
        lines.push_back({name + std::to_string(point.seconds) + ' ' + std::to_string(point.changes), true});
      }
      // Without a line the defaults would come back at the next start.
      if (lines.empty()) lines.push_back({name + "\"\"", true});
      break;
    case DirectiveType::kOutputLimits: {
      OutputLimit now[kOutputClassCount];
      OutputLimit then[kOutputClassCount];
      ParseOutputLimits(value.text, now);
      ParseOutputLimits(default_value.text, then);
      for (int i = 0; i < kOutputClassCount; ++i) {
        const std::string label = i == 1 ? "replica" : kOutputClassNames[i];
        lines.push_back({name + label + ' ' + FormatMemory(static_cast<std::int64_t>(now[i].hard_bytes)) + ' ' +
                             FormatMemory(static_cast<std::int64_t>(now[i].soft_bytes)) + ' ' +
                             std::to_string(now[i].soft_seconds),
                         !(now[i] == then[i])});
      }
      break;
    }
    case DirectiveType::kEventClasses:
      lines.push_back({name + Quoted(FormatEventClasses(value.number)), value.number != 0});
      break;
    case DirectiveType::kPrimary:
      if (!value.text.empty()) lines.push_back({name + value.text, true});
      break;
    case DirectiveType::kPercentiles:
      lines.push_back({name + (value.text.empty() ? "\"\"" : value.text), true});
      break;
  }
  return lines;
}

}  // namespace slotwise
