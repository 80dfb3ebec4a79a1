// The replica's side over real sockets, against a primary that is scripted: exact bytes, and everything a primary should not
// do. Whatever it sends, the old data stays until all of the new is there, and the process lives.
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>

#include "engine/replication.h"
#include "listening_fixture.h"
#include "snapshot/rdb_file_writer.h"
#include "snapshot/rdb_writer.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

const std::string kId(40, 'a');
const std::string kMark(40, 'm');

std::string Resp(std::initializer_list<std::string> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  return text;
}

// One key "whole" = "yes", and what `more` adds to database 0.
std::string Rdb(const std::string& stream_db = "0", const std::string& more = {}) {
  std::string file;
  RdbFileWriter writer([&](std::string_view bytes) { return file += bytes, Status::Ok(); }, true);
  (void)writer.Begin({{"redis-ver", "7.0.15"}, {"repl-stream-db", stream_db}});
  std::string entries;
  RdbWriter out(entries);
  out.Byte(0);
  out.String("whole");
  out.String("yes");
  (void)writer.Entries(0, 1, 0, entries + more);
  (void)writer.End();
  return file;
}

// Accepts one connection at a time.
class ScriptedPrimary {
 public:
  ScriptedPrimary() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&a), sizeof a) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size) != 0) {
      Fail(__FILE__, __LINE__, "cannot listen");
    }
    port = ntohs(a.sin_port);
  }
  ~ScriptedPrimary() {
    Drop();
    close(listener_);
  }
  void Drop() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  bool Accept() {
    Drop();
    pollfd item{listener_, POLLIN, 0};
    if (poll(&item, 1, 20'000) <= 0) return false;
    fd_ = accept(listener_, nullptr, nullptr);
    timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd_ >= 0;
  }
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // The words of the next command; empty at the end of the connection. Empty lines are skipped.
  std::vector<std::string> Next() {
    std::vector<std::string> words;
    std::string line = Line();
    while (line == "\n") line = Line();
    if (!line.starts_with("*")) return words;
    for (int n = std::stoi(line.substr(1)); n > 0; --n) {
      const std::size_t size = std::stoul(Line().substr(1));
      std::string word;
      for (std::size_t i = 0; i < size + 2; ++i) word += Byte();
      words.push_back(word.substr(0, size));
    }
    return words;
  }
  // Everything up to PSYNC, whose arguments it returns: "? -1".
  std::string Handshake() {
    if (!Accept()) return "<nobody came>";
    for (;;) {
      std::vector<std::string> words = Next();
      if (words.empty()) return "<gone>";
      if (words[0] == "PSYNC") return words[1] + " " + words[2];
      Send(words[0] == "PING" ? "+PONG\r\n" : "+OK\r\n");
    }
  }
  void FullResync(std::int64_t offset, const std::string& rdb) {
    Send("+FULLRESYNC " + kId + " " + std::to_string(offset) + "\r\n\n$" + std::to_string(rdb.size()) + "\r\n" + rdb);
  }
  // Waits for an acknowledgement of this offset.
  bool Acknowledged(std::int64_t offset) {
    for (;;) {
      std::vector<std::string> words = Next();
      if (words.empty()) return false;
      if (words[0] == "REPLCONF" && words[1] == "ACK" && words[2] == std::to_string(offset)) return true;
    }
  }
  bool Ended() {
    while (!Byte().empty()) {
    }
    return true;
  }
  int port = 0;

 private:
  std::string Byte() {
    char c;
    return Receive(fd_, &c, 1) == 1 ? std::string(1, c) : std::string();
  }
  std::string Line() {
    std::string line;
    for (;;) {
      std::string c = Byte();
      if (c.empty()) return {};
      line += c;
      if (line == "\n") return line;
      if (line.ends_with("\r\n")) return line.substr(0, line.size() - 2);
    }
  }
  int listener_;
  int fd_ = -1;
};

struct Following : Listening {
  explicit Following(Directives directives = {}) : Listening(directives) {}
  void Follow(int port) { EXPECT_EQ((*this)("REPLICAOF 127.0.0.1 " + std::to_string(port)), "+OK\r\n"); }
  std::string Field(const std::string& name) {
    std::string info = (*this)("INFO replication");
    std::size_t at = info.find("\r\n" + name + ":");
    if (at == std::string::npos) return "<none>";
    at += name.size() + 3;
    return info.substr(at, info.find("\r\n", at) - at);
  }
  bool Logs(const std::string& text) {
    for (int i = 0; i < 20'000 && !logger.Contains(text); ++i) usleep(1000);
    return logger.Contains(text);
  }
};

TEST(Replica, TakesTheSnapshotAndAppliesTheStreamByteForByte) {
  ScriptedPrimary primary;
  Following f;
  f("SET old 1");
  f.Follow(primary.port);
  EXPECT_EQ(f("SET x 1"), "-READONLY You can't write against a read only replica.\r\n");
  // It offers the history it had, as Redis does; nobody knows it.
  EXPECT_EQ(primary.Handshake(), f.Field("master_replid") + " 1");
  primary.FullResync(100, Rdb("3"));
  ASSERT_TRUE(primary.Acknowledged(100));
  EXPECT_EQ(f("GET old"), "$-1\r\n");
  EXPECT_EQ(f("GET whole"), "$3\r\nyes\r\n");
  EXPECT_EQ(f.Field("master_link_status"), "up");
  // No SELECT: the snapshot said that the stream is in database 3.
  const std::string transaction = Resp({"MULTI"}) + Resp({"INCR", "n"}) + Resp({"SELECT", "0"}) + Resp({"INCR", "n"}) + Resp({"EXEC"});
  const std::string stream = Resp({"set", "k", "v"}) + Resp({"ping"}) + Resp({"LPUSH", "k", "x"}) + transaction + Resp({"PUBLISH", "c", "m"});
  for (char c : stream) primary.Send({&c, 1});
  ASSERT_TRUE(primary.Acknowledged(100 + static_cast<std::int64_t>(stream.size())));
  EXPECT_EQ(f("GET n"), "$1\r\n1\r\n");
  f("SELECT 3");
  EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
  EXPECT_EQ(f("GET n"), "$1\r\n1\r\n");
  EXPECT_TRUE(f.Logs("lpush: WRONGTYPE"));
  // Whoever follows it gets the same bytes under the same offsets.
  Socket sub(f.port());
  sub.Send(Resp({"PSYNC", kId, "101"}));
  EXPECT_EQ(sub.Read(11 + stream.size()), "+CONTINUE\r\n" + stream);
}

TEST(Replica, AnAcknowledgementThatIsAskedForHasTheOffsetBeforeTheQuestion) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(0, Rdb());
  ASSERT_TRUE(primary.Acknowledged(0));
  const std::string set = Resp({"SELECT", "0"}) + Resp({"SET", "k", "v"});
  const std::string ask = Resp({"REPLCONF", "GETACK", "*"});
  primary.Send(set + ask);
  ASSERT_TRUE(primary.Acknowledged(static_cast<std::int64_t>(set.size())));
  ASSERT_TRUE(primary.Acknowledged(static_cast<std::int64_t>(set.size() + ask.size())));
}

TEST(Replica, ATransactionCountsWhenItIsWhole) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(0, Rdb());
  ASSERT_TRUE(primary.Acknowledged(0));
  const std::string begun = Resp({"MULTI"}) + Resp({"SET", "k", "v"});
  primary.Send(begun);
  ASSERT_TRUE(primary.Acknowledged(0));
  EXPECT_EQ(f("GET k"), "$-1\r\n");
  // It breaks off; what was sent of it is asked for again.
  primary.Drop();
  EXPECT_EQ(primary.Handshake(), kId + " 1");
  primary.Send("+CONTINUE\r\n" + begun + Resp({"EXEC"}));
  ASSERT_TRUE(primary.Acknowledged(static_cast<std::int64_t>(begun.size() + Resp({"EXEC"}).size())));
  EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
}

TEST(Replica, AHistoryMayContinueUnderAnotherName) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(7, Rdb());
  ASSERT_TRUE(primary.Acknowledged(7));
  primary.Drop();
  const std::string other(40, 'b');
  EXPECT_EQ(primary.Handshake(), kId + " 8");
  primary.Send("+CONTINUE " + other + "\r\n");
  ASSERT_TRUE(primary.Acknowledged(7));
  EXPECT_EQ(f.Field("master_replid"), other);
  EXPECT_EQ(f.Field("master_replid2"), kId);
  EXPECT_EQ(f.Field("second_repl_offset"), "8");
}

// Each of these is sent in place of a snapshot, and the connection then closed.
TEST(Replica, KeepsTheOldDataWhateverComesInPlaceOfASnapshot) {
  const std::string rdb = Rdb();
  std::string damaged = rdb;
  damaged[rdb.size() - 12] ^= 1;
  std::string newer = rdb;
  newer.replace(0, 9, "REDIS0099");
  const std::string full = "+FULLRESYNC " + kId + " 0\r\n";
  auto with_length = [&](const std::string& body, std::size_t length) { return full + "$" + std::to_string(length) + "\r\n" + body; };
  std::vector<std::string> answers = {
      "-ERR no", full + "$-1\r\n", full + "$0\r\n", full + "$99999999999999999999\r\n", full + "$EOF:short\r\n", full + std::string(5000, '$'),
      full + "garbage\r\n", std::string(100'000, 'x'), full + std::string(100, '\n') + "-ERR cannot save\r\n",
      with_length(rdb, rdb.size() + 1) + "x",               // longer than announced: the end comes too early
      with_length(rdb, rdb.size() - 1),                     // shorter
      with_length(damaged, damaged.size()), with_length(newer, newer.size()),
      with_length(Rdb("77"), Rdb("77").size()),             // a database that is not there
      with_length(Rdb("0", std::string("\0\5whole\2no", 10)), Rdb("0", std::string("\0\5whole\2no", 10)).size()),  // a key twice
      with_length(Rdb("0", "\xf6"), Rdb("0", "\xf6").size()),  // functions
      with_length(std::string(1000, '\xff'), 1000),
      full + "$EOF:" + kMark + "\r\n" + rdb + std::string(40, 'x'),  // another mark
      full + "$EOF:" + kMark + "\r\n" + rdb + kMark.substr(0, 39),
      with_length("REDIS0010\xfa\x81\x7f\xff\xff\xff\xff\xff\xff\xff", std::size_t{1} << 40),  // a string of 2^63
  };
  // And one that breaks off at each of its bytes.
  const std::string whole = with_length(rdb, rdb.size());
  for (std::size_t n = 0; n < whole.size(); n += n < full.size() || n + 20 > whole.size() ? 1 : 7) answers.push_back(whole.substr(0, n));
  ScriptedPrimary primary;
  Following f;
  f("SET old 1");
  for (const std::string& answer : answers) {
    f.Follow(primary.port);
    if (primary.Handshake().ends_with(" 1") == false) Fail(__FILE__, __LINE__, "another handshake");
    primary.Send(answer);
    primary.Drop();
    // It comes back; and has what it had.
    if (!primary.Accept()) Fail(__FILE__, __LINE__, "did not come back after " + answer.substr(0, 100));
    if (f("GET old") != "$1\r\n1\r\n" || f("DBSIZE") != ":1\r\n") Fail(__FILE__, __LINE__, "lost its data after " + answer.substr(0, 100));
    f("REPLICAOF NO ONE");
  }
  EXPECT_EQ(f("SET old 1"), "+OK\r\n");
  EXPECT_TRUE(f.logger.Contains("Wrong RDB checksum"));
  EXPECT_TRUE(f.logger.Contains("Can't handle RDB format version 99"));
}

TEST(Replica, AStreamThatCannotBeFollowedEndsTheLinkAndIsNotGoneOnWith) {
  const std::string before = Resp({"SELECT", "0"}) + Resp({"SET", "k", "v"});
  for (const std::string& poison : std::vector<std::string>{
           "PING\r\n", "\r\n", "\n", "*0\r\n", "*-1\r\n", "*1\r\n$-1\r\n", "*2\r\n:1\r\n", "*99999999\r\n", "*1\r\n$99999999999\r\n", std::string(3, '\0'),
           Resp({"EVAL", "return 1", "0"}), Resp({"NOSUCHCOMMAND"}), Resp({"SET", "k"}), Resp({"SELECT", "16"}), Resp({"SELECT", "-1"}), Resp({"SELECT", "x"}),
           Resp({"EXEC"}), Resp({"MULTI"}) + Resp({"MULTI"}), Resp({"MULTI"}) + Resp({"GET", "k"}) + Resp({"EXEC"}), Resp({"CONFIG", "SET", "maxmemory", "1"}),
           Resp({"REPLICAOF", "NO", "ONE"}), Resp({"SHUTDOWN"}), Resp({"SUBSCRIBE", "c"}), Resp({"MIGRATE", "127.0.0.1", "1", "k", "0", "10"}), Resp({"GET", "k"})}) {
    ScriptedPrimary primary;
    Following f;
    f.Follow(primary.port);
    primary.Handshake();
    primary.FullResync(0, Rdb());
    ASSERT_TRUE(primary.Acknowledged(0));
    primary.Send(before + poison);
    primary.Ended();
    if (!f.Logs("cannot be followed")) Fail(__FILE__, __LINE__, poison);
    EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
    EXPECT_EQ(primary.Handshake(), "? -1");
    EXPECT_EQ(f.Field("master_repl_offset"), std::to_string(before.size()));
  }
}

TEST(Replica, AnEndlessTransactionIsCutOff) {
  ScriptedPrimary primary;
  Following f({{"client-query-buffer-limit", "1mb"}});
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(0, Rdb());
  ASSERT_TRUE(primary.Acknowledged(0));
  const std::string set = Resp({"SET", "k", std::string(60'000, 'x')});
  primary.Send(Resp({"MULTI"}));
  for (int i = 0; i < 1000 && primary.Send(set); ++i) {
  }
  EXPECT_TRUE(f.Logs("larger than client-query-buffer-limit"));
  EXPECT_EQ(f("GET k"), "$-1\r\n");
}

TEST(Replica, APromotedOneKeepsTheHistoryForItsSiblings) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(0, Rdb());
  ASSERT_TRUE(primary.Acknowledged(0));
  const std::string set = Resp({"SELECT", "0"}) + Resp({"SET", "k", "v"});
  primary.Send(set);
  ASSERT_TRUE(primary.Acknowledged(static_cast<std::int64_t>(set.size())));
  EXPECT_EQ(f("REPLICAOF NO ONE"), "+OK\r\n");
  EXPECT_TRUE(primary.Ended());
  f("SET k2 v");
  const std::string own = Resp({"SELECT", "0"}) + Resp({"SET", "k2", "v"});
  // A sibling that has everything, and one that lacks the last command.
  for (std::size_t missing : {std::size_t{0}, Resp({"SET", "k", "v"}).size()}) {
    Socket sibling(f.port());
    sibling.Send(Resp({"PSYNC", kId, std::to_string(set.size() + 1 - missing)}));
    EXPECT_EQ(sibling.Read(11 + missing + own.size()), "+CONTINUE\r\n" + set.substr(set.size() - missing) + own);
  }
  // One that was ahead has what this history never had.
  Socket ahead(f.port());
  ahead.Send(Resp({"PSYNC", kId, std::to_string(set.size() + 2)}));
  EXPECT_EQ(ahead.Read(12), "+FULLRESYNC ");
}

TEST(Replica, AWriteOfAnOldPrimaryThatArrivesAfterThePromotionDoesNothing) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(0, Rdb());
  ASSERT_TRUE(primary.Acknowledged(0));
  std::string many = Resp({"SELECT", "0"});
  for (int i = 0; i < 20'000; ++i) many += Resp({"INCR", "n"});
  primary.Send(many);
  f("REPLICAOF NO ONE");
  const std::string n = f("GET n");
  const std::string offset = f.Field("master_repl_offset");
  primary.Ended();
  EXPECT_EQ(f("GET n"), n);
  EXPECT_EQ(f.Field("master_repl_offset"), offset);
}

TEST(Replica, WithoutALinkItHasNothingToOffer) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  Socket sub(f.port());
  sub.Send(Resp({"PSYNC", "?", "-1"}));
  EXPECT_EQ(sub.Read(14), "-NOMASTERLINK ");
}

TEST(Replica, WithAnAppendOnlyFileACrashLeavesTheOldDataOrTheNew) {
  TempDir dir;
  ScriptedPrimary primary;
  {
    Following f({{"dir", dir.path()}});
    f("SET old 1");
    f.Follow(primary.port);
    primary.Handshake();
    primary.Send("+FULLRESYNC " + kId + " 0\r\n$1000\r\n" + Rdb().substr(0, 60));
    primary.Drop();
    ASSERT_TRUE(primary.Accept());
  }
  {
    Following f({{"dir", dir.path()}});
    EXPECT_EQ(f("GET old"), "$1\r\n1\r\n");
    f.Follow(primary.port);
    primary.Handshake();
    primary.FullResync(0, Rdb("3"));
    ASSERT_TRUE(primary.Acknowledged(0));
    const std::string set = Resp({"SET", "k", "v"});
    primary.Send(set);
    ASSERT_TRUE(primary.Acknowledged(static_cast<std::int64_t>(set.size())));
  }
  Following f({{"dir", dir.path()}});
  EXPECT_EQ(f("GET old"), "$-1\r\n");
  EXPECT_EQ(f("GET whole"), "$3\r\nyes\r\n");
  f("SELECT 3");
  EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
}

TEST(Replica, AfterARestartItAsksToGoOnWhereItsLogEnds) {
  TempDir dir;
  ScriptedPrimary primary;
  const std::string set = Resp({"SET", "k", "v"});
  const std::int64_t end = 1000 + static_cast<std::int64_t>(set.size());
  const std::string port = std::to_string(primary.port);
  {
    Following f({{"dir", dir.path()}});
    f.Follow(primary.port);
    primary.Handshake();
    primary.FullResync(1000, Rdb("3"));
    ASSERT_TRUE(primary.Acknowledged(1000));
    primary.Send(set);
    ASSERT_TRUE(primary.Acknowledged(end));
  }
  {
    Following f({{"dir", dir.path()}, {"replicaof", "127.0.0.1 " + port}});
    EXPECT_EQ(primary.Handshake(), kId + " " + std::to_string(end + 1));
    // Still in database 3.
    primary.Send("+CONTINUE\r\n" + Resp({"SET", "k2", "v"}));
    ASSERT_TRUE(primary.Acknowledged(end + static_cast<std::int64_t>(Resp({"SET", "k2", "v"}).size())));
    f("SELECT 3");
    EXPECT_EQ(f("MGET k k2"), "*2\r\n$1\r\nv\r\n$1\r\nv\r\n");
    // Its own replicas may go on from before the restart.
    Socket sub(f.port());
    sub.Send(Resp({"PSYNC", kId, "1001"}));
    EXPECT_EQ(sub.Read(11 + set.size()), "+CONTINUE\r\n" + set);
  }
  // One that comes back as a primary begins another history, which this one led to.
  Following f({{"dir", dir.path()}});
  EXPECT_EQ(f.Field("role"), "master");
  EXPECT_EQ(f.Field("master_replid2"), kId);
  const std::string own = Resp({"SELECT", "0"}) + Resp({"SET", "mine", "1"});
  f("SET mine 1");
  const std::int64_t next = std::stoll(f.Field("second_repl_offset"));
  Socket sub(f.port());
  sub.Send(Resp({"PSYNC", kId, std::to_string(next)}));
  EXPECT_EQ(sub.Read(11 + own.size()), "+CONTINUE\r\n" + own);
  Socket ahead(f.port());
  ahead.Send(Resp({"PSYNC", kId, std::to_string(next + 1)}));
  EXPECT_EQ(ahead.Read(12), "+FULLRESYNC ");
}

TEST(Replica, APrimaryThatHandsOverNamesTheHistory) {
  ScriptedPrimary primary;
  Following f;
  f.Follow(primary.port);
  primary.Handshake();
  primary.FullResync(0, Rdb());
  ASSERT_TRUE(primary.Acknowledged(0));
  Socket stranger(f.port());
  stranger.Send(Resp({"PSYNC", std::string(40, 'x'), "1", "FAILOVER"}));
  EXPECT_EQ(stranger.Read(44), "-ERR PSYNC FAILOVER replid must match my rep");
  EXPECT_EQ(f.Field("role"), "slave");
  Socket old_primary(f.port());
  old_primary.Send(Resp({"REPLCONF", "capa", "eof", "capa", "psync2"}));
  EXPECT_EQ(old_primary.Read(5), "+OK\r\n");
  old_primary.Send(Resp({"PSYNC", kId, "1", "FAILOVER"}));
  EXPECT_EQ(old_primary.Read(10), "+CONTINUE ");
  EXPECT_EQ(f.Field("role"), "master");
  EXPECT_EQ(f.Field("master_replid2"), kId);
  EXPECT_EQ(f("SET k v"), "+OK\r\n");
}

}  // namespace
}  // namespace slotwise::test
