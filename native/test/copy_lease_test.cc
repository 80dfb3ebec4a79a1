// A primary whose copies are counted, over real sockets: whose acknowledgements count, and what leaves outside of its lease.
#include <unistd.h>

#include <string>

#include "base/ticks.h"
#include "engine/cluster.h"
#include "engine/copy_lease.h"
#include "engine/replication.h"
#include "listening_fixture.h"
#include "slot_map_support.h"
#include "test.h"

namespace slotwise::test {
namespace {

std::string Resp(std::initializer_list<std::string> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  return text;
}

struct Shard : Listening {
  explicit Shard(const std::string& timeout_ms = "20000", const std::string& ack = "semisync")
      : Listening({{"cluster-enabled", "yes"}, {"repl-ack", ack}, {"repl-semi-sync-strict", "yes"}, {"repl-semi-sync-timeout", timeout_ms},
                   {"repl-diskless-sync-delay", "0"}}) {
    MapOf all;
    all.runs = {{0, 16383, 0}};
    engine->cluster()->SetMap(all.Make());
  }
  void Lease(std::int64_t left_ms, const std::string& tag = "7-a-1") { engine->replication().copies().SetDuty({tag, 1, MonotonicMs() + left_ms, true, ""}); }
  std::string Field(const std::string& name) {
    const std::string info = (*this)("INFO replication");
    const std::size_t at = info.find("\r\n" + name + ":");
    if (at == std::string::npos) return "<none>";
    return info.substr(at + name.size() + 3, info.find("\r\n", at + 2) - at - name.size() - 3);
  }
  void Until(const std::string& name, const std::string& value) {
    for (int i = 0; i < 20000 && Field(name) != value; ++i) usleep(1000);
    EXPECT_EQ(Field(name), value);
  }
};

struct Copy : Socket {
  explicit Copy(Shard& shard) : Socket(shard.port()) {
    Send(Resp({"REPLCONF", "capa", "psync2"}));
    Read(5);
    Send(Resp({"PSYNC", "?", "-1"}));
    const std::string line = Line();
    offset = std::stoll(line.substr(line.rfind(' ') + 1));
    Read(static_cast<std::size_t>(std::stoul(Line().substr(1))));
  }
  std::string Line() {
    std::string line;
    while (!line.ends_with("\r\n")) {
      const std::string c = Read(1);
      if (c.empty()) return line;
      if (c != "\n" || !line.empty()) line += c;
    }
    return line.substr(0, line.size() - 2);
  }
  void Ack(long long upto, const std::string& tag) {
    if (tag.empty()) Send(Resp({"REPLCONF", "ACK", std::to_string(upto)}));
    else Send(Resp({"REPLCONF", "ACK", std::to_string(upto), "FACK", "-1", "TAG", tag}));
  }
  long long offset;
};

// Until everything that was sent before is done.
void Pass(Shard& shard) {
  Socket other(shard.port());
  other.Send("PING\r\n");
  EXPECT_EQ(other.Read(7), "+PONG\r\n");
}

// The end of the log, as a copy would acknowledge it.
long long End(Shard& shard) { return std::stoll(shard.Field("master_repl_offset")); }

TEST(CopyLease, NothingIsServedOrFedBeforeTheControlPlaneSaysSo) {
  Shard f;
  EXPECT_TRUE(f("GET bar").starts_with("-CLUSTERDOWN No quorum"));
  EXPECT_TRUE(f("SET bar 1").starts_with("-CLUSTERDOWN No quorum"));
  EXPECT_EQ(f("PING"), "+PONG\r\n");
  EXPECT_EQ(f.Field("quorum_status"), "OFF");
  Socket replica(f.port());
  replica.Send(Resp({"PSYNC", "?", "-1"}));
  EXPECT_EQ(replica.Read(13), "-NOMASTERLINK");
  f.Lease(60000);
  EXPECT_EQ(f("GET bar"), "$-1\r\n");
  EXPECT_EQ(f.Field("quorum_status"), "ON");
  f.engine->replication().copies().SetDuty({"", 0, 0, false, "because of me"});
  EXPECT_EQ(f("GET bar"), "-CLUSTERDOWN No quorum: because of me\r\n");
}

TEST(CopyLease, OnlyAcknowledgementsWithTheTagCount) {
  Shard f;
  f.Lease(60000);
  Copy copy(f);
  f.Until("connected_slaves", "1");
  copy.Ack(End(f), "7-a-1");
  f.Until("quorum_replicas_acknowledging", "1");
  Socket client(f.port());
  client.Send("SET bar v\r\n");
  while (f("EXISTS bar") == ":0\r\n") usleep(1000);
  client.Limit({0, 100000});
  for (const std::string tag : {"", "7-a-2", "6-a-1"}) {
    copy.Ack(End(f), tag);
    Pass(f);
    EXPECT_EQ(client.Read(5), "");
  }
  client.Limit({60, 0});
  copy.Ack(End(f), "7-a-1");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  // What was acknowledged with the former tag is nothing under the next.
  f.Lease(60000, "8-a-1");
  client.Send("SET bar w\r\n");
  copy.Ack(End(f) + 1000, "7-a-1");
  client.Limit({0, 100000});
  EXPECT_EQ(client.Read(5), "");
}

TEST(CopyLease, WhatWasReadLeavesWithinTheLeaseOnly) {
  Shard f;
  f.Lease(60000);
  Copy copy(f);
  f.Until("connected_slaves", "1");
  copy.Ack(End(f), "7-a-1");
  f.Until("quorum_replicas_acknowledging", "1");
  Socket client(f.port());
  client.Send("SET bar v\r\n");
  while (f("EXISTS bar") == ":0\r\n") usleep(1000);
  f.Lease(-1);
  copy.Ack(End(f), "7-a-1");
  client.Limit({0, 300000});
  EXPECT_EQ(client.Read(5), "");
  Socket reader(f.port());
  reader.Send("GET bar\r\n");
  EXPECT_EQ(reader.Read(23), "-CLUSTERDOWN No quorum:");
  client.Limit({60, 0});
  f.Lease(60000);
  EXPECT_EQ(client.Read(5), "+OK\r\n");
}

TEST(CopyLease, WhoHasWaitedTooLongIsToldSo) {
  Shard f("300");
  f.Lease(60000);
  Socket client(f.port());
  client.Send("SET bar v\r\n");
  EXPECT_EQ(client.Read(44), "-CLUSTERDOWN No quorum: what was asked has w");
  while (!client.Read(1).empty()) {}
  Pass(f);
}

TEST(CopyLease, WhatNobodyAcknowledgedIsNotToldByAReplica) {
  Shard f;
  f.Lease(60000);
  Copy copy(f);
  f.Until("connected_slaves", "1");
  copy.Ack(End(f), "7-a-1");
  f.Until("quorum_replicas_acknowledging", "1");
  Socket writer(f.port());
  Socket reader(f.port());
  writer.Send("SET bar v\r\n");
  while (f("EXISTS bar") == ":0\r\n") usleep(1000);
  reader.Send("GET bar\r\n");
  Pass(f);
  f.client.control = true;
  EXPECT_EQ(f("REPLICAOF 127.0.0.1 1"), "+OK\r\n");
  EXPECT_TRUE(writer.Ended());
  EXPECT_TRUE(reader.Ended());
}

TEST(CopyLease, QuorumServesNothingWhileTheOwnLogIsNotFsynced) {
  Shard f("20000", "quorum");
  f.Lease(60000);
  EXPECT_TRUE(f("GET bar").starts_with("-CLUSTERDOWN No quorum"));
  EXPECT_EQ(f.Field("quorum_status"), "OFF");
}

TEST(CopyLease, QuorumOutsideOfAClusterTakesNoWrites) {
  EngineFixture f({{"repl-ack", "quorum"}});
  EXPECT_TRUE(f("SET bar 1").starts_with("-NOREPLICAS"));
  EXPECT_EQ(f("GET bar"), "$-1\r\n");
}

TEST(CopyLease, EndsWithTheDirective) {
  Shard f;
  EXPECT_TRUE(f("SET bar 1").starts_with("-CLUSTERDOWN No quorum"));
  f("CONFIG SET repl-ack async");
  Socket client(f.port());
  client.Send("SET bar 1\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
}

}  // namespace
}  // namespace slotwise::test
