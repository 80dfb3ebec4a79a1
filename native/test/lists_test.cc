// Commands on lists: replies as of redis-server 7.0.15, encodings, and what is propagated.
#include "strings_fixture.h"
#include "values/list.h"

namespace slotwise {
namespace {

using namespace test;

const std::string kNullArray = "*-1\r\n", kEmpty = "*0\r\n";

std::string Array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += Bulk(e);
  return text;
}

TEST(Lists, PushAndPopAtBothEnds) {
  EngineFixture f;
  Expect(f, {
      {"LPUSHX l a", Int(0)},
      {"RPUSHX l a", Int(0)},
      {"EXISTS l", Int(0)},
      {"RPUSH l b c", Int(2)},
      {"LPUSH l a 0 -1", Int(5)},
      {"LPUSHX l x y", Int(7)},
      {"RPUSHX l 99999999999999999999", Int(8)},
      {"TYPE l", "+list\r\n"},
      {"OBJECT ENCODING l", Bulk("quicklist")},
      {"LLEN l", Int(8)},
      {"LRANGE l 0 -1", Array({"y", "x", "-1", "0", "a", "b", "c", "99999999999999999999"})},
      {"LPOP l", Bulk("y")},
      {"RPOP l", Bulk("99999999999999999999")},
      {"LPOP l 2", Array({"x", "-1"})},
      {"RPOP l 2", Array({"c", "b"})},
      {"RPOP l 0", kEmpty},
      {"LPOP l 100", Array({"0", "a"})},
      {"EXISTS l", Int(0)},
      {"LPOP l", kNull},
      {"LPOP l 1", kNullArray},
      {"LPOP l 0", kNullArray},
      {"LPOP l -1", Err("ERR value is out of range, must be positive")},
      {"LPOP l x", Err("ERR value is out of range, must be positive")},
      {"LPOP l 1 1", Err("ERR wrong number of arguments for 'lpop' command")},
      {"LLEN l", Int(0)},
  });
}

TEST(Lists, OtherTypesAreRefused) {
  EngineFixture f;
  Expect(f, {{"SET s 1", kOk}, {"RPUSH l a", Int(1)}});
  for (const char* command : {"LPUSH s a", "RPUSH s a", "LPUSHX s a", "RPUSHX s a", "LPOP s", "RPOP s 1", "LLEN s", "LINDEX s 0", "LSET s 0 a",
                              "LRANGE s 0 0", "LTRIM s 0 0", "LINSERT s before a b", "LREM s 0 a", "LPOS s a", "LMOVE s l left left",
                              "LMOVE l s left left", "RPOPLPUSH s l", "RPOPLPUSH l s", "LMPOP 1 s left", "LMPOP 2 none s left"}) {
    Expect(f, {{command, kWrongKind}});
  }
  Expect(f, {{"LMPOP 2 l s left", "*2\r\n" + Bulk("l") + Array({"a"})}, {"GET s", Bulk("1")}});
}

TEST(Lists, PositionsAndRanges) {
  EngineFixture f;
  Expect(f, {
      {"LINDEX none x", kNull},
      {"LSET none x y", Err("ERR no such key")},
      {"LRANGE none 0 x", kNotAnInteger},
      {"LRANGE none 0 1", kEmpty},
      {"LTRIM none 0 1", kOk},
      {"RPUSH l a b c d", Int(4)},
      {"LINDEX l 0", Bulk("a")},
      {"LINDEX l -4", Bulk("a")},
      {"LINDEX l -5", kNull},
      {"LINDEX l 4", kNull},
      {"LINDEX l -9223372036854775808", kNull},
      {"LINDEX l x", kNotAnInteger},
      {"LSET l -1 D", kOk},
      {"LSET l 4 D", Err("ERR index out of range")},
      {"LSET l -5 D", Err("ERR index out of range")},
      {"LSET l 1 12", kOk},
      {"LRANGE l -100 100", Array({"a", "12", "c", "D"})},
      {"LRANGE l 1 -2", Array({"12", "c"})},
      {"LRANGE l 2 1", kEmpty},
      {"LRANGE l 4 10", kEmpty},
      {"LRANGE l 0 -100", kEmpty},
      {"LRANGE l -9223372036854775808 9223372036854775807", Array({"a", "12", "c", "D"})},
      {"LTRIM l 1 2", kOk},
      {"LRANGE l 0 -1", Array({"12", "c"})},
      {"LTRIM l 0 -1", kOk},
      {"LTRIM l 5 9", kOk},
      {"EXISTS l", Int(0)},
  });
}

TEST(Lists, SearchesByElement) {
  EngineFixture f;
  Expect(f, {
      {"LINSERT none up a b", kBadSyntax},
      {"LINSERT none before a b", Int(0)},
      {"RPUSH l a b 5 a b 5 a", Int(7)},
      {"LINSERT l before 5 x", Int(8)},
      {"LINSERT l AFTER 5 y", Int(9)},
      {"LINSERT l after zz y", Int(-1)},
      {"LRANGE l 0 -1", Array({"a", "b", "x", "5", "y", "a", "b", "5", "a"})},
      {"LREM l x a", kNotAnInteger},
      {"LREM l -1 a", Int(1)},
      {"LREM l 1 a", Int(1)},
      {"LREM l 0 5", Int(2)},
      {"LREM l 0 zz", Int(0)},
      {"LREM none 0 zz", Int(0)},
      {"LRANGE l 0 -1", Array({"b", "x", "y", "a", "b"})},
      {"LREM l -9223372036854775808 b", Int(2)},
      {"LREM l 9223372036854775807 x", Int(1)},
      {"LREM l 5 y", Int(1)},
      {"LREM l 5 a", Int(1)},
      {"EXISTS l", Int(0)},
  });
}

TEST(Lists, FindsPositionsOfAnElement) {
  EngineFixture f;
  auto ints = [](const std::vector<int>& values) {
    std::string text = "*" + std::to_string(values.size()) + "\r\n";
    for (int v : values) text += Int(v);
    return text;
  };
  Expect(f, {
      {"RPUSH l a b c 1 2 3 c c", Int(8)},
      {"LPOS l c", Int(2)},
      {"LPOS l 3", Int(5)},
      {"LPOS l x", kNull},
      {"LPOS l c RANK 2", Int(6)},
      {"LPOS l c RANK -1", Int(7)},
      {"LPOS l c RANK 4", kNull},
      {"LPOS l c COUNT 2", ints({2, 6})},
      {"LPOS l c COUNT 0", ints({2, 6, 7})},
      {"LPOS l c COUNT 0 RANK -1", ints({7, 6, 2})},
      {"LPOS l c RANK -2 COUNT 1", ints({6})},
      {"LPOS l c COUNT 0 MAXLEN 7", ints({2, 6})},
      {"LPOS l c MAXLEN 2", kNull},
      {"LPOS l x COUNT 0", kEmpty},
      {"LPOS none x", kNull},
      {"LPOS none x COUNT 1", kEmpty},
      {"LPOS l c RANK -9223372036854775808", Int(7)},
      {"LPOS none x RANK 0",
       Err("ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list")},
      {"LPOS none x COUNT -1", Err("ERR COUNT can't be negative")},
      {"LPOS none x COUNT x", Err("ERR COUNT can't be negative")},
      {"LPOS none x MAXLEN -1", Err("ERR MAXLEN can't be negative")},
      {"LPOS none x RANK x", kNotAnInteger},
      {"LPOS none x RANK", kBadSyntax},
      {"LPOS none x FOO 1", kBadSyntax},
  });
}

TEST(Lists, ElementsMoveBetweenLists) {
  EngineFixture f;
  Expect(f, {
      {"LMOVE none l left middle", kBadSyntax},
      {"LMOVE none l left right", kNull},
      {"RPUSH a 1 2 3", Int(3)},
      {"LMOVE a b left right", Bulk("1")},
      {"LMOVE a b RIGHT LEFT", Bulk("3")},
      {"LRANGE b 0 -1", Array({"3", "1"})},
      {"RPOPLPUSH a b", Bulk("2")},
      {"EXISTS a", Int(0)},
      {"LRANGE b 0 -1", Array({"2", "3", "1"})},
      {"LMOVE b b left right", Bulk("2")},
      {"RPOPLPUSH b b", Bulk("2")},
      {"LMOVE b b left left", Bulk("2")},
      {"LRANGE b 0 -1", Array({"2", "3", "1"})},
      {"DEL b", Int(1)},
      {"RPUSH b x", Int(1)},
      {"LMOVE b b left right", Bulk("x")},
      {"LRANGE b 0 -1", Array({"x"})},
  });
}

TEST(Lists, PopsFromTheFirstListThatIsThere) {
  EngineFixture f;
  Expect(f, {
      {"LMPOP 0 l left", Err("ERR numkeys should be greater than 0")},
      {"LMPOP x l left", Err("ERR numkeys should be greater than 0")},
      {"LMPOP 2 l left", kBadSyntax},
      {"LMPOP 9223372036854775807 l left", kBadSyntax},
      {"LMPOP 1 l up", kBadSyntax},
      {"LMPOP 1 l left count", kBadSyntax},
      {"LMPOP 1 l left count 0", Err("ERR count should be greater than 0")},
      {"LMPOP 1 l left count 0 x", Err("ERR count should be greater than 0")},
      {"LMPOP 1 l left count 1 count 2", kBadSyntax},
      {"LMPOP 2 l m left", kNullArray},
      {"RPUSH m 1 2 3 4 5", Int(5)},
      {"LMPOP 2 l m left", "*2\r\n" + Bulk("m") + Array({"1"})},
      {"LMPOP 2 l m right COUNT 2", "*2\r\n" + Bulk("m") + Array({"5", "4"})},
      {"LMPOP 1 m right COUNT 20", "*2\r\n" + Bulk("m") + Array({"3", "2"})},
      {"EXISTS m", Int(0)},
  });
}

TEST(Lists, PropagateWhatRedisPropagates) {
  LoggingFixture log;
  EXPECT_EQ(log.Effects("RPUSH l a b c d e f"), "RPUSH l a b c d e f\n");
  EXPECT_EQ(log.Effects("LPUSHX none a"), "");
  EXPECT_EQ(log.Effects("LMPOP 2 none l right COUNT 2"), "RPOP l 2\n");
  EXPECT_EQ(log.Effects("LPOP l 100"), "LPOP l 100\n");
  EXPECT_EQ(log.Effects("LPOP l"), "");
  EXPECT_EQ(log.Effects("RPUSH l a b"), "RPUSH l a b\n");
  EXPECT_EQ(log.Effects("LMOVE l m left right"), "LMOVE l m left right\n");
  EXPECT_EQ(log.Effects("RPOPLPUSH l m"), "RPOPLPUSH l m\n");
  EXPECT_EQ(log.Effects("LTRIM m 0 -1"), "");
  EXPECT_EQ(log.Effects("LTRIM m 0 0"), "LTRIM m 0 0\n");
  EXPECT_EQ(log.Effects("LREM m 0 none"), "");
  EXPECT_EQ(log.Effects("LSET m 0 x"), "LSET m 0 x\n");
}

TEST(Lists, ChangesAreCountedAsInRedis) {
  EngineFixture f;
  auto changes = [&](const char* command) {
    std::int64_t before = f.engine->dirty().load();
    f(command);
    return f.engine->dirty().load() - before;
  };
  EXPECT_EQ(changes("RPUSH l a b c d e f"), 6);
  EXPECT_EQ(changes("LPOP l 2"), 2);
  EXPECT_EQ(changes("LMOVE l m left left"), 1);
  EXPECT_EQ(changes("LTRIM l 0 -1"), 0);
  EXPECT_EQ(changes("LTRIM l 1 -1"), 1);
  EXPECT_EQ(changes("RPUSH l a a a"), 3);
  EXPECT_EQ(changes("LREM l 2 a"), 2);
}

TEST(Lists, CopyIsDeepAndDigestsAreRedisOnes) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  Expect(f, {
      {"RPUSH l a 1 -5 \"\"", Int(4)},
      {"COPY l m", Int(1)},
      {"RPUSH m x", Int(5)},
      {"LLEN l", Int(4)},
      {"DEBUG DIGEST-VALUE l", "*1\r\n+32d663437347d81f51c1ba254c4e144035f60a28\r\n"},
  });
}

// Nodes of their own for elements of ten bytes: everything works as before.
TEST(Lists, PlainNodesBehaveAsOthers) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  Expect(f, {
      {"DEBUG QUICKLIST-PACKED-THRESHOLD 5gb", Err("ERR argument must be a memory value bigger than 1 and smaller than 4gb")},
      {"DEBUG QUICKLIST-PACKED-THRESHOLD 10b", kOk},
      {"RPUSH l 1 aaaaaaaaaaaaaaa 2", Int(3)},
      {"LINSERT l before aaaaaaaaaaaaaaa bbbbbbbbbbbbbbbb", Int(4)},
      {"LSET l 0 cccccccccccc", kOk},
      {"LSET l -1 3", kOk},
      {"LRANGE l 0 -1", Array({"cccccccccccc", "bbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaa", "3"})},
      {"LPOS l aaaaaaaaaaaaaaa", Int(2)},
      {"LREM l 0 bbbbbbbbbbbbbbbb", Int(1)},
      {"LMOVE l m left right", Bulk("cccccccccccc")},
      {"RPOP l 2", Array({"3", "aaaaaaaaaaaaaaa"})},
      {"DEBUG QUICKLIST-PACKED-THRESHOLD 0", kOk},
  });
  EXPECT_EQ(List::PackedThreshold().load(), std::size_t{1} << 30);
}

}  // namespace
}  // namespace slotwise
