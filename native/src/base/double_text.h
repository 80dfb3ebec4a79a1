// Doubles as Redis reads and prints them: scores, weights, increments, bounds of ranges.
// Source: Redis 7.0's replies; C's strtod decides what a number is, %.17g how it is printed.
#pragma once
#include <cstdint>
#include <string_view>

namespace slotwise {

// An argument that must be a number: "1", "-2.5e3", "inf", "0x10"; not "", " 1", "1x", "nan" nor what is too large or too
// small for a double.
bool ParseDouble(std::string_view text, double* out);

// The looser reading of a range's ends, which stops at a NUL byte and takes "" for 0. Still no "1x" and no "nan".
bool ParseRangeEnd(std::string_view text, double* out);

// The score inside a listpack, which was printed by PrintScore or by Redis.
double ParseStoredScore(std::string_view text);

// 17 significant digits, as many as it takes to read the same double again. Returns the length.
std::size_t PrintDouble(double v, char* out32);

// Without exponent and with at most 17 decimals: coordinates. `out` has room for 340 bytes. Returns the length.
std::size_t PrintPlain(double v, char* out340);

// Whether `v` has no fraction and stays within half of an i64's range: then a listpack keeps it as an integer, and -0 as 0.
bool DoubleAsInteger(double v, std::int64_t* out);

}  // namespace slotwise
