// INFO: sections, fields and the figures in them.
#include <unistd.h>

#include "commands/info_text.h"
#include "engine/rates.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

std::vector<std::string> Sections(const std::string& reply) {
  std::vector<std::string> names;
  for (std::size_t at = reply.find("# "); at != std::string::npos; at = reply.find("# ", at + 1)) {
    names.push_back(reply.substr(at + 2, reply.find('\r', at) - at - 2));
  }
  return names;
}

std::string Field(const std::string& reply, const std::string& name) {
  std::size_t at = reply.find("\r\n" + name + ":");
  if (at == std::string::npos) return "<missing>";
  at += name.size() + 3;
  return reply.substr(at, reply.find('\r', at) - at);
}

using Names = std::vector<std::string>;

TEST(Info, SectionsAsRedisChoosesThem) {
  EngineFixture f;
  Names usual = {"Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Errorstats", "Cluster", "Keyspace"};
  Names all = {"Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Modules", "Commandstats", "Errorstats",
               "Latencystats", "Cluster", "Keyspace"};
  EXPECT_TRUE(Sections(f("INFO")) == usual);
  EXPECT_TRUE(Sections(f("INFO DEFAULT")) == usual);
  EXPECT_TRUE(Sections(f("INFO all")) == all);
  EXPECT_TRUE(Sections(f("INFO everything server")) == all);
  EXPECT_TRUE(Sections(f("INFO keyspace CPU keyspace")) == (Names{"CPU", "Keyspace"}));
  EXPECT_EQ(f("INFO nosuch"), "$0\r\n\r\n");
  EXPECT_EQ(f("INFO cluster"), "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n");
}

TEST(Info, VersionsAndIdentity) {
  EngineFixture f;
  std::string server = f("INFO server");
  EXPECT_EQ(Field(server, "redis_version"), "7.0.15");
  EXPECT_NE(Field(server, "slotwise_version"), "<missing>");
  EXPECT_EQ(Field(server, "run_id").size(), 40u);
  EXPECT_EQ(Field(server, "process_id"), std::to_string(getpid()));
}

TEST(Info, KeyspaceCountsEachDatabase) {
  EngineFixture f;
  EXPECT_EQ(f("INFO keyspace"), "$12\r\n# Keyspace\r\n\r\n");
  f("SET a 1 EX 100");
  f("SET b 1");
  f("SELECT 3");
  f("SET c 1");
  std::string text = f("INFO keyspace");
  EXPECT_EQ(Field(text, "db0"), "keys=2,expires=1,avg_ttl=0");
  EXPECT_EQ(Field(text, "db3"), "keys=1,expires=0,avg_ttl=0");
  EXPECT_EQ(Field(text, "db1"), "<missing>");
  f("MULTI");
  f("INFO keyspace");  // holds every stripe there
  EXPECT_TRUE(f("EXEC").starts_with("*1\r\n$"));
}

TEST(Info, CommandAndErrorStatistics) {
  EngineFixture f;
  f("CONFIG RESETSTAT");
  f("SET k v");
  f("INCR k");
  f("GET");
  std::string stats = f("INFO commandstats");
  EXPECT_TRUE(Field(stats, "cmdstat_set").starts_with("calls=1,usec="));
  EXPECT_TRUE(Field(stats, "cmdstat_incr").ends_with(",rejected_calls=0,failed_calls=1"));
  EXPECT_EQ(Field(stats, "cmdstat_get"), "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0");
  EXPECT_TRUE(Field(stats, "cmdstat_config|resetstat").starts_with("calls=1,"));
  EXPECT_EQ(Field(f("INFO errorstats"), "errorstat_ERR"), "count=2");
  EXPECT_EQ(Field(f("INFO stats"), "total_error_replies"), "2");
  f("CONFIG RESETSTAT");
  EXPECT_EQ(Field(f("INFO errorstats"), "errorstat_ERR"), "<missing>");
  EXPECT_EQ(Field(f("INFO commandstats"), "cmdstat_set"), "<missing>");
}

TEST(Info, WhatFailsInsideOfExecIsNotExecsFailure) {
  EngineFixture f;
  f("CONFIG RESETSTAT");
  f("MULTI");
  f("SET k v");
  f("INCR k");
  f("EXEC");
  EXPECT_EQ(Field(f("INFO errorstats"), "errorstat_ERR"), "count=1");
  EXPECT_TRUE(Field(f("INFO commandstats"), "cmdstat_incr").ends_with(",failed_calls=1"));
  EXPECT_TRUE(Field(f("INFO commandstats"), "cmdstat_exec").ends_with(",failed_calls=0"));
  f("EXEC");
  EXPECT_EQ(Field(f("INFO errorstats"), "errorstat_ERR"), "count=2");
  EXPECT_TRUE(Field(f("INFO commandstats"), "cmdstat_exec").ends_with(",failed_calls=1"));
}

TEST(Info, ClientsAndSubscriptions) {
  EngineFixture f;
  TestClient a(f), b(f);
  a("SUBSCRIBE x y");
  b("PSUBSCRIBE p");
  b("SSUBSCRIBE s");
  EXPECT_EQ(Field(f("INFO clients"), "connected_clients"), "2");
  std::string stats = f("INFO stats");
  EXPECT_EQ(Field(stats, "pubsub_channels"), "2");
  EXPECT_EQ(Field(stats, "pubsub_patterns"), "1");
  EXPECT_EQ(Field(stats, "pubsubshard_channels"), "1");
}

TEST(Info, MemoryLimitAndPolicy) {
  EngineFixture f;
  f("CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lru");
  std::string memory = f("INFO memory");
  EXPECT_EQ(Field(memory, "maxmemory"), "104857600");
  EXPECT_EQ(Field(memory, "maxmemory_human"), "100.00M");
  EXPECT_EQ(Field(memory, "maxmemory_policy"), "allkeys-lru");
  EXPECT_GT(std::stoull(Field(memory, "used_memory_rss")), 0u);
  EXPECT_GE(std::stoull(Field(memory, "used_memory_peak")), std::stoull(Field(memory, "used_memory")));
}

TEST(Info, HumanSizes) {
  EXPECT_EQ(HumanBytes(0), "0B");
  EXPECT_EQ(HumanBytes(1023), "1023B");
  EXPECT_EQ(HumanBytes(1024), "1.00K");
  EXPECT_EQ(HumanBytes(1048575), "1024.00K");
  EXPECT_EQ(HumanBytes(916376), "894.90K");
  EXPECT_EQ(HumanBytes(25325268992), "23.59G");
}

TEST(Rates, TheLastSecondsCount) {
  Rates rates;
  EXPECT_EQ(rates.Current().commands, 0);
  rates.Sample(0, {0, 0, 0});
  rates.Sample(50, {1000, 0, 0});  // too soon
  rates.Sample(500, {50, 1024, 2048});
  EXPECT_EQ(rates.Current().commands, 100);
  EXPECT_EQ(rates.Current().input_bytes, 2048);
  EXPECT_EQ(rates.Current().output_bytes, 4096);
  // What is older than the window no longer matters.
  for (int i = 1; i <= 40; ++i) rates.Sample(500 + i * 100, {static_cast<std::uint64_t>(50), 1024, 2048});
  EXPECT_EQ(rates.Current().commands, 0);
  // After CONFIG RESETSTAT the totals begin again.
  rates.Sample(10000, {3, 0, 0});
  EXPECT_EQ(rates.Current().commands, 0);
  rates.Sample(11000, {13, 0, 0});
  EXPECT_EQ(rates.Current().commands, 10);
}

}  // namespace
}  // namespace slotwise::test
