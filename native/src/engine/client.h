// What the engine knows of one client: a network connection, an embedded caller, or the AOF loader. Owned by one thread;
// only the fields marked so may be touched from others.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "keyspace/watch_list.h"

namespace slotwise {

struct AclAccount;
class AclUser;
struct Command;
struct ClientTracking;
class ClientRecord;
struct Replica;
struct ReplicaAnnounce;
class OutBuffer;
class Waiter;

// A command waiting for EXEC; arguments are copies.
struct QueuedCommand {
  const Command* command;
  std::vector<std::string> args;
};

// kLoader: the log of this server; kPrimary: the stream of the one it follows. Both say what has happened already.
enum class ClientKind : std::uint8_t { kNormal, kEmbedded, kLoader, kPrimary };
enum class ReplyMode : std::uint8_t { kOn, kOff, kSkip, kSkipNext };

// Delivers something to a client from any thread (pub/sub messages, CLIENT KILL). Implemented by the connection.
class ClientSink {
 public:
  virtual ~ClientSink() = default;
  // `resp2`/`resp3`: the same message in both protocols; the owner of the client picks one when it appends it. It leaves when
  // the log's promise has reached `gate`; 0: nothing to wait for.
  virtual void Push(std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3, std::uint64_t gate) = 0;
  virtual void Kill() = 0;
  // The client waited for a key and has been answered (engine/blocking.h). Called without locks.
  virtual void Unblocked(std::shared_ptr<Waiter> /*waiter*/) {}
  // CLIENT TRACKING: as Push, but a client that speaks RESP2 gets it only while it is subscribed to something.
  virtual void PushInvalidation(std::shared_ptr<const std::string> /*resp2*/, std::shared_ptr<const std::string> /*resp3*/, std::uint64_t /*gate*/) {}
  // The slots of some channels that the client listens to are not served here any more (engine/cluster.h).
  virtual void SlotsLost() {}
  // The client is a replica, and there is more to send to it.
  virtual void LogGrew() {}
  // Appends at once what was pushed and still waits for the owner, who calls this while it executes the client's command.
  virtual void WritePushes(OutBuffer& /*out*/, int /*protocol*/) {}
};

struct Client {
  std::uint64_t id = 0;
  ClientKind kind = ClientKind::kNormal;
  std::string address;        // "127.0.0.1:51234", "/tmp/redis.sock:0"
  std::string local_address;
  std::string name;
  std::string lib_name;
  std::string lib_version;
  int fd = -1;
  int db = 0;
  int protocol = 2;
  bool authenticated = false;
  bool close_after_reply = false;
  std::int64_t hold_replies_until_ms = 0;  // AUTH: nothing is sent, read or executed until then; 0: nothing to wait for
  bool unix_socket = false;
  bool no_evict = false;
  bool no_touch = false;
  bool readonly = false;            // READONLY: reads of the primary's slots are welcome on a replica
  bool asking = false;              // ASKING: the next command may be for a slot that is being imported
  bool control = false;             // the control plane itself
  bool monitor = false;             // sees every command (engine/monitor_feed.h)
  ReplyMode reply_mode = ReplyMode::kOn;
  std::int64_t created_ms = 0;
  std::int64_t last_interaction_ms = 0;
  const Command* last_command = nullptr;

  // Access (engine/access_control.h). While free_epoch is the present epoch, everything is allowed.
  std::uint64_t free_epoch = 0;                // 0: never
  std::uint64_t acl_epoch = 0;                 // of `rules`
  std::shared_ptr<const AclUser> rules;
  std::shared_ptr<AclAccount> account;         // who it is; null: nobody has asked yet

  // MULTI.
  bool in_multi = false;
  bool multi_failed = false;        // a command was refused while queueing: EXEC answers EXECABORT
  std::vector<QueuedCommand> queue;
  std::size_t queue_bytes = 0;
  bool queue_writes = false;        // some queued command may write
  bool queue_denies_oom = false;

  // WATCH. `watch` is shared with the lists of the stripes; watched names what to take out again.
  std::shared_ptr<WatchState> watch;
  struct Watched { int db; std::string key; };
  std::vector<Watched> watched;
  std::size_t watched_bytes = 0;    // what they take, here and in the lists

  // Blocking commands. `waiter`: what the last command waits for; its owner executes nothing of the client until that has
  // ended. Only clients with a sink may wait.
  bool may_wait = false;
  std::shared_ptr<Waiter> waiter;

  // Pub/sub: this client's side of the registry (engine/pubsub.h). Empty for almost everybody.
  struct Subscriptions {
    std::set<std::string, std::less<>> channels;
    std::set<std::string, std::less<>> patterns;
    std::set<std::string, std::less<>> shard_channels;
    std::size_t bytes = 0;          // what they take, here and in the registry
    std::size_t count() const { return channels.size() + patterns.size(); }
    bool empty() const { return count() + shard_channels.size() == 0; }
  };
  std::unique_ptr<Subscriptions> subscriptions;
  bool subscribed() const { return subscriptions && !subscriptions->empty(); }

  std::shared_ptr<ClientTracking> tracking;  // engine/tracking.h; null until CLIENT TRACKING was on

  // Replication: what it said about itself, and what it is once it has asked for the stream (engine/replication.h).
  std::shared_ptr<ReplicaAnnounce> announce;
  std::shared_ptr<Replica> replica;
  std::uint64_t role = 0;           // kPrimary: it is obeyed while this server is in this role (Replication::Obeys)

  // SLOTWISE.STALENESS: on a replica reads are answered only if what it has is provably not older; 0: no such limit. Set by
  // Replication::SetStaleness.
  std::int64_t max_staleness_ms = 0;

  // For messages from other threads; outlives the connection, which empties it when it closes.
  std::shared_ptr<ClientSink> sink;
  // What others may see of this client (engine/client_registry.h); null unless it is a connection.
  std::shared_ptr<ClientRecord> record;

  // The log offset that everything answered so far depends on; replies wait for Promise() to reach it.
  std::uint64_t gate = 0;
};

}  // namespace slotwise
