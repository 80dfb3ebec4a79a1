// Commands on sorted sets: replies as of redis-server 7.0.15, encodings, and what is propagated.
#include <vector>

#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;

const std::string kEmpty = "*0\r\n", kNullArray = "*-1\r\n";

// Members, or members and scores, as RESP2 has them.
std::string Array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += Bulk(e);
  return text;
}

const std::string kNotAFloat = Err("ERR value is not a valid float"), kBadRange = Err("ERR min or max is not a float"),
                  kBadLexRange = Err("ERR min or max not valid string range item");

TEST(SortedSets, AddsUnderConditions) {
  EngineFixture f;
  Expect(f, {
      {"ZADD z 1 a 2 b 2 b", Int(2)},
      {"ZADD z CH 3 a 4 c 2 b", Int(2)},
      {"ZADD z NX 9 a 9 d", Int(1)},
      {"ZADD z XX 8 a 8 e", Int(0)},
      {"ZADD z XX CH 7 a 8 e", Int(1)},
      {"ZADD z GT 6 a 10 d", Int(0)},
      {"ZMSCORE z a d e", "*3\r\n" + Bulk("7") + Bulk("10") + kNull},
      {"ZADD z LT CH 6 a 11 d 1 f", Int(2)},
      {"ZADD z INCR 1.5 a", Bulk("7.5")},
      {"ZADD z INCR NX 1.5 a", kNull},
      {"ZADD z INCR GT -1 a", kNull},
      {"ZADD z INCR XX 1 none", kNull},
      {"ZADD none XX INCR 1 a", kNull},
      {"ZADD none XX 1 a", Int(0)},
      {"EXISTS none", Int(0)},
      {"ZADD z inf top", Int(1)},
      {"ZINCRBY z -inf top", Err("ERR resulting score is not a number (NaN)")},
      {"ZINCRBY z 2 new", Bulk("2")},
      {"ZINCRBY z 0.1 new", Bulk("2.1000000000000001")},
      {"ZADD z 1", Err("ERR wrong number of arguments for 'zadd' command")},
      {"ZADD z 1 a NX", kBadSyntax},
      {"ZADD z 1 a 2", kBadSyntax},
      {"ZADD z NX XX 1 a", Err("ERR XX and NX options at the same time are not compatible")},
      {"ZADD z NX GT 1 a", Err("ERR GT, LT, and/or NX options at the same time are not compatible")},
      {"ZADD z LT GT 1 a", Err("ERR GT, LT, and/or NX options at the same time are not compatible")},
      {"ZADD z INCR 1 a 2 b", Err("ERR INCR option supports a single increment-element pair")},
      {"ZADD z nan a", kNotAFloat},
      {"ZADD z 1 a x b", kNotAFloat},
      {"ZINCRBY z nan a", kNotAFloat},
      {"ZINCRBY z nx a", kBadSyntax},
      {"SET s 1", kOk},
      {"ZADD s x a", kNotAFloat},
      {"ZADD s 1 a", kWrongKind},
  });
}

TEST(SortedSets, OtherTypesAreRefused) {
  EngineFixture f;
  Expect(f, {{"SET s 1", kOk}, {"ZADD z 1 a", Int(1)}});
  for (const char* command :
       {"ZADD s 1 a", "ZINCRBY s 1 a", "ZREM s a", "ZCARD s", "ZSCORE s a", "ZMSCORE s a", "ZRANK s a", "ZREVRANK s a", "ZRANGE s 0 1",
        "ZRANGESTORE d s 0 1", "ZCOUNT s 0 1", "ZLEXCOUNT s - +", "ZREMRANGEBYRANK s 0 1", "ZREMRANGEBYSCORE s 0 1", "ZREMRANGEBYLEX s - +",
        "ZPOPMIN s", "ZPOPMAX s 0", "ZMPOP 2 s z MIN", "ZUNION 2 z s", "ZINTER 2 s z", "ZDIFF 2 z s", "ZUNIONSTORE d 2 z s", "ZINTERCARD 2 z s",
        "ZDIFFSTORE d 1 s", "ZUNION 1 s NONSENSE"}) {
    Expect(f, {{command, kWrongKind}});
  }
}

TEST(SortedSets, LooksUpAndRemoves) {
  EngineFixture f;
  Expect(f, {
      {"ZADD z 1 a 2 b 3 c", Int(3)},
      {"ZCARD z", Int(3)},
      {"ZSCORE z b", Bulk("2")},
      {"ZSCORE z x", kNull},
      {"ZSCORE none x", kNull},
      {"ZMSCORE none x y", "*2\r\n" + kNull + kNull},
      {"ZRANK z c", Int(2)},
      {"ZREVRANK z c", Int(0)},
      {"ZRANK z x", kNull},
      {"ZRANK none x", kNull},
      {"ZREM z a x a", Int(1)},
      {"ZREM none a", Int(0)},
      {"ZREM z b c b", Int(2)},
      {"EXISTS z", Int(0)},
      {"ZCARD z", Int(0)},
      {"TYPE z", "+none\r\n"},
  });
}

// Both forms by all ways of asking.
TEST(SortedSets, Ranges) {
  for (const char* entries : {"128", "0"}) {
    EngineFixture f({{"zset-max-listpack-entries", entries}});
    Expect(f, {
        {"ZADD z 1 a 2 b 3 c 4 d 5 e", Int(5)},
        {"OBJECT ENCODING z", Bulk(entries[0] == '0' ? "skiplist" : "listpack")},
        {"ZRANGE z 1 2", Array({"b", "c"})},
        {"ZRANGE z 3 100 WITHSCORES", Array({"d", "4", "e", "5"})},
        {"ZRANGE z -2 -1", Array({"d", "e"})},
        {"ZRANGE z 3 1", kEmpty},
        {"ZRANGE z 5 9", kEmpty},
        {"ZRANGE z -100 -99", kEmpty},
        {"ZRANGE z 0 1 REV", Array({"e", "d"})},
        {"ZREVRANGE z 1 2 WITHSCORES", Array({"d", "4", "c", "3"})},
        {"ZRANGE z 2 4 BYSCORE", Array({"b", "c", "d"})},
        {"ZRANGE z (2 (4 BYSCORE WITHSCORES", Array({"c", "3"})},
        {"ZRANGE z 4 2 BYSCORE REV", Array({"d", "c", "b"})},
        {"ZRANGEBYSCORE z -inf +inf LIMIT 1 2", Array({"b", "c"})},
        {"ZRANGEBYSCORE z -inf inf LIMIT 1 -1", Array({"b", "c", "d", "e"})},
        {"ZRANGEBYSCORE z -inf inf LIMIT -1 10", kEmpty},
        {"ZRANGEBYSCORE z -inf inf LIMIT 7 10", kEmpty},
        {"ZRANGEBYSCORE z -inf inf LIMIT 0 0", kEmpty},
        {"ZREVRANGEBYSCORE z 4 -inf LIMIT 1 2 WITHSCORES", Array({"c", "3", "b", "2"})},
        {"ZRANGEBYSCORE z 6 7", kEmpty},
        {"ZRANGEBYSCORE z (1 1", kEmpty},
        {"ZRANGEBYSCORE z 3 2", kEmpty},
        {"ZCOUNT z 2 (4", Int(2)},
        {"ZCOUNT z (5 9", Int(0)},
        {"ZRANGE z 0 0 REV REV", kBadSyntax},
        {"ZRANGE z 0 0 BYSCORE BYLEX", kBadSyntax},
        {"ZRANGEBYSCORE z 0 0 REV", kBadSyntax},
        {"ZRANGEBYSCORE z 0 0 LIMIT 1", kBadSyntax},
        {"ZRANGE z 0 0 LIMIT 1 1", Err("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX")},
        {"ZRANGE z 0 0 LIMIT 1 -1", Array({"a"})},
        {"ZRANGE z [a [b BYLEX WITHSCORES", Err("ERR syntax error, WITHSCORES not supported in combination with BYLEX")},
        {"ZRANGE z a 0", kNotAnInteger},
        {"ZRANGEBYSCORE z a 0", kBadRange},
        {"ZRANGEBYSCORE z 0 (nan", kBadRange},
        {"ZCOUNT none x 0", kBadRange},
        {"ZRANGE none 0 -1", kEmpty},
        {"ZRANGESTORE d z 1 3", Int(3)},
        {"ZRANGE d 0 -1 WITHSCORES", Array({"b", "2", "c", "3", "d", "4"})},
        {"ZRANGESTORE d z 5 2 BYSCORE REV LIMIT 1 2", Int(2)},
        {"ZRANGE d 0 -1 WITHSCORES", Array({"c", "3", "d", "4"})},
        {"ZRANGESTORE d z 1 3 WITHSCORES", kBadSyntax},
        {"ZRANGESTORE z z 1 1", Int(1)},
        {"ZRANGE z 0 -1", Array({"b"})},
        {"ZRANGESTORE d none 0 -1", Int(0)},
        {"EXISTS d", Int(0)},
        {"DEL z", Int(1)},
        {"ZADD z 0 \"\" 0 a 0 b 0 ba 0 c", Int(5)},
        {"ZRANGEBYLEX z [a (c", Array({"a", "b", "ba"})},
        {"ZRANGEBYLEX z - +", Array({"", "a", "b", "ba", "c"})},
        {"ZRANGEBYLEX z + -", kEmpty},
        {"ZRANGEBYLEX z - -", kEmpty},
        {"ZREVRANGEBYLEX z + (b LIMIT 0 1", Array({"c"})},
        {"ZRANGE z (b [ba BYLEX", Array({"ba"})},
        {"ZLEXCOUNT z [ (b", Int(2)},
        {"ZLEXCOUNT z (c +", Int(0)},
        {"ZRANGEBYLEX z a [b", kBadLexRange},
        {"ZRANGEBYLEX z -x [b", kBadLexRange},
        {"ZLEXCOUNT z - \"\"", kBadLexRange},
        {"ZREMRANGEBYLEX z [b (c", Int(2)},
        {"ZREMRANGEBYRANK z 1 1", Int(1)},
        {"ZREMRANGEBYSCORE z (0 1", Int(0)},
        {"ZREMRANGEBYSCORE z x 1", kBadRange},
        {"ZREMRANGEBYRANK z 5 1", Int(0)},
        {"ZRANGE z 0 -1", Array({"", "c"})},
        {"ZREMRANGEBYSCORE z 0 0", Int(2)},
        {"EXISTS z", Int(0)},
    });
  }
}

TEST(SortedSets, Pops) {
  EngineFixture f;
  Expect(f, {
      {"ZADD z 1 a 2 b 3 c 4 d", Int(4)},
      {"ZPOPMIN z", Array({"a", "1"})},
      {"ZPOPMAX z 2", Array({"d", "4", "c", "3"})},
      {"ZPOPMAX z 0", kEmpty},
      {"ZPOPMIN z -1", Err("ERR value is out of range, must be positive")},
      {"ZPOPMIN z x", Err("ERR value is out of range, must be positive")},
      {"ZPOPMIN z 1 1", kBadSyntax},
      {"ZPOPMIN z 100", Array({"b", "2"})},
      {"EXISTS z", Int(0)},
      {"ZPOPMIN z", kEmpty},
      {"ZADD z 1 a 2 b", Int(2)},
      {"ZMPOP 2 none z MAX", "*2\r\n" + Bulk("z") + "*1\r\n*2\r\n" + Bulk("b") + Bulk("2")},
      {"ZMPOP 1 z min COUNT 10", "*2\r\n" + Bulk("z") + "*1\r\n*2\r\n" + Bulk("a") + Bulk("1")},
      {"ZMPOP 1 z min", kNullArray},
      {"ZMPOP 0 z min", Err("ERR numkeys should be greater than 0")},
      {"ZMPOP x z min", Err("ERR numkeys should be greater than 0")},
      {"ZMPOP 9223372036854775807 z min", kBadSyntax},
      {"ZMPOP 1 z mid", kBadSyntax},
      {"ZMPOP 1 z min COUNT", kBadSyntax},
      {"ZMPOP 1 z min COUNT 0", Err("ERR count should be greater than 0")},
      {"ZMPOP 1 z min COUNT 1 COUNT 1", kBadSyntax},
  });
  f("HELLO 3");
  Expect(f, {
      {"ZADD z 1 a 2 b 3 c", Int(3)},
      {"ZPOPMIN z", "*2\r\n" + Bulk("a") + ",1\r\n"},
      {"ZPOPMIN z 1", "*1\r\n*2\r\n" + Bulk("b") + ",2\r\n"},
      {"ZRANGE z 0 -1 WITHSCORES", "*1\r\n*2\r\n" + Bulk("c") + ",3\r\n"},
      {"ZADD z INCR inf c", ",inf\r\n"},
      {"ZSCORE z x", "_\r\n"},
  });
}

TEST(SortedSets, Algebra) {
  EngineFixture f;
  Expect(f, {
      {"ZADD x 1 a 2 b 3 c", Int(3)},
      {"ZADD y 10 b 20 c 30 7", Int(3)},
      {"ZUNION 2 x y WITHSCORES", Array({"a", "1", "b", "12", "c", "23", "7", "30"})},
      {"ZUNION 2 x none", Array({"a", "b", "c"})},
      {"ZINTER 2 x y WEIGHTS 2 0.5 WITHSCORES", Array({"b", "9", "c", "16"})},
      {"ZINTER 2 x y AGGREGATE MAX WITHSCORES", Array({"b", "10", "c", "20"})},
      {"ZINTER 2 x y AGGREGATE min WITHSCORES", Array({"b", "2", "c", "3"})},
      {"ZINTER 2 x none", kEmpty},
      {"ZINTER 2 x x WITHSCORES", Array({"a", "2", "b", "4", "c", "6"})},
      {"ZDIFF 2 x y WITHSCORES", Array({"a", "1"})},
      {"ZDIFF 2 x x", kEmpty},
      {"ZDIFF 1 none", kEmpty},
      {"ZINTERCARD 2 x y", Int(2)},
      {"ZINTERCARD 2 x y LIMIT 1", Int(1)},
      {"ZINTERCARD 2 x y LIMIT 0", Int(2)},
      {"ZINTERCARD 2 x y LIMIT -1", Err("ERR LIMIT can't be negative")},
      {"ZINTERCARD 2 x y LIMIT x", Err("ERR LIMIT can't be negative")},
      {"ZINTERCARD 2 x y WEIGHTS 1 1", kBadSyntax},
      {"ZUNIONSTORE d 2 x y WEIGHTS 1 -1", Int(4)},
      {"ZRANGE d 0 -1 WITHSCORES", Array({"7", "-30", "c", "-17", "b", "-8", "a", "1"})},
      {"ZINTERSTORE x 2 x y", Int(2)},
      {"ZRANGE x 0 -1 WITHSCORES", Array({"b", "12", "c", "23"})},
      {"ZDIFFSTORE d 2 y x", Int(1)},
      {"ZRANGE d 0 -1 WITHSCORES", Array({"7", "30"})},
      {"ZDIFFSTORE d 2 x x", Int(0)},
      {"EXISTS d", Int(0)},
      {"ZUNION 0 x", Err("ERR at least 1 input key is needed for 'zunion' command")},
      {"ZUNIONSTORE d -1 x", Err("ERR at least 1 input key is needed for 'zunionstore' command")},
      {"ZUNION x y", kNotAnInteger},
      {"ZUNION 3 x y", kBadSyntax},
      {"ZUNION 2 x y WEIGHTS 1", kBadSyntax},
      {"ZUNION 2 x y WEIGHTS 1 x", Err("ERR weight value is not a float")},
      {"ZUNION 2 x y AGGREGATE avg", kBadSyntax},
      {"ZDIFF 2 x y AGGREGATE sum", kBadSyntax},
      {"ZUNIONSTORE d 2 x y WITHSCORES", kBadSyntax},
      {"ZADD p inf m", Int(1)},
      {"ZADD n -inf m", Int(1)},
      {"ZUNION 2 p n WITHSCORES", Array({"m", "0"})},
      {"ZUNION 1 p WEIGHTS 0 WITHSCORES", Array({"m", "0"})},
      {"ZINTER 2 p n WEIGHTS 0 1 WITHSCORES", Array({"m", "-inf"})},
  });
}

TEST(SortedSets, ADifferenceWithManySmallSetsVisitsThoseInstead) {
  EngineFixture f({{"zset-max-listpack-entries", "0"}});
  std::string zadd = "ZADD z", minus = "ZDIFF 41 z";
  for (int i = 0; i < 200; ++i) zadd += " " + std::to_string(i) + " m" + std::to_string(i);
  EXPECT_EQ(f(zadd), Int(200));
  for (int i = 0; i < 40; ++i) {
    f("ZADD s" + std::to_string(i) + " 1 m" + std::to_string(i * 4) + " 1 m" + std::to_string(i * 4 + 1) + " 1 m" + std::to_string(i * 4 + 2));
    minus += " s" + std::to_string(i);
  }
  std::vector<std::string> left;
  for (int i = 0; i < 200; ++i) {
    if (i >= 160 || i % 4 == 3) left.push_back("m" + std::to_string(i));
  }
  EXPECT_EQ(f(minus), Array(left));
}

TEST(SortedSets, PropagatesWhatCanBeReplayed) {
  LoggingFixture f;
  EXPECT_EQ(f.Effects("ZADD z NX CH 1 a 2 b 3 c"), "ZADD z NX CH 1 a 2 b 3 c\n");
  EXPECT_EQ(f.Effects("ZADD z NX 5 a"), "");
  EXPECT_EQ(f.Effects("ZINCRBY z 1.5 a"), "ZINCRBY z 1.5 a\n");
  EXPECT_EQ(f.Effects("ZINCRBY z 0 a"), "");
  EXPECT_EQ(f.Effects("ZMPOP 2 none z MAX COUNT 1"), "ZPOPMAX z 1\n");
  EXPECT_EQ(f.Effects("ZMPOP 1 none MAX"), "");
  EXPECT_EQ(f.Effects("ZREM z x"), "");
  EXPECT_EQ(f.Effects("ZREMRANGEBYSCORE z 100 200"), "");
  EXPECT_EQ(f.Effects("ZUNIONSTORE d 1 z"), "ZUNIONSTORE d 1 z\n");
  EXPECT_EQ(f.Effects("ZUNIONSTORE d 1 none"), "ZUNIONSTORE d 1 none\n");
  EXPECT_EQ(f.Effects("ZUNIONSTORE d 1 none"), "");
  EXPECT_EQ(f.Effects("ZPOPMIN z 5"), "ZPOPMIN z 5\n");
  EXPECT_EQ(f.Effects("ZPOPMIN z"), "");
}

TEST(SortedSets, AStoredResultReplacesWhatWasThere) {
  EngineFixture f;
  Expect(f, {
      {"ZADD z 1 a", Int(1)},
      {"SET d string EX 1000", kOk},
      {"ZUNIONSTORE d 1 z", Int(1)},
      {"TYPE d", "+zset\r\n"},
      {"TTL d", Int(-1)},
      {"COPY d e", Int(1)},
      {"ZRANGE e 0 -1 WITHSCORES", Array({"a", "1"})},
      {"RENAME e g", kOk},
      {"ZSCORE g a", Bulk("1")},
      {"SET g x", kOk},
      {"ZRANGESTORE g z 0 -1", Int(1)},
      {"ZCARD g", Int(1)},
  });
}

TEST(SortedSets, SetsCountAsOneForEachMember) {
  EngineFixture f;
  Expect(f, {
      {"SADD ints 1 2 3", Int(3)},
      {"SADD words a b 1", Int(3)},
      {"ZADD z 5 a 6 1 7 x", Int(3)},
      {"ZUNION 2 z ints WEIGHTS 1 10 WITHSCORES", Array({"a", "5", "x", "7", "2", "10", "3", "10", "1", "16"})},
      {"ZINTER 3 z ints words WITHSCORES", Array({"1", "8"})},
      {"ZDIFF 2 z words WITHSCORES", Array({"x", "7"})},
      {"ZDIFF 2 ints z WITHSCORES", Array({"2", "1", "3", "1"})},
      {"ZUNIONSTORE ints 2 ints words", Int(5)},
      {"TYPE ints", "+zset\r\n"},
      {"ZINTERCARD 2 words ints", Int(3)},
  });
}

TEST(SortedSets, ScansBothForms) {
  for (const char* entries : {"128", "0"}) {
    EngineFixture f({{"zset-max-listpack-entries", entries}});
    Expect(f, {
        {"ZADD z 1 a 0.5 b", Int(2)},
        {"ZSCAN z 0 MATCH b", "*2\r\n" + Bulk("0") + Array({"b", "0.5"})},
        {"ZSCAN z 0 MATCH x COUNT 100", "*2\r\n" + Bulk("0") + kEmpty},
        {"ZSCAN none 0 NONSENSE", "*2\r\n" + Bulk("0") + kEmpty},
        {"ZSCAN z x", Err("ERR invalid cursor")},
        {"ZSCAN z 0 COUNT 0", kBadSyntax},
        {"ZSCAN z 0 TYPE zset", kBadSyntax},
        {"SET s 1", kOk},
        {"ZSCAN s 0", kWrongKind},
    });
  }
}

TEST(SortedSets, DrawsMembersFairly) {
  for (const char* entries : {"128", "0"}) {
    EngineFixture f({{"zset-max-listpack-entries", entries}});
    Expect(f, {
        {"ZRANDMEMBER z", kNull},
        {"ZRANDMEMBER z 5", kEmpty},
        {"ZADD z 0 m0 1 m1 2 m2 3 m3 4 m4", Int(5)},
        {"ZRANDMEMBER z 0", kEmpty},
        {"ZRANDMEMBER z 5 WITHSCORES", Array({"m4", "4", "m3", "3", "m2", "2", "m1", "1", "m0", "0"})},
        {"ZRANDMEMBER z x", kNotAnInteger},
        {"ZRANDMEMBER z -9223372036854775808", Err("ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807")},
        {"ZRANDMEMBER z 5000000000000000000 WITHSCORES", Err("ERR value is out of range")},
        {"ZRANDMEMBER z 1 WITHSCORE", kBadSyntax},
    });
    // Pairs of different members: each of the ten as often as any other. 4000 draws, 400 expected, sigma 19.
    int pairs[5][5] = {};
    int single[5] = {};
    for (int i = 0; i < 4000; ++i) {
      std::string reply = f("ZRANDMEMBER z 2");
      ASSERT_TRUE(reply.size() == 20 && reply[8] == 'm' && reply[16] == 'm');
      ++pairs[reply[9] - '0'][reply[17] - '0'];
      reply = f("ZRANDMEMBER z -1");
      ++single[reply[9] - '0'];
    }
    for (int a = 0; a < 5; ++a) {
      EXPECT_TRUE(single[a] > 650 && single[a] < 950);
      for (int b = a + 1; b < 5; ++b) EXPECT_TRUE(pairs[a][b] > 300 && pairs[a][b] < 500);
    }
  }
}

}  // namespace
}  // namespace slotwise
