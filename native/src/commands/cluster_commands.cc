// CLUSTER, READONLY, READWRITE, ASKING. What is about keys and slots is answered here, what is about nodes by the control plane.
// Source: Redis 7.0 command documentation. Elsewhere: what a command for somebody else's slot is answered (engine/cluster.h).
#include "commands/command_table.h"
#include "commands/container_help.h"
#include "engine/client.h"
#include "engine/control_desk.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

bool InCluster(CommandContext& ctx) {
  if (ctx.engine.cluster() == nullptr) ctx.Error("ERR This instance has cluster support disabled");
  return ctx.engine.cluster() != nullptr;
}

void Asking(CommandContext& ctx) {
  if (!InCluster(ctx)) return;
  ctx.client.asking = true;
  ctx.reply.Ok();
}

template <bool kOn>
void Readonly(CommandContext& ctx) {
  if (!InCluster(ctx)) return;
  ctx.client.readonly = kOn;
  ctx.reply.Ok();
}

void AskControl(CommandContext& ctx) {
  if (InCluster(ctx)) ctx.engine.control().Ask(ctx);
}

void Help(CommandContext& ctx) {
  if (!InCluster(ctx)) return;
  ReplyContainerHelp(ctx);
}

void KeySlot(CommandContext& ctx) {
  if (InCluster(ctx)) ctx.reply.Integer(HashSlot(ctx.arg(2)));
}

void CountKeysInSlot(CommandContext& ctx) {
  std::int64_t slot;
  if (!InCluster(ctx) || !ctx.IntegerArg(2, &slot)) return;
  if (slot < 0 || slot >= kSlotCount) return ctx.Error("ERR Invalid slot");
  StripeGuard guard(ctx, StripeOf(static_cast<int>(slot)));
  ctx.reply.Integer(static_cast<std::int64_t>(ctx.Db(0).Table(static_cast<int>(slot)).size()));
}

void GetKeysInSlot(CommandContext& ctx) {
  std::int64_t slot, count;
  if (!InCluster(ctx) || !ctx.IntegerArg(2, &slot) || !ctx.IntegerArg(3, &count)) return;
  if (slot < 0 || slot >= kSlotCount || count < 0) return ctx.Error("ERR Invalid slot or number of keys");
  std::vector<std::string> keys;
  {
    StripeGuard guard(ctx, StripeOf(static_cast<int>(slot)));
    const SlotTable& table = ctx.Db(0).Table(static_cast<int>(slot));
    for (std::uint32_t i = 0; i < table.bucket_count() && keys.size() < static_cast<std::size_t>(count); ++i) {
      table.VisitBucket(i, [&](const Entry* e) {
        if (keys.size() < static_cast<std::size_t>(count)) keys.emplace_back(e->key());
      });
    }
  }
  ctx.reply.Array(static_cast<std::int64_t>(keys.size()));
  for (const std::string& key : keys) ctx.reply.Bulk(key);
}

SLOTWISE_COMMANDS(cluster, {"asking", Asking}, {"readonly", Readonly<true>}, {"readwrite", Readonly<false>}, {"cluster|help", Help},
                  {"cluster|keyslot", KeySlot}, {"cluster|countkeysinslot", CountKeysInSlot, LockMode::kSelf},
                  {"cluster|getkeysinslot", GetKeysInSlot, LockMode::kSelf},
                  {"cluster|addslots", AskControl}, {"cluster|addslotsrange", AskControl}, {"cluster|bumpepoch", AskControl},
                  {"cluster|count-failure-reports", AskControl}, {"cluster|delslots", AskControl}, {"cluster|delslotsrange", AskControl},
                  {"cluster|failover", AskControl}, {"cluster|flushslots", AskControl}, {"cluster|forget", AskControl}, {"cluster|info", AskControl},
                  {"cluster|links", AskControl}, {"cluster|meet", AskControl}, {"cluster|myid", AskControl}, {"cluster|nodes", AskControl},
                  {"cluster|replicas", AskControl}, {"cluster|replicate", AskControl}, {"cluster|reset", AskControl}, {"cluster|saveconfig", AskControl},
                  {"cluster|set-config-epoch", AskControl}, {"cluster|setslot", AskControl}, {"cluster|shards", AskControl}, {"cluster|slaves", AskControl},
                  {"cluster|slots", AskControl});

}  // namespace
}  // namespace slotwise
