// The manifest: every row of specs aof.md section 2, the additions, and the directory around it.
#include "log/aof_manifest.h"

#include "log/aof_directory.h"
#include "log_support.h"

namespace slotwise::test {
namespace {

std::string Reason(const std::string& text) {
  AofManifest manifest;
  Status status = AofManifest::Parse(text, &manifest);
  if (status.ok()) return "ok";
  return status.message().substr(status.message().rfind('\n') + 1);
}

constexpr const char* kFormat = "Invalid AOF manifest file format";

}  // namespace

ONE_THREAD_TEST(AofManifest, ReadsWhatRedisReads) {
  struct Row {
    const char* text;
    const char* reason;
  };
  const Row rows[] = {
      {"file a seq 1 type b\nfile b seq 1 type i\n", "ok"},
      {"TYPE i Seq 7 FILE a\n", "ok"},
      {"file a seq 1 type i extra x\n", "ok"},
      {"# a comment\nfile a seq 1 type i\n", "ok"},
      {"file \"with space\\x21\\n\" seq 1 type i\n", "ok"},
      {"file a seq 1 type incremental\n", "ok"},
      {"file a seq 1 type i\nfile b seq 9 type i\n", "ok"},
      {"", "Found an empty AOF manifest"},
      {"file a seq 1 type i", "The AOF manifest file contains too long line"},
      {"\n", kFormat},
      {"file a seq 1 type i\n\n", kFormat},
      {"file a seq 1\n", kFormat},
      {"file a seq 1 type i odd\n", kFormat},
      {"file a seq 0 type i\n", kFormat},
      {"file a seq x type i\n", kFormat},
      {"file a seq -1 type i\n", kFormat},
      {"name a seq 1 type i\n", kFormat},
      {"file \"a seq 1 type i\n", kFormat},
      {"file a seq 1 type b\nfile b seq 2 type b\n", "Found duplicate base file information"},
      {"file a seq 2 type i\nfile b seq 2 type i\n", "Found a non-monotonic sequence number"},
      {"file a/b seq 1 type i\n", "File can't be a path, just a filename"},
      {"file ../a seq 1 type i\n", "File can't be a path, just a filename"},
      {"file .. seq 1 type i\n", "File can't be a path, just a filename"},
      {"file \"a\\\\b\" seq 1 type i\n", "File can't be a path, just a filename"},
      {"file a seq 1 type x\n", "Unknown AOF file type"},
      {"file a seq 1 type b\nfile a seq 1 type i\n", "Found a file listed twice"},
      {"file a seq 1 type b\x0b" "file b seq 1 type i\n", kFormat},
  };
  for (const Row& row : rows) EXPECT_EQ(Reason(row.text), std::string(row.reason));
  EXPECT_EQ(Reason("file " + std::string(1010, 'a') + " seq 1 type i\n"), "The AOF manifest file contains too long line");
  EXPECT_EQ(Reason(std::string("file a\0b seq 1 type i\n", 22)), "The AOF manifest file contains too long line");
}

ONE_THREAD_TEST(AofManifest, PrintsBaseHistoryIncrAndReadsItselfBack) {
  AofManifest manifest;
  manifest.base = AofFileInfo{"a b\n\x01.rdb", 5, 'b'};
  manifest.history = {{"h", 4, 'h'}};
  manifest.incr = {{"i1", 3, 'i'}, {"i2", 4, 'i'}};
  std::string text = manifest.Print();
  EXPECT_EQ(text.substr(0, text.find('#')),
            "file \"a b\\n\\x01.rdb\" seq 5 type b\nfile h seq 4 type h\nfile i1 seq 3 type i\nfile i2 seq 4 type i\n");
  AofManifest back;
  ASSERT_TRUE(AofManifest::Parse(text, &back).ok());
  EXPECT_TRUE(back.has_checksum);
  EXPECT_EQ(back.base->name, manifest.base->name);
  EXPECT_EQ(back.NextIncrSeq(), 5u);
  EXPECT_EQ(back.Print(), text);
}

ONE_THREAD_TEST(AofManifest, OneFlippedBitIsNeverAccepted) {
  AofManifest manifest;
  manifest.base = AofFileInfo{"appendonly.aof.1.base.aof", 1, 'b'};
  manifest.incr = {{"appendonly.aof.1.incr.aof", 1, 'i'}, {"appendonly.aof.2.incr.aof", 2, 'i'}};
  const std::string text = manifest.Print();
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    AofManifest read;
    if (!AofManifest::Parse(flipped, &read).ok()) continue;
    // Only the words of the checksum line itself may change unnoticed; the files are the same.
    EXPECT_EQ(read.Print(), text);
  }
}

ONE_THREAD_TEST(AofManifest, IsReplacedByRenameOrNotAtAll) {
  RecordingFiles files;
  ASSERT_EQ(files.MakeDir("/data/d"), 0);
  AofManifest manifest;
  manifest.incr = {{"one", 1, 'i'}};
  ASSERT_TRUE(PersistManifest(files, "/data/d", "m", manifest).ok());
  const std::string old_text = files.Content("/data/d/m");
  manifest.incr.push_back({"two", 2, 'i'});
  for (std::uint64_t call = 1; call <= 4; ++call) {
    files.FailAt(files.calls() + call, FaultKind::kEnospc, false);
    Status status = PersistManifest(files, "/data/d", "m", manifest);
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(status.message().find("No space left on device") != std::string::npos);
    files.ClearFault();
    EXPECT_EQ(files.Content("/data/d/m"), old_text);
  }
  EXPECT_TRUE(PersistManifest(files, "/data/d", "m", manifest).ok());
  EXPECT_EQ(files.Content("/data/d/m"), manifest.Print());
}

ONE_THREAD_TEST(AofDirectory, NeverStartsEmptyBesideData) {
  RecordingFiles files;
  files.Put("/data/appendonlydir/appendonly.aof.1.incr.aof", "*1\r\n$4\r\nPING\r\n");
  Loaded loaded = Load(files);
  EXPECT_FALSE(loaded.status.ok());
  EXPECT_TRUE(loaded.status.message().find("holds data") != std::string::npos);
  // What an interrupted first start leaves is not data.
  files.Content("/data/appendonlydir/appendonly.aof.1.incr.aof").clear();
  loaded = Load(files);
  EXPECT_TRUE(loaded.status.ok());
  EXPECT_FALSE(loaded.report.existed);
}

ONE_THREAD_TEST(AofDirectory, MissingFileIsRefusedAndUnlistedFileIsIgnored) {
  RecordingFiles files;
  files.Put("/data/appendonlydir/appendonly.aof.manifest", "file appendonly.aof.1.incr.aof seq 1 type i\n");
  files.Put("/data/appendonlydir/appendonly.aof.9.incr.aof", "*1\r\n$4\r\nPING\r\n");
  Loaded loaded = Load(files);
  EXPECT_EQ(loaded.status.message(),
            "Unable to obtain the AOF file appendonly.aof.1.incr.aof length. stat: No such file or directory");
  files.Put("/data/appendonlydir/appendonly.aof.1.incr.aof", "");
  CollectingLogger logger;
  loaded = Load(files, logger);
  EXPECT_TRUE(loaded.status.ok());
  EXPECT_TRUE(logger.Contains("appendonly.aof.9.incr.aof is not listed"));
  EXPECT_EQ(loaded.report.commands, 0u);
}

ONE_THREAD_TEST(AofDirectory, OldLayoutIsMigratedWhereverACrashInterruptsIt) {
  const std::string set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
  for (DiskModel model : {DiskModel::kPosixMinimal, DiskModel::kExt4Like}) {
    RecordingFiles files(model);
    files.Put("/data/appendonly.aof", set);
    Twister random(3);
    int images = 0;
    files.before_call = [&] {
      for (int i = 0; i < 20; ++i) {
        RecordingFiles image = files.AfterPowerCut([&](unsigned n) { return static_cast<unsigned>(random() % n); }, "boot-2");
        Loaded loaded = Load(image);
        EXPECT_TRUE(loaded.status.ok());
        EXPECT_EQ(loaded.sink.effects.size(), std::size_t{1});
        ++images;
      }
    };
    NullLogger logger;
    Loaded loaded = Load(files, logger);
    EXPECT_TRUE(loaded.status.ok());
    ManualClock clock;
    std::unique_ptr<AofLog> log;
    EXPECT_TRUE(AofLog::Open(files, logger, TestOptions(), clock, AofLogLimits(), &log).ok());
    files.before_call = nullptr;
    EXPECT_GE(images, 200);
    EXPECT_FALSE(files.Exists("/data/appendonly.aof"));
    std::string manifest = files.Content("/data/appendonlydir/appendonly.aof.manifest");
    EXPECT_EQ(manifest.substr(0, manifest.find('#')),
              "file appendonly.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n");
  }
}

}  // namespace slotwise::test
