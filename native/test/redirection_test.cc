// Slot maps as bytes, and what they make of commands: the rules of Redis Cluster, row by row.
#include "cluster/redirection.h"

#include "slot_map_support.h"
#include "test.h"

namespace slotwise {
namespace {

using namespace test;

ONE_THREAD_TEST(SlotMap, SaysWhoOwnsWhat) {
  MapOf of;
  of.open = {{5, false, 1}, {9000, true, 1}};
  auto map = of.Make();
  ASSERT_TRUE(map != nullptr);
  EXPECT_TRUE(map->ok());
  EXPECT_TRUE(map->IsMine(0) && map->IsMine(8191));
  EXPECT_FALSE(map->IsMine(8192));
  EXPECT_EQ(map->Owner(16000), 1);
  EXPECT_EQ(map->Owner(16001), SlotMap::kNobody);
  EXPECT_EQ(map->MigratingTo(5), 1);
  EXPECT_EQ(map->ImportingFrom(5), SlotMap::kNobody);
  EXPECT_EQ(map->ImportingFrom(9000), 1);
}

ONE_THREAD_TEST(SlotMap, RefusesWhatIsNoMap) {
  MapOf of;
  of.open = {{5, false, 1}};
  const std::string good = of.Bytes();
  std::string error;
  ASSERT_TRUE(SlotMap::Parse(good, &error) != nullptr);
  for (std::size_t n = 0; n < good.size(); ++n) {
    error.clear();
    EXPECT_TRUE(SlotMap::Parse(good.substr(0, n), &error) == nullptr);
    EXPECT_TRUE(error.starts_with("not a slot map: "));
  }
  EXPECT_TRUE(SlotMap::Parse(good + "x", &error) == nullptr);
  EXPECT_EQ(error, std::string("not a slot map: too long"));
  auto refused = [](auto&& change) {
    MapOf m;
    change(m);
    std::string why;
    return SlotMap::Parse(m.Bytes(), &why) == nullptr ? why : "accepted";
  };
  EXPECT_EQ(refused([](MapOf& m) { m.runs = {{0, 16384, 0}}; }), std::string("not a slot map: slot out of range"));
  EXPECT_EQ(refused([](MapOf& m) { m.runs = {{2, 1, 0}}; }), std::string("not a slot map: slot out of range"));
  EXPECT_EQ(refused([](MapOf& m) { m.runs = {{0, 1, 3}}; }), std::string("not a slot map: slots of an unknown node"));
  EXPECT_EQ(refused([](MapOf& m) { m.open = {{16384, false, 1}}; }), std::string("not a slot map: slot out of range"));
  EXPECT_EQ(refused([](MapOf& m) { m.open = {{1, false, 7}}; }), std::string("not a slot map: an open slot with an unknown node"));
  EXPECT_EQ(refused([](MapOf& m) { m.myself = 3; }), std::string("not a slot map: it does not name this node"));
  EXPECT_EQ(refused([](MapOf& m) { m.primary = 3; }), std::string("not a slot map: an unknown primary"));
}

const std::string kUnbound = "CLUSTERDOWN Hash slot not served", kDown = "CLUSTERDOWN The cluster is down",
                  kTryAgain = "TRYAGAIN Multiple keys request during rehashing of slot";

// Slots: 0-8191 are mine, 8192-16000 the other's, the rest nobody's. 5 migrates away, 9000 is imported.
struct Rule {
  const char* what;
  SlotQuestion question;
  std::string answer;
  bool ok = true;
  WhenDown when_down = {};
  std::uint16_t primary = SlotMap::kNobody;
};

SlotQuestion Q(int slot, void (*also)(SlotQuestion&) = nullptr) {
  SlotQuestion q;
  q.slot = slot;
  if (also != nullptr) also(q);
  return q;
}

ONE_THREAD_TEST(Redirection, FollowsTheRulesInTheirOrder) {
  const Rule rules[] = {
      {"no keys", Q(-1), "", false},
      {"mine", Q(1), ""},
      {"unbound", Q(16001), kUnbound},
      {"unbound comes before everything", Q(16001, [](SlotQuestion& q) { q.crosses = true; }), kUnbound, false},
      {"two slots", Q(1, [](SlotQuestion& q) { q.crosses = true; }), "CROSSSLOT Keys in request don't hash to the same slot", false},
      {"down", Q(1), kDown, false},
      {"down, reads allowed", Q(1), "", false, {.reads = true}},
      {"down, a write", Q(1, [](SlotQuestion& q) { q.writes = true; }), "CLUSTERDOWN The cluster is down and only accepts read commands", false, {.reads = true}},
      {"down, a channel", Q(1, [](SlotQuestion& q) { q.channels = true; }), "", false},
      {"down, a channel, not allowed", Q(1, [](SlotQuestion& q) { q.channels = true; }), kDown, false, {.channels = false}},
      {"another's", Q(8192), "MOVED 8192 127.0.0.1:7001"},
      {"another's, asking", Q(8192, [](SlotQuestion& q) { q.asking = true; }), "MOVED 8192 127.0.0.1:7001"},
      {"migrating, there", Q(5, [](SlotQuestion& q) { q.present = true; }), ""},
      {"migrating, not there", Q(5, [](SlotQuestion& q) { q.missing = true; }), "ASK 5 127.0.0.1:7001"},
      {"migrating, some there", Q(5, [](SlotQuestion& q) { q.missing = q.present = q.several = true; }), kTryAgain},
      {"MIGRATE itself", Q(5, [](SlotQuestion& q) { q.missing = q.migrates = true; }), ""},
      {"importing, nobody asked", Q(9000, [](SlotQuestion& q) { q.missing = true; }), "MOVED 9000 127.0.0.1:7001"},
      {"importing, asking", Q(9000, [](SlotQuestion& q) { q.missing = q.asking = true; }), ""},
      {"importing, asking for several, one missing", Q(9000, [](SlotQuestion& q) { q.missing = q.asking = q.several = true; }), kTryAgain},
      {"importing, asking for several, all there", Q(9000, [](SlotQuestion& q) { q.present = q.asking = q.several = true; }), ""},
      {"replica, a read", Q(8192), "MOVED 8192 127.0.0.1:7001", true, {}, 1},
      {"replica, a read, READONLY", Q(8192, [](SlotQuestion& q) { q.readonly = true; }), "", true, {}, 1},
      {"replica, a write, READONLY", Q(8192, [](SlotQuestion& q) { q.readonly = q.writes = true; }), "MOVED 8192 127.0.0.1:7001", true, {}, 1},
      {"replica, a channel", Q(8192, [](SlotQuestion& q) { q.channels = true; }), "", true, {}, 1},
  };
  for (const Rule& rule : rules) {
    MapOf of;
    of.ok = rule.ok;
    of.primary = rule.primary;
    of.open = {{5, false, 1}, {9000, true, 1}};
    const std::string answer = Redirection(*of.Make(), rule.question, rule.when_down);
    if (answer != rule.answer) Fail(__FILE__, __LINE__, std::string(rule.what) + ": " + answer);
  }
}

ONE_THREAD_TEST(Redirection, LeavesTheHostOutIfTheClientIsToGoOnWithTheOneItHas) {
  MapOf of;
  of.runs = {{300, 300, 2}};
  EXPECT_EQ(Redirection(*of.Make(), Q(300), {}), std::string("MOVED 300 :7002"));
}

ONE_THREAD_TEST(Redirection, EndsWaitingForWhatWentElsewhere) {
  MapOf of;
  of.open = {{9000, true, 1}};
  EXPECT_EQ(RedirectionOfWaiting(*of.Make(), 1), std::string());
  EXPECT_EQ(RedirectionOfWaiting(*of.Make(), 9000), std::string());
  EXPECT_EQ(RedirectionOfWaiting(*of.Make(), 8192), std::string("MOVED 8192 127.0.0.1:7001"));
  EXPECT_EQ(RedirectionOfWaiting(*of.Make(), 16001), kUnbound);
  of.ok = false;
  EXPECT_EQ(RedirectionOfWaiting(*of.Make(), 1), kDown);
}

}  // namespace
}  // namespace slotwise
