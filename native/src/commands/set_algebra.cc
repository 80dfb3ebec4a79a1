// Several sets at once: SINTER, SINTERCARD, SUNION, SDIFF, and the forms that store their result.
//
// A key that does not exist is an empty set. An intersection goes through the smallest set and asks the others, largest
// last. A difference does the same with its first set, or copies that and removes what the others hold, whichever is less
// work by Redis's estimate: the same choice as Redis, since it can show in the encoding of a stored result.
// A stored result replaces the destination whatever it held, also when it is one of the sources; an empty one deletes it.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <iterator>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/scan_options.h"
#include "commands/set_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// The sets of keys [from, from + count): null for those that do not exist. Entries stay where they are until the handler
// changes something, places might not. False, after the error reply, if one holds another type.
using Sources = std::vector<const Entry*>;
bool FindSources(CommandContext& ctx, std::size_t from, std::size_t count, Sources& sources) {
  sources.reserve(count);
  for (std::size_t i = from; i < from + count; ++i) {
    Place place = ctx.FindForRead(ctx.Key(i));
    if (!ctx.Expect(place, Type::kSet)) return false;
    sources.push_back(place.entry());
  }
  return true;
}

std::size_t SizeOf(const Entry* e) { return e == nullptr ? 0 : SetValue(e).size(); }

// Replies with the number of members of `result` after it took the destination's place.
void Store(CommandContext& ctx, SetValue result, std::string_view event) {
  KeyRef to = ctx.Key(1);
  auto size = static_cast<std::int64_t>(result.size());
  // As Redis: what is only deleted is not looked at first, so it does not expire either.
  Place old = size > 0 ? ctx.Peek(to) : ctx.Db().Find(to);
  bool changed = size > 0 || old;
  if (size > 0) {
    ctx.Db().SetObject(to, old, Type::kSet, result.encoding(), result.object(), kNoExpire);
    if (!old) ctx.Notify(kNotifyNew, "new", to.key);
  } else {
    result.Free();
    if (old) ctx.Erase(to, old);
  }
  if (changed) {
    ctx.Changed(to);
    if (size > 0) ctx.Notify(kNotifySet, event, to.key);
    else ctx.Notify(kNotifyGeneric, "del", to.key);
  }
  ctx.reply.Integer(size);
}

// visit(member) for each member of all sources, until it returns false.
template <typename F>
void VisitIntersection(Sources& sources, F&& visit) {
  std::stable_sort(sources.begin(), sources.end(), [](const Entry* a, const Entry* b) { return SizeOf(a) < SizeOf(b); });
  if (sources[0] == nullptr) return;
  std::vector<SetValue> others;
  for (const Entry* e : sources) {
    if (e != sources[0]) others.emplace_back(e);
  }
  SetValue(sources[0]).VisitWhile([&](const ListpackItem& member) {
    for (const SetValue& other : others) {
      if (!other.Contains(member)) return true;
    }
    return visit(member);
  });
}

void SInter(CommandContext& ctx) {
  Sources sources;
  if (!FindSources(ctx, 1, ctx.argc() - 1, sources)) return;
  BulkList found;
  VisitIntersection(sources, [&](const ListpackItem& member) {
    found.Add(member);
    return true;
  });
  found.ReplySet(ctx.reply);
}

void SInterStore(CommandContext& ctx) {
  Sources sources;
  if (!FindSources(ctx, 2, ctx.argc() - 2, sources)) return;
  std::uint64_t limit = IntsetLimit(ctx);
  SetValue result = SetValue::CreateIntset();
  VisitIntersection(sources, [&](const ListpackItem& member) {
    result.Add(member, limit);
    return true;
  });
  Store(ctx, result, "sinterstore");
}

void SInterCard(CommandContext& ctx) {
  std::int64_t keys, limit = 0;
  if (!ctx.IntegerArgInRange(1, 1, INT64_MAX, &keys, "ERR numkeys should be greater than 0")) return;
  auto argc = static_cast<std::int64_t>(ctx.argc());
  if (keys > argc - 2) return ctx.Error("ERR Number of keys can't be greater than number of args");
  for (auto i = static_cast<std::size_t>(keys) + 2; i < ctx.argc(); i += 2) {
    if (!ctx.ArgIs(i, "LIMIT") || i + 1 == ctx.argc()) return ctx.SyntaxError();
    if (!ctx.IntegerArgInRange(i + 1, 0, INT64_MAX, &limit, "ERR LIMIT can't be negative")) return;
  }
  Sources sources;
  if (!FindSources(ctx, 2, static_cast<std::size_t>(keys), sources)) return;
  std::int64_t found = 0;
  VisitIntersection(sources, [&](const ListpackItem&) { return ++found != limit; });
  ctx.reply.Integer(found);
}

SetValue Union(const Sources& sources, std::uint64_t limit) {
  SetValue result = SetValue::CreateIntset();
  for (const Entry* e : sources) {
    if (e != nullptr) SetValue(e).Visit([&](const ListpackItem& member) { result.Add(member, limit); });
  }
  return result;
}

// Whether asking the other sets about each member of the first is less work than removing their members from a copy.
bool AsksOthers(const Sources& sources) {
  std::uint64_t asking = 0, removing = 0;
  for (const Entry* e : sources) {
    if (e == nullptr) continue;
    asking += SizeOf(sources[0]);
    removing += SizeOf(e);
  }
  return asking / 2 <= removing;
}

SetValue Difference(Sources& sources, std::uint64_t limit) {
  SetValue result = SetValue::CreateIntset();
  const Entry* first = sources[0];
  bool subtracts_itself = std::find(sources.begin() + 1, sources.end(), first) != sources.end();
  if (first == nullptr || subtracts_itself) return result;
  if (!AsksOthers(sources)) {
    SetValue(first).Visit([&](const ListpackItem& member) { result.Add(member, limit); });
    for (std::size_t i = 1; i < sources.size() && result.size() > 0; ++i) {
      if (sources[i] != nullptr) SetValue(sources[i]).Visit([&](const ListpackItem& member) { result.Remove(member); });
    }
    return result;
  }
  // The biggest is asked first: it is the likeliest to hold a member.
  std::stable_sort(sources.begin() + 1, sources.end(), [](const Entry* a, const Entry* b) { return SizeOf(a) > SizeOf(b); });
  SetValue(first).Visit([&](const ListpackItem& member) {
    for (std::size_t i = 1; i < sources.size() && sources[i] != nullptr; ++i) {
      if (SetValue(sources[i]).Contains(member)) return;
    }
    result.Add(member, limit);
  });
  return result;
}

void ReplyAndFree(CommandContext& ctx, SetValue result) {
  ctx.reply.Set(static_cast<std::int64_t>(result.size()));
  result.Visit([&](const ListpackItem& member) { ReplyItem(ctx.reply, member); });
  result.Free();
}

void SUnion(CommandContext& ctx) {
  Sources sources;
  if (FindSources(ctx, 1, ctx.argc() - 1, sources)) ReplyAndFree(ctx, Union(sources, IntsetLimit(ctx)));
}

void SUnionStore(CommandContext& ctx) {
  Sources sources;
  if (FindSources(ctx, 2, ctx.argc() - 2, sources)) Store(ctx, Union(sources, IntsetLimit(ctx)), "sunionstore");
}

void SDiff(CommandContext& ctx) {
  Sources sources;
  if (FindSources(ctx, 1, ctx.argc() - 1, sources)) ReplyAndFree(ctx, Difference(sources, IntsetLimit(ctx)));
}

void SDiffStore(CommandContext& ctx) {
  Sources sources;
  if (FindSources(ctx, 2, ctx.argc() - 2, sources)) Store(ctx, Difference(sources, IntsetLimit(ctx)), "sdiffstore");
}

SLOTWISE_COMMANDS(set_algebra, {"sinter", SInter}, {"sinterstore", SInterStore}, {"sintercard", SInterCard}, {"sunion", SUnion},
                  {"sunionstore", SUnionStore}, {"sdiff", SDiff}, {"sdiffstore", SDiffStore});

}  // namespace
}  // namespace slotwise
