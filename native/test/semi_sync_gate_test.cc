// Semi-sync over real sockets: what waits for a replica's acknowledgement, what goes without, and who hears of it.
#include <unistd.h>

#include <string>

#include "engine/semi_sync_gate.h"
#include "listening_fixture.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

std::string Resp(std::initializer_list<std::string> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  return text;
}
const std::string kGetAck = Resp({"REPLCONF", "GETACK", "*"});

struct Primary : Listening {
  explicit Primary(std::initializer_list<Setting> more = {}) : Listening({{"repl-diskless-sync-delay", "0"}, {"repl-ack", "semisync"}}) {
    for (const Setting& s : more) (*this)("CONFIG SET " + s.name + " " + s.value);
  }
  explicit Primary(Directives all, int) : Listening(all) {}
  std::string Field(const std::string& name) {
    std::string info = (*this)("INFO replication");
    std::size_t at = info.find("\r\n" + name + ":");
    if (at == std::string::npos) return "<none>";
    at += name.size() + 3;
    return info.substr(at, info.find("\r\n", at) - at);
  }
  void Until(const std::string& name, const std::string& value) {
    for (int i = 0; i < 20000 && Field(name) != value; ++i) usleep(1000);
    EXPECT_EQ(Field(name), value);
  }
};

// A replica that acknowledges when it is told to.
struct Follower : Socket {
  explicit Follower(Primary& server, const std::string& capa = "psync2") : Socket(server.port()) {
    Send(Resp({"REPLCONF", "capa", capa}));
    Read(5);
    Send(Resp({"PSYNC", "?", "-1"}));
    std::string line = Line();
    offset = std::stoll(line.substr(line.rfind(' ') + 1));
    Read(static_cast<std::size_t>(std::stoul(Line().substr(1))));
  }
  std::string Line() {
    std::string line;
    while (!line.ends_with("\r\n")) {
      std::string c = Read(1);
      if (c.empty()) return line;
      if (c != "\n" || !line.empty()) line += c;
    }
    return line.substr(0, line.size() - 2);
  }
  // Everything up to and with the next question; returns what came before it.
  std::string Question() {
    std::string got;
    while (!got.ends_with(kGetAck)) {
      std::string c = Read(1);
      if (c.empty()) return "<ended> " + got;
      got += c;
    }
    offset += static_cast<long long>(got.size());
    return got.substr(0, got.size() - kGetAck.size());
  }
  // As Redis answers: without the question itself.
  void Ack() { Ack(offset - static_cast<long long>(kGetAck.size())); }
  void Ack(long long upto) { Send(Resp({"REPLCONF", "ACK", std::to_string(upto)})); }
  long long offset;
};

TEST(SemiSyncGate, AReplyLeavesWhenTheReplicaHasTheWrite) {
  Primary f;
  Follower replica(f);
  f.Until("semi_sync_master_clients", "1");
  Socket client(f.port()), reader(f.port()), other(f.port());
  client.Send("SET k v\r\n");
  EXPECT_TRUE(replica.Question().ends_with(Resp({"SET", "k", "v"})));
  EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");  // inside the process
  // Whoever saw the write waits with it, whoever did not does not.
  reader.Send("GET k\r\n");
  other.Send("PING\r\n");
  EXPECT_EQ(other.Read(7), "+PONG\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "0");
  replica.Ack(replica.offset - static_cast<long long>(kGetAck.size()) - 1);  // one byte less is not it
  other.Send("PING\r\n");
  EXPECT_EQ(other.Read(7), "+PONG\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "0");
  replica.Ack();
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  EXPECT_EQ(reader.Read(7), "$1\r\nv\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "1");
  EXPECT_EQ(f.Field("semi_sync_master_no_tx"), "0");
  EXPECT_EQ(f.Field("semi_sync_master_tx_waits"), "1");
  EXPECT_EQ(f.Field("semi_sync_master_net_waits"), "1");
}

TEST(SemiSyncGate, OneQuestionServesAllWhoWait) {
  Primary f;
  Follower replica(f);
  f.Until("semi_sync_master_clients", "1");
  Socket a(f.port()), b(f.port()), c(f.port());
  a.Send("SET a 1\r\n");
  replica.Question();
  b.Send("SET b 1\r\nSET b 2\r\n");
  c.Send("SET c 1\r\n");
  const std::string both = Resp({"SET", "b", "1"}) + Resp({"SET", "b", "2"}) + Resp({"SET", "c", "1"});
  std::string got = replica.Read(both.size());  // and no question among them
  EXPECT_EQ(got.size(), both.size());
  EXPECT_TRUE(got.find("GETACK") == std::string::npos);
  replica.Ack();
  EXPECT_EQ(a.Read(5), "+OK\r\n");
  replica.offset += static_cast<long long>(both.size());
  EXPECT_EQ(replica.Question(), "");
  replica.Ack();
  EXPECT_EQ(b.Read(10), "+OK\r\n+OK\r\n");
  EXPECT_EQ(c.Read(5), "+OK\r\n");
  f.Until("semi_sync_master_yes_tx", "4");
}

TEST(SemiSyncGate, NotificationsAndInvalidationsWaitToo) {
  Primary f{{"notify-keyspace-events", "E$"}};
  Follower replica(f);
  f.Until("semi_sync_master_clients", "1");
  Socket listener(f.port()), cache(f.port()), client(f.port());
  listener.Send("SUBSCRIBE __keyevent@0__:set\r\n");
  listener.Read(std::string("*3\r\n$9\r\nsubscribe\r\n$18\r\n__keyevent@0__:set\r\n:1\r\n").size());
  cache.Send("HELLO 3\r\nCLIENT TRACKING on\r\nGET k\r\n");
  cache.ReadThrough("+OK\r\n_\r\n");
  client.Send("SET k v\r\n");
  replica.Question();
  timeval soon{0, 50000};
  listener.Limit(soon);
  cache.Limit(soon);
  EXPECT_EQ(listener.Read(1), "");
  EXPECT_EQ(cache.Read(1), "");
  listener.Limit({60, 0});
  cache.Limit({60, 0});
  replica.Ack();
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  EXPECT_EQ(listener.Read(49), "*3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n");
  EXPECT_EQ(cache.Read(32), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
}

TEST(SemiSyncGate, FallsBackAfterTheTimeOutAndComesBack) {
  Primary f{{"repl-semi-sync-timeout", "30"}};
  Socket client(f.port());
  client.Send("SET a 1\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");  // nobody acknowledged
  EXPECT_EQ(f.Field("semi_sync_master_status"), "OFF");
  EXPECT_EQ(f.Field("semi_sync_master_no_times"), "1");
  EXPECT_EQ(f.Field("semi_sync_master_no_tx"), "1");
  EXPECT_TRUE(f.logger.Contains("Semi-sync replication fell back to asynchronous: 1 replica did not acknowledge within 30 ms (0 connected)"));
  client.Send("SET a 2\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  f("CONFIG SET repl-semi-sync-timeout 20000");
  Follower replica(f);
  replica.Question();
  EXPECT_EQ(f.Field("semi_sync_master_state"), "returning");
  replica.Ack();
  f.Until("semi_sync_master_status", "ON");
  EXPECT_TRUE(f.logger.Contains("Semi-sync replication is on again"));
  client.Send("SET a 3\r\n");
  replica.Question();
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "0");
  replica.Ack();
  EXPECT_EQ(client.Read(5), "+OK\r\n");
}

TEST(SemiSyncGate, StrictRefusesBeforeAndNeverAnswersAfter) {
  Primary f{{"repl-semi-sync-strict", "yes"}, {"repl-semi-sync-timeout", "10"}};
  const std::string refusal = "-NOREPLICAS Not enough replicas for semi-sync (repl-semi-sync-strict): nothing was written.\r\n";
  EXPECT_EQ(f("SET a 1"), refusal);
  EXPECT_EQ(f("EXISTS a"), ":0\r\n");
  EXPECT_EQ(f("MULTI"), "+OK\r\n");
  EXPECT_TRUE(f("SET a 1").starts_with("-NOREPLICAS"));
  EXPECT_TRUE(f("EXEC").starts_with("-EXECABORT"));
  Socket client(f.port());
  {
    Follower replica(f);
    f.Until("semi_sync_master_clients", "1");
    client.Send("INCR a\r\n");
    replica.Question();
  }
  f.Until("semi_sync_master_clients", "0");
  EXPECT_EQ(f("SET b 1"), refusal);
  EXPECT_EQ(f("GET a"), "$1\r\n1\r\n");
  client.Limit({0, 50000});
  EXPECT_EQ(client.Read(1), "");
  client.Limit({60, 0});
  // The next replica gets it with its snapshot: applied once, answered once.
  Follower replica(f);
  f.Until("semi_sync_master_clients", "1");
  replica.Question();
  replica.Ack();
  EXPECT_EQ(client.Read(4), ":1\r\n");
  EXPECT_EQ(f("GET a"), "$1\r\n1\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_no_tx"), "0");
}

TEST(SemiSyncGate, APrimaryThatBecomesAReplicaAnswersNobodyWhoStillWaits) {
  Primary f;
  Follower replica(f);
  f.Until("semi_sync_master_clients", "1");
  Socket done(f.port()), client(f.port()), other(f.port());
  done.Send("SET a 1\r\n");
  replica.Question();
  replica.Ack();
  EXPECT_EQ(done.Read(5), "+OK\r\n");
  client.Send("SET a 2\r\n");
  replica.Question();
  EXPECT_EQ(f("REPLICAOF 127.0.0.1 1"), "+OK\r\n");
  EXPECT_TRUE(client.Ended());  // it has that from nobody else
  other.Send("PING\r\n");
  EXPECT_EQ(other.Read(7), "+PONG\r\n");
  EXPECT_EQ(f("REPLICAOF NO ONE"), "+OK\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_status"), "ON");
}

TEST(SemiSyncGate, DurableCountsOnlyWhoSaysWhatItHasFsynced) {
  Primary f{{"repl-semi-sync-ack-on", "durable"}};
  Follower redis(f);
  Follower ours(f, "slotwise-ack");
  ours.Send(Resp({"REPLCONF", "ACK", "0"}));
  f.Until("connected_slaves", "2");
  EXPECT_EQ(f.Field("semi_sync_master_clients"), "0");
  ours.Send(Resp({"REPLCONF", "ACK", "0", "FACK", "0"}));
  f.Until("semi_sync_master_clients", "1");
  f.Until("connected_slaves", "2");
  Socket client(f.port());
  client.Send("SET a 1\r\n");
  redis.Question();
  ours.Question();
  redis.Ack();
  const std::string upto = std::to_string(ours.offset - static_cast<long long>(kGetAck.size()));
  ours.Send(Resp({"REPLCONF", "ACK", upto, "FACK", "999999999"}));  // more than there is
  redis.Send(Resp({"REPLCONF", "ACK", upto, "FACK", upto}));         // who never said that it would
  ours.Send(Resp({"REPLCONF", "ACK", upto, "FACK", "1"}));
  client.Limit({0, 50000});
  EXPECT_EQ(client.Read(1), "");
  client.Limit({60, 0});
  auto told = [&] { return (f.Field("slave0") + f.Field("slave1")).find("fsynced=1") != std::string::npos; };
  for (int i = 0; i < 20000 && !told(); ++i) usleep(1000);
  EXPECT_TRUE(told());
  ours.Send(Resp({"REPLCONF", "ACK", upto, "FACK", upto}));
  EXPECT_EQ(client.Read(5), "+OK\r\n");
}

TEST(SemiSyncGate, TurnedOffInTheMiddleLetsEverybodyGo) {
  Primary f;
  Socket client(f.port());
  client.Send("SET a 1\r\n");
  client.Limit({0, 50000});
  EXPECT_EQ(client.Read(1), "");
  client.Limit({60, 0});
  f("CONFIG SET repl-ack async");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_status"), "<none>");
  // MySQL's word turns it on as well, inside of a transaction too.
  EXPECT_EQ(f("MULTI"), "+OK\r\n");
  f("SET b 1");
  f("CONFIG SET repl-semi-sync yes");
  EXPECT_EQ(f("EXEC"), "*2\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(f.Field("semi_sync_master_status"), "ON");
}

TEST(SemiSyncGate, WithAnAppendOnlyFileBothPromisesHold) {
  TempDir dir;
  for (const char* policy : {"always", "everysec"}) {
    Primary f({{"repl-diskless-sync-delay", "0"}, {"repl-semi-sync", "yes"}, {"dir", dir.path()}, {"appendfsync", policy}}, 0);
    Follower replica(f);
    f.Until("semi_sync_master_clients", "1");
    Socket client(f.port());
    for (int i = 0; i < 50; ++i) {
      client.Send("INCR n\r\n");
      replica.Question();
      EXPECT_TRUE(std::string(policy) != "always" || f.engine->log().durable() > 0);
      replica.Ack();
      EXPECT_TRUE(client.Read(1) == ":");
      client.ReadThrough("\n");
    }
    EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "50");
  }
}

TEST(SemiSyncGate, ACallerInsideTheProcessMayWaitToo) {
  Primary f;
  Follower replica(f);
  f.Until("semi_sync_master_clients", "1");
  f("SET a 1");
  const std::uint64_t offset = f.engine->log().tail();
  EXPECT_FALSE(f.engine->semi_sync().Await(offset, 10));
  replica.Question();
  replica.Ack();
  EXPECT_TRUE(f.engine->semi_sync().Await(offset, 20000));
}

}  // namespace
}  // namespace slotwise::test
