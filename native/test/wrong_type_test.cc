// Every command of a data type, called with a key of each other type, refuses in Redis's words and leaves the key as it was.
// A command that is new has to be named here, with its refusal or among those that refuse no type.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "strings_fixture.h"
#include "test.h"

namespace slotwise::test {
namespace {

// A value of each type at `key`.
const std::map<std::string, std::string> kMakers = {
    {"string", "SET key value"},         {"hash", "HSET key f 1"},     {"list", "RPUSH key a b"},
    {"set", "SADD key a b"},             {"zset", "ZADD key 1 a 2 b"},
};

struct Family {
  std::set<std::string> takes;  // types that are not refused
  std::vector<std::string> commands;
};

const std::vector<Family> kFamilies = {
    {{"string"},
     {"GET key", "GETEX key", "GETDEL key", "GETSET key v", "SET key v GET", "APPEND key v", "STRLEN key", "INCR key", "INCRBY key 1", "DECR key",
      "DECRBY key 1", "INCRBYFLOAT key 1", "SETRANGE key 0 v", "GETRANGE key 0 1", "SUBSTR key 0 1", "SETBIT key 0 1", "GETBIT key 0",
      "BITCOUNT key", "BITPOS key 1", "BITOP NOT other key", "BITFIELD key SET u8 0 1", "BITFIELD_RO key GET u8 0", "PFADD key a", "PFCOUNT key",
      "PFMERGE other key", "PFMERGE key other", "PFDEBUG ENCODING key"}},
    {{"hash"},
     {"HSET key f 1", "HSETNX key f 1", "HMSET key f 1", "HGET key f", "HMGET key f", "HGETALL key", "HKEYS key", "HVALS key", "HLEN key",
      "HEXISTS key f", "HSTRLEN key f", "HINCRBY key f 1", "HINCRBYFLOAT key f 1", "HDEL key f", "HRANDFIELD key", "HRANDFIELD key 1", "HSCAN key 0"}},
    {{"list"},
     {"LPUSH key a", "RPUSH key a", "LPUSHX key a", "RPUSHX key a", "LPOP key", "LPOP key 1", "RPOP key", "LLEN key", "LRANGE key 0 -1",
      "LINDEX key 0", "LSET key 0 a", "LINSERT key BEFORE a b", "LPOS key a", "LREM key 0 a", "LTRIM key 0 1", "LMOVE key other LEFT LEFT",
      "LMOVE source key LEFT LEFT", "RPOPLPUSH key other", "RPOPLPUSH source key", "LMPOP 2 none key LEFT", "BLPOP none key 1", "BRPOP key 1",
      "BLMOVE key other LEFT LEFT 1", "BLMOVE source key LEFT LEFT 1", "BRPOPLPUSH key other 1", "BRPOPLPUSH source key 1", "BLMPOP 1 1 key LEFT"}},
    {{"set"},
     {"SADD key a", "SREM key a", "SCARD key", "SISMEMBER key a", "SMISMEMBER key a", "SMEMBERS key", "SPOP key", "SPOP key 1", "SRANDMEMBER key",
      "SRANDMEMBER key 1", "SMOVE key other a", "SMOVE members key a", "SINTER members key", "SUNION members key", "SDIFF members key",
      "SINTERCARD 2 members key", "SINTERSTORE other members key", "SUNIONSTORE other members key", "SDIFFSTORE other members key", "SSCAN key 0"}},
    {{"zset"},
     {"ZADD key 1 a", "ZADD key INCR 1 a", "ZREM key a", "ZCARD key", "ZSCORE key a", "ZMSCORE key a", "ZINCRBY key 1 a", "ZRANK key a",
      "ZREVRANK key a", "ZCOUNT key 0 1", "ZLEXCOUNT key - +", "ZRANGE key 0 -1", "ZREVRANGE key 0 -1", "ZRANGEBYSCORE key 0 1",
      "ZREVRANGEBYSCORE key 1 0", "ZRANGEBYLEX key - +", "ZREVRANGEBYLEX key + -", "ZRANGESTORE other key 0 -1", "ZREMRANGEBYRANK key 0 -1",
      "ZREMRANGEBYSCORE key 0 1", "ZREMRANGEBYLEX key - +", "ZPOPMIN key", "ZPOPMAX key", "ZMPOP 1 key MIN", "BZPOPMIN key 1", "BZPOPMAX key 1",
      "BZMPOP 1 1 key MIN", "ZRANDMEMBER key", "ZRANDMEMBER key 1", "ZSCAN key 0", "GEOADD key 13 38 a", "GEODIST key a b", "GEOHASH key a",
      "GEOPOS key a", "GEORADIUS key 15 37 200 km", "GEORADIUS_RO key 15 37 200 km", "GEORADIUSBYMEMBER key a 200 km",
      "GEORADIUSBYMEMBER_RO key a 200 km", "GEOSEARCH key FROMMEMBER a BYRADIUS 1 km", "GEOSEARCHSTORE other key FROMMEMBER a BYRADIUS 1 km"}},
    // Sets count as sorted sets whose scores are 1.
    {{"zset", "set"},
     {"ZUNION 1 key", "ZINTER 1 key", "ZDIFF 1 key", "ZINTERCARD 1 key", "ZUNIONSTORE other 1 key", "ZINTERSTORE other 1 key", "ZDIFFSTORE other 1 key"}},
    {{"list", "set", "zset"}, {"SORT key ALPHA", "SORT_RO key ALPHA", "SORT key ALPHA STORE other"}},
};

// Replace what is there, answer as if nothing were there, or say it in other words (LCS).
const std::set<std::string> kRefuseNoType = {"mget", "mset", "msetnx", "setnx", "setex", "psetex", "lcs", "pfselftest"};
const std::set<std::string> kGroups = {"string", "bitmap", "hyperloglog", "hash", "list", "set", "sorted-set", "geo"};

std::string NameOf(const std::string& command) {
  std::string name = command.substr(0, command.find(' '));
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return name;
}

}  // namespace

TEST(WrongType, IsRefusedByEveryCommandAndChangesNothing) {
  EngineFixture f;
  for (const auto& [type, maker] : kMakers) {
    f("FLUSHALL");
    f("RPUSH source a");
    f("SADD members a b");
    f(maker);
    const std::string before = f("DUMP key");
    for (const Family& family : kFamilies) {
      if (family.takes.contains(type)) continue;
      for (const std::string& command : family.commands) {
        EXPECT_EQ(type + ": " + command + " " + f(command), type + ": " + command + " " + kWrongKind);
        EXPECT_EQ(f("DUMP key"), before);
      }
    }
    EXPECT_EQ(f("EXISTS other"), Int(0));
    EXPECT_EQ(f("LLEN source"), Int(1));
    EXPECT_EQ(f("SCARD members"), Int(2));
  }
}

TEST(WrongType, EveryCommandOfADataTypeIsAmongThem) {
  std::set<std::string> named = kRefuseNoType;
  for (const Family& family : kFamilies) {
    for (const std::string& command : family.commands) named.insert(NameOf(command));
  }
  EngineFixture f;
  for (const Command& command : f.engine->commands().all()) {
    if (!kGroups.contains(command.spec->group) || command.handler == nullptr) continue;
    const std::string name(command.full_name());
    if (!named.contains(name)) Fail(__FILE__, __LINE__, name + " is not named here");
  }
}

}  // namespace slotwise::test
