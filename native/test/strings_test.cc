// SET, GET and their relatives, parts of strings and counters: replies and encodings as of redis-server 7.0.15.
#include <algorithm>
#include <cfloat>

#include "base/random.h"
#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;

TEST(Strings, SetTakesItsOptionsInAnyOrderAndCase) {
  EngineFixture f;
  Expect(f, {
      {"SET k v", kOk},
      {"SET k w nx", kNull},
      {"SET k w NX GET", Bulk("v")},
      {"SET new w NX GET", kNull},
      {"GET new", Bulk("w")},
      {"SET none w XX", kNull},
      {"SET k w XX GET get", Bulk("v")},
      {"SET k v NX XX", kBadSyntax},
      {"SET k v EX 100 KEEPTTL", kBadSyntax},
      {"SET k v KEEPTTL PX 100", kBadSyntax},
      {"SET k v EX 10 PX 10", kBadSyntax},
      {"SET k v EX", kBadSyntax},
      {"SET k v PERSIST", kBadSyntax},
      {"SET k v EX 10 ex 100000 NX", kNull},
      {"SET k v EX 10 ex abc", kNotAnInteger},
      {"SET k v EX 0", Err("ERR invalid expire time in 'set' command")},
      {"SET k v EX 9223372036854775807", Err("ERR invalid expire time in 'set' command")},
      {"SET k v PX 9223372036854775807", Err("ERR invalid expire time in 'set' command")},
      {"SETEX k -1 v", Err("ERR invalid expire time in 'setex' command")},
      {"PSETEX k 0 v", Err("ERR invalid expire time in 'psetex' command")},
      {"GETEX k EXAT 9223372036854776", Err("ERR invalid expire time in 'getex' command")},
      {"GET k", Bulk("w")},
  });
}

TEST(Strings, AnExpiryIsSetKeptAndDropped) {
  EngineFixture f;
  Expect(f, {
      {"SET k v PXAT 4102444800000", kOk}, {"PEXPIRETIME k", Int(4102444800000)},
      {"SET k w KEEPTTL", kOk},            {"PEXPIRETIME k", Int(4102444800000)},
      {"INCRBYFLOAT n 1.5", Bulk("1.5")},  {"APPEND k x", Int(2)},
      {"PEXPIRETIME k", Int(4102444800000)},
      {"SET k 7 KEEPTTL", kOk},            {"INCR k", Int(8)},
      {"INCRBYFLOAT k 1", Bulk("9")},      {"SETRANGE k 0 5", Int(1)},
      {"PEXPIRETIME k", Int(4102444800000)},
      {"GETEX k", Bulk("5")},              {"PEXPIRETIME k", Int(4102444800000)},
      {"GETEX k PERSIST", Bulk("5")},      {"PEXPIRETIME k", Int(-1)},
      {"GETEX k EXAT 4102444801", Bulk("5")}, {"PEXPIRETIME k", Int(4102444801000)},
      {"SET k v", kOk},                    {"PEXPIRETIME k", Int(-1)},
      {"SET k v EXAT 1", kOk},             {"GET k", kNull},
      {"SET k v", kOk},                    {"GETEX k PXAT 1", Bulk("v")}, {"EXISTS k", Int(0)},
  });
}

TEST(Strings, EncodingsAreThoseOfRedis) {
  EngineFixture f;
  std::string a44(44, 'a'), a45(45, 'a');
  auto encoding = [&](const std::string& command, const char* expected) {
    f("DEL e");
    f(command);
    EXPECT_EQ(f("OBJECT ENCODING e"), Bulk(expected));
  };
  encoding("SET e -12", "int");
  encoding("SET e 9223372036854775808", "embstr");
  encoding("SET e 012", "embstr");
  encoding("SET e " + a44, "embstr");
  encoding("SET e " + a45, "raw");
  encoding("APPEND e 12", "int");
  encoding("SETRANGE e 0 12", "raw");
  encoding("SETBIT e 1 0", "raw");
  encoding("BITFIELD e SET u8 0 1", "raw");
  encoding("INCR e", "int");
  encoding("INCRBYFLOAT e 12", "embstr");  // text, although it reads as an integer
  encoding("INCRBYFLOAT e 1e60", "raw");
  f("MSET s 1 e 5");
  f("APPEND e \"\"");
  EXPECT_EQ(f("OBJECT ENCODING e"), Bulk("raw"));
  f("BITOP OR e s s");
  EXPECT_EQ(f("OBJECT ENCODING e"), Bulk("raw"));
  EXPECT_EQ(f("GET e"), Bulk("1"));
}

TEST(Strings, SeveralKeysAtOnce) {
  EngineFixture f;
  PutList(f, "list");
  Expect(f, {
      {"MSET a 1 b 2 a 3", kOk},
      {"MGET a b none list", "*4\r\n" + Bulk("3") + Bulk("2") + kNull + kNull},
      {"MSETNX c 1 b 9", Int(0)},
      {"EXISTS c", Int(0)},
      {"MSETNX c 1 d 2 c 3", Int(1)},
      {"GET c", Bulk("3")},
      {"MSET a", Err("ERR wrong number of arguments for 'mset' command")},
      {"MSET a 1 b", Err("ERR wrong number of arguments for 'mset' command")},
      {"MSETNX a 1 b", Err("ERR wrong number of arguments for 'msetnx' command")},
      {"MSET list v", kOk},
      {"GET list", Bulk("v")},
  });
}

TEST(Strings, AKeyOfAnotherTypeIsRefusedAndKept) {
  for (const char* command :
       {"GET l", "GETEX l", "GETEX l EX 0", "GETDEL l", "GETSET l v", "SET l v GET", "APPEND l v", "STRLEN l", "INCR l", "INCRBYFLOAT l 1",
        "GETRANGE l 0 1", "SETRANGE l 0 v", "SETRANGE l 0 \"\"", "GETBIT l 0", "SETBIT l 0 1", "BITCOUNT l", "BITCOUNT l a b", "BITPOS l 1",
        "BITOP AND d s l", "BITFIELD l", "BITFIELD l GET u8 0", "BITFIELD l SET u8 0 1", "BITFIELD_RO l GET u8 0"}) {
    EngineFixture f;
    PutList(f, "l");
    Expect(f, {{"SET s x", kOk}, {command, kWrongKind}, {"TYPE l", "+list\r\n"}, {"EXISTS d", Int(0)}});
  }
  EngineFixture f;
  PutList(f, "l");
  Expect(f, {{"LCS l none", Err("ERR The specified keys must contain string values")}, {"SETNX l v", Int(0)}});
}

TEST(Strings, RangesCountFromBothEnds) {
  EngineFixture f;
  Expect(f, {
      {"SET k hello", kOk},
      {"GETRANGE k 1 3", Bulk("ell")},
      {"GETRANGE k -3 -1", Bulk("llo")},
      {"SUBSTR k -100 100", Bulk("hello")},
      {"GETRANGE k 3 1", Bulk("")},
      {"GETRANGE k -1 -3", Bulk("")},
      {"GETRANGE k 0 -100", Bulk("h")},
      {"GETRANGE k -9223372036854775808 9223372036854775807", Bulk("hello")},
      {"GETRANGE none 0 -1", Bulk("")},
      {"GETRANGE none a b", kNotAnInteger},
      {"SETRANGE k 6 W", Int(7)},
      {"GET k", Bulk(std::string("hello\0W", 7))},
      {"SETRANGE k 0 \"\"", Int(7)},
      {"SETRANGE none 1000000000 \"\"", Int(0)},
      {"SETRANGE k -1 x", Err("ERR offset is out of range")},
      {"SETRANGE k 536870911 xx", Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)")},
      {"SETRANGE k 9223372036854775807 xx", Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)")},
      {"SET n 12345", kOk},
      {"GETRANGE n 1 2", Bulk("23")},
      {"STRLEN n", Int(5)},
      {"STRLEN none", Int(0)},
  });
}

TEST(Strings, ALongStringGrowsInPlaceWhileARepliedOneStaysWhatItWas) {
  EngineFixture f;
  std::string big(40000, 'b');
  f.Run({"SET k", big});
  f.Run({"SET", "k", big});
  // The reply holds the bytes by reference; the write after it must not change them.
  std::vector<std::string_view> get{"GET", "k"}, write{"SETRANGE", "k", "0", "XYZ"}, append{"APPEND", "k", "!"};
  OutBuffer out, other;
  f.engine->Call(*f.thread, f.client, get, out);
  f.engine->Call(*f.thread, f.client, write, other);
  f.engine->Call(*f.thread, f.client, append, other);
  std::string reply;
  out.CopyTo(&reply);
  EXPECT_TRUE(reply == Bulk(big));
  std::string changed = "XYZ" + big.substr(3) + "!";
  EXPECT_TRUE(f("GETDEL k") == Bulk(changed));
  EXPECT_EQ(f("GET k"), kNull);
}

TEST(Strings, AStringNeverGrowsBeyondTheLimit) {
  EngineFixture f({{"proto-max-bulk-len", "1048576"}});
  const std::string too_long = Err("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  Expect(f, {{"SETRANGE k 1048575 x", Int(1048576)}, {"APPEND k x", too_long}, {"APPEND k \"\"", Int(1048576)},
             {"SETRANGE k 1048576 x", too_long}, {"STRLEN k", Int(1048576)}, {"SETBIT k 8388607 1", Int(0)},
             {"SETBIT k 8388608 1", Err("ERR bit offset is not an integer or out of range")}});
}

TEST(Strings, CountersAre64BitAndNeverWrap) {
  EngineFixture f;
  const std::string overflow = Err("ERR increment or decrement would overflow");
  Expect(f, {
      {"INCR n", Int(1)},
      {"DECRBY n 3", Int(-2)},
      {"INCRBY n 9223372036854775807", Int(9223372036854775805)},
      {"INCRBY n 3", overflow},
      {"GET n", Bulk("9223372036854775805")},
      {"SET n -9223372036854775808", kOk},
      {"DECR n", overflow},
      {"DECRBY n -9223372036854775808", Err("ERR decrement would overflow")},
      {"INCRBY n 9223372036854775808", kNotAnInteger},
      {"INCRBY n 1.5", kNotAnInteger},
      {"INCRBY n \" 1\"", kNotAnInteger},
      {"SET n \"12 \"", kOk},
      {"INCR n", kNotAnInteger},
      {"SET n \"\"", kOk},
      {"INCR n", kNotAnInteger},
  });
}

TEST(Strings, FloatsAreLongDoublesInFixedNotation) {
  EngineFixture f;
  const std::string no_float = Err("ERR value is not a valid float"), infinite = Err("ERR increment would produce NaN or Infinity");
  Expect(f, {
      {"INCRBYFLOAT x 10.50", Bulk("10.5")},
      {"INCRBYFLOAT x 0.1", Bulk("10.6")},
      {"INCRBYFLOAT x -10.6", Bulk("0")},
      {"INCRBYFLOAT x 5.0e3", Bulk("5000")},
      {"INCRBYFLOAT x -5000", Bulk("0")},
      {"INCRBYFLOAT x -0.0", Bulk("0")},
      {"INCRBYFLOAT x 0x10", Bulk("16")},
      {"INCRBYFLOAT x inf", infinite},
      {"INCRBYFLOAT x nan", no_float},
      {"INCRBYFLOAT x 1e5000", no_float},
      {"INCRBYFLOAT x \" 1\"", no_float},
      {"INCRBYFLOAT x \"1 \"", no_float},
      {"INCRBYFLOAT x \"1\\x002\"", no_float},
      {"INCRBYFLOAT x \"\"", no_float},
      {"GET x", Bulk("16")},
      {"SET x abc", kOk},
      {"INCRBYFLOAT x 1", no_float},
  });
#if LDBL_MANT_DIG >= 64
  Expect(f, {{"SET x 9223372036854775807", kOk}, {"INCRBYFLOAT x 0", Bulk("9223372036854775807")},
             {"INCRBYFLOAT x 1", Bulk("9223372036854775808")}});
#endif
  EXPECT_EQ(f.Run({"INCRBYFLOAT", "x", std::string(6000, '1')}), no_float);
}

TEST(Strings, EffectsInTheLogDependOnNothingButTheLog) {
  LoggingFixture log;
  const std::int64_t before = log.f.engine->NowMs();
  struct Row {
    const char* command;
    std::string effect;
  };
  for (const Row& row : std::vector<Row>{
           {"set k 1", "set k 1\n"},
           {"set k v2 nx", ""},
           {"SET k v GET xx", "SET k v xx\n"},
           {"SET k v PXAT 4102444800000 GET", "SET k v PXAT 4102444800000\n"},
           {"SETEX k 4000000 v", ""},
           {"SET k v KEEPTTL", "SET k v KEEPTTL\n"},
           {"GETEX k", ""},
           {"GETEX k PXAT 4102444800000", "PEXPIREAT k 4102444800000\n"},
           {"GETEX k PERSIST", "PERSIST k\n"},
           {"GETEX k PERSIST", ""},
           {"GETEX k PXAT 1", "DEL k\n"},
           {"GETSET k v", "SET k v\n"},
           {"SETNX k v", ""},
           {"GETDEL k", "DEL k\n"},
           {"GETDEL k", ""},
           {"SETNX k 10", "SETNX k 10\n"},
           {"INCRBYFLOAT k 0.5", "SET k 10.5 KEEPTTL\n"},
           {"INCR k", ""},
           {"MSET a 1 b 2", "MSET a 1 b 2\n"},
           {"MSETNX a 1 z 2", ""},
           {"APPEND a x", "APPEND a x\n"},
           {"SETRANGE a 0 \"\"", ""},
           {"SETBIT s 7 0", "SETBIT s 7 0\n"},
           {"SETBIT s 7 0", ""},
           {"BITFIELD s GET u8 0 SET u8 0 0", ""},
           {"BITFIELD s INCRBY u8 0 1", "BITFIELD s INCRBY u8 0 1\n"},
           {"BITFIELD s OVERFLOW FAIL INCRBY u1 20 2", "BITFIELD s OVERFLOW FAIL INCRBY u1 20 2\n"},  // it grew
           {"BITOP NOT d none", ""},
           {"BITOP NOT d a", "BITOP NOT d a\n"},
           {"BITOP AND d none", "BITOP AND d none\n"},
           {"SET k v EXAT 1", "SET k v PXAT 1000\n"},
           {"SET k w", "DEL k\nSET k w\n"},
       }) {
    std::string effect = log.Effects(row.command);
    if (std::string_view(row.command).starts_with("SETEX")) {
      ASSERT_TRUE(effect.starts_with("SET k v PXAT "));
      const std::int64_t expires = std::stoll(effect.substr(13));
      EXPECT_TRUE(expires >= before + 4'000'000'000 && expires <= log.f.engine->NowMs() + 4'000'000'000);
    } else if (effect != row.effect) {
      Fail(__FILE__, __LINE__, std::string(row.command) + "\n  expected " + row.effect + "\n  got " + effect);
    }
  }
  log.f("CONFIG SET lazyfree-lazy-user-del yes lazyfree-lazy-expire yes");
  log.f("MSET k v l w");
  EXPECT_EQ(log.Effects("GETDEL k"), "UNLINK k\n");
  EXPECT_EQ(log.Effects("GETEX l PXAT 1"), "UNLINK l\n");
}

TEST(Strings, LcsGivesTheSubsequenceItsLengthOrItsRuns) {
  EngineFixture f;
  Expect(f, {
      {"MSET a ohmytext b mynewtext", kOk},
      {"LCS a b", Bulk("mytext")},
      {"LCS a b LEN", Int(6)},
      {"LCS a none", Bulk("")},
      {"LCS a b IDX", "*4\r\n$7\r\nmatches\r\n*2\r\n*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                      "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n$3\r\nlen\r\n:6\r\n"},
      {"LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n"},
      {"LCS a b IDX LEN", Err("ERR If you want both the length and indexes, please just use IDX.")},
      {"LCS a b MINMATCHLEN", kBadSyntax},
      {"SETRANGE x 20000 x", Int(20001)},
      {"SETRANGE y 20000 y", Int(20001)},
      {"LCS x y LEN", Err("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")},
  });
}

TEST(Strings, LcsTakesTheWayThatTheWholeTableShows) {
  EngineFixture f;
  Random random(5);
  for (int round = 0; round < 60; ++round) {
    std::string a, b;
    for (std::size_t n = random.Below(200); n > 0; --n) a += "abc"[random.Below(3)];
    for (std::size_t n = random.Below(200); n > 0; --n) b += "abc"[random.Below(3)];
    std::vector<std::vector<int>> table(a.size() + 1, std::vector<int>(b.size() + 1));
    for (std::size_t i = 1; i <= a.size(); ++i) {
      for (std::size_t j = 1; j <= b.size(); ++j) {
        table[i][j] = a[i - 1] == b[j - 1] ? table[i - 1][j - 1] + 1 : std::max(table[i - 1][j], table[i][j - 1]);
      }
    }
    std::string common;
    for (std::size_t i = a.size(), j = b.size(); i > 0 && j > 0;) {
      if (a[i - 1] == b[j - 1]) common.insert(0, 1, a[--i]), --j;
      else if (table[i - 1][j] > table[i][j - 1]) --i;
      else --j;
    }
    f.Run({"MSET", "a", a, "b", b});
    ASSERT_EQ(f("LCS a b"), Bulk(common));
    ASSERT_EQ(f("LCS a b LEN"), Int(static_cast<long long>(common.size())));
  }
}

}  // namespace
}  // namespace slotwise
