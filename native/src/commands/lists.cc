// Lists, their ends and their positions: pushing, popping, looking, replacing, trimming.
// Source: Redis 7.0 command reference. Elsewhere: searching (list_search.cc), moving and popping from several lists
// (list_moves.cc), waiting for elements (blocking_lists.cc).
#include <algorithm>
#include <iterator>

#include "commands/command_table.h"
#include "commands/list_access.h"

namespace slotwise {

Entry* ListToPushTo(CommandContext& ctx, const KeyRef& key, Entry* entry) {
  if (entry != nullptr) return entry;
  entry = ctx.Db().SetObject(key, {}, Type::kList, Encoding::kQuicklist, List::Create().object(), kNoExpire);
  ctx.Notify(kNotifyNew, "new", key.key);
  return entry;
}

void PopElements(CommandContext& ctx, const KeyRef& key, Entry* entry, ListEnd end, std::uint64_t n) {
  List list = List::Of(entry);
  list.DeleteRange(end == ListEnd::kHead ? 0 : list.size() - n, n, LimitsOf(ctx));
  entry->set_pointer(list.object());
  bool empty = list.size() == 0;
  if (empty) ctx.Erase(key, ctx.Db().Find(key));
  ctx.Changed(key);
  ctx.MarkDirty(static_cast<std::int64_t>(n) - 1);
  ctx.Notify(kNotifyList, PopEvent(end), key.key);
  if (empty) ctx.Notify(kNotifyGeneric, "del", key.key);
}

namespace {

using Place = CommandContext::Place;

void Push(CommandContext& ctx, ListEnd end, bool only_existing) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kList)) return;
  if (!place && only_existing) return ctx.reply.Integer(0);
  Entry* entry = ListToPushTo(ctx, key, place.entry());
  List list = List::Of(entry);
  ListLimits limits = LimitsOf(ctx);
  for (std::size_t i = 2; i < ctx.argc(); ++i) list.Push(end, ctx.arg(i), limits);
  entry->set_pointer(list.object());
  ctx.Changed(key);
  ctx.MarkDirty(static_cast<std::int64_t>(ctx.argc()) - 3);
  ctx.Notify(kNotifyList, PushEvent(end), key.key);
  ctx.reply.Integer(static_cast<std::int64_t>(list.size()));
}
void LPush(CommandContext& ctx) { Push(ctx, ListEnd::kHead, false); }
void RPush(CommandContext& ctx) { Push(ctx, ListEnd::kTail, false); }
void LPushX(CommandContext& ctx) { Push(ctx, ListEnd::kHead, true); }
void RPushX(CommandContext& ctx) { Push(ctx, ListEnd::kTail, true); }

void Pop(CommandContext& ctx, ListEnd end) {
  if (ctx.argc() > 3) return ctx.WrongArity();
  bool counted = ctx.argc() == 3;
  std::int64_t most = 1;
  if (counted && !ctx.IntegerArgInRange(2, 0, INT64_MAX, &most, "ERR value is out of range, must be positive")) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return counted ? ctx.reply.NullArray() : ctx.reply.Null();
  if (!ctx.Expect(place, Type::kList)) return;
  if (most == 0) return ctx.reply.Array(0);
  List list = List::Of(place.entry());
  std::uint64_t n = std::min<std::uint64_t>(static_cast<std::uint64_t>(most), list.size());
  std::uint64_t first = end == ListEnd::kHead ? 0 : list.size() - 1;
  if (counted) ReplyElements(ctx.reply, list, first, n, end == ListEnd::kHead ? ListEnd::kTail : ListEnd::kHead);
  else ReplyElement(ctx.reply, ListCursor(list, first, end));
  PopElements(ctx, key, place.entry(), end, n);
}
void LPop(CommandContext& ctx) { Pop(ctx, ListEnd::kHead); }
void RPop(CommandContext& ctx) { Pop(ctx, ListEnd::kTail); }

void LLen(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kList)) return;
  ctx.reply.Integer(place ? static_cast<std::int64_t>(List::Of(place.entry()).size()) : 0);
}

// The index as clients give it, negative from the end, as a position; false if there is no such element.
bool ToPosition(std::int64_t index, std::uint64_t size, std::uint64_t* position) {
  if (index < 0) index += static_cast<std::int64_t>(size);
  *position = static_cast<std::uint64_t>(index);
  return index >= 0 && *position < size;
}

void LIndex(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Null();
  std::int64_t index;
  if (!ctx.Expect(place, Type::kList) || !ctx.IntegerArg(2, &index)) return;
  List list = List::Of(place.entry());
  std::uint64_t position;
  if (!ToPosition(index, list.size(), &position)) return ctx.reply.Null();
  ReplyElement(ctx.reply, ListCursor(list, position, ListEnd::kTail));
}

void LSet(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  std::int64_t index;
  if (!ctx.Expect(place, Type::kList) || !ctx.IntegerArg(2, &index)) return;
  List list = List::Of(place.entry());
  std::uint64_t position;
  if (!ToPosition(index, list.size(), &position)) return ctx.Error(errors::kOutOfRangeIndex);
  list.Set(position, ctx.arg(3), LimitsOf(ctx));
  place.entry()->set_pointer(list.object());
  ctx.Changed(key);
  ctx.Notify(kNotifyList, "lset", key.key);
  ctx.reply.Ok();
}

// A range as clients give it, within `size` elements; false if it is empty.
bool ToRange(std::int64_t start, std::int64_t stop, std::uint64_t size, std::uint64_t* first, std::uint64_t* count) {
  auto n = static_cast<std::int64_t>(size);
  if (start < 0) start = std::max<std::int64_t>(start + n, 0);
  if (stop < 0) stop += n;
  stop = std::min(stop, n - 1);
  *first = static_cast<std::uint64_t>(start);
  *count = start > stop ? 0 : static_cast<std::uint64_t>(stop - start + 1);
  return *count > 0;
}

void LRange(CommandContext& ctx) {
  std::int64_t start, stop;
  if (!ctx.IntegerArg(2, &start) || !ctx.IntegerArg(3, &stop)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Array(0);
  if (!ctx.Expect(place, Type::kList)) return;
  List list = List::Of(place.entry());
  std::uint64_t first, count;
  if (!ToRange(start, stop, list.size(), &first, &count)) return ctx.reply.Array(0);
  ReplyElements(ctx.reply, list, first, count, ListEnd::kTail);
}

void LTrim(CommandContext& ctx) {
  std::int64_t start, stop;
  if (!ctx.IntegerArg(2, &start) || !ctx.IntegerArg(3, &stop)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Ok();
  if (!ctx.Expect(place, Type::kList)) return;
  List list = List::Of(place.entry());
  std::uint64_t size = list.size();
  std::uint64_t first, count;
  bool some = ToRange(start, stop, size, &first, &count);
  if (some) {
    ListLimits limits = LimitsOf(ctx);
    list.DeleteRange(first + count, size - first - count, limits);
    list.DeleteRange(0, first, limits);
    place.entry()->set_pointer(list.object());
  } else {
    ctx.Erase(key, place);
  }
  // A trim that takes nothing is no change to propagate, though watchers and listeners hear of it.
  ctx.Changed(key);
  ctx.dirty += static_cast<std::int64_t>(size - count) - 1;
  ctx.Notify(kNotifyList, "ltrim", key.key);
  if (!some) ctx.Notify(kNotifyGeneric, "del", key.key);
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(lists, {"lpush", LPush}, {"rpush", RPush}, {"lpushx", LPushX}, {"rpushx", RPushX}, {"lpop", LPop}, {"rpop", RPop},
                  {"llen", LLen}, {"lindex", LIndex}, {"lset", LSet}, {"lrange", LRange}, {"ltrim", LTrim});

}  // namespace
}  // namespace slotwise
