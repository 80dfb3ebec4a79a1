#include "engine/relay_channel.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/random_hex.h"
#include "base/ticks.h"
#include "engine/engine.h"
#include "engine/peer_socket.h"
#include "replication/peer_text.h"

namespace slotwise {
namespace {

using EventType = DualChannelEvent::Type;
using Do = DualChannelEffect::Type;

constexpr std::size_t kRoom = 256 * 1024;
constexpr std::size_t kLineMax = 1024;
constexpr int kPollMsMax = 1000;
constexpr int kFullPollMs = 20;

}  // namespace

const char* RelayStateName(const RelayChannel::Info& info) {
  if (info.merging) return "merging";
  switch (info.state) {
    case DualChannel::State::kNone: return "none";
    case DualChannel::State::kConnecting:
    case DualChannel::State::kHandshake: return "connecting";
    case DualChannel::State::kStandby:
    case DualChannel::State::kAsked: return "standby";
    default: return "relaying";
  }
}

RelayChannel::RelayChannel(Engine& engine, std::function<void()> wake_link)
    : engine_(engine), wake_link_(std::move(wake_link)), name_(RandomHex(20)), dir_(engine.config().Str(Directive::kDir)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), machine_(engine.NextSeed()) {}

RelayChannel::~RelayChannel() {
  Stop();
  close(wake_);
}

void RelayChannel::Stop() {
  stopping_.store(true);
  eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
  std::string unsent;
  if (int fd = TakeSocket(&unsent); fd >= 0) close(fd);
}

void RelayChannel::Find() {
  if (std::exchange(found_, true)) return;
  std::vector<std::string> unreadable;
  const std::vector<FoundRelay> found = FindRelays(PosixFiles(), dir_, &unreadable);
  // Without an append-only file another process may be at home there.
  if ((found.empty() && unreadable.empty()) || !engine_.LockDirectory().ok()) return;
  for (const FoundRelay& relay : found) {
    DualChannelEvent event{EventType::kFound};
    event.relay = {relay.id, relay.start, relay.end};
    Step(event);
  }
  for (const std::string& name : unreadable) engine_.logger().Warn("The relay " + dir_ + "/" + name + " is damaged in its head and is left alone");
}

void RelayChannel::SetPrimary(const std::string& host, int port) {
  Lock lock(mutex_);
  host_ = host;
  port_ = port;
}

DualChannelOptions RelayChannel::Options() const {
  const Config& config = engine_.config();
  DualChannelOptions options;
  options.timeout_ms = config.Int(Directive::kReplTimeout) * 1000;
  options.user = config.Str(Directive::kMasteruser);
  options.password = config.Str(Directive::kMasterauth);
  options.name = name_;
  options.enabled = config.Bool(Directive::kReplSemiSyncDualChannel);
  options.size_max = static_cast<std::int64_t>(config.Bytes(Directive::kReplSemiSyncRelayMaxSize));
  return options;
}

void RelayChannel::Step(const DualChannelEvent& event) {
  Lock lock(mutex_);
  if (event.type == EventType::kLinkUp) {
    machine_.set_options(Options());
    if (event.offered && !thread_.joinable() && !stopping_.load()) thread_ = std::thread([this] { Run(); });
  }
  if (event.type == EventType::kFollow || event.type == EventType::kUnfollow || event.type == EventType::kLinkDown) for_link_.clear();
  Route(machine_.Step(event, MonotonicMs()), false);
}

void RelayChannel::StepHere(DualChannelEvent event) {
  Lock lock(mutex_);
  if (event.type == EventType::kTick) machine_.set_options(Options());
  Route(machine_.Step(event, MonotonicMs()), true);
}

// mutex_ is held.
void RelayChannel::Route(DualChannel::Effects effects, bool from_channel) {
  bool wake_channel = false, wake_link = false;
  for (DualChannelEffect& effect : effects) {
    switch (effect.type) {
      case Do::kMerge:
      case Do::kTakeOver:
      case Do::kReconnect:
        for_link_.push_back(std::move(effect));
        wake_link = true;
        break;
      case Do::kDrop: (void)PosixFiles().Unlink(RelayPath(dir_, effect.relay.start)); break;
      case Do::kSetAside:
        if (std::string path = SetRelayAside(PosixFiles(), dir_, effect.relay.start); !path.empty()) engine_.logger().Warn("The relay is kept as " + path);
        break;
      case Do::kInfo: engine_.logger().Info(effect.text); break;
      case Do::kWarn: engine_.logger().Warn(effect.text); break;
      case Do::kClose:
        if (handed_over_ >= 0) close(std::exchange(handed_over_, -1));
        [[fallthrough]];
      default:
        for_channel_.push_back(std::move(effect));
        wake_channel = true;
    }
  }
  wanted_.store(!machine_.relays().empty() || !for_link_.empty(), std::memory_order_relaxed);
  if (wake_channel && !from_channel) eventfd_write(wake_, 1);
  if (wake_link && from_channel) wake_link_();
}

std::optional<DualChannelEffect> RelayChannel::Next() {
  Lock lock(mutex_);
  if (for_link_.empty()) return std::nullopt;
  DualChannelEffect effect = std::move(for_link_.front());
  for_link_.pop_front();
  return effect;
}

std::optional<RelaySpan> RelayChannel::Covering(const StreamPosition& position) const {
  Lock lock(mutex_);
  const RelaySpan* relay = machine_.Covering(position);
  return relay != nullptr ? std::optional<RelaySpan>(*relay) : std::nullopt;
}

std::unique_ptr<RelayReader> RelayChannel::Open(const RelaySpan& relay) const {
  std::unique_ptr<RelayReader> reader;
  const Status status = RelayReader::Open(PosixFiles(), RelayPath(dir_, relay.start), &reader);
  if (!status.ok()) engine_.logger().Error("A relay of semi-sync cannot be read: " + status.message());
  return reader;
}

int RelayChannel::TakeSocket(std::string* unsent) {
  Lock lock(mutex_);
  *unsent = std::exchange(handed_output_, {});
  return std::exchange(handed_over_, -1);
}

RelayChannel::Info RelayChannel::info() const {
  Lock lock(mutex_);
  Info info;
  info.state = machine_.state();
  info.merging = machine_.merging();
  info.relays = machine_.relays().size();
  info.bytes = machine_.Size();
  if (info.relays > 0) {
    info.start = machine_.relays().back().start;
    info.end = machine_.relays().back().end;
  }
  return info;
}

// --- the thread -----------------------------------------------------------------------------------------------------

void RelayChannel::Run() {
  pthread_setname_np(pthread_self(), "slotwise-relay");
  room_.resize(kRoom);
  while (!stopping_.load()) {
    StepHere({EventType::kTick});
    for (;;) {
      std::optional<DualChannelEffect> effect;
      {
        Lock lock(mutex_);
        if (for_channel_.empty()) break;
        effect = std::move(for_channel_.front());
        for_channel_.pop_front();
      }
      Perform(*effect);
    }
    Wait();
  }
  Close();
}

void RelayChannel::Perform(const DualChannelEffect& effect) {
  switch (effect.type) {
    case Do::kConnect: Connect(); break;
    case Do::kSend: Send(effect.text); break;
    case Do::kBegin: Begin(effect.relay, effect.durable); break;
    case Do::kAcknowledge: Acknowledge(effect.relay); break;
    case Do::kClose: Close(); break;
    case Do::kStop: {
      {
        Lock lock(mutex_);
        handed_over_ = std::exchange(fd_, -1);
        handed_output_ = std::exchange(output_, {});
      }
      writer_.reset();
      StepHere({EventType::kStopped});
      break;
    }
    default: break;
  }
}

void RelayChannel::Connect() {
  std::string host, why;
  int port;
  {
    Lock lock(mutex_);
    host = host_;
    port = port_;
  }
  fd_ = StartConnect(host, port, &why);
  connecting_ = fd_ >= 0;
  if (fd_ < 0) StepHere({EventType::kFailed, why});
}

void RelayChannel::Begin(const RelaySpan& relay, bool durable) {
  // Without an append-only file nothing that is acknowledged as durable would stay so once the relay has been applied.
  durable_ = durable && engine_.log().persistent();
  synced_ = -1;
  Status status = engine_.LockDirectory();
  if (status.ok()) status = RelayWriter::Create(PosixFiles(), dir_, relay.id, relay.start, durable_, &writer_);
  if (!status.ok()) return Failed(status);
  if (durable_) synced_ = relay.start - 1;
  StepHere({EventType::kReceived});
  const std::string rest = std::exchange(input_, {});
  if (!rest.empty()) Relay(rest);
}

// The disk does not take it; it is not tried again for some time.
void RelayChannel::Failed(const Status& status) {
  engine_.logger().Error(status.message());
  DualChannelEvent event{EventType::kFailed, status.message()};
  event.number = DualChannel::kRefusedRetryMs;
  StepHere(std::move(event));
}

// What is in the relay, and what of it is fsynced; while it stands by, that it is there. What was written since the decision may be
// behind the relay's end: if the channel has ended meanwhile nobody counts on it.
void RelayChannel::Acknowledge(const RelaySpan& relay) {
  if (fd_ < 0) return;
  const std::string offset = std::to_string(std::max<std::int64_t>(0, relay.end - 1));
  if (durable_ && writer_) Send(CommandText({"REPLCONF", "ACK", offset, "FACK", std::to_string(std::min(synced_, relay.end - 1))}));
  else Send(CommandText({"REPLCONF", "ACK", offset}));
}

void RelayChannel::Send(const std::string& text) {
  output_ += text;
  while (!output_.empty()) {
    const ssize_t n = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (n < 0) return;  // later, or noticed by reading
    output_.erase(0, static_cast<std::size_t>(n));
  }
}

void RelayChannel::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  connecting_ = false;
  writer_.reset();
  input_.clear();
  output_.clear();
}

void RelayChannel::Read() {
  const ssize_t n = recv(fd_, room_.data(), room_.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return StepHere({EventType::kFailed, n == 0 ? "the connection was closed" : std::strerror(errno)});
  const std::string_view bytes(room_.data(), static_cast<std::size_t>(n));
  if (writer_) Relay(bytes);
  else Lines(bytes);
}

void RelayChannel::Relay(std::string_view bytes) {
  Status status = writer_->Append(bytes);
  if (status.ok() && durable_) status = writer_->Sync();
  if (!status.ok()) return Failed(status);
  synced_ = writer_->next() - 1;
  DualChannelEvent event{EventType::kReceived};
  event.number = static_cast<std::int64_t>(bytes.size());
  StepHere(std::move(event));
}

void RelayChannel::Lines(std::string_view bytes) {
  input_ += bytes;
  for (;;) {
    const std::size_t end = input_.substr(0, kLineMax).find('\n');
    if (end == std::string::npos) {
      if (input_.size() >= kLineMax) StepHere({EventType::kFailed, "a line of its answers is too long"});
      return;
    }
    std::string line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (line.ends_with('\r')) line.pop_back();
    StepHere({EventType::kLine, std::move(line)});
    // What the line leads to comes first: it may be that a relay begins behind it.
    Lock lock(mutex_);
    if (!for_channel_.empty()) return;
  }
}

void RelayChannel::Wait() {
  std::int64_t wait_ms;
  bool full;
  {
    Lock lock(mutex_);
    if (!for_channel_.empty()) return;
    wait_ms = std::min<std::int64_t>(machine_.NextTick() - MonotonicMs(), kPollMsMax);
    full = machine_.live() && machine_.Full();
    if (full) wait_ms = std::min<std::int64_t>(wait_ms, kFullPollMs);
  }
  pollfd items[2] = {{wake_, POLLIN, 0}, {fd_, 0, 0}};
  if (connecting_ || !output_.empty()) items[1].events |= POLLOUT;
  if (!connecting_ && !full) items[1].events |= POLLIN;
  if (poll(items, fd_ >= 0 ? 2 : 1, static_cast<int>(std::max<std::int64_t>(0, wait_ms))) <= 0) return;
  if (items[0].revents != 0) {
    eventfd_t value;
    eventfd_read(wake_, &value);
    return;  // what it is about comes first
  }
  if (fd_ < 0 || items[1].revents == 0) return;
  if (connecting_) {
    const int error = FinishConnect(fd_);
    if (error != 0) return StepHere({EventType::kFailed, std::strerror(error)});
    connecting_ = false;
    return StepHere({EventType::kOpened});
  }
  if ((items[1].revents & POLLOUT) != 0) Send({});
  if ((items[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) Read();
}

}  // namespace slotwise
