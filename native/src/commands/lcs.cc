// LCS: the longest common subsequence of two strings, its length, or where its runs lie.
//
// Dynamic programming over a table of (n + 1) * (m + 1) lengths, refused when the table would exceed proto-max-bulk-len
// (128 million cells by default), as Redis does. The stripes of the two keys are held for O(n * m), up to some tenths of
// a second; other stripes go on. With LEN alone two rows of the table suffice, under the same limit.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
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

class Table {
 public:
  // `rows` is either a.size() + 1 or 2: with two, row i is stored at i % 2.
  static bool Create(std::string_view a, std::string_view b, std::size_t rows, Table* out) {
    out->width_ = b.size() + 1;
    out->rows_ = rows;
    out->cells_.reset(static_cast<Length*>(std::calloc(rows * out->width_, sizeof(Length))));
    if (!out->cells_) return false;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const Length* above = out->Row(i - 1);
      Length* row = out->Row(i);
      for (std::size_t j = 1; j <= b.size(); ++j) {
        row[j] = a[i - 1] == b[j - 1] ? above[j - 1] + 1 : std::max(above[j], row[j - 1]);
      }
    }
    return true;
  }
  Length At(std::size_t i, std::size_t j) const { return cells_.get()[(i % rows_) * width_ + j]; }

 private:
  Length* Row(std::size_t i) { return cells_.get() + (i % rows_) * width_; }
  std::unique_ptr<Length, FreeMemory> cells_;
  std::size_t width_ = 0;
  std::size_t rows_ = 0;
};

// Walks the full table back from its end: the subsequence itself, and its runs from the last to the first.
void Trace(const Table& table, std::string_view a, std::string_view b, std::string* common, std::vector<Run>* runs) {
  std::size_t i = a.size(), j = b.size();
  std::size_t left = table.At(i, j);
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
      if (table.At(i - 1, j) > table.At(i, j - 1)) --i;
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
  if (too_big || !Table::Create(a, b, options.length ? 2 : a.size() + 1, &table)) {
    return ctx.Error("ERR Insufficient memory, failed allocating transient memory for LCS");
  }
  Length length = table.At(a.size(), b.size());
  if (options.length) return ctx.reply.Integer(length);
  std::string common;
  std::vector<Run> runs;
  Trace(table, a, b, &common, &runs);
  if (options.runs) return ReplyRuns(ctx, runs, options, length);
  ctx.reply.Bulk(common);
}

SLOTWISE_COMMANDS(lcs, {"lcs", Lcs});

}  // namespace
}  // namespace slotwise
