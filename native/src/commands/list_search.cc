// Lists by the elements themselves: LINSERT, LREM, LPOS.
// Source: Redis 7.0 command reference.
#include <iterator>
#include <vector>

#include "commands/command_table.h"
#include "commands/list_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void LInsert(CommandContext& ctx) {
  bool after = ctx.ArgIs(2, "AFTER");
  if (!after && !ctx.ArgIs(2, "BEFORE")) return ctx.SyntaxError();
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Integer(0);
  if (!ctx.Expect(place, Type::kList)) return;
  List list = List::Of(place.entry());
  Listpack::Element pivot(ctx.arg(3));
  std::uint64_t index = 0;
  ListCursor c(list, 0, ListEnd::kTail);
  for (; c && !c.Equals(pivot); c.Next()) ++index;
  if (!c) return ctx.reply.Integer(-1);
  list.Insert(after ? index + 1 : index, ctx.arg(4), LimitsOf(ctx));
  place.entry()->set_pointer(list.object());
  ctx.Changed(key);
  ctx.Notify(kNotifyList, "linsert", key.key);
  ctx.reply.Integer(static_cast<std::int64_t>(list.size()));
}

void LRem(CommandContext& ctx) {
  std::int64_t count;
  if (!ctx.IntegerArg(2, &count)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Integer(0);
  if (!ctx.Expect(place, Type::kList)) return;
  // The magnitude of the lowest number is no int64, but an unsigned one; zero is no limit.
  std::uint64_t most = count < 0 ? 0 - static_cast<std::uint64_t>(count) : static_cast<std::uint64_t>(count);
  if (most == 0) most = UINT64_MAX;
  List list = List::Of(place.entry());
  std::uint64_t removed = list.Remove(Listpack::Element(ctx.arg(3)), most, count < 0 ? ListEnd::kTail : ListEnd::kHead, LimitsOf(ctx));
  place.entry()->set_pointer(list.object());
  ctx.reply.Integer(static_cast<std::int64_t>(removed));
  if (removed == 0) return;
  bool empty = list.size() == 0;
  if (empty) ctx.Erase(key, place);
  ctx.Changed(key);
  ctx.MarkDirty(static_cast<std::int64_t>(removed) - 1);
  ctx.Notify(kNotifyList, "lrem", key.key);
  if (empty) ctx.Notify(kNotifyGeneric, "del", key.key);
}

struct PositionOptions {
  std::int64_t rank = 1;
  std::int64_t count = -1;    // not given
  std::int64_t max_len = 0;   // everything

  bool Parse(CommandContext& ctx) {
    for (std::size_t i = 3; i < ctx.argc(); i += 2) {
      bool has_value = i + 1 < ctx.argc();
      if (has_value && ctx.ArgIs(i, "RANK")) {
        if (!ctx.IntegerArg(i + 1, &rank)) return false;
        if (rank == 0) {
          ctx.Error("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the "
                    "end of the list");
          return false;
        }
      } else if (has_value && ctx.ArgIs(i, "COUNT")) {
        if (!ctx.IntegerArgInRange(i + 1, 0, INT64_MAX, &count, "ERR COUNT can't be negative")) return false;
      } else if (has_value && ctx.ArgIs(i, "MAXLEN")) {
        if (!ctx.IntegerArgInRange(i + 1, 0, INT64_MAX, &max_len, "ERR MAXLEN can't be negative")) return false;
      } else {
        ctx.SyntaxError();
        return false;
      }
    }
    return true;
  }
};

void LPos(CommandContext& ctx) {
  PositionOptions options;
  if (!options.Parse(ctx)) return;
  bool many = options.count != -1;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return many ? ctx.reply.Array(0) : ctx.reply.Null();
  if (!ctx.Expect(place, Type::kList)) return;
  List list = List::Of(place.entry());
  Listpack::Element wanted(ctx.arg(2));
  bool backwards = options.rank < 0;
  // The lowest rank has no magnitude; Redis takes it for less than the first.
  std::int64_t skip = options.rank == INT64_MIN ? 0 : (backwards ? -options.rank : options.rank) - 1;
  bool endless = options.count == 0 || options.rank == INT64_MIN;
  std::vector<std::uint64_t> found;
  std::uint64_t size = list.size();
  std::uint64_t visited = 0;
  ListCursor c(list, backwards ? size - 1 : 0, backwards ? ListEnd::kHead : ListEnd::kTail);
  for (; c && (options.max_len == 0 || visited < static_cast<std::uint64_t>(options.max_len)); c.Next(), ++visited) {
    if (!c.Equals(wanted) || skip-- > 0) continue;
    skip = 0;
    found.push_back(backwards ? size - 1 - visited : visited);
    if (!many || (!endless && found.size() >= static_cast<std::uint64_t>(options.count))) break;
  }
  if (!many) return found.empty() ? ctx.reply.Null() : ctx.reply.Integer(static_cast<std::int64_t>(found[0]));
  ctx.reply.Array(static_cast<std::int64_t>(found.size()));
  for (std::uint64_t i : found) ctx.reply.Integer(static_cast<std::int64_t>(i));
}

SLOTWISE_COMMANDS(list_search, {"linsert", LInsert}, {"lrem", LRem}, {"lpos", LPos});

}  // namespace
}  // namespace slotwise
