// Lets every single call of the log fail, once and from then on, with every kind of error: nothing acknowledged may be
// lost, nothing may crash, and when the disk works again the log must heal by itself and lose nothing at all.
#include "crash_workload.h"

#include <cstdio>

namespace slotwise::test {
namespace {

struct Tally {
  std::uint64_t runs = 0;
  std::uint64_t injected = 0;
  std::uint64_t refused = 0;  // runs in which Health() said no
  std::uint64_t failures = 0;
};

class Sweep {
 public:
  Sweep(FsyncPolicy policy, FaultKind kind, bool forever, std::uint64_t call, Tally& tally, bool rewriting = false)
      : policy_(policy), kind_(kind), forever_(forever), call_(call), tally_(tally), rewriting_(rewriting) {}

  // False when the workload has fewer calls than `call`.
  bool Run() {
    ++tally_.runs;
    RecordingFiles files(call_ % 2 == 0 ? DiskModel::kPosixMinimal : DiskModel::kExt4Like);
    Workload workload(files, policy_, call_ % 7 + 1);
    if (rewriting_) workload.AlsoRewrite();
    files.FailAt(call_, kind_, forever_);
    Status status = workload.Start();
    if (!status.ok()) {
      // A start that fails must leave something a later start can use.
      if (status.message().empty()) Wrong("a failed start without a message");
      workload.Forget();
      files.ClearFault();
      status = workload.Start();
      if (!status.ok()) {
        Wrong("start after a failed start: " + status.message());
        return true;
      }
    }
    bool refused = false;
    for (int step = 0; step < 12; ++step) {
      workload.Step();
      Status health = workload.log()->Health();
      if (!health.ok()) {
        refused = true;
        if (health.message().find("Errors writing to the AOF file: ") != 0) Wrong("Health says '" + health.message() + "'");
      }
      if (health.ok() != workload.log()->healthy()) Wrong("Health() and healthy() disagree");
    }
    tally_.refused += refused ? 1 : 0;
    tally_.injected += files.faults();
    Judge(files.Killed(), workload, CrashKind::kKill, "killed while failing");
    auto coin = [&workload](unsigned n) { return static_cast<unsigned>(workload.random()() % n); };
    for (int i = 0; i < 3; ++i) {
      Judge(files.AfterPowerCut(coin, "boot-2"), workload, CrashKind::kPowerCut, "power cut while failing");
    }
    const bool hit = files.faults() > 0 || files.calls() >= call_;
    Heal(files, workload);
    return hit;
  }

 private:
  void Wrong(const std::string& what) {
    if (++tally_.failures <= 5) {
      Fail(__FILE__, __LINE__, what + " (policy " + std::to_string(static_cast<int>(policy_)) + ", fault " +
                                   std::to_string(static_cast<int>(kind_)) + (forever_ ? " forever" : " once") + " at call " +
                                   std::to_string(call_) + ")");
    }
  }

  void Judge(RecordingFiles image, Workload& workload, CrashKind crash, const char* when) {
    std::size_t floor = workload.Floor(crash);
    NullLogger logger;
    Loaded loaded = Load(image, logger, workload.options());
    if (!loaded.status.ok()) return Wrong(std::string(when) + ": " + loaded.status.message());
    std::string wrong = workload.Judge(loaded.sink.effects, floor);
    if (!wrong.empty()) Wrong(std::string(when) + ": " + wrong);
  }

  // The disk works again: within a retry or two everything appended is durable.
  void Heal(RecordingFiles& files, Workload& workload) {
    files.ClearFault();
    workload.AppendSome();
    for (int i = 0; i < 3; ++i) {
      workload.clock().now += 1100;
      workload.log()->Tick(workload.clock().now);
    }
    if (!workload.log()->healthy()) return Wrong("not healed: " + workload.log()->Health().message());
    Status status = workload.log()->Sync();
    if (!status.ok()) return Wrong("Sync after healing: " + status.message());
    Judge(files.AfterPowerCut([](unsigned) { return 0u; }, "boot-2"), workload, CrashKind::kPowerCut, "power cut after healing");
    status = workload.log()->Close();
    if (!status.ok()) return Wrong("Close after healing: " + status.message());
    NullLogger logger;
    Loaded loaded = Load(files, logger, workload.options());
    if (!loaded.status.ok()) return Wrong("load after healing: " + loaded.status.message());
    std::string wrong = workload.Judge(loaded.sink.effects, workload.unit_count());
    if (!wrong.empty()) Wrong("after healing: " + wrong);
    if (loaded.report.truncated_bytes != 0) Wrong("a clean end was cut");
  }

  FsyncPolicy policy_;
  FaultKind kind_;
  bool forever_;
  std::uint64_t call_;
  Tally& tally_;
  bool rewriting_;
};

}  // namespace

ONE_THREAD_TEST(CrashFaults, EveryCallMayFailInEveryWay) {
  Tally tally;
  for (FsyncPolicy policy : {FsyncPolicy::kAlways, FsyncPolicy::kEverySec, FsyncPolicy::kNo}) {
    for (FaultKind kind : {FaultKind::kEio, FaultKind::kEnospc, FaultKind::kShortWrite}) {
      for (bool forever : {false, true}) {
        for (std::uint64_t call = 1; call < 200; ++call) {
          if (!Sweep(policy, kind, forever, call, tally).Run()) break;
        }
      }
    }
  }
  std::printf("fault sweep: %llu runs, %llu faults injected, %llu runs refused writes for a while, %llu wrong\n",
              static_cast<unsigned long long>(tally.runs), static_cast<unsigned long long>(tally.injected),
              static_cast<unsigned long long>(tally.refused), static_cast<unsigned long long>(tally.failures));
  EXPECT_EQ(tally.failures, 0u);
  EXPECT_GE(tally.runs, 400u);
  EXPECT_GE(tally.refused, 100u);
}

// A rewrite that fails leaves the log as it was, and one that succeeds leaves nothing to fail over.
ONE_THREAD_TEST(CrashFaults, EveryCallMayFailWhileTheAofIsRewritten) {
  Tally tally;
  for (FsyncPolicy policy : {FsyncPolicy::kAlways, FsyncPolicy::kEverySec, FsyncPolicy::kNo}) {
    for (FaultKind kind : {FaultKind::kEio, FaultKind::kEnospc, FaultKind::kShortWrite}) {
      for (bool forever : {false, true}) {
        for (std::uint64_t call = 1; call < 400; ++call) {
          if (!Sweep(policy, kind, forever, call, tally, /*rewriting=*/true).Run()) break;
        }
      }
    }
  }
  std::printf("fault sweep with rewrites: %llu runs, %llu faults injected, %llu runs refused writes for a while, %llu wrong\n",
              static_cast<unsigned long long>(tally.runs), static_cast<unsigned long long>(tally.injected),
              static_cast<unsigned long long>(tally.refused), static_cast<unsigned long long>(tally.failures));
  EXPECT_EQ(tally.failures, 0u);
  EXPECT_GE(tally.runs, 600u);
  EXPECT_GE(tally.refused, 100u);
}

}  // namespace slotwise::test
