#include "commands/sorted_set_access.h"

namespace slotwise {

namespace {

void ReportRemoval(CommandContext& ctx, const KeyRef& key, std::size_t n, std::string_view event, bool deleted) {
  if (deleted) ctx.Erase(key, ctx.Db().Find(key));
  ctx.Changed(key);
  ctx.MarkDirty(static_cast<std::int64_t>(n) - 1);
  ctx.Notify(kNotifyZSet, event, key.key);
  if (deleted) ctx.Notify(kNotifyGeneric, "del", key.key);
}

}  // namespace

void MembersRemoved(CommandContext& ctx, const KeyRef& key, Entry* entry, std::size_t n, std::string_view event) {
  ReportRemoval(ctx, key, n, event, SortedSet(entry).size() == 0);
}

void RemoveMembers(CommandContext& ctx, const KeyRef& key, Entry* entry, RankRange ranks, std::string_view event) {
  SortedSet set(entry);
  bool all = ranks.size() == set.size();  // goes with the key, as a whole
  if (!all) set.RemoveRange(ranks);
  ReportRemoval(ctx, key, ranks.size(), event, all);
}

void StoreSortedSet(CommandContext& ctx, const KeyRef& key, std::span<const ScoredMember> members, std::string_view event) {
  ctx.reply.Integer(static_cast<std::int64_t>(members.size()));
  if (members.empty()) {
    // Deleted whether or not its time has come, as Redis does: the event is "del" and not "expired".
    CommandContext::Place old = ctx.Db().Find(key);
    if (!old) return;
    ctx.Erase(key, old);
    ctx.Changed(key);
    ctx.Notify(kNotifyGeneric, "del", key.key);
    return;
  }
  SortedSet set = SortedSet::CreateFrom(members, SortedSetLimitsOf(ctx));
  CommandContext::Place old = ctx.FindForWrite(key);
  bool existed = static_cast<bool>(old);
  ctx.Db().SetObject(key, old, Type::kZSet, set.encoding(), set.object(), kNoExpire);
  ctx.Changed(key);
  if (!existed) ctx.Notify(kNotifyNew, "new", key.key);
  ctx.Notify(kNotifyZSet, event, key.key);
}

}  // namespace slotwise
