// A data directory that changes hands: who holds the lock, what an owner does that has lost it, and what becomes of what it
// still writes without knowing.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "crash_workload.h"
#include "log/data_dir_lock.h"

namespace slotwise::test {
namespace {

const std::string kDir = "/data/appendonlydir/";

std::string LockText(const std::string& dir) {
  std::ostringstream out;
  out << std::ifstream(dir + "/slotwise.lock").rdbuf();
  return out.str();
}

TEST(DataDirLock, KnowsWhetherTheOneBeforeLetGoItself) {
  TempDir dir;
  std::unique_ptr<DataDirLock> lock;
  ASSERT_TRUE(DataDirLock::Acquire(dir.path(), &lock).ok());
  EXPECT_EQ(lock->epoch(), 1u);
  EXPECT_FALSE(lock->took_over());
  EXPECT_TRUE(lock->StillMine());
  const std::string held = LockText(dir.path());
  lock.reset();
  ASSERT_TRUE(DataDirLock::Acquire(dir.path(), &lock).ok());
  EXPECT_EQ(lock->epoch(), 2u);
  EXPECT_FALSE(lock->took_over());
  lock.reset();
  std::ofstream(dir.path() + "/slotwise.lock") << held;  // as kill -9 leaves it
  ASSERT_TRUE(DataDirLock::Acquire(dir.path(), &lock).ok());
  EXPECT_TRUE(lock->took_over());
  EXPECT_EQ(lock->epoch(), 2u);
}

TEST(DataDirLock, IsLostWhenAnotherEpochIsWrittenOrTheFileIsAnotherOne) {
  TempDir dir;
  std::unique_ptr<DataDirLock> lock, other;
  ASSERT_TRUE(DataDirLock::Acquire(dir.path(), &lock).ok());
  const std::string mine = LockText(dir.path());
  // The file server has forgotten the lock, and a process on another machine has it.
  std::ofstream(dir.path() + "/slotwise.lock") << "77\nepoch 2 0123456789abcdef\n";
  EXPECT_FALSE(lock->StillMine());
  std::ofstream(dir.path() + "/slotwise.lock") << mine;
  EXPECT_TRUE(lock->StillMine());
  rename((dir.path() + "/slotwise.lock").c_str(), (dir.path() + "/elsewhere").c_str());
  EXPECT_TRUE(lock->StillMine());  // nobody has come
  rename((dir.path() + "/elsewhere").c_str(), (dir.path() + "/slotwise.lock").c_str());
  ASSERT_TRUE(DataDirLock::Seize(dir.path(), &other).ok());
  EXPECT_FALSE(lock->StillMine());
  EXPECT_TRUE(other->StillMine());
  EXPECT_TRUE(other->took_over());
  EXPECT_EQ(other->epoch(), 2u);
  const std::string theirs = LockText(dir.path());
  lock.reset();
  EXPECT_EQ(LockText(dir.path()), theirs);
  std::string pid;
  EXPECT_TRUE(DataDirLock::IsHeld(dir.path(), &pid));
  EXPECT_EQ(pid, std::to_string(getpid()));
  EXPECT_EQ(DataDirLock::Acquire(dir.path(), &lock).code(), EWOULDBLOCK);
  other.reset();
  EXPECT_FALSE(DataDirLock::IsHeld(dir.path(), &pid));
  unlink((dir.path() + "/slotwise.lock").c_str());
  ASSERT_TRUE(DataDirLock::Seize(dir.path(), &other).ok());
  EXPECT_FALSE(other->took_over());
}

// One owner of a directory that both have open.
struct Owner {
  RecordingFiles& files;
  CollectingLogger logger;
  ManualClock clock;
  CommitLogOptions options;
  AofLogLimits limits;
  std::unique_ptr<AofLog> log;
  std::vector<std::string> found;
  bool owned = true;
  int looks = 0;
  int told = 0;

  // `fenced`: it looks whether it is the owner still.
  Owner(RecordingFiles& shared, FsyncPolicy policy, bool took_over, bool fenced) : files(shared) {
    options = TestOptions(policy);
    options.took_over = took_over;
    options.shared = fenced;
    if (fenced) {
      options.owned = [this] { ++looks; return owned; };
      options.on_lost = [this] { ++told; };
    }
    limits.journal_bytes = 9 * kJournalBlockSize;
    Loaded loaded = Load(files, logger, options);
    Status status = loaded.status;
    found = loaded.sink.effects;
    if (status.ok()) status = AofLog::Open(files, logger, options, clock, limits, &log);
    if (!status.ok()) Fail(__FILE__, __LINE__, status.message());
  }
  std::uint64_t Append(const std::string& key) {
    LogUnit unit;
    AddEffect(&unit, 0, {"SET", key, "1"});
    return log->Append(unit);
  }
  // Appended, and as far as it goes acknowledged. True if a reply may leave.
  bool Set(const std::string& key) {
    const std::uint64_t end = Append(key);
    log->Flush();
    log->Tick(clock.now);
    return log->Promise() >= end;
  }
  std::string Manifest() { return files.Content(kDir + "appendonly.aof.manifest"); }
};

std::vector<std::string> Effects(const std::vector<std::string>& keys) {
  std::vector<std::string> effects;
  for (const std::string& key : keys) effects.push_back("0 SET " + key + " 1");
  return effects;
}

TEST(TakeOver, WhatAnOwnerStillWritesWithoutKnowingCountsForNothing) {
  for (FsyncPolicy policy : {FsyncPolicy::kAlways, FsyncPolicy::kEverySec, FsyncPolicy::kNo}) {
    RecordingFiles files;
    Owner before(files, policy, false, false);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(before.Set("a" + std::to_string(i)));
    Owner after(files, policy, true, true);
    EXPECT_EQ(after.found, Effects({"a0", "a1", "a2", "a3", "a4"}));
    EXPECT_TRUE(after.Set("b0"));
    for (int i = 0; i < 30; ++i) before.Set("late" + std::to_string(i));
    before.clock.now += 5000;
    before.log->Tick(before.clock.now);
    EXPECT_TRUE(after.Set("b1"));
    for (int i = 30; i < 60; ++i) before.Set("late" + std::to_string(i));
    const std::vector<std::string> expected = Effects({"a0", "a1", "a2", "a3", "a4", "b0", "b1"});
    RecordingFiles killed = files.Killed();
    EXPECT_EQ(Load(killed).sink.effects, expected);
    EXPECT_EQ(Load(killed).sink.effects, expected);
    if (policy == FsyncPolicy::kAlways) {
      RecordingFiles cut = files.AfterPowerCut([](unsigned) { return 0u; }, "boot-2");
      Loaded loaded = Load(cut);
      EXPECT_TRUE(loaded.status.ok());
      EXPECT_EQ(loaded.sink.effects, expected);
    }
  }
}

TEST(TakeOver, ASegmentThatWasOnlyPreparedDoesNotHideTheOneBefore) {
  RecordingFiles files;
  Owner before(files, FsyncPolicy::kEverySec, false, false);
  EXPECT_TRUE(before.Set("a"));
  ASSERT_TRUE(before.log->PrepareRotation().ok());
  Owner after(files, FsyncPolicy::kEverySec, true, true);
  EXPECT_TRUE(after.Set("b"));
  before.Set("late");
  before.log->Rotate();
  before.log->Tick(before.clock.now);
  before.Set("later");
  RecordingFiles killed = files.Killed();
  Loaded loaded = Load(killed);
  EXPECT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.sink.effects, Effects({"a", "b"}));
}

TEST(TakeOver, AnOwnerThatIsToldWritesAndPromisesNothingMore) {
  for (FsyncPolicy policy : {FsyncPolicy::kAlways, FsyncPolicy::kEverySec, FsyncPolicy::kNo}) {
    RecordingFiles files;
    Owner owner(files, policy, false, true);
    EXPECT_TRUE(owner.Set("a"));
    owner.owned = false;
    owner.clock.now += 150;
    EXPECT_FALSE(owner.Set("b"));
    EXPECT_EQ(owner.told, 1);
    EXPECT_FALSE(owner.log->healthy());
    EXPECT_TRUE(owner.log->Health().message().find("taken over") != std::string::npos);
    const std::string manifest = owner.Manifest();
    const std::string segment = files.Content(kDir + "appendonly.aof.1.incr.aof");
    owner.owned = true;  // what is lost is lost
    for (int i = 0; i < 5; ++i) {
      owner.clock.now += 2000;
      EXPECT_FALSE(owner.Set("c"));
    }
    EXPECT_FALSE(owner.log->Sync().ok());
    EXPECT_FALSE(owner.log->Close().ok());
    EXPECT_FALSE(owner.log->PrepareRotation().ok());
    EXPECT_EQ(owner.told, 1);
    EXPECT_EQ(owner.Manifest(), manifest);
    EXPECT_EQ(files.Content(kDir + "appendonly.aof.1.incr.aof"), segment);
  }
}

TEST(TakeOver, AnIdleOwnerFindsOutByItself) {
  RecordingFiles files;
  Owner owner(files, FsyncPolicy::kEverySec, false, true);
  EXPECT_TRUE(owner.Set("a"));
  owner.clock.now += 10000;
  const std::uint64_t next = owner.log->Tick(owner.clock.now);
  EXPECT_LE(next, owner.clock.now + 500);
  owner.owned = false;
  owner.clock.now = next;
  owner.log->Tick(owner.clock.now);
  EXPECT_EQ(owner.told, 1);
}

TEST(TakeOver, LooksComeBeforeEachCommitOfAlwaysAndElseTenTimesASecond) {
  RecordingFiles files, others;
  Owner always(files, FsyncPolicy::kAlways, false, true);
  const int opened = always.looks;
  for (int i = 0; i < 10; ++i) always.Set("k" + std::to_string(i));
  EXPECT_GE(always.looks - opened, 10);
  Owner everysec(others, FsyncPolicy::kEverySec, false, true);
  everysec.Set("first");
  const int before = everysec.looks;
  for (int i = 0; i < 100; ++i) {
    everysec.clock.now += 2;
    everysec.Set("k" + std::to_string(i));
  }
  EXPECT_GE(everysec.looks - before, 1);
  EXPECT_LE(everysec.looks - before, 4);
}

TEST(TakeOver, AManifestIsNotReplacedByAnOwnerThatHasLostTheDirectory) {
  RecordingFiles files;
  Owner owner(files, FsyncPolicy::kEverySec, false, true);
  EXPECT_TRUE(owner.Set("a"));
  const std::string manifest = owner.Manifest();
  owner.owned = false;
  EXPECT_FALSE(owner.log->PrepareRotation().ok());
  EXPECT_EQ(owner.Manifest(), manifest);
}

// Any moment of any run will do: the next owner has what was promised, and only its own from then on.
TEST(TakeOver, AtAnyMomentOfARunKeepsWhatWasPromisedAndNothingLater) {
  int late = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    static constexpr FsyncPolicy kPolicies[] = {FsyncPolicy::kAlways, FsyncPolicy::kEverySec, FsyncPolicy::kNo};
    RecordingFiles files;
    Workload workload(files, kPolicies[seed % 3], seed);
    ASSERT_TRUE(workload.Start().ok());
    for (std::uint64_t step = 0; step < 5 + seed % 40; ++step) workload.Step();
    const std::size_t floor = workload.Floor(CrashKind::kKill);
    Owner after(files, kPolicies[seed % 3], true, true);
    const std::string wrong = workload.Judge(after.found, floor);
    if (!wrong.empty()) Fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + ": " + wrong);
    std::vector<std::string> expected = after.found;
    for (int i = 0; i < 20; ++i) {
      const std::size_t units = workload.unit_count();
      workload.Step();
      late += static_cast<int>(workload.unit_count() - units);
      const std::string key = "next" + std::to_string(i);
      EXPECT_TRUE(after.Set(key));
      expected.push_back("0 SET " + key + " 1");
    }
    RecordingFiles killed = files.Killed();
    Loaded loaded = Load(killed);
    if (!loaded.status.ok()) Fail(__FILE__, __LINE__, "seed " + std::to_string(seed) + ": " + loaded.status.message());
    EXPECT_EQ(loaded.sink.effects, expected);
  }
  EXPECT_GE(late, 500);
}

}  // namespace
}  // namespace slotwise::test
