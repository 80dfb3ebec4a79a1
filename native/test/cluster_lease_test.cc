// The lease of a node of a cluster, over real sockets: what is executed and what leaves when the control plane has not renewed it.
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>

#include "base/ticks.h"
#include "engine/cluster.h"
#include "engine/embedded_session.h"
#include "engine/replication.h"
#include "listening_fixture.h"
#include "slot_map_support.h"
#include "test.h"

namespace slotwise::test {
namespace {

// bar is in slot 5061, foo in 12182.
struct Node : Listening {
  explicit Node(Directives directives = {{"cluster-enabled", "yes"}}) : Listening(directives) { engine->cluster()->SetMap(MapOf().Make()); }
  void Lease(std::int64_t left_ms) { engine->cluster()->SetServesUntil(MonotonicMs() + left_ms); }
  std::string Ask(const std::string& line, std::size_t bytes) {
    Socket client(port());
    client.Send(line + "\r\n");
    return client.Read(bytes);
  }
};

const std::string kDown = "-CLUSTERDOWN The cluster is down\r\n";
const std::string kOnlyReads = "-CLUSTERDOWN The cluster is down and only accepts read commands\r\n";

TEST(ClusterLease, WithoutOneSlotsAreServed) {
  Node f;
  EXPECT_EQ(f("SET bar 1"), "+OK\r\n");
  f.engine->cluster()->SetServesUntil(Cluster::kForever);
  EXPECT_EQ(f("SET bar 1"), "+OK\r\n");
  EXPECT_FALSE(f.engine->cluster()->LeaseEnded());
}

TEST(ClusterLease, AfterItsEndKeysOfThisNodeAreRefused) {
  Node f;
  f.Lease(60000);
  EXPECT_EQ(f("SET bar 1"), "+OK\r\n");
  f.Lease(0);
  EXPECT_EQ(f("SET bar 2"), kDown);
  EXPECT_EQ(f("MSET bar 2 {bar}2 2"), kDown);
  EXPECT_EQ(f("GET bar"), kDown);
  EXPECT_EQ(f("PING"), "+PONG\r\n");
  EXPECT_EQ(f("GET foo"), "-MOVED 12182 127.0.0.1:7001\r\n");
  EXPECT_EQ(f("SPUBLISH bar m"), ":0\r\n");
  EXPECT_EQ(f("MULTI"), "+OK\r\n");
  EXPECT_EQ(f("SET bar 2"), kDown);
  EXPECT_EQ(f("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
  f.Lease(60000);
  EXPECT_EQ(f("GET bar"), "$1\r\n1\r\n");
}

TEST(ClusterLease, ATransactionThatWasQueuedWithinItIsRefusedAfterIt) {
  Node f;
  f.Lease(60000);
  f("MULTI");
  EXPECT_EQ(f("SET bar 2"), "+QUEUED\r\n");
  f.Lease(0);
  EXPECT_EQ(f("EXEC"), kDown);
  f.Lease(60000);
  EXPECT_EQ(f("GET bar"), "$-1\r\n");
}

TEST(ClusterLease, ReadsWhenDownAreReadsAfterTheLease) {
  Node f({{"cluster-enabled", "yes"}, {"cluster-allow-reads-when-down", "yes"}});
  f.Lease(60000);
  f("SET bar 1");
  f.Lease(0);
  EXPECT_EQ(f("GET bar"), "$1\r\n1\r\n");
  EXPECT_EQ(f("SET bar 2"), kOnlyReads);
  // Over a socket too, however long it lasts.
  EXPECT_EQ(f.Ask("GET bar", 7), "$1\r\n1\r\n");
}

TEST(ClusterLease, ASessionInTheProcessIsRefusedToo) {
  Node f;
  f.Lease(0);
  EmbeddedSession session(*f.engine);
  const std::string* error = session.Set("bar", "1", kNoExpire);
  ASSERT_TRUE(error != nullptr);
  EXPECT_EQ(*error, "CLUSTERDOWN The cluster is down");
}

TEST(ClusterLease, DirectReadsInTheProcessLookAtItThemselves) {
  Node f;
  EmbeddedSession session(*f.engine);
  f.Lease(60000);
  session.Set("bar", "1", kNoExpire);
  char buffer[64];
  bool ascii = false;
  const std::string_view names[] = {"bar"};
  const auto length_of_many = [&] {
    std::int32_t length = 0;
    session.GetMany(names, buffer);
    std::memcpy(&length, buffer, sizeof(length));
    return length;
  };
  EXPECT_EQ(session.Get("bar", buffer, &ascii), 1);
  f.Lease(0);
  EXPECT_EQ(session.Get("bar", buffer, &ascii), EmbeddedSession::kElsewhere);
  f.Lease(60000);
  EXPECT_EQ(session.Get("bar", buffer, &ascii), 1);
  f.Lease(0);
  EXPECT_EQ(length_of_many(), static_cast<std::int32_t>(EmbeddedSession::kElsewhere));
}

TEST(ClusterLease, AClientWaitsForItsReturnAndNothingOvertakes) {
  Node f;
  f.Lease(60000);
  Socket client(f.port());
  client.Send("SET bar 1\r\n");
  EXPECT_EQ(client.Read(5), "+OK\r\n");
  f.Lease(0);
  client.Send("PING\r\nGET bar\r\nSET bar 2\r\nPING\r\n");
  EXPECT_EQ(client.Read(7), "+PONG\r\n");
  client.Limit({0, 50000});
  EXPECT_EQ(client.Read(1), "");
  client.Limit({60, 0});
  f.Lease(60000);
  EXPECT_EQ(client.Read(19), "$1\r\n1\r\n+OK\r\n+PONG\r\n");
}

TEST(ClusterLease, AClientDoesNotWaitForLong) {
  Node f;
  f.Lease(0);
  EXPECT_EQ(f.Ask("SET bar 1", kDown.size()), kDown);
  EXPECT_EQ(f.Ask("SET bar 1", kDown.size()), kDown);
}

TEST(ClusterLease, WhoWaitsIsToldWhatANewMapSays) {
  Node f;
  f.Lease(0);
  Socket client(f.port());
  client.Send("SET bar 1\r\n");
  MapOf lost;
  lost.runs = {{0, 16383, 1}};
  f.engine->cluster()->SetMap(lost.Make());
  EXPECT_EQ(client.Read(28), "-MOVED 5061 127.0.0.1:7001\r\n");
}

// A replica that acknowledges when it is told to: until then semi-sync holds what was executed.
struct Acknowledger : Socket {
  explicit Acknowledger(Node& node) : Socket(node.port()) {
    Send("*3\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n");
    Read(5);
    Send("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n");
    Line();
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
  void Ack(const std::string& upto) {
    Send("*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$" + std::to_string(upto.size()) + "\r\n" + upto + "\r\n");
  }
};

// A write that was executed and acknowledged by the replica within the lease, and whose reply has not left: semi-sync held it.
struct Held : Node {
  Held() : Node({{"cluster-enabled", "yes"}, {"repl-ack", "semisync"}, {"repl-semi-sync-timeout", "20000"}, {"repl-diskless-sync-delay", "0"}}) {
    Lease(60000);
    replica = std::make_unique<Acknowledger>(*this);
    Until("semi_sync_master_clients", "1");
    writer = std::make_unique<Socket>(port());
    writer->Send("SET bar v\r\n");
    while ((*this)("EXISTS bar") == ":0\r\n") usleep(1000);
    Lease(0);
    for (int i = 0; i < 20000 && Field("semi_sync_master_net_waits") != "1"; ++i) {
      replica->Ack(Field("master_repl_offset"));
      usleep(1000);
    }
    EXPECT_EQ(Field("semi_sync_master_net_waits"), "1");
    writer->Limit({0, 300000});
    EXPECT_EQ(writer->Read(5), "");
    writer->Limit({60, 0});
  }
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
  std::unique_ptr<Acknowledger> replica;
  std::unique_ptr<Socket> writer;
};

TEST(ClusterLease, AReplyThatWasMadeWithinItLeavesWhenItReturns) {
  Held f;
  f.Lease(60000);
  EXPECT_EQ(f.writer->Read(5), "+OK\r\n");
}

TEST(ClusterLease, AReplyThatWasMadeWithinItIsNotSentByAReplica) {
  Held f;
  f.client.control = true;
  EXPECT_EQ(f("REPLICAOF 127.0.0.1 1"), "+OK\r\n");
  f.Lease(60000);
  EXPECT_TRUE(f.writer->Ended());
}

}  // namespace
}  // namespace slotwise::test
