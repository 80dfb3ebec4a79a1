// Unions, intersections and differences of sorted sets and sets: ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD.
//
// Members of sets have the score 1. Scores that would not be numbers become 0: 0 * inf, inf - inf. Inputs are combined
// from the smallest to the biggest, which decides the last digits of sums.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/sorted_set_access.h"
#include "values/member_source.h"

namespace slotwise {
namespace {

enum class Operation : std::uint8_t { kUnion, kInter, kDiff };
enum class Aggregate : std::uint8_t { kSum, kMin, kMax };

struct Input {
  MemberSource source;
  double weight = 1;
};

void Combine(double* score, double value, Aggregate aggregate) {
  if (aggregate == Aggregate::kMin) {
    if (value < *score) *score = value;
  } else if (aggregate == Aggregate::kMax) {
    if (value > *score) *score = value;
  } else {
    *score += value;
    if (std::isnan(*score)) *score = 0;
  }
}

double Weighted(double score, double weight) {
  double v = score * weight;
  return std::isnan(v) ? 0 : v;
}

// Members seen so far with their scores, in the order of arrival.
class Accumulator {
 public:
  explicit Accumulator(std::size_t expected) {
    members_.reserve(expected);
    Resize(expected);
  }
  // The score of the member; `added`: it was not there.
  double* Score(const MemberSource& source, std::string_view member, bool* added) {
    std::uint64_t hash = KeyHash(member);
    if ((members_.size() + 1) * 2 > index_.size()) Resize(members_.size() * 2 + 1);
    std::size_t at = Slot(member, hash);
    *added = index_[at] == 0;
    if (*added) {
      members_.push_back({0, source.Keep(member, bytes_)});
      index_[at] = static_cast<std::uint32_t>(members_.size());
    }
    return &members_[index_[at] - 1].score;
  }
  // Takes out what must not be in the result; the scores tell nothing then.
  bool Remove(std::string_view member) {
    std::size_t at = Slot(member, KeyHash(member));
    if (index_[at] == 0) return false;
    ScoredMember& m = members_[index_[at] - 1];
    if (std::isnan(m.score)) return false;
    m.score = std::nan("");
    return true;
  }
  std::vector<ScoredMember>& members() { return members_; }

 private:
  // Of the member, or the free one where it belongs.
  std::size_t Slot(std::string_view member, std::uint64_t hash) const {
    std::size_t mask = index_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      if (index_[at] == 0 || members_[index_[at] - 1].member == member) return at;
    }
  }
  void Resize(std::size_t members) {
    std::size_t slots = 16;
    while (slots < members * 2 + 2) slots *= 2;
    index_.assign(slots, 0);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      index_[Slot(members_[i].member, KeyHash(members_[i].member))] = static_cast<std::uint32_t>(i + 1);
    }
  }

  std::vector<ScoredMember> members_;
  std::vector<std::uint32_t> index_;  // 1 + place among members_; 0: free. A power of two, at most half full.
  std::pmr::monotonic_buffer_resource bytes_;

 public:
  std::pmr::monotonic_buffer_resource& bytes() { return bytes_; }
};

void Unite(const std::vector<Input>& inputs, Aggregate aggregate, Accumulator& result) {
  for (const Input& input : inputs) {
    input.source.VisitAll([&](std::string_view member, double s) {
      bool added;
      double score = Weighted(s, input.weight);
      double* so_far = result.Score(input.source, member, &added);
      if (added) *so_far = score;
      else Combine(so_far, score, aggregate);
      return true;
    });
  }
}

// found(member, score) for each member of all inputs, until it returns false.
template <typename F>
void Intersect(const std::vector<Input>& inputs, Aggregate aggregate, F&& found) {
  const Input& first = inputs[0];
  first.source.VisitAll([&](std::string_view member, double s) {
    double score = Weighted(s, first.weight);
    for (std::size_t i = 1; i < inputs.size(); ++i) {
      const Input& other = inputs[i];
      std::optional<double> value = other.source.Same(first.source) ? std::optional(s) : other.source.Score(member);
      if (!value) return true;
      Combine(&score, *value * other.weight, aggregate);
    }
    return found(member, score);
  });
}

void Subtract(std::vector<Input>& inputs, std::pmr::monotonic_buffer_resource& bytes, std::vector<ScoredMember>* result) {
  const MemberSource first = inputs[0].source;
  std::uint64_t lookups = 0, visits = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i > 0 && inputs[i].source.Same(first)) return;  // also if both are absent
    lookups += first.size();
    visits += inputs[i].source.size();
  }
  if (first.size() == 0) return;
  if (lookups / 2 <= visits) {  // look for each member of the first in the others, the likeliest of them first
    std::stable_sort(inputs.begin() + 1, inputs.end(), [](const Input& a, const Input& b) { return a.source.size() > b.source.size(); });
    first.VisitAll([&](std::string_view member, double score) {
      for (std::size_t i = 1; i < inputs.size(); ++i) {
        if (inputs[i].source.Score(member)) return true;
      }
      result->push_back({score, first.Keep(member, bytes)});
      return true;
    });
    return;
  }
  Accumulator left(first.size());
  first.VisitAll([&](std::string_view member, double score) {
    bool added;
    *left.Score(first, member, &added) = score;
    return true;
  });
  std::size_t count = first.size();
  for (std::size_t i = 1; i < inputs.size() && count > 0; ++i) {
    inputs[i].source.VisitAll([&](std::string_view member, double) {
      count -= left.Remove(member) ? 1 : 0;
      return count > 0;
    });
  }
  for (const ScoredMember& m : left.members()) {
    if (!std::isnan(m.score)) result->push_back({m.score, first.Keep(m.member, bytes)});
  }
}

struct AlgebraArgs {
  std::vector<Input> inputs;
  Aggregate aggregate = Aggregate::kSum;
  bool with_scores = false;
  std::int64_t limit = 0;  // of ZINTERCARD; 0: none

  // numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES] [LIMIT limit]
  bool Parse(CommandContext& ctx, std::size_t at, Operation operation, bool store, bool cardinality) {
    std::int64_t count;
    if (!ctx.IntegerArg(at, &count)) return false;
    if (count < 1) {
      ctx.Error("ERR at least 1 input key is needed for '" + std::string(ctx.command.full_name()) + "' command");
      return false;
    }
    std::size_t i = at + 1;
    if (static_cast<std::uint64_t>(count) > ctx.argc() - i) return Syntax(ctx);
    for (; count > 0; --count, ++i) {
      CommandContext::Place place = ctx.FindForRead(ctx.Key(i));
      Input input;
      if (place && !input.source.Open(place.entry())) {
        ctx.Error(errors::kWrongType);
        return false;
      }
      inputs.push_back(input);
    }
    bool combines = operation != Operation::kDiff && !cardinality;
    while (i < ctx.argc()) {
      std::size_t left = ctx.argc() - i;
      if (combines && left > inputs.size() && ctx.ArgIs(i, "weights")) {
        ++i;
        for (Input& input : inputs) {
          if (!ctx.DoubleArg(i++, &input.weight, "ERR weight value is not a float")) return false;
        }
      } else if (combines && left >= 2 && ctx.ArgIs(i, "aggregate")) {
        if (ctx.ArgIs(i + 1, "sum")) aggregate = Aggregate::kSum;
        else if (ctx.ArgIs(i + 1, "min")) aggregate = Aggregate::kMin;
        else if (ctx.ArgIs(i + 1, "max")) aggregate = Aggregate::kMax;
        else return Syntax(ctx);
        i += 2;
      } else if (!store && !cardinality && ctx.ArgIs(i, "withscores")) {
        with_scores = true;
        ++i;
      } else if (cardinality && left >= 2 && ctx.ArgIs(i, "limit")) {
        if (!ctx.IntegerArgInRange(i + 1, 0, INT64_MAX, &limit, "ERR LIMIT can't be negative")) return false;
        i += 2;
      } else {
        return Syntax(ctx);
      }
    }
    if (operation != Operation::kDiff) {
      std::stable_sort(inputs.begin(), inputs.end(), [](const Input& a, const Input& b) { return a.source.size() < b.source.size(); });
    }
    return true;
  }

 private:
  static bool Syntax(CommandContext& ctx) {
    ctx.SyntaxError();
    return false;
  }
};

void Run(CommandContext& ctx, Operation operation, std::string_view store_event) {
  bool store = !store_event.empty();
  AlgebraArgs args;
  if (!args.Parse(ctx, store ? 2 : 1, operation, store, false)) return;
  Accumulator result(operation == Operation::kUnion ? args.inputs.back().source.size() : 0);
  std::vector<ScoredMember>& members = result.members();
  if (operation == Operation::kUnion) {
    Unite(args.inputs, args.aggregate, result);
  } else if (operation == Operation::kInter) {
    Intersect(args.inputs, args.aggregate, [&](std::string_view member, double score) {
      members.push_back({score, args.inputs[0].source.Keep(member, result.bytes())});
      return true;
    });
  } else {
    Subtract(args.inputs, result.bytes(), &members);
  }
  std::sort(members.begin(), members.end());
  if (store) return StoreSortedSet(ctx, ctx.Key(1), members, store_event);
  ReplyMemberCount(ctx.reply, members.size(), args.with_scores);
  for (const ScoredMember& m : members) ReplyMember(ctx.reply, m.member, m.score, args.with_scores);
}

void ZUnion(CommandContext& ctx) { Run(ctx, Operation::kUnion, {}); }
void ZInter(CommandContext& ctx) { Run(ctx, Operation::kInter, {}); }
void ZDiff(CommandContext& ctx) { Run(ctx, Operation::kDiff, {}); }
void ZUnionStore(CommandContext& ctx) { Run(ctx, Operation::kUnion, "zunionstore"); }
void ZInterStore(CommandContext& ctx) { Run(ctx, Operation::kInter, "zinterstore"); }
void ZDiffStore(CommandContext& ctx) { Run(ctx, Operation::kDiff, "zdiffstore"); }

void ZInterCard(CommandContext& ctx) {
  AlgebraArgs args;
  if (!args.Parse(ctx, 1, Operation::kInter, false, true)) return;
  std::int64_t count = 0;
  Intersect(args.inputs, Aggregate::kSum, [&](std::string_view, double) {
    ++count;
    return args.limit == 0 || count < args.limit;
  });
  ctx.reply.Integer(count);
}

SLOTWISE_COMMANDS(sorted_set_algebra, {"zunion", ZUnion}, {"zinter", ZInter}, {"zdiff", ZDiff}, {"zunionstore", ZUnionStore},
                  {"zinterstore", ZInterStore}, {"zdiffstore", ZDiffStore}, {"zintercard", ZInterCard});

}  // namespace
}  // namespace slotwise
