#include "replication/position_token.h"

#include "replication/peer_text.h"

namespace slotwise {
namespace {

constexpr std::size_t kIdSize = 40;

}  // namespace

std::string PositionText(const StreamPosition& position) { return position.id + ":" + std::to_string(position.offset); }

std::optional<StreamPosition> ParsePosition(std::string_view text) {
  if (text.size() <= kIdSize || text[kIdSize] != ':' || !IsReplicationId(text.substr(0, kIdSize))) return std::nullopt;
  const std::int64_t offset = ParseCount(text.substr(kIdSize + 1));
  if (offset < 0) return std::nullopt;
  return StreamPosition{std::string(text.substr(0, kIdSize)), offset};
}

Reach DecideReach(const ReplicationHistory& history, const StreamPosition& wanted, bool settled) {
  if (history.active && wanted.id == history.id) return wanted.offset < history.next ? Reach::kReached : Reach::kNotYet;
  if (history.active && wanted.id == history.previous_id && wanted.offset < history.previous_end) return Reach::kReached;
  return settled ? Reach::kOtherHistory : Reach::kNotYet;
}

}  // namespace slotwise
