// A position in a stream as text that a client carries from the server it wrote to, to one that it reads from:
// "<replication id>:<offset>". Whoever has applied that history up to that offset shows what the client has written and seen.
//
// Reached, not yet, or never: a position belongs to a history. It is one of ours if it names our replication id, or the previous one
// up to where that ended; a later offset of the previous one is a write that was lost with the primary that took it. Decided from
// numbers, as a resync (resync.h), so that every case is a row in position_token_test.cc.
// Source: docs/decisions/0021; spec replication.md section 8.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "replication/link.h"
#include "replication/resync.h"

namespace slotwise {

std::string PositionText(const StreamPosition& position);
// nullopt: a server cannot have said that.
std::optional<StreamPosition> ParsePosition(std::string_view text);

enum class Reach {
  kReached,
  kNotYet,
  kOtherHistory,
};

// `history.next` is the offset behind the last one that is applied. `settled`: this server knows whose history it has. A replica that
// has no link to its primary may find out that it is the wanted one.
Reach DecideReach(const ReplicationHistory& history, const StreamPosition& wanted, bool settled);

}  // namespace slotwise
