// The options that SET and GETEX share: conditions and times. Parsed before anything is looked up.
#pragma once
#include <cstddef>
#include <cstdint>

#include "commands/command.h"

namespace slotwise {

struct StringOptions {
  enum Flag : unsigned {
    kNx = 1, kXx = 2, kGet = 4, kKeepTtl = 8, kPersist = 16, kEx = 32, kPx = 64, kExAt = 128, kPxAt = 256,
  };
  static constexpr unsigned kTimes = kEx | kPx | kExAt | kPxAt;
  enum class For { kSet, kGetEx };

  unsigned flags = 0;
  std::size_t time_index = 0;  // the argument that holds the time, if any of kTimes

  bool Has(unsigned any_of) const { return (flags & any_of) != 0; }
  // Reads the arguments from `first` on; on a bad one replies with a syntax error and returns false.
  bool Parse(CommandContext& ctx, std::size_t first, For what);
};

// Reads the time at `index`, given as one of StringOptions::kTimes, into an absolute Unix time in ms. On failure replies
// with the error and returns false. A time in the past is fine, unless it is not positive.
bool ExpireTimeArg(CommandContext& ctx, std::size_t index, unsigned flag, std::int64_t* at_ms);

}  // namespace slotwise
