// What servers say to each other before a stream flows: commands out, names and numbers in. Nothing of it is trusted.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace slotwise {

// One command in RESP.
std::string CommandText(std::initializer_list<std::string_view> words);
// What a peer said, for a line of the log: one line, and not a long one.
std::string PrintableLine(std::string_view text);
// Digits only; -1: it is not a number that an offset or a length could be.
std::int64_t ParseCount(std::string_view text);
bool IsReplicationId(std::string_view text);
// The text up to the next space, which is taken off with it.
std::string_view TakeWord(std::string_view* text);

}  // namespace slotwise
