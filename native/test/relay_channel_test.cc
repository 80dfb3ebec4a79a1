// The second channel of semi-sync with both of the replica's threads, in one process for the sanitizers: a lag, a relay, the merge.
// Elsewhere: two processes, and kill -9 (packages/node/test/dual-channel.test.ts).
#include <unistd.h>

#include <functional>
#include <string>

#include "listening_fixture.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

std::string Field(EngineFixture& f, const std::string& name) {
  std::string info = f("INFO replication");
  std::size_t at = info.find("\r\n" + name + ":");
  if (at == std::string::npos) return "<none>";
  at += name.size() + 3;
  return info.substr(at, info.find("\r\n", at) - at);
}

bool Until(const std::function<bool()>& condition) {
  for (int i = 0; i < 20000; ++i) {
    if (condition()) return true;
    usleep(1000);
  }
  return false;
}

TEST(RelayChannel, TakesNewWritesDuringALagAndBecomesTheLink) {
  Listening primary({{"repl-diskless-sync-delay", "0"}, {"repl-ack", "semisync"}, {"repl-semi-sync-timeout", "50"}});
  TempDir dir;
  Listening replica({{"dir", dir.path()}, {"enable-debug-command", "yes"}});
  Socket client(primary.port());
  replica("REPLICAOF 127.0.0.1 " + std::to_string(primary.port()));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Until([&] { return Field(replica, "semi_sync_relay") == "standby"; }));
    primary("CONFIG SET repl-semi-sync-timeout 50");
    replica("DEBUG PAUSE-REPLICA-APPLY 60000");
    client.Send("SET gap " + std::string(30'000, 'g') + "\r\n");
    EXPECT_EQ(client.Read(5), "+OK\r\n");
    ASSERT_TRUE(Until([&] { return Field(replica, "semi_sync_relay") == "relaying" && Field(primary, "semi_sync_master_status") == "ON"; }));
    primary("CONFIG SET repl-semi-sync-timeout 60000");
    for (int i = 0; i < 100; ++i) {
      client.Send("INCR n\r\nSET big " + std::string(10'000, 'b') + "\r\n");
      const std::string count = ":" + std::to_string(round * 200 + i + 1) + "\r\n";
      EXPECT_EQ(client.Read(count.size() + 5), count + "+OK\r\n");
    }
    EXPECT_TRUE(replica("GET n") != primary("GET n"));
    replica("DEBUG PAUSE-REPLICA-APPLY 0");
    for (int i = 100; i < 200; ++i) {
      client.Send("INCR n\r\n");
      const std::string count = ":" + std::to_string(round * 200 + i + 1) + "\r\n";
      EXPECT_EQ(client.Read(count.size()), count);
    }
    ASSERT_TRUE(Until([&] { return Field(replica, "slave_repl_offset") == Field(primary, "master_repl_offset"); }));
    EXPECT_EQ(replica("GET n"), primary("GET n"));
  }
  ASSERT_TRUE(Until([&] { return Field(replica, "semi_sync_relay_bytes") == "0"; }));
  EXPECT_EQ(Field(primary, "connected_slaves"), "1");
  EXPECT_TRUE(primary("INFO stats").find("sync_full:1\r\nsync_partial_ok:0\r\n") != std::string::npos);
  // A promotion in the middle of a lag ends the channel.
  replica("DEBUG PAUSE-REPLICA-APPLY 60000");
  EXPECT_EQ(replica("REPLICAOF NO ONE"), "+OK\r\n");
  EXPECT_EQ(replica("SET mine 1"), "+OK\r\n");
}

}  // namespace
}  // namespace slotwise::test
