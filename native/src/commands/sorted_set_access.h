// What the commands on sorted sets share: the limits of the packed form, members in replies, keys that came to be, changed
// or were left without members, and results that are stored under a key.
#pragma once
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

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

// Scores under way to a sorted set; few of them need no memory.
class ScoreBuffer {
 public:
  explicit ScoreBuffer(std::size_t count) : count_(count) {
    if (count > std::size(few_)) many_.resize(count);
  }
  double& operator[](std::size_t i) { return span()[i]; }
  std::span<double> span() { return {many_.empty() ? few_ : many_.data(), count_}; }

 private:
  std::size_t count_;
  double few_[8];
  std::vector<double> many_;
};

// ZADD, its arguments understood. The key is the first argument, the members are every `stride`-th from `first_member` on.
struct AddRequest {
  SortedSet::AddOptions options;
  bool count_changed = false;
  std::span<double> scores;
  std::size_t first_member;
  std::size_t stride;
};
// Does it, replies, and reports what changed. False: nothing did.
bool AddToSortedSet(CommandContext& ctx, const AddRequest& request);

// Reports the removal of `n` members as `event`. A set without members is deleted, and that is reported, too.
void MembersRemoved(CommandContext& ctx, const KeyRef& key, Entry* entry, std::size_t n, std::string_view event);

// Removes the members of these ranks, of which there are some, and reports it.
void RemoveMembers(CommandContext& ctx, const KeyRef& key, Entry* entry, RankRange ranks, std::string_view event);

// The last step of ZUNIONSTORE, ZRANGESTORE, GEOSEARCHSTORE, ...: `members`, in order and each once, become what `key`
// holds; none delete it. Replies with their number. The members may lie in the set that is replaced.
void StoreSortedSet(CommandContext& ctx, const KeyRef& key, std::span<const ScoredMember> members, std::string_view event);

}  // namespace slotwise
