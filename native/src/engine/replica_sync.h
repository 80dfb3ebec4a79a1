// Full resyncs: one walk over the data set (snapshot/snapshot_pass.h) for all replicas that wait for one, sent as it is made
// to those that can take a snapshot of unknown length, else through a temporary file. On a thread that lives from the first
// replica on and is the only one to write to the sockets of replicas that are not online: answers, snapshots, and the empty
// lines by which one that waits knows that somebody is there.
// The slowest replica of a walk sets its pace; one that takes nothing for repl-timeout is cut off.
// Source: spec replication.md section 5. Elsewhere: who is a replica (replication.h).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/status.h"
#include "engine/replica.h"

namespace slotwise {

class Engine;
class RdbFileWriter;
class Replication;

class ReplicaSync {
 public:
  ReplicaSync(Engine& engine, Replication& replication) : engine_(engine), replication_(replication) {}
  ~ReplicaSync() { Stop(); }
  ReplicaSync(const ReplicaSync&) = delete;
  ReplicaSync& operator=(const ReplicaSync&) = delete;

  void Enqueue(std::shared_ptr<Replica> replica);
  // Gives up what is under way and waits for its end. Idempotent, for good.
  void Stop();

 private:
  using Replicas = std::vector<std::shared_ptr<Replica>>;
  void Run();
  // Those that the next walk is for, if it is due; they are still waiting.
  Replicas Due();
  void Serve(Replicas group);
  Status WriteSnapshot(const Replicas& group, std::uint64_t* offset, RdbFileWriter& writer, const std::function<void()>& begun, bool keepalive);
  Status SendFile(Replicas& group, const std::string& path);
  bool Send(Replica& replica, std::string_view bytes);
  void SendToAll(Replicas& group, std::string_view bytes);
  void KeepAlive(const Replicas* also);  // those that wait, whose lock is held, and these
  static void CloseOf(Replica& replica);

  Engine& engine_;
  Replication& replication_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // guards waiting_ and thread_
  std::condition_variable wake_;
  Replicas waiting_;
  std::thread thread_;
  std::int64_t next_keepalive_ms_ = 0;  // the thread's
};

}  // namespace slotwise
