#include "log/log_thread.h"

#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <thread>

#include "base/thread_slice.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kSoonMicros = 1000;  // embedded writers: at most this many writes a second, at most this late

void FutexWait(std::atomic<std::uint32_t>& word, std::uint32_t expected, std::uint64_t micros) {
  timespec timeout{static_cast<time_t>(micros / 1000000), static_cast<long>(micros % 1000000) * 1000};
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, expected,
          micros == AofLog::kNever ? nullptr : &timeout, nullptr, 0);
}
void FutexWake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

// What the log thread does not do itself: fdatasync of the index beside that of the segment, and settling. One job at a time:
// the log thread is the only caller.
class Helper {
 public:
  ~Helper() {
    if (!thread_.joinable()) return;
    state_.store(kStop);
    FutexWake(state_);
    thread_.join();
  }
  void StartSync(IndexWriter& index) {
    Finish();
    index_ = &index;
    Start();
  }
  void StartSettle(AofLog& log) {
    Finish();
    log_ = &log;
    index_ = nullptr;
    Start();
  }
  int Finish() {
    while (state_.load(std::memory_order_acquire) == kWork) FutexWait(state_, kWork, AofLog::kNever);
    return result_;
  }

 private:
  enum : std::uint32_t { kIdle, kWork, kStop };
  void Start() {
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    state_.store(kWork, std::memory_order_release);
    FutexWake(state_);
  }
  void Run() {
    prctl(PR_SET_NAME, "slotwise-sync");
    for (;;) {
      std::uint32_t state = state_.load(std::memory_order_acquire);
      if (state == kStop) return;
      if (state == kIdle) {
        FutexWait(state_, kIdle, AofLog::kNever);
        continue;
      }
      if (index_ != nullptr) result_ = index_->Sync();
      else log_->Settle();
      state_.store(kIdle, std::memory_order_release);
      FutexWake(state_);
    }
  }
  std::atomic<std::uint32_t> state_{kIdle};
  IndexWriter* index_ = nullptr;
  AofLog* log_ = nullptr;
  int result_ = 0;
  std::thread thread_;
};

class LogThread final : public LogDriver {
 public:
  LogThread(AofLog& log, LogClock& clock) : log_(log), clock_(clock) {}
  ~LogThread() override { Stop(); }
  void Start() override {
    thread_ = std::thread([this] { Run(); });
  }
  void Stop() override {
    if (!thread_.joinable()) return;
    Ask(static_cast<Attention>(kStop));
    thread_.join();
    helper_.Finish();
    {
      std::lock_guard<std::mutex> guard(mutex_);
      stopped_ = true;
    }
    done_.notify_all();
  }

  void Ask(Attention attention) override {
    if ((wanted_.load(std::memory_order_seq_cst) & attention) != 0) return;  // it has not looked since
    if ((wanted_.fetch_or(attention, std::memory_order_seq_cst) & ~kSoon) == 0) FutexWake(wanted_);
  }

  int SyncPair(File& data, IndexWriter& index) override {
    helper_.StartSync(index);
    int data_result = data.SyncData();
    int index_result = helper_.Finish();
    return data_result < 0 ? data_result : index_result;
  }

  void StartSettle() override { helper_.StartSettle(log_); }
  void WaitSettle() override { helper_.Finish(); }

  void WaitSettled(std::uint64_t offset) override {
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiters_;
    const std::uint64_t failures = log_.failures();
    lock.unlock();
    // Again: the request of a moment ago may have failed before this thread was counted.
    log_.RequestSync(offset);
    lock.lock();
    done_.wait(lock, [&] { return stopped_ || log_.settled() >= offset || log_.failures() != failures; });
    --waiters_;
  }

 private:
  static constexpr std::uint32_t kStop = 4;

  void Run() {
    prctl(PR_SET_NAME, "slotwise-log");
    AskForShortTurns();
    for (;;) {
      std::uint32_t wanted = wanted_.exchange(0, std::memory_order_seq_cst);
      if ((wanted & kStop) != 0) return;
      std::uint64_t now = clock_.NowMs();
      std::uint64_t next = log_.Tick(now);
      {
        std::lock_guard<std::mutex> guard(mutex_);
        if (waiters_ > 0) done_.notify_all();
      }
      auto pause_until = std::chrono::steady_clock::now() + std::chrono::microseconds(kSoonMicros);
      std::uint64_t sleep = next == AofLog::kNever ? next : next <= now ? 0 : (next - now) * 1000;
      if (sleep > 0 && wanted_.load(std::memory_order_seq_cst) == 0) FutexWait(wanted_, 0, sleep);
      // Asked to write soon, and having just done so: let more come together first, unless somebody is in a hurry.
      while (wanted_.load(std::memory_order_seq_cst) == kSoon) {
        auto left = std::chrono::duration_cast<std::chrono::microseconds>(pause_until - std::chrono::steady_clock::now());
        if (left.count() <= 0) break;
        FutexWait(wanted_, kSoon, static_cast<std::uint64_t>(left.count()));
      }
    }
  }

  AofLog& log_;
  LogClock& clock_;
  std::atomic<std::uint32_t> wanted_{0};
  Helper helper_;
  std::mutex mutex_;
  std::condition_variable done_;
  int waiters_ = 0;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<LogDriver> MakeLogThread(AofLog& log, LogClock& clock) { return std::make_unique<LogThread>(log, clock); }

}  // namespace slotwise
