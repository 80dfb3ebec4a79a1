// The primary's side of replication over real sockets: snapshots, the exact stream, promises, and what hostile replicas get.
#include <unistd.h>

#include <iterator>
#include <string>
#include <thread>

#include "base/ticks.h"
#include "engine/cluster.h"
#include "engine/replication.h"
#include "listening_fixture.h"
#include "slot_map_support.h"
#include "test.h"

namespace slotwise::test {
namespace {

const std::string kSelect0 = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const std::string kGetAck = "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

std::string Resp(std::initializer_list<std::string> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  return text;
}

struct Follower : Socket {
  explicit Follower(Listening& server) : Socket(server.port()) {}
  std::string Line() {
    std::string line;
    for (std::string c; line.size() < 2 || !line.ends_with("\r\n"); line += c) {
      c = Read(1);
      if (c.empty()) return line;
      if (c == "\n" && line.empty()) c.clear();  // somebody is there
    }
    return line.substr(0, line.size() - 2);
  }
  std::string Ask(const std::string& command) {
    Send(command);
    return Line();
  }
  // After SYNC or FULLRESYNC: the snapshot with its length in front.
  std::string Snapshot() {
    std::string head = Line();
    return head.starts_with("$") ? Read(static_cast<std::size_t>(std::stoul(head.substr(1)))) : "<" + head + ">";
  }
  std::string Sync() {
    Send("SYNC\r\n");
    return Snapshot();
  }
  bool Gets(const std::string& expected) {
    std::string got = Read(expected.size());
    if (got != expected) Fail(__FILE__, __LINE__, "got " + got);
    return got == expected;
  }
};

struct Primary : Listening {
  Primary() : Listening({{"repl-diskless-sync-delay", "0"}, {"enable-debug-command", "yes"}}) {}
  explicit Primary(Directives directives) : Listening(directives) {}
  std::string Field(const std::string& name) {
    std::string info = (*this)("INFO replication");
    std::size_t at = info.find("\r\n" + name + ":");
    if (at == std::string::npos) return "<none>";
    at += name.size() + 3;
    return info.substr(at, info.find("\r\n", at) - at);
  }
};

TEST(Replication, SyncGivesASnapshotAndThenTheExactStream) {
  Primary f;
  f("SET before 1");
  EXPECT_EQ(f.Field("master_repl_offset"), "0");
  Follower replica(f);
  std::string rdb = replica.Sync();
  EXPECT_TRUE(rdb.starts_with("REDIS0010") && rdb.find("before") != std::string::npos);
  f("SET a 1");
  f("SET a 1 EX 100 NX");  // changes nothing
  f("PUBLISH news x");
  f("SELECT 3");
  f("MULTI");
  f("INCR n");
  f("INCR n");
  f("EXEC");
  EXPECT_TRUE(replica.Gets(kSelect0 + Resp({"SET", "a", "1"}) + Resp({"PUBLISH", "news", "x"}) + Resp({"SELECT", "3"}) + Resp({"MULTI"}) +
                           Resp({"INCR", "n"}) + Resp({"INCR", "n"}) + Resp({"EXEC"})));
  // Another full resync makes everybody hear SELECT again.
  Follower second(f);
  second.Sync();
  f("DEL n");
  EXPECT_TRUE(replica.Gets(Resp({"SELECT", "3"}) + Resp({"DEL", "n"})));
  EXPECT_TRUE(second.Gets(Resp({"SELECT", "3"}) + Resp({"DEL", "n"})));
  EXPECT_EQ(f.Field("connected_slaves"), "2");
  EXPECT_TRUE(f.Field("slave0").starts_with("ip=127.0.0.1,port=0,state=online,offset=0,lag="));
}

TEST(Replication, AKeyThatExpiredBeforeAWaiterCouldHaveItIsDeletedBehindTheTransaction) {
  Primary f;
  f("DEBUG SET-ACTIVE-EXPIRE 0");
  Follower replica(f);
  replica.Sync();
  Socket waiter(f.port());
  waiter.Send("BRPOP k 0\r\n");
  while (f("INFO clients").find("blocked_clients:1") == std::string::npos) usleep(1000);
  f("MULTI");
  f("RPUSH k v");
  f("PEXPIRE k 10");
  f("DEBUG SLEEP 0.03");
  f("EXEC");
  replica.ReadThrough("EXEC\r\n");
  EXPECT_TRUE(replica.Gets(Resp({"DEL", "k"})));
}

TEST(Replication, PsyncContinuesWhereItWasAndCountsIt) {
  Primary f;
  std::string id;
  {
    Follower replica(f);
    EXPECT_EQ(replica.Ask(Resp({"REPLCONF", "listening-port", "7777", "capa", "psync2"})), "+OK");
    std::string line = replica.Ask(Resp({"PSYNC", "?", "-1"}));
    EXPECT_TRUE(line.starts_with("+FULLRESYNC ") && line.size() == 54);
    id = line.substr(12, 40);
    EXPECT_EQ(f.Field("master_replid"), id);
    replica.Snapshot();
    f("SET a 1");
    EXPECT_TRUE(replica.Gets(kSelect0 + Resp({"SET", "a", "1"})));
  }
  f("SET b 2");
  const std::string missed = Resp({"SET", "b", "2"});
  Follower again(f);
  EXPECT_EQ(again.Ask(Resp({"PSYNC", id, "51"})), "+CONTINUE");
  EXPECT_TRUE(again.Gets(missed));
  EXPECT_TRUE(f("INFO stats").find("sync_full:1\r\nsync_partial_ok:1\r\nsync_partial_err:0\r\n") != std::string::npos);
  // Offsets nobody can have, and ids nobody gave.
  int refused = 0;
  for (const char* offset : {"0", "-9223372036854775808", "9223372036854775807", "79"}) {
    Follower hostile(f);
    EXPECT_TRUE(hostile.Ask(Resp({"PSYNC", id, offset})).starts_with("+FULLRESYNC " + id));
    ++refused;
  }
  Follower nonsense(f);
  EXPECT_EQ(nonsense.Ask(Resp({"PSYNC", id, "12x"})), "-ERR value is not an integer or out of range");
  EXPECT_EQ(nonsense.Ask(Resp({"PSYNC", id, "1", "FAILOVER"})), "-ERR PSYNC FAILOVER can't be sent to a master.");
  EXPECT_TRUE(f("INFO stats").find("sync_partial_err:" + std::to_string(refused) + "\r\n") != std::string::npos);
}

TEST(Replication, OfUnknownLengthTheStreamWaitsForAnAcknowledgement) {
  Primary f;
  f("SET k v");
  Follower replica(f);
  EXPECT_EQ(replica.Ask(Resp({"REPLCONF", "capa", "eof", "capa", "psync2"})), "+OK");
  EXPECT_TRUE(replica.Ask(Resp({"PSYNC", "?", "-1"})).ends_with(" 0"));
  std::string head = replica.Line();
  EXPECT_TRUE(head.starts_with("$EOF:") && head.size() == 45);
  replica.ReadThrough(head.substr(5));
  f("SET a 1");
  replica.Send(Resp({"REPLCONF", "ACK", "0"}));
  EXPECT_TRUE(replica.Gets(kSelect0 + Resp({"SET", "a", "1"})));
}

TEST(Replication, WaitCountsAcknowledgements) {
  Primary f;
  Follower replica(f);
  replica.Sync();
  Socket client(f.port());
  client.Send("SET a 1\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  client.Send("WAIT 1 0\r\n");
  EXPECT_TRUE(replica.Gets(kSelect0 + Resp({"SET", "a", "1"}) + kGetAck));
  replica.Send(Resp({"REPLCONF", "ACK", "nonsense"}) + Resp({"REPLCONF", "ACK", "49"}));
  EXPECT_EQ(f("WAIT 0 0"), ":1\r\n");
  client.Send("\r\n");
  replica.Send(Resp({"REPLCONF", "ACK", "50"}));
  EXPECT_EQ(client.Read(4), ":1\r\n");
  client.Send("SET b 2\r\nWAIT 2 20\r\n");
  EXPECT_EQ(client.Read(9), "+OK\r\n:0\r\n");
  EXPECT_EQ(f("WAIT 1 x"), "-ERR timeout is not an integer or out of range\r\n");
  EXPECT_EQ(f("WAIT 1 -1"), "-ERR timeout is negative\r\n");
}

TEST(Replication, AcknowledgementsOfTheFutureAndThoseThatGoBackDoNotCount) {
  Primary f;
  Follower replica(f);
  replica.Sync();
  Socket client(f.port());
  client.Send("SET a 1\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  const auto acks = [&](std::initializer_list<const char*> offsets) {
    for (const char* offset : offsets) replica.Send(Resp({"REPLCONF", "ACK", offset}));
    const std::string last = "offset=" + std::string(*std::prev(offsets.end())) + ",";
    while (f.Field("slave0").find(last) == std::string::npos) std::this_thread::yield();
  };
  acks({"1000000000", "9223372036854775807", "40"});
  client.Send("WAIT 1 20\r\n");
  EXPECT_EQ(client.Read(4), ":0\r\n");
  acks({"50", "10", "-1", "60"});  // behind it is the question of WAIT
  client.Send("WAIT 1 0\r\n");
  EXPECT_EQ(client.Read(4), ":1\r\n");
  replica.Send(Resp({"REPLCONF", "ACK", "10"}) + Resp({"REPLCONF", "ACK", "61"}));
  while (f.Field("slave0").find("offset=61,") == std::string::npos) EXPECT_TRUE(f.Field("slave0").find("offset=6") != std::string::npos);
}

TEST(Replication, MinReplicasToWrite) {
  Primary f{{"repl-diskless-sync-delay", "0"}, {"min-replicas-to-write", "1"}};
  EXPECT_EQ(f("SET a 1"), "-NOREPLICAS Not enough good replicas to write.\r\n");
  EXPECT_EQ(f("GET a"), "$-1\r\n");
  {
    Follower replica(f);
    replica.Sync();
    while (f.Field("min_slaves_good_slaves") != "1") usleep(1000);
    EXPECT_EQ(f("SET a 1"), "+OK\r\n");
  }
  while (f.Field("connected_slaves") != "0") usleep(1000);
  EXPECT_EQ(f("SET a 1"), "-NOREPLICAS Not enough good replicas to write.\r\n");
}

TEST(Replication, WhoMayNotFollowIsTold) {
  Primary f;
  Follower pipelined(f);
  pipelined.Send("PING\r\nSYNC\r\n");
  EXPECT_EQ(pipelined.Line(), "+PONG");
  EXPECT_EQ(pipelined.Line(), "-ERR SYNC and PSYNC are invalid with pending output");
  Follower queueing(f);
  EXPECT_EQ(queueing.Ask("MULTI\r\n"), "+OK");
  EXPECT_EQ(queueing.Ask("SYNC\r\n"), "-ERR Command not allowed inside a transaction");
  f("ACL SETUSER reader on nopass ~* +@all -sync -psync");
  Follower reader(f);
  EXPECT_EQ(reader.Ask("AUTH reader x\r\n"), "+OK");
  EXPECT_TRUE(reader.Ask("SYNC\r\n").starts_with("-NOPERM"));
  EXPECT_TRUE(reader.Ask("PSYNC ? -1\r\n").starts_with("-NOPERM"));
  EXPECT_TRUE(f("SYNC").starts_with("-ERR "));
  EXPECT_EQ(f.Field("connected_slaves"), "0");
  EXPECT_EQ(f.Field("repl_backlog_active"), "0");
}

TEST(Replication, AReplicaThatCausesAnAnswerIsCutOff) {
  Primary f;
  Follower replica(f);
  replica.Sync();
  replica.Send("SYNC\r\nPSYNC ? -1\r\nREPLCONF ACK 1\r\n\r\n");  // nothing that is answered
  f("SET a 1");
  EXPECT_TRUE(replica.Gets(kSelect0 + Resp({"SET", "a", "1"})));
  EXPECT_TRUE(f("CLIENT LIST TYPE replica").find(" flags=S ") != std::string::npos);
  replica.Send("PING\r\n");
  EXPECT_TRUE(replica.Ended());
}

TEST(Replication, ASlowReplicaCostsNoMoreThanItsLimit) {
  Primary f{{"repl-diskless-sync-delay", "0"}, {"client-output-buffer-limit", "replica 2mb 0 0"}};
  const std::string value(1 << 18, 'v');
  // If only cron looked, it would not be in time once; a server that is not run for a moment is, another time.
  bool is_at_once = false;
  for (int attempt = 0; attempt < 10 && !is_at_once; ++attempt) {
    Follower replica(f);
    replica.Sync();
    for (int i = 0; i < 100 && f.Field("connected_slaves") == "1"; ++i) {
      Socket client(f.port());
      client.Send(Resp({"SET", "k", value}));
      EXPECT_EQ(client.Read(5), "+OK\r\n");
    }
    const std::int64_t written_ms = MonotonicMs();
    while (f.Field("connected_slaves") != "0") usleep(1000);
    is_at_once = MonotonicMs() - written_ms < 300;  // less than cron takes to look
  }
  EXPECT_TRUE(is_at_once);
  EXPECT_TRUE(f.logger.Contains("closed for overcoming of output buffer limits"));
}

// A redis-server that is to take over compares its offset with the one it was told.
TEST(Replication, WhileWritesWaitForAHandOverNothingOfTheServerItselfIsInTheStream) {
  Primary f{{"repl-diskless-sync-delay", "0"}, {"cluster-enabled", "yes"}, {"repl-ping-replica-period", "1"}};
  MapOf all;
  all.runs = {{0, 16383, 0}};
  f.engine->cluster()->SetMap(all.Make());
  Follower replica(f);
  replica.Sync();
  const std::string ping = Resp({"ping"});
  const std::string first = kSelect0 + Resp({"SET", "a", "1"}) + ping;  // the next one is due in a second
  Socket client(f.port());
  client.Send("SET a 1\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  EXPECT_TRUE(replica.Gets(first));
  const std::int64_t paused_ms = MonotonicMs();
  EXPECT_EQ(f("CLIENT PAUSE 2500 WRITE"), "+OK\r\n");
  const std::string offset = f.Field("master_repl_offset");
  replica.Read(std::stoul(offset) - first.size());  // on a slow machine it was due before
  client.Send("WAIT 1 0\r\n");
  while (f("INFO clients").find("blocked_clients:1\r\n") == std::string::npos) usleep(1000);
  replica.Send(Resp({"REPLCONF", "ACK", offset}));
  EXPECT_EQ(client.Read(4), ":1\r\n");  // by what replicas say anyway, each second
  const std::string during = f.Field("master_repl_offset");
  if (MonotonicMs() - paused_ms < 2500) EXPECT_EQ(during, offset);  // otherwise the machine took the pause away
  EXPECT_TRUE(replica.Gets(ping));
  EXPECT_TRUE(MonotonicMs() - paused_ms >= 2500);
}

TEST(Replication, RoleAndReplicaOfNoOne) {
  Primary f;
  EXPECT_EQ(f("ROLE"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
  EXPECT_EQ(f("REPLICAOF NO ONE"), "+OK\r\n");
  EXPECT_EQ(f("SLAVEOF no one"), "+OK\r\n");
  Follower replica(f);
  EXPECT_EQ(replica.Ask(Resp({"REPLCONF", "listening-port", "7777", "ip-address", "replica.example"})), "+OK");
  replica.Sync();
  while (f("ROLE").ends_with("*0\r\n")) usleep(1000);
  EXPECT_EQ(f("ROLE"), "*3\r\n$6\r\nmaster\r\n:0\r\n*1\r\n*3\r\n$15\r\nreplica.example\r\n$4\r\n7777\r\n$1\r\n0\r\n");
}

}  // namespace
}  // namespace slotwise::test
