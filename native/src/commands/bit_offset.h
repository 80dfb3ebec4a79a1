// Bit offsets as arguments, for the bitmap and bitfield commands.
#pragma once
#include <cstdint>
#include <string_view>

#include "commands/command.h"
#include "commands/string_access.h"

namespace slotwise {

inline constexpr const char* kBadBitOffset = "ERR bit offset is not an integer or out of range";

// The bit offset at `index`: not negative, its byte below proto-max-bulk-len. With `unit` > 0 "#n" stands for n * unit;
// where that exceeds 64 bits Redis wraps around, here it is out of range. Replies with the error if it does not parse.
inline bool BitOffsetArg(CommandContext& ctx, std::size_t index, int unit, std::uint64_t* out) {
  std::string_view text = ctx.arg(index);
  bool counted = unit > 0 && !text.empty() && text[0] == '#';
  if (counted) text.remove_prefix(1);
  std::int64_t offset;
  if (ParseInteger(text, &offset) && !(counted && __builtin_mul_overflow(offset, unit, &offset)) && offset >= 0 &&
      static_cast<std::uint64_t>(offset) >> 3 < StringLimit(ctx)) {
    *out = static_cast<std::uint64_t>(offset);
    return true;
  }
  ctx.Error(kBadBitOffset);
  return false;
}

}  // namespace slotwise
