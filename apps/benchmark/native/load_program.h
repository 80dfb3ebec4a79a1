// What the load generators share: how they fail, the clock, and numbers on a command line.
#pragma once
#include <errno.h>  // program_invocation_short_name
#include <time.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

// Ends the program, whose name stands before the message.
[[noreturn]] __attribute__((format(printf, 1, 2))) inline void Die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fprintf(stderr, "%s: ", program_invocation_short_name);
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
  va_end(arguments);
  std::exit(1);
}

inline std::uint64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint64_t NowNs() { return ClockNs(CLOCK_MONOTONIC); }

inline double ParseNumber(const char* text, const char* name, double low, double high) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value >= low && value <= high)) {
    Die("--%s: expected a number from %g to %g, found '%s'", name, low, high, text);
  }
  return value;
}
