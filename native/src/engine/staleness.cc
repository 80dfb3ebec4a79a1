#include "engine/staleness.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "engine/engine.h"
#include "engine/peer_socket.h"
#include "engine/replication.h"

namespace slotwise {
namespace {

constexpr std::int64_t kNever = INT64_MIN;
constexpr std::int64_t kIntervalMsMin = 2;
constexpr std::int64_t kIntervalMsMax = 1000;
constexpr std::int64_t kQuestionsALimit = 4;
constexpr std::size_t kProofsMax = 512;
constexpr int kPollMsMax = 1000;

std::int64_t ClockMs() {
  timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

}  // namespace

Staleness::Staleness(Engine& engine, Replication& replication)
    : engine_(engine), replication_(replication), proven_at_ms_(kNever), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), probe_(engine.NextSeed()) {}

Staleness::~Staleness() {
  Stop();
  close(wake_);
}

void Staleness::Stop() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    stopping_.store(true);
    eventfd_write(wake_, 1);
  }
  if (thread_.joinable()) thread_.join();
}

void Staleness::SetLimit(std::int64_t before, std::int64_t after) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (before != 0) {
    if (auto it = limits_.find(before); it != limits_.end()) limits_.erase(it);
  }
  if (after != 0) limits_.insert(after);
  sessions_.store(static_cast<std::int64_t>(limits_.size()), std::memory_order_relaxed);
  StartLocked();
}

void Staleness::SetPrimary(const std::string& host, int port) {
  std::lock_guard<std::mutex> guard(mutex_);
  host_ = host;
  port_ = port;
  ++primary_count_;
  ForgetLocked();
  StartLocked();
}

void Staleness::DataReplaced() {
  std::lock_guard<std::mutex> guard(mutex_);
  ForgetLocked();
}

void Staleness::ForgetLocked() {
  data_count_.fetch_add(1);
  proofs_.clear();
  proven_at_ms_.store(kNever, std::memory_order_relaxed);
}

// The thread has something else to do, and begins if there was none.
void Staleness::StartLocked() {
  if (stopping_.load()) return;
  if (thread_.joinable()) eventfd_write(wake_, 1);
  else if (!limits_.empty() && !host_.empty()) thread_ = std::thread([this] { Run(); });
}

bool Staleness::Proves(std::int64_t limit_ms) {
  // Both times are rounded down, so what has passed is less than a millisecond more.
  auto suffices = [&](std::int64_t at_ms) { return at_ms != kNever && ClockMs() - at_ms + 1 <= limit_ms; };
  return suffices(proven_at_ms_.load(std::memory_order_relaxed)) || suffices(ProvenAt());
}

std::int64_t Staleness::ProvenMs() {
  const std::int64_t at_ms = ProvenAt();
  return at_ms == kNever ? -1 : ClockMs() - at_ms + 1;
}

// Looks which of the answers are proofs by now.
std::int64_t Staleness::ProvenAt() {
  const std::uint64_t data_count = data_count_.load();
  const StreamPosition here = replication_.Position();
  std::lock_guard<std::mutex> guard(mutex_);
  if (data_count != data_count_.load()) return kNever;  // the position is that of data that is gone
  std::size_t applied = 0;
  for (std::size_t i = 0; i < proofs_.size(); ++i) {
    if (proofs_[i].id != here.id) continue;
    if (proofs_[i].offset > here.offset) break;
    applied = i + 1;
  }
  if (applied > 0) {
    const std::int64_t at_ms = proofs_[applied - 1].at_ms;
    if (at_ms > proven_at_ms_.load(std::memory_order_relaxed)) proven_at_ms_.store(at_ms, std::memory_order_relaxed);
    proofs_.erase(proofs_.begin(), proofs_.begin() + static_cast<std::ptrdiff_t>(applied));
  }
  return proven_at_ms_.load(std::memory_order_relaxed);
}

// --- the thread -----------------------------------------------------------------------------------------------------

void Staleness::Run() {
  pthread_setname_np(pthread_self(), "slotwise-age");
  while (!stopping_.load()) {
    TakeOrder();
    Step({ProbeEvent::Type::kTick});
    Wait();
  }
  Close();
}

void Staleness::TakeOrder() {
  const Config& config = engine_.config();
  ProbeOptions options;
  options.user = config.Str(Directive::kMasteruser);
  options.password = config.Str(Directive::kMasterauth);
  std::uint64_t follow = 0;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (!limits_.empty() && !host_.empty()) follow = primary_count_;
    if (!limits_.empty()) options.interval_ms = std::clamp(*limits_.begin() / kQuestionsALimit, kIntervalMsMin, kIntervalMsMax);
    asked_host_ = host_;
    asked_port_ = port_;
  }
  probe_.set_options(std::move(options));
  if (follow == following_) return;
  following_ = follow;
  Step({follow != 0 ? ProbeEvent::Type::kFollow : ProbeEvent::Type::kUnfollow});
}

void Staleness::Step(const ProbeEvent& event) {
  for (const ProbeEffect& effect : probe_.Step(event, ClockMs())) Perform(effect);
}

void Staleness::Perform(const ProbeEffect& effect) {
  switch (effect.type) {
    case ProbeEffect::Type::kConnect: return Connect();
    case ProbeEffect::Type::kSend: return Send(effect.text);
    case ProbeEffect::Type::kProof: return Keep(effect);
    case ProbeEffect::Type::kClose: return Close();
    case ProbeEffect::Type::kWarn: return engine_.logger().Warn(effect.text);
  }
}

void Staleness::Keep(const ProbeEffect& proof) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (primary_count_ != following_) return;  // it is another one's
    proofs_.push_back({proof.id, proof.offset, proof.at_ms});
    if (proofs_.size() > kProofsMax) {
      // A replica that lags far: every second one is enough.
      std::size_t kept = 0;
      for (std::size_t i = 1; i < proofs_.size(); i += 2) proofs_[kept++] = std::move(proofs_[i]);
      proofs_.resize(kept);
    }
  }
  (void)ProvenAt();
}

void Staleness::Connect() {
  std::string why;
  fd_ = StartConnect(asked_host_, asked_port_, &why);
  connecting_ = fd_ >= 0;
  if (fd_ < 0) Step({ProbeEvent::Type::kFailed, why});
}

void Staleness::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  connecting_ = false;
  output_.clear();
}

void Staleness::Send(std::string_view bytes) {
  output_ += bytes;
  while (!output_.empty()) {
    const ssize_t n = send(fd_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return Step({ProbeEvent::Type::kFailed, std::strerror(errno)});
    output_.erase(0, static_cast<std::size_t>(n));
  }
}

void Staleness::Read() {
  char bytes[16 * 1024];
  const ssize_t n = recv(fd_, bytes, sizeof bytes, 0);
  if (n > 0) return Step({ProbeEvent::Type::kReceived, {bytes, static_cast<std::size_t>(n)}});
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  Step({ProbeEvent::Type::kFailed, n == 0 ? "the connection was closed" : std::strerror(errno)});
}

void Staleness::Wait() {
  const std::int64_t next_ms = probe_.NextTick();
  const std::int64_t wait_ms = next_ms == INT64_MAX ? kPollMsMax : std::clamp<std::int64_t>(next_ms - ClockMs(), 0, kPollMsMax);
  pollfd items[2] = {{wake_, POLLIN, 0}, {fd_, static_cast<short>(connecting_ ? POLLOUT : output_.empty() ? POLLIN : POLLIN | POLLOUT), 0}};
  if (poll(items, fd_ >= 0 ? 2 : 1, static_cast<int>(wait_ms)) <= 0) return;
  if (items[0].revents != 0) {
    eventfd_t value;
    eventfd_read(wake_, &value);
  }
  if (fd_ < 0 || items[1].revents == 0) return;
  if (connecting_) {
    if (const int error = FinishConnect(fd_); error != 0) return Step({ProbeEvent::Type::kFailed, std::strerror(error)});
    connecting_ = false;
    return Step({ProbeEvent::Type::kConnected});
  }
  if ((items[1].revents & POLLOUT) != 0) Send({});
  if (fd_ >= 0 && (items[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) Read();
}

}  // namespace slotwise
