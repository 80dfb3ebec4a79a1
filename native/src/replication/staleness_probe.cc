#include "replication/staleness_probe.h"

#include <algorithm>
#include <utility>

#include "replication/peer_text.h"

namespace slotwise {
namespace {

using Type = ProbeEffect::Type;

constexpr std::size_t kLineMax = 1024;

// The value of `name:` in a text of lines; empty if there is none.
std::string_view Field(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    std::string_view line = info.substr(0, info.find('\n'));
    info.remove_prefix(std::min(info.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > name.size() && line.starts_with(name) && line[name.size()] == ':') return line.substr(name.size() + 1);
  }
  return {};
}

}  // namespace

StalenessProbe::Effects StalenessProbe::Step(const ProbeEvent& event, std::int64_t now) {
  Effects out;
  switch (event.type) {
    case ProbeEvent::Type::kFollow:
    case ProbeEvent::Type::kUnfollow:
      if (state_ > State::kPausing) out.push_back({Type::kClose});
      state_ = event.type == ProbeEvent::Type::kFollow ? State::kPausing : State::kIdle;
      retry_at_ = now;
      attempts_ = 0;
      told_ = false;
      break;
    case ProbeEvent::Type::kConnected:
      if (state_ != State::kConnecting) break;
      since_ = now;
      input_.clear();
      bound_ = false;
      if (options_.password.empty()) {
        Ask(out, now);
        break;
      }
      state_ = State::kAuth;
      out.push_back({Type::kSend, options_.user.empty() ? CommandText({"AUTH", options_.password}) : CommandText({"AUTH", options_.user, options_.password})});
      break;
    case ProbeEvent::Type::kReceived:
      if (state_ <= State::kConnecting) break;
      input_ += event.text;
      Take(out, now);
      break;
    case ProbeEvent::Type::kFailed:
      if (state_ > State::kPausing) GiveUp(std::string(event.text), out, now);
      break;
    case ProbeEvent::Type::kTick:
      if (state_ == State::kPausing && now >= retry_at_) {
        state_ = State::kConnecting;
        since_ = now;
        out.push_back({Type::kConnect});
      } else if (state_ == State::kReady && now >= asked_at_ + options_.interval_ms) {
        Ask(out, now);
      } else if (state_ > State::kPausing && state_ != State::kReady && now - since_ > kPatienceMs) {
        GiveUp("it does not answer", out, now);
      }
      break;
  }
  return out;
}

std::int64_t StalenessProbe::NextTick() const {
  switch (state_) {
    case State::kIdle: return INT64_MAX;
    case State::kPausing: return retry_at_;
    case State::kReady: return asked_at_ + options_.interval_ms;
    default: return since_ + kPatienceMs + 1;
  }
}

void StalenessProbe::Ask(Effects& out, std::int64_t now) {
  state_ = State::kAsked;
  since_ = asked_at_ = now;
  out.push_back({Type::kSend, CommandText({"INFO", "replication"})});
}

bool StalenessProbe::TakeLine(std::string* line) {
  const std::size_t end = input_.find('\n');
  if (end == std::string::npos) return false;
  line->assign(input_, 0, end);
  if (line->ends_with('\r')) line->pop_back();
  input_.erase(0, end + 1);
  return true;
}

void StalenessProbe::Take(Effects& out, std::int64_t now) {
  while (state_ > State::kConnecting && !input_.empty()) {
    if (state_ == State::kReady) return GiveUp("it says something that nobody asked for", out, now);
    if (state_ == State::kAsked && input_[0] == '$') {
      const std::size_t end = input_.substr(0, kLineMax).find("\r\n");
      if (end == std::string::npos && input_.size() < kLineMax) return;
      const std::int64_t size = end == std::string::npos ? -1 : ParseCount(std::string_view(input_).substr(1, end - 1));
      if (size < 0 || static_cast<std::uint64_t>(size) > kAnswerMax) return GiveUp("its answer has no length that it could have", out, now);
      const std::size_t whole = end + 2 + static_cast<std::size_t>(size) + 2;
      if (input_.size() < whole) return;
      const std::string info = input_.substr(end + 2, static_cast<std::size_t>(size));
      input_.erase(0, whole);
      Answer(info, out, now);
      continue;
    }
    std::string line;
    if (!TakeLine(&line)) {
      if (input_.size() > kLineMax) GiveUp("a line of its answers is too long", out, now);
      return;
    }
    Line(line, out, now);
  }
}

void StalenessProbe::Line(const std::string& line, Effects& out, std::int64_t now) {
  switch (state_) {
    case State::kAuth:
      if (!line.starts_with('+')) return GiveUp("AUTH was answered with '" + PrintableLine(line) + "'", out, now);
      return Ask(out, now);
    case State::kBinding:
      if (!line.starts_with('+') && !std::exchange(told_, true)) {
        out.push_back({Type::kWarn, "SLOTWISE.STALENESS: the MASTER is a replica that does not prove how old its data is, so nothing here can"});
      }
      state_ = State::kReady;
      return;
    default: return GiveUp("INFO was answered with '" + PrintableLine(line) + "'", out, now);
  }
}

void StalenessProbe::Answer(std::string_view info, Effects& out, std::int64_t now) {
  state_ = State::kReady;
  const std::string_view role = Field(info, "role");
  const std::string_view id = Field(info, "master_replid");
  const std::int64_t offset = ParseCount(Field(info, "master_repl_offset"));
  if ((role != "master" && role != "slave") || !IsReplicationId(id) || offset < 0) return GiveUp("its INFO does not tell the offset", out, now);
  attempts_ = 0;
  std::int64_t age_ms = 0;
  if (role == "slave") {
    const std::string_view age = Field(info, "slave_staleness_ms");
    age_ms = ParseCount(age);
    if (age.empty() && !bound_) {
      bound_ = true;
      state_ = State::kBinding;
      since_ = now;
      out.push_back({Type::kSend, CommandText({"SLOTWISE.STALENESS", std::to_string(std::max<std::int64_t>(1, options_.interval_ms * 4))})});
    }
    if (age_ms < 0 || age_ms > asked_at_) return;
  }
  told_ = false;
  out.push_back({Type::kProof, {}, std::string(id), offset, asked_at_ - age_ms});
}

void StalenessProbe::GiveUp(const std::string& why, Effects& out, std::int64_t now) {
  const std::int64_t most = std::min(kRetryMsMin << std::min(attempts_, 10), kRetryMsMax);
  ++attempts_;
  state_ = State::kPausing;
  retry_at_ = now + most / 2 + static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(most / 2 + 1)));
  out.push_back({Type::kClose});
  // Once: the link says itself that a primary is gone.
  if (!std::exchange(told_, true)) out.push_back({Type::kWarn, "SLOTWISE.STALENESS: the MASTER cannot be asked how far its stream is: " + why});
}

}  // namespace slotwise
