// What a relay holds, applied by the link: when the stream has come to it, in place of the connection, whose place the channel's
// takes at the relay's end; before the stream is asked for again; and before this server becomes a primary.
// Bytes are passed over by their offsets: what is applied next is the byte behind the last one applied, from wherever it comes.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/ticks.h"
#include "engine/engine.h"
#include "engine/replica_link.h"
#include "engine/replica_stream.h"
#include "engine/replication.h"
#include "log/log_buffer.h"
#include "replication/peer_text.h"

namespace slotwise {
namespace {

constexpr int kFramesATurn = 16;

}  // namespace

void ReplicaLink::TellRelay(DualChannelEvent::Type type, bool renamed) {
  DualChannelEvent event{type};
  event.position = replication_.Position();
  event.number = replication_.SafeOffset();
  event.offered = link_.takes_channel();
  event.renamed = renamed;
  relay_.Step(event);
}

// How far the stream has been applied, and what follows from it.
void ReplicaLink::FollowRelay() {
  DualChannelEvent event{DualChannelEvent::Type::kApplied};
  event.position.offset = replication_.offset();
  event.number = replication_.SafeOffset();
  relay_.Step(event);
  while (std::optional<DualChannelEffect> effect = relay_.Next()) {
    switch (effect->type) {
      case DualChannelEffect::Type::kMerge: BeginMerge(effect->relay); break;
      case DualChannelEffect::Type::kTakeOver: take_over_ = merge_ != nullptr; break;
      case DualChannelEffect::Type::kReconnect: Step({LinkEvent::Type::kFailed, "the semi-sync channel ended while its relay was being applied"}); break;
      default: break;
    }
  }
}

void ReplicaLink::BeginMerge(const RelaySpan& relay) {
  if (!streaming_) return;
  merge_ = relay_.Open(relay);
  if (!merge_) return TellRelay(DualChannelEvent::Type::kFollow);  // the connection brings the same
  merge_moves_ = true;
  engine_.logger().Info("The gap before the relay of semi-sync is closed: applying it from offset " + std::to_string(replication_.offset() + 1) + " on");
  // What has come of a command that is not whole comes from the relay, as a whole.
  stream_->Begin(role_, stream_->client().db);
  // The primary need not keep or send what would not be read.
  output_ += CommandText({"REPLCONF", "slotwise-dual", "leave"});
  if (!SendPending()) output_.clear();
}

void ReplicaLink::EndMerge() {
  merge_.reset();
  take_over_ = merge_moves_ = false;
}

void ReplicaLink::Merge() {
  if (Stalled()) return;
  merge_moves_ = true;
  for (int i = 0; i < kFramesATurn && merge_ && merge_moves_ && !HasOrder(); ++i) {
    merge_moves_ = ApplyFrame();
    if (merge_ && streaming_) FollowRelay();
  }
  if (merge_ && !merge_moves_ && take_over_) TakeOver();
}

// False: there is no more at the moment.
bool ReplicaLink::ApplyFrame() {
  std::string_view bytes = merge_->Next();
  if (bytes.empty()) return false;
  const std::int64_t first = merge_->next() - static_cast<std::int64_t>(bytes.size());
  const std::int64_t wanted = replication_.offset() + static_cast<std::int64_t>(stream_->unapplied()) + 1;
  if (wanted < first) {
    forget_position_ = true;  // never seen; data with a hole would be worse than a copy
    Step({LinkEvent::Type::kFailed, "a relay begins at offset " + std::to_string(first) + ", and " + std::to_string(wanted) + " is next"});
    return false;
  }
  bytes.remove_prefix(std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(wanted - first)));
  while (!bytes.empty() && merge_) {
    std::span<char> room = stream_->Room();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    stream_->Received(n);
    bytes.remove_prefix(n);
    ApplyStream();
  }
  return merge_ != nullptr && !forget_position_;
}

// The relay is applied to its end, where it stands still: the channel's connection brings what comes next.
void ReplicaLink::TakeOver() {
  const std::int64_t wanted = replication_.offset() + static_cast<std::int64_t>(stream_->unapplied()) + 1;
  const std::int64_t end = merge_->next();
  std::string unsent;
  const int fd = wanted == end ? relay_.TakeSocket(&unsent) : -1;
  if (fd < 0) return Step({LinkEvent::Type::kFailed, "the semi-sync channel is not there to go on with"});
  EndMerge();
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
  output_ = unsent + CommandText({"REPLCONF", "slotwise-relay", "merged"});
  Acknowledge();
  relay_.Step({DualChannelEvent::Type::kTakenOver});
  FollowRelay();
}

// Nothing is asked for or read at the moment. If a relay holds the next byte, all of it is applied.
void ReplicaLink::ApplyCovering() {
  for (;;) {
    const StreamPosition position = replication_.Position();
    const std::optional<RelaySpan> relay = relay_.Covering(position);
    if (!relay) return;
    merge_ = relay_.Open(*relay);
    if (!merge_) return;
    engine_.logger().Info("Applying what a relay of semi-sync holds from offset " + std::to_string(position.offset + 1) + " on");
    stream_->Begin(role_, std::max(0, engine_.log().buffer().TailMark().db));
    while (merge_ && ApplyFrame()) {
    }
    EndMerge();
    if (replication_.offset() == position.offset) return;  // its rest is no whole command
  }
}

void ReplicaLink::FinishRelay() {
  if (!relay_.wanted()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  if (stopped_ || !thread_.joinable() || info_.syncing) return;
  finish_relay_ = true;
  eventfd_write(wake_, 1);
  // A copy of the whole data set goes before everything else; then there is nothing here to be finished.
  while (finish_relay_ && !stopped_ && !info_.syncing) relay_finished_.wait_for(lock, std::chrono::milliseconds(20));
  finish_relay_ = false;
}

void ReplicaLink::FinishRelayHere() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    if (!finish_relay_) return;
  }
  // From here on nothing more is acknowledged.
  TellRelay(DualChannelEvent::Type::kFollow);
  if (relay_.Covering(replication_.Position())) {
    Step({LinkEvent::Type::kFailed, "this server is about to become a primary"});
    ApplyCovering();
  }
  std::lock_guard<std::mutex> guard(mutex_);
  finish_relay_ = false;
  relay_finished_.notify_all();
}

void ReplicaLink::FinishRelayAtStart() {
  relay_.Find();
  if (!relay_.wanted()) return;
  stream_ = std::make_unique<ReplicaStream>(engine_);
  role_ = replication_.role();
  ApplyCovering();
  stream_.reset();
  TellRelay(DualChannelEvent::Type::kUnfollow);
}

}  // namespace slotwise
