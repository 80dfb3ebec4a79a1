// Glob: does a Redis pattern (* ? [a-z] [^a] \x) match a string? The same language as KEYS, SCAN MATCH, PSUBSCRIBE and
// CONFIG GET, oddities included: a range may be written backwards, an unclosed class ends with the pattern, and `*`
// alone does not match the empty string. Only the last `*` is ever retried, so time is bounded by pattern times string,
// never exponential; a step limit bounds it further, since both may come from a client.
// Source: Redis 7.0 KEYS documentation and its behaviour.
#pragma once
#include <cstdint>
#include <string_view>

namespace slotwise {

inline constexpr std::uint64_t kGlobMaxSteps = 1000000;

// One comparison is one step. A match that needs more than `max_steps` plus 8 for each byte of pattern and string
// counts as no match: the second part keeps a plain search through a long key honest.
bool GlobMatch(std::string_view pattern, std::string_view string, bool ignore_case = false,
               std::uint64_t max_steps = kGlobMaxSteps);

// False if `pattern` can only match itself, so that a lookup may take the place of a scan. A backslash alone does not
// count, as in Redis's CONFIG GET.
inline bool HasGlobSpecial(std::string_view pattern) { return pattern.find_first_of("*?[") != std::string_view::npos; }

}  // namespace slotwise
