// CLIENT, the registry of clients and CLIENT PAUSE. Expected replies are those of redis-server 7.0.15.
#include <thread>

#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(ClientCommands, NamesAreVisibleToOthers) {
  EngineFixture f;
  TestClient a(f), b(f);
  EXPECT_EQ(a("CLIENT SETNAME \"a b\""), "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(a("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(a("CLIENT SETNAME worker"), "+OK\r\n");
  EXPECT_TRUE(Has(b("CLIENT LIST"), " name=worker "));
  EXPECT_EQ(a("CLIENT SETNAME \"\""), "+OK\r\n");
  EXPECT_EQ(a("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_FALSE(Has(b("CLIENT LIST"), "worker"));
}

TEST(ClientCommands, TheLineOfTheAskingClientIsUpToDate) {
  EngineFixture f;
  TestClient a(f);
  std::string line = f.Run(a.client, {"client", "list"});
  EXPECT_TRUE(Has(line, "id=" + std::to_string(a.client.id) + " addr=" + a.client.address + " laddr=127.0.0.1:6379 fd=-1 name= age=0 idle=0 "
                        "flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=0 argv-mem=10 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0"));
  EXPECT_TRUE(Has(line, " events=r cmd=client|list user=default redir=-1 resp=2\n"));
  a("HELLO 3");
  a("SELECT 4");
  a("SUBSCRIBE x y");
  a("PSUBSCRIBE z");
  a("CLIENT NO-EVICT on");
  line = a("CLIENT INFO");
  EXPECT_TRUE(line.starts_with("="));
  EXPECT_TRUE(Has(line, " flags=Pe db=4 sub=2 psub=1 ssub=0 "));
  EXPECT_TRUE(Has(line, " cmd=client|info user=default redir=-1 resp=3\n"));
}

TEST(ClientCommands, AnEmbeddedCallerHasALineButIsNotListed) {
  EngineFixture f;
  EXPECT_TRUE(Has(f("CLIENT INFO"), "cmd=client|info"));
  EXPECT_EQ(f("CLIENT LIST"), "$0\r\n\r\n");
}

TEST(ClientCommands, ListFilters) {
  EngineFixture f;
  TestClient a(f), b(f);
  b("SUBSCRIBE x");
  b.client.record->Refresh(b.client, {});  // the end of its turn
  std::string id_a = "id=" + std::to_string(a.client.id) + " ", id_b = "id=" + std::to_string(b.client.id) + " ";
  std::string normal = a("CLIENT LIST TYPE normal"), pubsub = a("CLIENT LIST TYPE pubsub");
  EXPECT_TRUE(Has(normal, id_a) && !Has(normal, id_b));
  EXPECT_TRUE(!Has(pubsub, id_a) && Has(pubsub, id_b));
  EXPECT_EQ(a("CLIENT LIST TYPE replica"), "$0\r\n\r\n");
  std::string both = a("CLIENT LIST ID " + std::to_string(b.client.id) + " 99999 " + std::to_string(a.client.id));
  EXPECT_TRUE(both.find(id_b) < both.find(id_a));
  EXPECT_EQ(a("CLIENT LIST ID x"), "-ERR Invalid client ID\r\n");
  EXPECT_EQ(a("CLIENT LIST TYPE foo"), "-ERR Unknown client type 'foo'\r\n");
  for (const char* line : {"CLIENT LIST foo", "CLIENT LIST TYPE", "CLIENT LIST ID", "CLIENT LIST TYPE normal pubsub"}) {
    EXPECT_EQ(a(line), "-ERR syntax error\r\n");
  }
}

TEST(ClientCommands, KillByFilter) {
  EngineFixture f;
  TestClient a(f), b(f), c(f);
  EXPECT_EQ(a("CLIENT KILL ID " + std::to_string(b.client.id)), ":1\r\n");
  EXPECT_TRUE(b.sink->killed());
  EXPECT_FALSE(c.sink->killed());
  EXPECT_EQ(f.engine->clients().count(), 2u);  // off the list at once
  EXPECT_EQ(a("CLIENT KILL ADDR " + c.client.address + " TYPE pubsub"), ":0\r\n");
  EXPECT_EQ(a("CLIENT KILL ADDR " + c.client.address + " TYPE normal USER default"), ":1\r\n");
  EXPECT_TRUE(c.sink->killed());
  EXPECT_EQ(a("CLIENT KILL SKIPME yes"), ":0\r\n");
  EXPECT_FALSE(a.client.close_after_reply);
  EXPECT_EQ(a("CLIENT KILL SKIPME no"), ":1\r\n");
  EXPECT_TRUE(a.client.close_after_reply);  // after its answer
}

TEST(ClientCommands, KillByAddress) {
  EngineFixture f;
  TestClient a(f), b(f);
  EXPECT_EQ(a("CLIENT KILL 1.2.3.4:5"), "-ERR No such client\r\n");
  EXPECT_EQ(a("CLIENT KILL " + b.client.address), "+OK\r\n");
  EXPECT_TRUE(b.sink->killed());
  EXPECT_EQ(a("CLIENT KILL " + b.client.address), "-ERR No such client\r\n");
  EXPECT_EQ(a("CLIENT KILL " + a.client.address), "+OK\r\n");
  EXPECT_TRUE(a.client.close_after_reply);
}

TEST(ClientCommands, KillErrors) {
  EngineFixture f;
  TestClient a(f);
  EXPECT_EQ(a("CLIENT KILL"), "-ERR wrong number of arguments for 'client|kill' command\r\n");
  for (const char* id : {"x", "0", "-1"}) {
    EXPECT_EQ(a(std::string("CLIENT KILL ID ") + id), "-ERR client-id should be greater than 0\r\n");
  }
  EXPECT_EQ(a("CLIENT KILL TYPE foo"), "-ERR Unknown client type 'foo'\r\n");
  EXPECT_EQ(a("CLIENT KILL USER foo"), "-ERR No such user 'foo'\r\n");
  for (const char* line : {"CLIENT KILL SKIPME maybe", "CLIENT KILL ID 1 TYPE", "CLIENT KILL foo bar", "CLIENT KILL a b c"}) {
    EXPECT_EQ(a(line), "-ERR syntax error\r\n");
  }
}

TEST(ClientCommands, ReplyModes) {
  EngineFixture f;
  TestClient a(f);
  EXPECT_EQ(a("CLIENT REPLY foo"), "-ERR syntax error\r\n");
  EXPECT_EQ(a("CLIENT REPLY OFF"), "");
  EXPECT_EQ(a("PING"), "");
  EXPECT_EQ(a("NOSUCH"), "");
  EXPECT_EQ(a("CLIENT REPLY SKIP"), "");  // does not end OFF
  EXPECT_EQ(a("PING"), "");
  EXPECT_EQ(a("PING"), "");
  EXPECT_EQ(a("CLIENT REPLY ON"), "+OK\r\n");
  EXPECT_EQ(a("PING"), "+PONG\r\n");
  EXPECT_EQ(a("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(a("PING"), "");
  EXPECT_EQ(a("PING"), "+PONG\r\n");
  EXPECT_EQ(a("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(a("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(a("NOSUCH"), "");  // a refused command is a command too
  EXPECT_EQ(a("PING"), "+PONG\r\n");
  EXPECT_EQ(a("CLIENT REPLY SKIP"), "");
  EXPECT_EQ(a("CLIENT REPLY ON"), "+OK\r\n");
  EXPECT_EQ(a("PING"), "+PONG\r\n");
}

TEST(ClientCommands, PauseArguments) {
  EngineFixture f;
  EXPECT_EQ(f("CLIENT PAUSE x"), "-ERR timeout is not an integer or out of range\r\n");
  EXPECT_EQ(f("CLIENT PAUSE -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(f("CLIENT PAUSE x foo"), "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n");
  EXPECT_EQ(f("CLIENT PAUSE 1 write x"), "-ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.\r\n");
  EXPECT_EQ(f("CLIENT PAUSE 9223372036854775807 WRITE"), "+OK\r\n");
  EXPECT_NE(f.engine->clients().pause().UntilMs(f.engine->NowMs()), 0);
  EXPECT_EQ(f("CLIENT UNPAUSE"), "+OK\r\n");
  EXPECT_EQ(f.engine->clients().pause().UntilMs(f.engine->NowMs()), 0);
}

TEST(ClientPause, WhichCommandsWait) {
  EngineFixture f;
  TestClient a(f);
  const CommandTable& table = f.engine->commands();
  ClientPause pause;
  auto blocks = [&](const char* name, std::int64_t now) { return pause.Blocks(a.client, *table.FindFullName(name), now); };
  EXPECT_FALSE(blocks("set", 0));
  pause.Pause(ClientPause::Mode::kWrite, 100, 0);
  EXPECT_TRUE(blocks("set", 99));
  EXPECT_TRUE(blocks("publish", 99));
  EXPECT_FALSE(blocks("get", 99));
  EXPECT_FALSE(blocks("set", 100));
  EXPECT_FALSE(blocks("exec", 50));
  a("MULTI");
  a("SET k v");
  EXPECT_TRUE(blocks("exec", 50));
  // Neither shorter nor milder while it lasts.
  pause.Pause(ClientPause::Mode::kAll, 50, 10);
  EXPECT_TRUE(blocks("get", 99));
  pause.Pause(ClientPause::Mode::kWrite, 200, 60);
  EXPECT_TRUE(blocks("get", 199));
  // A new pause after that one starts afresh.
  pause.Pause(ClientPause::Mode::kWrite, 300, 250);
  EXPECT_FALSE(blocks("get", 260));
  EXPECT_TRUE(blocks("set", 260));
  pause.Unpause();
  EXPECT_FALSE(blocks("set", 260));
}

TEST(ClientPause, AReaderLeavesAnExpiredKeyAlone) {
  EngineFixture f;
  f("SET k v PX 200");  // not over before the pause
  f("CLIENT PAUSE 100000 WRITE");
  while (f.engine->NowMs() <= 0 || f("EXISTS k") == ":1\r\n") std::this_thread::yield();
  EXPECT_EQ(f("GET k"), "$-1\r\n");
  EXPECT_EQ(f("DBSIZE"), ":1\r\n");
  f("CLIENT UNPAUSE");
  EXPECT_EQ(f("GET k"), "$-1\r\n");
  EXPECT_EQ(f("DBSIZE"), ":0\r\n");
}

TEST(ClientCommands, TrackingIsRefusedButItsQuestionsAreAnswered) {
  EngineFixture f;
  EXPECT_EQ(f("CLIENT TRACKING off"), "+OK\r\n");
  EXPECT_EQ(f("CLIENT TRACKING foo"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("CLIENT TRACKING on bar"), "-ERR syntax error\r\n");
  EXPECT_TRUE(f("CLIENT TRACKING on").starts_with("-ERR "));
  EXPECT_EQ(f("CLIENT GETREDIR"), ":-1\r\n");
  EXPECT_EQ(f("CLIENT TRACKINGINFO"), "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n");
  EXPECT_EQ(f("CLIENT UNBLOCK 5"), ":0\r\n");
  EXPECT_EQ(f("CLIENT UNBLOCK x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(f("CLIENT UNBLOCK 5 foo"), "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
  EXPECT_EQ(f("CLIENT SETINFO lib-name x"), "-ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.\r\n");
}

// For the thread sanitizer: owners change their clients while another thread lists them.
TEST(ClientRegistry, ListingWhileClientsChange) {
  EngineFixture f;
  std::atomic<bool> stop{false};
  std::thread owner([&] {
    while (!stop.load()) {
      Client c;
      c.id = f.engine->NextClientId();
      c.sink = std::make_shared<MailboxSink>();
      f.engine->clients().Add(c);
      for (int i = 0; i < 20; ++i) {
        c.db = i;
        c.record->SetName("n" + std::to_string(i));
        c.record->Refresh(c, {});
      }
      f.engine->clients().Remove(c);
    }
  });
  for (int i = 0; i < 300; ++i) {
    f("CLIENT LIST");
    f("INFO clients");
    f("CLIENT KILL TYPE normal");
  }
  stop.store(true);
  owner.join();
  EXPECT_EQ(f.engine->clients().count(), 0u);
}

}  // namespace
}  // namespace slotwise::test
