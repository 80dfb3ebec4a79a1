// Some members of a sorted set, by chance or one after the other: ZRANDMEMBER, ZSCAN.
//
// A member is drawn by its rank, so each has the same chance in either form. Distinct ones are drawn as distinct ranks
// (Floyd's algorithm) and come in order; as many as there are come all, from the last to the first as in Redis.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/double_text.h"
#include "commands/command_table.h"
#include "commands/scan_options.h"
#include "commands/sorted_set_access.h"
#include "engine/thread_state.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// Members by rank without walking a listpack for each of them.
class ByRank {
 public:
  explicit ByRank(const SortedSet& set) : set_(set) {
    if (!set.packed()) return;
    set.VisitAll([&](std::string_view member, double score) {
      bytes_ += member;
      members_.push_back({score, member});
    });
    const char* at = bytes_.data();
    for (ScoredMember& m : members_) {
      m.member = {at, m.member.size()};
      at += m.member.size();
    }
  }
  ScoredMember operator[](std::size_t rank) const {
    if (set_.packed()) return members_[rank];
    ScoreTree::Cursor c = set_.big()->tree.Select(rank);
    return {c.score(), c.item()->member()};
  }

 private:
  const SortedSet& set_;
  std::vector<ScoredMember> members_;  // of a listpack
  std::string bytes_;
};

// `count` different ranks below `size`, each combination as likely as any other, in order.
std::vector<std::size_t> DistinctRanks(std::size_t count, std::size_t size, Random& random) {
  std::vector<std::size_t> ranks;
  ranks.reserve(count);
  std::unordered_set<std::size_t> taken;
  for (std::size_t limit = size - count; limit < size; ++limit) {
    std::size_t rank = random.Below(limit + 1);
    if (!taken.insert(rank).second) {
      rank = limit;
      taken.insert(rank);
    }
    ranks.push_back(rank);
  }
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

void ReplySample(CommandContext& ctx, std::int64_t wanted, bool with_scores) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place || wanted == 0) return ctx.reply.Array(0);
  SortedSet set(place.entry());
  std::size_t size = set.size();
  auto reply = [&](std::string_view member, double score) { ReplyMember(ctx.reply, member, score, with_scores); };
  if (wanted < 0 || wanted == 1) {
    std::uint64_t count = static_cast<std::uint64_t>(wanted < 0 ? -wanted : wanted);
    ByRank members(set);
    ReplyMemberCount(ctx.reply, count, with_scores);
    for (; count > 0; --count) {
      ScoredMember m = members[ctx.thread.random.Below(size)];
      reply(m.member, m.score);
    }
    return;
  }
  if (static_cast<std::uint64_t>(wanted) >= size) {
    ReplyMemberCount(ctx.reply, size, with_scores);
    return set.Visit(size - 1, size, true, with_scores, reply);
  }
  ByRank members(set);
  ReplyMemberCount(ctx.reply, static_cast<std::size_t>(wanted), with_scores);
  for (std::size_t rank : DistinctRanks(static_cast<std::size_t>(wanted), size, ctx.thread.random)) {
    ScoredMember m = members[rank];
    reply(m.member, m.score);
  }
}

void ZRandMember(CommandContext& ctx) {
  if (ctx.argc() > 2) {
    std::int64_t count;
    if (!ctx.IntegerArgInRange(2, -INT64_MAX, INT64_MAX, &count)) return;
    bool with_scores = ctx.argc() == 4 && ctx.ArgIs(3, "withscores");
    if (ctx.argc() > 3 && !with_scores) return ctx.SyntaxError();
    if (with_scores && (count < -(INT64_MAX / 2) || count > INT64_MAX / 2)) return ctx.Error(errors::kOutOfRange);
    return ReplySample(ctx, count, with_scores);
  }
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place) return ctx.reply.Null();
  SortedSet set(place.entry());
  set.Visit(ctx.thread.random.Below(set.size()), 1, false, false, [&](std::string_view member, double) { ctx.reply.Bulk(member); });
}

void ZScan(CommandContext& ctx) {
  std::uint64_t cursor;
  if (!ScanCursorArg(ctx, 2, &cursor)) return;
  // Before the options are looked at, as in Redis.
  Place place = ctx.FindForRead(ctx.Key(1));
  BulkList found;
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place) return ReplyScan(ctx.reply, 0, found);
  ScanOptions options;
  if (!options.Parse(ctx, 3, ScanOf::kMembers)) return;
  SortedSet set(place.entry());
  if (set.packed()) {  // scores as they are stored
    Listpack list = set.listpack();
    for (Listpack::Cursor c = list.First(); c != nullptr; c = list.Next(list.Next(c))) {
      if (!options.Accepts(Listpack::Get(c))) continue;
      found.Add(Listpack::Get(c));
      found.Add(Listpack::Get(list.Next(c)));
    }
    return ReplyScan(ctx.reply, 0, found);
  }
  cursor = ScanTable(*set.big()->table, cursor, options.count, [&](const ScoreItem* item) {
    if (!options.Accepts(item->member())) return;
    char digits[32];
    found.Add(item->member());
    found.Add(std::string_view(digits, PrintDouble(item->score(), digits)));
  });
  ReplyScan(ctx.reply, cursor, found);
}

SLOTWISE_COMMANDS(sorted_set_samples, {"zrandmember", ZRandMember}, {"zscan", ZScan});

}  // namespace
}  // namespace slotwise
