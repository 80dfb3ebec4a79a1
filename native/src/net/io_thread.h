// An I/O thread: an epoll loop whose turn is: read from every ready connection, parse and execute in batches across
// connections, write the log once, send every reply. It sleeps in epoll_wait when there is nothing to do, never spins.
//
// Why the whole turn is phased: executing 32 or more commands together lets the cache misses of all their keys overlap
// (hash and prefetch buckets, prefetch entries, execute), and one write(2) of the log and one send a connection serve
// them all. Fairness: a connection is read once a turn, at most kReadSize (more only within one big argument).
#pragma once
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "net/connection.h"
#include "net/descriptor_reserve.h"
#include "net/socket.h"

namespace slotwise {

class Server;
class Waiter;

class IoThread {
 public:
  IoThread(Server& server, Engine& engine, int index);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  Status Start();
  void AddListener(const Listener& listener);  // before Start
  // While it runs, from any thread: these and no others; it closes those that are no longer among them.
  void SetListeners(std::vector<Listener> listeners);
  void StopAndJoin();

  // From any thread.
  void Adopt(int fd, bool unix_socket, const std::string& local);     // takes over an accepted socket
  // Leaves when the log's promise has reached `gate`. `only_subscribed`: a RESP2 client gets it only while it is subscribed to
  // something.
  void Post(std::uint64_t connection_id, std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3, std::uint64_t gate,
            bool only_subscribed);
  void PostUnblocked(std::uint64_t connection_id, std::shared_ptr<Waiter> waiter);
  void PostSlotsLost(std::uint64_t connection_id);
  void Kill(std::uint64_t connection_id);
  // On the thread itself, while it executes a command of the connection.
  void WritePushes(std::uint64_t connection_id, OutBuffer& out, int protocol);
  void Wake();
  void WakeIfGated() {
    if (has_gated_.load(std::memory_order_seq_cst)) Wake();
  }
  std::size_t connection_count() const { return connection_count_.load(std::memory_order_relaxed); }
  static IoThread* Current();
  Connection* FindConnection(std::uint64_t id);
  Engine& engine() { return engine_; }

 private:
  static constexpr std::size_t kReadSize = 16 * 1024;
  static constexpr std::size_t kBigReadSize = 1024 * 1024;
  static constexpr std::size_t kArenaSize = 1024 * 1024;
  static constexpr std::size_t kBatchMax = 64;

  struct Message {
    enum class Kind : std::uint8_t { kPush, kKill, kUnblocked, kAdopt, kListeners, kSlotsLost } kind;
    std::uint64_t connection_id = 0;
    std::shared_ptr<const std::string> resp2;
    std::shared_ptr<const std::string> resp3;
    int fd = -1;
    bool unix_socket = false;
    std::string local;
    std::shared_ptr<const std::vector<Listener>> listeners = nullptr;
    std::shared_ptr<Waiter> waiter = nullptr;
    std::uint64_t gate = 0;
    bool only_subscribed = false;
    void WriteTo(Client& client, OutBuffer& out, int protocol) const;
  };
  struct Pending {
    Connection* connection;
    std::uint32_t first_arg;
    std::uint32_t argc;
    std::string_view wire;  // its bytes in the input
  };

  void Run();
  void Turn(int timeout_ms);
  void Accept(const Listener& listener);
  void PauseAccepting(const std::string& why);
  void WatchListeners();
  void ReplaceListeners(const std::vector<Listener>& listeners);
  void AddConnection(int fd, bool unix_socket, const std::string& local);
  void ReadFrom(Connection* c);
  static void GrowInput(Connection* c, std::size_t missing);
  // Parses everything in `data`; returns how many bytes were taken. `stable`: the bytes stay where they are this turn.
  std::size_t ParseAll(Connection* c, const char* data, std::size_t size);
  void RunBatch();
  void FinishTurn();
  void Answered(Connection* c);  // has output to send this turn
  void SendReplies(Connection* c, std::uint64_t promise);
  void CountWrites(const Connection::Gate& gate, std::int64_t waited_us);
  void CheckOutputLimits(Connection* c);
  void RefreshRecord(Connection* c);
  bool EvictClients();  // whether any had to go
  void CloseSoon(Connection* c, const char* why, bool lingers = false);
  void Destroy(Connection* c);
  void Linger(Connection* c);
  void DiscardInput(Connection* c);
  void ArmWrite(Connection* c, bool on);
  void Housekeeping();
  int TimeoutMs() const;

  // io_thread_lease.cc.
  std::uint64_t Role() const;
  // What the lease of a node of a cluster makes of the replies of a connection.
  struct Leave {
    bool closed = false;        // the connection is gone
    std::uint64_t promise = 0;  // what may leave
    std::uint64_t gate = 0;     // what this turn's replies wait for
    std::uint64_t role = 0;     // as Connection::Gate's, of this turn's replies
  };
  void NoteTold(Connection* c, const Command* command, std::uint64_t role) const;
  Leave WithinLease(Connection* c, std::uint64_t promise);
  void GiveUp(Connection* c);

  // io_thread_mailbox.cc.
  static void SetCurrent(IoThread* thread);
  std::shared_ptr<ClientSink> MakeSink(std::uint64_t connection_id);
  void SendMessage(Message message);
  void DrainMailbox();
  bool TakeMail();
  void HandleMessage(Message& message);

  // io_thread_replicas.cc.
  void AfterReplicaCommand(Connection* c);
  void FeedReplicas();
  bool FeedReplica(Connection* c, std::uint64_t end);
  void ForgetReplica(Connection* c);

  // io_thread_waiting.cc.
  void Hold(Connection* c, std::span<const std::string_view> args);
  void ResumePaused();
  void RunHeld(Connection* c);
  void BeginWait(Connection* c);
  void EndWait(Connection* c, Waiter& waiter);
  void EndTimedOut();
  void HoldReplies(Connection* c);
  void ReleaseReplies();
  void StopWaiting(Connection* c);
  int WaitingTimeoutMs(int ms) const;
  bool HoldsSlots() const;  // some slots are being handed over

  Server& server_;
  Engine& engine_;
  const int index_;
  ThreadState* state_ = nullptr;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> wake_pending_{false};
  std::atomic<bool> has_gated_{false};
  std::vector<Listener> listeners_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::atomic<std::size_t> connection_count_{0};

  // The turn.
  std::unique_ptr<char[]> arena_;
  std::size_t arena_used_ = 0;
  std::vector<std::string_view> args_;           // of the batch
  std::vector<Pending> batch_;
  std::vector<Connection*> unquoted_;             // whose inline words the batch refers to
  std::vector<PreparedCommand> prepared_;
  std::vector<Connection*> answered_;
  std::vector<Connection*> gated_;
  std::vector<Connection*> dead_;
  std::vector<Connection*> replicas_;
  bool replicas_behind_ = false;                  // they wait for the log's promise
  std::vector<Connection*> paused_;
  std::vector<Connection*> holding_;              // answers to AUTH that are held back
  std::set<std::pair<std::int64_t, std::uint64_t>> deadlines_;  // of those who wait for a key: MonotonicMs() and id
  std::int64_t last_housekeeping_ms_ = 0;
  std::int64_t accept_paused_until_ms_ = 0;
  DescriptorReserve descriptor_reserve_;
  bool descriptors_short_ = false;                // when it last accepted
  bool needs_clock_ = false;                      // soft limits or unauthenticated clients are being timed

  std::mutex mailbox_mutex_;
  std::vector<Message> mailbox_;
  std::vector<Message> mailbox_swap_;
};

}  // namespace slotwise
