// Value text: the spellings of numbers and words that Redis's configuration knows, each as lenient as Redis is. They
// differ on purpose: a plain number must be written the one way Redis prints it, a number inside a list may be anything
// strtoll takes, and bytes may carry a unit.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

// Redis keeps most values as C strings: they end at their first NUL byte.
std::string_view UpToNul(std::string_view text);

// Case-insensitive, up to the first NUL byte of `text`.
bool SameWord(std::string_view text, const char* word);

// Decimal, without sign +, spaces or leading zeros, within int64.
bool ParseStrictInt(std::string_view text, std::int64_t* number);

// strtoll over the whole text: spaces and a sign in front are fine, an empty text is 0, too large is the nearest bound
// (then `*overflow`, if given).
bool ParseLooseInt(const std::string& text, int base, std::int64_t* number, bool* overflow = nullptr);

// Digits and a unit (b k kb m mb g gb, any case). No digits mean 0 and too many wrap around.
bool ParseMemory(std::string_view text, std::uint64_t* bytes);

// With the largest binary unit that divides it, so that a rewritten file stays readable.
std::string FormatMemory(std::int64_t bytes);

// Splits at every single space, as Redis splits the value of CONFIG SET: two spaces enclose an empty word.
std::vector<std::string> SplitAtSpaces(std::string_view text);

}  // namespace slotwise
