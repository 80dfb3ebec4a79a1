// The second channel of a replica, the primary's side over real sockets: who is invited and when, what a relay's acknowledgements
// let go and what they do not, and everything that a peer should not say. Elsewhere: two servers (dual-channel.test.ts).
#include <unistd.h>

#include <string>

#include "listening_fixture.h"
#include "replication/peer_text.h"
#include "test.h"

namespace slotwise::test {
namespace {

const std::string kName(40, 'n');
const std::string kGetAck = CommandText({"REPLCONF", "GETACK", "*"});

struct Primary : Listening {
  explicit Primary(std::initializer_list<Setting> more = {})
      : Listening({{"repl-diskless-sync-delay", "0"}, {"repl-ack", "semisync"}, {"repl-semi-sync-timeout", "50"}}) {
    for (const Setting& s : more) (*this)("CONFIG SET " + s.name + " " + s.value);
  }
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
  // It has fallen back. From now on an answer to its question is in time however long this thread does not run.
  void Patient() { (void)(*this)("CONFIG SET repl-semi-sync-timeout 60000"); }
};

struct Peer : Socket {
  explicit Peer(Primary& server) : Socket(server.port()) {}
  std::string Line() {
    std::string line;
    while (!line.ends_with("\r\n")) {
      std::string c = Read(1);
      if (c.empty()) return line;
      if (c != "\n" || !line.empty()) line += c;
    }
    return line.substr(0, line.size() - 2);
  }
  std::string Ask(std::initializer_list<std::string_view> words) {
    Send(CommandText(words));
    return Line();
  }
  void Ack(long long offset) { Send(CommandText({"REPLCONF", "ACK", std::to_string(offset)})); }
};

// A replica that offers a channel and never acknowledges more than its snapshot unless it is told to.
struct Lagging : Peer {
  explicit Lagging(Primary& server, const std::string& name = kName) : Peer(server) {
    EXPECT_EQ(Ask({"REPLCONF", "listening-port", "7777"}), "+OK");
    offered = Ask({"REPLCONF", "slotwise-dual", name});
    const std::string line = Ask({"PSYNC", "?", "-1"});
    offset = std::stoll("0" + line.substr(line.rfind(' ') + 1));
    Read(std::stoul("0" + Line().substr(1)));
    Ack(offset);
  }
  std::string offered;
  long long offset = 0;
};

struct Channel : Peer {
  explicit Channel(Primary& server, const std::string& name = kName) : Peer(server) { EXPECT_EQ(Ask({"REPLCONF", "slotwise-relay", name}), "+OK"); }
  // Asks, and returns the offset of the relay's first byte.
  long long Start(const std::string& mode = "received") {
    const std::string line = Ask({"REPLCONF", "slotwise-relay", "start"});
    if (!line.starts_with("+RELAY ") || !line.ends_with(" " + mode)) Fail(__FILE__, __LINE__, line);
    return std::stoll("0" + line.substr(7 + 41));
  }
  // Up to and with the next question.
  std::string Question() {
    std::string got;
    while (!got.ends_with(kGetAck)) {
      std::string c = Read(1);
      if (c.empty()) return "<ended> " + got;
      got += c;
    }
    return got;
  }
};

TEST(SecondChannel, ItsAcknowledgementsProtectNewWritesWhileTheReplicaLags) {
  Primary f;
  Lagging replica(f);
  EXPECT_EQ(replica.offered, "+DUAL");
  f.Until("semi_sync_master_clients", "1");
  Channel channel(f);
  Peer client(f);
  EXPECT_EQ(client.Ask({"SET", "gap", "1"}), "+OK");  // after the time-out
  f.Patient();
  EXPECT_EQ(f.Field("semi_sync_master_status"), "OFF");
  EXPECT_EQ(channel.Line(), "+LAGGING");
  long long end = channel.Start() - 1;
  EXPECT_EQ(std::to_string(end), f.Field("master_repl_offset"));
  EXPECT_EQ(f.Field("semi_sync_master_status"), "OFF");  // nobody has said that it has anything
  channel.Ack(end);
  f.Until("semi_sync_master_status", "ON");
  client.Send(CommandText({"SET", "new", "1"}));
  const std::string got = channel.Question();
  EXPECT_EQ(got, CommandText({"SELECT", "0"}) + CommandText({"SET", "new", "1"}) + kGetAck);  // a relay is a stream of its own
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "0");
  end += static_cast<long long>(got.size());
  channel.Ack(end);
  EXPECT_EQ(client.Line(), "+OK");
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "1");
  EXPECT_EQ(f.Field("semi_sync_master_relays"), "1");
  EXPECT_TRUE(f.Field("semi_sync_master_gap_bytes") != "0");
  // It is no replica: what is applied is what the other connection says.
  EXPECT_EQ(f.Field("connected_slaves"), "1");
  EXPECT_EQ(client.Ask({"WAIT", "1", "20"}), ":0");
  // It becomes one.
  replica.Send(CommandText({"REPLCONF", "slotwise-dual", "leave"}));
  channel.Send(CommandText({"REPLCONF", "slotwise-relay", "merged"}));
  channel.Ack(end);
  f.Until("semi_sync_master_relays", "0");
  EXPECT_EQ(f.Field("connected_slaves"), "1");
  EXPECT_TRUE(f.Field("slave0").starts_with("ip=127.0.0.1,port=7777,state=online,offset=" + std::to_string(end)));
  EXPECT_TRUE(f.Field("slave0").find("relay=") == std::string::npos);
  // The old one is closed, whatever it still had to be sent.
  while (!replica.Ended()) {
  }
  client.Send(CommandText({"SET", "later", "1"}));
  EXPECT_EQ(channel.Question(), kGetAck);  // of WAIT
  EXPECT_TRUE(channel.Question().find("later") != std::string::npos);
}

TEST(SecondChannel, ACopyCountsOnceHoweverManyConnectionsItHas) {
  Primary f({{"repl-semi-sync-acks", "2"}});
  Lagging replica(f), other(f, std::string(40, 'o'));
  f.Until("semi_sync_master_clients", "2");
  Channel channel(f);
  Peer client(f);
  EXPECT_EQ(client.Ask({"SET", "gap", "1"}), "+OK");
  f.Patient();
  EXPECT_EQ(channel.Line(), "+LAGGING");
  const long long end = channel.Start() - 1;
  channel.Ack(end);
  replica.Ack(end);
  EXPECT_EQ(client.Ask({"PING"}), "+PONG");
  EXPECT_EQ(f.Field("semi_sync_master_clients"), "2");
  EXPECT_EQ(f.Field("semi_sync_master_status"), "OFF");
  other.Ack(end);
  f.Until("semi_sync_master_status", "ON");
}

TEST(SecondChannel, ARelayBeginsOnlyWhileNothingIsPromised) {
  Primary f;
  Lagging replica(f);
  f.Until("semi_sync_master_clients", "1");
  Channel channel(f);
  EXPECT_EQ(channel.Ask({"REPLCONF", "slotwise-relay", "start"}), "+NO");
  (void)f("CONFIG SET repl-semi-sync-timeout 60000");
  Peer client(f);
  client.Send(CommandText({"SET", "k", "1"}));
  f.Until("master_repl_offset", std::to_string(replica.offset + 23 + 27 + 37));
  EXPECT_EQ(channel.Ask({"REPLCONF", "slotwise-relay", "start"}), "+NO");
  replica.Ack(replica.offset + 23 + 27);
  EXPECT_EQ(client.Line(), "+OK");
}

TEST(SecondChannel, WhoComesWhileItIsFallenBackIsInvitedAndAnOlderOneIsClosed) {
  Primary f;
  Lagging replica(f);
  f.Until("semi_sync_master_clients", "1");
  Channel first(f);
  Peer client(f);
  EXPECT_EQ(client.Ask({"SET", "gap", "1"}), "+OK");
  f.Patient();
  EXPECT_EQ(first.Line(), "+LAGGING");
  Channel second(f);
  EXPECT_EQ(second.Line(), "+LAGGING");
  EXPECT_TRUE(first.Ended());
  second.Ack(second.Start() - 1);
  f.Until("semi_sync_master_status", "ON");
}

TEST(SecondChannel, IsNotOfferedWhereThereIsNothingToShorten) {
  for (const EngineFixture::Setting& setting : std::initializer_list<EngineFixture::Setting>{
           {"repl-semi-sync-strict", "yes"}, {"repl-semi-sync-dual-channel", "no"}, {"repl-ack", "async"}}) {
    Primary f({setting});
    Lagging replica(f);
    EXPECT_EQ(replica.offered, "+OK");
  }
}

TEST(SecondChannel, WithStrictARelayThatIsThereDoesNotCount) {
  Primary f;
  Lagging replica(f);
  f.Until("semi_sync_master_clients", "1");
  Channel channel(f);
  Peer client(f);
  EXPECT_EQ(client.Ask({"SET", "gap", "1"}), "+OK");
  f.Patient();
  EXPECT_EQ(channel.Line(), "+LAGGING");
  const long long end = channel.Start() - 1;
  channel.Ack(end);
  f.Until("semi_sync_master_status", "ON");
  (void)f("CONFIG SET repl-semi-sync-strict yes");
  client.Send(CommandText({"SET", "new", "1"}));
  const long long after = end + static_cast<long long>(channel.Question().size());
  channel.Ack(after);
  Peer other(f);
  EXPECT_EQ(other.Ask({"PING"}), "+PONG");
  EXPECT_EQ(f.Field("semi_sync_master_yes_tx"), "0");
  replica.Ack(after);
  EXPECT_EQ(client.Line(), "+OK");
}

TEST(SecondChannel, WhatAPeerShouldNotSayChangesNothing) {
  Primary f;
  Lagging replica(f);
  f.Until("semi_sync_master_clients", "1");
  Peer peer(f);
  const std::string no_name = "-ERR a channel's name has 40 characters";
  EXPECT_EQ(peer.Ask({"REPLCONF", "slotwise-dual", "x"}), no_name);
  EXPECT_EQ(peer.Ask({"REPLCONF", "slotwise-relay", ""}), no_name);
  EXPECT_EQ(peer.Ask({"REPLCONF", "slotwise-relay", std::string(41, 'n')}), no_name);
  EXPECT_EQ(peer.Ask({"REPLCONF", "slotwise-relay", "start"}), "-ERR this connection is no replica's second channel");
  peer.Send(CommandText({"REPLCONF", "slotwise-relay", "merged"}));
  peer.Send(CommandText({"REPLCONF", "slotwise-dual", "leave"}));
  EXPECT_EQ(peer.Ask({"MULTI"}), "+OK");
  EXPECT_EQ(peer.Ask({"REPLCONF", "slotwise-relay", kName}), "+QUEUED");
  peer.Send(CommandText({"EXEC"}));
  EXPECT_EQ(peer.Line(), "*1");
  EXPECT_EQ(peer.Line(), "-ERR only a connection can follow the replication stream");
  EXPECT_TRUE(f("REPLCONF slotwise-relay " + kName).starts_with("-ERR only a connection"));
  // Of one that stands by: acknowledgements of what it was never sent, and a merge that never was.
  Channel channel(f);
  channel.Ack(1'000'000'000);
  channel.Send(CommandText({"REPLCONF", "slotwise-relay", "merged"}));
  EXPECT_EQ(channel.Ask({"REPLCONF", "slotwise-relay", kName}), "-ERR this connection is a replica already");
  EXPECT_EQ(f.Field("connected_slaves"), "1");
  Peer client(f);
  EXPECT_EQ(client.Ask({"SET", "k", "1"}), "+OK");
  EXPECT_EQ(f.Field("semi_sync_master_no_tx"), "1");
  EXPECT_EQ(f.Field("semi_sync_master_relays"), "0");
}

}  // namespace
}  // namespace slotwise::test
