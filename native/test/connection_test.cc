// Connection commands. Expected replies are those of redis-server 7.0.15.
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

const std::string kWrongPass = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

TEST(Connection, PingAndEcho) {
  EngineFixture f;
  EXPECT_EQ(f("PING"), "+PONG\r\n");
  EXPECT_EQ(f("PING hi"), "$2\r\nhi\r\n");
  EXPECT_EQ(f("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(f("ECHO \"a\\r\\nb\""), "$4\r\na\r\nb\r\n");
}

TEST(Connection, SelectRefusesWhatIsNoDatabase) {
  EngineFixture f;
  EXPECT_EQ(f("SELECT 15"), "+OK\r\n");
  EXPECT_EQ(f.client.db, 15);
  EXPECT_EQ(f("SELECT 16"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(f("SELECT -1"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(f("SELECT x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(f("SELECT 99999999999"), "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
  EXPECT_EQ(f.client.db, 15);
}

TEST(Connection, AuthWithoutAPasswordConfigured) {
  EngineFixture f;
  EXPECT_EQ(f("AUTH default anything"), "+OK\r\n");
  EXPECT_EQ(f("AUTH other anything"), kWrongPass);
  EXPECT_TRUE(f("AUTH x").starts_with("-ERR AUTH <password> called without any password configured for the default user."));
  EXPECT_EQ(f("AUTH a b c"), "-ERR syntax error\r\n");
}

TEST(Connection, AuthWithRequirepass) {
  EngineFixture f({{"requirepass", "secret"}});
  TestClient c(f);
  EXPECT_EQ(c("PING"), "-NOAUTH Authentication required.\r\n");
  for (const char* wrong : {"AUTH secre", "AUTH secretsecret", "AUTH \"\"", "AUTH Secret", "AUTH other secret", "AUTH default x"}) {
    EXPECT_EQ(c(wrong), kWrongPass);
    EXPECT_FALSE(c.client.authenticated);
  }
  EXPECT_EQ(c("AUTH default secret"), "+OK\r\n");
  EXPECT_EQ(c("PING"), "+PONG\r\n");
  EXPECT_EQ(c("RESET"), "+RESET\r\n");
  EXPECT_EQ(c("PING"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(c("AUTH secret"), "+OK\r\n");
}

TEST(Connection, HelloNegotiatesTheProtocol) {
  EngineFixture f;
  TestClient c(f);
  std::string id = std::to_string(c.client.id);
  std::string fields = "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n";
  std::string rest = "$2\r\nid\r\n:" + id + "\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
  EXPECT_EQ(c("HELLO"), "*14\r\n" + fields + ":2\r\n" + rest);
  EXPECT_EQ(c("HELLO 3"), "%7\r\n" + fields + ":3\r\n" + rest);
  EXPECT_EQ(c("HELLO"), "%7\r\n" + fields + ":3\r\n" + rest);
  EXPECT_EQ(c("HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(c("HELLO x"), "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(c("HELLO 2 foo"), "-ERR Syntax error in HELLO option 'foo'\r\n");
  EXPECT_EQ(c("HELLO 2 AUTH a"), "-ERR Syntax error in HELLO option 'AUTH'\r\n");
  EXPECT_EQ(c("HELLO 2 AUTH a b"), kWrongPass);
  EXPECT_EQ(c.client.protocol, 3);  // none of these changed it
  EXPECT_TRUE(c("HELLO 2 SETNAME me AUTH default x").starts_with("*14\r\n"));
  EXPECT_EQ(c("CLIENT GETNAME"), "$2\r\nme\r\n");
}

TEST(Connection, HelloMayAuthenticate) {
  EngineFixture f({{"requirepass", "secret"}});
  TestClient c(f);
  EXPECT_TRUE(c("HELLO 3").starts_with("-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH"));
  EXPECT_EQ(c.client.protocol, 2);
  EXPECT_TRUE(c("HELLO 3 AUTH default secret").starts_with("%7\r\n"));
  EXPECT_EQ(c("PING"), "+PONG\r\n");
}

TEST(Connection, ResetForgetsEverything) {
  EngineFixture f;
  TestClient c(f);
  c("HELLO 3 SETNAME me");
  c("SELECT 3");
  c("SUBSCRIBE a");
  c("WATCH k");
  c("CLIENT REPLY OFF");
  c("MULTI");
  EXPECT_EQ(c("RESET"), "+RESET\r\n");
  EXPECT_EQ(c.client.db, 0);
  EXPECT_EQ(c.client.protocol, 2);
  EXPECT_FALSE(c.client.subscribed());
  EXPECT_FALSE(c.client.in_multi);
  EXPECT_TRUE(c.client.watched.empty());
  EXPECT_EQ(c("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(f("PUBLISH a x"), ":0\r\n");
}

TEST(Connection, QuitClosesAfterItsReply) {
  EngineFixture f;
  TestClient c(f);
  EXPECT_EQ(c("QUIT"), "+OK\r\n");
  EXPECT_TRUE(c.client.close_after_reply);
}

TEST(Connection, ClusterCommandsWithoutACluster) {
  EngineFixture f;
  for (const char* name : {"READONLY", "READWRITE", "ASKING"}) {
    EXPECT_EQ(f(name), "-ERR This instance has cluster support disabled\r\n");
  }
}

TEST(Connection, ShutdownChecksItsWordsFirst) {
  EngineFixture f;
  for (const char* line : {"SHUTDOWN foo", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN ABORT NOW", "SHUTDOWN NOSAVE ABORT"}) {
    EXPECT_EQ(f(line), "-ERR syntax error\r\n");
  }
  EXPECT_EQ(f("SHUTDOWN ABORT"), "-ERR No shutdown in progress.\r\n");
  EXPECT_EQ(f("MULTI"), "+OK\r\n");
  EXPECT_EQ(f("SHUTDOWN"), "-ERR Command not allowed inside a transaction\r\n");
}

TEST(Connection, ServerCommandsOfALonePrimary) {
  EngineFixture f;
  EXPECT_EQ(f("ROLE"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
  EXPECT_EQ(f("REPLICAOF NO ONE"), "+OK\r\n");
  EXPECT_EQ(f("REPLICAOF localhost 99999"), "-ERR Invalid master port\r\n");
  EXPECT_EQ(f("ACL WHOAMI"), "$7\r\ndefault\r\n");
  EXPECT_EQ(f("MODULE LIST"), "*0\r\n");
  EXPECT_EQ(f("SLOWLOG GET -2"), "-ERR count should be greater than or equal to -1\r\n");
  EXPECT_EQ(f("SLOWLOG GET 5 6"), "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n");
  EXPECT_EQ(f("LOLWUT VERSION x"), "-ERR value is not an integer or out of range\r\n");
}

}  // namespace
}  // namespace slotwise::test
