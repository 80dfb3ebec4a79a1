// DEBUG RELOAD: an RDB file and back, under the locks; and how it is laid out.
#include <filesystem>
#include <fstream>

#include "engine/saver.h"
#include "engine_fixture.h"
#include "keyspace/allocator.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

// Without an append-only file; `dir` is set when it runs.
struct Reloading {
  Reloading() { f("CONFIG SET dir " + dir.path()); }
  TempDir dir;
  EngineFixture f{{"enable-debug-command", "yes"}, {"enable-protected-configs", "yes"}};
};

void FillAllTypes(EngineFixture& f) {
  f("SET s text");
  f("SET n 12");
  f("RPUSH l a b c");
  f("SADD t 1 2 x");
  f("ZADD z 1 a 2.5 b");
  f("HSET h f v");
  f("SELECT 9");
  f("SET other 1");
  f("PEXPIREAT other 4000000000000");
  f("SELECT 0");
}

TEST(DebugReload, EverythingComesBackFromAnRdbFile) {
  Reloading r;
  FillAllTypes(r.f);
  const std::string before = r.f("DEBUG DIGEST");
  EXPECT_EQ(r.f("DEBUG RELOAD"), "+OK\r\n");
  EXPECT_EQ(r.f("DEBUG DIGEST"), before);
  EXPECT_EQ(r.f("DBSIZE"), ":6\r\n");
  EXPECT_TRUE(std::filesystem::exists(r.dir.path() + "/dump.rdb"));
  EXPECT_EQ(r.f.engine->saver().info().loaded_keys, 7u);
  EXPECT_EQ(r.f.engine->dirty().load(), 0);
}

// Big enough for several threads, which no lock keeps apart then.
TEST(DebugReload, ABigFileComesBackUnderTheLocks) {
  Reloading r;
  r.f("CONFIG SET rdbcompression no");
  for (int i = 0; i < 10000; ++i) r.f.Run({"SET", "key:" + std::to_string(i), std::string(150, 'x') + std::to_string(i)});
  const std::string before = r.f("DEBUG DIGEST");
  EXPECT_EQ(r.f("DEBUG RELOAD"), "+OK\r\n");
  EXPECT_TRUE(std::filesystem::file_size(r.dir.path() + "/dump.rdb") > std::uintmax_t{1} << 20);
  EXPECT_EQ(r.f("DEBUG DIGEST"), before);
  EXPECT_EQ(r.f("DBSIZE"), ":10000\r\n");
}

TEST(DebugReload, NosaveBringsBackAnOldFile) {
  Reloading r;
  EXPECT_EQ(r.f("DEBUG RELOAD NOSAVE"), "-ERR Error trying to load the RDB dump\r\n");
  r.f("SET a old");
  r.f("SAVE");
  r.f("SET a new");
  r.f("SET b new");
  EXPECT_EQ(r.f("DEBUG RELOAD nosave"), "+OK\r\n");
  EXPECT_EQ(r.f("MGET a b"), "*2\r\n$3\r\nold\r\n$-1\r\n");
}

TEST(DebugReload, NoflushNeedsMergeWhereKeysAreTwice) {
  Reloading r;
  r.f("SET a old");
  r.f("SAVE");
  r.f("SET a new");
  r.f("SET b new");
  EXPECT_EQ(r.f("DEBUG RELOAD NOSAVE NOFLUSH"), "-ERR Error trying to load the RDB dump\r\n");
  EXPECT_EQ(r.f("GET a"), "$3\r\nnew\r\n");
  EXPECT_EQ(r.f("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), "+OK\r\n");
  EXPECT_EQ(r.f("MGET a b"), "*2\r\n$3\r\nold\r\n$3\r\nnew\r\n");
  EXPECT_EQ(r.f("DEBUG RELOAD MERGES"), "-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n");
}

TEST(DebugReload, WatchedKeysCountAsChangedAndExpiredOnesStayAway) {
  Reloading r;
  r.f("SET a 1");
  r.f("SET gone 1");
  r.f("DEBUG SET-ACTIVE-EXPIRE 0");
  r.f("PEXPIRE gone 1");
  std::int64_t until = r.f.engine->NowMs() + 2;
  while (r.f.engine->NowMs() < until) {
  }
  Client other;
  other.authenticated = true;
  r.f("WATCH a");
  EXPECT_EQ(r.f.As(other, "DEBUG RELOAD"), "+OK\r\n");
  r.f("MULTI");
  r.f("GET a");
  EXPECT_EQ(r.f("EXEC"), "*-1\r\n");
  EXPECT_EQ(r.f("DBSIZE"), ":1\r\n");
  EXPECT_EQ(r.f.engine->saver().info().loaded_expired, 1u);
}

TEST(DebugReload, InsideMulti) {
  Reloading r;
  r.f("MULTI");
  r.f("SET a 1");
  r.f("DEBUG RELOAD");
  r.f("GET a");
  EXPECT_EQ(r.f("EXEC"), "*3\r\n+OK\r\n+OK\r\n$1\r\n1\r\n");
}

TEST(DebugReload, IdleTimeAndFrequencyComeBackUnderTheirPolicies) {
  Reloading r;
  r.f("CONFIG SET maxmemory-policy allkeys-lru");
  r.f("SET a 1");
  r.f.Run({"DUMP", "a"});
  std::string dump = r.f("DUMP a");
  std::string payload = dump.substr(dump.find("\r\n") + 2);
  payload.resize(payload.size() - 2);
  r.f.Run({"RESTORE", "b", "0", payload, "IDLETIME", "1000"});
  r.f("DEBUG RELOAD");
  const std::string idle = r.f("OBJECT IDLETIME b");
  EXPECT_TRUE(idle == ":1000\r\n" || idle == ":1001\r\n");  // a second may have begun
  r.f("CONFIG SET maxmemory-policy allkeys-lfu");
  r.f.Run({"RESTORE", "c", "0", payload, "FREQ", "77"});
  r.f("DEBUG RELOAD");
  const std::string frequency = r.f("OBJECT FREQ c");
  EXPECT_TRUE(frequency == ":77\r\n" || frequency == ":76\r\n");  // or a minute
}

TEST(DebugReload, WithAnAppendOnlyFileItStaysAsItIs) {
  TempDir dir;
  EngineFixture f({{"enable-debug-command", "yes"}, {"dir", dir.path()}});
  f("SET a 1");
  f("DEBUG RELOAD");
  EXPECT_EQ(f("GET a"), "$1\r\n1\r\n");
  std::filesystem::remove(dir.path() + "/dump.rdb");
  EXPECT_EQ(f("INCR a"), ":2\r\n");
  EXPECT_EQ(f("DEBUG LOADAOF"), "+OK\r\n");
  EXPECT_EQ(f("GET a"), "$1\r\n2\r\n");
}

TEST(DebugLayout, WordsOfRedis) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  FillAllTypes(f);
  EXPECT_TRUE(f("DEBUG OBJECT h").find("encoding:listpack serializedlength:") != std::string::npos);
  EXPECT_EQ(f("DEBUG LISTPACK h"), "+Listpack structure printed on stdout\r\n");
  EXPECT_TRUE(f.logger.Contains("{num entries 2} [f] [v]"));
  EXPECT_EQ(f("DEBUG LISTPACK t"), "-ERR Not a listpack encoded object.\r\n");
  EXPECT_EQ(f("DEBUG QUICKLIST l"), "+Quicklist structure printed on stdout\r\n");
  EXPECT_EQ(f("DEBUG LISTPACK none"), "-ERR no such key\r\n");
  EXPECT_TRUE(f("DEBUG SDSLEN s").starts_with("+key_sds_len:1, key_sds_avail:0, key_zmalloc: "));
  EXPECT_EQ(f("DEBUG SDSLEN n"), "-ERR Not an sds encoded string.\r\n");
  EXPECT_EQ(f("DEBUG HTSTATS 16"), "-ERR Out of range database\r\n");
  EXPECT_TRUE(f("DEBUG HTSTATS 0").find(" number of elements: 6\n") != std::string::npos);
  EXPECT_EQ(f("DEBUG HTSTATS-KEY h"), "-ERR The value stored at the specified key is not represented using an hash table\r\n");
  for (int i = 0; i < 1000; ++i) f("SADD big m" + std::to_string(i));
  EXPECT_TRUE(f("DEBUG HTSTATS-KEY big").find(" number of elements: 1000\n") != std::string::npos);
  EXPECT_TRUE(f("DEBUG STRINGMATCH-TEST").starts_with("+Apparently Redis did not crash"));
}

TEST(DebugLayout, ChecksumsCanBeSkipped) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  f("SET a 1");
  std::string dump = f("DUMP a");
  std::string payload = dump.substr(dump.find("\r\n") + 2);
  payload.resize(payload.size() - 2);
  payload.back() = static_cast<char>(payload.back() ^ 1);
  EXPECT_EQ(f.Run({"RESTORE", "b", "0", payload}), "-ERR DUMP payload version or checksum are wrong\r\n");
  f("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
  EXPECT_EQ(f.Run({"RESTORE", "b", "0", payload}), "+OK\r\n");
  f("DEBUG SET-SKIP-CHECKSUM-VALIDATION 0");
  EXPECT_EQ(f.Run({"RESTORE", "c", "0", payload}), "-ERR DUMP payload version or checksum are wrong\r\n");
}

TEST(MemoryCommands, TellWhatMemoryIsUsedFor) {
  EngineFixture f;
  EXPECT_EQ(f("MEMORY USAGE none"), "$-1\r\n");
  f("SET a 1");
  const std::string stats = f("MEMORY STATS");
  EXPECT_TRUE(stats.starts_with("*56\r\n$14\r\npeak.allocated\r\n:"));  // 27 fields and one database
  EXPECT_TRUE(stats.find("$4\r\ndb.0\r\n*6\r\n$23\r\noverhead.hashtable.main\r\n:12\r\n") != std::string::npos);
  EXPECT_TRUE(stats.find("$10\r\nkeys.count\r\n:1\r\n") != std::string::npos);
  EXPECT_EQ(f("MEMORY PURGE"), "+OK\r\n");
  EXPECT_TRUE(f("MEMORY MALLOC-STATS").find("allocated: ") != std::string::npos);
  EXPECT_TRUE(f("MEMORY DOCTOR").starts_with("$"));
  EXPECT_EQ(f("MEMORY USAGE a SAMPLES -1"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("MEMORY USAGE a SAMPLES"), "-ERR syntax error\r\n");
}

}  // namespace
}  // namespace slotwise::test
