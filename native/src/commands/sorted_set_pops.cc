// Taking members off the ends of sorted sets: ZPOPMIN, ZPOPMAX, ZMPOP.
// Source: Redis 7.0 command reference. Elsewhere: the same with waiting (blocking_sorted_sets.cc).
#include <algorithm>
#include <iterator>

#include "commands/command_table.h"
#include "commands/sorted_set_pops.h"
#include "commands/string_access.h"

namespace slotwise {

void PopMembers(CommandContext& ctx, const KeyRef& key, Entry* entry, bool max, std::size_t count) {
  std::size_t first = max ? SortedSet(entry).size() - count : 0;
  RemoveMembers(ctx, key, entry, {first, first + count}, max ? "zpopmax" : "zpopmin");
}

void ReplyEnd(ReplyWriter& reply, const SortedSet& set, bool max, std::size_t count, bool nested) {
  set.Visit(max ? set.size() - 1 : 0, count, max, true, [&](std::string_view member, double score) {
    if (nested) reply.Array(2);
    reply.Bulk(member);
    reply.Double(score);
  });
}

void PopWithKey(CommandContext& ctx, const KeyRef& key, Entry* entry, const MultiPopMembersArgs& args) {
  SortedSet set(entry);
  std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(args.count, set.size()));
  ctx.reply.Array(2);
  ctx.reply.Bulk(key.key);
  ctx.reply.Array(static_cast<std::int64_t>(count));
  ReplyEnd(ctx.reply, set, args.max, count, true);
  PopMembers(ctx, key, entry, args.max, count);
  ctx.Propagate({args.max ? "ZPOPMAX" : "ZPOPMIN", key.key, IntegerText(static_cast<std::int64_t>(count)).view()});
}

bool MultiPopMembersArgs::Parse(CommandContext& ctx, std::size_t numkeys_index) {
  std::int64_t keys;
  if (!ctx.IntegerArgInRange(numkeys_index, 1, INT64_MAX, &keys, "ERR numkeys should be greater than 0")) return false;
  first_key = numkeys_index + 1;
  key_count = static_cast<std::size_t>(keys);
  bool known = key_count < ctx.argc() - first_key;
  std::size_t i = first_key + key_count;
  max = known && ctx.ArgIs(i, "MAX");
  if (!known || (!max && !ctx.ArgIs(i, "MIN"))) {
    ctx.SyntaxError();
    return false;
  }
  bool counted = false;
  for (++i; i < ctx.argc(); i += 2) {
    if (counted || !ctx.ArgIs(i, "COUNT") || i + 1 == ctx.argc()) {
      ctx.SyntaxError();
      return false;
    }
    std::int64_t n;
    if (!ctx.IntegerArgInRange(i + 1, 1, INT64_MAX, &n, "ERR count should be greater than 0")) return false;
    count = static_cast<std::uint64_t>(n);
    counted = true;
  }
  return true;
}

namespace {

void Pop(CommandContext& ctx, bool max) {
  if (ctx.argc() > 3) return ctx.SyntaxError();
  bool counted = ctx.argc() == 3;
  std::int64_t most = 1;
  if (counted && !ctx.IntegerArgInRange(2, 0, INT64_MAX, &most, "ERR value is out of range, must be positive")) return;
  KeyRef key = ctx.Key(1);
  CommandContext::Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place || most == 0) return ctx.reply.Array(0);
  SortedSet set(place.entry());
  std::size_t count = std::min(static_cast<std::size_t>(most), set.size());
  bool nested = ctx.reply.protocol() == 3 && counted;
  ctx.reply.Array(static_cast<std::int64_t>(nested ? count : count * 2));
  ReplyEnd(ctx.reply, set, max, count, nested);
  PopMembers(ctx, key, place.entry(), max, count);
}
void ZPopMin(CommandContext& ctx) { Pop(ctx, false); }
void ZPopMax(CommandContext& ctx) { Pop(ctx, true); }

void ZMPop(CommandContext& ctx) {
  MultiPopMembersArgs args;
  if (!args.Parse(ctx, 1)) return;
  for (std::size_t i = 0; i < args.key_count; ++i) {
    KeyRef key = ctx.Key(args.first_key + i);
    CommandContext::Place place = ctx.FindForWrite(key);
    if (!place) continue;
    if (!ctx.Expect(place, Type::kZSet)) return;
    return PopWithKey(ctx, key, place.entry(), args);
  }
  ctx.reply.NullArray();
}

SLOTWISE_COMMANDS(sorted_set_pops, {"zpopmin", ZPopMin}, {"zpopmax", ZPopMax}, {"zmpop", ZMPop});

}  // namespace
}  // namespace slotwise
