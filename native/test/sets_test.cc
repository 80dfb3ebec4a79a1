// Commands on sets: replies as of redis-server 7.0.15, encodings, and what is propagated.
#include <map>
#include <set>

#include "strings_fixture.h"
#include "values/set_value.h"

namespace slotwise {
namespace {

using namespace test;

std::string Array(const std::vector<std::string>& elements, char kind = '*') {
  std::string text = kind + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += Bulk(e);
  return text;
}
const std::string kNoElements = "*0\r\n";
const std::string kIntset = Bulk("intset"), kHashtable = Bulk("hashtable");

// The elements of a reply that is one array or set of bulk strings.
std::vector<std::string> Elements(const std::string& reply) {
  std::vector<std::string> elements;
  std::size_t at = reply.find("\r\n") + 2;
  while (at < reply.size()) {
    std::size_t end = reply.find("\r\n", at);
    auto size = static_cast<std::size_t>(std::stoul(reply.substr(at + 1, end - at - 1)));
    elements.push_back(reply.substr(end + 2, size));
    at = end + 4 + size;
  }
  return elements;
}
std::set<std::string> Members(EngineFixture& f, const std::string& command) {
  std::vector<std::string> elements = Elements(f(command));
  std::set<std::string> members(elements.begin(), elements.end());
  EXPECT_EQ(members.size(), elements.size());  // nothing twice
  return members;
}
using Set = std::set<std::string>;

TEST(Sets, MembersAreAddedFoundAndRemoved) {
  EngineFixture f;
  Expect(f, {
      {"SADD s a b a 12", Int(3)},
      {"SADD s a", Int(0)},
      {"TYPE s", "+set\r\n"},
      {"SCARD s", Int(3)},
      {"SCARD none", Int(0)},
      {"SISMEMBER s a", Int(1)},
      {"SISMEMBER s 12", Int(1)},
      {"SISMEMBER s 012", Int(0)},
      {"SISMEMBER none a", Int(0)},
      {"SMISMEMBER s a x 12", "*3\r\n:1\r\n:0\r\n:1\r\n"},
      {"SMISMEMBER none a x", "*2\r\n:0\r\n:0\r\n"},
      {"SMEMBERS s", Array({"a", "b", "12"})},
      {"SMEMBERS none", kNoElements},
      {"SREM s a x a", Int(1)},
      {"SREM none a", Int(0)},
      {"SREM s b 12 y", Int(2)},
      {"EXISTS s", Int(0)},
  });
}

TEST(Sets, OtherTypesAreRefused) {
  EngineFixture f;
  Expect(f, {{"SET s 1", kOk}, {"SADD set a", Int(1)}});
  for (const char* command :
       {"SADD s a", "SREM s a", "SCARD s", "SISMEMBER s a", "SMISMEMBER s a", "SMEMBERS s", "SMOVE s set a", "SMOVE set s a", "SPOP s", "SPOP s 1",
        "SRANDMEMBER s", "SRANDMEMBER s 1", "SSCAN s 0", "SINTER s", "SINTER set s", "SINTER none s", "SUNION set s", "SDIFF set s", "SINTERCARD 2 set s",
        "SINTERSTORE to set s", "SUNIONSTORE to none s", "SDIFFSTORE to none s"}) {
    Expect(f, {{command, kWrongKind}});
  }
  Expect(f, {{"GET s", Bulk("1")}, {"EXISTS to", Int(0)}, {"SMOVE none s a", Int(0)}, {"SCARD set", Int(1)}});
}

TEST(Sets, EncodingIsWhatRedisSays) {
  EngineFixture f;
  Expect(f, {
      {"SADD i 1 2 3", Int(3)},
      {"OBJECT ENCODING i", kIntset},
      {"SADD i a", Int(1)},
      {"OBJECT ENCODING i", kHashtable},
      {"SMEMBERS i", Array({"1", "2", "3", "a"})},
      {"SADD s a", Int(1)},
      {"OBJECT ENCODING s", kHashtable},
      {"SREM i a", Int(1)},
      {"OBJECT ENCODING i", kHashtable},  // it does not go back
      {"SADD big 9223372036854775807 -9223372036854775808", Int(2)},
      {"OBJECT ENCODING big", kIntset},
      {"SADD big 9223372036854775808", Int(1)},
      {"OBJECT ENCODING big", kHashtable},
      {"CONFIG SET set-max-intset-entries 3", kOk},
      {"SADD few 1 2 3", Int(3)},
      {"OBJECT ENCODING few", kIntset},
      {"SADD few 3", Int(0)},
      {"OBJECT ENCODING few", kIntset},
      {"SADD few 4", Int(1)},
      {"OBJECT ENCODING few", kHashtable},
      {"SUNIONSTORE to few", Int(4)},
      {"OBJECT ENCODING to", kHashtable},
      {"SDIFFSTORE to few s", Int(4)},
      {"OBJECT ENCODING to", kHashtable},
      {"SREM few 4", Int(1)},
      {"SINTERSTORE to few few", Int(3)},
      {"OBJECT ENCODING to", kIntset},
      {"COPY to again", Int(1)},
      {"OBJECT ENCODING again", kIntset},
      {"COPY s packed", Int(1)},
      {"OBJECT ENCODING packed", kHashtable},
  });
}

// From intset to listpack to table, over every edge between the forms, against a model.
TEST(Sets, AgainstAModelInAllForms) {
  for (int strings_in_ten : {0, 1, 5, 10}) {
    for (int range : {30, 90, 2000}) {
      EngineFixture f({{"enable-debug-command", "yes"}});
      Random random(static_cast<std::uint64_t>(strings_in_ten * 10000 + range));
      Set model;
      for (int i = 0; i < 3000; ++i) {
        std::uint64_t n = random.Below(static_cast<std::uint64_t>(range));
        std::string member = random.Below(10) < static_cast<std::uint64_t>(strings_in_ten) ? "m" + std::to_string(n) : std::to_string(n);
        if (strings_in_ten == 5 && n % 29 == 0) member += std::string(70, 'x');
        if (random.Below(3) > 0) ASSERT_EQ(f.Run({"SADD", "s", member}), Int(model.insert(member).second));
        else ASSERT_EQ(f.Run({"SREM", "s", member}), Int(static_cast<long long>(model.erase(member))));
        ASSERT_EQ(f("SCARD s"), Int(static_cast<long long>(model.size())));
      }
      EXPECT_TRUE(Members(f, "SMEMBERS s") == model);
      for (const std::string& member : model) ASSERT_EQ(f.Run({"SISMEMBER", "s", member}), Int(1));
      f("COPY s copy");
      std::string digest = f("DEBUG DIGEST-VALUE s");
      EXPECT_EQ(digest.size(), 47u);
      while (!model.empty()) {
        std::vector<std::string> popped = Elements("*1\r\n" + f("SPOP s"));
        ASSERT_EQ(popped.size(), 1u);
        ASSERT_EQ(model.erase(popped[0]), 1u);
      }
      EXPECT_EQ(f("EXISTS s"), Int(0));
      EXPECT_EQ(f("DEBUG DIGEST-VALUE copy"), digest);
    }
  }
}

// Redis 7.0.15: DEBUG DIGEST-VALUE of the same sets.
TEST(Sets, DigestsAreRedis) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  Expect(f, {
      {"SADD s a 1 '' xyz", Int(4)},
      {"SADD i 3 -1 500", Int(3)},
      {"DEBUG DIGEST-VALUE s i", "*2\r\n+bdafe31c7005db7fc1669be31a5bd491495df30f\r\n+44d929bf7cef73a73d8115c48de33712934a2a53\r\n"},
  });
}

TEST(Sets, Move) {
  EngineFixture f;
  Expect(f, {
      {"SADD a 1 x", Int(2)},
      {"SMOVE a b none", Int(0)},
      {"SMOVE none a x", Int(0)},
      {"EXISTS b", Int(0)},
      {"SMOVE a a x", Int(1)},
      {"SMOVE a a none", Int(0)},
      {"SMOVE a b 1", Int(1)},
      {"OBJECT ENCODING b", kIntset},
      {"SADD b x", Int(1)},
      {"SMOVE a b x", Int(1)},  // it was there already
      {"EXISTS a", Int(0)},
      {"SMEMBERS b", Array({"1", "x"})},
  });
}

TEST(Sets, Algebra) {
  EngineFixture f;
  Expect(f, {
      {"SADD a 1 2 3 4 x", Int(5)},
      {"SADD b 3 4 5", Int(3)},
      {"SADD c 4 x", Int(2)},
      {"SINTER a b", Array({"3", "4"})},
      {"SINTER a b c", Array({"4"})},
      {"SINTER a none", kNoElements},
      {"SINTER none", kNoElements},
      {"SINTER a a", Array({"1", "2", "3", "4", "x"})},
      {"SDIFF a b", Array({"1", "2", "x"})},
      {"SDIFF b a", Array({"5"})},
      {"SDIFF a b none c", Array({"1", "2"})},
      {"SDIFF a a", kNoElements},
      {"SDIFF a none a", kNoElements},
      {"SDIFF none a", kNoElements},
      {"SUNION none", kNoElements},
      {"SUNION b", Array({"3", "4", "5"})},
      {"SINTERCARD 2 a b", Int(2)},
      {"SINTERCARD 2 a b LIMIT 1", Int(1)},
      {"SINTERCARD 2 a b LIMIT 0", Int(2)},
      {"SINTERCARD 2 a b LIMIT 10", Int(2)},
      {"SINTERCARD 1 a", Int(5)},
      {"SINTERCARD 2 a none", Int(0)},
      {"SINTERCARD 0 a", Err("ERR numkeys should be greater than 0")},
      {"SINTERCARD x a", Err("ERR numkeys should be greater than 0")},
      {"SINTERCARD 2 a", Err("ERR Number of keys can't be greater than number of args")},
      {"SINTERCARD 1 a b", kBadSyntax},
      {"SINTERCARD 1 a LIMIT", kBadSyntax},
      {"SINTERCARD 1 a LIMIT -1", Err("ERR LIMIT can't be negative")},
      {"SINTERCARD 1 a LIMIT x", Err("ERR LIMIT can't be negative")},
  });
  EXPECT_TRUE(Members(f, "SUNION a b c none") == (Set{"1", "2", "3", "4", "5", "x"}));
}

TEST(Sets, StoredResultsReplaceTheDestination) {
  EngineFixture f;
  Expect(f, {
      {"SADD a 1 2 3", Int(3)},
      {"SADD b 2 3 4", Int(3)},
      {"SET to string EX 100", kOk},
      {"SINTERSTORE to a b", Int(2)},
      {"TTL to", Int(-1)},
      {"SMEMBERS to", Array({"2", "3"})},
      {"SUNIONSTORE a a b", Int(4)},  // the destination is a source
      {"SMEMBERS a", Array({"1", "2", "3", "4"})},
      {"SDIFFSTORE a a b", Int(1)},
      {"SMEMBERS a", Array({"1"})},
      {"SDIFFSTORE to a a", Int(0)},
      {"EXISTS to", Int(0)},
      {"SUNIONSTORE a none", Int(0)},
      {"EXISTS a", Int(0)},
      {"SINTERSTORE b b none", Int(0)},
      {"EXISTS b", Int(0)},
  });
}

// Big sets of mixed forms: both ways to make a difference, intersections of tables and listpacks.
TEST(Sets, AlgebraAgainstAModel) {
  EngineFixture f;
  Random random(23);
  for (int round = 0; round < 60; ++round) {
    std::vector<Set> sets(4);
    for (int s = 0; s < 4; ++s) {
      std::string key = "s" + std::to_string(s);
      f("DEL " + key);
      std::uint64_t size = random.Below(2) ? random.Below(20) : random.Below(400);
      std::uint64_t range = random.Below(2) ? 50 : 500;
      for (std::uint64_t i = 0; i < size; ++i) {
        std::string member = (random.Below(4) == 0 ? "m" : "") + std::to_string(random.Below(range));
        f("SADD " + key + " " + member);
        sets[static_cast<std::size_t>(s)].insert(member);
      }
    }
    Set both, all = sets[0], rest;
    for (const std::string& m : sets[0]) {
      if (sets[1].count(m) && sets[2].count(m)) both.insert(m);
      if (!sets[1].count(m) && !sets[2].count(m) && !sets[3].count(m)) rest.insert(m);
    }
    for (const Set& s : sets) all.insert(s.begin(), s.end());
    EXPECT_TRUE(Members(f, "SINTER s0 s1 s2") == both);
    EXPECT_TRUE(Members(f, "SUNION s0 s1 s2 s3") == all);
    EXPECT_TRUE(Members(f, "SDIFF s0 s1 s2 s3") == rest);
    EXPECT_EQ(f("SINTERSTORE i s0 s1 s2"), Int(static_cast<long long>(both.size())));
    EXPECT_EQ(f("SINTERCARD 3 s0 s1 s2"), Int(static_cast<long long>(both.size())));
    EXPECT_EQ(f("SUNIONSTORE u s0 s1 s2 s3"), Int(static_cast<long long>(all.size())));
    EXPECT_EQ(f("SDIFFSTORE d s0 s1 s2 s3"), Int(static_cast<long long>(rest.size())));
    EXPECT_TRUE(Members(f, "SMEMBERS i") == both);
    EXPECT_TRUE(Members(f, "SMEMBERS u") == all);
    EXPECT_TRUE(Members(f, "SMEMBERS d") == rest);
  }
}

TEST(Sets, Resp3HasSets) {
  EngineFixture f;
  f("HELLO 3");
  Expect(f, {
      {"SMEMBERS none", "~0\r\n"},
      {"SADD s a", Int(1)},
      {"SMEMBERS s", Array({"a"}, '~')},
      {"SINTER s", Array({"a"}, '~')},
      {"SUNION s", Array({"a"}, '~')},
      {"SDIFF s", Array({"a"}, '~')},
      {"SPOP s 0", "~0\r\n"},
      {"SRANDMEMBER s 1", Array({"a"})},
      {"SRANDMEMBER none", "_\r\n"},
      {"SPOP none", "_\r\n"},
      {"SPOP none 1", "~0\r\n"},
      {"SPOP s 1", Array({"a"}, '~')},
  });
}

TEST(Sets, RandomMembersAndTheirArguments) {
  EngineFixture f;
  const std::string kBeyond = Err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  Expect(f, {
      {"SRANDMEMBER none", kNull},
      {"SRANDMEMBER none 3", kNoElements},
      {"SADD s a", Int(1)},
      {"SRANDMEMBER s", Bulk("a")},
      {"SRANDMEMBER s 0", kNoElements},
      {"SRANDMEMBER s 9", Array({"a"})},
      {"SRANDMEMBER s -3", Array({"a", "a", "a"})},
      {"SRANDMEMBER s x", kNotAnInteger},
      {"SRANDMEMBER s 1 2", kBadSyntax},
      {"SRANDMEMBER s -9223372036854775808", kBeyond},
      {"SRANDMEMBER s -9223372036854775807", Err("ERR value is out of range")},  // Redis would answer until memory is gone
      {"SPOP none", kNull},
      {"SPOP none 1", kNoElements},
      {"SPOP s 0", kNoElements},
      {"SPOP s -1", Err("ERR value is out of range, must be positive")},
      {"SPOP s x", Err("ERR value is out of range, must be positive")},
      {"SPOP s 1 2", kBadSyntax},
      {"SPOP s", Bulk("a")},
      {"EXISTS s", Int(0)},
  });
}

TEST(Sets, SamplesAreFairAndDistinct) {
  // A prefix for each form: integers, a listpack, a table.
  for (std::string prefix : {"", "m", "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"}) {
    EngineFixture f;
    constexpr int kMembers = 30;
    auto fill = [&] {
      for (int i = 0; i < kMembers; ++i) f("SADD s " + prefix + std::to_string(i));
    };
    fill();
    for (std::string command : {"SRANDMEMBER s 1", "SRANDMEMBER s 5", "SRANDMEMBER s 20", "SRANDMEMBER s -7", "SPOP s 1", "SPOP s 5", "SPOP s 28"}) {
      int count = std::abs(std::stoi(command.substr(command.rfind(' '))));
      std::map<std::string, int> counts;
      constexpr int kRounds = 1500;
      for (int round = 0; round < kRounds; ++round) {
        std::vector<std::string> drawn = Elements(f(command));
        ASSERT_EQ(drawn.size(), static_cast<std::size_t>(count));
        if (command.find('-') == std::string::npos) ASSERT_EQ(Set(drawn.begin(), drawn.end()).size(), drawn.size());
        for (const std::string& member : drawn) ++counts[member];
        if (command[1] == 'P') {
          ASSERT_EQ(f("SCARD s"), Int(kMembers - count));
          fill();
        }
      }
      EXPECT_EQ(counts.size(), static_cast<std::size_t>(kMembers));
      double expected = kRounds * count / static_cast<double>(kMembers), chi = 0;
      for (const auto& [member, n] : counts) chi += (n - expected) * (n - expected) / expected;
      EXPECT_TRUE(chi < 73);  // 29 degrees of freedom: 0.001 %
    }
  }
}

TEST(Sets, PoppingMostKeepsTheRest) {
  EngineFixture f;
  for (int i = 0; i < 1000; ++i) f("SADD s m" + std::to_string(i));
  std::vector<std::string> popped = Elements(f("SPOP s 990"));
  Set left = Members(f, "SMEMBERS s");
  EXPECT_EQ(left.size(), 10u);
  for (const std::string& member : popped) EXPECT_EQ(left.count(member), 0u);
  EXPECT_EQ(Set(popped.begin(), popped.end()).size(), 990u);
  EXPECT_EQ(Members(f, "SPOP s 100").size(), 10u);
  EXPECT_EQ(f("EXISTS s"), Int(0));
}

TEST(Sets, ScanGoesThroughEverything) {
  EngineFixture f;
  Expect(f, {
      {"SSCAN none 0", "*2\r\n" + Bulk("0") + kNoElements},
      {"SSCAN none x", Err("ERR invalid cursor")},
      {"SADD s 1 2 30", Int(3)},
      {"SSCAN s 0", "*2\r\n" + Bulk("0") + Array({"1", "2", "30"})},
      {"SSCAN s 0 MATCH 3*", "*2\r\n" + Bulk("0") + Array({"30"})},
      {"SSCAN s 0 COUNT 0", kBadSyntax},
      {"SSCAN s 0 TYPE set", kBadSyntax},
  });
  for (int i = 0; i < 2000; ++i) f("SADD big m" + std::to_string(i));
  Set seen;
  std::string cursor = "0";
  int calls = 0;
  do {
    std::string reply = f("SSCAN big " + cursor + " COUNT 50");
    std::size_t begin = reply.find("\r\n", 4) + 2, end = reply.find("\r\n", begin);
    cursor = reply.substr(begin, end - begin);
    for (const std::string& member : Elements(reply.substr(end + 2))) seen.insert(member);
    f("SREM big x" + std::to_string(calls));
    f("SADD big x" + std::to_string(calls + 1));
    ++calls;
  } while (cursor != "0" && calls < 1000);
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(seen.count("m" + std::to_string(i)), 1u);
  EXPECT_TRUE(calls > 10);
}

TEST(Sets, EffectsArePropagated) {
  LoggingFixture log;
  EXPECT_EQ(log.Effects("SADD s 1 2 2"), "SADD s 1 2 2\n");
  EXPECT_EQ(log.Effects("SADD s 1"), "");
  EXPECT_EQ(log.Effects("SREM s none"), "");
  EXPECT_EQ(log.Effects("SPOP s 0"), "");
  EXPECT_EQ(log.Effects("SREM s 2"), "SREM s 2\n");
  EXPECT_EQ(log.Effects("SPOP s"), "SREM s 1\n");
  EXPECT_EQ(log.Effects("SPOP s"), "");
  log.f("SADD s a b c d e f g h i j");
  EXPECT_EQ(log.Effects("SPOP s 100"), "DEL s\n");
  log.f("SADD s a b");
  std::string effects = log.Effects("SPOP s 1");
  EXPECT_TRUE(effects == "SREM s a\n" || effects == "SREM s b\n");
  log.f("SADD s a b c d e f g h i j k l m n o p q r s t");
  std::string many = log.Effects("SPOP s 19");
  EXPECT_EQ(std::count(many.begin(), many.end(), '\n'), 19);
  EXPECT_EQ(log.f("SCARD s"), Int(1));
  log.f("DEL s");
  log.f("SADD s a b");
  EXPECT_EQ(log.Effects("SMOVE s t a"), "SMOVE s t a\n");
  EXPECT_EQ(log.Effects("SMOVE s t none"), "");
  EXPECT_EQ(log.Effects("SUNIONSTORE u s t"), "SUNIONSTORE u s t\n");
  EXPECT_EQ(log.Effects("SINTERSTORE none s none"), "");
  EXPECT_EQ(log.Effects("SINTERSTORE u s none"), "SINTERSTORE u s none\n");
}

TEST(Sets, MemoryOfSmallSets) {
  EngineFixture f;
  for (int i = 0; i < 10; ++i) f("SADD s member:" + std::to_string(100000000 + i));
  std::string usage = f("MEMORY USAGE s");
  EXPECT_TRUE(std::stoll(usage.substr(1)) < 260);  // Redis: 700
}

// Looking ahead at a batch changes nothing, whatever the keys hold, and leaves no stripe locked.
TEST(Sets, LookingAheadChangesNothing) {
  EngineFixture f;
  f("SET string x");
  f("SADD packed a b");
  f("SADD ints 1 2");
  f("HSET hash a 1");
  for (int i = 0; i < 3000; ++i) f("SADD big " + std::to_string(i) + "m");
  std::vector<std::vector<std::string>> lines = {{"SADD", "big", "1m"}, {"SADD", "big", "none"}, {"SPOP", "big"}, {"SADD", "none", "a"}, {"SADD", "string", "a"},
                                                 {"SISMEMBER", "packed", "a"}, {"SISMEMBER", "ints", "1"}, {"SISMEMBER", "ints", "1"}, {"HGET", "hash", "a"},
                                                 {"HGETALL", "hash"}, {"HGETALL", "big"}, {"GET", "string"}, {"SADD"}, {"NOSUCH", "x"}, {"SINTER", "big", "ints"}};
  std::vector<std::vector<std::string_view>> args;
  for (const auto& line : lines) args.emplace_back(line.begin(), line.end());
  std::vector<PreparedCommand> batch(args.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].client = &f.client;
    batch[i].args = args[i];
    f.engine->Prepare(batch[i], i == 0 ? nullptr : &batch[i - 1]);
    KeyRef key(batch[i].key.key);
    EXPECT_EQ(batch[i].key.hash, batch[i].key_index == UINT32_MAX ? batch[i].key.hash : key.hash);
    EXPECT_EQ(batch[i].key.slot, batch[i].key_index == UINT32_MAX ? batch[i].key.slot : key.slot);
  }
  f.engine->PrefetchObjects(batch);
  Expect(f, {{"SCARD big", Int(3000)}, {"SCARD packed", Int(2)}, {"SCARD ints", Int(2)}, {"HLEN hash", Int(1)}, {"GET string", Bulk("x")}, {"EXISTS none", Int(0)}});
}

}  // namespace
}  // namespace slotwise
