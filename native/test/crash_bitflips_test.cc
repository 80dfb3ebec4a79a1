// Flips single bits in every file of a closed AOF directory: the start is refused or the data is exactly what was
// written. In a directory that was not closed (kill -9, then a reboot) a tail may be missing, but nothing may be wrong.
#include "crash_workload.h"

#include <cstdio>

namespace slotwise::test {
namespace {

struct Tally {
  std::uint64_t flips = 0;
  std::uint64_t refused = 0;
  std::uint64_t unharmed = 0;
  std::uint64_t shorter = 0;
  std::uint64_t failures = 0;
};

struct Directory {
  RecordingFiles files;
  std::unique_ptr<Workload> workload;
};

std::unique_ptr<Directory> MakeDirectory(std::uint64_t seed, bool two_segments, bool closed) {
  auto directory = std::make_unique<Directory>();
  directory->workload = std::make_unique<Workload>(directory->files, FsyncPolicy::kEverySec, seed);
  Workload& workload = *directory->workload;
  if (!workload.Start().ok()) return nullptr;
  for (int step = 0; step < 40; ++step) {
    workload.Step();
    if (two_segments && step == 20) directory->files.FailAt(directory->files.calls() + 3, FaultKind::kEio, false);
  }
  directory->files.ClearFault();
  workload.clock().now += 2000;
  workload.log()->Tick(workload.clock().now);
  if (closed) {
    if (!workload.log()->Close().ok()) return nullptr;
  } else {
    workload.AppendSome();
    workload.log()->Flush();
  }
  workload.NoteAcks();
  return directory;
}

struct Tail {
  std::string path;  // the segment being appended to
  std::uint64_t covered_end = 0;
};
Tail TailOf(RecordingFiles& files, const std::vector<std::string>& paths) {
  Tail tail;
  for (const std::string& path : paths) {
    if (path.size() > 4 && path.substr(path.size() - 4) == ".aof") tail.path = path;
  }
  SegmentIndex index;
  if (ReadSegmentIndex(files, IndexPath(tail.path), &index).ok()) tail.covered_end = index.covered_end();
  return tail;
}

void Flip(Directory& directory, bool closed, std::uint64_t count, Twister& random, Tally* tally) {
  std::vector<std::string> paths = directory.files.Paths();
  std::uint64_t total = 0;
  const Tail tail = TailOf(directory.files, paths);
  for (const std::string& path : paths) total += directory.files.Content(path).size();
  for (std::uint64_t i = 0; i < count; ++i) {
    ++tally->flips;
    RecordingFiles image = directory.files.Killed();
    if (random() % 2 == 0) image.set_boot("boot-2");
    // Half of the flips by size, half by file, so that the small files get their share.
    std::string path = paths[random() % paths.size()];
    std::uint64_t at = random() % total;
    for (const std::string& candidate : paths) {
      if (i % 2 == 0) break;
      std::uint64_t size = image.Content(candidate).size();
      if (at < size) {
        path = candidate;
        break;
      }
      at -= size;
    }
    std::string& content = image.Content(path);
    if (content.empty()) continue;
    std::uint64_t bit = random() % (content.size() * 8);
    // The last writes of a killed process carry no checksum yet.
    if (!closed && path == tail.path && bit / 8 >= tail.covered_end) continue;
    content[bit / 8] = static_cast<char>(content[bit / 8] ^ (1 << (bit % 8)));
    auto wrong = [&](const std::string& what) {
      if (++tally->failures <= 5) Fail(__FILE__, __LINE__, path + ", bit " + std::to_string(bit) + ": " + what);
    };
    NullLogger logger;
    Loaded loaded = Load(image, logger, directory.workload->options());
    if (!loaded.status.ok()) {
      ++tally->refused;
      if (loaded.status.message().empty()) wrong("refused without a message");
      continue;
    }
    std::size_t units = 0;
    const std::size_t all = directory.workload->unit_count();
    std::string judged = directory.workload->Judge(loaded.sink.effects, closed ? all : 0, &units);
    if (!judged.empty()) {
      wrong(judged);
      continue;
    }
    ++(units == all ? tally->unharmed : tally->shorter);
    // What was loaded was also put in order: a second start finds the same and nothing to complain about.
    CollectingLogger second_logger;
    Loaded second = Load(image, second_logger, directory.workload->options());
    if (!second.status.ok() || second.sink.effects != loaded.sink.effects) wrong("the second start differs");
    if (second_logger.Contains("damaged")) wrong("damage was not repaired");
  }
}

void Print(const char* name, const Tally& tally) {
  std::printf("bit flips, %s: %llu; %llu refused, %llu exactly as written, %llu with a shorter tail, %llu served wrong\n", name,
              static_cast<unsigned long long>(tally.flips), static_cast<unsigned long long>(tally.refused),
              static_cast<unsigned long long>(tally.unharmed), static_cast<unsigned long long>(tally.shorter),
              static_cast<unsigned long long>(tally.failures));
}

}  // namespace

ONE_THREAD_TEST(CrashBitFlips, AClosedDirectoryNeverServesAFlippedBit) {
  Twister random(20240611);
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    auto directory = MakeDirectory(seed, seed % 2 == 0, true);
    ASSERT_TRUE(directory != nullptr);
    Flip(*directory, true, 1000, random, &tally);
  }
  Print("closed", tally);
  EXPECT_EQ(tally.failures, 0u);
  EXPECT_EQ(tally.shorter, 0u);
  EXPECT_GE(tally.refused, 1000u);
  EXPECT_GE(tally.unharmed, 100u);  // flips in the index lose nothing
}

ONE_THREAD_TEST(CrashBitFlips, AnUncleanDirectoryServesAtMostLess) {
  Twister random(20240612);
  Tally tally;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    auto directory = MakeDirectory(seed, seed % 2 == 0, false);
    ASSERT_TRUE(directory != nullptr);
    Flip(*directory, false, 500, random, &tally);
  }
  Print("killed", tally);
  EXPECT_EQ(tally.failures, 0u);
  EXPECT_GE(tally.refused, 200u);
}

}  // namespace slotwise::test
