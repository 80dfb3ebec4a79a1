// CLIENT TRACKING: who is told what, when and how often. Expected replies and messages are those of redis-server 7.0.15.
#include "engine/cron.h"
#include "engine/tracking.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

std::string Invalidate(std::initializer_list<std::string> keys) {
  std::string text = ">2\r\n$10\r\ninvalidate\r\n*" + std::to_string(keys.size()) + "\r\n";
  for (const std::string& k : keys) text += "$" + std::to_string(k.size()) + "\r\n" + k + "\r\n";
  return text;
}
constexpr const char* kAllKeys = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

TEST(Tracking, AReadKeyIsToldOnceWhenItChanges) {
  EngineFixture f;
  TestClient reader(f), writer(f);
  reader("HELLO 3");
  EXPECT_EQ(reader("CLIENT TRACKING on"), "+OK\r\n");
  writer("MSET a 1 b 1");
  reader("GET a");
  reader("MGET a missing");
  EXPECT_EQ(f.engine->tracking().key_count(), 2u);
  EXPECT_EQ(f.engine->tracking().item_count(), 2u);
  writer("INCR b");
  EXPECT_EQ(reader.sink->Take(3), "");
  writer("INCR a");
  writer("INCR a");
  EXPECT_EQ(reader.sink->Take(3), Invalidate({"a"}));
  writer("SET missing x");
  EXPECT_EQ(reader.sink->Take(3), Invalidate({"missing"}));
  EXPECT_EQ(f.engine->tracking().key_count(), 0u);
  reader("SET a 2");  // what a client writes it does not track
  writer("SET a 3");
  EXPECT_EQ(reader.sink->Take(3), "");
  reader("GET a");
  EXPECT_EQ(reader("CLIENT TRACKING off"), "+OK\r\n");
  writer("SET a 4");
  EXPECT_EQ(reader.sink->Take(3), "");
}

TEST(Tracking, TheClientsOwnChangesFollowItsReply) {
  EngineFixture f;
  TestClient c(f);
  c("HELLO 3");
  c("CLIENT TRACKING on");
  c("GET a");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n" + Invalidate({"a"}));
  c("GET a");
  c("MULTI");
  c("INCR a");
  c("GET b");
  EXPECT_EQ(c("EXEC"), "*2\r\n:2\r\n_\r\n" + Invalidate({"a"}));
  c("CLIENT TRACKING off");
  c("CLIENT TRACKING on NOLOOP");
  c("GET a");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
}

TEST(Tracking, ExpiryTellsToo) {
  EngineFixture f;
  TestClient c(f), other(f);
  c("HELLO 3");
  c("CLIENT TRACKING on NOLOOP");
  other("HELLO 3");
  other("CLIENT TRACKING on BCAST");
  c("SET a 1 PX 60000");
  other.sink->Take(3);
  c("GET a");
  Cron cron(*f.engine);  // one of our own: the engine's runs on its thread
  cron.Step(f.engine->NowMs() + 120000);
  EXPECT_EQ(c.sink->Take(3), Invalidate({"a"}));
  EXPECT_EQ(other.sink->Take(3), Invalidate({"a"}));
}

TEST(Tracking, FlushTellsThatAllIsGone) {
  EngineFixture f;
  TestClient a(f), b(f);
  a("HELLO 3");
  b("HELLO 3");
  a("CLIENT TRACKING on");
  b("CLIENT TRACKING on BCAST");
  a("GET x");
  EXPECT_EQ(a("FLUSHALL"), std::string("+OK\r\n") + kAllKeys);
  EXPECT_EQ(b.sink->Take(3), kAllKeys);
  EXPECT_EQ(f.engine->tracking().key_count(), 0u);
  EXPECT_EQ(f.engine->tracking().item_count(), 0u);
  b("FLUSHDB");
  EXPECT_EQ(a.sink->Take(3), kAllKeys);
}

TEST(Tracking, ByPrefixEveryCommandGivesOneMessageAPrefix) {
  EngineFixture f;
  TestClient c(f), writer(f);
  c("HELLO 3");
  EXPECT_EQ(c("CLIENT TRACKING on BCAST PREFIX a: PREFIX b:"), "+OK\r\n");
  writer("MSET b:1 1 a:2 1 a:1 1 c:1 1");
  EXPECT_EQ(c.sink->Take(3), Invalidate({"a:1", "a:2"}) + Invalidate({"b:1"}));
  writer("MULTI");
  writer("INCR a:1");
  writer("INCR a:1");
  writer("EXEC");
  EXPECT_EQ(c.sink->Take(3), Invalidate({"a:1"}));
  EXPECT_EQ(c("CLIENT TRACKING on BCAST PREFIX c:"), "+OK\r\n");
  EXPECT_EQ(c("MSET a:1 1 c:1 1"), "+OK\r\n" + Invalidate({"a:1"}) + Invalidate({"c:1"}));
  EXPECT_EQ(c("CLIENT TRACKING on BCAST PREFIX c:x"),
            "-ERR Prefix 'c:x' overlaps with an existing prefix 'c:'. Prefixes for a single client must not overlap.\r\n");
  EXPECT_EQ(writer("CLIENT TRACKING on BCAST PREFIX FOOBAR PREFIX FOO"),
            "-ERR Prefix 'FOOBAR' overlaps with another provided prefix 'FOO'. Prefixes for a single client must not overlap.\r\n");
  EXPECT_EQ(f.engine->tracking().prefix_count(), 3u);
  c("CLIENT TRACKING off");
  EXPECT_EQ(f.engine->tracking().prefix_count(), 0u);
  c("CLIENT TRACKING on BCAST NOLOOP");
  EXPECT_EQ(c("SET x 1"), "+OK\r\n");
  writer("SET x 1");
  EXPECT_EQ(c.sink->Take(3), Invalidate({"x"}));
}

TEST(Tracking, RedirectsToAnotherConnection) {
  EngineFixture f;
  TestClient c(f), writer(f);
  std::string broken;
  {
    TestClient target(f);
    std::string id = std::to_string(target.client.id);
    EXPECT_EQ(c("CLIENT TRACKING on REDIRECT " + id), "+OK\r\n");
    EXPECT_EQ(c("CLIENT GETREDIR"), ":" + id + "\r\n");
    c("GET k");
    EXPECT_EQ(c("SET k 1"), "+OK\r\n");
    EXPECT_EQ(target.sink->Take(2), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
    writer("FLUSHALL");
    EXPECT_EQ(target.sink->Take(2), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n");
    c("GET k");
    broken = ">2\r\n$21\r\ntracking-redir-broken\r\n:" + id + "\r\n";
  }
  writer("SET k 2");
  EXPECT_EQ(c.sink->Take(2), "");  // RESP2 has no pushes
  c("HELLO 3");
  c("GET k");
  writer("SET k 2");
  EXPECT_EQ(c.sink->Take(3), broken);
  EXPECT_TRUE(c("CLIENT TRACKINGINFO").find("broken_redirect") != std::string::npos);
  EXPECT_TRUE(c("CLIENT INFO").find(" flags=tR ") != std::string::npos);
}

TEST(Tracking, OptInAndOptOut) {
  EngineFixture f;
  TestClient c(f);
  c("HELLO 3");
  c("CLIENT TRACKING on OPTIN");
  c("GET a");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
  EXPECT_EQ(c("CLIENT CACHING yes"), "+OK\r\n");
  EXPECT_EQ(c("CLIENT TRACKINGINFO"), "%3\r\n$5\r\nflags\r\n~3\r\n$2\r\non\r\n$5\r\noptin\r\n$11\r\ncaching-yes\r\n$8\r\nredirect\r\n:0\r\n$8\r\nprefixes\r\n*0\r\n");
  c("GET a");
  c("GET b");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n" + Invalidate({"a"}));
  EXPECT_EQ(c("SET b 1"), "+OK\r\n");
  EXPECT_EQ(c("CLIENT CACHING no"), "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.\r\n");
  EXPECT_EQ(c("CLIENT TRACKING on OPTOUT"), "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then "
                                            "re-enabling it with a different mode.\r\n");
  c("CLIENT CACHING yes");
  c("MULTI");
  c("GET a");
  c("EXEC");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n" + Invalidate({"a"}));
  c("CLIENT TRACKING off");
  c("CLIENT TRACKING on OPTOUT");
  c("CLIENT CACHING no");
  c("GET a");
  EXPECT_EQ(c("SET a 1"), "+OK\r\n");
}

TEST(Tracking, RefusesWhatDoesNotFit) {
  EngineFixture f;
  TestClient c(f);
  EXPECT_EQ(c("CLIENT TRACKING on PREFIX a"), "-ERR PREFIX option requires BCAST mode to be enabled\r\n");
  EXPECT_EQ(c("CLIENT TRACKING on BCAST OPTIN"), "-ERR OPTIN and OPTOUT are not compatible with BCAST\r\n");
  EXPECT_EQ(c("CLIENT TRACKING on OPTOUT OPTIN"), "-ERR You can't specify both OPTIN mode and OPTOUT mode\r\n");
  EXPECT_EQ(c("CLIENT TRACKING on REDIRECT 9999"), "-ERR The client ID you want redirect to does not exist\r\n");
  std::string me = std::to_string(c.client.id);
  EXPECT_EQ(c("CLIENT TRACKING on REDIRECT " + me + " REDIRECT " + me), "-ERR A client can only redirect to a single other client\r\n");
  EXPECT_EQ(c("CLIENT TRACKING perhaps"), "-ERR syntax error\r\n");
  EXPECT_EQ(c("CLIENT TRACKING on nonsense"), "-ERR syntax error\r\n");
  EXPECT_EQ(c("CLIENT CACHING yes"), "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled\r\n");
  EXPECT_EQ(c("CLIENT GETREDIR"), ":-1\r\n");
  c("CLIENT TRACKING on");
  EXPECT_EQ(c("CLIENT TRACKING on BCAST"), "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then "
                                           "re-enabling it with a different mode.\r\n");
  EXPECT_EQ(f("CLIENT TRACKING on"), "-ERR CLIENT TRACKING needs a connection\r\n");
}

TEST(Tracking, TheTableHasALimit) {
  EngineFixture f({{"tracking-table-max-keys", "10"}});
  f.engine->cron()->Pause(true);
  TestClient c(f);
  c("HELLO 3");
  c("CLIENT TRACKING on");
  std::vector<std::string> words{"MGET"};
  for (int i = 0; i < 250; ++i) words.push_back("key" + std::to_string(i));
  f.Run(c.client, words);
  EXPECT_EQ(f.engine->tracking().key_count(), 250u);
  std::string reply = c("PING");  // 100 are forgotten before it runs, and 200 before the next
  EXPECT_EQ(f.engine->tracking().key_count(), 150u);
  EXPECT_TRUE(reply.starts_with(">2\r\n$10\r\ninvalidate\r\n*1\r\n$") && reply.ends_with("+PONG\r\n"));
  c("PING");
  EXPECT_EQ(f.engine->tracking().key_count(), 10u);
  EXPECT_EQ(c("PING"), "+PONG\r\n");
}

TEST(Tracking, WhatIsEvictedForACommandIsToldBeforeItsReply) {
  EngineFixture f({{"maxmemory-policy", "volatile-random"}});
  f.engine->cron()->Pause(true);
  TestClient c(f);
  c("HELLO 3");
  c("CLIENT TRACKING on");
  c("SET kept 1");
  c("SET volatile 1 EX 1000");
  c("GET volatile");
  f("CONFIG SET maxmemory 1");
  EXPECT_EQ(c("GET kept"), Invalidate({"volatile"}) + "$1\r\n1\r\n");
}

TEST(Tracking, ALeavingClientIsForgotten) {
  EngineFixture f;
  TestClient writer(f);
  {
    TestClient c(f);
    c("CLIENT TRACKING on BCAST PREFIX a");
    EXPECT_EQ(f.engine->tracking().client_count(), 1u);
  }
  EXPECT_EQ(f.engine->tracking().client_count(), 0u);
  EXPECT_EQ(f.engine->tracking().prefix_count(), 0u);
  {
    TestClient c(f);
    c("CLIENT TRACKING on");
    c("GET a");
    c("RESET");
    EXPECT_EQ(c("CLIENT GETREDIR"), ":-1\r\n");
  }
  EXPECT_EQ(writer("SET a 1"), "+OK\r\n");
}

}  // namespace
}  // namespace slotwise::test
