// maxmemory-clients: whom the registry disconnects. Elsewhere: when it is asked (net/io_thread.cc).
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

void Takes(EngineFixture& f, TestClient& c, std::uint32_t bytes) {
  ConnectionNumbers numbers;
  numbers.input = bytes;
  c.client.record->Refresh(c.client, numbers);
  f.engine->clients().Count(*c.client.record);
}

TEST(ClientEviction, TheLargestGoUntilTheRestFit) {
  EngineFixture f;
  ClientRegistry& clients = f.engine->clients();
  TestClient a(f), b(f), c(f), d(f);
  Takes(f, a, 100000);
  Takes(f, b, 300000);
  Takes(f, c, 200000);
  d.client.no_evict = true;
  Takes(f, d, 900000);
  const std::int64_t all = clients.memory();
  EXPECT_TRUE(all > 1500000);
  EXPECT_TRUE(clients.EvictLargest(static_cast<std::uint64_t>(all)).empty());
  EXPECT_EQ(clients.EvictLargest(static_cast<std::uint64_t>(all) - 350000).size(), 2u);
  EXPECT_TRUE(b.sink->killed());
  EXPECT_TRUE(c.sink->killed());
  EXPECT_FALSE(a.sink->killed());
  EXPECT_EQ(clients.EvictLargest(1).size(), 1u);  // not the one that said NO-EVICT
  EXPECT_FALSE(d.sink->killed());
}

TEST(ClientEviction, TheSumFollowsEveryClient) {
  EngineFixture f;
  ClientRegistry& clients = f.engine->clients();
  TestClient a(f);
  Takes(f, a, 5000);
  Takes(f, a, 7000);
  EXPECT_EQ(clients.memory(), static_cast<std::int64_t>(a.client.record->memory()));
  EXPECT_EQ(clients.evictable_memory(), clients.memory());
  a.client.no_evict = true;
  Takes(f, a, 7000);
  EXPECT_EQ(clients.evictable_memory(), 0);
  clients.Remove(a.client);
  EXPECT_EQ(clients.memory(), 0);
  clients.Count(*a.client.record);  // the end of its last turn
  EXPECT_EQ(clients.memory(), 0);
}

}  // namespace
}  // namespace slotwise::test
