// Sets: adding, removing, moving and looking up members.
//
// Source: Redis 7.0 command reference. Elsewhere: random members and scanning (set_sampling.cc), several sets at once
// (set_algebra.cc), how a set is stored (values/set_value.h).
#include <iterator>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/set_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void SAdd(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kSet)) return;
  std::uint64_t limit = IntsetLimit(ctx);
  SetValue set = place ? SetValue(place.entry()) : SetValue::CreateFor(ctx.arg(2));
  std::int64_t added = 0;
  for (std::size_t i = 2; i < ctx.argc(); ++i) added += set.Add(ctx.arg(i), limit);
  if (added > 0) {
    StoreSet(ctx, key, place, set);
    ctx.Changed(key);
    ctx.MarkDirty(added - 1);
    ctx.Notify(kNotifySet, "sadd", key.key);
  }
  ctx.reply.Integer(added);
}

void SRem(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Integer(0);
  if (!ctx.Expect(place, Type::kSet)) return;
  SetValue set(place.entry());
  std::int64_t removed = 0;
  for (std::size_t i = 2; i < ctx.argc() && set.size() > 0; ++i) removed += set.Remove(ctx.arg(i));
  if (removed > 0) {
    bool empty = StoreShrunkSet(ctx, key, place, set);
    ctx.Changed(key);
    ctx.MarkDirty(removed - 1);
    ctx.Notify(kNotifySet, "srem", key.key);
    if (empty) ctx.Notify(kNotifyGeneric, "del", key.key);
  }
  ctx.reply.Integer(removed);
}

void SMove(CommandContext& ctx) {
  KeyRef from = ctx.Key(1), to = ctx.Key(2);
  std::string_view member = ctx.arg(3);
  Place source = ctx.FindForWrite(from);
  // Finding may delete an expired key, which may move entries of the same table: look again for the first.
  Place target = ctx.FindForWrite(to);
  source = ctx.Db().Find(from);
  if (!source) return ctx.reply.Integer(0);
  if (!ctx.Expect(source, Type::kSet) || !ctx.Expect(target, Type::kSet)) return;
  SetValue set(source.entry());
  if (from.key == to.key) return ctx.reply.Integer(set.Contains(member));
  if (!set.Remove(member)) return ctx.reply.Integer(0);
  bool empty = StoreShrunkSet(ctx, from, source, set);
  ctx.Notify(kNotifySet, "srem", from.key);
  if (empty) {
    ctx.Notify(kNotifyGeneric, "del", from.key);
    target = ctx.Db().Find(to);
  }
  ctx.Changed(from);
  SetValue other = target ? SetValue(target.entry()) : SetValue::CreateFor(member);
  if (other.Add(member, IntsetLimit(ctx))) {
    StoreSet(ctx, to, target, other);
    ctx.Changed(to);
    ctx.Notify(kNotifySet, "sadd", to.key);
  }
  ctx.reply.Integer(1);
}

void SIsMember(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kSet)) return;
  ctx.reply.Integer(place && SetValue(place.entry()).Contains(ctx.arg(2)));
}

void SMIsMember(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kSet)) return;
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc()) - 2);
  for (std::size_t i = 2; i < ctx.argc(); ++i) ctx.reply.Integer(place && SetValue(place.entry()).Contains(ctx.arg(i)));
}

void SCard(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kSet)) return;
  ctx.reply.Integer(place ? static_cast<std::int64_t>(SetValue(place.entry()).size()) : 0);
}

void SMembers(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kSet)) return;
  if (!place) return ctx.reply.Set(0);
  SetValue set(place.entry());
  ctx.reply.Set(static_cast<std::int64_t>(set.size()));
  set.Visit([&](const ListpackItem& member) { ReplyItem(ctx.reply, member); });
}

SLOTWISE_COMMANDS(sets, {"sadd", SAdd}, {"srem", SRem}, {"smove", SMove}, {"sismember", SIsMember}, {"smismember", SMIsMember},
                  {"scard", SCard}, {"smembers", SMembers});

}  // namespace
}  // namespace slotwise
