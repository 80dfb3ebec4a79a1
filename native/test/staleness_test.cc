// SLOTWISE.STALENESS: a replica answers only what it can prove to be new enough. Source: docs/decisions/0021.
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/ticks.h"
#include "engine/embedded_session.h"
#include "reads_fixture.h"

namespace slotwise::test {
namespace {

const std::string kStale = "-STALE This replica cannot prove that its data is as new as SLOTWISE.STALENESS asks.\r\n";

TEST(Staleness, APrimaryAlwaysSatisfiesIt) {
  EngineFixture f;
  EXPECT_EQ(f("SLOTWISE.STALENESS"), "*2\r\n:0\r\n:0\r\n");
  EXPECT_EQ(f("SLOTWISE.STALENESS 1"), "+OK\r\n");
  EXPECT_EQ(f("SLOTWISE.STALENESS"), "*2\r\n:1\r\n:0\r\n");
  EXPECT_EQ(f("SET k 1"), "+OK\r\n");
  EXPECT_EQ(f("GET k"), "$1\r\n1\r\n");
  EXPECT_EQ(f("SLOTWISE.STALENESS OFF"), "+OK\r\n");
  EXPECT_EQ(f("SLOTWISE.STALENESS"), "*2\r\n:0\r\n:0\r\n");
}

TEST(Staleness, BadLimitsChangeNothing) {
  EngineFixture f;
  f("SLOTWISE.STALENESS 7");
  for (const char* limit : {"-1", "x", "1.5", "9223372036854775808", "''"}) {
    EXPECT_EQ(f(std::string("SLOTWISE.STALENESS ") + limit), "-ERR max-lag-ms is not a number of milliseconds, 0 or OFF\r\n");
  }
  EXPECT_EQ(f("SLOTWISE.STALENESS 1 2"), "-ERR wrong number of arguments for 'slotwise.staleness' command\r\n");
  EXPECT_EQ(f("SLOTWISE.STALENESS"), "*2\r\n:7\r\n:0\r\n");
}

TEST(Staleness, IsAnOptionOfTheSession) {
  EngineFixture f;
  f("SLOTWISE.STALENESS 250");
  EXPECT_TRUE(f("CLIENT INFO").find(" staleness=250\n") != std::string::npos);
  f("RESET");
  EXPECT_TRUE(f("CLIENT INFO").find(" staleness") == std::string::npos);
  EXPECT_EQ(f("SLOTWISE.STALENESS"), "*2\r\n:0\r\n:0\r\n");
  f("MULTI");
  EXPECT_EQ(f("SLOTWISE.STALENESS 5"), "-ERR Command not allowed inside a transaction\r\n");
}

TEST(Staleness, WhatIsAppliedTooLateIsNotServed) {
  Followed primary;
  primary("SET k old");
  Replicating replica(primary);
  EXPECT_EQ(replica("SLOTWISE.STALENESS 200"), "+OK\r\n");
  ASSERT_TRUE(Until([&] { return replica("GET k") == "$3\r\nold\r\n"; }));
  replica.Pause(60'000);
  // As long as the primary has nothing new, what is here is not old.
  usleep(300'000);
  ASSERT_TRUE(Until([&] { return replica("GET k") == "$3\r\nold\r\n"; }));
  primary("SET k new");
  ASSERT_TRUE(Until([&] { return replica("GET k") == kStale; }));
  // From here on it stays refused, whatever reads.
  for (const char* read : {"GET k", "KEYS *", "DBSIZE", "SCAN 0", "EXISTS k", "MGET k l", "TTL k", "OBJECT ENCODING k"}) EXPECT_EQ(replica(read), kStale);
  EXPECT_EQ(replica("SLOTWISE.STALENESS").find("*2\r\n:200\r\n:"), 0u);
  // What is no read is answered.
  EXPECT_EQ(replica("PING"), "+PONG\r\n");
  EXPECT_TRUE(replica("HELLO 2").find("$4\r\nrole\r\n$7\r\nreplica\r\n") != std::string::npos);
  EXPECT_TRUE(replica("INFO replication").find("slave_staleness_ms:") != std::string::npos);
  EXPECT_EQ(replica("SET k mine"), "-READONLY You can't write against a read only replica.\r\n");
  // Others are served what there is.
  Client other;
  other.id = replica.engine->NextClientId();
  other.authenticated = true;
  EXPECT_EQ(replica.As(other, "GET k"), "$3\r\nold\r\n");
  replica.Pause(0);
  ASSERT_TRUE(Until([&] { return replica("GET k") == "$3\r\nnew\r\n"; }));
}

TEST(Staleness, OfATransactionTheMomentCountsAtWhichItRuns) {
  Followed primary;
  primary("SET k old");
  Replicating replica(primary);
  replica("SLOTWISE.STALENESS 200");
  ASSERT_TRUE(Until([&] { return replica("GET k") == "$3\r\nold\r\n"; }));
  replica.Pause(60'000);
  primary("SET k new");
  ASSERT_TRUE(Until([&] { return replica("GET k") == kStale; }));
  EXPECT_EQ(replica("MULTI"), "+OK\r\n");
  EXPECT_EQ(replica("GET k"), "+QUEUED\r\n");
  EXPECT_EQ(replica("EXEC"), "-EXECABORT Transaction discarded because of: " + kStale.substr(1));
  // Without a read there is nothing that could be old.
  EXPECT_EQ(replica("MULTI"), "+OK\r\n");
  EXPECT_EQ(replica("PING"), "+QUEUED\r\n");
  EXPECT_EQ(replica("EXEC"), "*1\r\n+PONG\r\n");
  EXPECT_EQ(replica("MULTI"), "+OK\r\n");
  EXPECT_EQ(replica("GET k"), "+QUEUED\r\n");
  replica.Pause(0);
  // What was queued while it could not have been answered runs as soon as it can.
  std::string reply;
  ASSERT_TRUE(Until([&] {
    reply = replica("EXEC");
    if (!reply.starts_with("-EXECABORT")) return true;
    replica("MULTI");
    replica("GET k");
    return false;
  }));
  EXPECT_EQ(reply, "*1\r\n$3\r\nnew\r\n");
}

TEST(Staleness, APrimaryThatIsGoneCannotBeProvenToHaveNothingNew) {
  auto primary = std::make_unique<Followed>();
  (*primary)("SET k v");
  Replicating replica(*primary);
  replica("SLOTWISE.STALENESS 200");
  ASSERT_TRUE(Until([&] { return replica("GET k") == "$1\r\nv\r\n"; }));
  primary.reset();
  ASSERT_TRUE(Until([&] { return replica("GET k") == kStale; }));
  // Nobody's replica any more: there is nobody who could have newer data.
  replica("REPLICAOF NO ONE");
  EXPECT_EQ(replica("GET k"), "$1\r\nv\r\n");
}

TEST(Staleness, WhatWasProvenOfOnePrimarySaysNothingOfAnother) {
  Followed first, second;
  first("SET k 1");
  Replicating replica(first);
  replica("SLOTWISE.STALENESS 60000");
  ASSERT_TRUE(Until([&] { return replica("GET k") == "$1\r\n1\r\n"; }));
  second("SET k 2");
  // Its data comes much later: what is here is not served meanwhile.
  second("CONFIG SET repl-diskless-sync-delay 1000");
  replica.Follow(second);
  EXPECT_EQ(replica("GET k"), kStale);
  usleep(50'000);
  EXPECT_EQ(replica("GET k"), kStale);
}

TEST(Staleness, AReplicaOfAReplicaAddsUp) {
  Followed primary;
  primary("SET k old");
  Replicating middle(primary);
  Listening last({{"repl-diskless-sync-delay", "0"}});
  last("REPLICAOF 127.0.0.1 " + std::to_string(middle.port()));
  ASSERT_TRUE(Until([&] { return ReplicationField(last, "master_link_status") == "up"; }));
  last("SLOTWISE.STALENESS 400");
  ASSERT_TRUE(Until([&] { return last("GET k") == "$3\r\nold\r\n"; }));
  // It asks the one in the middle, which is what stands still.
  middle.Pause(60'000);
  primary("SET k new");
  ASSERT_TRUE(Until([&] { return last("GET k") == kStale; }));
  middle.Pause(0);
  ASSERT_TRUE(Until([&] { return last("GET k") == "$3\r\nnew\r\n"; }));
}

TEST(Staleness, HoldsForCallersInsideTheProcess) {
  Followed primary;
  primary("SET k old");
  Replicating replica(primary);
  EmbeddedSession session(*replica.engine);
  const std::string_view limit[] = {"SLOTWISE.STALENESS", "200"};
  session.Call(limit);
  char bytes[64];
  bool ascii;
  const std::string_view keys[] = {"k", "l"};
  ASSERT_TRUE(Until([&] { return session.Get("k", bytes, &ascii) == 3; }));
  replica.Pause(60'000);
  primary("SET k new");
  ASSERT_TRUE(Until([&] { return session.Get("k", bytes, &ascii) == EmbeddedSession::kStale; }));
  EXPECT_EQ(session.GetMany(keys, bytes), EmbeddedSession::kStale);
  replica.Pause(0);
  ASSERT_TRUE(Until([&] { return session.Get("k", bytes, &ascii) == 3 && std::string_view(bytes, 3) == "new"; }));
}

// The promise itself: while a replica stops and goes on, no answer is older than the limit. Who writes notes when each write had been
// acknowledged; what had been for as long as the limit before a read began must be in its answer.
TEST(Staleness, NoAnswerIsOlderThanTheLimit) {
  constexpr std::int64_t kLimitMs = 60;
  Followed primary;
  primary("SET n 0");
  Replicating replica(primary);
  std::mutex mutex;
  std::vector<std::pair<std::int64_t, int>> acknowledged;  // at, what
  std::atomic<bool> done{false};
  std::thread writer([&] {
    Socket socket(primary.port());
    for (int n = 1; !done.load(); ++n) {
      const std::string digits = std::to_string(n);
      socket.Send("*3\r\n$3\r\nSET\r\n$1\r\nn\r\n$" + std::to_string(digits.size()) + "\r\n" + digits + "\r\n");
      if (socket.Read(5) != "+OK\r\n") break;
      std::lock_guard<std::mutex> guard(mutex);
      acknowledged.emplace_back(MonotonicUs(), n);
    }
  });
  Client reader;
  reader.id = replica.engine->NextClientId();
  reader.authenticated = true;
  replica.As(reader, "SLOTWISE.STALENESS " + std::to_string(kLimitMs));
  int answered = 0, lags = 0, wrong = 0;
  bool lagged = false;
  const std::int64_t end_ms = MonotonicMs() + 20'000;
  while (lags < 8 && MonotonicMs() < end_ms) {
    const std::int64_t before_us = MonotonicUs();
    const std::string reply = replica.As(reader, "GET n");
    if (reply == kStale) {
      lagged = true;
      usleep(500);
      continue;
    }
    if (++answered == 1 || std::exchange(lagged, false)) {
      ++lags;
      replica.Pause(150);
    }
    const int seen = std::stoi(reply.substr(reply.find('\n') + 1));
    std::lock_guard<std::mutex> guard(mutex);
    for (auto it = acknowledged.rbegin(); it != acknowledged.rend(); ++it) {
      if (it->first > before_us - kLimitMs * 1000) continue;
      wrong += seen < it->second;
      break;
    }
  }
  done.store(true);
  writer.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(lags == 8);
  EXPECT_TRUE(answered > 100);
  replica.engine->ClientGone(*replica.thread, reader);
}

}  // namespace
}  // namespace slotwise::test
