#include "engine/append_only.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>

#include "base/ticks.h"
#include "engine/aof_rewrite.h"
#include "engine/binlog.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/saver.h"
#include "keyspace/allocator.h"
#include "log/aof_log.h"

namespace slotwise {
namespace {

thread_local bool hurried = false;

}  // namespace

AppendOnly::Hurry::Hurry(bool on) : before_(hurried) { hurried = hurried || on; }
AppendOnly::Hurry::~Hurry() { hurried = before_; }

AppendOnly::AppendOnly(Engine& engine, FileSystem& files) : engine_(engine), files_(files), binlog_(std::make_unique<Binlog>(engine, files)) {}
AppendOnly::~AppendOnly() { Stop(); }

void AppendOnly::Started(bool on) {
  std::lock_guard<std::mutex> guard(mutex_);
  started_ = true;
  wanted_ = on_ = on;
}

// --- asking ---------------------------------------------------------------------------------------------------------

void AppendOnly::StartLocked(Job job) {
  job_ = job;
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
}

bool AppendOnly::StartWalkLocked(Job job) {
  if (job_ != Job::kNone || !engine_.saver().ReserveWalk(/*shown=*/false)) return false;
  scheduled_ = false;
  begun_ = give_up_ = false;
  begin_ms_ = MonotonicMs();
  next_line_ms_ = begin_ms_ + 1000;
  paced_ = 0;
  info_.rewriting = true;
  info_.current_keys = info_.current_total = 0;
  StartLocked(job);
  return true;
}

AppendOnly::Answer AppendOnly::Rewrite(bool later) {
  std::lock_guard<std::mutex> guard(mutex_);
  if (info_.rewriting) return Answer::kBusy;
  if (stopping_ || !started_) return Answer::kFailed;
  schedule_.Asked();
  if (!later && StartWalkLocked(wanted_ && !on_ ? Job::kTurnOn : Job::kRewrite)) return Answer::kStarted;
  scheduled_ = true;
  return Answer::kScheduled;
}

void AppendOnly::Step() {
  std::lock_guard<std::mutex> guard(mutex_);
  if (!started_ || stopping_ || job_ != Job::kNone || schedule_.IsHeldBack(MonotonicMs())) return;
  if (wanted_ != on_) {
    if (!wanted_) StartLocked(Job::kTurnOff);
    else StartWalkLocked(Job::kTurnOn);
    return;
  }
  if (scheduled_) {
    StartWalkLocked(Job::kRewrite);
    return;
  }
  if (!on_) return;
  const Config& config = engine_.config();
  const CommitLogStats stats = engine_.log().stats();
  if (!RewriteSchedule::HasGrown(stats.current_size, stats.base_size, config.Bytes(Directive::kAutoAofRewriteMinSize),
                                 config.Int(Directive::kAutoAofRewritePercentage))) {
    return;
  }
  if (StartWalkLocked(Job::kRewrite)) {
    engine_.logger().Info("Starting automatic rewriting of AOF on " +
                          std::to_string(RewriteSchedule::Growth(stats.current_size, stats.base_size)) + "% growth");
  }
}

Status AppendOnly::Turn(bool on) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!started_ || stopping_ || wanted_ == on) return Status::Ok();
  wanted_ = on;
  if (!on) {
    scheduled_ = false;
    if (info_.rewriting) {
      give_up_ = true;
      engine_.logger().Info("Killing AOF child: the rewrite that is under way is given up");
    } else if (on_) {
      StartLocked(Job::kTurnOff);
    }
    if (!hurried) changed_.wait(lock, [this] { return job_ == Job::kNone && (!on_ || wanted_); });
    return Status::Ok();
  }
  schedule_.Asked();
  turn_on_failure_ = Status::Ok();
  if (!StartWalkLocked(Job::kTurnOn)) {
    scheduled_ = true;
    engine_.logger().Info("AOF was enabled but there is already another background operation. An AOF background was scheduled to "
                          "start when possible.");
    return Status::Ok();
  }
  if (hurried) return Status::Ok();
  changed_.wait(lock, [this] { return job_ == Job::kNone || begun_; });
  if (begun_ || turn_on_failure_.ok()) return Status::Ok();
  wanted_ = false;
  scheduled_ = false;
  return Status::Error(-1, "Unable to turn on AOF. Check server logs.");
}

void AppendOnly::Stop() {
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  if (job_ == Job::kRewrite) {
    give_up_ = true;
    if (info_.rewriting) engine_.logger().Warn("There is a child rewriting the AOF. Killing it!");
  } else if (job_ == Job::kTurnOn) {
    engine_.logger().Warn("Writing initial AOF before the end");
  }
  changed_.notify_all();
  lock.unlock();
  if (thread_.joinable()) thread_.join();
  binlog_->Stop();
}

AppendOnly::Info AppendOnly::info() const {
  std::lock_guard<std::mutex> guard(mutex_);
  Info info = info_;
  info.enabled = wanted_;
  info.scheduled = scheduled_;
  info.failures = schedule_.failures();
  if (info.rewriting) info.current_seconds = (MonotonicMs() - begin_ms_) / 1000;
  return info;
}

// --- doing, on the thread -------------------------------------------------------------------------------------------

void AppendOnly::Run() {
  pthread_setname_np(pthread_self(), "slotwise-aof");
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || job_ != Job::kNone; });
    if (job_ == Job::kNone) return;
    const Job job = job_;
    lock.unlock();
    if (job == Job::kTurnOff) DoTurnOff();
    else DoRewrite(job);
    FlushThreadCache();
    lock.lock();
    job_ = Job::kNone;
    info_.rewriting = false;
    // What was asked for meanwhile. Whoever asked waits.
    if (!wanted_ && on_ && !stopping_) job_ = Job::kTurnOff;
    changed_.notify_all();
  }
}

Status AppendOnly::Pace(std::uint64_t walked) {
  std::unique_lock<std::mutex> lock(mutex_);
  info_.current_keys = walked;
  const std::int64_t now_ms = MonotonicMs();
  if (now_ms >= next_line_ms_) {
    next_line_ms_ = now_ms + 1000;
    engine_.logger().Info("rewriting the AOF: " + std::to_string(walked) + " of " + std::to_string(info_.current_total) + " keys");
  }
  // What a test asks it to rest, until the test takes it back.
  const auto begin = std::chrono::steady_clock::now();
  auto due = [&] { return begin + std::chrono::microseconds(SaveDelayUs(engine_, walked - paced_)); };
  while (!give_up_ && !stopping_ && std::chrono::steady_clock::now() < due()) {
    changed_.wait_until(lock, std::min(due(), std::chrono::steady_clock::now() + std::chrono::milliseconds(10)));
  }
  paced_ = walked;
  if (!give_up_) return Status::Ok();
  return Status::Error(ECANCELED, "it was given up");
}

void AppendOnly::DoRewrite(Job job) {
  AofRewrite rewrite;
  rewrite.log = job == Job::kTurnOn ? AofRewrite::Log::kStarting : engine_.log().aof() != nullptr ? AofRewrite::Log::kOpen : AofRewrite::Log::kNone;
  rewrite.begun = [this](std::uint64_t total) {
    std::lock_guard<std::mutex> guard(mutex_);
    begun_ = true;
    info_.current_total = total;
    changed_.notify_all();
  };
  rewrite.pace = [this](std::uint64_t walked) { return Pace(walked); };
  engine_.logger().Info("Background append only file rewriting started");
  const Status status = RewriteAof(engine_, files_, rewrite);
  // A log without a base holds nothing.
  if (!status.ok() && job == Job::kTurnOn && engine_.log().persistent()) (void)EndLog(/*keep_files=*/false);
  const std::int64_t now_ms = MonotonicMs();
  std::int64_t held_back_minutes = 0;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    const bool wanted = status.code() != ECANCELED;  // as Redis: a rewrite that was stopped is none that failed
    info_.current_keys = info_.current_total = 0;
    info_.last_seconds = (now_ms - begin_ms_) / 1000;
    if (wanted) {
      info_.last_ok = status.ok();
      schedule_.Ended(status.ok(), now_ms);
    }
    if (schedule_.IsHeldBack(now_ms)) held_back_minutes = schedule_.delay_minutes();
    if (status.ok()) ++info_.rewrites;
    if (job == Job::kTurnOn) {
      on_ = status.ok();
      turn_on_failure_ = status;
      if (!status.ok() && wanted_ && !stopping_) scheduled_ = true;
    }
  }
  if (status.ok()) {
    engine_.logger().Info("Background AOF rewrite finished successfully");
    binlog_->Retain();
  } else {
    engine_.logger().Error("Background AOF rewrite terminated with error: " + status.message());
    if (held_back_minutes > 0) {
      engine_.logger().Warn("Background AOF rewrite has repeatedly failed, it is retried in " + std::to_string(held_back_minutes) + " minutes");
    }
  }
  engine_.saver().ReleaseWalk();
}

void AppendOnly::DoTurnOff() {
  Status status = EndLog(/*keep_files=*/true);
  if (!status.ok()) engine_.logger().Error("Appendonly was switched off, and its end could not be made durable: " + status.message());
  std::lock_guard<std::mutex> guard(mutex_);
  on_ = false;
}

Status AppendOnly::EndLog(bool keep_files) {
  AofLog& log = *engine_.log().aof();
  if (keep_files) (void)log.Sync();  // so that little is left for the moment
  std::unique_ptr<CommitLog> memory = CommitLog::InMemory(log.ShareBuffer());
  CommitLog& next = *memory;
  engine_.keyspace().LockAll();
  log.EndHere();
  engine_.SwitchLog(std::move(memory));
  engine_.keyspace().UnlockAll();
  Status status = keep_files ? log.Close() : Status::Error(ECANCELED, "the log has no base");
  if (!status.ok()) log.Abandon(/*remove_unlisted=*/!keep_files);
  next.Releases(true);
  return status;
}

}  // namespace slotwise
