#include "replication/link.h"

#include <algorithm>

#include "replication/peer_text.h"

namespace slotwise {
namespace {

using Type = LinkEffect::Type;
using EventType = LinkEvent::Type;

}  // namespace

const char* LinkStateName(LinkState state) {
  constexpr const char* kNames[] = {"none", "connect", "connecting", "handshake", "sync", "connected"};
  return kNames[static_cast<std::size_t>(state)];
}

Link::Effects Link::Step(const LinkEvent& event, std::int64_t now) {
  Effects out;
  switch (event.type) {
    case EventType::kFollow:
      if (state_ > LinkState::kConnect) out.push_back({Type::kClose});
      host_ = event.text;
      port_ = event.port;
      state_ = LinkState::kConnect;
      attempts_ = 0;
      retry_at_ = now;
      out.push_back({Type::kInfo, "Connecting to MASTER " + host_ + ":" + std::to_string(port_)});
      break;
    case EventType::kUnfollow:
      if (state_ > LinkState::kConnect) out.push_back({Type::kClose});
      state_ = LinkState::kNone;
      break;
    case EventType::kConnected:
      if (state_ != LinkState::kConnecting) break;
      state_ = LinkState::kHandshake;
      expect_ = Expect::kPong;
      heard_at_ = now;
      position_ = event.position;
      out.push_back({Type::kInfo, "MASTER <-> REPLICA sync started"});
      out.push_back({Type::kSend, CommandText({"PING"})});
      break;
    case EventType::kLine:
      heard_at_ = now;
      if (state_ == LinkState::kHandshake || state_ == LinkState::kSync) Answer(event.text, out, now);
      break;
    case EventType::kActivity:
      heard_at_ = now;
      break;
    case EventType::kSnapshotLoaded:
      if (state_ != LinkState::kSync) break;
      Online(now);
      out.push_back({Type::kInfo, "MASTER <-> REPLICA sync: Finished with success"});
      // A primary that sent a snapshot of unknown length holds the stream back until it hears this.
      out.push_back({Type::kAcknowledge});
      break;
    case EventType::kFailed:
      if (state_ > LinkState::kConnect) GiveUp(event.text, out, now, event.costly);
      break;
    case EventType::kTick:
      if (state_ == LinkState::kConnect && now >= retry_at_) {
        state_ = LinkState::kConnecting;
        heard_at_ = now;
        out.push_back({Type::kConnect});
      } else if (state_ > LinkState::kConnect && now - heard_at_ > options_.timeout_ms) {
        GiveUp(state_ == LinkState::kConnected ? "MASTER timeout: no data nor PING received..." : "Timeout connecting to the MASTER...", out, now);
      } else if (state_ == LinkState::kConnected && now >= next_ack_at_) {
        next_ack_at_ = now + kAckMs;
        if (now - online_at_ >= kSteadyMs) attempts_ = 0;
        out.push_back({Type::kAcknowledge});
      }
      break;
  }
  return out;
}

std::int64_t Link::NextTick() const {
  switch (state_) {
    case LinkState::kNone: return INT64_MAX;
    case LinkState::kConnect: return retry_at_;
    case LinkState::kConnected: return std::min(next_ack_at_, heard_at_ + options_.timeout_ms + 1);
    default: return heard_at_ + options_.timeout_ms + 1;
  }
}

void Link::GiveUp(std::string why, Effects& out, std::int64_t now, bool costly) {
  const bool was_online = state_ == LinkState::kConnected;
  const std::int64_t most = std::min(kRetryMsMin << std::min(attempts_, 10), costly ? kCostlyRetryMsMax : kRetryMsMax);
  ++attempts_;
  // Between half of it and all of it.
  const std::int64_t wait = most / 2 + static_cast<std::int64_t>(random_.Below(static_cast<std::uint64_t>(most / 2 + 1)));
  state_ = LinkState::kConnect;
  retry_at_ = now + wait;
  out.push_back({Type::kWarn, (was_online ? "Connection with master lost: " : "MASTER <-> REPLICA sync failed: ") + std::move(why) +
                                  "; the next attempt is in " + std::to_string(wait) + " ms"});
  out.push_back({Type::kClose});
}

void Link::Online(std::int64_t now) {
  state_ = LinkState::kConnected;
  online_at_ = heard_at_ = now;
  next_ack_at_ = now + kAckMs;
}

void Link::Answer(std::string_view line, Effects& out, std::int64_t now) {
  switch (expect_) {
    case Expect::kPong:
      if (!line.starts_with('+') && !line.starts_with("-NOAUTH") && !line.starts_with("-NOPERM") &&
          !line.starts_with("-ERR operation not permitted")) {
        return GiveUp("Error reply to PING from master: '" + PrintableLine(line) + "'", out, now);
      }
      return Introduce(out);
    case Expect::kAuth:
      if (line.starts_with('-')) return GiveUp("Unable to AUTH to MASTER: " + PrintableLine(line), out, now);
      if (!line.starts_with('+')) return GiveUp("Unexpected reply to AUTH from MASTER: " + PrintableLine(line), out, now);
      expect_ = Expect::kReplconf;
      return;
    case Expect::kReplconf:
      if (replies_left_ == 1 && !options_.channel_name.empty()) {
        takes_channel_ = line == "+DUAL";  // anybody else says OK, or that this is unknown
      } else if (line.starts_with('-')) {
        out.push_back({Type::kInfo, "(Non critical) Master does not understand a REPLCONF: " + PrintableLine(line)});
      } else if (!line.starts_with('+')) {
        return GiveUp("Unexpected reply to REPLCONF from MASTER: " + PrintableLine(line), out, now);
      }
      if (--replies_left_ == 0) AskForStream(out);
      return;
    case Expect::kPsync: return PsyncAnswer(line, out, now);
    case Expect::kSnapshotHeader: return SnapshotHeader(line, out, now);
  }
}

// Sent in one go; the answers come one by one.
void Link::Introduce(Effects& out) {
  std::string text;
  if (!options_.password.empty()) {
    text += options_.user.empty() ? CommandText({"AUTH", options_.password}) : CommandText({"AUTH", options_.user, options_.password});
  }
  expect_ = text.empty() ? Expect::kReplconf : Expect::kAuth;
  text += CommandText({"REPLCONF", "listening-port", std::to_string(options_.port)});
  replies_left_ = 2;
  if (!options_.ip.empty()) {
    text += CommandText({"REPLCONF", "ip-address", options_.ip});
    ++replies_left_;
  }
  text += CommandText({"REPLCONF", "capa", "eof", "capa", "psync2", "capa", "slotwise-ack"});
  takes_channel_ = false;
  if (!options_.channel_name.empty()) {
    text += CommandText({"REPLCONF", "slotwise-dual", options_.channel_name});
    ++replies_left_;
  }
  out.push_back({Type::kSend, std::move(text)});
}

void Link::AskForStream(Effects& out) {
  expect_ = Expect::kPsync;
  if (position_.id.empty()) {
    out.push_back({Type::kInfo, "Partial resynchronization not possible (no cached master)"});
    out.push_back({Type::kSend, CommandText({"PSYNC", "?", "-1"})});
    return;
  }
  const std::string next = std::to_string(position_.offset + 1);
  out.push_back({Type::kInfo, "Trying a partial resynchronization (request " + position_.id + ":" + next + ")."});
  out.push_back({Type::kSend, options_.failover ? CommandText({"PSYNC", position_.id, next, "FAILOVER"}) : CommandText({"PSYNC", position_.id, next})});
}

void Link::PsyncAnswer(std::string_view line, Effects& out, std::int64_t now) {
  if (line.empty()) return;  // somebody is there
  if (line.starts_with("+FULLRESYNC ")) {
    std::string_view rest = line.substr(12);
    const std::string_view id = rest.substr(0, std::min(rest.find(' '), rest.size()));
    const std::int64_t offset = rest.size() > id.size() ? ParseCount(rest.substr(id.size() + 1)) : -1;
    if (!IsReplicationId(id) || offset < 0) return GiveUp("Master replied with wrong +FULLRESYNC syntax: " + PrintableLine(line), out, now);
    full_id_ = id;
    full_offset_ = offset;
    state_ = LinkState::kSync;
    expect_ = Expect::kSnapshotHeader;
    out.push_back({Type::kInfo, "Full resync from master: " + full_id_ + ":" + std::to_string(full_offset_)});
    return;
  }
  if (line == "+CONTINUE" || line.starts_with("+CONTINUE ")) {
    if (position_.id.empty()) return GiveUp("Master continues a stream that was not asked for", out, now);
    std::string id(line.substr(std::min<std::size_t>(line.size(), 10)));
    if (!id.empty() && !IsReplicationId(id)) return GiveUp("Master replied with wrong +CONTINUE syntax: " + PrintableLine(line), out, now);
    if (id == position_.id) id.clear();
    Online(now);
    attempts_ = 0;
    out.push_back({Type::kInfo, "Successful partial resynchronization with master." + (id.empty() ? std::string() : " Master replication ID changed to " + id)});
    out.push_back({Type::kContinue, {}, std::move(id)});
    return;
  }
  if (line.starts_with("-NOMASTERLINK") || line.starts_with("-LOADING")) {
    return GiveUp("Master is currently unable to PSYNC but should be in the future: " + PrintableLine(line), out, now);
  }
  const std::string why = "Unexpected reply to PSYNC from master: " + PrintableLine(line);
  if (options_.failover) out.push_back({Type::kRefused, why});
  GiveUp(why, out, now);
}

void Link::SnapshotHeader(std::string_view line, Effects& out, std::int64_t now) {
  if (line.empty()) return;
  if (line.starts_with('-')) return GiveUp("MASTER aborted replication with an error: " + PrintableLine(line), out, now);
  LinkEffect effect{Type::kReceiveSnapshot, {}, full_id_, full_offset_};
  if (line.starts_with("$EOF:")) {
    effect.mark = line.substr(5);
    if (effect.mark.size() != kMarkSize) return GiveUp("Bad protocol from MASTER, the mark of a snapshot has to be 40 bytes: " + PrintableLine(line), out, now);
  } else {
    effect.length = line.starts_with('$') ? ParseCount(line.substr(1)) : -1;
    if (effect.length <= 0) {
      return GiveUp("Bad protocol from MASTER, the first byte is not '$' or no length follows (we received '" + PrintableLine(line) + "')", out, now);
    }
  }
  out.push_back({Type::kInfo, "MASTER <-> REPLICA sync: receiving " +
                                  (effect.length < 0 ? "streamed RDB from master" : std::to_string(effect.length) + " bytes from master")});
  out.push_back(std::move(effect));
}

}  // namespace slotwise
