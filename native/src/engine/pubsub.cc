#include "engine/pubsub.h"

#include <algorithm>
#include <mutex>
#include <span>

#include "base/glob.h"
#include "base/hash.h"
#include "commands/command_table.h"
#include "resp/out_buffer.h"

namespace slotwise {
namespace {

// One message in both protocols, which differ in their first byte only: an array, and a push. Encoded when the first
// subscriber is found.
class Message {
 public:
  explicit Message(std::span<const std::string_view> parts) : parts_(parts) {}
  void SendTo(const std::map<std::uint64_t, std::shared_ptr<ClientSink>>& subscribers, std::uint64_t gate, std::uint64_t except) {
    if (!resp2_) Encode();
    for (auto& [id, sink] : subscribers) {
      if (id != except) sink->Push(resp2_, resp3_, gate);
    }
  }
  void AppendTo(OutBuffer& out, int protocol) {
    Encode();
    out.Append(protocol == 3 ? *resp3_ : *resp2_);
  }

 private:
  void Encode() {
    std::size_t size = 16;
    for (std::string_view p : parts_) size += p.size() + 32;
    std::string text;
    text.reserve(size);
    text += "*" + std::to_string(parts_.size()) + "\r\n";
    for (std::string_view p : parts_) {
      text += "$" + std::to_string(p.size()) + "\r\n";
      text += p;
      text += "\r\n";
    }
    resp2_ = std::make_shared<const std::string>(text);
    text[0] = '>';
    resp3_ = std::make_shared<const std::string>(std::move(text));
  }
  std::span<const std::string_view> parts_;
  std::shared_ptr<const std::string> resp2_;
  std::shared_ptr<const std::string> resp3_;
};

}  // namespace

std::size_t PubSub::Hash::operator()(std::string_view s) const {
  static const std::uint64_t seed = ProcessHashSeed();
  return HashBytes(s, seed);
}

std::set<std::string, std::less<>>& PubSub::NamesOf(Client::Subscriptions& subscriptions, SubscriptionKind kind) {
  switch (kind) {
    case SubscriptionKind::kChannel: return subscriptions.channels;
    case SubscriptionKind::kPattern: return subscriptions.patterns;
    case SubscriptionKind::kShardChannel: break;
  }
  return subscriptions.shard_channels;
}

namespace {

// Of one subscription: a node in the client's set, and one in the registry's directory with its own copy of the name.
std::size_t SubscriptionBytes(std::string_view name) { return 2 * name.size() + 192; }

}  // namespace

bool PubSub::Subscribe(Client& client, SubscriptionKind kind, std::string_view name) {
  if (!client.subscriptions) client.subscriptions = std::make_unique<Client::Subscriptions>();
  if (!NamesOf(*client.subscriptions, kind).emplace(name).second) return false;
  client.subscriptions->bytes += SubscriptionBytes(name);
  Add(client, kind, name);
  return true;
}

bool PubSub::Unsubscribe(Client& client, SubscriptionKind kind, std::string_view name) {
  if (!client.subscriptions) return false;
  auto& names = NamesOf(*client.subscriptions, kind);
  auto it = names.find(name);
  if (it == names.end()) return false;
  Remove(client, kind, name);
  client.subscriptions->bytes -= SubscriptionBytes(name);
  names.erase(it);  // last: `name` may be a view of it
  return true;
}

void PubSub::RemoveAll(Client& client) {
  if (!client.subscriptions) return;
  for (SubscriptionKind kind : {SubscriptionKind::kChannel, SubscriptionKind::kPattern, SubscriptionKind::kShardChannel}) {
    auto& names = NamesOf(*client.subscriptions, kind);
    for (const std::string& name : names) Remove(client, kind, name);
    names.clear();
  }
  client.subscriptions->bytes = 0;
}

void PubSub::Add(const Client& client, SubscriptionKind kind, std::string_view name) {
  if (kind == SubscriptionKind::kPattern) {
    std::unique_lock<std::shared_mutex> guard(patterns_mutex_);
    patterns_[std::string(name)].emplace(client.id, client.sink);
    pattern_names_.store(patterns_.size(), std::memory_order_release);
    return;
  }
  Directory& directory = Of(kind);
  Directory::Shard& shard = directory.Of(name);
  std::lock_guard<FutexLock> guard(shard.lock);
  auto [it, is_new] = shard.topics.try_emplace(std::string(name));
  it->second.emplace(client.id, client.sink);
  if (is_new) directory.names.fetch_add(1, std::memory_order_release);
}

void PubSub::Remove(const Client& client, SubscriptionKind kind, std::string_view name) {
  if (kind == SubscriptionKind::kPattern) {
    std::unique_lock<std::shared_mutex> guard(patterns_mutex_);
    auto it = patterns_.find(name);
    if (it == patterns_.end()) return;
    it->second.erase(client.id);
    if (it->second.empty()) patterns_.erase(it);
    pattern_names_.store(patterns_.size(), std::memory_order_release);
    return;
  }
  Directory& directory = Of(kind);
  Directory::Shard& shard = directory.Of(name);
  std::lock_guard<FutexLock> guard(shard.lock);
  auto it = shard.topics.find(name);
  if (it == shard.topics.end()) return;
  it->second.erase(client.id);
  if (!it->second.empty()) return;
  shard.topics.erase(it);
  directory.names.fetch_sub(1, std::memory_order_release);
}

std::int64_t PubSub::Publish(std::string_view channel, std::string_view message, std::uint64_t gate, std::uint64_t except) {
  bool patterns = pattern_names_.load(std::memory_order_acquire) > 0;
  if (!patterns && channels_.names.load(std::memory_order_acquire) == 0) return 0;
  std::int64_t receivers = 0;
  Directory::Shard& shard = channels_.Of(channel);
  // Held to the end, also while patterns are matched: it is what orders the messages of a channel.
  std::lock_guard<FutexLock> guard(shard.lock);
  if (auto it = shard.topics.find(channel); it != shard.topics.end()) {
    const std::string_view parts[] = {"message", channel, message};
    Message encoded(parts);
    encoded.SendTo(it->second, gate, except);
    receivers += static_cast<std::int64_t>(it->second.size());
  }
  if (!patterns) return receivers;
  std::shared_lock<std::shared_mutex> pattern_guard(patterns_mutex_);
  for (auto& [pattern, subscribers] : patterns_) {
    if (!GlobMatch(pattern, channel)) continue;
    const std::string_view parts[] = {"pmessage", pattern, channel, message};
    Message encoded(parts);
    encoded.SendTo(subscribers, gate, except);
    receivers += static_cast<std::int64_t>(subscribers.size());
  }
  return receivers;
}

std::int64_t PubSub::PublishShard(std::string_view channel, std::string_view message, std::uint64_t gate, std::uint64_t except) {
  if (shard_channels_.names.load(std::memory_order_acquire) == 0) return 0;
  Directory::Shard& shard = shard_channels_.Of(channel);
  std::lock_guard<FutexLock> guard(shard.lock);
  auto it = shard.topics.find(channel);
  if (it == shard.topics.end()) return 0;
  const std::string_view parts[] = {"smessage", channel, message};
  Message encoded(parts);
  encoded.SendTo(it->second, gate, except);
  return static_cast<std::int64_t>(it->second.size());
}

std::int64_t PubSub::ReceiverCount(std::string_view channel) const {
  auto receivers = static_cast<std::int64_t>(SubscriberCount(SubscriptionKind::kChannel, channel));
  if (pattern_names_.load(std::memory_order_acquire) == 0) return receivers;
  std::shared_lock<std::shared_mutex> guard(patterns_mutex_);
  for (const auto& [pattern, subscribers] : patterns_) {
    if (GlobMatch(pattern, channel)) receivers += static_cast<std::int64_t>(subscribers.size());
  }
  return receivers;
}

std::int64_t PubSub::ShardReceiverCount(std::string_view channel) const {
  return static_cast<std::int64_t>(SubscriberCount(SubscriptionKind::kShardChannel, channel));
}

void PubSub::WriteOwn(const Client& client, std::string_view channel, std::string_view message, OutBuffer& out) {
  if (!client.subscriptions) return;
  if (client.subscriptions->channels.contains(channel)) {
    const std::string_view parts[] = {"message", channel, message};
    Message(parts).AppendTo(out, client.protocol);
  }
  for (const std::string& pattern : client.subscriptions->patterns) {
    if (!GlobMatch(pattern, channel)) continue;
    const std::string_view parts[] = {"pmessage", pattern, channel, message};
    Message(parts).AppendTo(out, client.protocol);
  }
}

void PubSub::WriteOwnShard(const Client& client, std::string_view channel, std::string_view message, OutBuffer& out) {
  if (!client.subscriptions || !client.subscriptions->shard_channels.contains(channel)) return;
  const std::string_view parts[] = {"smessage", channel, message};
  Message(parts).AppendTo(out, client.protocol);
}

std::size_t PubSub::NameCount(SubscriptionKind kind) const {
  if (kind == SubscriptionKind::kPattern) return pattern_names_.load(std::memory_order_acquire);
  return Of(kind).names.load(std::memory_order_acquire);
}

std::vector<std::string> PubSub::Names(SubscriptionKind kind, std::optional<std::string_view> pattern) const {
  std::vector<std::string> names;
  for (const Directory::Shard& shard : Of(kind).shards) {
    std::lock_guard<FutexLock> guard(shard.lock);
    for (const auto& [name, subscribers] : shard.topics) {
      if (!pattern || GlobMatch(*pattern, name)) names.push_back(name);
    }
  }
  return names;
}

std::size_t PubSub::SubscriberCount(SubscriptionKind kind, std::string_view name) const {
  const Directory::Shard& shard = Of(kind).Of(name);
  std::lock_guard<FutexLock> guard(shard.lock);
  auto it = shard.topics.find(name);
  return it == shard.topics.end() ? 0 : it->second.size();
}

void PubSub::ForEachSubscriber(const SubscriberVisitor& visit) const {
  std::vector<std::uint64_t> ids;
  auto visit_topic = [&](SubscriptionKind kind, std::string_view name, const Subscribers& subscribers) {
    ids.clear();
    for (const auto& [id, sink] : subscribers) ids.push_back(id);
    visit(kind, name, ids);
  };
  for (SubscriptionKind kind : {SubscriptionKind::kChannel, SubscriptionKind::kShardChannel}) {
    for (const Directory::Shard& shard : Of(kind).shards) {
      std::lock_guard<FutexLock> guard(shard.lock);
      for (const auto& [name, subscribers] : shard.topics) visit_topic(kind, name, subscribers);
    }
  }
  std::shared_lock<std::shared_mutex> guard(patterns_mutex_);
  for (const auto& [name, subscribers] : patterns_) visit_topic(SubscriptionKind::kPattern, name, subscribers);
}

std::vector<std::shared_ptr<ClientSink>> PubSub::ShardSubscribers(const std::function<bool(std::string_view)>& which) const {
  Subscribers found;
  for (const Directory::Shard& shard : shard_channels_.shards) {
    std::lock_guard<FutexLock> guard(shard.lock);
    for (const auto& [name, subscribers] : shard.topics) {
      if (which(name)) found.insert(subscribers.begin(), subscribers.end());
    }
  }
  std::vector<std::shared_ptr<ClientSink>> sinks;
  for (auto& [id, sink] : found) sinks.push_back(std::move(sink));
  return sinks;
}

bool AllowedWhileSubscribed(const Command& command) {
  static constexpr CommandId kAllowed[] = {CommandId::kPing,       CommandId::kSubscribe,   CommandId::kUnsubscribe,
                                           CommandId::kPsubscribe, CommandId::kPunsubscribe, CommandId::kSsubscribe,
                                           CommandId::kSunsubscribe, CommandId::kQuit,       CommandId::kReset};
  return std::any_of(std::begin(kAllowed), std::end(kAllowed), [&](CommandId id) { return command.Is(id); });
}

}  // namespace slotwise
