#include "replication/resync.h"

#include <algorithm>

namespace slotwise {
namespace {

bool SameId(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// An id in a log line: whatever the replica sent, a line stays a line.
std::string Printable(std::string_view id) {
  std::string out(id.substr(0, 64));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126) c = '.';
  }
  return out;
}

}  // namespace

ResyncDecision DecideResync(const ReplicationHistory& history, std::string_view asked_id, std::int64_t asked_offset) {
  ResyncDecision decision;
  const bool ours = SameId(asked_id, history.id);
  const bool previous = SameId(asked_id, history.previous_id);
  if (!ours && (!previous || asked_offset > history.previous_end)) {
    decision.on_purpose = asked_id.starts_with('?');
    if (decision.on_purpose) decision.why = "Full resync requested";
    else if (previous) decision.why = "Requested offset for second ID was " + std::to_string(asked_offset) + ", but I can reply up to " + std::to_string(history.previous_end);
    else decision.why = "Replication ID mismatch (Replica asked for '" + Printable(asked_id) + "', my replication IDs are '" + history.id + "' and '" + history.previous_id + "')";
    return decision;
  }
  decision.partial = history.active && asked_offset >= history.first && asked_offset <= history.next;
  if (!decision.partial) {
    decision.why = "lack of backlog (Replica request was: " + std::to_string(asked_offset) + ", available are " + std::to_string(history.first) + " to " +
                   std::to_string(history.next) + ")";
  }
  return decision;
}

}  // namespace slotwise
