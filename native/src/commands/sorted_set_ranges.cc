// Ranges of sorted sets, by rank, score or member: ZRANGE and the commands it replaced, ZRANGESTORE, ZCOUNT, ZLEXCOUNT,
// ZREMRANGEBYRANK, -SCORE and -LEX.
//
// Every range becomes one of ranks first, in O(log n) for a big set; so the length of a reply is known before it begins.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/sorted_set_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

enum class By : std::uint8_t { kUnset, kRank, kScore, kLex };

// The two ends of a range, whichever kind they are.
struct Range {
  By by;
  std::int64_t start = 0, stop = 0;
  ScoreRange scores = {};
  LexRange members = {};

  bool Parse(CommandContext& ctx, std::size_t min, std::size_t max) {
    if (by == By::kRank) return ctx.IntegerArg(min, &start) && ctx.IntegerArg(max, &stop);
    if (by == By::kScore && !scores.Parse(ctx.arg(min), ctx.arg(max))) {
      ctx.Error("ERR min or max is not a float");
      return false;
    }
    if (by == By::kLex && !members.Parse(ctx.arg(min), ctx.arg(max))) {
      ctx.Error("ERR min or max not valid string range item");
      return false;
    }
    return true;
  }
  // `down`: ranks are counted from the end.
  RankRange In(const SortedSet& set, bool down) const {
    if (by == By::kScore) return set.Find(scores);
    if (by == By::kLex) return set.Find(members);
    RankRange ranks = RankRange::Of(start, stop, set.size());
    if (down && !ranks.empty()) ranks = {set.size() - ranks.last, set.size() - ranks.first};
    return ranks;
  }
};

// <key> <min> <max> [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES], from the key on.
struct RangeArgs {
  Range range{By::kUnset};
  bool down = false;
  bool down_given = false;  // by the command itself: REV is no option of it
  bool with_scores = false;
  std::int64_t offset = 0;
  std::int64_t limit = -1;

  bool Parse(CommandContext& ctx, std::size_t key, bool store) {
    for (std::size_t i = key + 3; i < ctx.argc(); ++i) {
      if (!store && ctx.ArgIs(i, "withscores")) {
        with_scores = true;
      } else if (ctx.ArgIs(i, "limit") && i + 2 < ctx.argc()) {
        if (!ctx.IntegerArg(i + 1, &offset) || !ctx.IntegerArg(i + 2, &limit)) return false;
        i += 2;
      } else if (!down_given && !down && ctx.ArgIs(i, "rev")) {
        down = true;
      } else if (range.by == By::kUnset && ctx.ArgIs(i, "bylex")) {
        range.by = By::kLex;
      } else if (range.by == By::kUnset && ctx.ArgIs(i, "byscore")) {
        range.by = By::kScore;
      } else {
        ctx.SyntaxError();
        return false;
      }
    }
    if (range.by == By::kUnset) range.by = By::kRank;
    if (limit != -1 && range.by == By::kRank) {
      ctx.Error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
      return false;
    }
    if (with_scores && range.by == By::kLex) {
      ctx.Error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
      return false;
    }
    bool swapped = down && range.by != By::kRank;
    return range.Parse(ctx, swapped ? key + 2 : key + 1, swapped ? key + 1 : key + 2);
  }

  // The rank to begin at, and how many there are from there.
  std::size_t Select(const SortedSet& set, std::size_t* count) const {
    RankRange found = range.In(set, down);
    std::size_t skipped = 0;
    *count = found.size();
    if (range.by != By::kRank) {
      // A negative offset skips everything.
      skipped = offset < 0 ? found.size() : static_cast<std::size_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(offset), found.size()));
      *count -= skipped;
      if (limit >= 0) *count = static_cast<std::size_t>(std::min<std::uint64_t>(static_cast<std::uint64_t>(limit), *count));
    }
    return down ? found.last - 1 - skipped : found.first + skipped;
  }
};

void ReplyRange(CommandContext& ctx, RangeArgs args) {
  if (!args.Parse(ctx, 1, false)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place) return ctx.reply.Array(0);
  SortedSet set(place.entry());
  std::size_t count;
  std::size_t from = args.Select(set, &count);
  ReplyMemberCount(ctx.reply, count, args.with_scores);
  set.Visit(from, count, args.down, args.with_scores,
            [&](std::string_view member, double score) { ReplyMember(ctx.reply, member, score, args.with_scores); });
}

void ZRange(CommandContext& ctx) { ReplyRange(ctx, {.range = {By::kUnset}}); }
void ZRevRange(CommandContext& ctx) { ReplyRange(ctx, {.range = {By::kRank}, .down = true, .down_given = true}); }
void ZRangeByScore(CommandContext& ctx) { ReplyRange(ctx, {.range = {By::kScore}, .down_given = true}); }
void ZRevRangeByScore(CommandContext& ctx) { ReplyRange(ctx, {.range = {By::kScore}, .down = true, .down_given = true}); }
void ZRangeByLex(CommandContext& ctx) { ReplyRange(ctx, {.range = {By::kLex}, .down_given = true}); }
void ZRevRangeByLex(CommandContext& ctx) { ReplyRange(ctx, {.range = {By::kLex}, .down = true, .down_given = true}); }

void ZRangeStore(CommandContext& ctx) {
  RangeArgs args{.range = {By::kUnset}};
  if (!args.Parse(ctx, 2, true)) return;
  Place place = ctx.FindForRead(ctx.Key(2));
  if (!ctx.Expect(place, Type::kZSet)) return;
  std::vector<ScoredMember> members;
  std::string bytes;  // integers of a listpack have no bytes of their own
  if (place) {
    SortedSet set(place.entry());
    std::size_t count;
    std::size_t from = args.Select(set, &count);
    members.reserve(count);
    set.Visit(from, count, args.down, true, [&](std::string_view member, double score) {
      if (set.packed()) bytes += member;
      members.push_back({score, member});
    });
    if (set.packed()) {
      const char* at = bytes.data();
      for (ScoredMember& m : members) {
        m.member = {at, m.member.size()};
        at += m.member.size();
      }
    }
    if (args.down) std::reverse(members.begin(), members.end());
  }
  StoreSortedSet(ctx, ctx.Key(1), members, "zrangestore");
}

void CountRange(CommandContext& ctx, By by) {
  Range range{by};
  if (!range.Parse(ctx, 2, 3)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  ctx.reply.Integer(place ? static_cast<std::int64_t>(range.In(SortedSet(place.entry()), false).size()) : 0);
}
void ZCount(CommandContext& ctx) { CountRange(ctx, By::kScore); }
void ZLexCount(CommandContext& ctx) { CountRange(ctx, By::kLex); }

void RemoveRange(CommandContext& ctx, By by, std::string_view event) {
  Range range{by};
  if (!range.Parse(ctx, 2, 3)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place) return ctx.reply.Integer(0);
  RankRange ranks = range.In(SortedSet(place.entry()), false);
  ctx.reply.Integer(static_cast<std::int64_t>(ranks.size()));
  if (!ranks.empty()) RemoveMembers(ctx, key, place.entry(), ranks, event);
}
void ZRemRangeByRank(CommandContext& ctx) { RemoveRange(ctx, By::kRank, "zremrangebyrank"); }
void ZRemRangeByScore(CommandContext& ctx) { RemoveRange(ctx, By::kScore, "zremrangebyscore"); }
void ZRemRangeByLex(CommandContext& ctx) { RemoveRange(ctx, By::kLex, "zremrangebylex"); }

SLOTWISE_COMMANDS(sorted_set_ranges, {"zrange", ZRange}, {"zrevrange", ZRevRange}, {"zrangebyscore", ZRangeByScore},
                  {"zrevrangebyscore", ZRevRangeByScore}, {"zrangebylex", ZRangeByLex}, {"zrevrangebylex", ZRevRangeByLex},
                  {"zrangestore", ZRangeStore}, {"zcount", ZCount}, {"zlexcount", ZLexCount}, {"zremrangebyrank", ZRemRangeByRank},
                  {"zremrangebyscore", ZRemRangeByScore}, {"zremrangebylex", ZRemRangeByLex});

}  // namespace
}  // namespace slotwise
