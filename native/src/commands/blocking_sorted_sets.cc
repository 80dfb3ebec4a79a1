// BZPOPMIN, BZPOPMAX, BZMPOP: the commands of sorted_set_pops.cc that wait for a sorted set to come. They are propagated as
// the commands that do not wait.
// Source: Redis 7.0 command reference. Elsewhere: waiting as such (commands/waiting.h, engine/blocking.h).
#include <iterator>
#include <numeric>
#include <vector>

#include "commands/command_table.h"
#include "commands/sorted_set_pops.h"
#include "commands/waiting.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// Calls pop(key, entry) for the first of the keys that is there; if none is, waits for all of them.
template <typename Pop>
void PopOrWait(CommandContext& ctx, std::size_t first_key, std::size_t key_count, std::size_t timeout_index, const WaitOps& ops, Pop&& pop) {
  std::int64_t timeout_ms;
  if (!TimeoutArg(ctx, timeout_index, &timeout_ms)) return;
  for (std::size_t i = 0; i < key_count; ++i) {
    KeyRef key = ctx.Key(first_key + i);
    Place place = ctx.FindForWrite(key);
    if (!place) continue;
    if (!ctx.Expect(place, Type::kZSet)) return;
    return pop(key, place.entry());
  }
  if (!MayWait(ctx)) return ctx.reply.NullArray();
  std::vector<std::size_t> keys(key_count);
  std::iota(keys.begin(), keys.end(), first_key);
  WaitForKeys(ctx, ops, keys, timeout_ms);
}

// --- BZPOPMIN key [key ...] timeout
template <bool max>
void PopOne(CommandContext& ctx, const KeyRef& key, Entry* entry) {
  ctx.reply.Array(3);
  ctx.reply.Bulk(key.key);
  ReplyEnd(ctx.reply, SortedSet(entry), max, 1, false);
  PopMembers(ctx, key, entry, max, 1);
  ctx.Propagate({max ? "ZPOPMAX" : "ZPOPMIN", key.key});
}
template <bool max>
constexpr WaitOps kPopOne = {Type::kZSet, nullptr, PopOne<max>};

template <bool max>
void BZPop(CommandContext& ctx) { PopOrWait(ctx, 1, ctx.argc() - 2, ctx.argc() - 1, kPopOne<max>, [&](const KeyRef& key, Entry* e) { PopOne<max>(ctx, key, e); }); }

// --- BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]
constexpr WaitOps kBZMPop = {Type::kZSet, nullptr, [](CommandContext& ctx, const KeyRef& key, Entry* e) {
                               MultiPopMembersArgs args;
                               if (args.Parse(ctx, 2)) PopWithKey(ctx, key, e, args);
                             }};

void BZMPop(CommandContext& ctx) {
  MultiPopMembersArgs args;
  if (!args.Parse(ctx, 2)) return;
  PopOrWait(ctx, args.first_key, args.key_count, 1, kBZMPop, [&](const KeyRef& key, Entry* e) { PopWithKey(ctx, key, e, args); });
}

SLOTWISE_COMMANDS(blocking_sorted_sets, {"bzpopmin", BZPop<false>}, {"bzpopmax", BZPop<true>}, {"bzmpop", BZMPop});

}  // namespace
}  // namespace slotwise
