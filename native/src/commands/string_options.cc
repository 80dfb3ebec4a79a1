#include "commands/string_options.h"

#include <string>
#include <string_view>

#include "commands/command_table.h"

namespace slotwise {
namespace {

using Options = StringOptions;

struct OptionRow {
  std::string_view word;
  unsigned flag;
  unsigned excluded_by;  // repeating an option is no error: the last time given counts
  bool set, getex;
  bool takes_time;
};
constexpr unsigned kOtherThan(unsigned flag) { return (Options::kTimes | Options::kKeepTtl | Options::kPersist) & ~flag; }
constexpr OptionRow kRows[] = {
    {"EX", Options::kEx, kOtherThan(Options::kEx), true, true, true},
    {"PX", Options::kPx, kOtherThan(Options::kPx), true, true, true},
    {"NX", Options::kNx, Options::kXx, true, false, false},
    {"XX", Options::kXx, Options::kNx, true, false, false},
    {"GET", Options::kGet, 0, true, false, false},
    {"KEEPTTL", Options::kKeepTtl, kOtherThan(Options::kKeepTtl), true, false, false},
    {"EXAT", Options::kExAt, kOtherThan(Options::kExAt), true, true, true},
    {"PXAT", Options::kPxAt, kOtherThan(Options::kPxAt), true, true, true},
    {"PERSIST", Options::kPersist, kOtherThan(Options::kPersist), false, true, false},
};

}  // namespace

bool StringOptions::Parse(CommandContext& ctx, std::size_t first, For what) {
  for (std::size_t i = first; i < ctx.argc(); ++i) {
    const OptionRow* found = nullptr;
    for (const OptionRow& row : kRows) {
      if ((what == For::kSet ? row.set : row.getex) && ctx.ArgIs(i, row.word)) found = &row;
    }
    if (found == nullptr || Has(found->excluded_by) || (found->takes_time && i + 1 == ctx.argc())) {
      ctx.SyntaxError();
      return false;
    }
    flags |= found->flag;
    if (found->takes_time) time_index = ++i;
  }
  return true;
}

bool ExpireTimeArg(CommandContext& ctx, std::size_t index, unsigned flag, std::int64_t* at_ms) {
  std::int64_t time;
  if (!ctx.IntegerArg(index, &time)) return false;
  bool seconds = (flag & (StringOptions::kEx | StringOptions::kExAt)) != 0;
  bool relative = (flag & (StringOptions::kEx | StringOptions::kPx)) != 0;
  if (time <= 0 || __builtin_mul_overflow(time, seconds ? 1000 : 1, &time) ||
      __builtin_add_overflow(time, relative ? ctx.now_ms : 0, &time)) {
    ctx.Error("ERR invalid expire time in '" + std::string(ctx.command.full_name()) + "' command");
    return false;
  }
  *at_ms = time;
  return true;
}

}  // namespace slotwise
