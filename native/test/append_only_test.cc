// The append-only file at run time: rewrites while others write, switching it on and off, what a start makes of the files.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/append_only.h"
#include "engine/embedded_session.h"
#include "engine/rdb_load.h"
#include "engine/saver.h"
#include "engine_fixture.h"
#include "log/aof_log.h"
#include "log/aof_manifest.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

constexpr const char* kStarted = "+Background append only file rewriting started\r\n";
constexpr const char* kScheduled = "+Background append only file rewriting scheduled\r\n";

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 20000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

bool WaitForRewrite(EngineFixture& f) {
  return Eventually([&] {
    AppendOnly::Info info = f.engine->append_only().info();
    return !info.rewriting && !info.scheduled;
  });
}

void Fill(EngineFixture& f, int keys) {
  for (int i = 0; i < keys; ++i) {
    std::string n = std::to_string(i);
    f.Run({"SELECT", std::to_string(i % 3)});
    f.Run({"SET", "key:" + n, i % 2 == 0 ? n : "value of " + n + std::string(static_cast<std::size_t>(i) % 300, 'x')});
    if (i % 5 == 0) f.Run({"PEXPIRE", "key:" + n, "100000000"});
    if (i % 50 != 0) continue;
    for (int k = 0; k < 1 + i % 150; ++k) {
      std::string m = std::to_string(k * 7);
      f.Run({"RPUSH", "list:" + n, m, std::string(static_cast<std::size_t>(k), 'l')});
      f.Run({"HSET", "hash:" + n, "f" + m, n});
      f.Run({"SADD", "set:" + n, i % 100 == 0 ? m : "m" + m});
      f.Run({"ZADD", "zset:" + n, m + ".5", "m" + m});
    }
  }
  f.Run({"SELECT", "0"});
}

// Changes that give another result if one is lost, doubled or out of order.
void Disturb(EngineFixture& f, int step) {
  std::string n = std::to_string(step % 40 * 50);
  f.Run({"SELECT", std::to_string(step % 3)});
  f.Run({"APPEND", "key:" + std::to_string(step % 997), "+"});
  f.Run({"INCR", "counter"});
  f.Run({"RPUSH", "list:" + n, std::to_string(step)});
  if (step % 7 == 0) f.Run({"DEL", "key:" + std::to_string(step % 499)});
  if (step % 101 == 0) f.Run({"SPOP", "set:" + n});
  f.Run({"MULTI"});
  f.Run({"DECRBY", "{bank}a", std::to_string(step % 50)});
  f.Run({"INCRBY", "{bank}b", std::to_string(step % 50)});
  f.Run({"EXEC"});
}

std::string DigestAfterStart(const std::string& dir) {
  EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir}});
  return f.status.ok() ? f("DEBUG DIGEST") : f.status.message();
}

AofManifest ManifestIn(const std::string& dir) {
  std::string text;
  AofManifest manifest;
  (void)ReadSmallFile(PosixFiles(), dir + "/appendonlydir/appendonly.aof.manifest", 1 << 20, &text);
  EXPECT_TRUE(AofManifest::Parse(text, &manifest).ok());
  return manifest;
}

std::vector<std::string> FilesIn(const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void FlipBit(const std::string& path, std::uintmax_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  char c = static_cast<char>(file.get() ^ 4);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(c);
}

}  // namespace

TEST(AppendOnly, RewriteWhileOthersWriteLosesAndDoublesNothing) {
  for (const char* preamble : {"yes", "no"}) {
    for (const char* fsync : {"everysec", "always"}) {
      TempDir dir;
      std::string digest;
      {
        EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}, {"aof-use-rdb-preamble", preamble}, {"appendfsync", fsync}});
        Fill(f, 2000);
        int step = 0;
        for (int rewrite = 0; rewrite < 3; ++rewrite) {
          EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
          while (f.engine->append_only().info().rewriting) Disturb(f, step++);
          EXPECT_TRUE(f.engine->append_only().info().last_ok);
        }
        for (int i = 0; i < 50; ++i) Disturb(f, step++);
        EXPECT_EQ(f.engine->append_only().info().rewrites, 3u);
        digest = f("DEBUG DIGEST");
      }
      AofManifest manifest = ManifestIn(dir.path());
      ASSERT_TRUE(manifest.base.has_value());
      EXPECT_EQ(manifest.base->name, std::string("appendonly.aof.3.base.") + (preamble == std::string("yes") ? "rdb" : "aof"));
      EXPECT_EQ(manifest.incr.size(), 1u);
      EXPECT_EQ(manifest.incr[0].name, "appendonly.aof.4.incr.aof");
      EXPECT_TRUE(manifest.history.empty());
      // Nothing of what was replaced is left, here or in the folder above.
      for (const std::string& name : FilesIn(dir.path() + "/appendonlydir")) {
        EXPECT_TRUE(name.find(".3.base.") != std::string::npos || name.find(".4.incr.") != std::string::npos ||
                    name == "appendonly.aof.manifest" || name == "appendonly.aof.journal");
      }
      EXPECT_FALSE(std::filesystem::exists(dir.path() + "/temp-rewriteaof-bg.aof"));
      EXPECT_EQ(DigestAfterStart(dir.path()), digest);
      EXPECT_EQ(DigestAfterStart(dir.path()), digest);  // the start changed nothing
    }
  }
}

TEST(AppendOnly, LoadAofGivesBackWhatIsInMemory) {
  TempDir dir;
  EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
  Fill(f, 500);
  EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
  EXPECT_TRUE(WaitForRewrite(f));
  for (int i = 0; i < 100; ++i) Disturb(f, i);
  std::string digest = f("DEBUG DIGEST");
  EXPECT_EQ(f("DEBUG LOADAOF"), "+OK\r\n");
  EXPECT_EQ(f("DEBUG DIGEST"), digest);
}

TEST(AppendOnly, OneWalkAtATimeInRedisWords) {
  TempDir dir;
  EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
  f("SET k v");
  f("CONFIG SET rdb-key-save-delay 10000000");
  EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
  EXPECT_EQ(f("BGREWRITEAOF"), "-ERR Background append only file rewriting already in progress\r\n");
  EXPECT_EQ(f("BGSAVE"),
            "-ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE "
            "whenever possible.\r\n");
  EXPECT_EQ(f("SAVE"), "+OK\r\n");
  f("CONFIG SET rdb-key-save-delay 0");
  EXPECT_TRUE(WaitForRewrite(f));
  f("CONFIG SET rdb-key-save-delay 10000000");
  EXPECT_EQ(f("BGSAVE"), "+Background saving started\r\n");
  EXPECT_EQ(f("BGREWRITEAOF"), kScheduled);
  EXPECT_TRUE(f("INFO persistence").find("aof_rewrite_scheduled:1") != std::string::npos);
  f("CONFIG SET rdb-key-save-delay 0");
  EXPECT_TRUE(WaitForRewrite(f));
  EXPECT_EQ(f.engine->append_only().info().rewrites, 2u);
  // Inside a transaction it is scheduled, too.
  f("MULTI");
  f("BGREWRITEAOF");
  EXPECT_EQ(f("EXEC"), std::string("*1\r\n") + kScheduled);
  EXPECT_TRUE(WaitForRewrite(f));
  EXPECT_EQ(f.engine->append_only().info().rewrites, 3u);
}

TEST(AppendOnly, AFailedRewriteLeavesAllAsItWasAndComesAgain) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
    Fill(f, 200);
    const std::string in_the_way = dir.path() + "/temp-rewriteaof-bg.aof";
    std::filesystem::create_directory(in_the_way);
    AofManifest before = ManifestIn(dir.path());
    EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
    EXPECT_TRUE(WaitForRewrite(f));
    EXPECT_TRUE(f("INFO persistence").find("aof_last_bgrewrite_status:err") != std::string::npos);
    EXPECT_TRUE(f("INFO persistence").find("aof_rewrites_consecutive_failures:1") != std::string::npos);
    EXPECT_EQ(ManifestIn(dir.path()).Print(), before.Print());
    for (int i = 0; i < 50; ++i) Disturb(f, i);
    EXPECT_TRUE(f.engine->log().Sync().ok());
    std::filesystem::remove(in_the_way);
    EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
    EXPECT_TRUE(WaitForRewrite(f));
    EXPECT_TRUE(f("INFO persistence").find("aof_last_bgrewrite_status:ok") != std::string::npos);
    for (int i = 50; i < 80; ++i) Disturb(f, i);
    digest = f("DEBUG DIGEST");
  }
  EXPECT_EQ(DigestAfterStart(dir.path()), digest);
}

TEST(AppendOnly, ABaseWithAFlippedBitStopsTheStart) {
  for (const char* preamble : {"yes", "no"}) {
    TempDir dir;
    {
      EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}, {"aof-use-rdb-preamble", preamble}});
      Fill(f, 300);
      EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
      EXPECT_TRUE(WaitForRewrite(f));
    }
    const std::string path = dir.path() + "/appendonlydir/" + ManifestIn(dir.path()).base->name;
    const std::string good = DigestAfterStart(dir.path());
    const std::uintmax_t size = std::filesystem::file_size(path);
    for (std::uintmax_t at = 5; at < size; at += size / 61) {
      FlipBit(path, at);
      EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
      EXPECT_FALSE(f.status.ok());
      FlipBit(path, at);
    }
    EXPECT_EQ(DigestAfterStart(dir.path()), good);
  }
}

TEST(AppendOnly, SwitchedOnWhileOthersWrite) {
  for (const char* fsync : {"everysec", "always"}) {
    TempDir dir;
    std::string digest;
    {
      EngineFixture f({{"enable-debug-command", "yes"}, {"enable-protected-configs", "yes"}, {"appendfsync", fsync}});
      f.Run({"CONFIG", "SET", "dir", dir.path()});
      Fill(f, 2000);
      std::atomic<bool> stop{false};
      std::atomic<int> steps{0};
      std::thread writer([&] {
        ThreadState& thread = f.engine->AddThread();
        Client client;
        client.authenticated = true;
        client.kind = ClientKind::kEmbedded;
        OutBuffer out;
        while (!stop) {
          std::string n = std::to_string(steps++ % 300);
          std::string key = "other:" + n;
          std::string_view words[] = {"RPUSH", key, n};
          f.engine->Call(thread, client, words, out);
          out.Reset();
        }
        f.engine->RemoveThread(thread);
      });
      int step = 0;
      EXPECT_EQ(f("CONFIG SET appendonly yes"), "+OK\r\n");
      EXPECT_TRUE(f("INFO persistence").find("aof_enabled:1") != std::string::npos);
      while (f.engine->append_only().info().rewriting) Disturb(f, step++);
      const int seen = steps;
      EXPECT_TRUE(Eventually([&] { return steps > seen + 500; }));
      // Off and on again: what came in between is in the new base.
      EXPECT_EQ(f("CONFIG SET appendonly no"), "+OK\r\n");
      EXPECT_FALSE(f.engine->log().persistent());
      EXPECT_TRUE(f("INFO persistence").find("aof_enabled:0") != std::string::npos);
      for (int i = 0; i < 100; ++i) Disturb(f, step++);
      EXPECT_EQ(f("CONFIG SET appendonly yes"), "+OK\r\n");
      while (f.engine->append_only().info().rewriting) Disturb(f, step++);
      for (int i = 0; i < 100; ++i) Disturb(f, step++);
      stop = true;
      writer.join();
      EXPECT_TRUE(f.engine->append_only().info().last_ok);
      digest = f("DEBUG DIGEST");
    }
    EXPECT_EQ(DigestAfterStart(dir.path()), digest);
  }
}

TEST(AppendOnly, SwitchedOffTheFilesHoldWhatWasThere) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"appendonly", "yes"}, {"dir", dir.path()}});
    Fill(f, 200);
    digest = f("DEBUG DIGEST");
    EXPECT_EQ(f("CONFIG SET appendonly no"), "+OK\r\n");
    for (int i = 0; i < 100; ++i) Disturb(f, i);
  }
  EXPECT_EQ(DigestAfterStart(dir.path()), digest);
}

TEST(AppendOnly, SwitchedOffWhileARewriteIsUnderWay) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"appendonly", "yes"}, {"dir", dir.path()}});
    Fill(f, 200);
    f("CONFIG SET rdb-key-save-delay 10000000");
    EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
    Disturb(f, 1);
    digest = f("DEBUG DIGEST");
    EXPECT_EQ(f("CONFIG SET appendonly no"), "+OK\r\n");
    EXPECT_FALSE(f.engine->append_only().info().rewriting);
    EXPECT_TRUE(f.engine->append_only().info().last_ok);  // stopped, not failed
    Disturb(f, 2);
  }
  EXPECT_EQ(DigestAfterStart(dir.path()), digest);
}

TEST(AppendOnly, SwitchingOnThatFailsIsUndoneAndComesAgain) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"enable-protected-configs", "yes"}});
    f.Run({"CONFIG", "SET", "dir", dir.path()});
    Fill(f, 300);
    f("CONFIG SET rdb-key-save-delay 10000");
    EXPECT_EQ(f("CONFIG SET appendonly yes"), "+OK\r\n");
    EXPECT_TRUE(f.engine->log().persistent());
    EXPECT_EQ(f("DEBUG LOADAOF"), "-ERR the append-only file is being written for the first time\r\n");
    // The temporary file's removal is not noticed before its rename.
    std::filesystem::remove(dir.path() + "/temp-rewriteaof-bg.aof");
    f("CONFIG SET rdb-key-save-delay 0");
    EXPECT_TRUE(Eventually([&] { return f.engine->append_only().info().failures == 1 || f.engine->append_only().info().rewrites == 1; }));
    for (int i = 0; i < 100; ++i) Disturb(f, i);
    EXPECT_TRUE(Eventually([&] { return f.engine->append_only().info().rewrites == 1; }));
    for (int i = 0; i < 100; ++i) Disturb(f, i);
    digest = f("DEBUG DIGEST");
  }
  EXPECT_EQ(DigestAfterStart(dir.path()), digest);
}

TEST(AppendOnly, CannotBeSwitchedOnInADirectoryThatIsNotThere) {
  TempDir dir;
  EngineFixture f({{"enable-debug-command", "yes"}, {"enable-protected-configs", "yes"}});
  f.Run({"CONFIG", "SET", "dir", dir.path()});
  std::ofstream(dir.path() + "/appendonlydir") << "a file in the way";
  EXPECT_EQ(f("CONFIG SET appendonly yes"),
            "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on AOF. Check server logs.\r\n");
  EXPECT_EQ(f("CONFIG GET appendonly"), "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
  EXPECT_EQ(f("SET a 1"), "+OK\r\n");
  EXPECT_FALSE(f.engine->log().persistent());
}

TEST(AppendOnly, GrowthStartsARewriteByItself) {
  TempDir dir;
  EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}, {"auto-aof-rewrite-min-size", "20000"}, {"auto-aof-rewrite-percentage", "100"}});
  for (int i = 0; i < 2000; ++i) f.Run({"SET", "the same key", std::string(100, 'x')});
  EXPECT_TRUE(f.engine->log().Sync().ok());
  EXPECT_TRUE(Eventually([&] { return f.engine->append_only().info().rewrites >= 1; }));
  EXPECT_TRUE(Eventually([&] { return f.engine->log().stats().current_size < 20000; }));
}

TEST(AppendOnly, ARewriteWithoutTheLogWritesABaseThatAStartReads) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"enable-protected-configs", "yes"}});
    f.Run({"CONFIG", "SET", "dir", dir.path()});
    Fill(f, 300);
    EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
    EXPECT_TRUE(WaitForRewrite(f));
    EXPECT_TRUE(f.engine->append_only().info().last_ok);
    digest = f("DEBUG DIGEST");
    f("SET later 1");
  }
  EXPECT_EQ(DigestAfterStart(dir.path()), digest);
}

TEST(AppendOnly, AStopGivesUpARewrite) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
    Fill(f, 200);
    f("CONFIG SET rdb-key-save-delay 10000000");
    EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
    Disturb(f, 1);
    digest = f("DEBUG DIGEST");
    EXPECT_TRUE(f.engine->Stop().ok());
  }
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/temp-rewriteaof-bg.aof"));
  EXPECT_EQ(DigestAfterStart(dir.path()), digest);
}

// Big enough for several threads.
TEST(AppendOnly, ABigBaseIsLoadedByWorkersWithEveryKeyOnce) {
  TempDir dir;
  std::string digest, sizes;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
    Fill(f, 20000);
    for (int i = 0; i < 4000; ++i) f.Run({"SADD", "small:" + std::to_string(i), "a", std::to_string(i), std::string(100, 'x')});
    EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
    EXPECT_TRUE(WaitForRewrite(f));
    digest = f("DEBUG DIGEST");
    sizes = f("INFO keyspace");
  }
  const std::string base = dir.path() + "/appendonlydir/" + ManifestIn(dir.path()).base->name;
  EXPECT_TRUE(std::filesystem::file_size(base) > std::uintmax_t{1} << 20);
  EngineFixture again({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
  EXPECT_EQ(again("DEBUG DIGEST"), digest);
  EXPECT_EQ(again("INFO keyspace").substr(0, 30), sizes.substr(0, 30));
  // Loaded over what is there, every key comes twice.
  RdbLoadReport report;
  Status status = LoadRdbFile(*again.engine, PosixFiles(), base, {.keep_expired = true}, &report);
  EXPECT_TRUE(status.message().find("holds a key twice") != std::string::npos);
  EXPECT_TRUE(LoadRdbFile(*again.engine, PosixFiles(), base, {.keep_expired = true, .replace = true}, &report).ok());
  EXPECT_EQ(again("DEBUG DIGEST"), digest);
}

TEST(AppendOnly, HistoryMayBeKept) {
  TempDir dir;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}, {"aof-disable-auto-gc", "yes"}});
    for (int i = 0; i < 2; ++i) {
      Fill(f, 50);
      EXPECT_EQ(f("BGREWRITEAOF"), kStarted);
      EXPECT_TRUE(WaitForRewrite(f));
    }
  }
  AofManifest manifest = ManifestIn(dir.path());
  EXPECT_EQ(manifest.history.size(), 3u);
  EXPECT_EQ(manifest.history[0].name, "appendonly.aof.2.incr.aof");
  EXPECT_EQ(manifest.history[1].name, "appendonly.aof.1.base.rdb");
  EXPECT_EQ(manifest.history[2].name, "appendonly.aof.1.incr.aof");
  for (const AofFileInfo& info : manifest.history) EXPECT_TRUE(std::filesystem::exists(dir.path() + "/appendonlydir/" + info.name));
}

TEST(RewriteSchedule, GrowthIsMeasuredAgainstTheLastRewrite) {
  EXPECT_FALSE(RewriteSchedule::HasGrown(100, 50, 100, 100));  // not above the least size
  EXPECT_TRUE(RewriteSchedule::HasGrown(101, 50, 100, 100));
  EXPECT_FALSE(RewriteSchedule::HasGrown(1000, 501, 100, 100));
  EXPECT_FALSE(RewriteSchedule::HasGrown(1000, 1, 100, 0));
  EXPECT_TRUE(RewriteSchedule::HasGrown(1000, 0, 100, 100));
}

TEST(RewriteSchedule, FailuresHoldAutomaticOnesBackTwiceAsLongEachTime) {
  RewriteSchedule schedule;
  schedule.Ended(false, 1000);
  schedule.Ended(false, 1000);
  EXPECT_FALSE(schedule.IsHeldBack(1000));
  schedule.Ended(false, 1000);
  EXPECT_TRUE(schedule.IsHeldBack(60999));
  EXPECT_FALSE(schedule.IsHeldBack(61000));
  for (std::int64_t minutes : {2, 4, 8, 16, 32, 60, 60}) {
    schedule.Ended(false, 0);
    EXPECT_EQ(schedule.delay_minutes(), minutes);
  }
  schedule.Asked();
  EXPECT_FALSE(schedule.IsHeldBack(0));
  EXPECT_EQ(schedule.failures(), 0);
}

}  // namespace slotwise::test
