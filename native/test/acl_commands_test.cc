// ACL commands and what they do to clients. Expected replies are those of redis-server 7.0.15.
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/sha256.h"
#include "engine/access_control.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

const std::string kWrongPass = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

std::string NoCommand(const std::string& name) { return "-NOPERM this user has no permissions to run the '" + name + "' command\r\n"; }
const std::string kNoKey = "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n";
const std::string kNoChannel = "-NOPERM this user has no permissions to access one of the channels used as arguments\r\n";

std::string Bulk(const std::string& s) { return "$" + std::to_string(s.size()) + "\r\n" + s + "\r\n"; }

// The value of a field of the newest entry of ACL LOG, as RESP.
std::string Logged(EngineFixture& f, const std::string& field) {
  std::string log = f("ACL LOG 1");
  std::string name = Bulk(field);
  std::size_t at = log.find(name);
  if (at == std::string::npos) return "<none>";
  at += name.size();
  if (log[at] == ':') return log.substr(at + 1, log.find("\r\n", at) - at - 1);
  std::size_t begin = log.find("\r\n", at) + 2;
  return log.substr(begin, log.find("\r\n", begin) - begin);
}

TEST(Acl, UsersBeginWithoutAnyPermission) {
  EngineFixture f;
  TestClient c(f);
  EXPECT_EQ(c("ACL WHOAMI"), Bulk("default"));
  EXPECT_EQ(c("ACL SETUSER newuser >passwd1"), "+OK\r\n");
  EXPECT_EQ(c("AUTH newuser passwd1"), kWrongPass);
  EXPECT_EQ(c("ACL SETUSER newuser on +acl"), "+OK\r\n");
  EXPECT_EQ(c("AUTH newuser passwd1"), "+OK\r\n");
  EXPECT_EQ(c("ACL WHOAMI"), Bulk("newuser"));
  EXPECT_EQ(c("SET foo bar"), NoCommand("set"));
  EXPECT_EQ(c("CONFIG GET dir"), NoCommand("config|get"));
  c("ACL SETUSER newuser +set");
  EXPECT_EQ(c("SET foo bar"), kNoKey);
  c("ACL SETUSER newuser allcommands ~foo:*");
  EXPECT_EQ(c("SET foo:1 a"), "+OK\r\n");
  EXPECT_EQ(c("SET zap a"), kNoKey);
  EXPECT_EQ(c("PUBLISH ch x"), kNoChannel);
  c("ACL SETUSER newuser &c*");
  EXPECT_EQ(c("PUBLISH ch x"), ":0\r\n");
  EXPECT_EQ(c("AUTH default whatever"), "+OK\r\n");
  EXPECT_EQ(c("SET zap a"), "+OK\r\n");
}

TEST(Acl, ChecksComeInRedissOrder) {
  EngineFixture f({{"requirepass", "secret"}});
  f("ACL SETUSER bob on >pw +ping +multi");
  TestClient c(f);
  EXPECT_TRUE(c("NOSUCH").starts_with("-ERR unknown command"));
  EXPECT_EQ(c("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(c("GET a"), "-NOAUTH Authentication required.\r\n");
  c("AUTH bob pw");
  EXPECT_TRUE(c("NOSUCH").starts_with("-ERR unknown command"));
  EXPECT_EQ(c("GET"), "-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_EQ(c("GET a"), NoCommand("get"));
  EXPECT_EQ(c("EXEC"), "-EXECABORT Transaction discarded because of: NOPERM this user has no permissions to run the 'exec' command\r\n");
}

TEST(Acl, SetUserRefusesInRedissWords) {
  EngineFixture f;
  auto error = [&](const std::string& rules) { return f("ACL SETUSER x " + rules); };
  EXPECT_EQ(f("ACL SETUSER \"a a\""), "-ERR Usernames can't contain spaces or null characters\r\n");
  EXPECT_EQ(f("ACL SETUSER \"a\\x00\""), "-ERR Usernames can't contain spaces or null characters\r\n");
  EXPECT_EQ(error("(abc"), "-ERR Unmatched parenthesis in acl selector starting at '(abc'.\r\n");
  EXPECT_EQ(error("+nosuch"), "-ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL\r\n");
  EXPECT_EQ(error("\"~a\\x00b\""), "-ERR Error in ACL SETUSER modifier '~a': Syntax error\r\n");
  EXPECT_EQ(error("+config|get|x"), "-ERR Error in ACL SETUSER modifier '+config|get|x': Allowing first-arg of a subcommand is not supported\r\n");
  EXPECT_EQ(error("<x"), "-ERR Error in ACL SETUSER modifier '<x': The password you are trying to remove from the user does not exist\r\n");
  EXPECT_EQ(error("#12"), "-ERR Error in ACL SETUSER modifier '#12': The password hash must be exactly 64 characters and contain only lowercase "
                          "hexadecimal characters\r\n");
  EXPECT_EQ(error("~* ~a"), "-ERR Error in ACL SETUSER modifier '~a': Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid "
                            "and does not have any effect. Try 'resetkeys' to start with an empty list of patterns\r\n");
  EXPECT_EQ(error("%R~"), "+OK\r\n");
  EXPECT_EQ(f("ACL DELUSER x"), ":1\r\n");
  EXPECT_EQ(f("ACL SETUSER y on +nosuch"), "-ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL\r\n");
  EXPECT_EQ(f("ACL GETUSER y"), "$-1\r\n");
}

TEST(Acl, GetUserListUsersAndCat) {
  EngineFixture f;
  f("ACL SETUSER bob on >pw resetchannels &c1 %R~a %W~b ~c +get (-@all +set ~d &c2)");
  const std::string hash = Sha256Hex("pw");
  EXPECT_EQ(f("ACL GETUSER bob"),
            "*12\r\n" + Bulk("flags") + "*1\r\n" + Bulk("on") + Bulk("passwords") + "*1\r\n" + Bulk(hash) + Bulk("commands") + Bulk("-@all +get") +
                Bulk("keys") + Bulk("%R~a %W~b ~c") + Bulk("channels") + Bulk("&c1") + Bulk("selectors") + "*1\r\n*6\r\n" + Bulk("commands") +
                Bulk("-@all +set") + Bulk("keys") + Bulk("~d") + Bulk("channels") + Bulk("&c2"));
  EXPECT_EQ(f("ACL USERS"), "*2\r\n" + Bulk("bob") + Bulk("default"));
  EXPECT_EQ(f("ACL LIST"), "*2\r\n" + Bulk("user bob on #" + hash + " %R~a %W~b ~c resetchannels &c1 -@all +get (~d resetchannels &c2 -@all +set)") +
                               Bulk("user default on nopass ~* &* +@all"));
  EXPECT_TRUE(f("ACL CAT").starts_with("*21\r\n$8\r\nkeyspace\r\n"));
  EXPECT_TRUE(f("ACL CAT transaction").find(Bulk("multi")) != std::string::npos);
  EXPECT_TRUE(f("ACL CAT SCRIPTING").find(Bulk("function|list")) != std::string::npos);
  EXPECT_EQ(f("ACL CAT nosuch"), "-ERR Unknown category 'nosuch'\r\n");
  EXPECT_EQ(f("ACL CAT a b"), "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.\r\n");
}

TEST(Acl, GenPass) {
  EngineFixture f;
  EXPECT_EQ(f("ACL GENPASS").size(), 5u + 64 + 2);
  EXPECT_TRUE(f("ACL GENPASS") != f("ACL GENPASS"));
  EXPECT_TRUE(f("ACL GENPASS 5").starts_with("$2\r\n"));
  EXPECT_TRUE(f("ACL GENPASS 4096").starts_with("$1024\r\n"));
  for (const char* bad : {"-236", "0", "5000"}) {
    EXPECT_EQ(f(std::string("ACL GENPASS ") + bad),
              "-ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096\r\n");
  }
  EXPECT_EQ(f("ACL GENPASS x"), "-ERR value is not an integer or out of range\r\n");
}

TEST(Acl, DryRunSaysWhatIsMissing) {
  EngineFixture f;
  f("ACL SETUSER u +@all -flushall %R~read* %W~write* %RW~rw* &ch");
  auto dry = [&](const std::string& call) { return f("ACL DRYRUN u " + call); };
  EXPECT_EQ(dry("GET read"), "+OK\r\n");
  EXPECT_EQ(dry("GET write"), Bulk("This user has no permissions to access the 'write' key"));
  EXPECT_EQ(dry("FLUSHALL"), Bulk("This user has no permissions to run the 'flushall' command"));
  EXPECT_EQ(dry("SPUBLISH other x"), Bulk("This user has no permissions to access the 'other' channel"));
  EXPECT_EQ(dry("SUNSUBSCRIBE other"), "+OK\r\n");
  EXPECT_EQ(dry("nosuch x"), "-ERR Command 'nosuch' not found\r\n");
  EXPECT_EQ(dry("CONFIG nosuch"), "-ERR Command 'CONFIG' not found\r\n");
  EXPECT_EQ(dry("config|get x"), "-ERR Command 'config|get' not found\r\n");
  EXPECT_EQ(dry("SET rw"), "-ERR wrong number of arguments for 'set' command\r\n");
  EXPECT_EQ(f("ACL DRYRUN nobody GET a"), "-ERR User 'nobody' not found\r\n");
  // Also of commands that this build may not serve.
  EXPECT_EQ(dry("EVAL \"\" 1 rw1"), "+OK\r\n");
  EXPECT_EQ(dry("EVAL \"\" 1 read"), Bulk("This user has no permissions to access the 'read' key"));
  EXPECT_EQ(dry("EVAL \"\" -1 read"), "+OK\r\n");
  EXPECT_EQ(dry("MIGRATE h 1 \"\" 0 5000 AUTH2 USER KEYS KEYS read"), Bulk("This user has no permissions to access the 'read' key"));
  EXPECT_EQ(dry("GEORADIUS read1 lo la r M STOREDIST read2"), Bulk("This user has no permissions to access the 'read2' key"));
  EXPECT_EQ(dry("MEMORY USAGE nothing"), Bulk("This user has no permissions to access the 'nothing' key"));
  EXPECT_EQ(dry("SINTERCARD 2 write read"), Bulk("This user has no permissions to access the 'write' key"));
  EXPECT_EQ(dry("HSTRLEN write foo"), "+OK\r\n");
}

TEST(Acl, TransactionsAreCheckedWhenQueuedAndAgainByExec) {
  EngineFixture f;
  f("ACL SETUSER bob on nopass +multi +exec +discard +set +get +incr ~a*");
  TestClient c(f);
  c("AUTH bob x");
  c("MULTI");
  EXPECT_EQ(c("SET b 1"), kNoKey);
  EXPECT_EQ(c("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(Logged(f, "context"), "multi");
  c("MULTI");
  c("SET a 1");
  c("INCR a");
  c("GET a");
  f("ACL SETUSER bob -incr");
  const std::string changed =
      "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the "
      "following reason: ";
  EXPECT_EQ(c("EXEC"), "*3\r\n+OK\r\n" + changed + "no permission to execute the command or subcommand\r\n" + Bulk("1"));
  EXPECT_EQ(Logged(f, "context"), "multi");
  EXPECT_EQ(Logged(f, "object"), "incr");
  c("MULTI");
  c("SET a 1");
  f("ACL SETUSER bob resetkeys");
  EXPECT_EQ(c("EXEC"), "*1\r\n" + changed + "no permission to touch the specified keys\r\n");
}

TEST(Acl, ATransactionMayChangeItsOwnUser) {
  EngineFixture f;
  f("ACL SETUSER bob on nopass +multi +exec +acl +set +auth ~*");
  TestClient c(f);
  c("AUTH bob x");
  c("MULTI");
  c("SET a 1");
  c("ACL SETUSER bob -set");
  c("SET a 2");
  std::string reply = c("EXEC");
  EXPECT_TRUE(reply.starts_with("*3\r\n+OK\r\n+OK\r\n-NOPERM ACLs rules changed"));
  EXPECT_EQ(f("GET a"), Bulk("1"));
  f("ACL SETUSER bob +set");
  c("MULTI");
  c("AUTH default x");
  c("FLUSHALL");  // refused: bob queues it
  EXPECT_TRUE(c("EXEC").starts_with("-EXECABORT"));
}

TEST(Acl, LogHasWhoWhatAndWhere) {
  EngineFixture f;
  f("ACL SETUSER bob on >foo +set +publish ~object:1234");
  TestClient c(f);
  c("AUTH bob foo");
  c("GET foo");
  EXPECT_EQ(Logged(f, "reason"), "command");
  EXPECT_EQ(Logged(f, "object"), "get");
  EXPECT_EQ(Logged(f, "username"), "bob");
  EXPECT_EQ(Logged(f, "context"), "toplevel");
  EXPECT_EQ(Logged(f, "count"), "1");
  EXPECT_TRUE(Logged(f, "client-info").find(" user=bob ") != std::string::npos);
  EXPECT_TRUE(Logged(f, "client-info").find("cmd=get ") != std::string::npos);
  c("GET foo");
  EXPECT_EQ(Logged(f, "count"), "2");
  c("SET somekeynotallowed 1234");
  EXPECT_EQ(Logged(f, "reason"), "key");
  EXPECT_EQ(Logged(f, "object"), "somekeynotallowed");
  c("PUBLISH ch x");
  EXPECT_EQ(Logged(f, "reason"), "channel");
  EXPECT_EQ(Logged(f, "object"), "ch");
  c("auth bob wrong");
  EXPECT_EQ(Logged(f, "reason"), "auth");
  EXPECT_EQ(Logged(f, "object"), "auth");
  EXPECT_EQ(Logged(f, "username"), "bob");
  c("HELLO 3 AUTH nobody x");
  EXPECT_EQ(Logged(f, "object"), "HELLO");
  EXPECT_EQ(Logged(f, "username"), "nobody");
  EXPECT_TRUE(f("ACL LOG 2").starts_with("*2\r\n*14\r\n$5\r\ncount\r\n:1\r\n$6\r\nreason\r\n$4\r\nauth\r\n$7\r\ncontext\r\n"));
  EXPECT_EQ(f("ACL LOG -1"), "*0\r\n");
  EXPECT_EQ(f("ACL LOG x"), "-ERR value is not an integer or out of range\r\n");
  std::string stats = f("INFO stats");
  for (const char* line : {"acl_access_denied_auth:2\r\n", "acl_access_denied_cmd:2\r\n", "acl_access_denied_key:1\r\n", "acl_access_denied_channel:1\r\n"}) {
    EXPECT_TRUE(stats.find(line) != std::string::npos);
  }
  f("CONFIG RESETSTAT");
  EXPECT_TRUE(f("INFO stats").find("acl_access_denied_cmd:0\r\n") != std::string::npos);
  f("CONFIG SET acllog-max-len 2");
  c("GET z");
  for (int i = 0; i < 5; ++i) c("SET k" + std::to_string(i) + " 1");
  EXPECT_TRUE(f("ACL LOG").starts_with("*2\r\n"));
  EXPECT_EQ(f("ACL LOG RESET"), "+OK\r\n");
  EXPECT_EQ(f("ACL LOG"), "*0\r\n");
}

TEST(Acl, DeletingAUserDisconnectsItsClients) {
  EngineFixture f;
  f("ACL SETUSER bob on nopass allcommands allkeys");
  f("ACL SETUSER eve on nopass allcommands allkeys");
  TestClient a(f), b(f), e(f);
  for (TestClient* c : {&a, &b}) (*c)("AUTH bob x");
  e("AUTH eve x");
  EXPECT_TRUE(f("CLIENT LIST").find("user=bob") != std::string::npos);
  EXPECT_EQ(f("ACL DELUSER default"), "-ERR The 'default' user cannot be removed\r\n");
  EXPECT_EQ(f("ACL DELUSER nobody default"), "-ERR The 'default' user cannot be removed\r\n");
  EXPECT_EQ(a("ACL DELUSER bob nobody"), ":1\r\n");  // it is answered, and then goes
  EXPECT_TRUE(a.client.close_after_reply);
  EXPECT_TRUE(b.sink->killed());
  EXPECT_FALSE(e.sink->killed());
  EXPECT_TRUE(f("CLIENT LIST").find("user=bob addr") == std::string::npos);
  // Before the thread of b hears of it, b may still send something: it gets no answer.
  EXPECT_EQ(b("GET a"), "");
  EXPECT_TRUE(b.client.close_after_reply);
}

TEST(Acl, ChangedRulesHoldForThoseWhoAreConnected) {
  EngineFixture f;
  f("ACL SETUSER bob on >pw allcommands allkeys allchannels");
  TestClient c(f);
  c("AUTH bob pw");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
  f("ACL SETUSER bob -set");
  EXPECT_EQ(c("SET a 1"), NoCommand("set"));
  f("ACL SETUSER bob +set");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
  f("ACL SETUSER bob resetpass >new off");  // who is in stays in
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
  EXPECT_FALSE(c.sink->killed());
  EXPECT_EQ(c("AUTH bob new"), kWrongPass);
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
}

TEST(Acl, LosingAChannelDisconnectsItsSubscribers) {
  EngineFixture f;
  auto subscribe = [&](TestClient& c, const std::string& channels, const std::string& line) {
    f("ACL SETUSER ps on nopass +@all resetchannels " + channels);
    c("AUTH ps x");
    c(line);
  };
  for (const auto& [channels, line, after] : std::vector<std::array<std::string, 3>>{{"&foo:1", "SUBSCRIBE foo:1", "resetchannels"},
                                                                                    {"&foo:1", "SSUBSCRIBE foo:1", "resetchannels"},
                                                                                    {"&bar:*", "PSUBSCRIBE bar:*", "resetchannels"},
                                                                                    {"&bar:*", "SUBSCRIBE bar:1", "resetchannels &foo"},
                                                                                    {"allchannels", "PSUBSCRIBE foo", "resetchannels"}}) {
    TestClient c(f), quiet(f);
    subscribe(c, channels, line);
    quiet("AUTH ps x");
    f("ACL SETUSER ps " + after);
    EXPECT_TRUE(c.sink->killed());
    EXPECT_FALSE(quiet.sink->killed());
    EXPECT_EQ(f("CLIENT LIST").find("id=" + std::to_string(c.client.id) + " "), std::string::npos);
  }
  TestClient c(f);
  subscribe(c, "&foo:1 &bar:* &orders", "SUBSCRIBE foo:1");
  c("PSUBSCRIBE bar:*");
  c("SSUBSCRIBE orders");
  f("ACL SETUSER ps resetchannels &foo:1 &bar:* &orders &baz:qaz &zoo:*");
  f("ACL SETUSER ps allchannels");
  EXPECT_FALSE(c.sink->killed());
}

TEST(Acl, WhoSubscribesWhileLosingTheChannelIsDisconnected) {
  EngineFixture f;
  f("ACL SETUSER ps on nopass +@all &a");
  TestClient c(f);
  c("AUTH ps x");
  // As if the change had come between the check of SUBSCRIBE and its entry in the list.
  f("ACL SETUSER ps resetchannels");
  c.client.subscriptions = std::make_unique<Client::Subscriptions>();
  c.client.subscriptions->channels.insert("a");
  EXPECT_FALSE(f.engine->acl().MayKeepSubscriptions(c.client));
  c.client.subscriptions->channels.clear();
}

TEST(Acl, RequirepassIsTheDefaultUsersPassword) {
  EngineFixture f;
  TestClient before(f);
  before("PING");
  EXPECT_EQ(f("CONFIG SET requirepass \"abc\\x00def\""), "+OK\r\n");
  EXPECT_EQ(before("PING"), "+PONG\r\n");  // it was in
  TestClient c(f);
  EXPECT_EQ(c("PING"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(c("AUTH abc"), kWrongPass);
  EXPECT_EQ(c("AUTH \"abc\\x00def\""), "+OK\r\n");
  EXPECT_EQ(f("ACL LIST"), "*1\r\n" + Bulk("user default on #" + Sha256Hex(std::string_view("abc\0def", 7)) + " ~* &* +@all"));
  TestClient outside(f);
  EXPECT_EQ(outside("GET a"), "-NOAUTH Authentication required.\r\n");
  f("CONFIG SET requirepass \"\"");
  EXPECT_EQ(outside("GET a"), "$-1\r\n");  // nobody is asked any more
  EXPECT_TRUE(outside("AUTH x").starts_with("-ERR AUTH <password> called without any password configured for the default user."));
  f("ACL SETUSER default off");
  EXPECT_EQ(outside("GET a"), "-NOAUTH Authentication required.\r\n");
  EXPECT_EQ(c("GET a"), "$-1\r\n");
  f("ACL SETUSER default on >new");
  EXPECT_EQ(outside("AUTH new"), "+OK\r\n");
}

TEST(Acl, WhoMayDoLittleIsRefusedByHelloToo) {
  EngineFixture f;
  f("ACL SETUSER secure on >supass +@all");
  f("ACL SETUSER default -@all");
  TestClient c(f);
  EXPECT_TRUE(c("HELLO 2 AUTH secure supass").starts_with("*14\r\n"));
  EXPECT_EQ(c("ACL WHOAMI"), Bulk("secure"));
  EXPECT_EQ(c("RESET"), "+RESET\r\n");
  EXPECT_EQ(c("ACL WHOAMI"), NoCommand("acl|whoami"));
}

TEST(Acl, PubsubDefaultIsForNewUsers) {
  EngineFixture f({{"acl-pubsub-default", "allchannels"}});
  f("ACL SETUSER a");
  f("CONFIG SET acl-pubsub-default resetchannels");
  f("ACL SETUSER b");
  EXPECT_EQ(f("ACL LIST"), "*3\r\n" + Bulk("user a off &* -@all") + Bulk("user b off resetchannels -@all") + Bulk("user default on nopass ~* &* +@all"));
}

TEST(Acl, ClientKillByUser) {
  EngineFixture f;
  f("ACL SETUSER bob on nopass +@all");
  TestClient a(f), b(f);
  a("AUTH bob x");
  EXPECT_EQ(f("CLIENT KILL USER nobody"), "-ERR No such user 'nobody'\r\n");
  EXPECT_EQ(f("CLIENT KILL USER bob"), ":1\r\n");
  EXPECT_TRUE(a.sink->killed());
  EXPECT_FALSE(b.sink->killed());
  EXPECT_EQ(f("CLIENT KILL USER default"), ":1\r\n");
  EXPECT_TRUE(b.sink->killed());
}

TEST(Acl, EmbeddedCallersMayDoEverything) {
  EngineFixture f({{"requirepass", "secret"}});
  f("ACL SETUSER default -@all");
  EXPECT_EQ(f("SET a 1"), "+OK\r\n");
  EXPECT_EQ(f("RESET"), "+RESET\r\n");
  EXPECT_EQ(f("SET a 1"), "+OK\r\n");
  f("ACL SETUSER bob on nopass");
  EXPECT_EQ(f("AUTH bob x"), "+OK\r\n");
  EXPECT_EQ(f("SET a 1"), "+OK\r\n");
}

class AclDirectory {
 public:
  AclDirectory() : path_(std::filesystem::temp_directory_path() / ("slotwise-acl-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~AclDirectory() { std::filesystem::remove_all(path_); }
  std::string file() const { return path_ / "users.acl"; }
  void Write(const std::string& text) { std::ofstream(file()) << text; }
  std::string Read() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::filesystem::path path_;
};

TEST(Acl, LoadAndSaveNeedAFile) {
  EngineFixture f;
  for (const char* line : {"ACL LOAD", "ACL SAVE"}) {
    EXPECT_TRUE(f(line).starts_with("-ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL "
                                    "SETUSER command and then issue a CONFIG REWRITE"));
  }
}

TEST(Acl, AFileIsLoadedSavedAndLoadedAgain) {
  AclDirectory dir;
  dir.Write("user alice on allcommands allkeys &* >alice\nuser bob on -@all +@set +acl ~set* &* >bob\nuser default on nopass ~* &* +@all");
  std::filesystem::permissions(dir.file(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EngineFixture f({{"aclfile", dir.file()}});
  ASSERT_TRUE(f.status.ok());
  EXPECT_EQ(f("ACL USERS"), "*3\r\n" + Bulk("alice") + Bulk("bob") + Bulk("default"));
  TestClient alice(f), other(f);
  EXPECT_EQ(alice("AUTH alice alice"), "+OK\r\n");
  alice("ACL SETUSER eve on +get allkeys >eve");
  EXPECT_EQ(alice("ACL SAVE"), "+OK\r\n");
  EXPECT_TRUE(dir.Read().find("user eve on #" + Sha256Hex("eve") + " ~* resetchannels -@all +get\n") != std::string::npos);
  EXPECT_EQ(std::filesystem::status(dir.file()).permissions(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  // Who is connected as somebody else than the default user goes, though nothing has changed.
  EXPECT_EQ(alice("ACL LOAD"), "+OK\r\n");
  EXPECT_TRUE(alice.client.close_after_reply);
  EXPECT_FALSE(other.sink->killed());
  EXPECT_EQ(other("AUTH eve eve"), "+OK\r\n");
  EXPECT_EQ(other("GET a"), "$-1\r\n");
  EXPECT_EQ(other("SET a 1"), NoCommand("set"));
}

TEST(Acl, ABrokenFileChangesNothing) {
  AclDirectory dir;
  dir.Write("user alice on allcommands allkeys &* >alice\n");
  EngineFixture f({{"aclfile", dir.file()}});
  TestClient alice(f);
  alice("AUTH alice alice");
  const std::string before = f("ACL LIST");
  for (const char* broken : {"user alice on ~* -@all\nuser alice on", "user alice on +@al", "user alice on (+get", "user", "us"}) {
    dir.Write(broken);
    EXPECT_TRUE(f("ACL LOAD").ends_with("WARNING: ACL errors detected, no change to the previously active ACL rules was performed\r\n"));
    EXPECT_EQ(f("ACL LIST"), before);
  }
  std::filesystem::remove(dir.file());
  EXPECT_EQ(f("ACL LOAD"), "-ERR Error loading ACLs, opening file '" + dir.file() + "': No such file or directory\r\n");
  EXPECT_EQ(f("ACL LIST"), before);
  EXPECT_FALSE(alice.sink->killed());
}

TEST(Acl, ABrokenFileAtStartStopsTheStart) {
  AclDirectory dir;
  dir.Write("user alice on +nosuch\n");
  EngineFixture f({{"aclfile", dir.file()}});
  EXPECT_FALSE(f.status.ok());
  EXPECT_TRUE(f.status.message().starts_with("Aborting Redis startup because of ACL errors: "));
}

TEST(Acl, UsersOfTheConfiguration) {
  auto start = [](std::vector<std::vector<std::string>> lines, bool with_file, std::string* list) {
    auto config = std::make_unique<Config>();
    const std::vector<std::string> file{"/nonexistent"};
    if (with_file) (void)config->SetAtStart("aclfile", file);
    CollectingLogger logger;
    Engine engine(std::move(config), logger, nullptr);
    for (const auto& line : lines)
      if (Status s = engine.acl().AddConfiguredUser(line); !s.ok()) return s.message();
    if (Status s = engine.Start({}); !s.ok()) return s.message();
    list->clear();
    for (const std::string& line : engine.acl().ConfigLines()) *list += line + ";";
    (void)engine.Stop();
    return std::string();
  };
  std::string list;
  EXPECT_EQ(start({{"default", "on", "nopass", "~*", "+@all", "-flushdb"}, {"bob", "on", "(+get", "~a)"}}, false, &list), "");
  EXPECT_EQ(list, "user bob on resetchannels -@all (~a resetchannels -@all +get);user default on nopass sanitize-payload ~* resetchannels +@all "
                  "-flushdb;");
  EXPECT_EQ(start({{"foo"}, {"foo"}}, false, &list),
            "Error in user declaration 'foo': Duplicate user found. A user can only be defined once in config files");
  EXPECT_TRUE(start({{"foo", "on", "zz"}}, false, &list).find("Syntax error") != std::string::npos);
  EXPECT_TRUE(start({{"foo", "(on"}}, false, &list).find("Unmatched parenthesis") != std::string::npos);
  EXPECT_TRUE(start({{"foo", "on"}}, true, &list).find("aclfile") != std::string::npos);
}

// Rules change and users come and go while other threads run commands as them: nothing is half seen (TSan), and who was
// refused once the change was answered stays refused.
TEST(Acl, ChangesUnderLoad) {
  EngineFixture f;
  f("ACL SETUSER bob on nopass +@all ~a*");
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      ThreadState& state = f.engine->AddThread();
      Client client;
      client.id = f.engine->NextClientId();
      client.address = "127.0.0.1:1";
      client.sink = std::make_shared<MailboxSink>();
      f.engine->clients().Add(client);
      f.engine->acl().BecomeDefault(client);
      auto run = [&](std::vector<std::string_view> args) {
        OutBuffer out;
        f.engine->Call(state, client, args, out);
        std::string text;
        out.CopyTo(&text);
        return text;
      };
      for (int round = 0; !stop.load(); ++round) {
        if (client.close_after_reply || !client.authenticated || round % 50 == 0) {
          client.close_after_reply = false;
          f.engine->acl().BecomeDefault(client);
          run({"AUTH", i == 0 ? "eve" : "bob", "x"});
        }
        if (run({"SET", "b", "1"}).starts_with("+OK") && client.account->name == "bob") ++wrong;
        run({"GET", "a1"});
        run({"SUBSCRIBE", "c"});
        run({"UNSUBSCRIBE"});
      }
      f.engine->clients().Remove(client);
      f.engine->ClientGone(state, client);
      f.engine->RemoveThread(state);
    });
  }
  for (int i = 0; i < 300; ++i) {
    f("ACL SETUSER eve on nopass allkeys allcommands allchannels");
    f(i % 2 == 0 ? "ACL SETUSER bob -get &c" : "ACL SETUSER bob +get resetchannels");
    if (i % 3 == 0) f("ACL DELUSER eve");
    f("CLIENT LIST");
  }
  stop.store(true);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace slotwise::test
