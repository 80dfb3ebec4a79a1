// Pub/sub: who listens to which channel or pattern, and handing messages to them.
//
// Publishing finds the subscribers of the channel under the lock of the channel's shard and pushes one shared, encoded
// message to the sink of each; matching patterns follow under the same lock, so that all subscribers see the messages
// of a channel in one order. Pushing never blocks on a socket: sinks are mailboxes.
// Keyspace notifications come in with stripes held, so nothing here may take a stripe. While nobody listens to
// anything, Publish is one load.
// A client's own list (Client::subscriptions) is the other side of the registry, touched by its owner only.
// Sharded channels (SSUBSCRIBE) are a name space of their own; without a cluster they differ in nothing else.
// Messages carry the log offset that they depend on (ClientSink::Push).
// Source: Redis pub/sub documentation. Elsewhere: the commands (commands/pubsub_commands.cc).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/futex_lock.h"
#include "engine/client.h"

namespace slotwise {

struct Command;
class OutBuffer;

enum class SubscriptionKind : std::uint8_t { kChannel, kPattern, kShardChannel };

class PubSub {
 public:
  PubSub() = default;
  PubSub(const PubSub&) = delete;
  PubSub& operator=(const PubSub&) = delete;

  // The client's own thread; the client has a sink. False if it was (not) subscribed before.
  bool Subscribe(Client& client, SubscriptionKind kind, std::string_view name);
  // No message for the name is pushed after this returned.
  bool Unsubscribe(Client& client, SubscriptionKind kind, std::string_view name);
  // Everything at once: RESET, and when the client goes.
  void RemoveAll(Client& client);

  // Any thread. Returns how many deliveries there were; a client with several matching patterns counts for each. The messages
  // leave when the log's promise has reached `gate`. `except`: the id of a client that has seen it.
  std::int64_t Publish(std::string_view channel, std::string_view message, std::uint64_t gate, std::uint64_t except = 0);
  std::int64_t PublishShard(std::string_view channel, std::string_view message, std::uint64_t gate, std::uint64_t except = 0);
  // What the two would return.
  std::int64_t ReceiverCount(std::string_view channel) const;
  std::int64_t ShardReceiverCount(std::string_view channel) const;
  // The messages that the two would push to this client. The client's own thread.
  static void WriteOwn(const Client& client, std::string_view channel, std::string_view message, OutBuffer& out);
  static void WriteOwnShard(const Client& client, std::string_view channel, std::string_view message, OutBuffer& out);
  // To any channel or pattern, sharded channels aside.
  bool anybody_listens() const {
    return channels_.names.load(std::memory_order_acquire) > 0 || pattern_names_.load(std::memory_order_acquire) > 0;
  }

  // Names with at least one subscriber.
  std::size_t NameCount(SubscriptionKind kind) const;
  std::vector<std::string> Names(SubscriptionKind kind, std::optional<std::string_view> pattern) const;  // not for kPattern
  std::size_t SubscriberCount(SubscriptionKind kind, std::string_view name) const;        // not for kPattern

  // Who listens to any sharded channel of which `which` says so; each once.
  std::vector<std::shared_ptr<ClientSink>> ShardSubscribers(const std::function<bool(std::string_view)>& which) const;

  // visit(kind, name, ids of its subscribers), with a lock held: it must not come back here.
  using SubscriberVisitor = std::function<void(SubscriptionKind, std::string_view, std::span<const std::uint64_t>)>;
  void ForEachSubscriber(const SubscriberVisitor& visit) const;

  // The names of this kind that the client is subscribed to.
  static std::set<std::string, std::less<>>& NamesOf(Client::Subscriptions& subscriptions, SubscriptionKind kind);

 private:
  // By client id. Leaving is as frequent as coming, so no list.
  using Subscribers = std::map<std::uint64_t, std::shared_ptr<ClientSink>>;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const;
  };
  using Topics = std::unordered_map<std::string, Subscribers, Hash, std::equal_to<>>;

  struct Directory {
    static constexpr std::size_t kShardCount = 32;
    struct alignas(64) Shard {
      mutable FutexLock lock;
      Topics topics;
    };
    Shard& Of(std::string_view name) { return shards[Hash{}(name) % kShardCount]; }
    const Shard& Of(std::string_view name) const { return shards[Hash{}(name) % kShardCount]; }
    std::array<Shard, kShardCount> shards;
    std::atomic<std::size_t> names{0};
  };

  void Add(const Client& client, SubscriptionKind kind, std::string_view name);
  void Remove(const Client& client, SubscriptionKind kind, std::string_view name);
  Directory& Of(SubscriptionKind kind) { return kind == SubscriptionKind::kChannel ? channels_ : shard_channels_; }
  const Directory& Of(SubscriptionKind kind) const { return kind == SubscriptionKind::kChannel ? channels_ : shard_channels_; }

  Directory channels_;
  Directory shard_channels_;
  mutable std::shared_mutex patterns_mutex_;  // after a shard's lock
  std::map<std::string, Subscribers, std::less<>> patterns_;
  std::atomic<std::size_t> pattern_names_{0};
};

// What a RESP2 client may call while it is subscribed: its replies could not be told from messages otherwise.
bool AllowedWhileSubscribed(const Command& command);

}  // namespace slotwise
