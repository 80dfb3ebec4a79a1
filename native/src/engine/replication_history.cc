// Histories that outlive the process (replication/history_file.h).
// A replica that comes back asks to go on with the history it followed. A primary that comes back begins another one and keeps
// the last as its second, valid up to where its log ends: after a power cut that may be less than some replica has, and what
// such a replica has more must not meet what is written now under the same name and offsets.
#include <unistd.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/random_hex.h"
#include "base/ticks.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "log/log_buffer.h"
#include "replication/history_file.h"

namespace slotwise {
namespace {

std::string PathOf(const CommitLog::Place& place, const Config& config) { return place.dir + "/" + config.Str(Directive::kAppendfilename) + ".replication"; }

}  // namespace

void Replication::SaveHistory() {
  std::lock_guard<std::mutex> save(save_mutex_);
  SavedHistory history;
  const CommitLog::Place place = engine_.log().place();
  if (place.segment.empty()) return;
  const std::string path = PathOf(place, engine_.config());
  bool keep;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    keep = active();
    history.id = id_;
    history.previous_id = previous_id_;
    history.previous_end = previous_end_;
    history.begin_offset = OffsetOf(place.begin);
    // Of a segment that is new only what comes from now on is sure to be there.
    if (place.segment != saved_segment_) saved_first_ = OffsetOf(saved_segment_.empty() || begin_ > place.begin ? begin_ : engine_.log().tail()) + 1;
    history.first = saved_first_;
    history.segment = saved_segment_ = place.segment;
  }
  if (!keep) {
    unlink(path.c_str());
    return;
  }
  if (Status s = ReplaceFile(path, PrintHistory(history)); !s.ok()) engine_.logger().Warn("Cannot write " + path + ": " + s.message() + ". A restart will cost full resyncs");
}

void Replication::RestoreHistory(int db) {
  const CommitLog::Place place = engine_.log().place();
  if (place.segment.empty()) return;
  const std::string path = PathOf(place, engine_.config());
  std::string text;
  SavedHistory history;
  if (!ReadWholeFile(path, &text).ok()) return;
  LogBuffer& buffer = engine_.log().buffer();
  if (!ParseHistory(text, &history) || history.segment != place.segment) {
    engine_.logger().Warn("The replication history in " + path + " does not belong to " + place.segment + ": replicas need a full resync");
    return;
  }
  std::lock_guard<std::mutex> guard(mutex_);
  buffer.PauseTimestamps(true);
  buffer.KeepTail(backlog_size_);
  id_ = history.id;
  previous_id_ = history.previous_id;
  previous_end_ = history.previous_end;
  saved_segment_ = history.segment;
  saved_first_ = history.first;
  origin_.store(place.begin - static_cast<std::uint64_t>(history.begin_offset));
  const std::uint64_t tail = buffer.TakeOverStream(db);
  begin_ = std::min(tail, origin_.load() + static_cast<std::uint64_t>(history.first) - 1);
  announced_.store(tail);
  no_replicas_since_ms_ = MonotonicMs();
  active_.store(true, std::memory_order_release);
  engine_.logger().Info("The replication history " + id_ + " goes on at offset " + std::to_string(OffsetOf(tail)));
}

std::optional<StreamPlace> Replication::PlaceNow() const {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!active() || data_missing_) return std::nullopt;
  const LogBuffer::Mark mark = engine_.log().buffer().TailMark();
  return StreamPlace{id_, OffsetOf(mark.offset), mark.db};
}

void Replication::RestorePlace(const StreamPlace& place) {
  TakeOverStream(place.id, place.offset, std::max(0, place.db));
  std::lock_guard<std::mutex> guard(mutex_);
  no_replicas_since_ms_ = MonotonicMs();
  engine_.RecordEffects(true);
  engine_.logger().Info("The replication history " + id_ + " goes on at offset " + std::to_string(place.offset) + ", where the snapshot was taken");
}

void Replication::BeginHistoryLocked() {
  previous_id_ = id_;
  previous_end_ = (active() ? OffsetOf(engine_.log().tail()) : rest_offset_) + 1;
  id_ = RandomHex(20);
  if (active()) engine_.log().buffer().BeginStream();
  engine_.logger().Info("Setting secondary replication ID to " + previous_id_ + ", valid up to offset: " + std::to_string(previous_end_) + ". New replication ID is " + id_);
}

}  // namespace slotwise
