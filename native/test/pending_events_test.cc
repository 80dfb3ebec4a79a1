// What others are told of a write waits for what the write's own reply waits for: every message carries the log offset that
// it depends on, and a connection sends it no earlier. Sent too early, a cache could be filled with, or a worker act upon, what
// a crash takes back.
#include <unistd.h>

#include <string>

#include "engine/embedded_session.h"
#include "temp_dir.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

// With an append-only file, so that offsets grow.
struct Logged {
  TempDir dir;
  EngineFixture f{{{"dir", dir.path()}, {"notify-keyspace-events", "KEAmn"}}};
  std::string operator()(const std::string& line) { return f(line); }
  std::uint64_t tail() { return f.engine->log().tail(); }
};

std::string Bulk(const std::string& s) { return "$" + std::to_string(s.size()) + "\r\n" + s + "\r\n"; }
std::string Message(const std::string& channel, const std::string& text) { return "*3\r\n" + Bulk("message") + Bulk(channel) + Bulk(text); }

TEST(PendingEvents, ANotificationDependsOnItsWrite) {
  Logged l;
  TestClient listener(l.f);
  listener("SUBSCRIBE __keyevent@0__:set");
  l("SET other 1");
  const std::uint64_t before = l.tail();
  EXPECT_EQ(listener.sink->gate(), before);
  l("MSET k 1 l 2");  // several stripes
  EXPECT_TRUE(l.tail() > before);
  EXPECT_EQ(listener.sink->gate(), l.tail());
  listener.sink->Take();
  l("GET k");
  EXPECT_EQ(listener.sink->Take(), "");
}

TEST(PendingEvents, WhatExpiresTellsBehindItsDeletion) {
  Logged l;
  l("DEBUG SET-ACTIVE-EXPIRE 0");
  TestClient listener(l.f);
  listener("SUBSCRIBE __keyevent@0__:expired");
  l("SET k v PX 1");
  const std::uint64_t before = l.tail();
  usleep(3000);
  EXPECT_EQ(l("GET k"), "$-1\r\n");
  EXPECT_TRUE(l.tail() > before);
  EXPECT_EQ(listener.sink->gate(), l.tail());
  // By a reader inside the process, and by the cycle.
  EmbeddedSession session(*l.f.engine);
  l("SET k v PX 1");
  usleep(3000);
  char buffer[16];
  bool ascii;
  EXPECT_EQ(session.Get("k", buffer, &ascii), EmbeddedSession::kMissing);
  EXPECT_EQ(listener.sink->gate(), l.tail());
  l("SET k v PX 1");
  usleep(3000);
  listener.sink->Take();
  l.f.engine->active_expire_enabled().store(true);
  while (listener.sink->Take().empty()) usleep(1000);
  EXPECT_EQ(listener.sink->gate(), l.tail());
}

TEST(PendingEvents, AMessageOfATransactionDependsOnAllOfIt) {
  Logged l;
  TestClient listener(l.f), publisher(l.f);
  listener("SUBSCRIBE news __keyevent@0__:set");
  listener("SSUBSCRIBE shard");
  publisher("MULTI");
  publisher("SET a 1");
  publisher("PUBLISH news x");
  publisher("SPUBLISH shard y");
  publisher("PUBLISH nobody x");
  publisher("SET b 2");
  EXPECT_EQ(publisher("EXEC"), "*5\r\n+OK\r\n:1\r\n:1\r\n:0\r\n+OK\r\n");
  EXPECT_EQ(listener.sink->gate(), l.tail());
  EXPECT_EQ(listener.sink->Take(), Message("__keyevent@0__:set", "a") + Message("news", "x") + "*3\r\n" + Bulk("smessage") + Bulk("shard") +
                                       Bulk("y") + Message("__keyevent@0__:set", "b"));
}

TEST(PendingEvents, AMessageDependsOnWhatItsPublisherDidAndSaw) {
  Logged l;
  TestClient listener(l.f), writer(l.f), publisher(l.f);
  listener("SUBSCRIBE news");
  publisher("PUBLISH news x");
  EXPECT_EQ(listener.sink->gate(), 0u);
  writer("SET k v");
  publisher("GET k");
  publisher("PUBLISH news y");
  EXPECT_EQ(listener.sink->gate(), l.tail());
}

TEST(PendingEvents, InvalidationsDependOnTheChange) {
  Logged l;
  TestClient one(l.f), prefix(l.f), writer(l.f);
  one("HELLO 3");
  prefix("HELLO 3");
  one("CLIENT TRACKING on");
  prefix("CLIENT TRACKING on BCAST");
  one("GET k");
  writer("SET k v");
  EXPECT_TRUE(!one.sink->Take(3).empty() && !prefix.sink->Take(3).empty());
  EXPECT_EQ(one.sink->gate(), l.tail());
  EXPECT_EQ(prefix.sink->gate(), l.tail());
  one("GET k");
  writer("FLUSHALL");
  EXPECT_TRUE(!one.sink->Take(3).empty());
  EXPECT_EQ(one.sink->gate(), l.tail());
  // Its own are behind its reply, and so is the gate.
  one("GET k");
  EXPECT_TRUE(one("SET k v").ends_with("invalidate\r\n*1\r\n$1\r\nk\r\n"));
  EXPECT_EQ(one.client.gate, l.tail());
}

TEST(PendingEvents, WhoIsServedTellsBehindThePusher) {
  Logged l;
  TestClient listener(l.f);
  listener("PSUBSCRIBE __keyevent*");
  EmbeddedSession session(*l.f.engine);
  std::string popped;
  const std::string_view words[] = {"BLPOP", "list", "0"};
  EXPECT_TRUE(session.CallWaiting(words, [&](std::string reply) { popped = std::move(reply); }) != 0);
  listener.sink->Take();
  l("RPUSH list v");
  EXPECT_TRUE(popped.find("v") != std::string::npos);
  EXPECT_EQ(listener.sink->gate(), l.tail());
  std::string told = listener.sink->Take();
  EXPECT_TRUE(told.find(":rpush") < told.find(":lpop") && told.find(":lpop") < told.find(":del"));
  EXPECT_TRUE(told.find(":del") != std::string::npos);
}

}  // namespace
}  // namespace slotwise::test
