#include "engine/slot_export.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/ticks.h"
#include "commands/key_positions.h"
#include "engine/cluster.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "keyspace/allocator.h"
#include "log/log_reader.h"
#include "snapshot/dump_payload.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

constexpr std::size_t kKeysAtOnce = 64;           // of a slot, under its stripe
constexpr std::size_t kBytesAtOnce = 32 * 1024;
constexpr std::size_t kDirtyAtOnce = 128;
constexpr int kRoundsMax = 8;
constexpr std::uint64_t kLogLeft = 4 * 1024;      // little enough to hold writers back for it; twice that each time
constexpr std::int64_t kPatienceMs = 100;         // it was waited so long for, since more is written than that in a round trip,
constexpr std::uint64_t kLogLeftMax = 256 * 1024; // up to here
constexpr std::size_t kLogPiece = 1024 * 1024;    // looked at in one go
constexpr std::size_t kWaitingMax = 512u << 20;   // of the log, for a target that takes nothing
constexpr std::int64_t kGraceUs = 1000;           // what a thread of ours needs to find out that commands are held back
constexpr std::int64_t kHoldMs = 30;              // for the rest of the log; else writers go on, and it is tried again, for
constexpr std::int64_t kHoldMsMax = 2000;         // twice as long each time up to this: where more is written than the target keeps up with
constexpr int kHoldsMax = 8;

constexpr std::uint64_t kNotVisited = ~std::uint64_t{0};
constexpr std::uint64_t kWalking = kNotVisited - 1;

}  // namespace

SlotExport::SlotExport(Engine& engine, Cluster& cluster) : engine_(engine), cluster_(cluster) {}

SlotExport::~SlotExport() { Stop(); }

bool SlotExport::Start(Request request) {
  std::lock_guard<std::mutex> guard(control_mutex_);
  if (running_.load()) return false;
  if (thread_.joinable()) thread_.join();
  request_ = std::move(request);
  stopping_.store(false);
  running_.store(true);
  may_finish_.store(false);
  sealed_us_.store(0);
  settled_us_.store(0);
  for (auto* counter : {&keys_, &bytes_, &slots_done_, &commands_, &log_left_}) counter->store(0);
  phase_.store(Phase::kConnecting);
  thread_ = std::thread([this] { Run(); });
  return true;
}

bool SlotExport::Finish(std::string_view job) {
  std::lock_guard<std::mutex> guard(control_mutex_);
  if (!running_.load() || request_.job != job) return false;
  may_finish_.store(true);
  return true;
}

void SlotExport::Stop() {
  std::lock_guard<std::mutex> guard(control_mutex_);
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
  cluster_.Release();
  phase_.store(Phase::kNone);
}

SlotExport::Info SlotExport::info() const {
  Info info;
  info.phase = phase_.load();
  if (info.phase == Phase::kNone) return info;
  info.job = request_.job;
  info.keys = keys_.load();
  info.bytes = bytes_.load();
  info.slots_done = slots_done_.load();
  info.commands = commands_.load();
  info.log_left = log_left_.load();
  info.sealed_us = sealed_us_.load();
  info.settled_us = settled_us_.load();
  return info;
}

void SlotExport::Run() {
  pthread_setname_np(pthread_self(), "slotwise-export");
  error_.clear();
  const bool ready = Export();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  reader_.reset();
  frames_.clear();
  unanswered_.clear();
  frame_ = log_ = out_ = in_ = std::string();
  dirty_.clear();
  FlushThreadCache();
  if (!ready) {
    cluster_.Release();
    phase_.store(Phase::kNone);
  }
  running_.store(false);
  if (stopping_.load()) return;
  if (ready) Tell({kTold, request_.job, "ready"});
  else Tell({kTold, request_.job, again_ ? "again" : "failed", error_});
}

void SlotExport::Tell(std::initializer_list<std::string_view> words) {
  if (engine_.host() != nullptr) engine_.host()->OnControlRequest(0, 2, {words.begin(), words.size()});
}

bool SlotExport::Fail(std::string why) {
  if (error_.empty()) error_ = std::move(why);
  return false;
}

bool SlotExport::Again(std::string why) {
  again_ = error_.empty();
  return Fail(std::move(why));
}

bool SlotExport::Broken(std::string why) {
  link_error_ = std::move(why);
  return false;
}

bool SlotExport::Export() {
  in_.clear();
  out_.clear();
  out_sent_ = 0;
  again_ = false;
  breaks_ = answered_ = 0;
  give_up_ms_ = 0;
  if (!Connect()) return Again(link_error_);
  if (!engine_.records_effects()) (void)engine_.replication().PositionAt(0);  // the stream begins
  phase_.store(Phase::kCopying);
  log_.clear();
  parser_ = RespParser();
  log_begin_ = engine_.log().tail();
  reader_ = std::make_unique<LogReader>(engine_.log(), log_begin_);
  stamps_.assign(kSlotCount, kNotVisited);
  return CopySlots() && HandOver();
}

// --- images ---------------------------------------------------------------------------------------------------------

void SlotExport::EndCommand() {
  if (frame_.size() >= kFrameBytes) frames_.push_back(std::exchange(frame_, {}));
}

void SlotExport::AppendImage(const Entry* entry) {
  if (entry->type() == Type::kString && !entry->has_expire()) {
    IntScratch scratch;
    AppendCommand({"SET", entry->key(), StringBytes(entry, scratch)}, frame_);
  } else {
    const std::string at = std::to_string(entry->has_expire() ? entry->expire_at_ms() : 0);
    AppendCommand({"RESTORE", entry->key(), at, DumpPayload(entry, false), "REPLACE", "ABSTTL"}, frame_);
  }
  keys_.fetch_add(1, std::memory_order_relaxed);
  EndCommand();
}

void SlotExport::AppendKey(int slot, std::string_view name) {
  const KeyRef key(name);
  const Database::Place place = engine_.keyspace().Db(0).Table(slot).Find(key.key, key.hash);
  if (place) return AppendImage(place.entry());
  AppendCommand({"DEL", name}, frame_);
  EndCommand();
}

bool SlotExport::CopySlots() {
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (!request_.slots[static_cast<std::size_t>(slot)]) continue;
    if (!CopySlot(slot) || !MakeRoom() || !Follow()) return false;
    slots_done_.fetch_add(1, std::memory_order_relaxed);
  }
  return true;
}

bool SlotExport::CopySlot(int slot) {
  FutexLock& lock = engine_.keyspace().StripeForSlot(slot).lock;
  {
    std::lock_guard<FutexLock> guard(lock);
    const SlotTable& table = engine_.keyspace().Db(0).Table(slot);
    if (table.size() <= kKeysAtOnce) {
      for (std::uint32_t i = 0; i < table.bucket_count(); ++i) table.VisitBucket(i, [this](const Entry* entry) { AppendImage(entry); });
      stamps_[static_cast<std::size_t>(slot)] = engine_.log().tail();
      return true;
    }
    stamps_[static_cast<std::size_t>(slot)] = kWalking;
  }
  return WalkSlot(slot);
}

bool SlotExport::WalkSlot(int slot) {
  FutexLock& lock = engine_.keyspace().StripeForSlot(slot).lock;
  dirty_.clear();
  std::uint64_t cursor = 0;
  do {
    {
      std::lock_guard<FutexLock> guard(lock);
      std::size_t seen = 0;
      const std::uint64_t before = frames_.size() * kFrameBytes + frame_.size();
      do {
        cursor = engine_.keyspace().Db(0).Table(slot).Scan(cursor, [&](const Entry* entry) {
          ++seen;
          AppendImage(entry);
        });
      } while (cursor != 0 && seen < kKeysAtOnce && frames_.size() * kFrameBytes + frame_.size() < before + kBytesAtOnce);
    }
    if (!MakeRoom()) return false;
  } while (cursor != 0);
  for (int round = 0; round < kRoundsMax; ++round) {
    if (!Follow()) return false;
    if (dirty_.size() <= kDirtyAtOnce) break;
    for (const std::string& key : std::exchange(dirty_, {})) {
      {
        std::lock_guard<FutexLock> guard(lock);
        AppendKey(slot, key);
      }
      if (!MakeRoom()) return false;
    }
  }
  std::lock_guard<FutexLock> guard(lock);
  if (!Follow()) return false;
  for (const std::string& key : dirty_) AppendKey(slot, key);
  dirty_.clear();
  stamps_[static_cast<std::size_t>(slot)] = engine_.log().tail();
  return true;
}

// --- the log --------------------------------------------------------------------------------------------------------

bool SlotExport::LogIsGone() {
  const std::string why = "the log went on faster than it could be followed (repl-backlog-size)";
  return breaks_ > 0 ? Again(why) : Fail(why);  // without a break it would be so the next time, too
}

bool SlotExport::Follow() {
  static const ParserLimits limits{INT32_MAX, INT64_MAX / 2, 64 * 1024, true};
  const std::uint64_t tail = engine_.log().tail();
  while (reader_->offset() < tail) {
    while (reader_->offset() < tail && log_.size() < kLogPiece) {
      const std::string_view piece = reader_->Peek(tail);
      if (piece.empty()) return LogIsGone();
      log_.append(piece);
      reader_->Advance(piece.size());
    }
    std::size_t at = 0;
    bool more = true;
    while (more && at < log_.size()) {
      const std::string_view rest = std::string_view(log_).substr(at);
      if (rest[0] == '#') {  // a time
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos) break;
        at += end + 1;
        continue;
      }
      std::size_t taken = 0;
      args_.clear();
      switch (parser_.Next(rest, limits, args_, &taken)) {
        case RespParser::Result::kCommand:
          if (!Record(args_, rest.substr(0, taken), log_begin_ + at)) return false;
          at += taken;
          break;
        case RespParser::Result::kIncomplete:
          more = false;
          break;
        case RespParser::Result::kError:
          return Fail("the log cannot be read");
      }
    }
    log_.erase(0, at);
    log_begin_ += at;
    if (frames_.size() * kFrameBytes > kWaitingMax) return Fail("the target is too slow for what is written here");
    // A command that is larger than what is read in one go.
    if (!more && log_.size() >= kLogPiece && reader_->offset() < tail) {
      const std::string_view piece = reader_->Peek(tail);
      if (piece.empty()) return LogIsGone();
      log_.append(piece);
      reader_->Advance(piece.size());
    }
  }
  log_left_.store(engine_.log().tail() - log_begin_, std::memory_order_relaxed);
  return true;
}

bool SlotExport::Record(std::span<const std::string_view> args, std::string_view wire, std::uint64_t offset) {
  if (args.empty()) return true;
  const CommandTable::Resolution resolved = engine_.commands().Resolve(args);
  if (resolved.outcome != CommandTable::Outcome::kOk || !resolved.command->Is(CommandFlag::kWrite)) return true;  // SELECT, MULTI, PING
  const Command& command = *resolved.command;
  if (command.Is(CommandId::kFlushall) || command.Is(CommandId::kFlushdb)) return Fail("the data set was flushed meanwhile");
  int slot = -1;
  bool several = false;
  ForEachKeyIndex(command, args.data(), args.size(), [&](std::size_t i) {
    const int other = HashSlot(args[i]);
    several = several || (slot >= 0 && other != slot && (request_.slots[static_cast<std::size_t>(slot)] || request_.slots[static_cast<std::size_t>(other)]));
    slot = other;
  });
  if (several) return Fail("a command was about keys of several slots");
  if (slot < 0 || !request_.slots[static_cast<std::size_t>(slot)]) return true;
  const std::uint64_t stamp = stamps_[static_cast<std::size_t>(slot)];
  if (stamp == kWalking) {
    ForEachKeyIndex(command, args.data(), args.size(), [&](std::size_t i) { dirty_.emplace(args[i]); });
  } else if (stamp != kNotVisited && offset >= stamp) {
    frame_.append(wire);
    commands_.fetch_add(1, std::memory_order_relaxed);
    EndCommand();
  }
  return true;
}

// All that was sent is answered, and the log is followed up to a few KB before its end.
bool SlotExport::UntilLittleIsLeft() {
  std::uint64_t enough = kLogLeft;
  for (std::int64_t since_ms = MonotonicMs();;) {
    if (!Follow()) return false;
    const bool sent = frames_.empty() && out_sent_ == out_.size() && unanswered_.empty();
    if (sent && engine_.log().tail() - log_begin_ + frame_.size() <= enough) return true;
    if (!frame_.empty() && unanswered_.empty()) frames_.push_back(std::exchange(frame_, {}));
    if (!Turn(kPollMs)) return false;
    if (MonotonicMs() - since_ms < kPatienceMs || enough >= kLogLeftMax) continue;
    enough *= 2;
    since_ms = MonotonicMs();
  }
}

bool SlotExport::HandOver() {
  for (;;) {
    phase_.store(Phase::kFollowing);
    if (!UntilLittleIsLeft()) return false;
    const std::uint64_t breaks = breaks_;
    may_finish_.store(false);
    Tell({kTold, request_.job, "near"});
    while (!may_finish_.load() && breaks == breaks_) {
      if (!frame_.empty()) frames_.push_back(std::exchange(frame_, {}));
      if (!Follow() || !Turn(kPollMs)) return false;
    }
    bool settled = false;
    if (!HoldAndSettle(breaks, &settled)) return false;
    if (settled) return true;
  }
}

// Writers are held back for the rest, if the connection is still the one that `breaks` counts. `settled`: all has arrived.
bool SlotExport::HoldAndSettle(std::uint64_t breaks, bool* settled) {
  std::int64_t hold_ms = kHoldMs;
  for (int attempt = 0; attempt < kHoldsMax; ++attempt, hold_ms = std::min(2 * hold_ms, kHoldMsMax)) {
    if (!UntilLittleIsLeft()) return false;
    if (breaks != breaks_) return true;
    const std::int64_t began_us = MonotonicUs();
    phase_.store(Phase::kHeld);
    cluster_.Hold(request_.slots, SlotHold::Mode::kWrites);
    // Who looked a moment ago runs what it has at hand: that is done soon, and need not be refused.
    for (const std::int64_t until_us = began_us + kGraceUs; MonotonicUs() < until_us;) {
      if (!Follow() || !Turn(0)) return false;
      if (breaks != breaks_) return true;  // and the hold has ended
    }
    cluster_.Seal();
    sealed_us_.store(MonotonicUs() - began_us);
    bool all = false;
    if (!Follow() || !Settle(began_us / 1000 + hold_ms, &all)) return false;
    if (breaks != breaks_) return true;
    settled_us_.store(MonotonicUs() - began_us);
    *settled = all;
    if (all) return true;
    cluster_.Release();
    phase_.store(Phase::kFollowing);
  }
  return Fail("the target is too slow for what is written here");
}

}  // namespace slotwise
