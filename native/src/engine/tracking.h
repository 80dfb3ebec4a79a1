// CLIENT TRACKING: telling clients that what they may hold in a cache of their own has changed.
//
// Two ways. A client that tracks what it reads is noted beside the keys, in the stripe and under its lock, by the command
// that reads them; the next change of a key tells everybody who is noted there, and forgets them. A client that tracks by
// prefix (BCAST) hears of every change; the keys that a command changed are collected by its thread and sent when it ends.
// So no change can slip between a read and its note, and nothing of this is on the way while nobody tracks: reads look at
// Engine::observers, writes at Stripe::listeners and Engine::broadcasts.
//
// Messages to the client that runs the command come after its reply (SendOwn), those of others go to their mailboxes once the
// log has the change (pending_event.h). RESP2
// knows no pushes: such a client gets messages only through another one (REDIRECT) that is subscribed to something.
// Source: Redis 7.0 client-side caching documentation and its replies.
// Elsewhere: the commands (commands/client_tracking.cc), who is noted where (keyspace/tracked_keys.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/client.h"

namespace slotwise {

class ClientRegistry;
class Keyspace;
class OutBuffer;
struct Stripe;
struct ThreadState;

// A client as those see it who invalidate for it, from any thread. Lives as long as anybody refers to it.
class TrackedClient {
 public:
  TrackedClient(std::uint64_t id, std::shared_ptr<ClientSink> sink) : id(id), sink(std::move(sink)) {}
  const std::uint64_t id;
  const std::shared_ptr<ClientSink> sink;
  std::atomic<bool> on{false};
  std::atomic<bool> bcast{false};
  std::atomic<bool> noloop{false};
  std::atomic<bool> broken_redirect{false};
  std::atomic<std::uint64_t> redirect{0};  // another client's id; 0: none
};

// What the client's own thread keeps of it (Client::tracking).
struct ClientTracking {
  std::shared_ptr<TrackedClient> shared;
  bool optin = false;
  bool optout = false;
  bool caching = false;  // CLIENT CACHING was given for the next command
  std::set<std::string, std::less<>> prefixes;
  std::size_t prefix_bytes = 0;  // what they take, here and in the registry
  bool on() const { return shared->on.load(std::memory_order_relaxed); }
  // Whether the keys of the command under way are to be noted.
  bool NotesKeys() const {
    return on() && !shared->bcast.load(std::memory_order_relaxed) && (!optin || caching) && (!optout || !caching);
  }
};

// What a thread has still to send when its command ends.
struct PendingInvalidations {
  std::vector<std::optional<std::string>> own;  // keys for the client of the command; nullopt: all keys
  std::map<std::string, std::uint64_t> changed; // for those who track by prefix: the client that changed it last, 0: nobody
};

struct TrackingOptions {
  bool bcast = false;
  bool optin = false;
  bool optout = false;
  bool noloop = false;
  std::uint64_t redirect = 0;
  std::vector<std::string> prefixes;
};

class Tracking {
 public:
  // `bit` of `observers` is set while any client tracks, `broadcasts` while any tracks by prefix.
  Tracking(ClientRegistry& clients, std::atomic<std::uint32_t>& observers, std::uint32_t bit, std::atomic<bool>& broadcasts)
      : clients_(clients), observers_(observers), bit_(bit), broadcasts_(broadcasts) {}

  // The client's own thread; the client has a sink.
  void Enable(Client& client, const TrackingOptions& options);
  void Disable(Client& client);

  // The stripe is held.
  void Note(Stripe& stripe, const std::shared_ptr<TrackedClient>& client, std::string_view key);
  enum class Why : std::uint8_t {
    kCommand,  // the client of the thread's command changed the key
    kNobody,   // it expired or was evicted
    kNoRoom,   // it did not change, but is forgotten
  };
  void KeyChanged(ThreadState& thread, Stripe& stripe, std::string_view key, Why why);
  // Every stripe is held: nobody's keys are worth anything any more.
  void AllChanged(ThreadState& thread, Keyspace& keyspace);

  // No stripe is held. What is pending for prefixes; it leaves when the log's promise has reached `gate`.
  void SendBroadcasts(ThreadState& thread, OutBuffer* own_out, int own_protocol, std::uint64_t gate);
  // What is pending for the client of the command, `out` is its output, whose own gate covers it.
  void SendOwn(ThreadState& thread, TrackedClient& client, OutBuffer& out, int protocol, std::uint64_t gate);
  // Null if it does not track.
  std::shared_ptr<TrackedClient> Find(std::uint64_t client_id) const;
  // Forgets keys until no more than `max_keys` are noted (0: any number), or it took long enough; the next call then tries
  // harder.
  void Limit(ThreadState& thread, Keyspace& keyspace, std::uint64_t max_keys);

  std::uint64_t client_count() const { return client_count_.load(std::memory_order_relaxed); }
  std::uint64_t key_count() const { return static_cast<std::uint64_t>(keys_.load(std::memory_order_relaxed)); }
  std::uint64_t item_count() const { return static_cast<std::uint64_t>(items_.load(std::memory_order_relaxed)); }
  std::size_t prefix_count() const;

 private:
  struct Payload;
  void LeavePrefixes(ClientTracking& tracking);
  struct Route;
  void Send(TrackedClient& client, const Payload& payload, const Route& route);

  ClientRegistry& clients_;
  std::atomic<std::uint32_t>& observers_;
  const std::uint32_t bit_;
  std::atomic<bool>& broadcasts_;
  std::atomic<std::int64_t> keys_{0};
  std::atomic<std::int64_t> items_{0};
  std::atomic<std::uint64_t> client_count_{0};
  std::atomic<std::uint32_t> failed_limits_{0};

  // Leaves: taken with stripes held, nothing is taken under them but the registry's lock.
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<TrackedClient>> tracking_;                                    // all that are on
  std::map<std::string, std::map<std::uint64_t, std::shared_ptr<TrackedClient>>, std::less<>> prefixes_;
};

}  // namespace slotwise
