// Pub/sub: the registry, the commands, and the order of messages. Expected replies are those of redis-server 7.0.15.
#include <thread>

#include "engine/pubsub.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

TEST(PubSub, MessagesReachChannelsAndPatterns) {
  EngineFixture f;
  TestClient a(f), b(f);
  EXPECT_EQ(a("SUBSCRIBE x x y"),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n");
  EXPECT_EQ(a("PSUBSCRIBE x*"), "*3\r\n$10\r\npsubscribe\r\n$2\r\nx*\r\n:3\r\n");
  EXPECT_EQ(b("PUBLISH x hi"), ":2\r\n");
  EXPECT_EQ(a.sink->Take(), "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$2\r\nhi\r\n*4\r\n$8\r\npmessage\r\n$2\r\nx*\r\n$1\r\nx\r\n$2\r\nhi\r\n");
  EXPECT_EQ(b("PUBLISH z hi"), ":0\r\n");
  EXPECT_EQ(a.sink->Take(), "");
}

TEST(PubSub, Resp3MessagesArePushes) {
  EngineFixture f;
  TestClient a(f);
  a("HELLO 3");
  EXPECT_EQ(a("SUBSCRIBE c"), ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
  EXPECT_EQ(f("PUBLISH c m"), ":1\r\n");
  EXPECT_EQ(a.sink->Take(3), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
}

TEST(PubSub, APublisherThatListensSeesItsMessageBeforeTheReply) {
  EngineFixture f;
  TestClient a(f);
  a("HELLO 3");
  a("SUBSCRIBE c");
  EXPECT_EQ(a("PUBLISH c m"), ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n:1\r\n");
  TestClient b(f);
  b("MULTI");
  b("SUBSCRIBE c");
  b("PUBLISH c m");
  EXPECT_EQ(b("EXEC"), "*2\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n:2\r\n");
}

TEST(PubSub, NoMessageComesAfterTheUnsubscription) {
  EngineFixture f;
  TestClient a(f);
  a("SUBSCRIBE c");
  f("PUBLISH c m");
  // A RESP2 client would take a late message for the reply to its next command.
  EXPECT_EQ(a("UNSUBSCRIBE c"), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n");
  a("SUBSCRIBE c");
  f("PUBLISH c m");
  EXPECT_EQ(a("RESET"), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n+RESET\r\n");
  EXPECT_EQ(f("PUBLISH c m"), ":0\r\n");
}

TEST(PubSub, UnsubscribingFromNothing) {
  EngineFixture f;
  TestClient a(f);
  EXPECT_EQ(a("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(a("PUNSUBSCRIBE"), "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(a("SUNSUBSCRIBE"), "*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n");
  EXPECT_EQ(a("UNSUBSCRIBE a"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
  a("SUBSCRIBE a b");
  EXPECT_EQ(a("UNSUBSCRIBE"), "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n");
}

TEST(PubSub, ShardChannelsAreANameSpaceOfTheirOwn) {
  EngineFixture f;
  TestClient a(f);
  a("SUBSCRIBE c");
  EXPECT_EQ(a("SSUBSCRIBE c"), "*3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n");
  EXPECT_EQ(f("SPUBLISH c m"), ":1\r\n");
  EXPECT_EQ(a.sink->Take(), "*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
  EXPECT_EQ(f("PUBSUB SHARDNUMSUB c d"), "*4\r\n$1\r\nc\r\n:1\r\n$1\r\nd\r\n:0\r\n");
  EXPECT_EQ(a("SUNSUBSCRIBE"), "*3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n");
  EXPECT_EQ(f("SPUBLISH c m"), ":0\r\n");
  EXPECT_EQ(f("PUBLISH c m"), ":1\r\n");
  TestClient b(f);
  b("MULTI");
  b("SSUBSCRIBE x");
  EXPECT_EQ(b("EXEC"), "*1\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n");
}

TEST(PubSub, Introspection) {
  EngineFixture f;
  EXPECT_EQ(f("PUBSUB CHANNELS"), "*0\r\n");
  {
    TestClient a(f), b(f);
    a("SUBSCRIBE news other");
    b("SUBSCRIBE news");
    b("PSUBSCRIBE n* m*");
    a("PSUBSCRIBE n*");
    EXPECT_EQ(f("PUBSUB NUMSUB news other none"), "*6\r\n$4\r\nnews\r\n:2\r\n$5\r\nother\r\n:1\r\n$4\r\nnone\r\n:0\r\n");
    EXPECT_EQ(f("PUBSUB NUMPAT"), ":2\r\n");
    EXPECT_EQ(f("PUBSUB CHANNELS n*"), "*1\r\n$4\r\nnews\r\n");
    EXPECT_TRUE(f("PUBSUB CHANNELS").starts_with("*2\r\n"));
  }
  // Clients that leave take their subscriptions along.
  EXPECT_EQ(f("PUBSUB CHANNELS"), "*0\r\n");
  EXPECT_EQ(f("PUBSUB NUMPAT"), ":0\r\n");
  EXPECT_EQ(f("PUBSUB CHANNELS a b"), "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.\r\n");
}

TEST(PubSub, OnlyAFewCommandsWhileSubscribedInResp2) {
  EngineFixture f;
  TestClient a(f);
  a("SSUBSCRIBE c");
  EXPECT_EQ(a("CONFIG GET save"), "-ERR Can't execute 'config|get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                                  "allowed in this context\r\n");
  EXPECT_EQ(a("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(a("PING x"), "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
  a("RESET");
  a("HELLO 3");
  a("SUBSCRIBE c");
  EXPECT_EQ(a("PING"), "+PONG\r\n");
}

TEST(PubSub, ConfirmationsComeAfterReplyOff) {
  EngineFixture f;
  TestClient a(f);
  a("HELLO 3");
  EXPECT_EQ(a("CLIENT REPLY OFF"), "");
  EXPECT_EQ(a("SUBSCRIBE c"), ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
  EXPECT_EQ(a("PING"), "");
  EXPECT_EQ(a("UNSUBSCRIBE c"), ">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n");
}

TEST(PubSub, AnEmbeddedCallerWithoutASinkCannotSubscribe) {
  EngineFixture f;
  EXPECT_EQ(f("SUBSCRIBE c"), "-ERR SUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n");
  EXPECT_EQ(f("PUBLISH c m"), ":0\r\n");
}

TEST(PubSub, KeyspaceNotifications) {
  EngineFixture f({{"notify-keyspace-events", "KEA"}});
  TestClient a(f);
  a("PSUBSCRIBE __key*__:*");
  f("SET k v");
  std::string pattern = "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n";
  EXPECT_EQ(a.sink->Take(), pattern + "$16\r\n__keyspace@0__:k\r\n$3\r\nset\r\n" + pattern + "$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n");
  f("CONFIG SET notify-keyspace-events E$");
  f("SET k v");
  f("DEL k");  // generic: not asked for
  EXPECT_EQ(a.sink->Take(), pattern + "$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n");
}

// Subscribers that come and go, patterns and publishers on several threads: each subscriber sees the messages of one
// publisher in order, and two subscribers see those of all publishers in the same order.
TEST(PubSub, AllSubscribersSeeOneOrder) {
  EngineFixture f;
  TestClient a(f), b(f);
  a("SUBSCRIBE c");
  b("PSUBSCRIBE c*");
  constexpr int kThreads = 3, kMessages = 2000;
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    Client guest;
    guest.id = 1000000;
    guest.sink = std::make_shared<MailboxSink>();
    while (!stop.load()) {
      f.engine->pubsub().Subscribe(guest, SubscriptionKind::kChannel, "c");
      f.engine->pubsub().Subscribe(guest, SubscriptionKind::kPattern, "*c");
      f.engine->pubsub().RemoveAll(guest);
    }
  });
  std::vector<std::thread> publishers;
  for (int t = 0; t < kThreads; ++t) {
    publishers.emplace_back([&, t] {
      for (int i = 0; i < kMessages; ++i) f.engine->pubsub().Publish("c", std::to_string(t) + ":" + std::to_string(i), 0);
    });
  }
  for (auto& p : publishers) p.join();
  stop.store(true);
  churn.join();
  auto payloads = [](const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t at = text.find(':'); at != std::string::npos; at = text.find(':', at + 1)) {
      found.push_back(text.substr(at - 1, text.find('\r', at) - at + 1));
    }
    return found;
  };
  std::vector<std::string> seen_by_a = payloads(a.sink->Take());
  std::vector<std::string> seen_by_b = payloads(b.sink->Take());
  EXPECT_EQ(seen_by_a.size(), static_cast<std::size_t>(kThreads * kMessages));
  EXPECT_TRUE(seen_by_a == seen_by_b);
  std::vector<int> next(kThreads, 0);
  for (const std::string& p : seen_by_a) {
    int& expected = next[static_cast<std::size_t>(p[0] - '0')];
    ASSERT_EQ(p.substr(2), std::to_string(expected));
    ++expected;
  }
}

}  // namespace
}  // namespace slotwise::test
