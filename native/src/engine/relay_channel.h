// The second channel of semi-sync, the replica's side: a thread with a connection that does what replication/dual_channel.h
// decides. It stands by; when the primary says that this replica lags, it writes what arrives into a relay (log/relay_file.h) and
// acknowledges it, whatever the link's thread is busy with. It lives from the first link on whose primary takes a channel.
// The link's thread (replica_link.h) owns the merging: it applies the relay and takes the connection over.
// Lock order: this mutex is the last.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "log/relay_file.h"
#include "replication/dual_channel.h"

namespace slotwise {

class Engine;

class RelayChannel {
 public:
  // `wake_link`: the link's thread has something to do.
  RelayChannel(Engine& engine, std::function<void()> wake_link);
  ~RelayChannel();
  RelayChannel(const RelayChannel&) = delete;
  RelayChannel& operator=(const RelayChannel&) = delete;

  // --- the link's thread, or who stands in for it.
  // What an earlier process left; once.
  void Find();
  void SetPrimary(const std::string& host, int port);
  void Step(const DualChannelEvent& event);
  // What the link is to do next; in order.
  std::optional<DualChannelEffect> Next();
  // There are relays, so it matters how far the link has come; or it has something to do.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
  std::optional<RelaySpan> Covering(const StreamPosition& position) const;
  // The relay's bytes from its first on.
  std::unique_ptr<RelayReader> Open(const RelaySpan& relay) const;
  // The connection, whose next byte is the one behind the relay's last; -1: it is gone.
  // `unsent`: what has still to be sent on it, first.
  int TakeSocket(std::string* unsent);
  const std::string& name() const { return name_; }
  // For good; waits for the thread.
  void Stop();

  struct Info {
    DualChannel::State state = DualChannel::State::kNone;
    bool merging = false;
    std::size_t relays = 0;
    std::int64_t bytes = 0;
    std::int64_t start = 0, end = 0;  // of the last
  };
  Info info() const;

 private:
  using Lock = std::unique_lock<std::mutex>;

  void Route(DualChannel::Effects effects, bool from_channel);
  void StepHere(DualChannelEvent event);
  DualChannelOptions Options() const;
  void Run();
  void Perform(const DualChannelEffect& effect);
  void Connect();
  void Begin(const RelaySpan& relay, bool durable);
  void Failed(const Status& status);
  void Acknowledge(const RelaySpan& relay);
  void Send(const std::string& text);
  void Close();
  void Read();
  void Lines(std::string_view bytes);
  void Relay(std::string_view bytes);
  void Wait();

  Engine& engine_;
  const std::function<void()> wake_link_;
  const std::string name_;
  const std::string dir_;
  int wake_ = -1;  // an eventfd
  std::atomic<bool> stopping_{false};
  std::atomic<bool> wanted_{false};
  mutable std::mutex mutex_;  // guards the next
  DualChannel machine_;
  std::deque<DualChannelEffect> for_channel_;
  std::deque<DualChannelEffect> for_link_;
  std::string host_;
  int port_ = 0;
  int handed_over_ = -1;
  std::string handed_output_;
  bool found_ = false;
  std::thread thread_;

  // The thread's.
  int fd_ = -1;
  bool connecting_ = false;
  std::unique_ptr<RelayWriter> writer_;
  bool durable_ = false;
  std::int64_t synced_ = -1;  // offset of the last byte that is
  std::string input_;
  std::string output_;
  std::vector<char> room_;
};

const char* RelayStateName(const RelayChannel::Info& info);

}  // namespace slotwise
