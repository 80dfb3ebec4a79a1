// The journal of `appendfsync always`: what a commit costs, what comes back from it, when it is left, and what happens to a
// start whose journal is missing, torn, flipped or old. The crash images (crash_images_test.cc) cover orders of events.
#include "log/journal.h"

#include <functional>

#include "backup/rdb_extent.h"
#include "base/crc32c.h"
#include "log/check_aof.h"
#include "log_support.h"

namespace slotwise::test {
namespace {

const std::string kDir = "/data/appendonlydir/";
const std::string kIncr = kDir + "appendonly.aof.1.incr.aof";
const std::string kJournal = kDir + "appendonly.aof.journal";

AofLogLimits SmallJournal(std::uint64_t blocks = 33) {
  AofLogLimits limits;
  limits.journal_bytes = blocks * kJournalBlockSize;
  return limits;
}

struct Rig {
  RecordingFiles files;
  CollectingLogger logger;
  ManualClock clock;
  CommitLogOptions options;
  AofLogLimits limits;
  std::unique_ptr<AofLog> log;
  std::vector<std::string> expected;

  explicit Rig(FsyncPolicy policy = FsyncPolicy::kAlways, AofLogLimits with = SmallJournal()) : limits(with) {
    options = TestOptions(policy);
    Open();
  }
  void Open() {
    Status status = AofLog::Open(files, logger, options, clock, limits, &log);
    if (!status.ok()) Fail(__FILE__, __LINE__, status.message());
  }
  void Append(const std::string& key, const std::string& value = "1") {
    LogUnit unit;
    AddEffect(&unit, 0, {"SET", key, value});
    log->Append(unit);
    expected.push_back("0 SET " + key + " " + value);
  }
  // Appended and, if the disk is well, acknowledged.
  void Set(const std::string& key, const std::string& value = "1") {
    Append(key, value);
    log->Tick(clock.now);
  }
  // What a power cut leaves at least: nothing that was not synced.
  RecordingFiles AtLeast(const std::string& boot = "boot-2") {
    return files.AfterPowerCut([](unsigned) { return 0u; }, boot);
  }
};

bool Contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class CollectingConsole final : public CheckAofConsole {
 public:
  void Print(std::string_view text) override { printed += text; }
  std::string ReadLine() override { return "y"; }
  std::string printed;
};

int Check(RecordingFiles& files, std::vector<std::string> args, std::string* printed) {
  CollectingConsole console;
  args.push_back(kDir + "appendonly.aof.manifest");
  int code = CheckAof(files, "slotwise-check-aof", args, console, RdbEndOf);
  *printed = console.printed;
  return code;
}

}  // namespace

ONE_THREAD_TEST(Journal, ACommitIsOneOverwriteAndNothingElseIsSynced) {
  Rig rig;
  rig.Set("first");
  const std::size_t journal_size = rig.files.Content(kJournal).size();
  EXPECT_EQ(journal_size, 33 * kJournalBlockSize);
  const std::uint64_t calls = rig.files.calls();
  for (int i = 0; i < 10; ++i) rig.Set("k" + std::to_string(i));
  // Segment, index, overwrite and its sync.
  EXPECT_EQ(rig.files.calls() - calls, 40u);
  EXPECT_EQ(rig.log->Promise(), rig.log->tail());
  EXPECT_EQ(rig.log->settled(), 0u);
  RecordingFiles after = rig.AtLeast();
  EXPECT_EQ(after.Content(kIncr), "");
  CollectingLogger logger;
  Loaded loaded = Load(after, logger, rig.options);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_TRUE(loaded.sink.effects == rig.expected);
  EXPECT_EQ(loaded.report.truncated_bytes, 0u);
  EXPECT_TRUE(logger.Contains("got back from the journal"));
  // It was put in order: another power cut finds everything in the segment.
  RecordingFiles again = after.AfterPowerCut([](unsigned) { return 0u; }, "boot-3");
  again.Remove(kJournal);
  EXPECT_TRUE(Load(again).sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, SettlesWithinASecondAndWhenItIsHalfFull) {
  Rig rig;
  rig.Set("a");
  rig.clock.now += 950;
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(rig.log->settled(), rig.log->tail());
  EXPECT_EQ(rig.log->Tick(rig.clock.now), rig.clock.now - 950 + 5000);  // idle: memory is given back, no more
  for (int i = 0; i < 200; ++i) {
    rig.Set("k" + std::to_string(i));
    EXPECT_EQ(rig.log->durable(), rig.log->tail());
  }
  EXPECT_GT(rig.log->settled(), rig.log->tail() - 1000);
  EXPECT_EQ(rig.files.Content(kJournal).size(), 33 * kJournalBlockSize);
  RecordingFiles after = rig.AtLeast();
  EXPECT_TRUE(Load(after).sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, ACommitDuringSettlingIsNotTakenForSettled) {
  for (bool leave : {false, true}) {
    Rig rig;
    rig.Set("a");
    int calls = 0;
    rig.files.before_call = [&] {
      // The segment is synced, the index not yet: meanwhile the other thread commits.
      if (++calls != 2) return;
      rig.Set("during");
      if (leave) rig.log->SetFsyncPolicy(FsyncPolicy::kEverySec);
    };
    const std::uint64_t before = rig.log->tail();
    rig.log->Settle();
    rig.files.before_call = nullptr;
    EXPECT_EQ(rig.log->settled(), before);
    EXPECT_EQ(rig.log->durable(), rig.log->tail());
    rig.Append("later");  // writes what was queued for the index, unsynced
    RecordingFiles after = rig.files.AfterPowerCut([](unsigned n) { return n - 1; }, "boot-2");
    rig.expected.pop_back();
    EXPECT_TRUE(Load(after).sink.effects == rig.expected);
    after = rig.AtLeast();
    EXPECT_TRUE(Load(after).sink.effects == rig.expected);
  }
}

ONE_THREAD_TEST(Journal, WhatIsTooBigForItIsSyncedInPlace) {
  Rig rig;
  rig.Set("a");
  rig.Set("big", std::string(100000, 'x'));
  EXPECT_EQ(rig.log->settled(), rig.log->tail());
  rig.Set("b");
  EXPECT_LT(rig.log->settled(), rig.log->durable());
  EXPECT_EQ(rig.log->durable(), rig.log->tail());
  RecordingFiles after = rig.AtLeast();
  EXPECT_TRUE(Load(after).sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, OtherPoliciesDoNotUseIt) {
  for (FsyncPolicy policy : {FsyncPolicy::kEverySec, FsyncPolicy::kNo}) {
    Rig rig(policy);
    rig.Set("a");
    rig.log->Flush();
    rig.clock.now += 2000;
    rig.log->Tick(rig.clock.now);
    EXPECT_TRUE(rig.log->Sync().ok());
    EXPECT_FALSE(rig.files.Exists(kJournal));
  }
  AofLogLimits none;
  none.journal_bytes = 0;
  Rig rig(FsyncPolicy::kAlways, none);
  rig.Set("a");
  EXPECT_EQ(rig.log->settled(), rig.log->tail());
  EXPECT_FALSE(rig.files.Exists(kJournal));
}

ONE_THREAD_TEST(Journal, ThePolicyMayChangeAtAnyTime) {
  Rig rig(FsyncPolicy::kEverySec);
  for (int i = 0; i < 30; ++i) {
    rig.log->SetFsyncPolicy(i % 3 == 0 ? FsyncPolicy::kEverySec : FsyncPolicy::kAlways);
    rig.Append("k" + std::to_string(i));
    rig.log->Flush();
    rig.clock.now += i % 5 * 300;
    rig.log->Tick(rig.clock.now);
    if (i % 3 == 0) continue;
    RecordingFiles after = rig.AtLeast();
    EXPECT_TRUE(Load(after).sink.effects == rig.expected);
  }
  rig.log->SetFsyncPolicy(FsyncPolicy::kEverySec);
  rig.clock.now += 2000;
  rig.log->Tick(rig.clock.now);
  EXPECT_TRUE(rig.log->Close().ok());
  rig.files.Remove(kJournal);
  EXPECT_TRUE(Load(rig.files).sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, AFailureEndsItsUseAndLosesNothing) {
  for (std::uint64_t call : {3u, 4u}) {  // the write, its sync
    Rig rig;
    rig.Set("a");
    rig.files.FailAt(rig.files.calls() + call, FaultKind::kEio, false);
    rig.Set("b");
    EXPECT_EQ(rig.files.faults(), 1u);
    EXPECT_TRUE(rig.logger.Contains("could not be written: Input/output error. From now on each commit syncs"));
    EXPECT_TRUE(rig.log->healthy());
    EXPECT_EQ(rig.log->settled(), rig.log->tail());
    rig.Set("c");
    EXPECT_EQ(rig.log->settled(), rig.log->tail());
    RecordingFiles after = rig.AtLeast();
    EXPECT_TRUE(Load(after).sink.effects == rig.expected);
    after = rig.AtLeast();
    after.Remove(kJournal);  // nobody asks for it any more
    EXPECT_TRUE(Load(after).sink.effects == rig.expected);
    rig.log->SetFsyncPolicy(FsyncPolicy::kAlways);  // somebody says it is well again
    rig.Set("d");
    EXPECT_LT(rig.log->settled(), rig.log->durable());
  }
}

ONE_THREAD_TEST(Journal, AFullDiskOrARemovedFileIsNoReasonToStop) {
  Rig rig;
  bool armed = true;
  rig.files.before_call = [&] {
    if (!armed || !rig.files.Exists(kJournal)) return;
    rig.files.FailAt(rig.files.calls() + 1, FaultKind::kEnospc, false);
    armed = false;
  };
  rig.Set("a");
  rig.files.before_call = nullptr;
  EXPECT_TRUE(rig.logger.Contains("Can't prepare the AOF journal"));
  EXPECT_FALSE(rig.files.Exists(kJournal));
  EXPECT_EQ(rig.log->durable(), rig.log->tail());
  Rig other;
  other.Set("a");
  other.files.Remove(kJournal);
  other.Set("b");
  EXPECT_TRUE(other.logger.Contains("was removed or replaced while in use"));
  EXPECT_EQ(other.log->settled(), other.log->tail());
  RecordingFiles after = other.AtLeast();
  EXPECT_TRUE(Load(after).sink.effects == other.expected);
}

ONE_THREAD_TEST(Journal, AMissingOrDamagedJournalIsReportedAfterAPowerCutOnly) {
  const struct {
    const char* says;
    std::function<void(RecordingFiles&)> damage;
  } cases[] = {
      {"is missing", [](RecordingFiles& files) { files.Remove(kJournal); }},
      {"is damaged", [](RecordingFiles& files) { files.Content(kJournal)[9] ^= 1; }},
      {"bytes instead of", [](RecordingFiles& files) { files.Content(kJournal).resize(9 * kJournalBlockSize); }},
      {"has lost the bytes from", [](RecordingFiles& files) { files.Content(kJournal)[3 * kJournalBlockSize + 60] ^= 1; }},
  };
  for (const auto& c : cases) {
    Rig rig;
    for (int i = 0; i < 6; ++i) rig.Set("k" + std::to_string(i));
    RecordingFiles killed = rig.files.Killed();
    c.damage(killed);
    EXPECT_TRUE(Load(killed).sink.effects == rig.expected);  // all is in the page cache
    RecordingFiles cut = rig.AtLeast();
    c.damage(cut);
    const std::string before = cut.Content(kIncr);
    Loaded loaded = Load(cut);
    EXPECT_FALSE(loaded.status.ok());
    EXPECT_TRUE(Contains(loaded.status.message(), c.says));
    EXPECT_TRUE(Contains(loaded.status.message(), "acknowledged writes behind byte 0 of appendonly.aof.1.incr.aof may be missing"));
    EXPECT_TRUE(Contains(loaded.status.message(), "slotwise-check-aof --fix"));
    EXPECT_EQ(cut.Content(kIncr), before);
    // A copy of the directory, made without the journal or too early: what it holds is loaded.
    cut.Put(kIncr, before);
    CollectingLogger logger;
    EXPECT_TRUE(Load(cut, logger).status.ok());
    EXPECT_TRUE(logger.Contains("is a copy: loading what it holds"));
    // The operator gives up.
    cut = rig.AtLeast();
    c.damage(cut);
    std::string printed;
    EXPECT_EQ(Check(cut, {}, &printed), 1);
    EXPECT_TRUE(Contains(printed, c.says));
    EXPECT_EQ(Check(cut, {"--fix"}, &printed), 0);
    EXPECT_TRUE(Load(cut).status.ok());
  }
}

ONE_THREAD_TEST(Journal, ATornLastFrameIsNormal) {
  Rig rig;
  for (int i = 0; i < 6; ++i) rig.Set("k" + std::to_string(i));
  RecordingFiles cut = rig.AtLeast();
  cut.Content(kJournal)[6 * kJournalBlockSize + 60] ^= 1;
  rig.expected.pop_back();
  Loaded loaded = Load(cut);
  EXPECT_TRUE(loaded.status.ok());
  EXPECT_TRUE(loaded.sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, FlippedBitsAreNeverServed) {
  Rig rig;
  for (int i = 0; i < 30; ++i) rig.Set("k" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 40, 'v'));
  const RecordingFiles cut = rig.AtLeast();
  Twister random(5);
  std::size_t refused = 0;
  std::size_t whole = 0;
  for (int i = 0; i < 600; ++i) {
    RecordingFiles image = cut.Killed();
    std::string& content = image.Content(kJournal);
    // Half of them where the headers are.
    std::size_t at = random() % content.size();
    if (i % 2 == 0) at = at / kJournalBlockSize * kJournalBlockSize + at % 64;
    content[at] = static_cast<char>(content[at] ^ (1 << (random() % 8)));
    Loaded loaded = Load(image);
    if (!loaded.status.ok()) {
      ++refused;
      continue;
    }
    const std::size_t n = loaded.sink.effects.size();
    ASSERT_TRUE(n + 1 >= rig.expected.size() && n <= rig.expected.size());  // at most the last frame is gone
    ASSERT_TRUE(std::equal(loaded.sink.effects.begin(), loaded.sink.effects.end(), rig.expected.begin()));
    whole += n == rig.expected.size() ? 1 : 0;
  }
  EXPECT_GE(refused, 60u);
  EXPECT_GE(whole, 100u);  // what is settled and what is padding matters to nobody
}

ONE_THREAD_TEST(Journal, FramesOfAnEarlierUseDoNotCount) {
  Rig rig;
  for (int i = 0; i < 8; ++i) rig.Set("old" + std::to_string(i));
  ASSERT_TRUE(rig.log->Close().ok());
  rig.log.reset();
  // Somebody cuts the log back, which leaves the old frames behind its end.
  rig.files.Put(kIncr, "");
  rig.files.Remove(IndexPath(kIncr));
  rig.expected.clear();
  ASSERT_TRUE(Load(rig.files, rig.logger, rig.options).status.ok());
  rig.Open();
  rig.Set("new");
  RecordingFiles after = rig.AtLeast();
  EXPECT_TRUE(Load(after).sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, CheckAofPutsBackWhatTheSegmentLacks) {
  Rig rig;
  for (int i = 0; i < 6; ++i) rig.Set("k" + std::to_string(i));
  std::string printed;
  RecordingFiles killed = rig.files.Killed();
  EXPECT_EQ(Check(killed, {}, &printed), 0);
  EXPECT_FALSE(Contains(printed, "journal"));
  RecordingFiles cut = rig.AtLeast();
  EXPECT_EQ(Check(cut, {}, &printed), 1);
  EXPECT_TRUE(Contains(printed, "The AOF journal holds bytes that INCR AOF appendonly.aof.1.incr.aof lacks, from 0 to "));
  EXPECT_EQ(cut.Content(kIncr), "");
  EXPECT_EQ(Check(cut, {"--fix"}, &printed), 0);
  EXPECT_EQ(Check(cut, {}, &printed), 0);
  cut.Remove(kJournal);
  EXPECT_TRUE(Load(cut).sink.effects == rig.expected);
}

ONE_THREAD_TEST(Journal, SomebodyElsesBytesAreKept) {
  Rig rig;
  for (int i = 0; i < 6; ++i) rig.Set("k" + std::to_string(i));
  RecordingFiles cut = rig.AtLeast();
  cut.Content(kIncr) = "*1\r\n$8\r\nFLUSHALL\r\n";
  EXPECT_TRUE(Load(cut).sink.effects == rig.expected);
  EXPECT_EQ(cut.Content(kIncr + ".dropped-0"), "*1\r\n$8\r\nFLUSHALL\r\n");
}

}  // namespace slotwise::test
