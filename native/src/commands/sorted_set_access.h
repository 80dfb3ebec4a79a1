// What the commands on sorted sets share: the limits of the packed form, members in replies, keys that came to be, changed
// or were left without members, and results that are stored under a key.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "commands/command.h"
#include "config/config.h"
#include "engine/engine.h"
#include "values/sorted_set.h"

namespace slotwise {

inline SortedSetLimits SortedSetLimitsOf(const CommandContext& ctx) {
  const Config& config = ctx.engine.config();
  return {config.Bytes(Directive::kZsetMaxListpackEntries), config.Bytes(Directive::kZsetMaxListpackValue)};
}

// The announcement of `count` members: with scores RESP2 has one flat array, RESP3 an array of pairs.
inline void ReplyMemberCount(ReplyWriter& reply, std::size_t count, bool with_scores) {
  reply.Array(static_cast<std::int64_t>(with_scores && reply.protocol() == 2 ? count * 2 : count));
}
inline void ReplyMember(ReplyWriter& reply, std::string_view member, double score, bool with_scores) {
  if (with_scores && reply.protocol() == 3) reply.Array(2);
  reply.Bulk(member);
  if (with_scores) reply.Double(score);
}

// Reports the removal of `n` members as `event`. A set without members is deleted, and that is reported, too.
void MembersRemoved(CommandContext& ctx, const KeyRef& key, Entry* entry, std::size_t n, std::string_view event);

// Removes the members of these ranks, of which there are some, and reports it.
void RemoveMembers(CommandContext& ctx, const KeyRef& key, Entry* entry, RankRange ranks, std::string_view event);

// The last step of ZUNIONSTORE, ZRANGESTORE, GEOSEARCHSTORE, ...: `members`, in order and each once, become what `key`
// holds; none delete it. Replies with their number. The members may lie in the set that is replaced.
void StoreSortedSet(CommandContext& ctx, const KeyRef& key, std::span<const ScoredMember> members, std::string_view event);

}  // namespace slotwise
