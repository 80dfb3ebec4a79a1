#include "engine/replica_sync.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/random_hex.h"
#include "base/ticks.h"
#include "base/version.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/saver.h"
#include "keyspace/allocator.h"
#include "log/file_system.h"
#include "snapshot/rdb_file_writer.h"
#include "snapshot/snapshot_pass.h"

namespace slotwise {
namespace {

constexpr int kPollMs = 100;
constexpr std::int64_t kKeepAliveMs = 1000;
constexpr std::size_t kFilePiece = 256 * 1024;

Status FileError(const char* what, std::int64_t error) {
  return Status::Error(static_cast<int>(-error), std::string(what) + ": " + std::strerror(static_cast<int>(-error)));
}

bool Here(const Replica& replica) { return replica.state.load() != Replica::State::kGone; }

}  // namespace

void ReplicaSync::Enqueue(std::shared_ptr<Replica> replica) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (stopping_.load()) return CloseOf(*replica);
  waiting_.push_back(std::move(replica));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  wake_.notify_all();
}

void ReplicaSync::Stop() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (auto& replica : waiting_) CloseOf(*replica);
  waiting_.clear();
}

void ReplicaSync::CloseOf(Replica& replica) {
  if (replica.fd >= 0) close(replica.fd);
  replica.fd = -1;
}

void ReplicaSync::Run() {
  pthread_setname_np(pthread_self(), "slotwise-sync");
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_.load()) {
    std::erase_if(waiting_, [](const auto& replica) {
      if (Here(*replica)) return false;
      CloseOf(*replica);
      return true;
    });
    if (waiting_.empty()) {
      wake_.wait(lock);
      continue;
    }
    Replicas group = Due();
    if (!group.empty() && engine_.saver().ReserveWalk()) {
      for (const auto& replica : group) std::erase(waiting_, replica);
      lock.unlock();
      Serve(std::move(group));
      engine_.saver().ReleaseWalk();
      FlushThreadCache();
      lock.lock();
      continue;
    }
    KeepAlive(nullptr);
    wake_.wait_for(lock, std::chrono::milliseconds(kPollMs));
  }
}

// As Redis: those that want the same as the first; at once, unless more replicas are given time to come.
ReplicaSync::Replicas ReplicaSync::Due() {
  const Config& config = engine_.config();
  Replicas group;
  std::int64_t waited_ms = 0;
  bool streamable = true;
  for (const auto& replica : waiting_) {
    const ReplicaAnnounce& wants = replica->announced;
    const ReplicaAnnounce& first = waiting_[0]->announced;
    if (wants.filtered != first.filtered || wants.functions != first.functions) continue;
    group.push_back(replica);
    waited_ms = std::max(waited_ms, MonotonicMs() - replica->since_ms);
    streamable = streamable && wants.eof;
  }
  const std::int64_t most = config.Int(Directive::kReplDisklessSyncMaxReplicas);
  const bool at_once = !config.Bool(Directive::kReplDisklessSync) || !streamable || (most > 0 && static_cast<std::int64_t>(group.size()) >= most);
  if (!at_once && waited_ms < config.Int(Directive::kReplDisklessSyncDelay) * 1000) group.clear();
  return group;
}

void ReplicaSync::KeepAlive(const Replicas* also) {
  const std::int64_t now_ms = MonotonicMs();
  if (now_ms < next_keepalive_ms_) return;
  next_keepalive_ms_ = now_ms + kKeepAliveMs;
  auto line = [](const std::shared_ptr<Replica>& replica) {
    if (replica->fd >= 0) (void)send(replica->fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  };
  std::for_each(waiting_.begin(), waiting_.end(), line);
  if (also != nullptr) std::for_each(also->begin(), also->end(), line);
}

// The descriptor is the connection's, which does not block: this thread waits here.
bool ReplicaSync::Send(Replica& replica, std::string_view bytes) {
  std::int64_t progress_ms = MonotonicMs();
  const std::int64_t timeout_ms = engine_.config().Int(Directive::kReplTimeout) * 1000;
  while (!bytes.empty()) {
    if (stopping_.load(std::memory_order_relaxed) || !Here(replica) || replica.fd < 0) return false;
    ssize_t n = send(replica.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      replication_.CountSent(static_cast<std::uint64_t>(n));
      progress_ms = MonotonicMs();
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (MonotonicMs() - progress_ms > timeout_ms) {
      engine_.logger().Warn("Disconnecting timedout replica (full sync): " + replica.Name());
      return false;
    }
    pollfd wait{replica.fd, POLLOUT, 0};
    (void)poll(&wait, 1, kPollMs);
  }
  return true;
}

void ReplicaSync::SendToAll(Replicas& group, std::string_view bytes) {
  std::erase_if(group, [&](const auto& replica) {
    if (Send(*replica, bytes)) return false;
    replica->sink->Kill();
    CloseOf(*replica);
    return true;
  });
}

Status ReplicaSync::WriteSnapshot(const Replicas& group, std::uint64_t* offset, RdbFileWriter& writer, const std::function<void()>& begun,
                                  bool keepalive) {
  const RdbEntryOptions options = SnapshotEntryOptions(engine_);
  SnapshotPass pass(engine_.keyspace(), [options](const Entry* entry, std::string& out) { AppendRdbEntry(entry, options, out); });
  int db = 0;
  engine_.BeginSnapshot(pass, [&] { *offset = replication_.AtSnapshot(group, &db); });
  begun();
  const ReplicationHistory history = replication_.info().history;
  Status status = writer.Begin({{"redis-ver", kRedisVersion},
                                {"redis-bits", "64"},
                                {"ctime", std::to_string(engine_.NowMs() / 1000)},
                                {"used-mem", std::to_string(UsedMemory())},
                                {"repl-stream-db", std::to_string(db)},
                                {"repl-id", history.id},
                                {"repl-offset", std::to_string(*offset - replication_.origin_.load())},
                                {"aof-base", "0"}});
  if (!status.ok() || group[0]->announced.filtered) pass.Cancel(status);
  Status walked = pass.Walk([&](int db, std::string_view entries) { return writer.Entries(db, pass.keys(db), pass.expiring(db), entries); },
                            [&](std::uint64_t) {
                              if (stopping_.load(std::memory_order_relaxed)) pass.Cancel(Status::Error(ECANCELED, "the server is shutting down"));
                              std::lock_guard<std::mutex> guard(mutex_);
                              KeepAlive(keepalive ? &group : nullptr);
                            });
  engine_.EndSnapshot(pass);
  if (!walked.ok()) status = walked;
  return status.ok() ? writer.End() : status;
}

void ReplicaSync::Serve(Replicas group) {
  const Config& config = engine_.config();
  const bool streamable = std::all_of(group.begin(), group.end(), [](const auto& replica) { return replica->announced.eof; });
  const bool to_socket = streamable && (config.Bool(Directive::kReplDisklessSync) || group[0]->announced.filtered);
  engine_.logger().Info(std::string("Starting BGSAVE for SYNC with target: ") + (to_socket ? "replicas sockets" : "disk"));
  const Replicas all = group;
  const std::string mark = RandomHex(20);
  std::uint64_t offset = 0;
  auto begun = [&] {
    const std::string line = "+FULLRESYNC " + replication_.info().history.id + " " + std::to_string(offset - replication_.origin_.load()) + "\r\n";
    std::erase_if(group, [&](const auto& replica) {
      bool fine = (!replica->acknowledges || Send(*replica, line)) && (!to_socket || Send(*replica, "$EOF:" + mark + "\r\n"));
      if (fine) return false;
      replica->sink->Kill();
      CloseOf(*replica);
      return true;
    });
  };
  Status status;
  const std::string path = config.Str(Directive::kDir) + "/temp-sync-" + std::to_string(getpid()) + ".rdb";
  if (to_socket) {
    RdbFileWriter writer(
        [&](std::string_view bytes) {
          SendToAll(group, bytes);
          return group.empty() ? Status::Error(EPIPE, "no replica is left to send it to") : Status::Ok();
        },
        config.Bool(Directive::kRdbchecksum));
    status = WriteSnapshot(all, &offset, writer, begun, false);
    if (status.ok()) SendToAll(group, mark);
  } else {
    FileSystem& files = PosixFiles();
    std::unique_ptr<File> file;
    int error = files.Open(path, OpenMode::kCreateTruncate, &file);
    if (error < 0) status = FileError("Failed opening the temp RDB file for replication", error);
    if (status.ok()) {
      RdbFileWriter writer(
          [&](std::string_view bytes) {
            while (!bytes.empty()) {
              std::int64_t n = file->Append(bytes);
              if (n <= 0) return FileError("Write error saving DB on disk", n < 0 ? n : -ENOSPC);
              bytes.remove_prefix(static_cast<std::size_t>(n));
            }
            return Status::Ok();
          },
          config.Bool(Directive::kRdbchecksum));
      status = WriteSnapshot(all, &offset, writer, begun, true);
      file.reset();
      if (status.ok()) status = SendFile(group, path);
    }
    files.Unlink(path);
  }
  if (!status.ok()) engine_.logger().Error("SYNC failed: " + status.message());
  for (auto& replica : group) {
    if (!status.ok()) {
      replica->sink->Kill();
    } else {
      engine_.logger().Info("Synchronization with replica " + replica->Name() + " succeeded");
      replication_.SnapshotSent(*replica, to_socket);
    }
    CloseOf(*replica);
  }
}

Status ReplicaSync::SendFile(Replicas& group, const std::string& path) {
  std::unique_ptr<File> file;
  if (int error = PosixFiles().Open(path, OpenMode::kRead, &file); error < 0) return FileError("Can't open the RDB for replication", error);
  const std::int64_t size = file->Size();
  for (const auto& replica : group) {
    Replica::State saving = Replica::State::kSaving;
    replica->state.compare_exchange_strong(saving, Replica::State::kSending);
  }
  SendToAll(group, "$" + std::to_string(size) + "\r\n");
  std::vector<char> piece(kFilePiece);
  for (std::int64_t at = 0; at < size && !group.empty();) {
    std::int64_t n = file->ReadAt(static_cast<std::uint64_t>(at), piece.data(), piece.size());
    if (n <= 0) return FileError("Read error sending the RDB to replicas", n < 0 ? n : -EIO);
    SendToAll(group, {piece.data(), static_cast<std::size_t>(n)});
    at += n;
  }
  return Status::Ok();
}

}  // namespace slotwise
