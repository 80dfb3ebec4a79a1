#include "engine/binlog.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <utility>

#include "engine/blocking.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/waiter.h"
#include "log/aof_segment.h"
#include "log/index_search.h"
#include "log/resp_scanner.h"
#include "replication/position_token.h"

namespace slotwise {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20;  // a batch ends with the unit that exceeds it
constexpr std::size_t kMarksMax = 1024;
constexpr auto kLookEvery = std::chrono::milliseconds(5);
constexpr int kAttempts = 4;
constexpr const char* kFileSuffix = ".incr.aof";
constexpr const char* kNoBinlog = "ERR There is no binlog: the append-only file is off (appendonly no)";

template <typename Number>
bool ParseWhole(std::string_view text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

void AppendBulk(std::string* out, std::string_view bytes) {
  *out += "$" + std::to_string(bytes.size()) + "\r\n";
  out->append(bytes);
  *out += "\r\n";
}

void AppendInteger(std::string* out, std::uint64_t v) { *out += ":" + std::to_string(v) + "\r\n"; }

// What changes nothing: framing, and what replicas and subscribers are told.
bool IsNoise(const BinlogEvent& event) {
  if (event.opens || event.closes) return true;
  for (std::string_view name : {"select", "ping", "publish", "spublish", "replconf"}) {
    if (IsCommand(event.argv[0], name)) return true;
  }
  return false;
}

void AppendCommand(std::string* out, const BinlogEvent& event) {
  *out += "*2\r\n";
  AppendInteger(out, static_cast<std::uint64_t>(event.db));
  *out += "*" + std::to_string(event.argv.size()) + "\r\n";
  for (std::string_view word : event.argv) AppendBulk(out, word);
}

std::string NotYetText(const StreamPosition& wanted, const Replication& replication) {
  return "ERR The position " + PositionText(wanted) + " is not here yet: this server has the history up to offset " + std::to_string(replication.offset());
}

// The log offset of the byte behind a position of the stream. False: `error` says why it has none.
bool LogOffsetOf(Replication& replication, std::uint64_t tail, const StreamPosition& wanted, std::int64_t* out, std::string* error) {
  if (!replication.active()) return *error = "HISTORY This server has no replication history yet", false;
  switch (replication.ReachOf(wanted)) {
    case Reach::kOtherHistory: return *error = replication.OtherHistoryText(wanted), false;
    case Reach::kNotYet: return *error = NotYetText(wanted, replication), false;
    case Reach::kReached: break;
  }
  // The stream is the log, but for a constant.
  const auto constant = static_cast<std::int64_t>(tail) - replication.PositionAt(tail).offset;
  const std::int64_t first = replication.PositionAt(0).offset;
  if (wanted.offset < first) {
    *error = "PURGED offset " + std::to_string(wanted.offset) + " is before what is held of this history, which begins at offset " + std::to_string(first);
    return false;
  }
  *out = constant + wanted.offset;
  return true;
}

}  // namespace

// --- where things are -----------------------------------------------------------------------------------------------

Binlog::Binlog(Engine& engine, FileSystem& files)
    : engine_(engine), files_(files), file_prefix_(engine.config().Str(Directive::kAppendfilename) + ".") {}

std::string Binlog::Text(BinlogPosition position) const {
  return file_prefix_ + std::to_string(position.seq) + kFileSuffix + ":" + std::to_string(position.byte);
}

std::string Binlog::Look(View* view) {
  const CommitLogOptions options = engine_.LogOptions();
  const AofPaths paths(options);
  for (int attempt = 0;; ++attempt) {
    const CommitLog::Place place = engine_.log().place();
    if (place.segment.empty()) return kNoBinlog;
    const std::uint64_t promise = engine_.Promise();
    const Status status = ListBinlogFiles(files_, paths, options.archive_dir, place, &view->list);
    if (status.code() == EAGAIN && attempt + 1 < kAttempts) continue;
    if (!status.ok()) return "ERR " + status.message();
    BinlogFile& current = view->list.files.back();
    // The promise may be ahead, if another file has been begun since; and behind the first byte of this one.
    const std::int64_t promised = static_cast<std::int64_t>(promise - place.begin);
    view->written = {current.seq, current.size};
    current.size = std::min<std::uint64_t>(current.size, promised < 0 ? 0 : static_cast<std::uint64_t>(promised));
    view->end = {current.seq, current.size};
    view->current_begin = place.begin;
    view->end_offset = place.begin + current.size;
    return {};
  }
}

std::string Binlog::PurgedText(BinlogPosition wanted, const View& view) const {
  return "PURGED " + Text(wanted) + " is not held any more: the oldest position held is " + Text({view.list.files.front().seq, 0});
}

std::string Binlog::Resolve(std::string_view text, std::string_view consumer, BinlogPosition* out) {
  View view;
  if (std::string error = Look(&view); !error.empty()) return error;
  const std::string invalid = "ERR Invalid position, it is FILE:POSITION, an offset, REPLICATION-ID:OFFSET, 0, $ or @SECONDS";
  std::uint64_t number = 0;
  if (text == "$") return *out = view.end, "";
  if (text == ">") {
    if (consumer.empty()) return "ERR > is the position of a consumer, and none is named";
    std::lock_guard<std::mutex> guard(mutex_);
    if (std::string error = StateLocked(); !error.empty()) return error;
    const auto it = state_->consumers.find(consumer);
    if (it == state_->consumers.end()) return "ERR No such consumer '" + std::string(consumer) + "': begin with a position and acknowledge it";
    *out = {it->second.seq, it->second.position};
    return {};
  }
  if (text == "0") {
    if (!view.list.from_the_beginning) {
      return "PURGED the beginning of everything is not held any more: the oldest position held is " + Text({view.list.files.front().seq, 0});
    }
    *out = {view.list.files.front().seq, 0};
    return {};
  }
  if (text.starts_with("@")) {
    if (!ParseWhole(text.substr(1), &number) || number > UINT32_MAX) return invalid;
    // The last file that had ended something before that second: what follows it in time is behind.
    for (std::size_t i = view.list.files.size(); i-- > 0;) {
      const BinlogFile& file = view.list.files[i];
      const std::unique_ptr<IndexSearch> index = IndexSearch::Open(files_, file.path);
      const std::uint32_t first = index == nullptr ? 0 : index->FirstSeconds();
      if (i > 0 && (first == 0 || first >= number)) continue;
      const std::optional<std::uint64_t> begin = index == nullptr ? std::nullopt : index->BeginAt(static_cast<std::uint32_t>(number));
      *out = {file.seq, begin ? std::min(*begin, file.size) : index == nullptr ? 0 : index->StartBefore(file.size)};
      return {};
    }
    return invalid;
  }
  std::int64_t wanted = 0;
  const std::optional<StreamPosition> stream = ParsePosition(text);
  if (stream) {
    std::string error;
    if (!LogOffsetOf(engine_.replication(), engine_.log().tail(), *stream, &wanted, &error)) return error;
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    const std::string_view name = text.substr(0, colon);
    if (!ParseWhole(text.substr(colon + 1), &out->byte)) return invalid;
    const BinlogFile* file = view.list.Find(name);
    if (file == nullptr) {
      // A file that was purged has a number.
      std::string_view digits = name;
      if (digits.starts_with(file_prefix_)) digits.remove_prefix(file_prefix_.size());
      if (digits.ends_with(kFileSuffix)) digits.remove_suffix(std::string_view(kFileSuffix).size());
      if (!ParseWhole(digits, &out->seq) || out->seq == 0) return invalid;
      if (out->seq < view.list.files.front().seq) return PurgedText(*out, view);
      return "ERR There is no file " + std::string(name) + ": the binlog ends at " + Text(view.end);
    }
    out->seq = file->seq;
    return {};
  } else {
    if (!ParseWhole(text, &number)) return invalid;
    wanted = static_cast<std::int64_t>(number);
  }
  auto begin = static_cast<std::int64_t>(view.current_begin);
  for (std::size_t i = view.list.files.size(); i-- > 0;) {
    if (wanted >= begin) {
      *out = {view.list.files[i].seq, static_cast<std::uint64_t>(wanted - begin)};
      // In memory only: a moment later it is in the file.
      if (stream && i + 1 == view.list.files.size() && out->byte > view.written.byte) return NotYetText(*stream, engine_.replication());
      return {};
    }
    if (i > 0) begin -= static_cast<std::int64_t>(view.list.files[i - 1].size);
  }
  return "PURGED offset " + std::to_string(stream ? stream->offset : wanted) + " is not held any more: the oldest position held is " + Text({view.list.files.front().seq, 0});
}

// The file of a position with its limit, by the shortest way if it is the one that is written.
std::string Binlog::Locate(BinlogPosition at, BinlogFile* file, BinlogPosition* end, std::uint64_t* behind, View* view) {
  view->list.files.clear();
  if (std::string error = Look(view); !error.empty()) return error;
  *end = view->end;
  const BinlogFile* found = view->list.Find(at.seq);
  if (found == nullptr) {
    if (at.seq < view->end.seq) return PurgedText(at, *view);
    return "ERR There is no position " + Text(at) + ": the binlog ends at " + Text(view->end);
  }
  *file = *found;
  // A promise that replicas are part of can go back: nothing new is shown meanwhile.
  if (found->current && at.byte > found->size && at.byte <= view->written.byte) file->size = at.byte;
  if (at.byte > file->size) {
    return "ERR There is no position " + Text(at) + ": " + (found->current ? "the binlog" : "that file") + " ends at " + Text({found->seq, found->size});
  }
  *behind = file->size - at.byte;
  for (const BinlogFile* next = found; (next = view->list.After(next->seq)) != nullptr;) *behind += next->size;
  return {};
}

void Binlog::Remember(BinlogPosition position, int db) {
  std::lock_guard<std::mutex> guard(mutex_);
  marks_[{position.seq, position.byte}] = {db, ++mark_clock_};
  if (marks_.size() <= kMarksMax) return;
  std::erase_if(marks_, [&](const auto& mark) { return mark.second.second + kMarksMax / 2 < mark_clock_; });
}

std::optional<int> Binlog::Recall(BinlogPosition position) {
  std::lock_guard<std::mutex> guard(mutex_);
  const auto it = marks_.find({position.seq, position.byte});
  if (it == marks_.end()) return std::nullopt;
  return it->second.first;
}

std::string Binlog::SeekIn(BinlogReader& reader, BinlogPosition position) {
  const Status status = reader.Seek(position.byte, Recall(position));
  if (status.ok()) return {};
  if (status.code() != EINVAL) return "ERR " + status.message();
  const BinlogReader::Inside& inside = reader.inside();
  std::string text = "ERR " + Text(position) + " is no position between commands: it lies in what begins at " + Text({position.seq, inside.begin});
  if (inside.end != 0) text += " and ends at " + Text({position.seq, inside.end});
  return text;
}

// --- reading --------------------------------------------------------------------------------------------------------

std::string Binlog::Read(BinlogPosition from, std::size_t count_max, Batch* out) {
  *out = Batch();
  out->next = from;
  std::string error = ReadFrom(count_max, out);
  const CommitLog::Place place = engine_.log().place();
  // Behind a rotation of this moment it is left out: the next batch has one.
  if (error.empty() && Text({out->end.seq, 0}) == place.segment + ":0") {
    const std::uint64_t end = place.begin + out->end.byte;
    if (end >= out->behind) out->origin = OriginAt(end - out->behind);
  }
  return error;
}

std::string Binlog::OriginAt(std::uint64_t log_offset) const {
  Replication& replication = engine_.replication();
  if (!replication.active()) return {};
  const StreamPosition position = replication.PositionAt(log_offset);
  // At or before the beginning of the history it would be another place.
  if (position.id.empty() || position.offset <= replication.PositionAt(0).offset) return {};
  return PositionText(position);
}

std::string Binlog::ReadFrom(std::size_t count_max, Batch* out) {
  for (int missing = 0;;) {
    BinlogFile file;
    View view;
    if (std::string error = Locate(out->next, &file, &out->end, &out->behind, &view); !error.empty()) return error;
    if (out->next.byte == file.size) {
      const BinlogFile* next = view.list.After(file.seq);
      if (file.current || next == nullptr) return {};
      out->next = {next->seq, 0};
      continue;
    }
    std::unique_ptr<BinlogReader> reader;
    // What no block covers yet was written this moment.
    const Status opened = BinlogReader::Open(files_, file.path, file.size, file.current ? UnixSeconds() : 0, &reader);
    // Purged, or moved into the archive, this moment.
    if (opened.code() == ENOENT && ++missing < kAttempts) continue;
    if (!opened.ok()) return "ERR " + opened.message();
    const std::uint64_t start = out->next.byte;
    if (std::string error = ReadUnits(*reader, file.seq, count_max, out); !error.empty()) return error;
    out->behind -= out->next.byte - start;
    if (!out->units.empty()) return {};
    if (out->next.byte == start) {
      if (file.current) return {};
      return "ERR " + file.path + " ends inside of what begins at byte " + std::to_string(start);
    }
    // Nothing but what changes nothing.
  }
}

std::string Binlog::ReadUnits(BinlogReader& reader, std::uint64_t seq, std::size_t count_max, Batch* out) {
  if (std::string error = SeekIn(reader, out->next); !error.empty()) return error;
  int db = reader.db();
  std::string commands;
  std::size_t count = 0, bytes = 0;
  std::uint64_t begin = 0;
  std::uint32_t seconds = 0;
  bool open = false;
  BinlogEvent event;
  Status status;
  while (out->units.size() < count_max && bytes < kBatchBytes && reader.Next(&event, &status)) {
    if (!open) {
      open = true;
      begin = event.begin;
      seconds = event.seconds;
      commands.clear();
      count = 0;
    }
    if (!IsNoise(event)) {
      AppendCommand(&commands, event);
      ++count;
    }
    if (reader.in_transaction()) continue;
    open = false;
    out->next.byte = event.end;
    db = reader.db();
    if (count == 0) continue;
    std::string unit = "*4\r\n";
    AppendBulk(&unit, Text({seq, begin}));
    AppendBulk(&unit, Text({seq, event.end}));
    AppendInteger(&unit, seconds);
    unit += "*" + std::to_string(count) + "\r\n" + commands;
    bytes += unit.size();
    out->units.push_back(std::move(unit));
  }
  if (!status.ok()) return "ERR " + status.message();
  Remember(out->next, db);
  return {};
}

std::string Binlog::Encode(const Binlog& binlog, const Batch& batch, int protocol) {
  std::string text = protocol == 3 ? "%" : "*";
  text += std::to_string((batch.origin.empty() ? 4 : 5) * (protocol == 3 ? 1 : 2)) + "\r\n";
  AppendBulk(&text, "position");
  AppendBulk(&text, binlog.Text(batch.next));
  if (!batch.origin.empty()) {
    AppendBulk(&text, "origin");
    AppendBulk(&text, batch.origin);
  }
  AppendBulk(&text, "end");
  AppendBulk(&text, binlog.Text(batch.end));
  AppendBulk(&text, "behind");
  AppendInteger(&text, batch.behind);
  AppendBulk(&text, "events");
  text += "*" + std::to_string(batch.units.size()) + "\r\n";
  for (const std::string& unit : batch.units) text += unit;
  return text;
}

std::string Binlog::ForEach(BinlogPosition from, const std::function<bool(const BinlogEvent&)>& visit) {
  BinlogFile file;
  BinlogPosition end;
  View view;
  std::uint64_t behind = 0;
  if (std::string error = Locate(from, &file, &end, &behind, &view); !error.empty()) return error;
  std::unique_ptr<BinlogReader> reader;
  Status status = BinlogReader::Open(files_, file.path, file.size, file.current ? UnixSeconds() : 0, &reader);
  if (!status.ok()) return "ERR " + status.message();
  if (std::string error = SeekIn(*reader, from); !error.empty()) return error;
  BinlogEvent event;
  while (reader->Next(&event, &status) && visit(event)) {}
  return status.ok() ? "" : "ERR " + status.message();
}

// --- waiting --------------------------------------------------------------------------------------------------------

void Binlog::Wait(const std::shared_ptr<Waiter>& waiter, BinlogPosition from, std::size_t count_max) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (stopping_) return;  // whoever waits is ended with its connection
  waits_.push_back({waiter, from, count_max, waiter->protocol});
  fresh_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
}

void Binlog::Run() {
  pthread_setname_np(pthread_self(), "slotwise-binlog");
  std::unique_lock<std::mutex> lock(mutex_);
  std::uint64_t seen = 0;
  while (!stopping_) {
    if (waits_.empty()) {
      changed_.wait(lock, [this] { return stopping_ || !waits_.empty(); });
      continue;
    }
    const std::uint64_t promise = engine_.Promise();
    // Who has just come may have looked before the last of it was promised.
    if (promise != seen || fresh_) {
      seen = promise;
      fresh_ = false;
      const std::vector<Pending> waits = waits_;
      lock.unlock();
      LookAtWaits(waits);
      lock.lock();
    }
    std::erase_if(waits_, [](const Pending& pending) { return pending.waiter->ended(); });
    if (!waits_.empty()) changed_.wait_for(lock, kLookEvery, [this] { return stopping_ || fresh_; });
  }
}

void Binlog::LookAtWaits(const std::vector<Pending>& waits) {
  for (const Pending& pending : waits) {
    if (pending.waiter->ended()) continue;
    Batch batch;
    const std::string error = Read(pending.from, pending.count_max, &batch);
    if (error.empty() && batch.units.empty()) continue;
    if (!engine_.blocking().Claim(*pending.waiter)) continue;
    pending.waiter->reply = error.empty() ? Encode(*this, batch, pending.protocol) : "-" + error + "\r\n";
    ClientSink& sink = *pending.waiter->sink;
    sink.Unblocked(pending.waiter);
  }
}

void Binlog::Stop() {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// --- consumers ------------------------------------------------------------------------------------------------------

std::string Binlog::StateLocked() {
  if (state_) return {};
  if (!engine_.log().persistent()) return kNoBinlog;
  BinlogState state;
  const Status status = LoadBinlogState(files_, AofPaths(engine_.LogOptions()), &state);
  if (!status.ok()) return "ERR " + status.message();
  state_ = std::move(state);
  return {};
}

std::string Binlog::Id(std::string* id) {
  std::lock_guard<std::mutex> guard(mutex_);
  std::string error = StateLocked();
  if (error.empty()) *id = state_->id;
  return error;
}

std::string Binlog::Consumers(std::map<std::string, BinlogConsumer, std::less<>>* out) {
  std::lock_guard<std::mutex> guard(mutex_);
  std::string error = StateLocked();
  if (error.empty()) *out = state_->consumers;
  return error;
}

std::string Binlog::Acknowledge(std::string_view name, BinlogPosition position) {
  BinlogFile file;
  BinlogPosition end;
  View view;
  std::uint64_t behind = 0;
  if (std::string error = Locate(position, &file, &end, &behind, &view); !error.empty()) return error;
  if (!Recall(position)) {
    std::unique_ptr<BinlogReader> reader;
    const Status status = BinlogReader::Open(files_, file.path, file.size, 0, &reader);
    if (!status.ok()) return "ERR " + status.message();
    if (std::string error = SeekIn(*reader, position); !error.empty()) return error;
  }
  std::lock_guard<std::mutex> guard(mutex_);
  if (std::string error = StateLocked(); !error.empty()) return error;
  BinlogState next = *state_;
  next.consumers[std::string(name)] = {position.seq, position.byte, UnixSeconds()};
  const Status status = SaveBinlogState(files_, AofPaths(engine_.LogOptions()), next);
  if (!status.ok()) return "ERR " + status.message();
  state_ = std::move(next);
  return {};
}

std::string Binlog::Forget(std::string_view name, bool* known) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (std::string error = StateLocked(); !error.empty()) return error;
  BinlogState next = *state_;
  const auto it = next.consumers.find(name);
  *known = it != next.consumers.end();
  if (!*known) return {};
  next.consumers.erase(it);
  const Status status = SaveBinlogState(files_, AofPaths(engine_.LogOptions()), next);
  if (!status.ok()) return "ERR " + status.message();
  state_ = std::move(next);
  return {};
}

// --- the beginning --------------------------------------------------------------------------------------------------

std::string Binlog::PurgeTo(std::string_view name, std::int64_t* removed) {
  *removed = 0;
  View view;
  if (std::string error = Look(&view); !error.empty()) return error;
  const BinlogFile* keep = view.list.Find(name);
  if (keep == nullptr) return "ERR There is no file " + std::string(name) + ": the oldest position held is " + Text({view.list.files.front().seq, 0});
  std::map<std::string, BinlogConsumer, std::less<>> consumers;
  if (std::string error = Consumers(&consumers); !error.empty()) return error;
  for (const auto& [consumer, at] : consumers) {
    if (at.seq < keep->seq && view.list.Find(at.seq) != nullptr) {
      return "ERR The consumer '" + consumer + "' has come to " + Text({at.seq, at.position}) + " only: let it read on, or BINLOG FORGET it";
    }
  }
  for (const BinlogFile& file : view.list.files) {
    if (file.seq >= keep->seq) break;
    if (!file.archived) {
      return "ERR " + file.name + " is needed by the data set: only what a rewrite (BGREWRITEAOF) has replaced can be purged";
    }
    if (const Status status = RemoveArchived(files_, file); !status.ok()) return "ERR " + status.message();
    ++*removed;
  }
  return {};
}

void Binlog::Retain(std::uint64_t bytes_max, std::int64_t seconds_max) {
  bytes_max_.store(bytes_max, std::memory_order_relaxed);
  seconds_max_.store(seconds_max, std::memory_order_relaxed);
  View view;
  if ((bytes_max == 0 && seconds_max == 0) || !Look(&view).empty()) return;
  std::uint64_t total = 0;
  for (const BinlogFile& file : view.list.files) total += file.size;
  const std::int64_t now = UnixSeconds();
  for (const BinlogFile& file : view.list.files) {
    if (!file.archived) return;
    const std::unique_ptr<IndexSearch> index = IndexSearch::Open(files_, file.path);
    const std::int64_t last = index == nullptr ? 0 : index->LastSeconds();
    const bool old = seconds_max > 0 && last != 0 && last + seconds_max < now;
    if (!old && (bytes_max == 0 || total <= bytes_max)) return;
    if (const Status status = RemoveArchived(files_, file); !status.ok()) return engine_.logger().Warn(status.message());
    engine_.logger().Info("Removed " + file.name + " from the archive: it is beyond the binlog's retention");
    total -= file.size;
  }
}

}  // namespace slotwise
