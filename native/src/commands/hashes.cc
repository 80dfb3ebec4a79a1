// Hashes: setting, getting and deleting fields, and whole hashes.
//
// Source: Redis 7.0 command reference. Elsewhere: fields as numbers (hash_counters.cc), random fields and scanning
// (hash_sampling.cc), how a hash is stored (values/hash_value.h).
#include <iterator>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/hash_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// HSET and HMSET; the number of new fields, or -1 after an error reply.
std::int64_t SetFields(CommandContext& ctx) {
  if (ctx.argc() % 2 != 0) {
    ctx.WrongArity();
    return -1;
  }
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kHash)) return -1;
  HashValue::Limits limits = HashLimits(ctx);
  HashValue hash = place ? HashValue(place.entry()) : HashValue::Create();
  hash.MakeRoomFor(ctx.args.subspan(2), limits);
  std::int64_t added = 0;
  for (std::size_t i = 2; i < ctx.argc(); i += 2) added += hash.Set(ctx.arg(i), ctx.arg(i + 1), limits);
  StoreHash(ctx, key, place, hash, "hset");
  ctx.MarkDirty(static_cast<std::int64_t>(ctx.argc() - 2) / 2 - 1);
  return added;
}

void HSet(CommandContext& ctx) {
  std::int64_t added = SetFields(ctx);
  if (added >= 0) ctx.reply.Integer(added);
}

void HMSet(CommandContext& ctx) {
  if (SetFields(ctx) >= 0) ctx.reply.Ok();
}

void HSetNx(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kHash)) return;
  ListpackItem old;
  if (place && HashValue(place.entry()).Get(ctx.arg(2), &old)) return ctx.reply.Integer(0);
  HashValue::Limits limits = HashLimits(ctx);
  HashValue hash = place ? HashValue(place.entry()) : HashValue::Create();
  hash.MakeRoomFor(ctx.args.subspan(2), limits);
  hash.Set(ctx.arg(2), ctx.arg(3), limits);
  StoreHash(ctx, key, place, hash, "hset");
  ctx.reply.Integer(1);
}

void ReplyField(CommandContext& ctx, Place place, std::string_view field) {
  ListpackItem value;
  if (place && HashValue(place.entry()).Get(field, &value)) ReplyItem(ctx.reply, value);
  else ctx.reply.Null();
}

void HGet(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (ctx.Expect(place, Type::kHash)) ReplyField(ctx, place, ctx.arg(2));
}

void HMGet(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc()) - 2);
  for (std::size_t i = 2; i < ctx.argc(); ++i) ReplyField(ctx, place, ctx.arg(i));
}

void HDel(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.reply.Integer(0);
  if (!ctx.Expect(place, Type::kHash)) return;
  HashValue hash(place.entry());
  std::int64_t deleted = 0;
  for (std::size_t i = 2; i < ctx.argc() && hash.size() > 0; ++i) deleted += hash.Delete(ctx.arg(i));
  hash.StoreTo(place.entry());
  if (deleted > 0) {
    bool empty = hash.size() == 0;
    if (empty) ctx.Erase(key, place);
    ctx.Changed(key);
    ctx.MarkDirty(deleted - 1);
    ctx.Notify(kNotifyHash, "hdel", key.key);
    if (empty) ctx.Notify(kNotifyGeneric, "del", key.key);
  }
  ctx.reply.Integer(deleted);
}

void HLen(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  ctx.reply.Integer(place ? static_cast<std::int64_t>(HashValue(place.entry()).size()) : 0);
}

void HStrLen(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  ListpackItem value;
  IntScratch scratch;
  bool found = place && HashValue(place.entry()).Get(ctx.arg(2), &value);
  ctx.reply.Integer(found ? static_cast<std::int64_t>(value.View(scratch).size()) : 0);
}

void HExists(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  ListpackItem value;
  ctx.reply.Integer(place && HashValue(place.entry()).Get(ctx.arg(2), &value));
}

void HGetAll(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  if (!place) return ctx.reply.Map(0);
  HashValue hash(place.entry());
  ctx.reply.Map(static_cast<std::int64_t>(hash.size()));
  hash.Visit([&](const ListpackItem& field, const ListpackItem& value) {
    ReplyItem(ctx.reply, field);
    ReplyItem(ctx.reply, value);
  });
}

void ReplyHalf(CommandContext& ctx, bool values) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  if (!place) return ctx.reply.Array(0);
  HashValue hash(place.entry());
  ctx.reply.Array(static_cast<std::int64_t>(hash.size()));
  hash.Visit([&](const ListpackItem& field, const ListpackItem& value) { ReplyItem(ctx.reply, values ? value : field); });
}
void HKeys(CommandContext& ctx) { ReplyHalf(ctx, false); }
void HVals(CommandContext& ctx) { ReplyHalf(ctx, true); }

SLOTWISE_COMMANDS(hashes, {"hset", HSet}, {"hmset", HMSet}, {"hsetnx", HSetNx}, {"hget", HGet}, {"hmget", HMGet}, {"hdel", HDel},
                  {"hlen", HLen}, {"hstrlen", HStrLen}, {"hexists", HExists}, {"hgetall", HGetAll}, {"hkeys", HKeys}, {"hvals", HVals});

}  // namespace
}  // namespace slotwise
