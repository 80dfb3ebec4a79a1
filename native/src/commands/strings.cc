// Setting and getting whole strings: SET and GET and their relatives.
//
// SET without options and GET are the hot path: one lookup, no allocation when the new value has the size of the old
// one (Database::SetString), no copy of a long value on its way out (Blob). Times are made absolute before they reach
// the log, so that a replay does not depend on when it happens.
// Source: Redis 7.0 command reference; what is propagated as what: replication.md, section 11. Elsewhere: parts of
// strings (string_range.cc), numbers (string_counters.cc), bits (bitmaps.cc, bitfield.cc).
#include <iterator>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/string_access.h"
#include "commands/string_options.h"
#include "engine/thread_state.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;
using Options = StringOptions;

// SET and its relatives from where the key is found and all conditions are met.
void Store(CommandContext& ctx, const KeyRef& key, Place place, std::string_view value, std::int64_t expire_at_ms) {
  bool existed = static_cast<bool>(place);
  ctx.Db().SetString(key, place, value, expire_at_ms);
  StringChanged(ctx, key, existed, "set");
}

// As Store, with a time that the client asked for.
void StoreExpiring(CommandContext& ctx, const KeyRef& key, Place place, std::string_view value, std::int64_t at_ms) {
  Store(ctx, key, place, value, at_ms);
  ctx.Notify(kNotifyGeneric, "expire", key.key);
  ctx.Propagate({"SET", key.key, value, "PXAT", IntegerText(at_ms).view()});
}

// SET ... GET without a time is propagated as written, less its GET.
void PropagateWithoutGet(CommandContext& ctx) {
  std::vector<std::string_view> argv(ctx.args.begin(), ctx.args.begin() + 3);
  for (std::size_t i = 3; i < ctx.argc(); ++i) {
    if (!ctx.ArgIs(i, "GET")) argv.push_back(ctx.arg(i));
  }
  ctx.Propagate(argv);
}

void SetWithOptions(CommandContext& ctx) {
  Options options;
  if (!options.Parse(ctx, 3, Options::For::kSet)) return;
  std::int64_t expire_at_ms = kNoExpire;
  bool has_time = options.Has(Options::kTimes);
  if (has_time && !ExpireTimeArg(ctx, options.time_index, options.flags, &expire_at_ms)) return;

  KeyRef key = ctx.Key(1);
  Place place;
  if (options.Has(Options::kGet)) {
    place = ctx.FindForRead(key);
    if (!ctx.Expect(place, Type::kString)) return;
    if (place) ReplyString(ctx.reply, place.entry());
    else ctx.reply.Null();
  } else {
    place = ctx.FindForWrite(key);
  }
  if (options.Has(place ? Options::kNx : Options::kXx)) {
    if (!options.Has(Options::kGet)) ctx.reply.Null();
    return;
  }
  if (has_time) {
    StoreExpiring(ctx, key, place, ctx.arg(2), expire_at_ms);
  } else {
    if (options.Has(Options::kKeepTtl) && place) expire_at_ms = place.entry()->expire_at_ms();
    Store(ctx, key, place, ctx.arg(2), expire_at_ms);
    if (options.Has(Options::kGet)) PropagateWithoutGet(ctx);
  }
  if (!options.Has(Options::kGet)) ctx.reply.Ok();
}

void Set(CommandContext& ctx) {
  if (ctx.argc() > 3) return SetWithOptions(ctx);
  KeyRef key = ctx.Key(1);
  Store(ctx, key, ctx.FindForWrite(key), ctx.arg(2), kNoExpire);
  ctx.reply.Ok();
}

void SetNx(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (place) return ctx.reply.Integer(0);
  Store(ctx, key, place, ctx.arg(2), kNoExpire);
  ctx.reply.Integer(1);
}

void SetExpiring(CommandContext& ctx, unsigned unit) {
  std::int64_t expire_at_ms;
  if (!ExpireTimeArg(ctx, 2, unit, &expire_at_ms)) return;
  KeyRef key = ctx.Key(1);
  StoreExpiring(ctx, key, ctx.FindForWrite(key), ctx.arg(3), expire_at_ms);
  ctx.reply.Ok();
}
void SetEx(CommandContext& ctx) { SetExpiring(ctx, Options::kEx); }
void PSetEx(CommandContext& ctx) { SetExpiring(ctx, Options::kPx); }

// Finds a string for GET and its relatives and replies with it, null or an error. False after an error.
bool FindAndReply(CommandContext& ctx, const KeyRef& key, Place* place) {
  *place = ctx.FindForRead(key);
  if (!ctx.Expect(*place, Type::kString)) return false;
  if (*place) ReplyString(ctx.reply, place->entry());
  else ctx.reply.Null();
  return true;
}

void Get(CommandContext& ctx) {
  Place place;
  FindAndReply(ctx, ctx.Key(1), &place);
}

void GetSet(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place;
  if (!FindAndReply(ctx, key, &place)) return;
  Store(ctx, key, place, ctx.arg(2), kNoExpire);
  ctx.Propagate({"SET", key.key, ctx.arg(2)});
}

// Deletes a key for GETDEL, or for GETEX with a time in the past.
void Delete(CommandContext& ctx, const KeyRef& key, Place place, Directive lazily) {
  ctx.Erase(key, place);
  ctx.Changed(key);
  ctx.Notify(kNotifyGeneric, "del", key.key);
  ctx.Propagate({ctx.engine.config().Bool(lazily) ? "UNLINK" : "DEL", key.key});
}

void GetDel(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place;
  if (!FindAndReply(ctx, key, &place) || !place) return;
  Delete(ctx, key, place, Directive::kLazyfreeLazyUserDel);
}

void GetEx(CommandContext& ctx) {
  Options options;
  if (!options.Parse(ctx, 2, Options::For::kGetEx)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForRead(key);
  if (!place) return ctx.reply.Null();
  if (!ctx.Expect(place, Type::kString)) return;
  std::int64_t expire_at_ms = kNoExpire;
  bool has_time = options.Has(Options::kTimes);
  if (has_time && !ExpireTimeArg(ctx, options.time_index, options.flags, &expire_at_ms)) return;

  ReplyString(ctx.reply, place.entry());
  if (has_time && expire_at_ms <= ctx.now_ms) {
    Delete(ctx, key, place, Directive::kLazyfreeLazyExpire);
  } else if (has_time) {
    ctx.Db().SetExpire(key, place, expire_at_ms);
    ctx.Changed(key);
    ctx.Notify(kNotifyGeneric, "expire", key.key);
    ctx.Propagate({"PEXPIREAT", key.key, IntegerText(expire_at_ms).view()});
  } else if (options.Has(Options::kPersist) && place.entry()->has_expire()) {
    ctx.Db().SetExpire(key, place, kNoExpire);
    ctx.Changed(key);
    ctx.Notify(kNotifyGeneric, "persist", key.key);
    ctx.Propagate({"PERSIST", key.key});
  }
}

void MGet(CommandContext& ctx) {
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc() - 1));
  for (std::size_t i = 1; i < ctx.argc(); ++i) {
    Place place = ctx.FindForRead(ctx.Key(i));
    if (place && place.entry()->type() == Type::kString) ReplyString(ctx.reply, place.entry());
    else ctx.reply.Null();
  }
}

void StorePairs(CommandContext& ctx) {
  for (std::size_t i = 1; i < ctx.argc(); i += 2) {
    KeyRef key = ctx.Key(i);
    Store(ctx, key, ctx.FindForWrite(key), ctx.arg(i + 1), kNoExpire);
  }
}

void MSet(CommandContext& ctx) {
  if (ctx.argc() % 2 == 0) return ctx.WrongArity();
  StorePairs(ctx);
  ctx.reply.Ok();
}

void MSetNx(CommandContext& ctx) {
  if (ctx.argc() % 2 == 0) return ctx.WrongArity();
  for (std::size_t i = 1; i < ctx.argc(); i += 2) {
    if (ctx.FindForWrite(ctx.Key(i))) return ctx.reply.Integer(0);
  }
  StorePairs(ctx);
  ctx.reply.Integer(1);
}

SLOTWISE_COMMANDS(strings, {"set", Set}, {"setnx", SetNx}, {"setex", SetEx}, {"psetex", PSetEx}, {"get", Get},
                  {"getset", GetSet}, {"getdel", GetDel}, {"getex", GetEx}, {"mget", MGet}, {"mset", MSet},
                  {"msetnx", MSetNx});

}  // namespace
}  // namespace slotwise
