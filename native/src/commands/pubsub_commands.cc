// Pub/sub commands. Confirmations are pushes: a RESP3 client tells them from replies by their type, and they come even
// after CLIENT REPLY OFF.
// Order: once a client is told that it has unsubscribed, no message of that channel follows, since a RESP2 client would
// take it for a reply. So messages that wait for the client's thread are written first.
// Source: Redis 7.0 command documentation. Elsewhere: delivery (engine/pubsub.h).
#include "commands/pubsub_commands.h"

#include "commands/container_help.h"
#include "engine/access_control.h"
#include "engine/control_desk.h"
#include "engine/engine.h"
#include "engine/pubsub.h"
#include "engine/replication.h"
#include "engine/thread_state.h"

namespace slotwise {
namespace {

struct Words {
  const char* subscribe;
  const char* unsubscribe;
};
constexpr Words kWords[] = {
    {"subscribe", "unsubscribe"}, {"psubscribe", "punsubscribe"}, {"ssubscribe", "sunsubscribe"}};

// Sharded channels are counted apart.
std::int64_t SubscriptionCount(const Client& client, SubscriptionKind kind) {
  if (!client.subscriptions) return 0;
  const Client::Subscriptions& s = *client.subscriptions;
  return static_cast<std::int64_t>(kind == SubscriptionKind::kShardChannel ? s.shard_channels.size() : s.count());
}

void Confirm(CommandContext& ctx, SubscriptionKind kind, const char* what, const std::string_view* name) {
  ReplyWriter push(*ctx.thread.client_out, ctx.client.protocol);
  push.Push(3);
  push.Bulk(what);
  if (name != nullptr) push.Bulk(*name);
  else push.Null();
  push.Integer(SubscriptionCount(ctx.client, kind));
}

template <SubscriptionKind kKind>
void Subscribe(CommandContext& ctx) {
  // Who has nowhere to receive messages cannot wait for them; sharded channels cannot be joined half-way through EXEC.
  if (!ctx.client.sink || (kKind == SubscriptionKind::kShardChannel && ctx.inside_exec())) {
    std::string name(ctx.command.full_name());
    for (char& c : name) c = static_cast<char>(c - 32);
    return ctx.Error("ERR " + name + " isn't allowed for a DENY BLOCKING client");
  }
  for (std::size_t i = 1; i < ctx.argc(); ++i) {
    ctx.engine.pubsub().Subscribe(ctx.client, kKind, ctx.arg(i));
    Confirm(ctx, kKind, kWords[static_cast<int>(kKind)].subscribe, &ctx.args[i]);
  }
  // The user may have lost the channel since it was checked, and then nobody else closes this connection.
  if (!ctx.engine.acl().MayKeepSubscriptions(ctx.client)) ctx.client.close_after_reply = true;
}

template <SubscriptionKind kKind>
void Unsubscribe(CommandContext& ctx) {
  PubSub& pubsub = ctx.engine.pubsub();
  const char* what = kWords[static_cast<int>(kKind)].unsubscribe;
  auto leave = [&](std::string_view name) {
    if (pubsub.Unsubscribe(ctx.client, kKind, name)) WriteWaitingPushes(ctx);
    Confirm(ctx, kKind, what, &name);
  };
  if (ctx.argc() > 1) {
    for (std::size_t i = 1; i < ctx.argc(); ++i) leave(ctx.arg(i));
    return;
  }
  std::vector<std::string> names;
  if (ctx.client.subscriptions) {
    auto& own = PubSub::NamesOf(*ctx.client.subscriptions, kKind);
    names.assign(own.begin(), own.end());
  }
  for (const std::string& name : names) leave(name);
  if (names.empty()) Confirm(ctx, kKind, what, nullptr);
}

// A message leaves when what its publisher did and saw before is promised. Inside EXEC that is the whole transaction, so it
// is sent when the log has it; only the publisher's own output, which waits anyway, has it at once.
template <bool kShard>
std::int64_t PublishLater(CommandContext& ctx) {
  PubSub& pubsub = ctx.engine.pubsub();
  std::int64_t receivers = kShard ? pubsub.ShardReceiverCount(ctx.arg(1)) : pubsub.ReceiverCount(ctx.arg(1));
  if (receivers == 0) return 0;
  PendingEvent& e = ctx.thread.events.emplace_back();
  e.kind = kShard ? PendingEvent::Kind::kShardMessage : PendingEvent::Kind::kMessage;
  e.channel = ctx.arg(1);
  e.message = ctx.arg(2);
  if (!ctx.client.subscribed()) return receivers;
  e.told_already = ctx.client.id;
  WriteWaitingPushes(ctx);
  if (kShard) PubSub::WriteOwnShard(ctx.client, ctx.arg(1), ctx.arg(2), *ctx.thread.client_out);
  else PubSub::WriteOwn(ctx.client, ctx.arg(1), ctx.arg(2), *ctx.thread.client_out);
  return receivers;
}

template <bool kShard>
void Publish(CommandContext& ctx) {
  // Replicas have subscribers of their own. An append-only file has none, and holds messages only while it is their stream.
  // In a cluster the bus carries them.
  if (ctx.engine.cluster() != nullptr) ctx.engine.control().Published(ctx.arg(1), ctx.arg(2), kShard);
  else if (ctx.engine.replication().active()) ctx.Propagate(ctx.args);
  if (ctx.inside_exec()) return ctx.reply.Integer(PublishLater<kShard>(ctx));
  PubSub& pubsub = ctx.engine.pubsub();
  std::int64_t receivers = kShard ? pubsub.PublishShard(ctx.arg(1), ctx.arg(2), ctx.client.gate) : pubsub.Publish(ctx.arg(1), ctx.arg(2), ctx.client.gate);
  // A publisher that listens too sees its message before the reply, behind whatever others published before it.
  if (receivers > 0 && ctx.client.subscribed()) WriteWaitingPushes(ctx);
  ctx.reply.Integer(receivers);
}

template <SubscriptionKind kKind>
void ListNames(CommandContext& ctx) {
  if (ctx.argc() > 3) {
    return ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + std::string(ctx.arg(1)) + "'. Try PUBSUB HELP.");
  }
  std::optional<std::string_view> pattern;
  if (ctx.argc() == 3) pattern = ctx.arg(2);
  std::vector<std::string> names = ctx.engine.pubsub().Names(kKind, pattern);
  ctx.reply.Array(static_cast<std::int64_t>(names.size()));
  for (const std::string& name : names) ctx.reply.Bulk(name);
}

template <SubscriptionKind kKind>
void CountSubscribers(CommandContext& ctx) {
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc() - 2) * 2);
  for (std::size_t i = 2; i < ctx.argc(); ++i) {
    ctx.reply.Bulk(ctx.arg(i));
    ctx.reply.Integer(static_cast<std::int64_t>(ctx.engine.pubsub().SubscriberCount(kKind, ctx.arg(i))));
  }
}

void CountPatterns(CommandContext& ctx) {
  ctx.reply.Integer(static_cast<std::int64_t>(ctx.engine.pubsub().NameCount(SubscriptionKind::kPattern)));
}

}  // namespace

void WriteWaitingPushes(CommandContext& ctx) {
  if (ctx.client.sink) ctx.client.sink->WritePushes(*ctx.thread.client_out, ctx.client.protocol);
}

void LeavePubSub(CommandContext& ctx) {
  if (!ctx.client.subscribed()) return;
  ctx.engine.pubsub().RemoveAll(ctx.client);
  WriteWaitingPushes(ctx);
}

SLOTWISE_COMMANDS(pubsub, {"subscribe", Subscribe<SubscriptionKind::kChannel>},
                  {"psubscribe", Subscribe<SubscriptionKind::kPattern>},
                  {"ssubscribe", Subscribe<SubscriptionKind::kShardChannel>},
                  {"unsubscribe", Unsubscribe<SubscriptionKind::kChannel>},
                  {"punsubscribe", Unsubscribe<SubscriptionKind::kPattern>},
                  {"sunsubscribe", Unsubscribe<SubscriptionKind::kShardChannel>}, {"publish", Publish<false>},
                  {"spublish", Publish<true>}, {"pubsub|channels", ListNames<SubscriptionKind::kChannel>},
                  {"pubsub|shardchannels", ListNames<SubscriptionKind::kShardChannel>},
                  {"pubsub|numsub", CountSubscribers<SubscriptionKind::kChannel>},
                  {"pubsub|shardnumsub", CountSubscribers<SubscriptionKind::kShardChannel>},
                  {"pubsub|numpat", CountPatterns}, {"pubsub|help", ReplyContainerHelp});

}  // namespace slotwise
