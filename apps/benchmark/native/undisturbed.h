// What is left of latencies without the moments in which the machine itself stood still. A hypervisor takes cores away for
// milliseconds, and counts ("steal") only a part of it. So on each core in question a thread of the highest real-time
// priority wakes every half millisecond; one that comes late had no core, whatever the programs measured do, unless the
// kernel would not be interrupted. The load generator itself sees it by its own clock. Slices of 20 ms in which, or just
// before which, that happened are left out, and no more: to leave out what queued behind such a moment as well hid stalls of
// 200 ms that began with one of 4 ms. How many were is part of the result: if it depends on what is measured, then the
// result hides something. Needs the right to real-time priority.
#pragma once
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "histogram.h"
#include "load_program.h"

class Canary {
 public:
  static constexpr std::uint64_t kLateNs = 500'000;

  explicit Canary(int core) : thread_([this] { Run(); }) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (pthread_setaffinity_np(thread_.native_handle(), sizeof cores, &cores) != 0) Die("--canary: there is no core %d", core);
    const sched_param first{.sched_priority = 99};
    is_first_ = pthread_setschedparam(thread_.native_handle(), SCHED_FIFO, &first) == 0;
  }
  ~Canary() {
    done_ = true;
    thread_.join();
  }
  bool is_first() const { return is_first_; }
  // Since it was last asked.
  bool WasLate(std::uint64_t now) {
    const bool was = late_.exchange(false);
    return was || now > awake_ns_.load() + kPeriodNs + kLateNs;
  }
  std::uint64_t longest_late_ns() const { return longest_late_ns_; }
  void Forget() { longest_late_ns_ = 0; }

 private:
  static constexpr std::uint64_t kPeriodNs = 500'000;
  void Run() {
    for (std::uint64_t due = NowNs(); !done_; due = std::max(due + kPeriodNs, NowNs())) {
      const timespec at{static_cast<time_t>(due / kNsPerSecond), static_cast<long>(due % kNsPerSecond)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
      const std::uint64_t now = NowNs();
      if (now > due + kLateNs) late_ = true;
      longest_late_ns_ = std::max(longest_late_ns_.load(), now > due ? now - due : 0);
      awake_ns_ = now;
    }
  }
  bool is_first_ = false;
  std::atomic<bool> done_{false};
  std::atomic<bool> late_{false};
  std::atomic<std::uint64_t> awake_ns_{NowNs()};
  std::atomic<std::uint64_t> longest_late_ns_{0};
  std::thread thread_;
};

class Undisturbed {
 public:
  void Watch(int core) { canaries_.push_back(std::make_unique<Canary>(core)); }
  bool is_watching() const {
    return !canaries_.empty() && std::all_of(canaries_.begin(), canaries_.end(), [](const auto& c) { return c->is_first(); });
  }
  void Begin(std::uint64_t now) {
    kept_.Clear();
    current_.Clear();
    for (const auto& canary : canaries_) canary->Forget();
    all_ns_ = kept_ns_ = 0;
    slice_begin_ns_ = now;
    was_disturbed_ = is_disturbed_ = true;
    looked_ns_ = now;
    load_away_ns_ = 0;
    slice_end_ns_ = now + kSliceNs;
  }
  void Record(std::uint64_t latency_ns) { current_.Record(latency_ns, 1); }
  // To be called all the time: that it was not is a sign as well.
  void Look(std::uint64_t now) {
    is_disturbed_ |= now > looked_ns_ + Canary::kLateNs;
    load_away_ns_ = std::max(load_away_ns_, now - looked_ns_);
    looked_ns_ = now;
    if (now < slice_end_ns_) return;
    for (const auto& canary : canaries_) is_disturbed_ |= canary->WasLate(now);
    all_ns_ += now - slice_begin_ns_;
    if (!is_disturbed_ && !was_disturbed_) {
      kept_ns_ += now - slice_begin_ns_;
      kept_.Add(current_);
    }
    was_disturbed_ = is_disturbed_;
    is_disturbed_ = false;
    current_.Clear();
    looked_ns_ = NowNs();
    slice_begin_ns_ = now;
    slice_end_ns_ = looked_ns_ + kSliceNs;
  }
  const Histogram& kept() const { return kept_; }
  // The longest that the load generator did nothing: not on a core, or in the kernel.
  std::uint64_t load_away_ns() const { return load_away_ns_; }
  // The longest that one of the cores was not there.
  std::uint64_t core_away_ns() const {
    std::uint64_t longest = 0;
    for (const auto& canary : canaries_) longest = std::max(longest, canary->longest_late_ns());
    return longest;
  }
  double kept_share() const { return all_ns_ == 0 ? 0 : static_cast<double>(kept_ns_) / static_cast<double>(all_ns_); }

 private:
  static constexpr std::uint64_t kSliceNs = kNsPerSecond / 50;
  std::vector<std::unique_ptr<Canary>> canaries_;
  Histogram kept_, current_;
  std::uint64_t all_ns_ = 0, kept_ns_ = 0;
  bool was_disturbed_ = true, is_disturbed_ = true;
  std::uint64_t load_away_ns_ = 0, looked_ns_ = 0, slice_begin_ns_ = 0, slice_end_ns_ = 0;
};
