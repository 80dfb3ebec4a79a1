// BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH: the commands of list_moves.cc and lists.cc that wait for a list to come.
// They are propagated as the commands that do not wait.
// Source: Redis 7.0 command reference. Elsewhere: waiting as such (commands/waiting.h, engine/blocking.h).
#include <iterator>
#include <numeric>
#include <vector>

#include "commands/command_table.h"
#include "commands/list_access.h"
#include "commands/waiting.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// --- BLPOP key [key ...] timeout
void PopOne(CommandContext& ctx, const KeyRef& key, Entry* entry, ListEnd end) {
  List list = List::Of(entry);
  ctx.reply.Array(2);
  ctx.reply.Bulk(key.key);
  ReplyElement(ctx.reply, ListCursor(list, end == ListEnd::kHead ? 0 : list.size() - 1, end));
  PopElements(ctx, key, entry, end, 1);
  ctx.Propagate({end == ListEnd::kHead ? "LPOP" : "RPOP", key.key});
}

constexpr WaitOps kBLPop = {Type::kList, nullptr, [](CommandContext& ctx, const KeyRef& key, Entry* e) { PopOne(ctx, key, e, ListEnd::kHead); }};
constexpr WaitOps kBRPop = {Type::kList, nullptr, [](CommandContext& ctx, const KeyRef& key, Entry* e) { PopOne(ctx, key, e, ListEnd::kTail); }};

// Calls pop(key, entry) for the first of the keys that is there; if none is, waits for all of them.
template <typename Pop>
void PopOrWait(CommandContext& ctx, std::size_t first_key, std::size_t key_count, std::size_t timeout_index, const WaitOps& ops, Pop&& pop) {
  std::int64_t timeout_ms;
  if (!TimeoutArg(ctx, timeout_index, &timeout_ms)) return;
  for (std::size_t i = 0; i < key_count; ++i) {
    KeyRef key = ctx.Key(first_key + i);
    Place place = ctx.FindForWrite(key);
    if (!place) continue;
    if (!ctx.Expect(place, Type::kList)) return;
    return pop(key, place.entry());
  }
  if (!MayWait(ctx)) return ctx.reply.NullArray();
  std::vector<std::size_t> keys(key_count);
  std::iota(keys.begin(), keys.end(), first_key);
  WaitForKeys(ctx, ops, keys, timeout_ms);
}

void BLPop(CommandContext& ctx) {
  PopOrWait(ctx, 1, ctx.argc() - 2, ctx.argc() - 1, kBLPop, [&](const KeyRef& key, Entry* e) { PopOne(ctx, key, e, ListEnd::kHead); });
}
void BRPop(CommandContext& ctx) {
  PopOrWait(ctx, 1, ctx.argc() - 2, ctx.argc() - 1, kBRPop, [&](const KeyRef& key, Entry* e) { PopOne(ctx, key, e, ListEnd::kTail); });
}

// --- BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]
constexpr WaitOps kBLMPop = {Type::kList, nullptr, [](CommandContext& ctx, const KeyRef& key, Entry* e) {
                               MultiPopArgs args;
                               if (args.Parse(ctx, 2)) PopWithKey(ctx, key, e, args.end, args.count);
                             }};

void BLMPop(CommandContext& ctx) {
  MultiPopArgs args;
  if (!args.Parse(ctx, 2)) return;
  PopOrWait(ctx, args.first_key, args.key_count, 1, kBLMPop, [&](const KeyRef& key, Entry* e) { PopWithKey(ctx, key, e, args.end, args.count); });
}

// --- BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout, BRPOPLPUSH source destination timeout
// `served`: on behalf of a client that waited. Redis then writes the words itself, in small letters.
void MoveFrom(CommandContext& ctx, const KeyRef& from_key, Entry* from, ListEnd from_end, ListEnd to_end, bool served) {
  KeyRef to_key = ctx.Key(2);
  Place to = ctx.FindForWrite(to_key);
  if (!ctx.Expect(to, Type::kList)) return;
  MoveElement(ctx, from_key, from, to_key, to.entry(), from_end, to_end);
  if (ctx.command.Is(CommandId::kBrpoplpush)) return ctx.Propagate({"RPOPLPUSH", from_key.key, to_key.key});
  if (!served) return ctx.Propagate({"LMOVE", from_key.key, to_key.key, ctx.arg(3), ctx.arg(4)});
  auto word = [](ListEnd end) { return std::string_view(end == ListEnd::kHead ? "left" : "right"); };
  ctx.Propagate({"LMOVE", from_key.key, to_key.key, word(from_end), word(to_end)});
}

void MoveOrWait(CommandContext& ctx, ListEnd from_end, ListEnd to_end, std::int64_t timeout_ms, const WaitOps& ops) {
  KeyRef from_key = ctx.Key(1);
  Place from = ctx.FindForWrite(from_key);
  if (!ctx.Expect(from, Type::kList)) return;
  if (from) return MoveFrom(ctx, from_key, from.entry(), from_end, to_end, false);
  if (!MayWait(ctx)) return ctx.reply.Null();
  constexpr std::size_t kSource[] = {1};
  WaitForKeys(ctx, ops, kSource, timeout_ms, 2);
}

constexpr WaitOps kBLMove = {Type::kList, nullptr, [](CommandContext& ctx, const KeyRef& key, Entry* e) {
                               ListEnd from, to;
                               if (ListEndArg(ctx, 3, &from) && ListEndArg(ctx, 4, &to)) MoveFrom(ctx, key, e, from, to, true);
                             }};
constexpr WaitOps kBRPopLPush = {
    Type::kList, nullptr, [](CommandContext& ctx, const KeyRef& key, Entry* e) { MoveFrom(ctx, key, e, ListEnd::kTail, ListEnd::kHead, true); }};

void BLMove(CommandContext& ctx) {
  ListEnd from, to;
  std::int64_t timeout_ms;
  if (ListEndArg(ctx, 3, &from) && ListEndArg(ctx, 4, &to) && TimeoutArg(ctx, 5, &timeout_ms)) MoveOrWait(ctx, from, to, timeout_ms, kBLMove);
}

void BRPopLPush(CommandContext& ctx) {
  std::int64_t timeout_ms;
  if (TimeoutArg(ctx, 3, &timeout_ms)) MoveOrWait(ctx, ListEnd::kTail, ListEnd::kHead, timeout_ms, kBRPopLPush);
}

SLOTWISE_COMMANDS(blocking_lists, {"blpop", BLPop}, {"brpop", BRPop}, {"blmpop", BLMPop}, {"blmove", BLMove}, {"brpoplpush", BRPopLPush});

}  // namespace
}  // namespace slotwise
