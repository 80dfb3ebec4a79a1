// The users of an engine as threads see them: epochs, deleted accounts, the log of denials, the brakes on guessing.
#include <atomic>
#include <thread>

#include "acl/acl_log.h"
#include "acl/auth_throttle.h"
#include "acl/users.h"
#include "test.h"

namespace slotwise::test {
namespace {

const CommandTable& Table() {
  static const CommandTable table;
  return table;
}

AclUsers::Change Set(AclUsers& users, std::string_view name, std::vector<std::string> rules) { return users.Set(name, rules, false); }

TEST(AclUsers, ThereIsAlwaysADefaultUser) {
  AclUsers users(Table());
  EXPECT_TRUE(users.Find("default").rules->AllowsEverything());
  EXPECT_FALSE(users.default_needs_auth());
  EXPECT_TRUE(users.Delete("default") == nullptr);
  users.Replace({});
  EXPECT_TRUE(users.Find("default").rules->needs_no_auth());
  Set(users, "default", {"off"});
  EXPECT_TRUE(users.default_needs_auth());
  users.ChangeDefault([](AclUser& user) { user.SetPassword("x"); });
  EXPECT_FALSE(users.default_nopass());
}

TEST(AclUsers, EveryChangeRaisesTheEpochAndARefusedOneDoesNot) {
  AclUsers users(Table());
  std::uint64_t before = users.epoch();
  EXPECT_EQ(Set(users, "a", {"on", "+nosuch"}).refusal.rule, "+nosuch");
  EXPECT_EQ(users.epoch(), before);
  EXPECT_TRUE(users.Find("a").account == nullptr);
  Set(users, "a", {"on"});
  EXPECT_TRUE(users.epoch() > before);
  before = users.epoch();
  EXPECT_TRUE(users.Delete("a") != nullptr);
  EXPECT_TRUE(users.epoch() > before);
  EXPECT_TRUE(users.Delete("a") == nullptr);
}

TEST(AclUsers, ADeletedAccountStaysDeleted) {
  AclUsers users(Table());
  AclAccountRef first = Set(users, "a", {"on"}).account;
  users.Delete("a");
  AclAccountRef second = Set(users, "a", {"on", "nopass"}).account;
  EXPECT_TRUE(users.Look(first).rules == nullptr);
  EXPECT_TRUE(users.Look(second).rules != nullptr);
  std::map<std::string, AclUser, std::less<>> same;
  same.emplace("a", AclUser(false));
  std::vector<AclAccountRef> gone = users.Replace(std::move(same));
  ASSERT_TRUE(gone.size() == 1);
  EXPECT_TRUE(gone[0] == second);
  EXPECT_TRUE(users.Look(second).rules == nullptr);
  EXPECT_TRUE(users.Look(users.default_account()).rules != nullptr);
}

TEST(AclUsers, WhoMayLogIn) {
  AclUsers users(Table());
  Set(users, "a", {"on", ">x", ">y"});
  Set(users, "off", {"off", ">x"});
  Set(users, "any", {"on", "nopass"});
  Set(users, "none", {"on"});
  auto in = [&](std::string_view name, std::string_view password) { return users.Authenticate(name, password).rules != nullptr; };
  EXPECT_TRUE(in("a", "x"));
  EXPECT_TRUE(in("a", "y"));
  EXPECT_FALSE(in("a", "z"));
  EXPECT_FALSE(in("a", ""));
  EXPECT_FALSE(in("off", "x"));
  EXPECT_TRUE(in("any", "whatever"));
  EXPECT_FALSE(in("none", ""));
  EXPECT_FALSE(in("nobody", "x"));
  EXPECT_TRUE(in("default", ""));
}

// Readers never see half of a change: whoever may GET may also SET, at any epoch.
TEST(AclUsers, ThreadsSeeWholeChanges) {
  AclUsers users(Table());
  AclAccountRef account = Set(users, "a", {"on", "~*"}).account;
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      std::uint64_t epoch = 0;
      AclRules rules;
      const std::string_view get[] = {"get", "k"}, set[] = {"set", "k", "v"};
      const Command& get_command = *FindAclCommand(Table(), "get");
      const Command& set_command = *FindAclCommand(Table(), "set");
      while (!stop.load()) {
        if (users.epoch() != epoch) {
          AclUsers::View view = users.Look(account);
          if (view.epoch < epoch) ++torn;
          rules = view.rules;
          epoch = view.epoch;
        }
        std::size_t at;
        if (rules->Check(get_command, get, &at) != rules->Check(set_command, set, &at)) ++torn;
        (void)users.Authenticate("a", "x");
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    Set(users, "a", i % 2 == 0 ? std::vector<std::string>{"+get", "+set", ">x"} : std::vector<std::string>{"-set", "-get", "resetpass"});
    Set(users, "b" + std::to_string(i % 7), {"on"});
    users.Delete("b" + std::to_string((i + 3) % 7));
  }
  stop.store(true);
  for (std::thread& t : readers) t.join();
  EXPECT_EQ(torn.load(), 0);
}

AclLog::Entry Denied(const char* object, std::int64_t time_ms, AclDenial reason = AclDenial::kKey) {
  return {1, reason, false, object, "a", time_ms, "info " + std::to_string(time_ms)};
}

TEST(AclLog, NewestFirstAndTheSameAgainIsCounted) {
  AclLog log;
  log.Add(Denied("x", 1000), 128);
  log.Add(Denied("y", 2000), 128);
  log.Add(Denied("x", 3000), 128);
  log.Add(Denied("x", 3000, AclDenial::kCommand), 128);
  std::vector<AclLog::Entry> entries = log.Newest(10);
  ASSERT_TRUE(entries.size() == 3);
  EXPECT_EQ(entries[1].object, "x");
  EXPECT_EQ(entries[1].count, 2u);
  EXPECT_EQ(entries[1].client_info, "info 3000");
  EXPECT_EQ(entries[2].object, "y");
  log.Add(Denied("x", 3000 + AclLog::kGroupMs + 1), 128);  // another story by now
  EXPECT_EQ(log.Newest(10).size(), 4u);
  EXPECT_EQ(log.Newest(1).size(), 1u);
  log.Clear();
  EXPECT_TRUE(log.Newest(10).empty());
}

TEST(AclLog, KeepsAsManyAsItMay) {
  AclLog log;
  for (int i = 0; i < 20; ++i) log.Add(Denied(std::to_string(i).c_str(), i), 5);
  ASSERT_TRUE(log.Newest(100).size() == 5);
  EXPECT_EQ(log.Newest(100)[4].object, "15");
  log.Add(Denied("z", 30), 0);
  EXPECT_TRUE(log.Newest(100).empty());
  log.Add(Denied(std::string(1 << 20, 'k').c_str(), 1), 5);
  EXPECT_EQ(log.Newest(1)[0].object.size(), AclLog::kNameMax);
}

TEST(AuthThrottle, TheDelayGrowsWithEachFailureOfAnAddress) {
  AuthThrottle throttle;
  std::int64_t now = 1000000;
  for (int i = 0; i < AuthThrottle::kFree; ++i) EXPECT_EQ(throttle.Failed("1.2.3.4", now), 0);
  std::int64_t last = 0;
  for (int i = 0; i < 8; ++i) {
    std::int64_t delay = throttle.Failed("1.2.3.4", now);
    EXPECT_TRUE(delay > last);
    last = delay;
  }
  for (int i = 0; i < 100; ++i) last = throttle.Failed("1.2.3.4", now);
  EXPECT_EQ(last, AuthThrottle::kDelayMsMax);
  EXPECT_EQ(throttle.Succeeded("1.2.3.4", now), AuthThrottle::kDelayMsMax);  // a right answer must not be told from a wrong one
  EXPECT_EQ(throttle.Failed("1.2.3.5", now), 0);                             // somebody else
}

TEST(AuthThrottle, TimeForgives) {
  AuthThrottle throttle;
  std::int64_t now = 1000000;
  for (int i = 0; i < 1000; ++i) throttle.Failed("a", now);
  now += AuthThrottle::kForgiveMs * (AuthThrottle::kLevelMax - AuthThrottle::kFree);
  EXPECT_EQ(throttle.Succeeded("a", now), 0);
  EXPECT_EQ(throttle.address_count(), 1u);
  now += AuthThrottle::kForgiveMs * AuthThrottle::kFree;
  EXPECT_EQ(throttle.Succeeded("a", now), 0);
  EXPECT_EQ(throttle.address_count(), 0u);
  for (int i = 0; i < 20; ++i) throttle.Failed("a", now);
  EXPECT_TRUE(throttle.Failed("a", now - 100000) > 0);  // a clock that goes back forgives nothing
}

TEST(AuthThrottle, AddressesHaveAnEnd) {
  AuthThrottle throttle;
  for (std::size_t i = 0; i < AuthThrottle::kAddressesMax + 100; ++i) throttle.Failed(std::to_string(i), 1000000 + static_cast<std::int64_t>(i % 3));
  EXPECT_EQ(throttle.address_count(), AuthThrottle::kAddressesMax);
  throttle.Failed("x", 1000000 + 2 * AuthThrottle::kForgiveMs);
  EXPECT_EQ(throttle.address_count(), 1u);
  EXPECT_EQ(AddressWithoutPort("127.0.0.1:50123"), "127.0.0.1");
  EXPECT_EQ(AddressWithoutPort("[::1]:50123"), "[::1]");
}

}  // namespace
}  // namespace slotwise::test
