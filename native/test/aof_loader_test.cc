// Loading: what is delivered, what is cut, what is refused, and that a refusal changes nothing on disk.
#include "log/aof_loader.h"

#include "backup/rdb_extent.h"
#include "base/crc32c.h"
#include "log/empty_rdb.h"
#include "log/resp_scanner.h"
#include "log/segment_index.h"
#include "log_support.h"

namespace slotwise::test {
namespace {

const std::string kIncr = "/data/appendonlydir/appendonly.aof.1.incr.aof";
const std::string kIncr2 = "/data/appendonlydir/appendonly.aof.2.incr.aof";
const std::string kManifest = "/data/appendonlydir/appendonly.aof.manifest";

std::string Resp(std::vector<std::string_view> argv) {
  LogUnit unit;
  unit.Add(0, argv.data(), argv.size());
  return std::string(unit.bytes());
}

// A directory as redis-server leaves it: no index.
RecordingFiles Foreign(const std::string& content) {
  RecordingFiles files;
  files.Put(kManifest, "file appendonly.aof.1.incr.aof seq 1 type i\n");
  files.Put(kIncr, content);
  return files;
}

const std::string kEmptyRdb(
    "REDIS0010\xfa\x09redis-ver\x06" "7.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05" "ctime\xc2\x59\xfa\x01\x6b\xfa\x08used-mem\xc2"
    "\x50\x60\x0d\x00\xfa\x08" "aof-base\xc0\x01\xff\xc2\xea\x97\x9c\xe9\x73\x31\x85", 89);

}  // namespace

ONE_THREAD_TEST(Crc32c, KnownAnswersAndBothImplementationsAgree) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720 B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  Twister random(1);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    std::uint32_t expected = Crc32cTable(bytes.data(), size, 0);
    EXPECT_EQ(Crc32c(bytes), expected);
    EXPECT_EQ(Crc32c(bytes.substr(size / 3), Crc32c(bytes.substr(0, size / 3))), expected);
  }
}

ONE_THREAD_TEST(AofScanner, TakesWholeCommandsAndAsksForMoreAtEveryCut) {
  const std::string text = Resp({"SET", "key", std::string_view("v\r\n\0x", 5)});
  std::vector<std::string_view> argv;
  for (std::size_t size = 0; size < text.size(); ++size) {
    Scan scan = ScanCommand(std::string_view(text).substr(0, size), &argv);
    EXPECT_EQ(scan.result, ScanResult::kNeedMore);
    EXPECT_GT(scan.need, size);
    EXPECT_LE(scan.least, text.size());
  }
  const std::string with_more = text + "rest";
  Scan scan = ScanCommand(with_more, &argv);
  ASSERT_EQ(scan.result, ScanResult::kCommand);
  EXPECT_EQ(scan.size, text.size());
  ASSERT_EQ(argv.size(), std::size_t{3});
  EXPECT_EQ(argv[2], std::string_view("v\r\n\0x", 5));
}

ONE_THREAD_TEST(AofScanner, RefusesEveryDeviation) {
  std::vector<std::string_view> argv;
  for (const char* text : {"x", "*x\r\n", "*0\r\n", "*-1\r\n", "*99999999999\r\n", "*1\n$1\r\na\r\n", "*1\r\n#1\r\na\r\n",
                           "*1\r\n$\r\na\r\n", "*1\r\n$-1\r\n", "*1\r\n$1\r\nab\r\n", "*1\r\n$2\r\na\r\n", "*1\r\n$1\r\na\rb",
                           "*1\r\n$1\ra\r\n", "*1\r\n$536870913\r\na", "*+1\r\n$1\r\na\r\n",
                           "*00000000000000000000000000000000000001\r\n"}) {
    EXPECT_EQ(ScanCommand(text, &argv).result, ScanResult::kBad);
  }
  EXPECT_EQ(ScanCommand(std::string(2000, '#'), &argv).result, ScanResult::kBad);
}

ONE_THREAD_TEST(AofLoader, DeliversDatabasesTransactionsAndSkipsAnnotations) {
  RecordingFiles files = Foreign("#TS:1\r\n" + Resp({"SET", "a", "0"}) + Resp({"SELECT", "3"}) + Resp({"MULTI"}) +
                                 Resp({"SET", "b", "1"}) + Resp({"select", "5"}) + Resp({"SET", "c", "2"}) + Resp({"exec"}) +
                                 Resp({"SET", "d", "3"}));
  files.Put(kManifest, "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n");
  files.Put(kIncr2, Resp({"SET", "e", "4"}));
  Loaded loaded = Load(files);
  ASSERT_TRUE(loaded.status.ok());
  // The second file starts in database 0 again.
  EXPECT_TRUE(loaded.sink.effects ==
              (std::vector<std::string>{"0 SET a 0", "3 SET b 1", "5 SET c 2", "5 SET d 3", "0 SET e 4"}));
  EXPECT_GE(loaded.sink.drains, 1);
  EXPECT_TRUE(loaded.report.existed);
}

ONE_THREAD_TEST(AofLoader, CutsATornTailAtEveryByteAndTellsHowMuch) {
  const std::string first = Resp({"SET", "a", "1"});
  const std::string second = Resp({"MULTI"}) + Resp({"SET", "b", "2"}) + Resp({"SET", "c", "3"}) + Resp({"EXEC"});
  const std::string whole = first + second;
  for (std::size_t size = 1; size < whole.size(); ++size) {
    RecordingFiles files = Foreign(whole.substr(0, size));
    CollectingLogger logger;
    Loaded loaded = Load(files, logger);
    ASSERT_TRUE(loaded.status.ok());
    std::size_t good = size < first.size() ? 0 : first.size();
    EXPECT_EQ(loaded.sink.effects.size(), good == 0 ? std::size_t{0} : std::size_t{1});
    EXPECT_EQ(files.Content(kIncr).size(), good);  // before the MULTI, not inside it
    EXPECT_EQ(loaded.report.truncated_bytes, size - good);
    if (size != good) {
      EXPECT_TRUE(logger.Contains("!!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!"));
      EXPECT_TRUE(logger.Contains("!!! Truncating the AOF appendonly.aof.1.incr.aof at offset " + std::to_string(good) + " !!!"));
      EXPECT_TRUE(logger.Contains("Dropping " + std::to_string(size - good) + " bytes"));
      EXPECT_TRUE(logger.Contains("AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled"));
    }
    EXPECT_TRUE(Load(files).status.ok());
  }
}

ONE_THREAD_TEST(AofLoader, CutsTrailingZerosButRefusesGarbage) {
  const std::string good = Resp({"SET", "a", "1"});
  for (std::size_t zeros : {1u, 512u, 4096u, 200000u}) {
    RecordingFiles files = Foreign(good + std::string(zeros, '\0'));
    Loaded loaded = Load(files);
    ASSERT_TRUE(loaded.status.ok());
    EXPECT_EQ(loaded.report.truncated_bytes, zeros);
    EXPECT_EQ(files.Content(kIncr), good);
  }
  for (const std::string& tail : {std::string("garbage"), std::string(512, '\0') + "x", std::string("*1\r\n$4\r\nPINGxx")}) {
    RecordingFiles files = Foreign(good + tail);
    Loaded loaded = Load(files);
    EXPECT_FALSE(loaded.status.ok());
    EXPECT_TRUE(loaded.status.message().find("Bad file format reading the append only file appendonly.aof.1.incr.aof") == 0);
    EXPECT_TRUE(loaded.status.message().find("at byte ") != std::string::npos);
    EXPECT_EQ(files.Content(kIncr), good + tail);
  }
}

ONE_THREAD_TEST(AofLoader, RefusalsChangeNothing) {
  const std::string good = Resp({"SET", "a", "1"});
  RecordingFiles torn = Foreign(good + "*3\r\n");
  NullLogger logger;
  std::uint64_t calls = torn.calls();
  Loaded loaded = Load(torn, logger, TestOptions(), /*load_truncated=*/false);
  EXPECT_TRUE(loaded.status.message().find("Unexpected end of file reading the append only file") == 0);
  EXPECT_EQ(torn.calls(), calls);

  RecordingFiles not_last = Foreign(good + "*3\r\n");
  not_last.Put(kManifest, "file appendonly.aof.1.incr.aof seq 1 type i\nfile appendonly.aof.2.incr.aof seq 2 type i\n");
  not_last.Put(kIncr2, "");
  loaded = Load(not_last);
  EXPECT_TRUE(loaded.status.message().find("Fatal error: the truncated file is not the last file") != std::string::npos);
  EXPECT_EQ(not_last.calls(), 0u);

  RecordingFiles unknown = Foreign(good + Resp({"NOSUCH", "x"}));
  loaded = Load(unknown);
  EXPECT_TRUE(loaded.status.message().find("Unknown command 'NOSUCH' reading the append only file "
                                           "appendonly.aof.1.incr.aof") == 0);
  for (const std::string& nested : {Resp({"MULTI"}) + Resp({"MULTI"}), Resp({"EXEC"}), Resp({"SELECT", "x"})}) {
    RecordingFiles files = Foreign(good + nested + good);
    EXPECT_FALSE(Load(files).status.ok());
    EXPECT_EQ(files.calls(), 0u);
  }
}

ONE_THREAD_TEST(AofLoader, HugeAnnouncedLengthsTakeNoMemory) {
  for (const char* head : {"*2147483647\r\n$3\r\nDEL\r\n", "*2\r\n$536870912\r\nabc"}) {
    RecordingFiles files = Foreign(head);
    Loaded loaded = Load(files);
    EXPECT_TRUE(loaded.status.ok());
    EXPECT_EQ(loaded.report.commands, 0u);
  }
}

ONE_THREAD_TEST(AofLoader, LargeValuesAndTransactionsCrossTheWindow) {
  std::string big(3 << 20, 'x');
  std::string content;
  for (int i = 0; i < 3; ++i) content += Resp({"SET", "k" + std::to_string(i), std::string_view(big).substr(0, big.size() / (i + 1))});
  content += Resp({"MULTI"});
  for (int i = 0; i < 20000; ++i) content += Resp({"SET", "t" + std::to_string(i), "some value of the transaction"});
  content += Resp({"EXEC"});
  RecordingFiles files = Foreign(content);
  Loaded loaded = Load(files);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.report.commands, 20003u);
  EXPECT_EQ(loaded.sink.effects[1].size(), big.size() / 2 + 9);
  EXPECT_EQ(loaded.sink.effects.back(), "0 SET t19999 some value of the transaction");
  // Now there are checksums; the second load verifies them.
  files.Content(kIncr)[content.size() / 2] ^= 4;
  EXPECT_TRUE(Load(files).status.message().find("Bad checksum") == 0);
}

ONE_THREAD_TEST(AofLoader, ForeignFilesAreIndexedAtOnce) {
  RecordingFiles files = Foreign(Resp({"SET", "a", "1"}) + Resp({"SET", "b", "2"}));
  CollectingLogger logger;
  ASSERT_TRUE(Load(files, logger).status.ok());
  EXPECT_TRUE(logger.Contains("has no checksums"));
  SegmentIndex index;
  ASSERT_TRUE(ReadSegmentIndex(files, IndexPath(kIncr), &index).ok());
  EXPECT_TRUE(index.present && index.closed && !index.damaged);
  EXPECT_EQ(index.covered_end(), files.Content(kIncr).size());
  // Redis appended to it meanwhile: loaded, and covered from now on.
  files.Content(kIncr) += Resp({"SET", "c", "3"});
  Loaded loaded = Load(files);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.report.commands, 3u);
  ASSERT_TRUE(ReadSegmentIndex(files, IndexPath(kIncr), &index).ok());
  EXPECT_EQ(index.covered_end(), files.Content(kIncr).size());
  // Shortened: somebody removed what was durable.
  files.Content(kIncr).resize(30);
  loaded = Load(files);
  EXPECT_TRUE(loaded.status.message().find("has 30 bytes, but ") != std::string::npos);
  files.Remove(IndexPath(kIncr));
  EXPECT_TRUE(Load(files).status.ok());
}

// The checksums that the index gets are those of what was loaded, also where it covers only pieces of the file and where
// the tail is torn; and nothing is read a second time for them, but for the piece that the cut shortens.
ONE_THREAD_TEST(AofLoader, AForeignFileIsReadOnceAndItsIndexIsTrue) {
  std::string content;
  while (content.size() < 5 << 20) content += Resp({"SET", "k" + std::to_string(content.size()), std::string(70000, 'v')});
  const std::size_t whole = content.size();
  for (bool torn : {false, true}) {
    RecordingFiles files = Foreign(content + (torn ? "*3\r\n$3\r\nSET\r\n$1\r\nx" : ""));
    Loaded first = Load(files);
    ASSERT_TRUE(first.status.ok());
    EXPECT_LE(files.bytes_read(), whole + (torn ? 2u << 20 : 1000u));
    SegmentIndex index;
    ASSERT_TRUE(ReadSegmentIndex(files, IndexPath(kIncr), &index).ok());
    EXPECT_TRUE(index.closed && !index.damaged);
    std::uint64_t covered = 0;
    for (const IndexBlock& block : index.blocks) {
      EXPECT_EQ(block.begin, covered);
      EXPECT_EQ(block.crc, Crc32c(std::string_view(content).substr(block.begin, block.end - block.begin)));
      covered = block.end;
    }
    EXPECT_EQ(covered, whole);
    // Appended to by Redis: what was covered is verified, the rest becomes covered.
    files.Content(kIncr) += Resp({"SET", "more", std::string(3 << 20, 'm')});
    ASSERT_TRUE(Load(files).status.ok());
    ASSERT_TRUE(ReadSegmentIndex(files, IndexPath(kIncr), &index).ok());
    EXPECT_EQ(index.covered_end(), files.Content(kIncr).size());
    files.Content(kIncr)[files.Content(kIncr).size() - 100] ^= 1;
    EXPECT_TRUE(Load(files).status.message().find("Bad checksum") == 0);
  }
}

ONE_THREAD_TEST(AofLoader, LookingAtAnOpenLogChangesNothing) {
  RecordingFiles files;
  NullLogger logger;
  ManualClock clock;
  std::unique_ptr<AofLog> log;
  ASSERT_TRUE(AofLog::Open(files, logger, TestOptions(), clock, AofLogLimits(), &log).ok());
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "a", "1"});
  log->Append(unit);
  ASSERT_TRUE(log->Sync().ok());
  const std::uint64_t calls = files.calls();
  LoadOptions only_look;
  only_look.repair = false;
  RememberingSink sink;
  LoadReport report;
  ASSERT_TRUE(LoadAof(files, logger, TestOptions(), only_look, sink, &report).ok());
  EXPECT_EQ(report.commands, 1u);
  files.Content(kIncr) += "*1\r\n";  // no power was lost and nothing may be cut
  EXPECT_FALSE(LoadAof(files, logger, TestOptions(), only_look, sink, &report).ok());
  EXPECT_EQ(files.calls(), calls);
}

ONE_THREAD_TEST(AofLoader, EmptyRdbBaseIsAcceptedAndOneWithKeysIsNamed) {
  std::size_t size = 0;
  EXPECT_EQ(CheckEmptyRdb(kEmptyRdb, &size), EmptyRdbResult::kEmpty);
  EXPECT_EQ(size, std::size_t{89});
  RecordingFiles files = Foreign(Resp({"SET", "a", "1"}));
  files.Put(kManifest, "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
  files.Put("/data/appendonlydir/appendonly.aof.1.base.rdb", kEmptyRdb);
  Loaded loaded = Load(files);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.report.commands, 1u);
  EXPECT_FALSE(files.Exists("/data/appendonlydir/appendonly.aof.1.base.rdb.idx"));
  for (std::size_t bit = 0; bit < kEmptyRdb.size() * 8; ++bit) {
    std::string flipped = kEmptyRdb;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    files.Content("/data/appendonlydir/appendonly.aof.1.base.rdb") = flipped;
    EXPECT_FALSE(Load(files).status.ok() && flipped.substr(0, 5) == "REDIS");
  }
  files.Content("/data/appendonlydir/appendonly.aof.1.base.rdb") = "REDIS0010\xfe" + std::string(1, '\0') + std::string("\0\1k\1v\xff", 6);
  EXPECT_TRUE(Load(files).status.message().find("RDB base file appendonly.aof.1.base.rdb holds keys, which are not "
                                                "read here") == 0);
  // The old preamble layout: RDB, then commands, the first of them torn.
  RecordingFiles preamble = Foreign(kEmptyRdb + "*3\r\n$3");
  loaded = Load(preamble);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(preamble.Content(kIncr), kEmptyRdb);
}

// Found by fuzzing: it was loaded, and then refused as "changed after it was loaded".
ONE_THREAD_TEST(AofLoader, AnIncrFileThatIsNothingButAnRdbCanBeAppendedTo) {
  RecordingFiles files = Foreign(kEmptyRdb);
  for (std::uint64_t commands = 0; commands < 3; ++commands) {
    Loaded loaded = Load(files);
    ASSERT_TRUE(loaded.status.ok());
    EXPECT_EQ(loaded.report.commands, commands);
    NullLogger logger;
    ManualClock clock;
    std::unique_ptr<AofLog> log;
    ASSERT_TRUE(AofLog::Open(files, logger, TestOptions(), clock, AofLogLimits(), &log).ok());
    LogUnit unit;
    AddEffect(&unit, 0, {"SET", "a", "1"});
    log->Append(unit);
    ASSERT_TRUE(log->Close().ok());
  }
}

// The sink reads the RDB, the reader goes on behind it with what it has verified. It had taken all of that for uncovered
// again: the index that was written contradicted itself, and the log could not be opened.
ONE_THREAD_TEST(AofLoader, WhatStandsBehindAnRdbWithKeysIsCoveredOnce) {
  class RdbSink final : public LoadSink {
   public:
    bool Apply(int, const std::string_view*, std::size_t, std::string*) override { return true; }
    Status LoadRdb(File& file, std::uint64_t, const std::string& name, std::uint64_t* end) override {
      return RdbEndOf(file, name, end);
    }
  };
  // One key whose value's length, below 16 MiB, is written in four bytes; the checksum is switched off.
  const auto rdb_of = [](std::size_t size) {
    const char length[] = {'\x80', 0, static_cast<char>(size >> 16), static_cast<char>(size >> 8), static_cast<char>(size)};
    return "REDIS0010\xfe" + std::string("\0\0\1k", 4) + std::string(length, 5) + std::string(size, 'v') + '\xff' + std::string(8, '\0');
  };
  const auto load = [](RecordingFiles& files, std::uint64_t commands) {
    RdbSink sink;
    NullLogger logger;
    LoadReport report;
    ASSERT_TRUE(LoadAof(files, logger, TestOptions(), LoadOptions(), sink, &report).ok());
    EXPECT_EQ(report.commands, commands);
    SegmentIndex index;
    ASSERT_TRUE(ReadSegmentIndex(files, IndexPath(kIncr), &index).ok());
    EXPECT_TRUE(index.closed && !index.damaged);
    std::uint64_t covered = 0;
    for (const IndexBlock& block : index.blocks) {
      EXPECT_EQ(block.begin, covered);
      EXPECT_EQ(block.crc, Crc32c(std::string_view(files.Content(kIncr)).substr(block.begin, block.end - block.begin)));
      covered = block.end;
    }
    EXPECT_EQ(covered, files.Content(kIncr).size());
  };
  for (std::size_t bytes : {0u, 1u, 1u << 20, 2u << 20, 3u << 20}) {
    std::uint64_t commands = 0;
    const std::size_t behind = bytes % (2u << 20);  // with less and more than a window before and behind the RDB's end
    RecordingFiles files = Foreign(rdb_of(bytes >= 2u << 20 ? 700000 : 1));
    if (behind > 0) files.Content(kIncr) += Resp({"SET", "a", std::string(behind, 'v')}), ++commands;
    load(files, commands);
    files.Content(kIncr) += Resp({"SET", "b", std::string(behind, 'v')});  // by Redis
    load(files, ++commands);
    NullLogger logger;
    ManualClock clock;
    std::unique_ptr<AofLog> log;
    ASSERT_TRUE(AofLog::Open(files, logger, TestOptions(), clock, AofLogLimits(), &log).ok());
    LogUnit unit;
    AddEffect(&unit, 0, {"SET", "a", "1"});
    log->Append(unit);
    ASSERT_TRUE(log->Sync().ok());
    log->Append(unit);
    RecordingFiles killed = files.Killed();  // with blocks that are durable, in a session that has no end
    load(killed, ++commands);
    ASSERT_TRUE(AofLog::Open(killed, logger, TestOptions(), clock, AofLogLimits(), &log).ok());
  }
}

}  // namespace slotwise::test
