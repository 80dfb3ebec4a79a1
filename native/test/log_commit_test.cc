// The commit log without its thread: what is written around effects, the watermarks of each policy, errors and healing.
#include "log/commit_log.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "log/log_buffer.h"
#include "log/segment_index.h"
#include "log_support.h"

namespace slotwise::test {
namespace {

const std::string kIncr = "/data/appendonlydir/appendonly.aof.1.incr.aof";
const std::string kIncr2 = "/data/appendonlydir/appendonly.aof.2.incr.aof";
constexpr const char* kSelect0 = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";

struct Rig {
  RecordingFiles files;
  CollectingLogger logger;
  ManualClock clock;
  CommitLogOptions options;
  std::unique_ptr<AofLog> log;

  explicit Rig(FsyncPolicy policy = FsyncPolicy::kEverySec, AofLogLimits limits = {}, bool timestamps = false) {
    options = TestOptions(policy);
    options.timestamps = timestamps;
    Status status = AofLog::Open(files, logger, options, clock, limits, &log);
    if (!status.ok()) Fail(__FILE__, __LINE__, status.message());
  }
  std::uint64_t Set(const std::string& key, int db = 0, const std::string& value = "1") {
    LogUnit unit;
    AddEffect(&unit, db, {"SET", key, value});
    return log->Append(unit);
  }
  void Advance(std::uint64_t ms) {
    clock.now += ms;
    log->Tick(clock.now);
  }
};

std::string SetText(const std::string& key) { return "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n$1\r\n1\r\n"; }

void CountCalls(void* arg) { ++*static_cast<int*>(arg); }

}  // namespace

TEST(LogUnit, EncodesEffectsAndDatabaseChanges) {
  LogUnit unit;
  EXPECT_TRUE(unit.empty());
  AddEffect(&unit, 2, {"SET", "k", ""});
  unit.AddEncoded(11, "*1\r\n$7\r\nFLUSHDB\r\n");
  EXPECT_EQ(unit.bytes(), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*2\r\n$6\r\nSELECT\r\n$2\r\n11\r\n*1\r\n$7\r\nFLUSHDB\r\n");
  EXPECT_EQ(unit.count(), 2);
  EXPECT_EQ(unit.first_db(), 2);
  EXPECT_EQ(unit.last_db(), 11);
  unit.Clear();
  EXPECT_TRUE(unit.empty());
  EXPECT_TRUE(unit.atomic());
}

TEST(LogUnit, BorrowsWhatAClientSentOnlyIfItIsWhatWouldBeEncoded) {
  const std::string_view argv[] = {"set", "key:000000000", "0123456789"};
  const std::string exact = "*3\r\n$3\r\nset\r\n$13\r\nkey:000000000\r\n$10\r\n0123456789\r\n";
  const struct {
    std::string wire;
    bool borrowed;
  } cases[] = {
      {exact, true},
      {"", false},                                                                            // not at hand
      {"set key:000000000 0123456789\r\n", false},                                            // inline
      {"\r\n" + exact, false},                                                                // behind an empty line
      {"*03\r\n$3\r\nset\r\n$13\r\nkey:000000000\r\n$10\r\n0123456789\r\n", false},         // zeros in front
      {"*3\r\n$3\r\nset\r\n$13\r\nkey:000000000\r\n$010\r\n0123456789\r\n", false},
      {"set key:000000000 0123456789" + std::string(exact.size() - 30, ' ') + "\r\n", false},  // inline of the same size
  };
  for (const auto& c : cases) {
    LogUnit unit;
    unit.AddReceived(7, argv, 3, c.wire);
    EXPECT_EQ(unit.bytes(), exact);
    EXPECT_EQ(unit.bytes().data() == c.wire.data(), c.borrowed);
    EXPECT_EQ(unit.count(), 1);
    EXPECT_EQ(unit.first_db(), 7);
    EXPECT_EQ(unit.last_db(), 7);
    AddEffect(&unit, 7, {"DEL", "x"});
    EXPECT_EQ(unit.bytes(), exact + "*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n");
    unit.Clear();
    EXPECT_TRUE(unit.empty());
    EXPECT_EQ(unit.bytes(), "");
    // Behind another effect (the DEL of a key whose time had come) it is copied.
    AddEffect(&unit, 7, {"DEL", "x"});
    unit.AddReceived(7, argv, 3, c.wire);
    EXPECT_EQ(unit.bytes(), "*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n" + exact);
    EXPECT_EQ(unit.count(), 2);
  }
}

TEST(LogCommit, WritesWhatRedisWouldWrite) {
  Rig rig;
  rig.Set("a");
  rig.Set("b");
  rig.Set("c", 2);
  LogUnit unit;
  AddEffect(&unit, 2, {"INCR", "n"});
  AddEffect(&unit, 2, {"INCR", "m"});
  rig.log->Append(unit);
  unit.Clear();
  unit.set_atomic(false);
  AddEffect(&unit, 0, {"DEL", "x"});
  AddEffect(&unit, 0, {"DEL", "y"});
  std::uint64_t tail = rig.log->Append(unit);
  EXPECT_EQ(rig.log->written(), 0u);
  EXPECT_EQ(rig.log->Flush(), tail);
  EXPECT_EQ(rig.files.Content(kIncr), kSelect0 + SetText("a") + SetText("b") + "*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n" + SetText("c") +
                                          "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nm\r\n"
                                          "*1\r\n$4\r\nEXEC\r\n" + kSelect0 +
                                          "*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n*2\r\n$3\r\nDEL\r\n$1\r\ny\r\n");
}

TEST(LogCommit, AnnotatesEachSecondOnceOutsideTransactions) {
  Rig rig(FsyncPolicy::kNo, {}, /*timestamps=*/true);
  rig.clock.now = 5000;
  rig.Set("a");
  rig.Set("b");
  rig.clock.now = 6000;
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "c", "1"});
  AddEffect(&unit, 0, {"SET", "d", "1"});
  rig.log->Append(unit);
  rig.log->Flush();
  EXPECT_EQ(rig.files.Content(kIncr), "#TS:1700000005\r\n" + std::string(kSelect0) + SetText("a") + SetText("b") +
                                          "#TS:1700000006\r\n*1\r\n$5\r\nMULTI\r\n" + SetText("c") + SetText("d") +
                                          "*1\r\n$4\r\nEXEC\r\n");
}

TEST(LogCommit, AReopenedSegmentStartsWithSelect) {
  Rig rig;
  rig.Set("a");
  ASSERT_TRUE(rig.log->Close().ok());
  ASSERT_TRUE(rig.log->Close().ok());
  ASSERT_TRUE(Load(rig.files).status.ok());
  ASSERT_TRUE(AofLog::Open(rig.files, rig.logger, rig.options, rig.clock, AofLogLimits(), &rig.log).ok());
  EXPECT_EQ(rig.log->tail(), rig.files.Content(kIncr).size());
  rig.Set("b");
  ASSERT_TRUE(rig.log->Close().ok());
  EXPECT_EQ(rig.files.Content(kIncr), kSelect0 + SetText("a") + kSelect0 + SetText("b"));
  EXPECT_EQ(Load(rig.files).report.commands, 2u);
  EXPECT_EQ(rig.log->stats().current_size, rig.files.Content(kIncr).size());
}

TEST(LogCommit, EverySecPromisesWhatIsWrittenAndSyncsWithinASecond) {
  Rig rig;
  std::uint64_t end = rig.Set("a");
  EXPECT_EQ(rig.log->Promise(), 0u);
  EXPECT_EQ(rig.log->Flush(), end);
  EXPECT_EQ(rig.log->durable(), 0u);
  rig.Advance(500);
  EXPECT_EQ(rig.log->durable(), 0u);
  rig.Advance(500);
  EXPECT_EQ(rig.log->durable(), end);
  EXPECT_EQ(rig.log->stats().fsyncs, 1u);
  // Idle: nothing more is asked for but giving memory back, and then nothing at all.
  rig.Advance(10000);
  EXPECT_EQ(rig.log->stats().fsyncs, 1u);
  EXPECT_EQ(rig.log->Tick(rig.clock.now), AofLog::kNever);
}

TEST(LogCommit, AlwaysPromisesWhatIsDurable) {
  Rig rig(FsyncPolicy::kAlways);
  std::uint64_t end = rig.Set("a");
  EXPECT_EQ(rig.log->Flush(), 0u);
  EXPECT_EQ(rig.log->written(), 0u);  // left to the log thread
  int woken = 0;
  rig.log->SetWaker(&CountCalls, &woken);
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(rig.log->Promise(), end);
  EXPECT_EQ(woken, 1);
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(rig.log->stats().fsyncs, 1u);
}

TEST(LogCommit, NoNeverSyncsUnlessAsked) {
  Rig rig(FsyncPolicy::kNo);
  std::uint64_t end = rig.Set("a");
  EXPECT_EQ(rig.log->Flush(), end);
  rig.Advance(60000);
  EXPECT_EQ(rig.log->stats().fsyncs, 0u);
  EXPECT_TRUE(rig.log->Sync().ok());
  EXPECT_EQ(rig.log->durable(), end);
}

TEST(LogCommit, PromiseNeverGoesBackWhenThePolicyChanges) {
  Rig rig;
  std::uint64_t end = rig.Set("a");
  rig.log->Flush();
  rig.log->SetFsyncPolicy(FsyncPolicy::kAlways);
  EXPECT_EQ(rig.log->Promise(), end);
  std::uint64_t next = rig.Set("b");
  EXPECT_EQ(rig.log->Flush(), end);
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(rig.log->Promise(), next);
}

TEST(LogCommit, FlushSoonIsWrittenByTheNextTick) {
  Rig rig;
  std::uint64_t end = rig.Set("a");
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(rig.log->written(), 0u);
  rig.log->FlushSoon();
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(rig.log->written(), end);
}

TEST(LogCommit, WhatIsLeftToWhoeverHasTheFileIsWrittenBeforeTheDiskIsWaitedFor) {
  Rig rig;
  rig.Set("a");
  rig.log->Flush();
  int woken = 0;
  rig.log->SetWaker(CountCalls, &woken);
  std::uint64_t left = 0;
  bool synced = false;
  rig.files.before_call = [&] {
    if (left == 0) {
      left = rig.Set("b");
      EXPECT_LT(rig.log->Flush(), left);
    } else if (rig.log->stats().fsync_in_progress) {
      synced = true;
      EXPECT_EQ(rig.log->Promise(), left);
      EXPECT_EQ(woken, 1);
    }
  };
  rig.Advance(1000);
  EXPECT_TRUE(synced);
  rig.files.before_call = nullptr;
}

// Whoever reads, looks or ticks has the file for a moment, and nobody else writes afterwards.
TEST(LogCommit, WhatIsLeftToWhoeverHasTheFileIsAlwaysWritten) {
  Rig rig;
  struct Bell {
    std::mutex mutex;
    std::condition_variable rung;
  } bell;
  rig.log->SetWaker([](void* arg) {
    auto* to = static_cast<Bell*>(arg);
    std::lock_guard<std::mutex> guard(to->mutex);
    to->rung.notify_one();
  }, &bell);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (int i = 0; !stop.load(); ++i) {
      if (i % 2 == 0) rig.log->Tick(1000);
      else (void)rig.log->place();
    }
  });
  bool written = true;
  for (int left = 0; written && left < 20;) {
    const std::uint64_t tail = rig.Set("k");
    if (rig.log->Flush() >= tail) continue;
    ++left;
    std::unique_lock<std::mutex> lock(bell.mutex);
    written = bell.rung.wait_for(lock, std::chrono::seconds(20), [&] { return rig.log->Promise() >= tail; });
  }
  stop = true;
  other.join();
  EXPECT_TRUE(written);
}

TEST(LogCommit, AnOverdueFsyncStopsAcknowledging) {
  Rig rig;
  std::uint64_t first = rig.Set("a");
  EXPECT_EQ(rig.log->Flush(), first);
  rig.clock.now += 2100;  // the log thread is stuck in an fsync
  std::uint64_t second = rig.Set("b");
  EXPECT_EQ(rig.log->Flush(), first);
  EXPECT_EQ(rig.log->written(), second);
  EXPECT_EQ(rig.log->stats().delayed_fsyncs, 1u);
  EXPECT_TRUE(rig.log->healthy());
  int woken = 0;
  rig.log->SetWaker(&CountCalls, &woken);
  rig.log->Tick(rig.clock.now);  // it completes
  EXPECT_EQ(rig.log->Promise(), second);
  EXPECT_EQ(woken, 1);
}

TEST(LogCommit, AFullDiskRefusesKeepsAndHeals) {
  Rig rig;
  std::uint64_t first = rig.Set("a");
  rig.log->Flush();
  const std::string before = rig.files.Content(kIncr);
  rig.files.FailAt(rig.files.calls() + 1, FaultKind::kShortWrite, true);
  std::uint64_t second = rig.Set("b");
  EXPECT_EQ(rig.log->Flush(), first);
  EXPECT_FALSE(rig.log->healthy());
  EXPECT_EQ(rig.log->Health().code(), ENOSPC);
  EXPECT_EQ(rig.log->Health().message(), "Errors writing to the AOF file: No space left on device");
  EXPECT_EQ(rig.files.Content(kIncr), before);  // the short write was cut off again
  EXPECT_TRUE(rig.logger.Contains("Short write while writing to the AOF file: (nwritten="));
  rig.Advance(1000);
  EXPECT_FALSE(rig.log->healthy());
  EXPECT_FALSE(rig.log->Sync().ok());
  rig.files.ClearFault();
  EXPECT_EQ(rig.log->Flush(), first);  // not before the retry
  rig.Advance(1000);
  EXPECT_TRUE(rig.log->healthy());
  EXPECT_EQ(rig.log->Promise(), second);
  EXPECT_TRUE(rig.logger.Contains("AOF write error looks solved, Redis can write again."));
  EXPECT_EQ(rig.files.Content(kIncr), before + SetText("b"));
}

TEST(LogCommit, AFailedFsyncContinuesInANewSegment) {
  Rig rig;
  rig.Set("a", 3);
  rig.log->Flush();
  rig.Advance(1000);
  const std::string durable = rig.files.Content(kIncr);
  std::uint64_t end = rig.Set("b", 3);
  rig.log->Flush();
  rig.files.FailAt(rig.files.calls() + 2, FaultKind::kEio, false);  // behind the index record: fdatasync
  rig.Advance(1000);
  EXPECT_EQ(rig.files.faults(), 0u + 1);
  EXPECT_TRUE(rig.log->healthy());
  EXPECT_EQ(rig.log->durable(), end);
  EXPECT_EQ(rig.files.Content(kIncr), durable);
  EXPECT_EQ(rig.files.Content(kIncr2), "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n" + SetText("b"));
  rig.Set("c", 3);
  EXPECT_TRUE(rig.log->Close().ok());
  Loaded loaded = Load(rig.files);
  EXPECT_TRUE(loaded.sink.effects == (std::vector<std::string>{"3 SET a 1", "3 SET b 1", "3 SET c 1"}));
  EXPECT_EQ(loaded.report.truncated_bytes, 0u);
}

TEST(LogCommit, BytesNoLongerInMemoryAreReadBackOnlyIfTheirChecksumHolds) {
  for (bool damaged : {false, true}) {
    AofLogLimits limits;
    limits.retained_bytes_max = 1 << 20;
    Rig rig(FsyncPolicy::kEverySec, limits);
    std::vector<std::string> expected;
    for (int i = 0; i < 60; ++i) {
      rig.Set("k" + std::to_string(i), 0, std::string(100000, static_cast<char>('a' + i % 26)));
      rig.log->Flush();
    }
    if (damaged) rig.files.Content(kIncr)[50000] ^= 1;
    rig.files.FailAt(rig.files.calls() + 1, FaultKind::kEio, false);
    rig.Advance(1000);
    EXPECT_EQ(rig.files.faults(), 1u);
    if (damaged) {
      EXPECT_FALSE(rig.log->healthy());
      EXPECT_TRUE(rig.log->Health().message().find("the disk lost bytes") != std::string::npos);
      continue;
    }
    EXPECT_TRUE(rig.log->healthy());
    EXPECT_TRUE(rig.log->Close().ok());
    Loaded loaded = Load(rig.files);
    ASSERT_EQ(loaded.sink.effects.size(), std::size_t{60});
    for (int i = 0; i < 60; ++i) {
      EXPECT_EQ(loaded.sink.effects[static_cast<std::size_t>(i)],
                "0 SET k" + std::to_string(i) + " " + std::string(100000, static_cast<char>('a' + i % 26)));
    }
  }
}

TEST(LogCommit, ARemovedFileIsAnErrorAndIsNotRecreated) {
  Rig rig(FsyncPolicy::kAlways);
  rig.Set("a");
  rig.log->Tick(rig.clock.now);
  rig.files.Remove(kIncr);
  std::uint64_t durable = rig.log->durable();
  rig.Set("b");
  rig.log->Tick(rig.clock.now);
  EXPECT_EQ(rig.log->Health().code(), ENOENT);
  EXPECT_TRUE(rig.log->Health().message().find("was removed or replaced while in use") != std::string::npos);
  rig.Advance(5000);
  EXPECT_FALSE(rig.log->healthy());
  EXPECT_EQ(rig.log->Promise(), durable);
  EXPECT_FALSE(rig.files.Exists(kIncr));
}

TEST(LogCommit, TooMuchWaitingForTheDiskRefusesUntilItIsWritten) {
  AofLogLimits limits;
  limits.pending_bytes_max = 1000;
  Rig rig(FsyncPolicy::kEverySec, limits);
  rig.Set("a", 0, std::string(2000, 'x'));
  EXPECT_FALSE(rig.log->healthy());
  EXPECT_TRUE(rig.log->Health().message().find("Errors writing to the AOF file: ") == 0);
  rig.log->Flush();
  EXPECT_TRUE(rig.log->healthy());
}

TEST(LogCommit, IndexRecordsAreRare) {
  Rig rig;
  std::uint64_t calls = rig.files.calls();
  for (int i = 0; i < 50; ++i) {
    rig.Set("a");
    rig.log->Flush();
  }
  EXPECT_EQ(rig.files.calls() - calls, 50u);  // one write a turn and nothing else
  rig.clock.now += 100;
  rig.Set("a");
  rig.log->Flush();
  EXPECT_EQ(rig.files.calls() - calls, 52u);
}

TEST(LogCommit, InMemoryCountsTheSameBytes) {
  auto log = CommitLog::InMemory();
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "a", "1"});
  EXPECT_EQ(log->Append(unit), std::string_view(kSelect0).size() + unit.bytes().size());
  EXPECT_EQ(log->Promise(), log->tail());
  EXPECT_FALSE(log->persistent());
  EXPECT_TRUE(log->Sync().ok() && log->Close().ok() && log->healthy());
}

TEST(LogBuffer, HugeUnitsAndReleasedChunksKeepTheByteStream) {
  LogBuffer buffer(1000, false);
  std::string expected;
  std::string got;
  Twister random(4);
  std::uint64_t read = 1000;
  std::vector<std::string_view> parts;
  for (int i = 0; i < 300; ++i) {
    LogUnit unit;
    std::string value(i % 50 == 7 ? 1 << 20 : random() % 9000, static_cast<char>('a' + i % 26));
    AddEffect(&unit, 0, {"SET", "k", value});
    if (i == 0) expected += kSelect0;
    expected += unit.bytes();
    buffer.Append(unit, 0);
    if (i % 3 == 0) {
      LogBuffer::Mark mark = buffer.TailMark();
      EXPECT_EQ(mark.db, 0);
      while (read < mark.offset) {
        read = buffer.Collect(read, mark.offset, 2, &parts);
        for (std::string_view part : parts) got += part;
      }
      if (i % 2 == 0) buffer.Release(read);
      if (i % 40 == 0) buffer.Trim();
    }
  }
  EXPECT_EQ(buffer.tail(), 1000 + expected.size());
  read = buffer.Collect(read, buffer.TailMark().offset, 1000, &parts);
  for (std::string_view part : parts) got += part;
  EXPECT_TRUE(got == expected);
  EXPECT_GT(buffer.first(), std::uint64_t{1000});
}

}  // namespace slotwise::test
