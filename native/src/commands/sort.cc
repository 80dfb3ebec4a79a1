// SORT and SORT_RO: the elements of a list, set or sorted set in the order of their values or of other keys' values.
//
// Elements that count as equal are ordered by their bytes, so that the result is the same everywhere. Text is compared
// byte by byte, as in the C locale. With BY or GET keys are read that the arguments do not name, hence under all locks.
// Source: Redis 7.0 command reference; replies and ties as of redis-server 7.0.15.
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/list_access.h"
#include "commands/sort_pattern.h"
#include "engine/access_control.h"
#include "values/set_value.h"
#include "values/sorted_set.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

struct Options {
  bool desc = false;
  bool alpha = false;
  bool unsorted = false;  // BY a constant: the order of the value itself
  std::int64_t offset = 0, count = -1;
  std::optional<SortPattern> by;
  std::vector<SortPattern> gets;
  std::size_t store = 0;  // index of the destination; 0: none

  bool Parse(CommandContext& ctx);
};

// BY and GET read any key: only for users who may.
bool MayReadPatterns(CommandContext& ctx, const char* option) {
  if (ctx.engine.acl().MayReadAnyKey(ctx.client, ctx.command, ctx.args)) return true;
  ctx.Error(std::string("ERR ") + option + " option of SORT denied due to insufficient ACL permissions.");
  return false;
}

bool Options::Parse(CommandContext& ctx) {
  bool read_only = ctx.command.Is(CommandId::kSortRo);
  for (std::size_t i = 2; i < ctx.argc(); ++i) {
    std::size_t left = ctx.argc() - i - 1;
    if (ctx.ArgIs(i, "ASC")) {
      desc = false;
    } else if (ctx.ArgIs(i, "DESC")) {
      desc = true;
    } else if (ctx.ArgIs(i, "ALPHA")) {
      alpha = true;
    } else if (ctx.ArgIs(i, "LIMIT") && left >= 2) {
      if (!ctx.IntegerArg(i + 1, &offset) || !ctx.IntegerArg(i + 2, &count)) return false;
      i += 2;
    } else if (!read_only && ctx.ArgIs(i, "STORE") && left >= 1) {
      store = ++i;
    } else if (ctx.ArgIs(i, "BY") && left >= 1) {
      std::string_view pattern = ctx.arg(++i);
      by.emplace(pattern);
      if (pattern.find('*') == std::string_view::npos) unsorted = true;
      else if (!MayReadPatterns(ctx, "BY")) return false;
    } else if (ctx.ArgIs(i, "GET") && left >= 1) {
      if (!MayReadPatterns(ctx, "GET")) return false;
      gets.emplace_back(ctx.arg(++i));
    } else {
      ctx.SyntaxError();
      return false;
    }
  }
  return true;
}

struct Item {
  std::string element;
  double score = 0;
  std::optional<std::string> text;  // what ALPHA compares, with BY
};

std::string TextOf(const ListpackItem& item) {
  IntScratch scratch;
  return std::string(item.View(scratch));
}

// All elements, in the order of the value; backwards with DESC if that order is asked for.
std::vector<Item> Load(Entry* entry, const Options& options) {
  std::vector<Item> items;
  auto add = [&](std::string element) { items.push_back({std::move(element), 0, std::nullopt}); };
  bool backwards = options.unsorted && options.desc;
  if (entry == nullptr) return items;
  if (entry->type() == Type::kList) {
    List list = List::Of(entry);
    items.reserve(list.size());
    for (ListCursor c(list, backwards ? list.size() - 1 : 0, backwards ? ListEnd::kHead : ListEnd::kTail); c; c.Next()) add(TextOf(c.item()));
  } else if (entry->type() == Type::kSet) {
    SetValue(entry).Visit([&](const ListpackItem& member) { add(TextOf(member)); });
  } else {
    SortedSet(entry).VisitAll([&](std::string_view member, double) {
      add(std::string(member));
      return true;
    });
    if (backwards) std::reverse(items.begin(), items.end());
  }
  return items;
}

// The part that LIMIT asks for, as Redis clamps it: [first, last).
void Range(const Options& options, std::size_t size, std::size_t* first, std::size_t* last) {
  auto n = static_cast<std::int64_t>(size);
  std::int64_t start = std::clamp<std::int64_t>(options.offset, 0, n);
  std::int64_t count = std::min(options.count, n);
  std::int64_t end = count < 0 ? n : std::min(start + count, n);
  *first = static_cast<std::size_t>(start);
  *last = static_cast<std::size_t>(std::max(start, end));
}

// What the items are ordered by. False: some value is no number.
bool Weigh(CommandContext& ctx, const Options& options, std::vector<Item>& items) {
  bool numbers = true;
  for (Item& item : items) {
    std::optional<std::string> looked;
    if (options.by && !options.unsorted) {
      looked = options.by->Look(ctx, item.element);
      if (!looked) continue;
    }
    if (options.alpha) {
      item.text = std::move(looked);
      continue;
    }
    const std::string& text = looked ? *looked : item.element;
    char* end = nullptr;
    errno = 0;
    item.score = std::strtod(text.c_str(), &end);
    if (*end != '\0' || errno == ERANGE || std::isnan(item.score)) numbers = false;
  }
  return numbers;
}

// Texts end at a NUL byte in the C locale's collation, which Redis uses for replies; whole strings are compared for STORE.
int CompareTexts(const std::string& a, const std::string& b, bool whole) {
  if (whole) return a.compare(b);
  return std::string_view(a.c_str()).compare(std::string_view(b.c_str()));
}

int CompareItems(const Item& a, const Item& b, const Options& options, bool by) {
  bool whole = options.store != 0;
  if (!options.alpha) {
    if (a.score != b.score) return a.score < b.score ? -1 : 1;
    return a.element.compare(b.element);
  }
  if (!by) return CompareTexts(a.element, b.element, whole);
  if (a.text && b.text) return CompareTexts(*a.text, *b.text, whole);
  return a.text ? 1 : b.text ? -1 : 0;
}

void Reply(CommandContext& ctx, const Options& options, const std::vector<Item>& items, std::size_t first, std::size_t last) {
  std::size_t columns = std::max<std::size_t>(options.gets.size(), 1);
  ctx.reply.Array(static_cast<std::int64_t>((last - first) * columns));
  for (std::size_t i = first; i < last; ++i) {
    if (options.gets.empty()) ctx.reply.Bulk(items[i].element);
    for (const SortPattern& get : options.gets) {
      if (auto value = get.Look(ctx, items[i].element)) ctx.reply.Bulk(*value);
      else ctx.reply.Null();
    }
  }
}

void Store(CommandContext& ctx, const Options& options, const std::vector<Item>& items, std::size_t first, std::size_t last) {
  ListLimits limits = LimitsOf(ctx);
  List list = List::Create();
  for (std::size_t i = first; i < last; ++i) {
    if (options.gets.empty()) list.Push(ListEnd::kTail, items[i].element, limits);
    for (const SortPattern& get : options.gets) list.Push(ListEnd::kTail, get.Look(ctx, items[i].element).value_or(""), limits);
  }
  KeyRef key = ctx.Key(options.store);
  Place old = ctx.Peek(key);
  std::uint64_t size = list.size();
  if (size > 0) {
    ctx.Db().SetObject(key, old, Type::kList, Encoding::kQuicklist, list.object(), kNoExpire);
    ctx.Changed(key);
    ctx.MarkDirty(static_cast<std::int64_t>(size) - 1);
    if (!old) ctx.Notify(kNotifyNew, "new", key.key);
    ctx.Notify(kNotifyList, "sortstore", key.key);
  } else {
    list.Free();
    if (old) {
      ctx.Erase(key, old);
      ctx.Changed(key);
      ctx.Notify(kNotifyGeneric, "del", key.key);
    }
  }
  ctx.reply.Integer(static_cast<std::int64_t>(size));
}

void Sort(CommandContext& ctx) {
  Options options;
  if (!options.Parse(ctx)) return;
  Entry* entry = ctx.FindForRead(ctx.Key(1)).entry();
  if (entry != nullptr && entry->type() != Type::kList && entry->type() != Type::kSet && entry->type() != Type::kZSet) {
    return ctx.Error(errors::kWrongType);
  }
  // A set has no order of its own: what is stored must not depend on how it lies in memory.
  if (options.unsorted && options.store != 0 && entry != nullptr && entry->type() == Type::kSet) {
    options.unsorted = false;
    options.alpha = true;
    options.by.reset();
  }
  std::vector<Item> items = Load(entry, options);
  std::size_t first, last;
  Range(options, items.size(), &first, &last);
  if (!options.unsorted) {
    if (!Weigh(ctx, options, items)) return ctx.Error("ERR One or more scores can't be converted into double");
    bool by = options.by.has_value();
    auto less = [&](const Item& a, const Item& b) {
      int c = CompareItems(a, b, options, by);
      return options.desc ? c > 0 : c < 0;
    };
    std::stable_sort(items.begin(), items.end(), less);
  }
  if (options.store != 0) Store(ctx, options, items, first, last);
  else Reply(ctx, options, items, first, last);
}

SLOTWISE_COMMANDS(sort, {"sort", Sort}, {"sort_ro", Sort});

}  // namespace
}  // namespace slotwise
