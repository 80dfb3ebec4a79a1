#include "engine/replica_link.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/ticks.h"
#include "engine/copy_lease.h"
#include "engine/engine.h"
#include "engine/failover.h"
#include "engine/peer_socket.h"
#include "engine/position_waits.h"
#include "engine/replica_load.h"
#include "engine/replica_stream.h"
#include "engine/replication.h"
#include "keyspace/allocator.h"
#include "log/log_buffer.h"

namespace slotwise {
namespace {

constexpr std::size_t kLineMax = 1024;
constexpr int kPollMsMax = 1000;
constexpr int kDiskPollMs = 20;
constexpr int kMergePollMs = 10;
constexpr std::int64_t kKeepAliveMs = 1000;
constexpr int kReadsATurn = 16;

}  // namespace

// The snapshot's bytes: what came with the lines before it, then the connection. Waits for them.
class ReplicaLink::Snapshot final : public RdbSource {
 public:
  Snapshot(ReplicaLink& link, std::int64_t length) : link_(link), left_(length < 0 ? INT64_MAX : length), next_alive_ms_(MonotonicMs() + kKeepAliveMs) {}

  std::size_t Read(char* into, std::size_t size) override {
    size = static_cast<std::size_t>(std::min<std::int64_t>(left_, static_cast<std::int64_t>(size)));
    if (size == 0 || !error_.empty()) return 0;
    std::size_t n = std::min(size, link_.input_.size());
    if (n > 0) {
      std::memcpy(into, link_.input_.data(), n);
      link_.input_.erase(0, n);
    } else {
      n = FromConnection(into, size);
    }
    left_ -= static_cast<std::int64_t>(n);
    link_.sync_read_ += static_cast<std::int64_t>(n);
    return n;
  }
  // An empty line a second tells the primary that somebody is there; false: nobody wants the snapshot any more.
  bool Alive() {
    const std::int64_t now_ms = MonotonicMs();
    if (now_ms >= next_alive_ms_) {
      next_alive_ms_ = now_ms + kKeepAliveMs;
      (void)send(link_.fd_, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      link_.Publish();
    }
    return !link_.stopping_.load(std::memory_order_relaxed) && !link_.HasOrder();
  }
  const std::string& error() const { return error_; }

 private:
  std::size_t FromConnection(char* into, std::size_t size) {
    for (const std::int64_t since_ms = MonotonicMs();;) {
      ssize_t n = recv(link_.fd_, into, size, 0);
      if (n > 0) {
        link_.last_io_ms_ = MonotonicMs();
        link_.bytes_read_ += static_cast<std::uint64_t>(n);
        (void)Alive();
        return static_cast<std::size_t>(n);
      }
      if (n == 0) error_ = "the connection was closed";
      else if (errno != EAGAIN && errno != EINTR) error_ = std::strerror(errno);
      else if (!Alive()) error_ = "it is not wanted any more";
      else if (MonotonicMs() - since_ms > link_.engine_.config().Int(Directive::kReplTimeout) * 1000) error_ = "nothing arrived for repl-timeout seconds";
      if (!error_.empty()) return 0;
      pollfd items[2] = {{link_.fd_, POLLIN, 0}, {link_.wake_, POLLIN, 0}};
      (void)poll(items, 2, kPollMsMax / 2);
    }
  }

  ReplicaLink& link_;
  std::int64_t left_;
  std::int64_t next_alive_ms_;
  std::string error_;
};

ReplicaLink::ReplicaLink(Engine& engine, Replication& replication)
    : engine_(engine), replication_(replication), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      relay_(engine, [this] { eventfd_write(wake_, 1); }), link_(engine.NextSeed()) {}

ReplicaLink::~ReplicaLink() {
  Stop();
  close(wake_);
}

void ReplicaLink::Give(Order order) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (stopped_ || (order.host.empty() && !thread_.joinable())) return;
  if (order_ && order_->role > order.role) return;
  order_ = std::move(order);
  has_order_.store(true, std::memory_order_release);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  eventfd_write(wake_, 1);
}

void ReplicaLink::AcknowledgeSoon() {
  acknowledge_soon_.store(true);
  eventfd_write(wake_, 1);
}

void ReplicaLink::Pause(std::int64_t ms) { paused_until_ms_.store(MonotonicMs() + ms); }

bool ReplicaLink::Stalled() const { return !engine_.log().healthy() || MonotonicMs() < paused_until_ms_.load(std::memory_order_relaxed); }

void ReplicaLink::Stop() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    stopped_ = true;
    stopping_.store(true);
    eventfd_write(wake_, 1);
  }
  if (thread_.joinable()) thread_.join();
  relay_.Stop();
}

ReplicaLink::Info ReplicaLink::info() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return info_;
}

void ReplicaLink::Run() {
  pthread_setname_np(pthread_self(), "slotwise-link");
  stream_ = std::make_unique<ReplicaStream>(engine_);
  stream_->on_get_ack = [this] {
    asked_ = replication_.offset();
    Acknowledge();
  };
  while (!stopping_.load()) {
    if (HasOrder()) TakeOrder();
    if (acknowledge_soon_.exchange(false) && streaming_) Acknowledge();
    FinishRelayHere();
    Step({LinkEvent::Type::kTick});
    if (streaming_ && (merge_ || relay_.wanted())) FollowRelay();
    if (merge_) Merge();
    replication_.position_waits().Step();
    if (snapshot_) {
      const LinkEffect header = *std::exchange(snapshot_, std::nullopt);
      ReceiveSnapshot(header);
      continue;
    }
    Publish();
    Wait();
  }
  FinishRelayHere();
  Close();
  stream_.reset();
}

void ReplicaLink::TakeOrder() {
  Order order;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    order = *std::exchange(order_, std::nullopt);
    has_order_.store(false, std::memory_order_release);
  }
  role_ = order.role;
  up_ = false;
  failover_ = order.failover;
  link_.set_options(Options());
  down_since_ms_ = 0;
  relay_.Find();
  relay_.SetPrimary(order.host, order.port);
  TellRelay(order.host.empty() ? DualChannelEvent::Type::kUnfollow : DualChannelEvent::Type::kFollow);
  LinkEvent event{order.host.empty() ? LinkEvent::Type::kUnfollow : LinkEvent::Type::kFollow};
  event.text = order.host;
  event.port = order.port;
  Step(std::move(event));
}

LinkOptions ReplicaLink::Options() const {
  const Config& config = engine_.config();
  LinkOptions options;
  options.timeout_ms = config.Int(Directive::kReplTimeout) * 1000;
  options.user = config.Str(Directive::kMasteruser);
  options.password = config.Str(Directive::kMasterauth);
  options.ip = config.Str(Directive::kReplicaAnnounceIp);
  options.port = config.Int(Directive::kReplicaAnnouncePort);
  if (options.port == 0) options.port = engine_.listening_port();
  if (options.port < 0) options.port = config.Int(Directive::kPort);
  options.failover = failover_;
  if (config.Bool(Directive::kReplSemiSyncDualChannel)) options.channel_name = relay_.name();
  return options;
}

void ReplicaLink::Step(LinkEvent event) { Perform(link_.Step(event, MonotonicMs())); }

void ReplicaLink::Perform(Link::Effects effects) {
  if (const bool up = link_.state() == LinkState::kConnected; up != up_) {
    // Known to everybody before the primary hears of it.
    up_ = up;
    if (up) {
      down_since_ms_ = 0;
      failover_ = false;
    }
    replication_.SetLinkUp(up, role_);
    Publish();
  }
  for (LinkEffect& effect : effects) {
    switch (effect.type) {
      case LinkEffect::Type::kConnect: Connect(); break;
      case LinkEffect::Type::kSend: Send(effect.text); break;
      case LinkEffect::Type::kReceiveSnapshot: snapshot_ = std::move(effect); break;
      case LinkEffect::Type::kContinue:
        stream_->Begin(role_, std::max(0, engine_.log().buffer().TailMark().db));
        if (!replication_.ContinueStream(stream_->client(), effect.id)) break;
        streaming_ = true;
        Acknowledge();
        TellRelay(DualChannelEvent::Type::kLinkUp, !effect.id.empty());
        break;
      case LinkEffect::Type::kAcknowledge: Acknowledge(); break;
      case LinkEffect::Type::kRefused: replication_.failover().TargetRefused(effect.text); break;
      case LinkEffect::Type::kClose: Close(); break;
      case LinkEffect::Type::kInfo: engine_.logger().Info(effect.text); break;
      case LinkEffect::Type::kWarn: engine_.logger().Warn(effect.text); break;
    }
  }
}

// --- the connection -------------------------------------------------------------------------------------------------

void ReplicaLink::Connect() {
  link_.set_options(Options());
  std::string why;
  fd_ = StartConnect(link_.host(), link_.port(), &why);
  if (fd_ < 0) return Step({LinkEvent::Type::kFailed, "Unable to connect to MASTER: " + why});
  connecting_ = true;
}

void ReplicaLink::FinishConnect() {
  if (const int error = slotwise::FinishConnect(fd_); error != 0) {
    return Step({LinkEvent::Type::kFailed, std::string("Error condition on socket for SYNC: ") + std::strerror(error)});
  }
  connecting_ = false;
  if (!forget_position_) ApplyCovering();
  if (fd_ < 0) return;
  LinkEvent event{LinkEvent::Type::kConnected};
  if (!forget_position_) event.position = replication_.Position();
  Step(std::move(event));
}

void ReplicaLink::Close() {
  if (fd_ >= 0) close(fd_);
  EndMerge();
  if (streaming_) {
    down_since_ms_ = MonotonicMs();
    TellRelay(DualChannelEvent::Type::kLinkDown);
  }
  fd_ = -1;
  connecting_ = streaming_ = syncing_ = false;
  snapshot_.reset();
  input_.clear();
  output_.clear();
}

void ReplicaLink::Send(std::string_view bytes) {
  output_ += bytes;
  if (!SendPending()) Step({LinkEvent::Type::kFailed, std::string("Sending to MASTER: ") + std::strerror(errno)});
}

bool ReplicaLink::SendPending() {
  while (!output_.empty()) {
    ssize_t n = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    output_.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

// What is applied, and, if there is an append-only file, what of it is fsynced: the form of Redis 7.2. A primary that does not
// know the second reads no further than the first.
void ReplicaLink::Acknowledge() {
  if (fd_ < 0) return;
  auto bulk = [](const std::string& word) { return "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n"; };
  // Whoever takes the tag away knows afterwards that nothing beyond what it then finds is acknowledged with it.
  std::lock_guard<std::mutex> guard(replication_.copies().tag_mutex());
  const std::string& tag = replication_.copies().tag();
  const std::int64_t fsynced = replication_.info().fsynced;
  std::string words = bulk("REPLCONF") + bulk("ACK") + bulk(std::to_string(replication_.offset()));
  const bool tells = fsynced >= 0 || !tag.empty();
  if (tells) words += bulk("FACK") + bulk(std::to_string(fsynced));
  if (!tag.empty()) words += bulk("TAG") + bulk(tag);
  output_ += (!tag.empty() ? "*7\r\n" : tells ? "*5\r\n" : "*3\r\n") + words;
  told_fsynced_ = fsynced;
  (void)SendPending();  // what fails is noticed by reading
}

// The primary asked, and the fsync of what it asked about is under way.
bool ReplicaLink::AwaitsFsync() const {
  return streaming_ && asked_ > told_fsynced_ && engine_.log().persistent() &&
         engine_.config().EnumAs<config_value::Appendfsync>(Directive::kAppendfsync) == config_value::Appendfsync::kAlways;
}

std::int64_t ReplicaLink::Receive(char* into, std::size_t size) {
  ssize_t n = recv(fd_, into, size, 0);
  if (n > 0) {
    last_io_ms_ = MonotonicMs();
    bytes_read_ += static_cast<std::uint64_t>(n);
    return n;
  }
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  Step({LinkEvent::Type::kFailed, n == 0 ? "the connection was closed" : std::strerror(errno)});
  return -1;
}

void ReplicaLink::ReadLines() {
  char bytes[4096];
  std::int64_t n = Receive(bytes, sizeof bytes);
  if (n <= 0) return;
  input_.append(bytes, static_cast<std::size_t>(n));
  while (fd_ >= 0 && !snapshot_ && !streaming_) {
    const std::size_t end = input_.substr(0, kLineMax).find('\n');
    if (end == std::string::npos) {
      if (input_.size() >= kLineMax) Step({LinkEvent::Type::kFailed, "a line of its answers is too long"});
      return;
    }
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    Step({LinkEvent::Type::kLine, std::move(line)});
  }
  TakeRestOfInput();
}

// What came together with the answer or the snapshot before it.
void ReplicaLink::TakeRestOfInput() {
  while (streaming_ && !input_.empty()) {
    std::span<char> room = stream_->Room();
    const std::size_t n = std::min(room.size(), input_.size());
    std::memcpy(room.data(), input_.data(), n);
    stream_->Received(n);
    input_.erase(0, n);
    ApplyStream();
  }
}

void ReplicaLink::ReceiveSnapshot(const LinkEffect& header) {
  syncing_ = true;
  sync_total_ = header.length;
  sync_read_ = 0;
  Publish();
  stream_->Begin(role_, 0);
  Status status;
  {
    Snapshot source(*this, header.length);
    ReplicaLoad load(engine_, source, header.length, header.mark, [&] { return source.Alive(); });
    status = load.Read();
    if (status.ok()) status = load.Adopt(stream_->thread(), stream_->client(), header.id, header.offset);
    if (status.ok()) {
      stream_->Begin(role_, load.stream_db());
      input_.insert(0, load.rest());
    } else if (!source.error().empty()) {
      status = Status::Error(status.code(), source.error() + " (" + status.message() + ")");
    }
  }
  FlushThreadCache();
  syncing_ = false;
  if (stopping_.load() || HasOrder()) return;
  if (!status.ok()) {
    LinkEvent event{LinkEvent::Type::kFailed, "the snapshot of the MASTER was not taken over: " + status.message()};
    event.costly = true;
    return Step(std::move(event));
  }
  forget_position_ = false;
  streaming_ = true;
  Step({LinkEvent::Type::kSnapshotLoaded});
  if (streaming_) TellRelay(DualChannelEvent::Type::kLinkUp);
  TakeRestOfInput();
}

void ReplicaLink::ReadStream() {
  for (int i = 0; i < kReadsATurn && streaming_ && !merge_ && !HasOrder(); ++i) {
    if (Stalled()) return;
    std::span<char> room = stream_->Room();
    const std::int64_t n = Receive(room.data(), room.size());
    if (n <= 0) return;
    stream_->Received(static_cast<std::size_t>(n));
    ApplyStream();
    if (streaming_ && relay_.wanted()) FollowRelay();
    if (static_cast<std::size_t>(n) < room.size()) return;
  }
}

void ReplicaLink::ApplyStream() {
  const ReplicaStream::Result result = stream_->Apply();
  engine_.log().Flush();
  replication_.WakeFeeders();
  engine_.SendInvalidations(stream_->thread());
  if (result == ReplicaStream::Result::kFine) return Step({LinkEvent::Type::kActivity});
  if (result == ReplicaStream::Result::kNotObeyed) {
    streaming_ = false;  // an order is on its way
    return;
  }
  forget_position_ = true;
  engine_.logger().Error("The replication stream of the MASTER cannot be followed: " + stream_->error());
  LinkEvent event{LinkEvent::Type::kFailed, stream_->error()};
  event.costly = true;
  Step(std::move(event));
}

void ReplicaLink::Wait() {
  const bool stalled = streaming_ && Stalled();
  std::int64_t wait_ms = std::min<std::int64_t>(link_.NextTick() - MonotonicMs(), stalled ? kDiskPollMs : kPollMsMax);
  if (AwaitsFsync()) {
    if (replication_.info().fsynced > told_fsynced_) Acknowledge();
    if (AwaitsFsync()) wait_ms = std::min<std::int64_t>(wait_ms, 1);
  }
  if (merge_) wait_ms = std::min<std::int64_t>(wait_ms, merge_moves_ && !stalled ? 0 : kMergePollMs);
  pollfd items[2] = {{wake_, POLLIN, 0}, {fd_, 0, 0}};
  if (connecting_ || !output_.empty()) items[1].events |= POLLOUT;
  if (!connecting_ && !stalled && !merge_) items[1].events |= POLLIN;
  // While a relay is applied the old connection is neither read nor missed.
  if (poll(items, fd_ >= 0 && (items[1].events != 0 || !merge_) ? 2 : 1, static_cast<int>(std::max<std::int64_t>(0, wait_ms))) <= 0) return;
  if (items[0].revents != 0) {
    eventfd_t value;
    eventfd_read(wake_, &value);
  }
  if (fd_ < 0 || items[1].revents == 0 || HasOrder()) return;
  if (connecting_) return FinishConnect();
  if (merge_) {
    if (!SendPending()) output_.clear();
    return;
  }
  if ((items[1].revents & POLLOUT) != 0 && !SendPending()) return Step({LinkEvent::Type::kFailed, std::strerror(errno)});
  if ((items[1].revents & (POLLIN | POLLHUP | POLLERR)) == 0 || stalled) return;
  if (streaming_) ReadStream();
  else ReadLines();
}

void ReplicaLink::Publish() {
  std::lock_guard<std::mutex> guard(mutex_);
  info_.state = link_.state();
  info_.last_io_ms = last_io_ms_;
  info_.down_since_ms = down_since_ms_;
  info_.received = replication_.offset() + (streaming_ ? static_cast<std::int64_t>(stream_->unapplied()) : 0);
  info_.syncing = syncing_;
  info_.sync_total = sync_total_;
  info_.sync_read = sync_read_;
  info_.bytes_read = bytes_read_;
}

}  // namespace slotwise
