// Where segments are cut, what an archive keeps and when it begins a new history.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "backup/aof_copy.h"
#include "backup/rdb_extent.h"
#include "backup/segment_cut.h"
#include "engine/append_only.h"
#include "engine_fixture.h"
#include "log/aof_archive.h"
#include "log/aof_manifest.h"
#include "log/segment_index.h"
#include "log/segment_reader.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

namespace fs = std::filesystem;

std::string Set(const std::string& key) { return "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n$1\r\nv\r\n"; }
std::string Multi(const std::string& inside) { return "*1\r\n$5\r\nMULTI\r\n" + inside + "*1\r\n$4\r\nEXEC\r\n"; }
std::string Line(int seconds) { return "#TS:" + std::to_string(seconds) + "\r\n"; }
void Write(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }
std::string Read(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

struct Piece {
  std::string bytes;
  std::uint32_t seconds;  // of its index block; 0: no block
};

// A segment of pieces, each with a block of the index.
struct Segment {
  TempDir dir;
  std::string path = dir.path() + "/segment";
  std::vector<std::uint64_t> ends;
  explicit Segment(const std::vector<Piece>& pieces, bool index = true) {
    SegmentIndex written;
    std::string all;
    for (const Piece& piece : pieces) {
      const std::uint64_t begin = all.size();
      all += piece.bytes;
      ends.push_back(all.size());
      Write(path, all);
      std::unique_ptr<File> file;
      PosixFiles().Open(path, OpenMode::kRead, &file);
      std::uint32_t crc = 0;
      ChecksumOf(*file, begin, all.size(), &crc);
      written.blocks.push_back({begin, all.size(), crc, piece.seconds});
    }
    if (index) (void)WriteSegmentIndex(PosixFiles(), dir.path(), IndexPath(path), written, 1);
  }
  SegmentCut Cut(const CutTarget& target, std::string* error = nullptr) const {
    SegmentCut cut;
    Status status = FindSegmentCut(PosixFiles(), path, target, [](std::uint64_t, std::uint64_t) {}, &cut);
    if (error != nullptr) *error = status.message();
    else {
      EXPECT_TRUE(status.ok());
    }
    return cut;
  }
  std::uint64_t At(std::uint64_t position) const { return Cut({position, {}}).end; }
  std::uint64_t Until(std::uint32_t seconds) const { return Cut({{}, seconds}).end; }
};

TEST(SegmentCut, APositionIsTheLastBoundaryThatIsNotBehindIt) {
  const std::vector<Piece> units = {{Set("a"), 1}, {Multi(Set("b") + Set("c")), 1}, {Line(5), 1}, {Set("d"), 1}, {Multi(Set("e") + Set("f")), 1}};
  Segment segment(units);
  std::uint64_t expected = 0;
  std::size_t unit = 0;
  for (std::uint64_t at = 0; at <= segment.ends.back() + 3; ++at) {
    while (unit < segment.ends.size() && segment.ends[unit] <= at) expected = segment.ends[unit++];
    EXPECT_EQ(segment.At(at), expected);
  }
}

TEST(SegmentCut, ATimeLeavesOutWhatTheIndexSaysIsLater) {
  Segment segment({{Set("a"), 10}, {Multi(Set("b") + Set("c")), 11}, {Set("d") + Set("e"), 13}, {Set("f"), 12}});
  EXPECT_EQ(segment.Until(9), 0u);
  EXPECT_EQ(segment.Until(10), segment.ends[0]);
  // What follows a later block is later, whatever a clock that was set back says.
  EXPECT_EQ(segment.Until(12), segment.ends[1]);
  EXPECT_EQ(segment.Until(13), segment.ends[3]);
}

TEST(SegmentCut, LinesSayWhichUnitsOfABlockAreInTime) {
  const std::string first = Set("a") + Set("b");
  Segment segment({{Line(10) + Set("z"), 10}, {Line(11) + first + Line(12) + Set("c"), 12}, {Set("d"), 13}, {Set("e"), 30}});
  EXPECT_EQ(segment.Until(11), segment.ends[0] + Line(11).size() + first.size());
  EXPECT_EQ(segment.Until(12), segment.ends[2]);
  // The line is from before the last block, which may have been written at any time until 30.
  EXPECT_EQ(segment.Until(20), segment.ends[2]);
  EXPECT_EQ(segment.Until(30), segment.ends[3]);
}

TEST(SegmentCut, LinesCountInBlocksThatAStartMadeOfWhatItFound) {
  Segment segment({{Line(10) + Set("a"), 100}, {Set("b"), 100}, {Line(20) + Set("c"), 100}, {Set("d"), 101}});
  EXPECT_EQ(segment.Until(10), segment.ends[1]);
  EXPECT_EQ(segment.Until(99), segment.ends[2]);
  EXPECT_EQ(segment.Until(101), segment.ends[3]);
}

TEST(SegmentCut, WithoutIndexTheLinesCountAlone) {
  Segment lines({{Line(10) + Set("a"), 0}, {Line(12) + Set("b"), 0}}, /*index=*/false);
  EXPECT_EQ(lines.Until(11), lines.ends[0]);
  EXPECT_EQ(lines.Until(12), lines.ends[1]);
  Segment nothing({{Set("a"), 0}}, /*index=*/false);
  SegmentCut cut = nothing.Cut({{}, 5});
  EXPECT_EQ(cut.end, 0u);
  ASSERT_TRUE(cut.undated_at.has_value());
  EXPECT_EQ(*cut.undated_at, 0u);
  // The same with the index of a copy, which says when it was made, and that is nothing.
  EXPECT_TRUE(Segment({{Set("a"), 0}}).Cut({{}, 5}).undated_at.has_value());
}

TEST(SegmentCut, DamageBeforeTheEndIsRefusedAndATornUnitIsLeftOut) {
  Segment segment({{Set("a"), 1}, {Set("b"), 1}, {Set("c"), 1}});
  std::string bytes = Read(segment.path);
  bytes[bytes.find("b\r\n$1")] = 'x';
  Write(segment.path, bytes);
  std::string error;
  segment.Cut({segment.ends[2], {}}, &error);
  EXPECT_NE(error.find("the bytes from " + std::to_string(segment.ends[0]) + " to " + std::to_string(segment.ends[1])), std::string::npos);
  Segment torn({{Set("a") + Multi(Set("b")).substr(0, 40), 1}}, /*index=*/false);
  EXPECT_EQ(torn.At(1000), Set("a").size());
}

TEST(RdbExtent, SaysWhereItEndsAndWhenItWasMade) {
  TempDir dir;
  EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
  f.Run({"SET", "a", "1"});
  f.Run({"RPUSH", "l", "x", "y"});
  ASSERT_EQ(f("SAVE"), "+OK\r\n");
  const std::string rdb = Read(dir.path() + "/dump.rdb");
  Write(dir.path() + "/with-tail", rdb + Set("b"));
  std::unique_ptr<File> file;
  ASSERT_EQ(PosixFiles().Open(dir.path() + "/with-tail", OpenMode::kRead, &file), 0);
  RdbExtent extent;
  ASSERT_TRUE(MeasureRdb(*file, "with-tail", &extent).ok());
  EXPECT_EQ(extent.end, rdb.size());
  EXPECT_EQ(extent.keys, 2u);
  EXPECT_GT(extent.created_seconds, 1600000000);
  std::string damaged = rdb;
  damaged[damaged.size() - 20] ^= 1;
  Write(dir.path() + "/damaged", damaged);
  ASSERT_EQ(PosixFiles().Open(dir.path() + "/damaged", OpenMode::kRead, &file), 0);
  EXPECT_FALSE(MeasureRdb(*file, "damaged", &extent).ok());
}

// An AOF directory with segments whose names alone matter.
struct Archive {
  TempDir dir;
  NullLogger logger;
  CommitLogOptions options;
  AofPaths paths{Options()};
  std::string folder = dir.path() + "/archive";
  std::unique_ptr<AofArchive> archive;
  Status opened;

  Archive() {
    fs::create_directories(paths.dir);
    Open();
  }
  CommitLogOptions Options() {
    options.dir = dir.path();
    return options;
  }
  void Open() { opened = AofArchive::Open(PosixFiles(), logger, paths, folder, 1, &archive); }
  // The manifest after a rewrite that replaced segments [first, next).
  Status Keep(std::uint64_t first, std::uint64_t next) {
    AofManifest manifest;
    for (std::uint64_t seq = first; seq < next; ++seq) {
      Write(paths.InDir(paths.IncrName(seq)), Set("of" + std::to_string(seq)));
      manifest.history.insert(manifest.history.begin(), {paths.IncrName(seq), seq, 'h'});
    }
    manifest.history.push_back({paths.BaseName(first, true), first, 'h'});
    manifest.incr.push_back({paths.IncrName(next), next, 'i'});
    return archive->Keep(manifest);
  }
  std::string InArchive(std::uint64_t seq) { return folder + "/" + archive->id() + "/" + paths.IncrName(seq); }
};

TEST(AofArchive, KeepsSegmentsWithoutCopyingAndSaysWhatFollows) {
  Archive a;
  ASSERT_TRUE(a.opened.ok());
  ASSERT_TRUE(a.Keep(1, 3).ok());
  EXPECT_TRUE(fs::equivalent(a.InArchive(1), a.paths.InDir(a.paths.IncrName(1))));
  EXPECT_NE(Read(a.InArchive(1) + ".note").find("\nseq 1\nsize " + std::to_string(Set("of1").size()) + "\nnext 2\n"), std::string::npos);
  EXPECT_NE(Read(a.InArchive(2) + ".note").find("\nnext 3\n"), std::string::npos);
  EXPECT_FALSE(fs::exists(a.folder + "/" + a.archive->id() + "/" + a.paths.BaseName(1, true)));
}

TEST(AofArchive, ARepeatAfterACrashChangesNothing) {
  Archive a;
  ASSERT_TRUE(a.Keep(1, 2).ok());
  fs::remove(a.InArchive(1) + ".note");
  const std::string id = a.archive->id();
  a.Open();
  EXPECT_EQ(a.archive->id(), id);
  AofManifest manifest;
  manifest.history.push_back({a.paths.IncrName(1), 1, 'h'});
  manifest.incr.push_back({a.paths.IncrName(2), 2, 'i'});
  ASSERT_TRUE(a.archive->Keep(manifest).ok());
  EXPECT_NE(Read(a.InArchive(1) + ".note").find("\nnext 2\n"), std::string::npos);
  fs::remove(a.paths.InDir(a.paths.IncrName(1)));
  EXPECT_TRUE(a.archive->Keep(manifest).ok());  // it was removed, and the manifest still names it
  fs::remove(a.InArchive(1) + ".note");
  EXPECT_FALSE(a.archive->Keep(manifest).ok());
}

TEST(AofArchive, AnotherFileOfTheNameIsNotReplaced) {
  Archive a;
  ASSERT_TRUE(a.Keep(1, 2).ok());
  fs::remove(a.paths.InDir(a.paths.IncrName(1)));
  const std::string before = Read(a.InArchive(1));
  Status status = a.Keep(1, 2);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find("is another file"), std::string::npos);
  EXPECT_EQ(Read(a.InArchive(1)), before);
}

TEST(AofArchive, ANewHistoryTakesNoSegmentOfTheOneBefore) {
  Archive a;
  ASSERT_TRUE(a.Keep(1, 2).ok());
  const std::string id = a.archive->id();
  ASSERT_TRUE(a.archive->Begin(5).ok());
  EXPECT_NE(a.archive->id(), id);
  ASSERT_TRUE(a.Keep(4, 6).ok());
  EXPECT_FALSE(fs::exists(a.InArchive(4)));
  EXPECT_TRUE(fs::exists(a.InArchive(5)));
}

std::size_t Folders(const std::string& path) {
  std::size_t n = 0;
  for (const auto& entry : fs::directory_iterator(path)) n += entry.is_directory() ? 1 : 0;
  return n;
}

bool WaitForRewrite(EngineFixture& f) {
  for (int i = 0; i < 20000; ++i) {
    AppendOnly::Info info = f.engine->append_only().info();
    if (!info.rewriting && !info.scheduled) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST(AofArchive, RewritesFillItAndWhatTheLogMissedBeginsAnotherHistory) {
  TempDir dir;
  const std::string archive = dir.path() + "/archive";
  EngineFixture f({{"appendonly", "yes"}, {"dir", dir.path()}, {"aof-archive-dir", archive}});
  ASSERT_TRUE(f.status.ok());
  f.Run({"SET", "a", "1"});
  f.Run({"BGREWRITEAOF"});
  ASSERT_TRUE(WaitForRewrite(f));
  ASSERT_EQ(Folders(archive), 1u);
  const std::string first = fs::directory_iterator(archive)->path().string() + "/appendonly.aof.1.incr.aof";
  EXPECT_NE(Read(first).find("$1\r\na\r\n"), std::string::npos);
  EXPECT_NE(Read(first + ".note").find("\nnext 2\n"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir.path() + "/appendonlydir/appendonly.aof.1.incr.aof"));
  f.Run({"CONFIG", "SET", "appendonly", "no"});
  f.Run({"SET", "b", "1"});
  f.Run({"CONFIG", "SET", "appendonly", "yes"});
  ASSERT_TRUE(WaitForRewrite(f));
  EXPECT_EQ(Folders(archive), 2u);
}

// --- copies

TEST(AofCopy, IsWholeWhileTheServerHasItOpenAndRewritesIt) {
  TempDir dir, copies;
  EngineFixture f({{"appendonly", "yes"}, {"dir", dir.path()}, {"appendfsync", "always"}});
  ASSERT_TRUE(f.status.ok());
  f.Run({"SET", "{b}x", "1000"});
  for (int copy = 0; copy < 20; ++copy) {
    for (int i = 0; i < 50; ++i) {
      f.Run({"MULTI"});
      f.Run({"DECR", "{b}x"});
      f.Run({"INCR", "{b}y"});
      f.Run({"EXEC"});
    }
    if (copy % 5 == 4) f.Run({"BGREWRITEAOF"});
    ASSERT_TRUE(f.engine->log().Sync().ok());
    CommitLogOptions from, to;
    from.dir = dir.path();
    to.dir = copies.path() + "/" + std::to_string(copy);
    fs::create_directories(to.dir);
    AofFacts facts;
    NullLogger logger;
    Status status = CopyAof(PosixFiles(), logger, from, to, [](std::string_view, std::uint64_t, std::uint64_t) {}, &facts);
    ASSERT_TRUE(status.ok());
    EngineFixture copied({{"appendonly", "yes"}, {"dir", to.dir}});
    ASSERT_TRUE(copied.status.ok());
    EXPECT_EQ(copied("GET {b}x"), f("GET {b}x"));
    EXPECT_EQ(copied("GET {b}y"), f("GET {b}y"));
  }
}

}  // namespace
}  // namespace slotwise::test
