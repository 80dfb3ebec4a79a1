// Sorted sets, member by member: ZADD, ZINCRBY, ZREM, ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK.
// Source: Redis 7.0 command reference. Elsewhere: ranges (sorted_set_ranges.cc), popping (sorted_set_pops.cc), unions and
// the like (sorted_set_algebra.cc), random members and ZSCAN (sorted_set_samples.cc).
#include <iterator>
#include <optional>

#include "commands/command_table.h"
#include "commands/sorted_set_access.h"

namespace slotwise {

bool AddToSortedSet(CommandContext& ctx, const AddRequest& request) {
  KeyRef key = ctx.Key(1);
  CommandContext::Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kZSet)) return false;
  bool incr = request.options.increment;
  if (!place && request.options.only_existing) {
    if (incr) ctx.reply.Null();
    else ctx.reply.Integer(0);
    return false;
  }
  SortedSetLimits limits = SortedSetLimitsOf(ctx);
  Entry* entry = place.entry();
  if (entry == nullptr) {  // the first pair will be added: nothing of the options keeps out what is new
    SortedSet fresh = SortedSet::Create(ctx.arg(request.first_member), limits);
    entry = ctx.Db().SetObject(key, place, Type::kZSet, fresh.encoding(), fresh.object(), kNoExpire);
    ctx.Notify(kNotifyNew, "new", key.key);
  }
  SortedSet set(entry);
  std::size_t added = 0, updated = 0;
  SortedSet::Added last = SortedSet::Added::kSame;
  for (std::size_t i = 0; i < request.scores.size(); ++i) {
    last = set.Add(&request.scores[i], ctx.arg(request.first_member + i * request.stride), request.options, limits);
    if (last == SortedSet::Added::kNotANumber) {  // only of an increment, and then there is but this one
      ctx.Error("ERR resulting score is not a number (NaN)");
      return false;
    }
    added += last == SortedSet::Added::kNew;
    updated += last == SortedSet::Added::kUpdated;
  }
  if (!incr) ctx.reply.Integer(static_cast<std::int64_t>(request.count_changed ? added + updated : added));
  else if (last == SortedSet::Added::kRefused) ctx.reply.Null();
  else ctx.reply.Double(request.scores[0]);
  if (added + updated == 0) return false;
  ctx.Changed(key);
  ctx.MarkDirty(static_cast<std::int64_t>(added + updated) - 1);
  ctx.Notify(kNotifyZSet, incr ? "zincr" : "zadd", key.key);
  return true;
}

namespace {

using Place = CommandContext::Place;

// [NX|XX] [GT|LT] [CH] [INCR] score member ...
struct AddArgs {
  SortedSet::AddOptions options;
  bool count_changed = false;  // CH
  std::size_t first = 2;       // of the pairs
  std::size_t pairs = 0;

  bool Parse(CommandContext& ctx) {
    for (; first < ctx.argc(); ++first) {
      if (ctx.ArgIs(first, "nx")) options.only_new = true;
      else if (ctx.ArgIs(first, "xx")) options.only_existing = true;
      else if (ctx.ArgIs(first, "gt")) options.only_greater = true;
      else if (ctx.ArgIs(first, "lt")) options.only_less = true;
      else if (ctx.ArgIs(first, "ch")) count_changed = true;
      else if (ctx.ArgIs(first, "incr")) options.increment = true;
      else break;
    }
    std::size_t rest = ctx.argc() - first;
    pairs = rest / 2;
    if (rest == 0 || rest % 2 != 0) return Refuse(ctx, errors::kSyntax);
    if (options.only_new && options.only_existing) return Refuse(ctx, "ERR XX and NX options at the same time are not compatible");
    bool compares = options.only_greater || options.only_less;
    if ((compares && options.only_new) || (options.only_greater && options.only_less)) {
      return Refuse(ctx, "ERR GT, LT, and/or NX options at the same time are not compatible");
    }
    if (options.increment && pairs > 1) return Refuse(ctx, "ERR INCR option supports a single increment-element pair");
    return true;
  }

 private:
  static bool Refuse(CommandContext& ctx, const char* error) {
    ctx.Error(error);
    return false;
  }
};

void Add(CommandContext& ctx, AddArgs args) {
  if (!args.Parse(ctx)) return;
  ScoreBuffer scores(args.pairs);
  for (std::size_t i = 0; i < args.pairs; ++i) {
    if (!ctx.DoubleArg(args.first + i * 2, &scores[i])) return;
  }
  AddToSortedSet(ctx, {args.options, args.count_changed, scores.span(), args.first + 1, 2});
}

void ZAdd(CommandContext& ctx) { Add(ctx, {}); }
// Its increment may be spelled like an option of ZADD, as in Redis, which then finds that something is missing.
void ZIncrBy(CommandContext& ctx) { Add(ctx, {.options = {.increment = true}}); }

void ZRem(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Integer(0);
  if (!ctx.Expect(place, Type::kZSet)) return;
  SortedSet set(place.entry());
  std::size_t removed = 0;
  for (std::size_t i = 2; i < ctx.argc() && set.size() > 0; ++i) removed += set.Remove(ctx.arg(i)) ? 1 : 0;
  ctx.reply.Integer(static_cast<std::int64_t>(removed));
  if (removed > 0) MembersRemoved(ctx, key, place.entry(), removed, "zrem");
}

void ZCard(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  ctx.reply.Integer(place ? static_cast<std::int64_t>(SortedSet(place.entry()).size()) : 0);
}

void ReplyScore(CommandContext& ctx, Place place, std::string_view member) {
  std::optional<double> score = place ? SortedSet(place.entry()).Score(member) : std::nullopt;
  if (score) ctx.reply.Double(*score);
  else ctx.reply.Null();
}

void ZScore(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (ctx.Expect(place, Type::kZSet)) ReplyScore(ctx, place, ctx.arg(2));
}

void ZMScore(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc()) - 2);
  for (std::size_t i = 2; i < ctx.argc(); ++i) ReplyScore(ctx, place, ctx.arg(i));
}

void ReplyRank(CommandContext& ctx, bool from_the_end) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place) return ctx.reply.Null();
  SortedSet set(place.entry());
  std::optional<std::size_t> rank = set.Rank(ctx.arg(2));
  if (!rank) return ctx.reply.Null();
  ctx.reply.Integer(static_cast<std::int64_t>(from_the_end ? set.size() - 1 - *rank : *rank));
}
void ZRank(CommandContext& ctx) { ReplyRank(ctx, false); }
void ZRevRank(CommandContext& ctx) { ReplyRank(ctx, true); }

SLOTWISE_COMMANDS(sorted_sets, {"zadd", ZAdd}, {"zincrby", ZIncrBy}, {"zrem", ZRem}, {"zcard", ZCard}, {"zscore", ZScore},
                  {"zmscore", ZMScore}, {"zrank", ZRank}, {"zrevrank", ZRevRank});

}  // namespace
}  // namespace slotwise
