// Commands on hashes: replies as of redis-server 7.0.15, encodings, and what is propagated.
#include <map>
#include <set>
#include <thread>

#include "engine/cron.h"
#include "strings_fixture.h"
#include "values/hash_value.h"

namespace slotwise {
namespace {

using namespace test;

std::string Array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += Bulk(e);
  return text;
}
const std::string kNoElements = "*0\r\n", kNothingScanned = "*2\r\n$1\r\n0\r\n*0\r\n";

TEST(Hashes, FieldsAreSetReadAndDeleted) {
  EngineFixture f;
  Expect(f, {
      {"HSET h a 1 b two", Int(2)},
      {"HSET h a 3 c 4", Int(1)},
      {"HMSET h d 5 a 6", kOk},
      {"HSETNX h a 7", Int(0)},
      {"HSETNX h e 8", Int(1)},
      {"HSETNX new e 8", Int(1)},
      {"TYPE h", "+hash\r\n"},
      {"HGET h a", Bulk("6")},
      {"HGET h none", kNull},
      {"HGET none a", kNull},
      {"HMGET h a none b", "*3\r\n" + Bulk("6") + kNull + Bulk("two")},
      {"HMGET none a b", "*2\r\n" + kNull + kNull},
      {"HLEN h", Int(5)},
      {"HLEN none", Int(0)},
      {"HSTRLEN h b", Int(3)},
      {"HSTRLEN h a", Int(1)},
      {"HSTRLEN h none", Int(0)},
      {"HSTRLEN none a", Int(0)},
      {"HEXISTS h a", Int(1)},
      {"HEXISTS h none", Int(0)},
      {"HEXISTS none a", Int(0)},
      {"HGETALL h", Array({"a", "6", "b", "two", "c", "4", "d", "5", "e", "8"})},
      {"HKEYS h", Array({"a", "b", "c", "d", "e"})},
      {"HVALS h", Array({"6", "two", "4", "5", "8"})},
      {"HGETALL none", kNoElements},
      {"HKEYS none", kNoElements},
      {"HVALS none", kNoElements},
      {"HDEL h a none b b", Int(2)},
      {"HDEL none a", Int(0)},
      {"HDEL h c d e x", Int(3)},
      {"EXISTS h", Int(0)},
      {"HSET h a", Err("ERR wrong number of arguments for 'hset' command")},
      {"HSET h a 1 b", Err("ERR wrong number of arguments for 'hset' command")},
      {"HMSET h a 1 b", Err("ERR wrong number of arguments for 'hmset' command")},
      {"EXISTS h", Int(0)},
  });
}

TEST(Hashes, OtherTypesAreRefused) {
  EngineFixture f;
  Expect(f, {{"SET s 1", kOk}});
  for (const char* command : {"HSET s a 1", "HMSET s a 1", "HSETNX s a 1", "HGET s a", "HMGET s a", "HDEL s a", "HLEN s", "HSTRLEN s a", "HEXISTS s a",
                              "HGETALL s", "HKEYS s", "HVALS s", "HINCRBY s a 1", "HINCRBYFLOAT s a 1", "HRANDFIELD s", "HRANDFIELD s 1", "HSCAN s 0"}) {
    Expect(f, {{command, kWrongKind}});
  }
  Expect(f, {{"GET s", Bulk("1")}});
}

TEST(Hashes, EncodingFollowsTheLimits) {
  EngineFixture f;
  std::string longest(64, 'x');
  Expect(f, {
      {("HSET h f " + longest).c_str(), Int(1)},
      {"OBJECT ENCODING h", Bulk("listpack")},
      {("HSET h f " + longest + "x").c_str(), Int(0)},
      {"OBJECT ENCODING h", Bulk("hashtable")},
      {"HSET h f short", Int(0)},
      {"OBJECT ENCODING h", Bulk("hashtable")},  // it does not go back
      {("HSETNX g " + longest + "x 1").c_str(), Int(1)},
      {"OBJECT ENCODING g", Bulk("hashtable")},
      {"CONFIG SET hash-max-ziplist-entries 3", kOk},
      {"CONFIG GET hash-max-listpack-entries", Array({"hash-max-listpack-entries", "3"})},
      {"HSET n a 1 b 2 c 3", Int(3)},
      {"OBJECT ENCODING n", Bulk("listpack")},
      {"HSET n a 9", Int(0)},
      {"OBJECT ENCODING n", Bulk("listpack")},
      {"HINCRBY n d 4", Int(4)},
      {"OBJECT ENCODING n", Bulk("hashtable")},
      {"HGET n a", Bulk("9")},
      {"HGET n d", Bulk("4")},
      {"HLEN n", Int(4)},
      {"CONFIG SET hash-max-listpack-value 4", kOk},
      {"HSET v f 1234", Int(1)},
      {"OBJECT ENCODING v", Bulk("listpack")},
      {"HINCRBY v f 10000", Int(11234)},
      {"OBJECT ENCODING v", Bulk("hashtable")},
  });
}

TEST(Hashes, NumbersAreCounted) {
  EngineFixture f;
  Expect(f, {
      {"HINCRBY h n 5", Int(5)},
      {"HINCRBY h n -7", Int(-2)},
      {"HGET h n", Bulk("-2")},
      {"HSET h n 9223372036854775806", Int(0)},
      {"HINCRBY h n 1", Int(9223372036854775807)},
      {"HINCRBY h n 1", Err("ERR increment or decrement would overflow")},
      {"HSET h n -9223372036854775808", Int(0)},
      {"HINCRBY h n -1", Err("ERR increment or decrement would overflow")},
      {"HSET h s abc sp ' 1' f 1.5 e ''", Int(4)},
      {"HINCRBY h s 1", Err("ERR hash value is not an integer")},
      {"HINCRBY h sp 1", Err("ERR hash value is not an integer")},
      {"HINCRBY h f 1", Err("ERR hash value is not an integer")},
      {"HINCRBY h e 1", Err("ERR hash value is not an integer")},
      {"HINCRBY h n x", kNotAnInteger},
      {"HINCRBY none n x", kNotAnInteger},
      {"HINCRBYFLOAT h f 0.1", Bulk("1.6")},
      {"HINCRBYFLOAT h f -1.6", Bulk("0")},
      {"HINCRBYFLOAT h new 5.0e3", Bulk("5000")},
      {"HINCRBYFLOAT h s 1", Err("ERR hash value is not a float")},
      {"HINCRBYFLOAT h sp 1", Err("ERR hash value is not a float")},
      {"HINCRBYFLOAT h e 1", Err("ERR hash value is not a float")},
      {"HINCRBYFLOAT h f x", Err("ERR value is not a valid float")},
      {"HINCRBYFLOAT h f inf", Err("ERR value is NaN or Infinity")},
      {"HINCRBYFLOAT h f nan", Err("ERR value is not a valid float")},
      {"HSET h i inf", Int(1)},
      {"HINCRBYFLOAT h i 1", Err("ERR increment would produce NaN or Infinity")},
      {"EXISTS none", Int(0)},
  });
}

// The same commands on a listpack and on a table against a map.
TEST(Hashes, AgainstAModelInBothForms) {
  for (const char* limit : {"512", "0"}) {
    EngineFixture f({{"hash-max-listpack-entries", limit}, {"enable-debug-command", "yes"}});
    Random random(3);
    std::map<std::string, std::string> model;
    for (int i = 0; i < 6000; ++i) {
      std::string field = random.Below(2) ? std::to_string(random.Below(100)) : "f" + std::to_string(random.Below(100));
      if (random.Below(3) > 0) {
        std::string value = random.Below(2) ? std::to_string(random.Next() >> random.Below(64)) : std::string(random.Below(60), 'v');
        ASSERT_EQ(f.Run({"HSET", "h", field, value}), Int(model.count(field) == 0));
        model[field] = value;
      } else {
        ASSERT_EQ(f.Run({"HDEL", "h", field}), Int(static_cast<long long>(model.erase(field))));
      }
      ASSERT_EQ(f("HLEN h"), Int(static_cast<long long>(model.size())));
    }
    for (const auto& [field, value] : model) ASSERT_EQ(f.Run({"HGET", "h", field}), Bulk(value));
    std::string digest = f("DEBUG DIGEST-VALUE h");
    EXPECT_EQ(digest.size(), 47u);
    EXPECT_EQ(f("COPY h copy"), Int(1));
    for (const auto& [field, value] : model) ASSERT_EQ(f.Run({"HDEL", "h", field}), Int(1));
    EXPECT_EQ(f("EXISTS h"), Int(0));
    EXPECT_EQ(f("DEBUG DIGEST-VALUE copy"), digest);
  }
}

// Redis 7.0.15: DEBUG DIGEST-VALUE of the same hashes.
TEST(Hashes, DigestsAreRedis) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  Expect(f, {{"HSET h a 1 b two '' x", Int(3)}, {"DEBUG DIGEST-VALUE h", "*1\r\n+fd7f913bdc5013afb51007b7195e7298ffb65726\r\n"}});
}

TEST(Hashes, Resp3HasMapsAndPairs) {
  EngineFixture f;
  f("HELLO 3");
  Expect(f, {
      {"HGETALL none", "%0\r\n"},
      {"HSET h a 1", Int(1)},
      {"HGETALL h", "%1\r\n" + Bulk("a") + Bulk("1")},
      {"HKEYS h", Array({"a"})},
      {"HGET h none", "_\r\n"},
      {"HRANDFIELD h 5 WITHVALUES", "*1\r\n*2\r\n" + Bulk("a") + Bulk("1")},
      {"HRANDFIELD h -2 WITHVALUES", "*2\r\n*2\r\n" + Bulk("a") + Bulk("1") + "*2\r\n" + Bulk("a") + Bulk("1")},
      {"HRANDFIELD none", "_\r\n"},
      {"HSCAN h 0", "*2\r\n" + Bulk("0") + Array({"a", "1"})},
  });
}

TEST(Hashes, RandomFieldsAndTheirArguments) {
  EngineFixture f;
  Expect(f, {
      {"HRANDFIELD none", kNull},
      {"HRANDFIELD none 3", kNoElements},
      {"HSET h a 1", Int(1)},
      {"HRANDFIELD h", Bulk("a")},
      {"HRANDFIELD h 0", kNoElements},
      {"HRANDFIELD h 9", Array({"a"})},
      {"HRANDFIELD h -3", Array({"a", "a", "a"})},
      {"HRANDFIELD h 9 withvalues", Array({"a", "1"})},
      {"HRANDFIELD h -2 withvalues", Array({"a", "1", "a", "1"})},
      {"HRANDFIELD h x", kNotAnInteger},
      {"HRANDFIELD h -9223372036854775808",
       Err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")},
      {"HRANDFIELD h -9223372036854775808 WITHVALUES",
       Err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")},
      {"HRANDFIELD h 9223372036854775807 WITHVALUES", Err("ERR value is out of range")},
      {"HRANDFIELD h 9223372036854775807", Array({"a"})},
      {"HRANDFIELD h -9223372036854775807", Err("ERR value is out of range")},  // Redis would answer until memory is gone
      {"HRANDFIELD h 1 WITH", kBadSyntax},
      {"HRANDFIELD h 1 WITHVALUES x", kBadSyntax},
  });
}

// Field names of a reply that is a flat array.
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

TEST(Hashes, SamplesAreFairAndDistinct) {
  for (const char* limit : {"512", "0"}) {
    EngineFixture f({{"hash-max-listpack-entries", limit}});
    constexpr int kFields = 30;
    for (int i = 0; i < kFields; ++i) f("HSET h f" + std::to_string(i) + " v" + std::to_string(i));
    for (int count : {1, 5, 20, -7}) {
      std::map<std::string, int> counts;
      constexpr int kRounds = 1500;
      for (int round = 0; round < kRounds; ++round) {
        std::vector<std::string> drawn = Elements(f("HRANDFIELD h " + std::to_string(count)));
        ASSERT_EQ(drawn.size(), static_cast<std::size_t>(std::abs(count)));
        if (count > 0) ASSERT_EQ(std::set<std::string>(drawn.begin(), drawn.end()).size(), drawn.size());
        for (const std::string& field : drawn) ++counts[field];
      }
      EXPECT_EQ(counts.size(), static_cast<std::size_t>(kFields));
      double expected = kRounds * std::abs(count) / static_cast<double>(kFields), chi = 0;
      for (const auto& [field, n] : counts) chi += (n - expected) * (n - expected) / expected;
      EXPECT_TRUE(chi < 73);  // 29 degrees of freedom: 0.001 %
    }
    std::vector<std::string> pairs = Elements(f("HRANDFIELD h 20 WITHVALUES"));
    ASSERT_EQ(pairs.size(), 40u);
    for (std::size_t i = 0; i < 40; i += 2) EXPECT_EQ(pairs[i].substr(1), pairs[i + 1].substr(1));
  }
}

TEST(Hashes, ScanGoesThroughEverything) {
  EngineFixture f;
  Expect(f, {
      {"HSCAN none 0", kNothingScanned},
      {"HSCAN none x", Err("ERR invalid cursor")},
      {"HSCAN none 0 COUNT x", kNothingScanned},  // options of a key that is absent are not looked at
      {"HSET h a 1 12 2", Int(2)},
      {"HSCAN h 0", "*2\r\n" + Bulk("0") + Array({"a", "1", "12", "2"})},
      {"HSCAN h 0 MATCH 1*", "*2\r\n" + Bulk("0") + Array({"12", "2"})},
      {"HSCAN h 0 COUNT 0", kBadSyntax},
      {"HSCAN h 0 COUNT x", kNotAnInteger},
      {"HSCAN h 0 TYPE hash", kBadSyntax},
      {"HSCAN h 0 MATCH", kBadSyntax},
  });
  for (int i = 0; i < 2000; ++i) f("HSET big f" + std::to_string(i) + " " + std::to_string(i));
  std::set<std::string> seen;
  std::string cursor = "0";
  int calls = 0;
  do {
    std::string reply = f("HSCAN big " + cursor + " COUNT 50");
    std::size_t begin = reply.find("\r\n", 4) + 2, end = reply.find("\r\n", begin);
    cursor = reply.substr(begin, end - begin);
    std::size_t array = end + 2;
    std::vector<std::string> found = Elements(reply.substr(array));
    for (std::size_t i = 0; i < found.size(); i += 2) {
      EXPECT_EQ(found[i], "f" + found[i + 1]);
      seen.insert(found[i]);
    }
    ++calls;
  } while (cursor != "0" && calls < 1000);
  EXPECT_EQ(seen.size(), 2000u);
  EXPECT_TRUE(calls > 10);
}

TEST(Hashes, EffectsArePropagated) {
  LoggingFixture log;
  EXPECT_EQ(log.Effects("HSET h a 1"), "HSET h a 1\n");
  EXPECT_EQ(log.Effects("HSETNX h a 1"), "");
  EXPECT_EQ(log.Effects("HINCRBY h a 2"), "HINCRBY h a 2\n");
  EXPECT_EQ(log.Effects("HINCRBYFLOAT h a 0.5"), "HSET h a 3.5\n");
  EXPECT_EQ(log.Effects("HDEL h none"), "");
  EXPECT_EQ(log.Effects("HDEL h a none"), "HDEL h a none\n");
  EXPECT_EQ(log.f("EXISTS h"), Int(0));
}

TEST(Hashes, MemoryIsCountedAndGivenBack) {
  EngineFixture f;
  f("HSET h a 1");
  std::uint64_t before = UsedMemory();
  for (int i = 0; i < 3000; ++i) f("HSET big field" + std::to_string(i) + " value");
  std::string usage = f("MEMORY USAGE big");
  EXPECT_TRUE(std::stoll(usage.substr(1)) > 3000 * 20);
  EXPECT_EQ(f("DEL big"), Int(1));
  while (f.engine->cron()->lazyfree_pending() > 0) std::this_thread::yield();  // big ones go in the background
  EXPECT_TRUE(UsedMemory() <= before + 4096);
}

}  // namespace
}  // namespace slotwise
