// SLOTWISE.POSITION and SLOTWISE.WAITFOR: reading one's own writes from a replica. Source: docs/decisions/0021.
#include <atomic>

#include "engine/embedded_session.h"
#include "reads_fixture.h"

namespace slotwise::test {
namespace {

// The text of a bulk string.
std::string Text(const std::string& reply) { return reply.substr(reply.find('\n') + 1, reply.size() - reply.find('\n') - 3); }
std::string Resp(std::initializer_list<std::string> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  return text;
}

// Without its end.
std::string Line(Socket& socket) {
  std::string line;
  while (!line.ends_with("\r\n")) {
    const std::string byte = socket.Read(1);
    if (byte.empty()) break;
    line += byte;
  }
  return line.substr(0, line.size() - 2);
}

TEST(Positions, OfThisServerAreReachedAtOnce) {
  Followed primary;
  primary("SET k v");
  const std::string position = Text(primary("SLOTWISE.POSITION"));
  EXPECT_EQ(position, ReplicationField(primary, "master_replid") + ":" + ReplicationField(primary, "master_repl_offset"));
  EXPECT_EQ(primary("SLOTWISE.WAITFOR " + position + " 0"), "+OK\r\n");
  // Asking began a stream, which has all that follows.
  primary("SET k v2");
  EXPECT_NE(Text(primary("SLOTWISE.POSITION")), position);
}

TEST(Positions, AConnectionHasItsOwn) {
  Followed primary;
  primary("SLOTWISE.POSITION");
  Socket one(primary.port()), other(primary.port());
  one.Send(Resp({"SET", "k", "v"}));
  EXPECT_EQ(one.Read(5), "+OK\r\n");
  auto position_of = [](Socket& socket) {
    socket.Send(Resp({"SLOTWISE.POSITION"}));
    (void)Line(socket);
    return Line(socket);
  };
  EXPECT_EQ(position_of(one), ReplicationField(primary, "master_replid") + ":" + ReplicationField(primary, "master_repl_offset"));
  // Who has read nothing and written nothing need not wait for it; who has read it must.
  const std::string idle = position_of(other);
  EXPECT_NE(idle, position_of(one));
  other.Send(Resp({"GET", "k"}));
  EXPECT_EQ(other.Read(7), "$1\r\nv\r\n");
  EXPECT_EQ(position_of(other), position_of(one));
}

TEST(Positions, AReplicaAnswersWhenItHasAppliedThem) {
  Followed primary;
  Replicating replica(primary);
  replica.Pause(60'000);
  primary("SET k v");
  const std::string position = Text(primary("SLOTWISE.POSITION"));
  // Who may not wait is told at once how things are.
  EXPECT_EQ(replica("SLOTWISE.WAITFOR " + position + " 0").find("-TIMEOUT the offset "), 0u);
  Socket waiting(replica.port());
  waiting.Send(Resp({"SLOTWISE.WAITFOR", position, "0"}) + Resp({"GET", "k"}));
  ASSERT_TRUE(Until([&] { return replica("INFO clients").find("blocked_clients:1\r\n") != std::string::npos; }));
  EXPECT_EQ(replica("GET k"), "$-1\r\n");
  replica.Pause(0);
  EXPECT_EQ(waiting.Read(5 + 7), "+OK\r\n$1\r\nv\r\n");
}

TEST(Positions, WaitingEndsWithItsTime) {
  Followed primary;
  Replicating replica(primary);
  replica.Pause(60'000);
  primary("SET k v");
  const std::string position = Text(primary("SLOTWISE.POSITION"));
  Socket waiting(replica.port());
  waiting.Send(Resp({"SLOTWISE.WAITFOR", position, "30"}));
  EXPECT_EQ(waiting.Read(19), "-TIMEOUT the offset");
}

TEST(Positions, OfAnotherHistoryAreNeverReached) {
  Followed primary, stranger;
  Replicating replica(primary);
  stranger("SET k v");
  const std::string foreign = Text(stranger("SLOTWISE.POSITION"));
  EXPECT_EQ(replica("SLOTWISE.WAITFOR " + foreign + " 0").find("-HISTORY the position " + foreign), 0u);
  EXPECT_EQ(primary("SLOTWISE.WAITFOR " + foreign + " 0").find("-HISTORY the position " + foreign), 0u);
  // A replica that has yet to hear from its primary cannot know.
  Listening last({{"repl-diskless-sync-delay", "0"}});
  last("REPLICAOF 127.0.0.1 1");
  EXPECT_EQ(last("SLOTWISE.WAITFOR " + foreign + " 0").find("-TIMEOUT "), 0u);
  EXPECT_EQ(last("SLOTWISE.POSITION"), "-NOMASTERLINK This replica has no data of its MASTER yet\r\n");
  Socket waiting(last.port());
  waiting.Send(Resp({"SLOTWISE.WAITFOR", foreign, "0"}));
  ASSERT_TRUE(Until([&] { return last("INFO clients").find("blocked_clients:1\r\n") != std::string::npos; }));
  // It turns out to be another one's.
  last("REPLICAOF NO ONE");
  EXPECT_EQ(waiting.Read(9), "-HISTORY ");
}

TEST(Positions, WhatWasWrittenBeforeAPromotionIsPartOfTheNewHistory) {
  Followed primary;
  primary("SET k v");
  Replicating replica(primary);
  const std::string position = Text(primary("SLOTWISE.POSITION"));
  ASSERT_TRUE(Until([&] { return replica("SLOTWISE.WAITFOR " + position + " 0") == "+OK\r\n"; }));
  replica.Pause(60'000);
  primary("SET k lost");
  const std::string lost = Text(primary("SLOTWISE.POSITION"));
  replica("REPLICAOF NO ONE");
  EXPECT_NE(ReplicationField(replica, "master_replid"), position.substr(0, 40));
  EXPECT_EQ(replica("SLOTWISE.WAITFOR " + position + " 0"), "+OK\r\n");
  EXPECT_EQ(replica("SLOTWISE.WAITFOR " + lost + " 0").find("-HISTORY "), 0u);
}

TEST(Positions, BadOnesAreRefused) {
  Followed primary;
  const std::string position = Text(primary("SLOTWISE.POSITION"));
  for (const std::string& bad : {std::string("x"), position + "x", position.substr(1), position.substr(0, 41), position.substr(0, 41) + "-1"}) {
    EXPECT_EQ(primary.Run({"SLOTWISE.WAITFOR", bad, "0"}), "-ERR Invalid position, it has to be one that SLOTWISE.POSITION has told\r\n");
  }
  EXPECT_EQ(primary("SLOTWISE.WAITFOR " + position + " -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(primary("SLOTWISE.WAITFOR " + position + " 1.5"), "-ERR timeout is not an integer or out of range\r\n");
  primary("MULTI");
  EXPECT_EQ(primary("SLOTWISE.POSITION"), "-ERR Command not allowed inside a transaction\r\n");
  EXPECT_EQ(primary("SLOTWISE.WAITFOR " + position + " 0"), "-ERR Command not allowed inside a transaction\r\n");
}

TEST(Positions, CallersInsideTheProcessWaitWithoutBlocking) {
  Followed primary;
  Replicating replica(primary);
  EmbeddedSession writer(*primary.engine);
  replica.Pause(60'000);
  EXPECT_TRUE(writer.Set("k", "v", kNoExpire) == nullptr);
  const std::string_view ask[] = {"SLOTWISE.POSITION"};
  writer.Call(ask);
  std::string reply;
  writer.reply().CopyTo(&reply);
  const std::string position = Text(reply);
  EmbeddedSession session(*replica.engine);
  std::atomic<bool> answered{false};
  std::string answer;
  const std::string_view wait[] = {"SLOTWISE.WAITFOR", position, "0"};
  const std::uint64_t id = session.CallWaiting(wait, [&](std::string text) {
    answer = std::move(text);
    answered.store(true);
  });
  EXPECT_TRUE(id != 0);
  EXPECT_FALSE(answered.load());
  replica.Pause(0);
  ASSERT_TRUE(Until([&] { return answered.load(); }));
  EXPECT_EQ(answer, "+OK\r\n");
  char bytes[8];
  bool ascii;
  EXPECT_EQ(session.Get("k", bytes, &ascii), 1);
}

}  // namespace
}  // namespace slotwise::test
