// Elements that go from one list to another, and popping from the first of several lists.
// Source: Redis 7.0 command reference. Elsewhere: the same with waiting (blocking_lists.cc).
#include <algorithm>
#include <iterator>
#include <string>

#include "commands/command_table.h"
#include "commands/list_access.h"
#include "commands/string_access.h"
#include "engine/thread_state.h"

namespace slotwise {

void PopWithKey(CommandContext& ctx, const KeyRef& key, Entry* entry, ListEnd end, std::uint64_t most) {
  List list = List::Of(entry);
  std::uint64_t n = std::min(most, list.size());
  bool head = end == ListEnd::kHead;
  ctx.reply.Array(2);
  ctx.reply.Bulk(key.key);
  ReplyElements(ctx.reply, list, head ? 0 : list.size() - 1, n, head ? ListEnd::kTail : ListEnd::kHead);
  PopElements(ctx, key, entry, end, n);
  ctx.Propagate({head ? "LPOP" : "RPOP", key.key, IntegerText(static_cast<std::int64_t>(n)).view()});
}

void MoveElement(CommandContext& ctx, const KeyRef& from_key, Entry* from, const KeyRef& to_key, Entry* to, ListEnd from_end, ListEnd to_end) {
  ListLimits limits = LimitsOf(ctx);
  std::string& element = ctx.thread.scratch;  // a copy: the lists may be one and the same
  List source = List::Of(from);
  {
    ListCursor c(source, from_end == ListEnd::kHead ? 0 : source.size() - 1, from_end);
    ReplyElement(ctx.reply, c);
    IntScratch digits;
    element = c.item().View(digits);
  }
  source.DeleteEnd(from_end, limits);
  from->set_pointer(source.object());
  to = ListToPushTo(ctx, to_key, to);
  List target = List::Of(to);
  target.Push(to_end, element, limits);
  to->set_pointer(target.object());
  bool empty = List::Of(from).size() == 0;
  if (empty) ctx.Erase(from_key, ctx.Db().Find(from_key));
  ctx.Changed(to_key);
  ctx.Changed(from_key);
  ctx.MarkDirty(-1);  // two keys, one change
  ctx.Notify(kNotifyList, PushEvent(to_end), to_key.key);
  ctx.Notify(kNotifyList, PopEvent(from_end), from_key.key);
  if (empty) ctx.Notify(kNotifyGeneric, "del", from_key.key);
}

bool ListEndArg(CommandContext& ctx, std::size_t i, ListEnd* end) {
  if (ctx.ArgIs(i, "LEFT")) {
    *end = ListEnd::kHead;
  } else if (ctx.ArgIs(i, "RIGHT")) {
    *end = ListEnd::kTail;
  } else {
    ctx.SyntaxError();
    return false;
  }
  return true;
}

bool MultiPopArgs::Parse(CommandContext& ctx, std::size_t numkeys_index) {
  std::int64_t keys;
  if (!ctx.IntegerArgInRange(numkeys_index, 1, INT64_MAX, &keys, "ERR numkeys should be greater than 0")) return false;
  first_key = numkeys_index + 1;
  key_count = static_cast<std::size_t>(keys);
  if (key_count >= ctx.argc() - first_key) {
    ctx.SyntaxError();
    return false;
  }
  std::size_t i = first_key + key_count;
  if (!ListEndArg(ctx, i, &end)) return false;
  ++i;
  if (i == ctx.argc()) return true;
  std::int64_t n = 1;
  bool is_count = i + 1 < ctx.argc() && ctx.ArgIs(i, "COUNT");
  if (is_count && !ctx.IntegerArgInRange(i + 1, 1, INT64_MAX, &n, "ERR count should be greater than 0")) return false;
  count = static_cast<std::uint64_t>(n);
  if (is_count && i + 2 == ctx.argc()) return true;
  ctx.SyntaxError();
  return false;
}

namespace {

using Place = CommandContext::Place;

void Move(CommandContext& ctx, ListEnd from_end, ListEnd to_end) {
  KeyRef from_key = ctx.Key(1);
  KeyRef to_key = ctx.Key(2);
  Entry* from = ctx.FindForWrite(from_key).entry();
  if (from == nullptr) return ctx.reply.Null();
  if (!ctx.Expect(ctx.Db().Find(from_key), Type::kList)) return;
  Place to = ctx.FindForWrite(to_key);
  if (!ctx.Expect(to, Type::kList)) return;
  MoveElement(ctx, from_key, from, to_key, to.entry(), from_end, to_end);
}

void LMove(CommandContext& ctx) {
  ListEnd from, to;
  if (ListEndArg(ctx, 3, &from) && ListEndArg(ctx, 4, &to)) Move(ctx, from, to);
}
void RPopLPush(CommandContext& ctx) { Move(ctx, ListEnd::kTail, ListEnd::kHead); }

void LMPop(CommandContext& ctx) {
  MultiPopArgs args;
  if (!args.Parse(ctx, 1)) return;
  for (std::size_t i = 0; i < args.key_count; ++i) {
    KeyRef key = ctx.Key(args.first_key + i);
    Place place = ctx.FindForWrite(key);
    if (!place) continue;
    if (!ctx.Expect(place, Type::kList)) return;
    return PopWithKey(ctx, key, place.entry(), args.end, args.count);
  }
  ctx.reply.NullArray();
}

SLOTWISE_COMMANDS(list_moves, {"lmove", LMove}, {"rpoplpush", RPopLPush}, {"lmpop", LMPop});

}  // namespace
}  // namespace slotwise
