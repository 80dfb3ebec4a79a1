// Cuts the power (and kills the process) before every call that the log makes, looks at many of the disks that may be
// left, recovers each, crashes again during the recovery, recovers again, and judges both by the promise.
#include "backup/aof_copy.h"
#include "crash_workload.h"

#include <cstdio>

namespace slotwise::test {
namespace {

struct Tally {
  std::uint64_t images = 0;
  std::uint64_t double_crashes = 0;
  std::uint64_t cut = 0;
  std::uint64_t failures = 0;
  std::uint64_t rewrites = 0;
  std::uint64_t copies = 0;
};

// Every subset if there are few questions, coins of varying bias otherwise.
class Chooser {
 public:
  Chooser(Twister& random, std::uint64_t number, bool exhaustive) : random_(random), bits_(number), exhaustive_(exhaustive) {
    static constexpr unsigned kBias[] = {0, 100, 50, 50, 90, 10, 97, 50};
    bias_ = kBias[number % 8];
  }
  unsigned operator()(unsigned n) {
    if (exhaustive_) {
      unsigned bit = static_cast<unsigned>(bits_ & 1);
      bits_ >>= 1;
      return bit;
    }
    return random_() % 100 < bias_ ? n - 1 : 0;
  }

 private:
  Twister& random_;
  std::uint64_t bits_;
  bool exhaustive_;
  unsigned bias_;
};

class Crasher {
 public:
  Crasher(Workload& workload, RecordingFiles& files, std::uint64_t seed, Tally& tally)
      : workload_(workload), files_(files), seed_(seed), random_(seed * 31 + 7), tally_(tally) {}

  void CrashHere() {
    std::size_t pieces = files_.PendingPieces();
    bool exhaustive = pieces <= 4;
    std::uint64_t count = exhaustive ? std::uint64_t{1} << pieces : 16;
    std::size_t floor = workload_.Floor(CrashKind::kPowerCut);
    for (std::uint64_t i = 0; i < count; ++i) {
      Examine(files_.AfterPowerCut(Chooser(random_, i, exhaustive), "boot-2"), floor, floor, "power cut");
    }
    Examine(files_.Killed(), workload_.Floor(CrashKind::kKill), floor, "kill");
  }

 private:
  void Report(const std::string& what, const char* kind) {
    ++tally_.failures;
    if (tally_.failures <= 5) {
      Fail(__FILE__, __LINE__, std::string(kind) + ", seed " + std::to_string(seed_) + ", call " +
                                   std::to_string(files_.calls()) + ": " + what);
    }
  }

  // Recovery as the server does it: load, then open for appending.
  Status Recover(RecordingFiles& image, std::vector<std::string>* effects) {
    NullLogger logger;
    Loaded loaded = Load(image, logger, workload_.options());
    *effects = std::move(loaded.sink.effects);
    if (!loaded.status.ok()) return loaded.status;
    if (loaded.report.truncated_bytes > 0) ++tally_.cut;
    ManualClock clock;
    std::unique_ptr<AofLog> log;
    return AofLog::Open(image, logger, workload_.options(), clock, AofLogLimits(), &log);
  }

  void Examine(RecordingFiles image, std::size_t floor, std::size_t power_floor, const char* kind) {
    ++tally_.images;
    RecordingFiles again = image.Killed();
    std::vector<std::string> effects;
    Status status = Recover(image, &effects);
    if (!status.ok()) return Report(status.message(), kind);
    std::size_t units = 0;
    std::string wrong = workload_.Judge(effects, floor, &units);
    if (!wrong.empty()) return Report(wrong, kind);
    if (random_() % 4 == 0) CopyInstead(again.Killed(), effects, kind);
    // What was recovered has been served, so from now on it is what must come back.
    if (random_() % 2 == 0) CrashDuringRecovery(again, image.calls() - again.calls(), floor, power_floor);
    if (random_() % 4 == 0) CrashDuringRecovery(image, 0, units, units);
  }

  // A backup of what the crash left holds what a start would have found there, journal included.
  void CopyInstead(RecordingFiles image, const std::vector<std::string>& expected, const char* kind) {
    ++tally_.copies;
    CommitLogOptions to = workload_.options();
    to.dir = "/copy";
    if (image.MakeDir(to.dir) < 0) return Report("no folder for the copy", kind);
    NullLogger logger;
    AofFacts facts;
    Status status = CopyAof(image, logger, workload_.options(), to, [](std::string_view, std::uint64_t, std::uint64_t) {}, &facts);
    if (status.code() == ENOENT && expected.empty()) return;
    if (!status.ok()) return Report("copying: " + status.message(), kind);
    RecordingFiles elsewhere = image.AfterPowerCut([](unsigned) { return 0u; }, "boot-3");
    Loaded loaded = Load(elsewhere, logger, to);
    if (!loaded.status.ok()) return Report("the copy: " + loaded.status.message(), kind);
    if (loaded.sink.effects != expected) Report("the copy has other data than the original", kind);
  }

  void CrashDuringRecovery(RecordingFiles image, std::uint64_t calls, std::size_t floor, std::size_t power_floor) {
    ++tally_.images;
    ++tally_.double_crashes;
    bool power = random_() % 2 == 0;
    if (power) floor = power_floor;
    if (calls > 0) {
      std::uint64_t stop_before = image.calls() + random_() % calls;
      std::unique_ptr<RecordingFiles> caught;
      image.before_call = [&] {
        if (caught == nullptr && image.calls() == stop_before) caught = std::make_unique<RecordingFiles>(Crash(image, power));
      };
      std::vector<std::string> ignored;
      Status status = Recover(image, &ignored);
      if (!status.ok()) return Report("second recovery: " + status.message(), "double crash");
      if (caught != nullptr) return Final(*caught, floor);
    }
    RecordingFiles crashed = Crash(image, power);
    Final(crashed, floor);
  }

  RecordingFiles Crash(const RecordingFiles& image, bool power) {
    if (!power) return image.Killed();
    return image.AfterPowerCut(Chooser(random_, random_() % 8, false), "boot-3");
  }

  void Final(RecordingFiles& image, std::size_t floor) {
    std::vector<std::string> effects;
    Status status = Recover(image, &effects);
    if (!status.ok()) return Report(status.message(), "double crash");
    std::string wrong = workload_.Judge(effects, floor);
    if (!wrong.empty()) Report(wrong, "double crash");
  }

  Workload& workload_;
  RecordingFiles& files_;
  std::uint64_t seed_;
  Twister random_;
  Tally& tally_;
};

void RunPolicy(FsyncPolicy policy, DiskModel model, std::uint64_t seeds, Tally* tally, bool changing = false, bool rewriting = false) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    RecordingFiles files(model);
    Workload workload(files, policy, seed);
    if (changing) workload.ChangePolicies();
    if (rewriting) workload.AlsoRewrite();
    Crasher crasher(workload, files, seed, *tally);
    files.before_call = [&] { crasher.CrashHere(); };
    Status status = workload.Start();
    ASSERT_TRUE(status.ok());
    // Some runs lose an fsync on the way, which makes them go on in a new segment.
    if (seed % 2 == 0) files.FailAt(files.calls() + 5 + seed % 23, FaultKind::kEio, false);
    for (int step = 0; step < 14; ++step) {
      workload.Step();
      if (step != 6 || seed % 2 == 0) continue;
      status = workload.Restart(/*clean=*/seed % 4 == 1);
      ASSERT_TRUE(status.ok());
    }
    files.ClearFault();
    crasher.CrashHere();
    if (seed % 3 == 0) {
      // In steps that the log's thread would not sleep over: everysec promises two seconds.
      for (int half = 0; half < 2; ++half) {
        workload.clock().now += 750;
        workload.log()->Tick(workload.clock().now);
      }
      status = workload.log()->Close();
      EXPECT_TRUE(status.ok());
      workload.NoteAcks();
      crasher.CrashHere();
    }
    files.before_call = nullptr;
    tally->rewrites += workload.rewrites();
  }
}

void Run(FsyncPolicy policy, const char* name, bool changing = false) {
  Tally tally;
  RunPolicy(policy, DiskModel::kPosixMinimal, changing ? 6 : 14, &tally, changing);
  RunPolicy(policy, DiskModel::kExt4Like, changing ? 4 : 8, &tally, changing);
  std::printf("crash images, %s: %llu (%llu after a second crash, %llu with a tail cut), %llu wrong\n", name,
              static_cast<unsigned long long>(tally.images), static_cast<unsigned long long>(tally.double_crashes),
              static_cast<unsigned long long>(tally.cut), static_cast<unsigned long long>(tally.failures));
  EXPECT_EQ(tally.failures, 0u);
  EXPECT_GE(tally.images, 7000u);
  EXPECT_GE(tally.double_crashes, 1000u);
  EXPECT_GE(tally.cut, 100u);
}

// Every call of a rewrite is a moment to crash at too: of the rotation, of the base, of the manifest's renames and of the
// removal of what they replace.
void RunRewriting(FsyncPolicy policy, const char* name) {
  Tally tally;
  RunPolicy(policy, DiskModel::kPosixMinimal, 5, &tally, /*changing=*/false, /*rewriting=*/true);
  RunPolicy(policy, DiskModel::kExt4Like, 3, &tally, /*changing=*/false, /*rewriting=*/true);
  std::printf("crash images, %s with rewrites: %llu (%llu after a second crash, %llu with a tail cut, %llu rewrites), %llu wrong\n", name,
              static_cast<unsigned long long>(tally.images), static_cast<unsigned long long>(tally.double_crashes),
              static_cast<unsigned long long>(tally.cut), static_cast<unsigned long long>(tally.rewrites),
              static_cast<unsigned long long>(tally.failures));
  EXPECT_EQ(tally.failures, 0u);
  EXPECT_GE(tally.images, 7000u);
  EXPECT_GE(tally.rewrites, 8u);
}

}  // namespace

ONE_THREAD_TEST(CrashImages, RewritesKeepWhatAlwaysAcknowledged) { RunRewriting(FsyncPolicy::kAlways, "always"); }
ONE_THREAD_TEST(CrashImages, RewritesKeepAllButTwoSecondsOfEverySec) { RunRewriting(FsyncPolicy::kEverySec, "everysec"); }
ONE_THREAD_TEST(CrashImages, RewritesKeepAPrefixOfNo) { RunRewriting(FsyncPolicy::kNo, "no"); }
ONE_THREAD_TEST(CrashImages, AlwaysKeepsWhatWasAcknowledged) { Run(FsyncPolicy::kAlways, "always"); }
ONE_THREAD_TEST(CrashImages, EverySecKeepsAllButTwoSeconds) { Run(FsyncPolicy::kEverySec, "everysec"); }
ONE_THREAD_TEST(CrashImages, NoKeepsAPrefix) { Run(FsyncPolicy::kNo, "no"); }
ONE_THREAD_TEST(CrashImages, APolicyThatChangesKeepsWhatWasDurable) { Run(FsyncPolicy::kNo, "changing policies", /*changing=*/true); }

}  // namespace slotwise::test
