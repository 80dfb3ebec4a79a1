// The link to this server's primary: one thread with one connection, which does what replication/link.h decides. It connects,
// reads the snapshot into place (replica_load.h), and applies the stream (replica_stream.h). It lives from the first REPLICAOF on.
// Orders come from any thread and are taken between two steps; the latest counts. What is under way for an older one finds that
// it is not obeyed any more (Replication::Obeys) and changes nothing.
// While the disk refuses the log nothing more is read: the primary keeps what is missing.
// Beside it may be a second channel (relay_channel.h); what that has received is applied here (replica_link_relay.cc).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/relay_channel.h"
#include "replication/link.h"

namespace slotwise {

class Engine;
class RelayReader;
class ReplicaStream;
class Replication;

class ReplicaLink {
 public:
  ReplicaLink(Engine& engine, Replication& replication);
  ~ReplicaLink();
  ReplicaLink(const ReplicaLink&) = delete;
  ReplicaLink& operator=(const ReplicaLink&) = delete;

  // `role`: Replication's count, under which this is ordered.
  void Follow(std::string host, int port, std::uint64_t role, bool failover = false) { Give({std::move(host), port, role, failover}); }
  void Unfollow(std::uint64_t role) { Give({{}, 0, role, false}); }
  // This server is about to become a primary: what a relay holds next is applied first. Waits for the thread; no stripe is held.
  void FinishRelay();
  // Before the first of these, if there may be relays of an earlier process.
  void FindRelays() { relay_.Find(); }
  // The same at the start of a primary, on the calling thread.
  void FinishRelayAtStart();
  // For tests of lag: nothing of the stream is read or applied for so long.
  void Pause(std::int64_t ms);
  RelayChannel::Info relay_info() const { return relay_.info(); }
  // For good; waits for the thread.
  void Stop();

  // As of the last step of the thread. Times are MonotonicMs().
  struct Info {
    LinkState state = LinkState::kNone;
    std::int64_t last_io_ms = 0;        // the connection's last byte
    std::int64_t down_since_ms = 0;     // 0: the link is up, or was never
    std::int64_t received = 0;          // slave_read_repl_offset
    bool syncing = false;
    std::int64_t sync_total = 0;        // -1: unknown
    std::int64_t sync_read = 0;
    std::uint64_t bytes_read = 0;       // ever
  };
  Info info() const;
  // What is acknowledged has a new meaning: the primary hears so at once.
  void AcknowledgeSoon();

 private:
  struct Order {
    std::string host;
    int port = 0;
    std::uint64_t role = 0;
    bool failover = false;
  };
  class Snapshot;

  void Give(Order order);
  // The stream has to wait: the disk refuses the log, or somebody said so.
  bool Stalled() const;
  bool HasOrder() const { return has_order_.load(std::memory_order_acquire); }
  void Run();
  void TakeOrder();
  LinkOptions Options() const;
  void Step(LinkEvent event);
  void Perform(Link::Effects effects);
  void Connect();
  void FinishConnect();
  void Close();
  void Send(std::string_view bytes);
  bool SendPending();
  void Acknowledge();
  bool AwaitsFsync() const;
  void ReadLines();
  void ReceiveSnapshot(const LinkEffect& header);
  void TakeRestOfInput();
  void ReadStream();
  void ApplyStream();
  void Wait();
  void Publish();
  // Relays (replica_link_relay.cc).
  void TellRelay(DualChannelEvent::Type type, bool renamed = false);
  void FollowRelay();
  void BeginMerge(const RelaySpan& relay);
  void Merge();
  bool ApplyFrame();
  void TakeOver();
  void EndMerge();
  void ApplyCovering();
  void FinishRelayHere();
  std::int64_t Receive(char* into, std::size_t size);  // bytes; 0: none are there now; -1: failed, and told

  Engine& engine_;
  Replication& replication_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_order_{false};
  std::atomic<bool> acknowledge_soon_{false};
  std::atomic<std::int64_t> paused_until_ms_{0};
  int wake_ = -1;                      // an eventfd
  mutable std::mutex mutex_;           // guards the next six
  std::optional<Order> order_;
  std::thread thread_;
  Info info_;
  bool stopped_ = false;
  bool finish_relay_ = false;          // somebody waits for it
  std::condition_variable relay_finished_;
  RelayChannel relay_;

  // The thread's.
  Link link_;
  std::unique_ptr<ReplicaStream> stream_;
  std::uint64_t role_ = 0;
  bool failover_ = false;
  bool forget_position_ = false;       // what was applied cannot be gone on with: the stream was not understood
  int fd_ = -1;
  bool connecting_ = false;
  bool streaming_ = false;
  bool up_ = false;                    // as Replication was told
  std::int64_t asked_ = 0;             // the offset that the primary asked about last
  std::int64_t told_fsynced_ = 0;      // what it was told to be fsynced here
  std::unique_ptr<RelayReader> merge_; // what is applied, instead of what the connection brings
  bool take_over_ = false;             // and its end stands still
  bool merge_moves_ = false;           // there may be more of it at once
  std::string input_;                  // while lines are read
  std::string output_;
  std::optional<LinkEffect> snapshot_; // is to be received
  std::int64_t last_io_ms_ = 0;
  std::int64_t down_since_ms_ = 0;
  bool syncing_ = false;
  std::int64_t sync_total_ = 0;
  std::int64_t sync_read_ = 0;
  std::uint64_t bytes_read_ = 0;
};

}  // namespace slotwise
