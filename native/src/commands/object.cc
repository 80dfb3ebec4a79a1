// Looking behind a key: OBJECT. Source: Redis 7.0 command reference. Elsewhere: MEMORY USAGE (memory.cc), DEBUG OBJECT.
#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/container_help.h"
#include "commands/encoding_name.h"
#include "commands/key_access.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// Replies null if the key does not exist.
Place FindOrNull(CommandContext& ctx) {
  Place place = LookWithoutTouch(ctx, ctx.Key(2), /*notify_miss=*/false);
  if (!place) ctx.reply.Null();
  return place;
}

void ObjectEncoding(CommandContext& ctx) {
  if (Place place = FindOrNull(ctx)) ctx.reply.Bulk(EncodingName(place.entry()));
}

// Nothing is shared here. Redis shares the integers 0 to 9999 and answers INT_MAX for them, which its users read as "costs
// nothing": an integer is as cheap here, in its entry.
void ObjectRefcount(CommandContext& ctx) {
  Place place = FindOrNull(ctx);
  if (!place) return;
  const Entry* e = place.entry();
  using P = config_value::MaxmemoryPolicy;
  const auto policy = ctx.engine.config().EnumAs<P>(Directive::kMaxmemoryPolicy);
  const bool by_use = policy == P::kAllkeysLru || policy == P::kVolatileLru || policy == P::kAllkeysLfu || policy == P::kVolatileLfu;
  // Under these Redis shares none, since each needs a clock of its own.
  if (by_use && ctx.engine.config().Bytes(Directive::kMaxmemory) != 0) return ctx.reply.Integer(1);
  bool small = e->type() == Type::kString && e->encoding() == Encoding::kInt && e->int_value() >= 0 && e->int_value() < 10000;
  ctx.reply.Integer(small ? INT32_MAX : 1);
}

void ObjectIdletime(CommandContext& ctx) {
  Place place = FindOrNull(ctx);
  if (!place) return;
  if (ctx.engine.access().lfu.load(std::memory_order_relaxed)) {
    return ctx.Error(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU "
        "and LFU data will take some time to adjust.");
  }
  ctx.reply.Integer(IdleMs(place.entry(), ctx.now_ms) / 1000);
}

void ObjectFreq(CommandContext& ctx) {
  Place place = FindOrNull(ctx);
  if (!place) return;
  if (!ctx.engine.access().lfu.load(std::memory_order_relaxed)) {
    return ctx.Error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at "
        "runtime LRU and LFU data will take some time to adjust.");
  }
  ctx.reply.Integer(LfuCounter(place.entry(), ctx.engine.access(), ctx.now_ms));
}

SLOTWISE_COMMANDS(object, {"object|encoding", ObjectEncoding}, {"object|refcount", ObjectRefcount}, {"object|idletime", ObjectIdletime},
                  {"object|freq", ObjectFreq}, {"object|help", ReplyContainerHelp});

}  // namespace
}  // namespace slotwise
