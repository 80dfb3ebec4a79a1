// The log on real files: permissions, the directory lock, the log thread with several writers, and redis-server itself.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <thread>

#include "log/commit_log.h"
#include "log/data_dir_lock.h"
#include "log_support.h"

namespace slotwise::test {
namespace {

CommitLogOptions OptionsIn(const TempDir& dir, FsyncPolicy policy) {
  CommitLogOptions options;
  options.dir = dir.path();
  options.fsync = policy;
  return options;
}

unsigned Mode(const std::string& path) {
  struct stat st;
  return stat(path.c_str(), &st) == 0 ? st.st_mode & 0777 : 0;
}

void Shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) Fail(__FILE__, __LINE__, "failed: " + command);
}

std::string Capture(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (std::size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, n);
  pclose(pipe);
  return output;
}

// Writers that append, ask for a flush and wait until the promise covers their unit, as connections do.
void RunWriters(FsyncPolicy policy, int threads, int units) {
  TempDir dir;
  CollectingLogger logger;
  CommitLogOptions options = OptionsIn(dir, policy);
  std::unique_ptr<CommitLog> log;
  ASSERT_TRUE(CommitLog::Open(PosixFiles(), logger, options, &log).ok());
  std::atomic<std::uint32_t> wakes{0};
  log->SetWaker([](void* arg) {
    auto* counter = static_cast<std::atomic<std::uint32_t>*>(arg);
    counter->fetch_add(1);
    counter->notify_all();
  }, &wakes);
  std::atomic<bool> done{false};
  std::thread switcher([&] {
    // Somebody changes the policy, asks for syncs and looks at figures meanwhile.
    for (int i = 0; !done; ++i) {
      if (i % 3 == 0) EXPECT_TRUE(log->Sync().ok());
      if (i % 7 == 0) log->SetFsyncPolicy(i % 2 == 0 ? FsyncPolicy::kAlways : policy);
      EXPECT_LE(log->durable(), log->tail());
      log->stats();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < threads; ++t) {
    writers.emplace_back([&, t] {
      LogUnit unit;
      for (int i = 0; i < units; ++i) {
        unit.Clear();
        std::string key = std::to_string(t) + ":" + std::to_string(i);
        AddEffect(&unit, t % 2, {"SET", key, std::string(static_cast<std::size_t>(i % 300), 'v')});
        std::uint64_t end = log->Append(unit);
        if (t == 0) {
          log->FlushSoon();  // an embedded writer does not wait
          continue;
        }
        std::uint32_t seen = wakes.load();
        while (log->Flush() < end) {
          wakes.wait(seen);
          seen = wakes.load();
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  switcher.join();
  EXPECT_TRUE(log->Close().ok());
  EXPECT_EQ(log->durable(), log->tail());
  log.reset();
  Loaded loaded = Load(PosixFiles(), logger, options);
  ASSERT_TRUE(loaded.status.ok());
  ASSERT_EQ(loaded.sink.effects.size(), static_cast<std::size_t>(threads * units));
  // Each writer's effects are there in its order.
  std::vector<int> next(static_cast<std::size_t>(threads));
  for (const std::string& effect : loaded.sink.effects) {
    int db = 0;
    int t = 0;
    int i = 0;
    ASSERT_EQ(std::sscanf(effect.c_str(), "%d SET %d:%d", &db, &t, &i), 3);
    EXPECT_EQ(db, t % 2);
    EXPECT_EQ(next[static_cast<std::size_t>(t)]++, i);
  }
}

}  // namespace

TEST(LogFiles, ArePrivateAndTheDirectoryIsRediss) {
  TempDir dir;
  NullLogger logger;
  std::unique_ptr<CommitLog> log;
  ASSERT_TRUE(CommitLog::Open(PosixFiles(), logger, OptionsIn(dir, FsyncPolicy::kEverySec), &log).ok());
  EXPECT_EQ(Mode(dir.path() + "/appendonlydir"), 0755u);
  EXPECT_EQ(Mode(dir.path() + "/appendonlydir/appendonly.aof.1.incr.aof"), 0600u);
  EXPECT_EQ(Mode(dir.path() + "/appendonlydir/appendonly.aof.1.incr.aof.idx"), 0600u);
  EXPECT_EQ(Mode(dir.path() + "/appendonlydir/appendonly.aof.manifest"), 0600u);
}

TEST(LogFiles, AMissingOrReadOnlyDirectoryIsAClearError) {
  TempDir dir;
  NullLogger logger;
  std::unique_ptr<CommitLog> log;
  CommitLogOptions options = OptionsIn(dir, FsyncPolicy::kEverySec);
  options.dir += "/nosuch";
  Status status = CommitLog::Open(PosixFiles(), logger, options, &log);
  EXPECT_EQ(status.code(), ENOENT);
  EXPECT_TRUE(status.message().find("Can't create the AOF directory") == 0);
}

TEST(LogFiles, PosixFilesReportErrorsAndAppendInParts) {
  TempDir dir;
  FileSystem& files = PosixFiles();
  std::unique_ptr<File> file;
  EXPECT_EQ(files.Open(dir.path() + "/none", OpenMode::kRead, &file), -ENOENT);
  EXPECT_EQ(files.Open(dir.path(), OpenMode::kRead, &file), -EISDIR);
  EXPECT_EQ(files.MakeDir(dir.path()), 0);
  ASSERT_EQ(files.Open(dir.path() + "/f", OpenMode::kCreateTruncate, &file), 0);
  EXPECT_EQ(files.MakeDir(dir.path() + "/f"), -EEXIST);
  std::vector<std::string> pieces;
  std::vector<std::string_view> parts;
  std::string expected;
  for (int i = 0; i < 200; ++i) pieces.push_back(std::string(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26)));
  for (const std::string& piece : pieces) {
    parts.push_back(piece);
    expected += piece;
  }
  EXPECT_EQ(file->AppendParts(parts.data(), parts.size()), static_cast<std::int64_t>(expected.size()));
  std::string got(expected.size() + 10, '\0');
  EXPECT_EQ(file->ReadAt(0, got.data(), got.size()), static_cast<std::int64_t>(expected.size()));
  EXPECT_TRUE(got.substr(0, expected.size()) == expected);
  EXPECT_EQ(file->Truncate(7), 0);
  EXPECT_EQ(file->Size(), 7);
  EXPECT_TRUE(file->StillAt(dir.path() + "/f"));
  EXPECT_EQ(files.Rename(dir.path() + "/f", dir.path() + "/g"), 0);
  EXPECT_FALSE(file->StillAt(dir.path() + "/f"));
  EXPECT_EQ(file->SyncData() + files.SyncDir(dir.path()) + files.Unlink(dir.path() + "/g"), 0);
  EXPECT_EQ(files.Unlink(dir.path() + "/g"), -ENOENT);
  EXPECT_FALSE(files.BootId().empty());
}

TEST(LogDirLock, NamesTheHolderAndDiesWithIt) {
  TempDir dir;
  std::unique_ptr<DataDirLock> mine;
  ASSERT_TRUE(DataDirLock::Acquire(dir.path(), &mine).ok());
  std::unique_ptr<DataDirLock> second;
  Status status = DataDirLock::Acquire(dir.path(), &second);
  EXPECT_EQ(status.code(), EWOULDBLOCK);
  EXPECT_TRUE(status.message().find("locked by pid " + std::to_string(getpid())) != std::string::npos);
  mine.reset();
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    std::unique_ptr<DataDirLock> lock;
    char ok = DataDirLock::Acquire(dir.path(), &lock).ok() ? 'y' : 'n';
    (void)!write(ready[1], &ok, 1);
    pause();
    _exit(0);
  }
  char ok = 0;
  ASSERT_EQ(read(ready[0], &ok, 1), 1);
  EXPECT_EQ(ok, 'y');
  status = DataDirLock::Acquire(dir.path(), &second);
  EXPECT_TRUE(status.message().find("locked by pid " + std::to_string(child)) != std::string::npos);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataDirLock::Acquire(dir.path(), &second).ok());
  close(ready[0]);
  close(ready[1]);
  EXPECT_EQ(DataDirLock::Acquire(dir.path() + "/nosuch", &mine).code(), ENOENT);
}

TEST(LogThread, ManyWritersUnderEverySec) { RunWriters(FsyncPolicy::kEverySec, 4, 1500); }
TEST(LogThread, ManyWritersUnderAlways) { RunWriters(FsyncPolicy::kAlways, 4, 300); }

TEST(LogThread, ADestroyedLogHasWrittenEverything) {
  TempDir dir;
  NullLogger logger;
  CommitLogOptions options = OptionsIn(dir, FsyncPolicy::kEverySec);
  std::unique_ptr<CommitLog> log;
  ASSERT_TRUE(CommitLog::Open(PosixFiles(), logger, options, &log).ok());
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "a", "1"});
  for (int i = 0; i < 1000; ++i) log->Append(unit);
  log.reset();
  Loaded loaded = Load(PosixFiles(), logger, options);
  EXPECT_EQ(loaded.report.commands, 1000u);
}

TEST(LogThread, IsAsleepWhenIdle) {
  TempDir dir;
  NullLogger logger;
  std::unique_ptr<CommitLog> log;
  ASSERT_TRUE(CommitLog::Open(PosixFiles(), logger, OptionsIn(dir, FsyncPolicy::kEverySec), &log).ok());
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "a", "1"});
  log->Append(unit);
  log->Flush();
  ASSERT_TRUE(log->Sync().ok());
  std::clock_t cpu = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(std::clock() - cpu, CLOCKS_PER_SEC / 20);
}

TEST(LogInterop, RedisServerLoadsOursAndWeLoadIts) {
  if (access("/usr/bin/redis-server", X_OK) != 0 || access("/usr/bin/redis-cli", X_OK) != 0) {
    std::printf("SKIPPED: redis-server is not installed (Debian: redis-server redis-tools)\n");
    return;
  }
  TempDir dir;
  CollectingLogger logger;
  CommitLogOptions options = OptionsIn(dir, FsyncPolicy::kEverySec);
  std::unique_ptr<CommitLog> log;
  ASSERT_TRUE(CommitLog::Open(PosixFiles(), logger, options, &log).ok());
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "a", "1"});
  log->Append(unit);
  unit.Clear();
  AddEffect(&unit, 3, {"INCR", "n"});
  AddEffect(&unit, 0, {"INCR", "a"});
  log->Append(unit);
  ASSERT_TRUE(log->Close().ok());
  log.reset();
  EXPECT_TRUE(Capture("redis-check-aof " + dir.path() + "/appendonlydir/appendonly.aof.manifest").find(
                  "All AOF files and manifest are valid") != std::string::npos);
  // No base file, a checksum comment in the manifest, index files beside: Redis must not mind.
  const std::string cli = "redis-cli -s " + dir.path() + "/socket ";
  Shell("redis-server --port 0 --unixsocket " + dir.path() + "/socket --dir " + dir.path() +
        " --save '' --appendonly yes --aof-use-rdb-preamble no --daemonize yes --logfile " + dir.path() + "/log > /dev/null");
  for (int i = 0; i < 3000 && Capture(cli + "ping 2>&1") != "PONG\n"; ++i) usleep(20000);
  EXPECT_EQ(Capture(cli + "get a"), "2\n");
  EXPECT_EQ(Capture(cli + "-n 3 get n"), "1\n");
  EXPECT_EQ(Capture(cli + "set b 5"), "OK\n");
  Capture(cli + "shutdown nosave 2>&1");
  Loaded loaded = Load(PosixFiles(), logger, options);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_TRUE(loaded.sink.effects == (std::vector<std::string>{"0 SET a 1", "3 INCR n", "0 INCR a", "0 set b 5"}));
  ASSERT_TRUE(CommitLog::Open(PosixFiles(), logger, options, &log).ok());
  log->Append(unit);
  ASSERT_TRUE(log->Close().ok());
  log.reset();
  // Redis rewrites everything into a base of commands; then it is our turn again.
  Shell("redis-server --port 0 --unixsocket " + dir.path() + "/socket --dir " + dir.path() +
        " --save '' --appendonly yes --aof-use-rdb-preamble no --daemonize yes --logfile " + dir.path() + "/log > /dev/null");
  for (int i = 0; i < 3000 && Capture(cli + "ping 2>&1") != "PONG\n"; ++i) usleep(20000);
  EXPECT_EQ(Capture(cli + "get a"), "3\n");
  Capture(cli + "bgrewriteaof");
  for (int i = 0; i < 3000 && Capture(cli + "info persistence").find("aof_base_size:0\r") != std::string::npos; ++i) usleep(20000);
  Capture(cli + "shutdown nosave 2>&1");
  loaded = Load(PosixFiles(), logger, options);
  EXPECT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.report.commands, 3u);  // a, b, n
}

}  // namespace slotwise::test
