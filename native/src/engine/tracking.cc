#include "engine/tracking.h"

#include "engine/client_registry.h"
#include "engine/thread_state.h"
#include "keyspace/keyspace.h"
#include "keyspace/tracked_keys.h"

namespace slotwise {
namespace {

void AppendBulk(std::string_view bytes, std::string* out) {
  *out += '$';
  *out += std::to_string(bytes.size());
  *out += "\r\n";
  *out += bytes;
  *out += "\r\n";
}

using Text = std::shared_ptr<const std::string>;

const Text& Nothing() {
  static const Text nothing = std::make_shared<const std::string>();
  return nothing;
}

PendingInvalidations& PendingOf(ThreadState& thread) {
  if (!thread.invalidations) thread.invalidations = std::make_shared<PendingInvalidations>();
  return *thread.invalidations;
}

}  // namespace

// One message in both protocols; RESP2 has it as a message of a channel.
struct Tracking::Payload {
  Text resp2, resp3;

  // Of a RESP array of keys.
  static Payload Of(std::string_view keys2, std::string_view keys3) {
    Payload p;
    p.resp2 = std::make_shared<const std::string>("*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n" + std::string(keys2));
    p.resp3 = std::make_shared<const std::string>(">2\r\n$10\r\ninvalidate\r\n" + std::string(keys3));
    return p;
  }
  static Payload Key(std::string_view key) {
    std::string array = "*1\r\n";
    AppendBulk(key, &array);
    return Of(array, array);
  }
  static Payload AllKeys() { return Of("$-1\r\n", "_\r\n"); }
  // Empty if there is no key.
  static std::optional<Payload> Changed(const std::map<std::string, std::uint64_t>& changed, std::string_view prefix, std::uint64_t not_by) {
    std::string keys;
    std::size_t n = 0;
    for (auto it = changed.lower_bound(std::string(prefix)); it != changed.end() && it->first.starts_with(prefix); ++it) {
      if (not_by != 0 && it->second == not_by) continue;
      AppendBulk(it->first, &keys);
      ++n;
    }
    if (n == 0) return std::nullopt;
    std::string array = "*" + std::to_string(n) + "\r\n" + keys;
    return Of(array, array);
  }
};

// Where a message goes.
struct Tracking::Route {
  OutBuffer* own_out = nullptr;                  // the client is the one whose command runs here, and this is its output
  int own_protocol = 0;
  std::vector<PendingEvent>* events = nullptr;   // of a thread whose change the log has not got yet
  std::uint64_t gate = 0;                        // without `events`: what the message waits for
};

void Tracking::Enable(Client& client, const TrackingOptions& options) {
  if (!client.tracking) {
    client.tracking = std::make_shared<ClientTracking>();
    client.tracking->shared = std::make_shared<TrackedClient>(client.id, client.sink);
  }
  ClientTracking& tracking = *client.tracking;
  TrackedClient& shared = *tracking.shared;
  std::lock_guard<std::mutex> guard(mutex_);
  tracking.optin = options.optin;
  tracking.optout = options.optout;
  shared.redirect.store(options.redirect, std::memory_order_relaxed);
  shared.broken_redirect.store(false, std::memory_order_relaxed);
  shared.noloop.store(options.noloop, std::memory_order_relaxed);
  shared.bcast.store(options.bcast, std::memory_order_relaxed);
  if (options.bcast) {
    for (const std::string& prefix : options.prefixes) {
      prefixes_[prefix].emplace(client.id, tracking.shared);
      if (tracking.prefixes.insert(prefix).second) tracking.prefix_bytes += 2 * prefix.size() + 256;
    }
    broadcasts_.store(true, std::memory_order_relaxed);
  }
  shared.on.store(true, std::memory_order_relaxed);
  tracking_.emplace(client.id, tracking.shared);
  client_count_.store(tracking_.size(), std::memory_order_relaxed);
  observers_.fetch_or(bit_, std::memory_order_relaxed);
}

void Tracking::LeavePrefixes(ClientTracking& tracking) {
  for (const std::string& prefix : tracking.prefixes) {
    auto it = prefixes_.find(prefix);
    if (it == prefixes_.end()) continue;
    it->second.erase(tracking.shared->id);
    if (it->second.empty()) prefixes_.erase(it);
  }
  tracking.prefixes.clear();
  tracking.prefix_bytes = 0;
  broadcasts_.store(!prefixes_.empty(), std::memory_order_relaxed);
}

// The keys it is noted for stay noted until they change: finding them would take longer than skipping it then.
void Tracking::Disable(Client& client) {
  if (!client.tracking || !client.tracking->on()) return;
  ClientTracking& tracking = *client.tracking;
  std::lock_guard<std::mutex> guard(mutex_);
  LeavePrefixes(tracking);
  tracking.optin = tracking.optout = tracking.caching = false;
  for (std::atomic<bool>* flag : {&tracking.shared->on, &tracking.shared->bcast, &tracking.shared->noloop, &tracking.shared->broken_redirect}) {
    flag->store(false, std::memory_order_relaxed);
  }
  tracking_.erase(client.id);
  client_count_.store(tracking_.size(), std::memory_order_relaxed);
  if (tracking_.empty()) observers_.fetch_and(~bit_, std::memory_order_relaxed);
}

void Tracking::Note(Stripe& stripe, const std::shared_ptr<TrackedClient>& client, std::string_view key) {
  if (!stripe.tracked) stripe.tracked = std::make_unique<TrackedKeys>();
  bool new_key;
  if (stripe.tracked->Add(key, client, &new_key)) items_.fetch_add(1, std::memory_order_relaxed);
  if (!new_key) return;
  keys_.fetch_add(1, std::memory_order_relaxed);
  stripe.CountListeners();
}

void Tracking::KeyChanged(ThreadState& thread, Stripe& stripe, std::string_view key, Why why) {
  if (why != Why::kNoRoom && broadcasts_.load(std::memory_order_relaxed)) {
    PendingOf(thread).changed[std::string(key)] = why == Why::kCommand ? thread.client_id : 0;
  }
  if (!stripe.tracked || stripe.tracked->size() == 0) return;
  TrackedKeys::Clients clients = stripe.tracked->Take(key);
  if (clients.empty()) return;
  keys_.fetch_sub(1, std::memory_order_relaxed);
  items_.fetch_sub(static_cast<std::int64_t>(clients.size()), std::memory_order_relaxed);
  stripe.CountListeners();
  std::optional<Payload> payload;
  for (const std::shared_ptr<TrackedClient>& client : clients) {
    if (!client->on.load(std::memory_order_relaxed) || client->bcast.load(std::memory_order_relaxed)) continue;
    bool own = client->id == thread.client_id;
    if (own && client->noloop.load(std::memory_order_relaxed)) continue;
    if (own) {
      PendingOf(thread).own.emplace_back(key);
      continue;
    }
    if (!payload) payload = Payload::Key(key);
    Route route;
    if (why != Why::kNoRoom) route.events = &thread.events;
    Send(*client, *payload, route);
  }
}

void Tracking::AllChanged(ThreadState& thread, Keyspace& keyspace) {
  for (int i = 0; i < kStripeCount; ++i) {
    Stripe& stripe = keyspace.StripeAt(i);
    if (!stripe.tracked) continue;
    stripe.tracked.reset();
    stripe.CountListeners();
  }
  keys_.store(0, std::memory_order_relaxed);
  items_.store(0, std::memory_order_relaxed);
  std::vector<std::shared_ptr<TrackedClient>> clients;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    for (auto& [id, client] : tracking_) clients.push_back(client);
  }
  for (const std::shared_ptr<TrackedClient>& client : clients) {
    if (client->id == thread.client_id) PendingOf(thread).own.emplace_back(std::nullopt);
    else Send(*client, Payload::AllKeys(), {.events = &thread.events});
  }
}

void Tracking::Send(TrackedClient& client, const Payload& payload, const Route& route) {
  auto post = [&](const std::shared_ptr<ClientSink>& sink, const Text& resp2, const Text& resp3) {
    if (route.events == nullptr) return sink->PushInvalidation(resp2, resp3, route.gate);
    route.events->push_back({PendingEvent::Kind::kInvalidation, {}, {}, 0, sink, resp2, resp3});
  };
  auto push = [&](const Text& resp2, const Text& resp3) {
    if (route.own_out == nullptr) post(client.sink, resp2, resp3);
    else if (route.own_protocol == 3) route.own_out->Append(*resp3);
  };
  std::uint64_t redirect = client.redirect.load(std::memory_order_relaxed);
  if (redirect == 0) return push(Nothing(), payload.resp3);
  if (std::shared_ptr<ClientRecord> target = clients_.Find(redirect)) return post(target->shared_sink(), payload.resp2, payload.resp3);
  client.broken_redirect.store(true, std::memory_order_relaxed);
  push(Nothing(), std::make_shared<const std::string>(">2\r\n$21\r\ntracking-redir-broken\r\n:" + std::to_string(redirect) + "\r\n"));
}

void Tracking::SendBroadcasts(ThreadState& thread, OutBuffer* own_out, int own_protocol, std::uint64_t gate) {
  if (!thread.invalidations || thread.invalidations->changed.empty()) return;
  std::map<std::string, std::uint64_t> changed;
  changed.swap(thread.invalidations->changed);
  std::lock_guard<std::mutex> guard(mutex_);
  for (auto& [prefix, clients] : prefixes_) {
    std::optional<Payload> all = Payload::Changed(changed, prefix, 0);
    if (!all) continue;
    for (auto& [id, client] : clients) {
      bool own = id == thread.client_id;
      const Route route{.own_out = own ? own_out : nullptr, .own_protocol = own_protocol, .gate = gate};
      if (!client->noloop.load(std::memory_order_relaxed)) Send(*client, *all, route);
      else if (auto others = Payload::Changed(changed, prefix, id)) Send(*client, *others, route);
    }
  }
}

std::shared_ptr<TrackedClient> Tracking::Find(std::uint64_t client_id) const {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = tracking_.find(client_id);
  return it == tracking_.end() ? nullptr : it->second;
}

void Tracking::SendOwn(ThreadState& thread, TrackedClient& client, OutBuffer& out, int protocol, std::uint64_t gate) {
  if (!thread.invalidations) return;
  for (const std::optional<std::string>& key : thread.invalidations->own) {
    Send(client, key ? Payload::Key(*key) : Payload::AllKeys(), {.own_out = &out, .own_protocol = protocol, .gate = gate});
  }
  thread.invalidations->own.clear();
}

void Tracking::Limit(ThreadState& thread, Keyspace& keyspace, std::uint64_t max_keys) {
  if (max_keys == 0 || key_count() <= max_keys) {
    if (failed_limits_.load(std::memory_order_relaxed) != 0) failed_limits_.store(0, std::memory_order_relaxed);
    return;
  }
  std::uint32_t effort = 100 * (failed_limits_.load(std::memory_order_relaxed) + 1);
  auto at = static_cast<int>(thread.random.Below(kStripeCount));
  int idle = 0;  // stripes in a row without a key
  while (effort > 0 && idle < kStripeCount) {
    Stripe& stripe = keyspace.StripeAt(at);
    {
      std::lock_guard<FutexLock> guard(stripe.lock);
      if (stripe.tracked && stripe.tracked->size() > 0) {
        idle = 0;
        --effort;
        KeyChanged(thread, stripe, stripe.tracked->Any(), Why::kNoRoom);
      } else {
        ++idle;
      }
    }
    if (key_count() <= max_keys) return failed_limits_.store(0, std::memory_order_relaxed);
    at = (at + 1) % kStripeCount;
  }
  failed_limits_.fetch_add(1, std::memory_order_relaxed);
}

std::size_t Tracking::prefix_count() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return prefixes_.size();
}

}  // namespace slotwise
