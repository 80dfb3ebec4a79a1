// A snapshot holds exactly what was there at its moment, whatever writers do while it is walked.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/embedded_session.h"
#include "engine/rdb_load.h"
#include "engine/saver.h"
#include "engine_fixture.h"
#include "snapshot/rdb_file_reader.h"
#include "snapshot/rdb_file_writer.h"
#include "snapshot/snapshot_pass.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

// A pass over the engine of a fixture whose file ends up in memory.
struct Snapshot {
  explicit Snapshot(EngineFixture& f)
      : engine(*f.engine),
        writer([this](std::string_view bytes) { file += bytes; return Status::Ok(); }, true),
        pass(engine.keyspace(), [](const Entry* entry, std::string& out) { AppendRdbEntry(entry, {}, out); }) {}
  void Begin() {
    (void)writer.Begin({{"redis-ver", "7.0.15"}});
    engine.BeginSnapshot(pass);
  }
  Status Finish(const std::function<void(std::uint64_t)>& pace = {}) {
    Status s = pass.Walk([this](int db, std::string_view entries) { return writer.Entries(db, pass.keys(db), pass.expiring(db), entries); }, pace);
    engine.EndSnapshot(pass);
    if (s.ok()) s = writer.End();
    return s;
  }
  Engine& engine;
  std::string file;
  RdbFileWriter writer;
  SnapshotPass pass;
};

// DEBUG DIGEST of an engine that loads the file.
std::string DigestOf(const std::string& file) {
  TempDir dir;
  std::string path = dir.path() + "/dump.rdb";
  std::ofstream(path, std::ios::binary) << file;
  EngineFixture f;
  RdbLoadReport report;
  Status s = LoadRdbFile(*f.engine, PosixFiles(), path, {.keep_expired = true}, &report);
  return s.ok() ? f("DEBUG DIGEST") : s.message();
}

void Fill(EngineFixture& f, int keys) {
  for (int i = 0; i < keys; ++i) {
    std::string n = std::to_string(i);
    f.Run({"SELECT", std::to_string(i % 3)});
    f.Run({"SET", "key:" + n, i % 2 == 0 ? n : "value of " + n + std::string(static_cast<std::size_t>(i) % 300, 'x')});
    if (i % 5 == 0) f.Run({"PEXPIRE", "key:" + n, "100000000"});
    if (i % 20 != 0) continue;
    for (int k = 0; k < 1 + i % 150; ++k) {
      std::string m = std::to_string(k * 7);
      f.Run({"RPUSH", "list:" + n, m, std::string(static_cast<std::size_t>(k), 'l')});
      f.Run({"HSET", "hash:" + n, "f" + m, n});
      f.Run({"SADD", "set:" + n, i % 40 == 0 ? m : "m" + m});
      f.Run({"ZADD", "zset:" + n, m + ".5", "m" + m});
    }
  }
  f.Run({"SELECT", "0"});
}

void Disturb(EngineFixture& f, Random& random, int steps, int keys) {
  for (int i = 0; i < steps; ++i) {
    std::string db = std::to_string(random.Below(3));
    f.Run({"SELECT", db});
    auto key = [&] { return "key:" + std::to_string(random.Below(static_cast<std::uint64_t>(keys) * 2)); };
    std::string n = std::to_string(random.Below(static_cast<std::uint64_t>(keys) / 20) * 20);
    switch (random.Below(18)) {
      case 12: f.Run({"LPUSH", "list:" + n, "x"}); f.Run({"LTRIM", "list:" + n, "0", "5"}); break;
      case 13: f.Run({"HDEL", "hash:" + n, "f0"}); f.Run({"HSET", "hash:" + n, "new", "v"}); break;
      case 14: f.Run({"SPOP", "set:" + n, "3"}); f.Run({"SMOVE", "set:" + n, "set:0", "m7"}); break;
      case 15: f.Run({"ZINCRBY", "zset:" + n, "100", "m0"}); f.Run({"ZPOPMIN", "zset:" + n}); break;
      case 16: f.Run({"RPOPLPUSH", "list:" + n, "list:0"}); break;
      case 17: f.Run({"SUNIONSTORE", "set:" + n, "set:0", "set:20"}); f.Run({"ZUNIONSTORE", "zset:" + n, "2", "zset:0", "zset:20"}); break;
      case 0: f.Run({"SET", key(), "changed"}); break;
      case 1: f.Run({"DEL", key(), key()}); break;
      case 2: f.Run({"APPEND", key(), "more"}); break;
      case 3: f.Run({"RENAME", key(), key()}); break;
      case 4: f.Run({"PEXPIRE", key(), "1"}); break;
      case 5: f.Run({"PERSIST", key()}); break;
      case 6: f.Run({"MOVE", key(), std::to_string(random.Below(3))}); break;
      case 7: f.Run({"COPY", key(), key(), "DB", std::to_string(random.Below(3)), "REPLACE"}); break;
      case 8: f.Run({"MSET", key(), "a", key(), "b", key(), "c"}); break;
      case 9: f.Run({"MULTI"}); f.Run({"SET", key(), "in exec"}); f.Run({"DEL", key()}); f.Run({"EXEC"}); break;
      case 10: f.Run({"SETRANGE", key(), "5", "zzz"}); break;
      default: f.Run({"GETDEL", key()}); break;
    }
  }
  f.Run({"SELECT", "0"});
}

TEST(Snapshot, HoldsTheMomentWhateverWritersDo) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    EngineFixture f;
    Random random(seed);
    constexpr int kKeys = 6000;
    Fill(f, kKeys);
    std::string before = f("DEBUG DIGEST");
    // Twice: the second finds entries of both phases if the first left any behind.
    for (int round = 0; round < 2; ++round) {
      Snapshot snapshot(f);
      snapshot.Begin();
      Disturb(f, random, 300, kKeys);
      Status s = snapshot.Finish([&](std::uint64_t) { Disturb(f, random, 300, kKeys); });
      ASSERT_TRUE(s.ok());
      EXPECT_TRUE(snapshot.pass.images() > 100);
      EXPECT_EQ(DigestOf(snapshot.file), before);
      before = f("DEBUG DIGEST");
    }
  }
}

// As when the disk keeps the walk waiting: megabytes of images in one go, one larger than any piece of them, twice.
TEST(Snapshot, TakesWhatManyWritersHaveChangedMeanwhile) {
  EngineFixture f;
  constexpr int kKeys = 1500;
  for (int i = 0; i < kKeys; ++i) {
    f.Run({"SELECT", std::to_string(i % 2)});
    f.Run({"SET", "key:" + std::to_string(i), std::string(i == 700 ? 600'000 : 1000, static_cast<char>('a' + i % 26))});
  }
  const std::string before = f("DEBUG DIGEST");
  Snapshot snapshot(f);
  snapshot.Begin();
  auto overwrite = [&, next = 0](int until) mutable {
    for (; next < until; ++next) {
      f.Run({"SELECT", std::to_string(next % 2)});
      f.Run({"SET", "key:" + std::to_string(next), "changed"});
    }
  };
  overwrite(1000);
  Status s = snapshot.Finish([&](std::uint64_t) { overwrite(kKeys); });
  ASSERT_TRUE(s.ok());
  EXPECT_TRUE(snapshot.pass.images() >= 1000);
  EXPECT_EQ(DigestOf(snapshot.file), before);
}

TEST(Snapshot, FlushedAndSwappedDatabasesAreStillInIt) {
  EngineFixture f;
  Fill(f, 3000);
  std::string before = f("DEBUG DIGEST");
  Snapshot snapshot(f);
  snapshot.Begin();
  int step = 0;
  Status s = snapshot.Finish([&](std::uint64_t) {
    if (step == 0) {
      f("SWAPDB 0 2");
      f("FLUSHDB");
      f("SET key:1 new");
    } else if (step == 1) {
      f("FLUSHALL ASYNC");
      f("SET key:2 new");
    }
    ++step;
  });
  ASSERT_TRUE(s.ok());
  EXPECT_TRUE(step >= 1);
  EXPECT_EQ(DigestOf(snapshot.file), before);
}

TEST(Snapshot, OneThatWasGivenUpDoesNotSpoilTheNext) {
  EngineFixture f;
  Fill(f, 3000);
  Random random(5);
  {
    Snapshot snapshot(f);
    snapshot.Begin();
    Status s = snapshot.Finish([&](std::uint64_t) {
      snapshot.pass.Cancel(Status::Error(ECANCELED, "enough"));
      Disturb(f, random, 50, 3000);
    });
    EXPECT_EQ(s.message(), "enough");
  }
  std::string before = f("DEBUG DIGEST");
  Snapshot snapshot(f);
  snapshot.Begin();
  Disturb(f, random, 300, 3000);
  ASSERT_TRUE(snapshot.Finish().ok());
  EXPECT_EQ(DigestOf(snapshot.file), before);
}

// Money moves between accounts in transactions on several threads; every snapshot finds the same sum.
TEST(Snapshot, SumsOfTransfersAreExact) {
  EngineFixture f;
  constexpr int kAccounts = 1000;
  for (int i = 0; i < kAccounts; ++i) f.Run({"SET", "account:" + std::to_string(i), "1000"});
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      EmbeddedSession session(*f.engine);
      Random random(static_cast<std::uint64_t>(t) + 1);
      auto call = [&](std::initializer_list<std::string_view> args) {
        session.Call({args.begin(), args.size()});
        session.reply().Consume(session.reply().pending());
      };
      while (!stop.load(std::memory_order_relaxed)) {
        std::string from = "account:" + std::to_string(random.Below(kAccounts));
        std::string to = "account:" + std::to_string(random.Below(kAccounts));
        std::string amount = std::to_string(random.Below(100));
        call({"MULTI"});
        call({"DECRBY", from, amount});
        call({"INCRBY", to, amount});
        call({"EXEC"});
      }
    });
  }
  for (int round = 0; round < 20; ++round) {
    Snapshot snapshot(f);
    snapshot.Begin();
    ASSERT_TRUE(snapshot.Finish().ok());
    std::int64_t sum = 0;
    int keys = 0;
    RdbReader in(snapshot.file);
    Config config;
    RdbFileReader reader(in, config, 16, true);
    for (;;) {
      RdbKey key;
      auto event = reader.Next(&key);
      if (event == RdbFileReader::Event::kEnd) break;
      ASSERT_TRUE(event != RdbFileReader::Event::kError);
      if (event != RdbFileReader::Event::kKey) continue;
      sum += std::stoll(key.value.text);
      ++keys;
    }
    EXPECT_EQ(keys, kAccounts);
    EXPECT_EQ(sum, kAccounts * 1000);
  }
  stop = true;
  for (auto& t : threads) t.join();
}

TEST(Snapshot, BgsaveWritesAFileThatLoads) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f;
    (void)f.engine->config().SetAtStart("dir", std::vector<std::string>{dir.path()});
    Fill(f, 3000);
    digest = f("DEBUG DIGEST");
    EXPECT_EQ(f("BGSAVE"), "+Background saving started\r\n");
    while (f.engine->saver().info().in_progress) std::this_thread::yield();
    EXPECT_TRUE(f.engine->saver().info().last_ok);
    EXPECT_EQ(f("SAVE"), "+OK\r\n");
  }
  std::ifstream in(dir.path() + "/dump.rdb", std::ios::binary);
  EXPECT_EQ(DigestOf(std::string(std::istreambuf_iterator<char>(in), {})), digest);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir.path())) ++files;
  EXPECT_EQ(files, 1);  // no temporary file stays
}

TEST(Snapshot, TheLastMillisecondThereIsIsKept) {
  EngineFixture f;
  f("SET k v PXAT 9223372036854775807");
  Snapshot snapshot(f);
  snapshot.Begin();
  ASSERT_TRUE(snapshot.Finish().ok());
  RdbReader in(snapshot.file);
  RdbFileReader reader(in, f.engine->config(), 16, true);
  RdbKey key;
  auto event = reader.Next(&key);
  while (event == RdbFileReader::Event::kAux) event = reader.Next(&key);
  ASSERT_TRUE(event == RdbFileReader::Event::kKey);
  EXPECT_EQ(key.expire_at_ms, INT64_MAX);
}

// What a reader says of the file: its error, or nothing.
std::string ErrorIn(const std::string& file) {
  RdbReader in(file);
  Config config;
  RdbFileReader reader(in, config, 16, true);
  for (;;) {
    RdbKey key;
    auto event = reader.Next(&key);
    if (event == RdbFileReader::Event::kError) return reader.error();
    if (event == RdbFileReader::Event::kEnd) return "";
  }
}

TEST(Snapshot, DamagedFilesAreRefused) {
  EngineFixture f;
  Fill(f, 50);
  Snapshot snapshot(f);
  snapshot.Begin();
  ASSERT_TRUE(snapshot.Finish().ok());
  EXPECT_EQ(ErrorIn(snapshot.file), "");
  for (std::size_t bit = 0; bit < snapshot.file.size() * 8; bit += 13) {
    std::string bad = snapshot.file;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    if (ErrorIn(bad).empty()) Fail(__FILE__, __LINE__, "flipped bit " + std::to_string(bit) + " was not noticed");
  }
  for (std::size_t cut = 0; cut < snapshot.file.size(); cut += 11) EXPECT_TRUE(ErrorIn(snapshot.file.substr(0, cut)) != "");
}

}  // namespace
}  // namespace slotwise::test
