#include "replication/semi_sync.h"

#include <algorithm>
#include <functional>

namespace slotwise {
namespace {

// Waits closer together than this part of the time-out are one: it may come early by as much.
constexpr std::int64_t kWaitsMax = 1024;

}  // namespace

SemiSync::Effects SemiSync::Step(const Event& event, std::int64_t now_ms) {
  effects_ = {};
  std::visit([&](const auto& e) { On(e, now_ms); }, event);
  effects_.promise = Promise();
  effects_.refuse = state_ == State::kOn && options_.strict && !enough();
  if (state_ == State::kOn && !options_.strict && !waits_.empty()) effects_.tick_at_ms = waits_.front().since_ms + options_.timeout_ms;
  return effects_;
}

std::uint64_t SemiSync::Promise() const { return state_ == State::kOn ? std::max(acked_, floor_) : kUnlimited; }

void SemiSync::On(const Configured& event, std::int64_t) {
  options_ = event.options;
  if (!options_.enabled) {
    if (state_ != State::kOff) effects_.change = Change::kTurnedOff;
    state_ = State::kOff;
    waits_.clear();
    asking_ = false;
  } else if (state_ == State::kOff) {
    TurnOn(event.tail, Change::kTurnedOn);
  } else if (options_.strict && state_ != State::kOn) {
    TurnOn(event.tail, Change::kReturned);
  }
}

void SemiSync::On(const Waiting& event, std::int64_t now_ms) {
  if (state_ != State::kOn || event.offset <= Promise()) return;
  if (event.offset > wanted_) {
    wanted_ = event.offset;
    const std::int64_t step_ms = options_.timeout_ms / kWaitsMax;
    if (!waits_.empty() && now_ms - waits_.back().since_ms <= step_ms) waits_.back().offset = event.offset;
    else if (!options_.strict || waits_.empty()) waits_.push_back({event.offset, now_ms});
    else waits_.back().offset = event.offset;  // whose time-out never comes
  }
  AskIfWanted(event.tail, now_ms);
}

void SemiSync::On(const Replicas& event, std::int64_t now_ms) {
  const auto count = static_cast<std::int64_t>(event.acked.size());
  const bool joined = count > count_;
  count_ = count;
  if (enough()) {
    auto kth = event.acked.begin() + (options_.acks - 1);
    std::nth_element(event.acked.begin(), kth, event.acked.end(), std::greater<>());
    acked_ = std::max(acked_, *kth);
  }
  while (!waits_.empty() && waits_.front().offset <= acked_) waits_.pop_front();
  if (asking_ && acked_ >= asked_) {
    asking_ = false;
    ++answered_count_;
    answered_ms_ += static_cast<std::uint64_t>(now_ms - asked_ms_);
    if (state_ == State::kReturning && now_ms - asked_ms_ <= options_.timeout_ms) TurnOn(0, Change::kReturned);
  }
  if (joined) asking_ = false;  // it has not been asked, or not for long
  if (state_ == State::kOn) return AskIfWanted(event.tail, now_ms);
  if (state_ == State::kReturning && !enough()) state_ = State::kFallenBack;
  if (state_ == State::kFallenBack && enough()) state_ = State::kReturning;
  if (state_ == State::kReturning && !asking_) Ask(event.tail, now_ms);
}

void SemiSync::On(const Tick& event, std::int64_t now_ms) {
  const bool late = state_ == State::kOn && !options_.strict && !waits_.empty() && now_ms - waits_.front().since_ms >= options_.timeout_ms;
  if (late) FallBack(event.tail, now_ms);
}

// What was written while nothing was promised stays so, whoever acknowledges it when it is on again: an acknowledgement of
// later bytes is none of these.
void SemiSync::On(const RelayBegins& event, std::int64_t) {
  if (state_ == State::kFallenBack || state_ == State::kReturning) floor_ = std::max(floor_, event.tail);
}

void SemiSync::TurnOn(std::uint64_t tail, Change change) {
  state_ = State::kOn;
  floor_ = std::max(floor_, tail);
  wanted_ = 0;
  waits_.clear();
  asking_ = false;
  effects_.change = change;
}

void SemiSync::FallBack(std::uint64_t tail, std::int64_t now_ms) {
  state_ = State::kFallenBack;
  waits_.clear();
  asking_ = false;
  effects_.change = Change::kFellBack;
  if (!enough()) return;
  // They are there and do not answer: they are asked about now, and the answer decides.
  state_ = State::kReturning;
  Ask(tail, now_ms);
}

void SemiSync::Ask(std::uint64_t tail, std::int64_t now_ms) {
  asking_ = true;
  asked_ = tail;
  asked_ms_ = now_ms;
  effects_.ask = true;
}

void SemiSync::AskIfWanted(std::uint64_t tail, std::int64_t now_ms) {
  if (!asking_ && enough() && wanted_ > Promise()) Ask(tail, now_ms);
}

}  // namespace slotwise
