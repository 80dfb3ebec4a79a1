// Parts of sets: SRANDMEMBER, SPOP and SSCAN.
//
// SPOP is propagated as what it did: an SREM for each member, DEL if nothing is left of a set it was asked to empty.
// Source: Redis 7.0 command reference. Elsewhere: how a sample stays fair (commands/random_sample.h).
#include <iterator>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/random_sample.h"
#include "commands/scan_options.h"
#include "commands/set_access.h"
#include "engine/thread_state.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void RandomMembers(CommandContext& ctx, const SetValue& set, std::uint64_t count) {
  ctx.reply.Array(static_cast<std::int64_t>(count));
  Random& random = ctx.thread.random;
  if (!set.is_packed()) return RepeatedDraws::Run(ctx, count, [&] { ReplyItem(ctx.reply, set.RandomMember(random)); });
  // A listpack is walked once, not for each draw.
  std::vector<ListpackItem> members;
  set.Visit([&](const ListpackItem& member) { members.push_back(member); });
  RepeatedDraws::Run(ctx, count, [&] { ReplyItem(ctx.reply, members[random.Below(members.size())]); });
}

void DistinctRandomMembers(CommandContext& ctx, const SetValue& set, std::uint64_t count) {
  Random& random = ctx.thread.random;
  std::uint64_t size = set.size();
  if (count > size) count = size;
  ctx.reply.Array(static_cast<std::int64_t>(count));
  if (set.is_table() && DrawsDistinct(size, count)) {
    DrawDistinct(set.table(), random, count, [&](const MemberItem* item) { ctx.reply.Bulk(item->member()); });
    return;
  }
  SequentialSample sample(random, size, count);
  set.VisitWhile([&](const ListpackItem& member) {
    if (sample.TakesNext()) ReplyItem(ctx.reply, member);
    return !sample.complete();
  });
}

void SRandMember(CommandContext& ctx) {
  std::int64_t count = 1;
  if (ctx.argc() > 3) return ctx.SyntaxError();
  bool one = ctx.argc() == 2;
  if (!one && !ctx.IntegerArgInRange(2, -INT64_MAX, INT64_MAX, &count)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kSet)) return;
  if (!place) return one ? ctx.reply.Null() : ctx.reply.Array(0);
  SetValue set(place.entry());
  if (one) return ReplyItem(ctx.reply, set.RandomMember(ctx.thread.random));
  if (count >= 0) return count == 0 ? ctx.reply.Array(0) : DistinctRandomMembers(ctx, set, static_cast<std::uint64_t>(count));
  auto draws = static_cast<std::uint64_t>(-count);
  if (RepeatedDraws::Allowed(ctx, draws)) RandomMembers(ctx, set, draws);
}

void PropagateRemoval(CommandContext& ctx, const KeyRef& key, const ListpackItem& member) {
  IntScratch scratch;
  ctx.Propagate({"SREM", key.key, member.View(scratch)});
}

// `count` members of more, taken out one by one, or, if most of them go, by keeping the others.
SetValue PopMembers(CommandContext& ctx, const KeyRef& key, SetValue set, std::uint64_t count) {
  Random& random = ctx.thread.random;
  auto take = [&](const ListpackItem& member) {
    ReplyItem(ctx.reply, member);
    PropagateRemoval(ctx, key, member);
  };
  std::uint64_t remaining = set.size() - count;
  if (remaining * 5 > count) {
    for (; count > 0; --count) set.Pop(random, take);
    return set;
  }
  std::uint64_t limit = IntsetLimit(ctx);
  SequentialSample kept(random, set.size(), remaining);
  SetValue rest = SetValue::CreateIntset();
  bool first = true;
  set.Visit([&](const ListpackItem& member) {
    if (!kept.TakesNext()) return take(member);
    if (first) {
      IntScratch scratch;
      rest.Free();
      rest = SetValue::CreateFor(member.View(scratch));
      first = false;
    }
    rest.Add(member, limit);
  });
  set.Free();
  return rest;
}

void PopSeveral(CommandContext& ctx) {
  std::int64_t count;
  if (!ctx.IntegerArgInRange(2, 0, INT64_MAX, &count, "ERR value is out of range, must be positive")) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kSet)) return;
  if (!place || count == 0) return ctx.reply.Set(0);
  SetValue set(place.entry());
  std::size_t size = set.size();
  ctx.Notify(kNotifySet, "spop", key.key);
  if (static_cast<std::uint64_t>(count) >= size) {
    ctx.reply.Set(static_cast<std::int64_t>(size));
    set.Visit([&](const ListpackItem& member) { ReplyItem(ctx.reply, member); });
    ctx.Erase(key, place);
    ctx.Changed(key);
    ctx.MarkDirty(static_cast<std::int64_t>(size) - 1);
    ctx.Notify(kNotifyGeneric, "del", key.key);
    return ctx.Propagate({"DEL", key.key});
  }
  ctx.reply.Set(count);
  PopMembers(ctx, key, set, static_cast<std::uint64_t>(count)).StoreTo(place.entry());
  ctx.Changed(key);
  ctx.MarkDirty(count - 1);
}

void SPop(CommandContext& ctx) {
  if (ctx.argc() > 3) return ctx.SyntaxError();
  if (ctx.argc() == 3) return PopSeveral(ctx);
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Null();
  if (!ctx.Expect(place, Type::kSet)) return;
  SetValue set(place.entry());
  set.Pop(ctx.thread.random, [&](const ListpackItem& member) {
    ReplyItem(ctx.reply, member);
    PropagateRemoval(ctx, key, member);
  });
  bool empty = StoreShrunkSet(ctx, key, place, set);
  ctx.Changed(key);
  ctx.Notify(kNotifySet, "spop", key.key);
  if (empty) ctx.Notify(kNotifyGeneric, "del", key.key);
}

void SScan(CommandContext& ctx) {
  std::uint64_t cursor;
  if (!ScanCursorArg(ctx, 2, &cursor)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kSet)) return;
  BulkList found;
  if (!place) return ReplyScan(ctx.reply, 0, found);
  ScanOptions options;
  if (!options.Parse(ctx, 3, ScanOf::kMembers)) return;
  SetValue set(place.entry());
  if (set.is_table()) {
    cursor = ScanTable(set.table(), cursor, options.count, [&](const MemberItem* item) {
      if (options.Accepts(item->member())) found.Add(item->member());
    });
  } else {
    cursor = 0;
    set.Visit([&](const ListpackItem& member) {
      if (options.Accepts(member)) found.Add(member);
    });
  }
  ReplyScan(ctx.reply, cursor, found);
}

SLOTWISE_COMMANDS(set_sampling, {"srandmember", SRandMember}, {"spop", SPop}, {"sscan", SScan});

}  // namespace
}  // namespace slotwise
