// The connection of a SlotExport: frames go out, answers come in, and when it breaks another one takes over where it was.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/ticks.h"
#include "engine/cluster.h"
#include "engine/engine.h"
#include "engine/peer_socket.h"
#include "engine/slot_export.h"
#include "log/log_reader.h"
#include "snapshot/command_entry.h"

namespace slotwise {
namespace {

constexpr std::size_t kFramesWaiting = 4;
constexpr std::size_t kUnanswered = 16;
constexpr std::size_t kWaitingForLink = 64u << 20;  // of the log, while there is no connection; the rest is left where it is
constexpr std::int64_t kSilenceMs = 10000;
constexpr std::int64_t kResumeMs = 300000;  // without an answer of the target; packages/cluster (migration) says the same
constexpr std::int64_t kRetryMs = 50;       // and twice as long each time up to
constexpr std::int64_t kRetryMsMax = 1000;

}  // namespace

void SlotExport::AppendCommand(std::initializer_list<std::string_view> words, std::string& out) {
  AppendCommandHead(words.size(), out);
  for (std::string_view word : words) AppendCommandWord(word, out);
}

bool SlotExport::Connect() {
  std::string why;
  progress_ms_ = MonotonicMs();
  fd_ = StartConnect(request_.host, request_.port, &why);
  if (fd_ < 0) return Broken("the target cannot be reached: " + why);
  for (;;) {
    pollfd item{fd_, POLLOUT, 0};
    if (poll(&item, 1, kPollMs) > 0) break;
    if (!Listen()) return false;
    if (MonotonicMs() - progress_ms_ > kSilenceMs) return Broken("the target cannot be reached: timeout");
  }
  if (int error = FinishConnect(fd_); error != 0) return Broken(std::string("the target cannot be reached: ") + std::strerror(error));
  const std::string& password = engine_.config().Str(Directive::kMasterauth);
  if (password.empty()) return true;
  const std::string& user = engine_.config().Str(Directive::kMasteruser);
  std::string login, line;
  if (user.empty()) AppendCommand({"AUTH", password}, login);
  else AppendCommand({"AUTH", user, password}, login);
  if (!AskLine(login, &line)) return false;
  return line == "+OK" || Broken("the target did not take masterauth: " + line);
}

// To the log, while the target is waited for.
bool SlotExport::Listen() {
  if (stopping_.load(std::memory_order_relaxed)) return Fail("it was cancelled");
  return reader_ == nullptr || frames_.size() * kFrameBytes >= kWaitingForLink || Follow();
}

// Goes on over another connection. False: it cannot, or it was cancelled.
bool SlotExport::Resume(std::string why) {
  if (stopping_.load()) return Fail("it was cancelled");
  Phase before = phase_.load();
  if (before == Phase::kHeld) {
    cluster_.Release();  // nobody waits for a target that is not there
    before = Phase::kFollowing;
  }
  phase_.store(Phase::kWaiting);
  ++breaks_;
  Tell({kTold, request_.job, "lost", why});
  if (give_up_ms_ == 0) give_up_ms_ = MonotonicMs() + kResumeMs;
  const std::string late = "the connection to the target was not back in time: ";
  if (MonotonicMs() >= give_up_ms_) return Fail(late + why);
  for (std::int64_t retry_ms = kRetryMs;; retry_ms = std::min(2 * retry_ms, kRetryMsMax)) {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
    in_.clear();
    for (const std::int64_t until_ms = MonotonicMs() + retry_ms; MonotonicMs() < until_ms; poll(nullptr, 0, kPollMs)) {
      if (!Listen()) return false;
    }
    if (Connect()) break;
    if (!error_.empty()) return false;  // it was cancelled, or the log cannot be followed
    if (MonotonicMs() >= give_up_ms_) return Fail(late + link_error_);
  }
  out_.clear();
  out_sent_ = 0;
  frames_.insert(frames_.begin(), std::make_move_iterator(unanswered_.begin()), std::make_move_iterator(unanswered_.end()));
  unanswered_.clear();
  progress_ms_ = MonotonicMs();
  phase_.store(before);
  return true;
}

bool SlotExport::AskLine(std::string_view bytes, std::string* line) {
  for (;;) {
    if (const std::size_t end = in_.find("\r\n"); end != std::string::npos) {
      *line = in_.substr(0, end);
      in_.erase(0, end + 2);
      return true;
    }
    pollfd item{fd_, static_cast<short>(bytes.empty() ? POLLIN : POLLIN | POLLOUT), 0};
    (void)poll(&item, 1, kPollMs);
    if (!Listen()) return false;
    if (MonotonicMs() - progress_ms_ > kSilenceMs) return Broken("the target does not answer");
    if ((item.revents & POLLOUT) != 0) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    if ((item.revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !Receive()) return false;
  }
}

bool SlotExport::Receive() {
  char piece[4096];
  const ssize_t n = recv(fd_, piece, sizeof piece, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return Broken("the connection to the target broke");
  if (n > 0) in_.append(piece, static_cast<std::size_t>(n));
  return in_.size() < 16 * 1024 || Broken("the target says something that is no answer");
}

bool SlotExport::Turn(int wait_ms) {
  if (stopping_.load(std::memory_order_relaxed)) return Fail("it was cancelled");
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
    while (!frames_.empty() && unanswered_.size() < kUnanswered && out_.size() < 4 * kFrameBytes) {
      if (unanswered_.empty()) progress_ms_ = MonotonicMs();
      unanswered_.push_back(std::move(frames_.front()));
      frames_.pop_front();
      const std::string& frame = unanswered_.back();
      AppendCommand({"SLOTWISE.APPLY", request_.job, std::to_string(answered_ + unanswered_.size()), frame}, out_);
      bytes_.fetch_add(frame.size(), std::memory_order_relaxed);
    }
  }
  const bool sending = out_sent_ < out_.size();
  pollfd item{fd_, static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
  const int n = poll(&item, 1, wait_ms);
  if (n < 0 && errno != EINTR) return Fail(std::string("poll: ") + std::strerror(errno));
  if (n <= 0) {
    if (!unanswered_.empty() && MonotonicMs() - progress_ms_ > kSilenceMs) return Resume("the target does not answer");
    return true;
  }
  if ((item.revents & POLLOUT) != 0) {
    const ssize_t sent = send(fd_, out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (sent > 0) out_sent_ += static_cast<std::size_t>(sent);
    else if (errno != EAGAIN && errno != EINTR) return Resume("the connection to the target broke");
  }
  if ((item.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  if (!Receive()) return Resume(link_error_);
  for (std::size_t end; (end = in_.find("\r\n")) != std::string::npos; in_.erase(0, end + 2)) {
    if (in_[0] != '+' || unanswered_.empty()) {
      const std::string answer = in_.substr(0, std::min<std::size_t>(end, 512));
      const std::string why = "the target answered: " + (answer.starts_with('-') ? answer.substr(1) : answer);
      if (answer.starts_with("-LOADING")) return Resume(why);
      return answer.starts_with("-NOIMPORT") ? Again(why) : Fail(why);
    }
    unanswered_.pop_front();
    ++answered_;
    give_up_ms_ = 0;
    progress_ms_ = MonotonicMs();
  }
  return true;
}

bool SlotExport::MakeRoom() {
  if (!Turn(0)) return false;
  while (frames_.size() > kFramesWaiting) {
    if (!Follow() || !Turn(kPollMs)) return false;
  }
  return true;
}

// Until everything is answered, or the time is up.
bool SlotExport::Settle(std::int64_t until_ms, bool* settled) {
  if (!frame_.empty()) frames_.push_back(std::exchange(frame_, {}));
  while (!frames_.empty() || out_sent_ < out_.size() || !unanswered_.empty()) {
    if (!Turn(kPollMs)) return false;
    if (MonotonicMs() >= until_ms) return true;
  }
  *settled = true;
  return true;
}

}  // namespace slotwise
