// What the server does to clients that ask for too much: whom it closes, when, and that its last words arrive.
#include <filesystem>

#include "engine/client_registry.h"
#include "engine/saver.h"
#include "listening_fixture.h"
#include "temp_dir.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

std::string Set(const std::string& key, const std::string& value) {
  return "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

// Refused in the middle of what it sends: the refusal must not be lost to a reset.
TEST(ClientLimits, ARefusedTransactionReachesAClientThatIsStillSending) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"slotwise-multi-queue-limit", "100000"}});
  Socket s(f.port());
  const std::string ok = "+OK\r\n", queued = "+QUEUED\r\n";
  s.Send("MULTI\r\n");
  EXPECT_EQ(s.Read(ok.size()), ok);
  std::string commands;
  for (int i = 0; i < 60; ++i) commands += Set("k", std::string(4000, 'v'));
  s.Send(commands);
  std::string answer = s.Read(1 << 20);  // to the end
  const std::string refusal = "-ERR transaction is too big: its queued commands exceed slotwise-multi-queue-limit\r\n";
  EXPECT_TRUE(answer.starts_with(queued));
  EXPECT_TRUE(answer.ends_with(refusal));
}

TEST(ClientLimits, ThereIsNoReplyBeyondTheOutputLimit) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"client-output-buffer-limit", "normal 100000 0 0"}});
  Socket s(f.port());
  f.Run({"SET", "big", std::string(200000, 'v')});
  f.Run({"SET", "small", std::string(90000, 'v')});
  s.Send("GET small\r\n");
  EXPECT_EQ(s.Read(90010).size(), 90010u);
  s.Send("GET big\r\n");
  EXPECT_EQ(s.Read(1), "");
  EXPECT_TRUE(s.Ended());
}

TEST(ClientLimits, ABigClientIsEvictedAndOthersStay) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"maxmemory-clients", "1000000"}});
  Socket small(f.port()), big(f.port());
  small.Send("PING\r\n");
  EXPECT_EQ(small.Read(7), "+PONG\r\n");
  big.Send("*1\r\n$3000000\r\n" + std::string(2000000, 'v'));
  EXPECT_TRUE(big.Ended());
  small.Send("PING\r\n");
  EXPECT_EQ(small.Read(7), "+PONG\r\n");
  EXPECT_EQ(f.engine->stats().evicted_clients.load(), 1u);
  EXPECT_TRUE(f.engine->clients().memory() < 1000000);
}

TEST(ClientLimits, WatchesSubscriptionsAndPrefixesCount) {
  EngineFixture f;
  ConnectionNumbers none;
  auto grows = [&](const std::string& command, const std::string& undo) {
    TestClient c(f);
    c("HELLO 3");
    const std::uint64_t before = c.client.record->memory();
    c(command);
    c.client.record->Refresh(c.client, none);
    const std::uint64_t with = c.client.record->memory();
    c(undo);
    c.client.record->Refresh(c.client, none);
    EXPECT_EQ(c.client.record->memory(), before);
    return with >= before + 100;
  };
  EXPECT_TRUE(grows("WATCH a", "UNWATCH"));
  EXPECT_TRUE(grows("SUBSCRIBE a", "UNSUBSCRIBE a"));
  EXPECT_TRUE(grows("PSUBSCRIBE a", "PUNSUBSCRIBE"));
  EXPECT_TRUE(grows("SSUBSCRIBE a", "SUNSUBSCRIBE a"));
  EXPECT_TRUE(grows("CLIENT TRACKING on BCAST PREFIX a", "CLIENT TRACKING off"));
}

// With save points FLUSHALL leaves an empty file: a crash must not bring the old one back.
TEST(Flushall, SavesAnEmptyFileWhereSavePointsApply) {
  TempDir dir;
  for (const char* save : {"3600 1", ""}) {
    auto config = std::make_unique<Config>();
    std::vector<std::string> where{dir.path()}, points{save}, no_port{"0"};
    (void)config->SetAtStart("port", no_port);
    (void)config->SetAtStart("dir", where);
    (void)config->SetAtStart("save", points);
    CollectingLogger logger;
    Engine engine(std::move(config), logger, nullptr);
    engine.set_listen_any_port(true);
    EngineOptions options;
    options.will_listen = true;
    ASSERT_TRUE(engine.Start(options).ok());
    ThreadState& thread = engine.AddThread();
    Client client;
    client.authenticated = true;
    auto call = [&](std::vector<std::string_view> args) {
      OutBuffer out;
      engine.Call(thread, client, args, out);
    };
    call({"SET", "a", "1"});
    call({"FLUSHALL"});
    EXPECT_EQ(engine.dirty().load() == 0, *save != 0);
    EXPECT_EQ(std::filesystem::exists(dir.path() + "/dump.rdb"), *save != 0);
    (void)engine.Stop();
    std::filesystem::remove(dir.path() + "/dump.rdb");
  }
}

}  // namespace
}  // namespace slotwise::test
