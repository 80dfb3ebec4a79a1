#include "replication/dual_channel.h"

#include <algorithm>
#include <utility>

#include "replication/peer_text.h"

namespace slotwise {
namespace {

using Type = DualChannelEffect::Type;
using EventType = DualChannelEvent::Type;

std::string Range(const RelaySpan& relay) {
  return "offsets " + std::to_string(relay.start) + " to " + std::to_string(relay.end - 1) + " of " + relay.id;
}

}  // namespace

DualChannel::Effects DualChannel::Step(const DualChannelEvent& event, std::int64_t now) {
  Effects out;
  switch (event.type) {
    case EventType::kFound:
      relays_.insert(std::upper_bound(relays_.begin(), relays_.end(), event.relay, [](const auto& a, const auto& b) { return a.start < b.start; }), event.relay);
      out.push_back({Type::kInfo, "Found a relay of semi-sync: " + Range(event.relay)});
      break;
    case EventType::kFollow:
      link_up_ = false;
      End("another connection is to be made", 0, out, now);
      break;
    case EventType::kUnfollow:
      link_up_ = false;
      End("this server is a primary now", 0, out, now);
      position_ = event.position;
      DropDurable(event.number, out);
      Settle(event.position, /*all=*/true, out);
      break;
    case EventType::kLinkUp:
      link_up_ = true;
      offered_ = event.offered;
      if (event.renamed) {
        // What was applied of it is the new name's, too; nobody knows that of the rest.
        for (RelaySpan& relay : relays_) {
          if (relay.id == position_.id && relay.end <= event.position.offset + 1) relay.id = event.position.id;
        }
      }
      position_ = event.position;
      if (live() && relays_.back().id != position_.id) End("the history is another one now", 0, out, now);
      Settle(position_, /*all=*/false, out);
      AskIfInvited(out, now);
      break;
    case EventType::kLinkDown:
      link_up_ = false;
      if (state_ >= State::kStopping) End("the link that was to take it over went down", kRetryMs, out, now);
      merging_ = false;
      break;
    case EventType::kApplied:
      position_.offset = event.position.offset;
      DropDurable(event.number, out);
      MergeIfReached(out);
      AskIfInvited(out, now);
      break;
    case EventType::kTakenOver:
      if (state_ != State::kStopped) break;
      state_ = State::kNone;
      merging_ = false;
      retry_at_ = now;
      out.push_back({Type::kInfo, "The relay is applied, and its channel is the link to the MASTER now"});
      break;
    case EventType::kOpened: {
      if (state_ != State::kConnecting) break;
      state_ = State::kHandshake;
      heard_at_ = now;
      invited_ = false;
      std::string text;
      replies_left_ = 1;
      if (!options_.password.empty()) {
        text = options_.user.empty() ? CommandText({"AUTH", options_.password}) : CommandText({"AUTH", options_.user, options_.password});
        ++replies_left_;
      }
      out.push_back({Type::kSend, text + CommandText({"REPLCONF", "slotwise-relay", options_.name})});
      break;
    }
    case EventType::kLine:
      heard_at_ = now;
      Line(event.text, out, now);
      break;
    case EventType::kReceived:
      if (state_ != State::kRelaying && state_ != State::kStopping) break;  // nobody is told of them
      heard_at_ = now;
      relay_exists_ = true;
      relays_.back().end += event.number;
      next_ack_at_ = now + kAckMs;
      out.push_back({Type::kAcknowledge, {}, relays_.back()});
      StopIfNear(out);
      break;
    case EventType::kStopped:
      if (state_ != State::kStopping) break;
      state_ = State::kStopped;
      out.push_back({Type::kTakeOver, {}, relays_.back()});
      break;
    case EventType::kFailed:
      if (state_ != State::kStopped) End(event.text, event.number > 0 ? event.number : kRetryMs, out, now);
      break;
    case EventType::kTick:
      Tick(out, now);
      break;
  }
  return out;
}

void DualChannel::Tick(Effects& out, std::int64_t now) {
  if (state_ == State::kNone) {
    if (!link_up_ || !offered_ || !options_.enabled || now < retry_at_) return;
    state_ = State::kConnecting;
    heard_at_ = now;
    out.push_back({Type::kConnect});
    return;
  }
  if (!options_.enabled && !live()) return End("it is switched off", kRetryMs, out, now);
  // Whoever stands by hears nothing as long as nothing is wrong.
  if (state_ != State::kStandby && state_ != State::kStopped && now - heard_at_ > options_.timeout_ms) return End("nothing came from the MASTER", kRetryMs, out, now);
  if ((state_ == State::kStandby || state_ == State::kRelaying) && now >= next_ack_at_) {
    next_ack_at_ = now + kAckMs;
    out.push_back({Type::kAcknowledge, {}, live() ? relays_.back() : RelaySpan{}});
  }
}

std::int64_t DualChannel::NextTick() const {
  switch (state_) {
    case State::kNone: return link_up_ && offered_ && options_.enabled ? retry_at_ : INT64_MAX;
    case State::kStandby: return next_ack_at_;
    case State::kRelaying: return std::min(next_ack_at_, heard_at_ + options_.timeout_ms + 1);
    case State::kStopped: return INT64_MAX;
    default: return heard_at_ + options_.timeout_ms + 1;
  }
}

const RelaySpan* DualChannel::Covering(const StreamPosition& position) const {
  for (const RelaySpan& relay : relays_) {
    if (relay.id == position.id && relay.start <= position.offset + 1 && position.offset + 1 < relay.end) return &relay;
  }
  return nullptr;
}

std::int64_t DualChannel::Size() const {
  std::int64_t size = 0;
  for (const RelaySpan& relay : relays_) size += relay.size();
  return size;
}

void DualChannel::Line(std::string_view line, Effects& out, std::int64_t now) {
  if (line.empty()) return;  // somebody is there
  switch (state_) {
    case State::kHandshake:
      if (!line.starts_with('+')) return End("the MASTER refuses it: " + PrintableLine(line), kRefusedRetryMs, out, now);
      if (--replies_left_ > 0) return;
      state_ = State::kStandby;
      next_ack_at_ = now + kAckMs;
      return;
    case State::kStandby:
      if (line != "+LAGGING") break;
      invited_ = true;
      return AskIfInvited(out, now);
    case State::kAsked:
      if (line == "+NO") {
        state_ = State::kStandby;
        next_ack_at_ = now + kAckMs;
        return;
      }
      if (!line.starts_with("+RELAY ")) break;
      return Begin(line.substr(7), out, now);
    default: break;
  }
  End("unexpected: '" + PrintableLine(line) + "'", kRefusedRetryMs, out, now);
}

void DualChannel::AskIfInvited(Effects& out, std::int64_t now) {
  if (state_ != State::kStandby || !invited_ || !link_up_ || !options_.enabled || Full()) return;
  invited_ = false;
  state_ = State::kAsked;
  heard_at_ = now;
  out.push_back({Type::kSend, CommandText({"REPLCONF", "slotwise-relay", "start"})});
}

void DualChannel::Begin(std::string_view rest, Effects& out, std::int64_t now) {
  const std::string whole = PrintableLine(rest);
  const std::string id(TakeWord(&rest));
  const std::int64_t offset = ParseCount(TakeWord(&rest));
  const bool durable = rest == "durable";
  if (!IsReplicationId(id) || offset < 1 || (!durable && rest != "received")) return End("wrong +RELAY syntax: '" + whole + "'", kRefusedRetryMs, out, now);
  if (id != position_.id) return End("its history is " + id + ", and the one followed here " + position_.id, kRetryMs, out, now);
  if (!relays_.empty() && offset < relays_.back().end) return End("it begins within an older relay: '" + whole + "'", kRefusedRetryMs, out, now);
  state_ = State::kRelaying;
  relay_exists_ = false;
  heard_at_ = now;
  next_ack_at_ = now + kAckMs;
  relays_.push_back({id, offset, offset});
  out.push_back({Type::kInfo, "Semi-sync goes on in a relay from offset " + std::to_string(offset) + " on, " + std::to_string(offset - 1 - position_.offset) +
                                  " bytes ahead of what is applied"});
  out.push_back({Type::kBegin, {}, relays_.back(), durable});
}

// The channel ends, and what it brought stays.
void DualChannel::End(std::string why, std::int64_t retry_ms, Effects& out, std::int64_t now) {
  const bool was_merging = std::exchange(merging_, false);
  retry_at_ = now + retry_ms / 2 + static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(retry_ms / 2 + 1)));
  if (state_ == State::kNone) return;
  if (live()) {
    out.push_back({Type::kWarn, "The semi-sync channel ended with " + Range(relays_.back()) + " in its relay: " + std::move(why)});
    if (relays_.back().size() == 0) {
      out.push_back({Type::kDrop, {}, relays_.back()});
      relays_.pop_back();
    }
  } else {
    out.push_back({Type::kInfo, "The second channel to the MASTER ended: " + std::move(why)});
  }
  state_ = State::kNone;
  out.push_back({Type::kClose});
  if (was_merging && link_up_) out.push_back({Type::kReconnect});
}

void DualChannel::DropDurable(std::int64_t durable, Effects& out) {
  for (std::size_t i = 0; i < relays_.size();) {
    const bool receives = live() && i + 1 == relays_.size();
    if (receives || relays_[i].id != position_.id || relays_[i].end - 1 > durable) {
      ++i;
      continue;
    }
    out.push_back({Type::kDrop, {}, relays_[i]});
    relays_.erase(relays_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// Of the link's own step only: what it applied is known, so the relay is not behind it.
void DualChannel::MergeIfReached(Effects& out) {
  const std::int64_t next = position_.offset + 1;
  if (state_ == State::kRelaying && relay_exists_ && link_up_ && !merging_ && relays_.back().start <= next && next <= relays_.back().end) {
    merging_ = true;
    out.push_back({Type::kMerge, {}, relays_.back()});
  }
  StopIfNear(out);
}

void DualChannel::StopIfNear(Effects& out) {
  if (!merging_ || state_ != State::kRelaying || relays_.back().end - (position_.offset + 1) > kNear) return;
  state_ = State::kStopping;
  out.push_back({Type::kStop});
}

// Relays that are no part of the history at `position`; of one's own, `all` that are behind a hole.
void DualChannel::Settle(const StreamPosition& position, bool all, Effects& out) {
  std::erase_if(relays_, [&](const RelaySpan& relay) {
    if (relay.id == position.id && (!all || relay.end <= position.offset + 1)) return false;
    out.push_back({Type::kWarn, "A relay of semi-sync cannot be applied and is set aside: it has " + Range(relay) + ", and the data here ends at " +
                                    std::to_string(position.offset) + " of " + position.id});
    out.push_back({Type::kSetAside, {}, relay});
    return true;
  });
}

}  // namespace slotwise
