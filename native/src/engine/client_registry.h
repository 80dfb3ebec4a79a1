// All network clients of the engine, as others may see them: CLIENT LIST, CLIENT KILL, INFO.
//
// A Client belongs to one thread and changes without locks. What other threads may know of it is its ClientRecord: the
// owner copies the fields that change into atomics once a turn (Refresh), everybody else reads those. So a list shows each
// client as it was at the end of its last turn, which is also when its replies left.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/client.h"
#include "engine/client_pause.h"

namespace slotwise {

// What only the connection knows. Bytes unless the name says otherwise.
struct ConnectionNumbers {
  std::uint32_t input = 0;             // qbuf: received and not executed
  std::uint32_t input_free = 0;        // qbuf-free
  std::uint32_t argument_memory = 0;   // argv-mem: what is parsed of an incomplete command
  std::uint64_t output = 0;            // replies not sent
  std::uint32_t output_chunk_count = 0;
  std::uint64_t output_memory = 0;
  bool wants_write = false;            // waits until the socket takes more
  bool waits = false;                  // for a key, or for the end of a CLIENT PAUSE
};

class ClientRecord {
 public:
  // Bits of flags(), with the letters that CLIENT LIST prints for them.
  enum Flag : std::uint32_t {
    kPubsub = 1u << 0,           // P
    kMulti = 1u << 1,            // x
    kDirtyWatch = 1u << 2,       // d
    kCloseAfterReply = 1u << 3,  // c
    kUnixSocket = 1u << 4,       // U
    kNoEvict = 1u << 5,          // e
    kWantsWrite = 1u << 6,       // events=rw
    kBlocked = 1u << 7,          // b, behind x
    kMonitor = 1u << 8,          // O
    kTracking = 1u << 9,         // t
    kBrokenRedirect = 1u << 10,  // R
    kTrackingBcast = 1u << 11,   // B
    kReplica = 1u << 12,         // S
    kReadonly = 1u << 13,        // r
  };

  explicit ClientRecord(const Client& client);

  // The owner's thread.
  void Refresh(const Client& client, const ConnectionNumbers& numbers);
  void SetName(std::string_view name);
  void SetAccount(std::shared_ptr<const AclAccount> account);

  // Any thread.
  std::uint64_t id() const { return id_; }
  const std::string& address() const { return address_; }
  const std::string& local_address() const { return local_address_; }
  std::uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
  bool replica() const { return (flags() & kReplica) != 0; }
  bool pubsub() const { return (flags() & kPubsub) != 0; }
  ClientSink* sink() const { return sink_.get(); }
  const std::shared_ptr<ClientSink>& shared_sink() const { return sink_; }
  std::shared_ptr<const AclAccount> account() const;
  // One line of CLIENT LIST, newline included.
  void AppendLine(std::int64_t now_ms, std::string* out) const;
  std::uint64_t memory() const;
  bool no_evict() const { return (flags() & (kNoEvict | kReplica)) != 0; }

 private:
  friend class ClientRegistry;
  std::mutex count_mutex_;  // a leaf; guards changes of the next two
  std::atomic<std::int64_t> counted_{0};  // what of memory() the registry has in its sums; -1: it has gone
  std::atomic<bool> counted_evictable_{false};

  const std::uint64_t id_;
  const int fd_;
  const std::int64_t created_ms_;
  const std::string address_;
  const std::string local_address_;
  const std::shared_ptr<ClientSink> sink_;

  std::atomic<const Command*> last_command_{nullptr};
  std::atomic<std::int64_t> last_interaction_ms_{0};
  std::atomic<std::uint32_t> flags_{0};
  std::atomic<std::int32_t> db_{0};
  std::atomic<std::int32_t> protocol_{2};
  std::atomic<std::int64_t> redirect_{-1};  // of CLIENT TRACKING; -1: not tracking
  std::atomic<std::int32_t> queued_{-1};  // commands in MULTI; -1 outside
  std::atomic<std::uint32_t> queued_memory_{0};
  std::atomic<std::uint64_t> listener_memory_{0};  // watched keys, subscriptions, tracked prefixes
  std::atomic<std::uint32_t> channels_{0};
  std::atomic<std::uint32_t> patterns_{0};
  std::atomic<std::uint32_t> shard_channels_{0};
  std::atomic<std::int64_t> staleness_{0};  // max_staleness_ms
  std::atomic<std::uint32_t> input_{0};
  std::atomic<std::uint32_t> input_free_{0};
  std::atomic<std::uint32_t> argument_memory_{0};
  std::atomic<std::uint32_t> output_chunks_{0};
  std::atomic<std::uint64_t> output_{0};
  std::atomic<std::uint64_t> output_memory_{0};
  mutable std::mutex name_mutex_;
  std::string name_;
  std::shared_ptr<const AclAccount> account_;
};

class ClientRegistry {
 public:
  // Gives the client its record. Its id, addresses, fd, creation time and sink are set by then.
  void Add(Client& client);
  void Remove(const Client& client) { Remove(client.id); }

  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  std::shared_ptr<ClientRecord> Find(std::uint64_t id) const;
  // In order of id, which is the order of connecting. A copy: clients may leave meanwhile.
  std::vector<std::shared_ptr<ClientRecord>> All() const;
  // Closes the connection soon, and takes it off the list at once. False if it is gone already.
  bool Kill(std::uint64_t id);

  ClientPause& pause() { return pause_; }

  // The sum of what all clients take, as of the end of their last turns. Count: after each Refresh, by the owner.
  std::int64_t memory() const { return memory_.load(std::memory_order_relaxed); }
  // The same of those that may be disconnected: all but who said CLIENT NO-EVICT ON.
  std::int64_t evictable_memory() const { return evictable_.load(std::memory_order_relaxed); }
  void Count(ClientRecord& record);
  // maxmemory-clients: disconnects the largest clients until the rest take no more than `limit`. Returns whom, for whoever
  // logs it.
  std::vector<std::shared_ptr<ClientRecord>> EvictLargest(std::uint64_t limit);

 private:
  bool Remove(std::uint64_t id);
  void CountAs(ClientRecord& record, std::int64_t memory, bool evictable);
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<ClientRecord>> records_;
  std::atomic<std::size_t> count_{0};
  std::atomic<std::int64_t> memory_{0};
  std::atomic<std::int64_t> evictable_{0};
  ClientPause pause_;
};

}  // namespace slotwise
