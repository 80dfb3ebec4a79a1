#include "replication/replconf.h"

#include <charconv>
#include <optional>
#include <vector>

#include "base/split_args.h"

namespace slotwise {
namespace {

bool Is(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + 32) : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// As Redis reads integers: digits with perhaps a minus, no leading zeros.
std::optional<std::int64_t> Integer(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  std::string_view digits = text.substr(text[0] == '-' ? 1 : 0);
  if (digits[0] == '0' && text.size() > 1) return std::nullopt;
  return value;
}

constexpr std::size_t kTagMax = 128;
constexpr std::size_t kIpMax = 255;
constexpr const char* kNotInteger = "ERR value is not an integer or out of range";

std::string ParseFilter(std::string_view text, ReplicaAnnounce* announce) {
  std::vector<std::string> parts;
  if (!SplitArgs(std::string(text), &parts)) return "ERR Missing rdb-filter-only values";
  announce->filtered = true;
  announce->functions = false;
  for (const std::string& part : parts) {
    if (!Is(part, "functions")) return "ERR Unsupported rdb-filter-only option: " + part;
    announce->functions = true;
  }
  return {};
}

void ParseChannel(bool link, std::string_view value, ReplicaAnnounce* announce, ReplconfResult* result) {
  using Channel = ReplconfResult::Channel;
  constexpr std::size_t kNameSize = 40;
  if (link && Is(value, "leave")) {
    result->channel = Channel::kLeft;
    result->silent = true;
  } else if (!link && Is(value, "merged")) {
    result->channel = Channel::kMerged;
    result->silent = true;
  } else if (!link && Is(value, "start")) {
    result->channel = Channel::kStarts;
  } else if (value.size() == kNameSize) {
    result->channel = link ? Channel::kOffered : Channel::kStandsBy;
    (link ? announce->dual_name : announce->relay_of) = value;
  } else {
    result->error = "ERR a channel's name has 40 characters";
  }
}

}  // namespace

ReplconfResult ParseReplconf(std::span<const std::string_view> args, ReplicaAnnounce* announce) {
  ReplconfResult result;
  if (args.size() % 2 == 0) {
    result.error = "ERR syntax error";
    return result;
  }
  for (std::size_t i = 1; i < args.size() && result.error.empty(); i += 2) {
    const std::string_view name = args[i];
    const std::string_view value = args[i + 1];
    if (Is(name, "listening-port")) {
      if (auto port = Integer(value)) announce->listening_port = *port;
      else result.error = kNotInteger;
    } else if (Is(name, "ip-address")) {
      if (value.size() < kIpMax) announce->ip = value;
      else result.error = "ERR REPLCONF ip-address provided by replica instance is too long: " + std::to_string(value.size()) + " bytes";
    } else if (Is(name, "capa")) {
      announce->eof |= Is(value, "eof");
      announce->psync2 |= Is(value, "psync2");
      announce->slotwise_ack |= Is(value, "slotwise-ack");
    } else if (Is(name, "slotwise-dual") || Is(name, "slotwise-relay")) {
      ParseChannel(Is(name, "slotwise-dual"), value, announce, &result);
      return result;
    } else if (Is(name, "ack")) {
      result.silent = true;
      if (auto offset = Integer(value)) {
        result.acknowledges = true;
        result.offset = *offset;
        if (i + 3 < args.size() && Is(args[i + 2], "fack")) result.fsynced = Integer(args[i + 3]).value_or(-1);
        if (i + 5 < args.size() && Is(args[i + 4], "tag") && args[i + 5].size() <= kTagMax) result.tag = args[i + 5];
      }
      return result;
    } else if (Is(name, "getack")) {
      result.silent = true;
      return result;
    } else if (Is(name, "rdb-only")) {
      auto on = Integer(value);
      if (!on) result.error = kNotInteger;
      else if (*on < 0 || *on > 1) result.error = "ERR value is out of range, value must between 0 and 1";
      else announce->rdb_only = *on == 1;
    } else if (Is(name, "rdb-filter-only")) {
      result.error = ParseFilter(value, announce);
    } else {
      result.error = "ERR Unrecognized REPLCONF option: " + std::string(name);
    }
  }
  return result;
}

}  // namespace slotwise
