// LCS: the longest common subsequence of two strings, its length, or where its runs lie.
//
// Refused when a table of (n + 1) * (m + 1) lengths of 4 bytes would exceed proto-max-bulk-len (128 million cells by
// default), as Redis does; a bit for each of them is all that is really stored. The stripes of the two keys are held for
// O(n * m), up to some tenths of a second; other stripes go on.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/string_access.h"

namespace slotwise {
namespace {

using Length = std::uint32_t;

struct Options {
  bool length = false, runs = false, with_length = false;
  std::int64_t min_length = 0;

  bool Parse(CommandContext& ctx) {
    for (std::size_t i = 3; i < ctx.argc(); ++i) {
      if (ctx.ArgIs(i, "IDX")) {
        runs = true;
      } else if (ctx.ArgIs(i, "LEN")) {
        length = true;
      } else if (ctx.ArgIs(i, "WITHMATCHLEN")) {
        with_length = true;
      } else if (ctx.ArgIs(i, "MINMATCHLEN") && i + 1 < ctx.argc()) {
        if (!ctx.IntegerArg(++i, &min_length)) return false;
        min_length = std::max<std::int64_t>(min_length, 0);
      } else {
        ctx.SyntaxError();
        return false;
      }
    }
    if (length && runs) {
      ctx.Error("ERR If you want both the length and indexes, please just use IDX.");
      return false;
    }
    return true;
  }
};

// A run of equal bytes: a[a_first .. a_last] == b[b_first .. b_last].
struct Run {
  Length a_first, a_last, b_first, b_last;
  Length size() const { return a_last - a_first + 1; }
};

struct FreeMemory {
  void operator()(void* p) const { std::free(p); }
};

// Dynamic programming row by row. Of the table of lengths two rows are kept; the way back needs one bit a cell.
class Table {
 public:
  // `traced`: GoesUp() will be asked. False if there is no memory.
  bool Fill(std::string_view a, std::string_view b, bool traced) {
    std::size_t width = b.size() + 1;
    words_ = width / 64 + 1;
    rows_.reset(static_cast<Length*>(std::calloc(2 * width, sizeof(Length))));
    if (traced) up_.reset(static_cast<std::uint64_t*>(std::calloc((a.size() + 1) * words_, sizeof(std::uint64_t))));
    if (!rows_ || (traced && !up_)) return false;
    Length* above = rows_.get();
    Length* row = above + width;
    for (std::size_t i = 1; i <= a.size(); ++i, std::swap(above, row)) {
      if (traced) FillRow<true>(a[i - 1], b, above, row, up_.get() + i * words_);
      else FillRow<false>(a[i - 1], b, above, row, nullptr);
    }
    length_ = above[width - 1];
    return true;
  }
  Length length() const { return length_; }
  // Whether the longest subsequence of the first i and j bytes, which end differently, is longer without the i-th than
  // without the j-th.
  bool GoesUp(std::size_t i, std::size_t j) const { return (up_.get()[i * words_ + j / 64] >> (j % 64) & 1) != 0; }

 private:
  template <bool traced>
  static void FillRow(char c, std::string_view b, const Length* above, Length* row, std::uint64_t* up) {
    std::uint64_t bits = 0;
    Length left = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      if constexpr (traced) {
        bits |= std::uint64_t{above[j] > left} << (j % 64);
        if (j % 64 == 63) {
          up[j / 64] = bits;
          bits = 0;
        }
      }
      left = c == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], left);
      row[j] = left;
    }
    if constexpr (traced) up[b.size() / 64] |= bits;
  }

  std::unique_ptr<Length, FreeMemory> rows_;
  std::unique_ptr<std::uint64_t, FreeMemory> up_;
  std::size_t words_ = 0;
  Length length_ = 0;
};

// Walks the table back from its end: the subsequence itself, and its runs from the last to the first.
void Trace(const Table& table, std::string_view a, std::string_view b, std::string* common, std::vector<Run>* runs) {
  std::size_t i = a.size(), j = b.size();
  std::size_t left = table.length();
  common->resize(left);
  bool open = false;  // runs->back() may still grow
  while (i > 0 && j > 0) {
    if (a[i - 1] == b[j - 1]) {
      --i, --j;
      (*common)[--left] = a[i];
      auto at_a = static_cast<Length>(i), at_b = static_cast<Length>(j);
      if (open) {
        runs->back().a_first = at_a;
        runs->back().b_first = at_b;
      } else {
        runs->push_back({at_a, at_a, at_b, at_b});
        open = true;
      }
    } else {
      open = false;
      // Of two ways that are equally long, the one Redis takes: the order of the runs shows it.
      if (table.GoesUp(i, j)) --i;
      else --j;
    }
  }
}

void ReplyRuns(CommandContext& ctx, const std::vector<Run>& runs, const Options& options, Length length) {
  auto shown = [&](const Run& run) { return run.size() >= options.min_length; };
  ctx.reply.Map(2);
  ctx.reply.Bulk("matches");
  ctx.reply.Array(std::count_if(runs.begin(), runs.end(), shown));
  for (const Run& run : runs) {
    if (!shown(run)) continue;
    ctx.reply.Array(options.with_length ? 3 : 2);
    ctx.reply.Array(2);
    ctx.reply.Integer(run.a_first);
    ctx.reply.Integer(run.a_last);
    ctx.reply.Array(2);
    ctx.reply.Integer(run.b_first);
    ctx.reply.Integer(run.b_last);
    if (options.with_length) ctx.reply.Integer(run.size());
  }
  ctx.reply.Bulk("len");
  ctx.reply.Integer(length);
}

void Lcs(CommandContext& ctx) {
  KeyRef keys[2] = {ctx.Key(1), ctx.Key(2)};
  bool strings = true;
  for (const KeyRef& key : keys) {
    auto place = ctx.FindForRead(key);
    strings &= !place || place.entry()->type() == Type::kString;
  }
  if (!strings) return ctx.Error("ERR The specified keys must contain string values");
  Options options;
  if (!options.Parse(ctx)) return;
  // Looked up again: finding the second may have deleted an expired neighbour of the first.
  IntScratch scratch[2];
  std::string_view text[2];
  for (int i = 0; i < 2; ++i) {
    if (auto place = ctx.Peek(keys[i])) text[i] = StringBytes(place.entry(), scratch[i]);
  }
  auto [a, b] = text;
  if (a.size() >= UINT32_MAX - 1 || b.size() >= UINT32_MAX - 1) return ctx.Error("ERR String too long for LCS");
  std::uint64_t bytes;
  bool too_big = __builtin_mul_overflow((std::uint64_t{a.size()} + 1) * (std::uint64_t{b.size()} + 1), sizeof(Length), &bytes);
  if (!too_big && bytes > ctx.engine.config().Bytes(Directive::kProtoMaxBulkLen)) {
    return ctx.Error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  Table table;
  if (too_big || !table.Fill(a, b, !options.length)) {
    return ctx.Error("ERR Insufficient memory, failed allocating transient memory for LCS");
  }
  if (options.length) return ctx.reply.Integer(table.length());
  std::string common;
  std::vector<Run> runs;
  Trace(table, a, b, &common, &runs);
  if (options.runs) return ReplyRuns(ctx, runs, options, table.length());
  ctx.reply.Bulk(common);
}

SLOTWISE_COMMANDS(lcs, {"lcs", Lcs});

}  // namespace
}  // namespace slotwise
