// Commands on keys, through the whole engine.
#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;

// Longer than what lives inside an entry.
std::string Long(char c) { return std::string(5000, c); }
std::string Bulk(const std::string& s) { return "$" + std::to_string(s.size()) + "\r\n" + s + "\r\n"; }

TEST(Keys, DelAndExistsCountWhatIsThere) {
  EngineFixture f;
  f("MSET a 1 b 2 c 3");
  EXPECT_EQ(f("EXISTS a a nokey b"), ":3\r\n");
  EXPECT_EQ(f("DEL a nokey a"), ":1\r\n");
  EXPECT_EQ(f("UNLINK b c d"), ":2\r\n");
  EXPECT_EQ(f("DBSIZE"), ":0\r\n");
}

TEST(Keys, TypeNamesWhatIsThere) {
  EngineFixture f;
  f("SET a 1");
  EXPECT_EQ(f("TYPE a"), "+string\r\n");
  EXPECT_EQ(f("TYPE b"), "+none\r\n");
  EXPECT_EQ(f("OBJECT ENCODING a"), Bulk("int"));
  EXPECT_EQ(f("OBJECT ENCODING b"), "$-1\r\n");
}

// {t}a and {t}b share a table, a and b do not.
TEST(Keys, RenameMovesValueAndDeadline) {
  EngineFixture f;
  for (std::string tag : {"", "{t}"}) {
    std::string a = tag + "a";
    std::string b = tag + "b";
    for (std::string value : {std::string("17"), std::string("short"), Long('x')}) {
      f.Run({"SET", a, value, "PXAT", "4102444800000"});
      f.Run({"SET", b, "old"});
      EXPECT_EQ(f("RENAME " + a + " " + b), "+OK\r\n");
      EXPECT_EQ(f("EXISTS " + a), ":0\r\n");
      EXPECT_EQ(f("GET " + b), Bulk(value));
      EXPECT_EQ(f("PEXPIRETIME " + b), ":4102444800000\r\n");
      EXPECT_EQ(f("DBSIZE"), ":1\r\n");
      f("FLUSHALL");
    }
  }
}

TEST(Keys, RenameOfAMissingKeyOrToItself) {
  EngineFixture f;
  EXPECT_EQ(f("RENAME a b"), "-ERR no such key\r\n");
  EXPECT_EQ(f("RENAMENX a a"), "-ERR no such key\r\n");
  f("SET a 1");
  EXPECT_EQ(f("RENAME a a"), "+OK\r\n");
  EXPECT_EQ(f("RENAMENX a a"), ":0\r\n");
  f("SET b 2");
  EXPECT_EQ(f("RENAMENX a b"), ":0\r\n");
  EXPECT_EQ(f("RENAMENX a c"), ":1\r\n");
  EXPECT_EQ(f("MGET a b c"), "*3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n");
}

TEST(Keys, CopiesAreIndependent) {
  EngineFixture f;
  f.Run({"SET", "a", Long('x')});
  EXPECT_EQ(f("COPY a b"), ":1\r\n");
  f("APPEND b tail");
  f("SETRANGE a 0 y");
  EXPECT_EQ(f("GET a"), Bulk("y" + Long('x').substr(1)));
  EXPECT_EQ(f("GET b"), Bulk(Long('x') + "tail"));
}

TEST(Keys, CopyNeedsReplaceAndChecksItsArgumentsInOrder) {
  EngineFixture f;
  f("MSET a 1 b 2");
  EXPECT_EQ(f("COPY a b"), ":0\r\n");
  EXPECT_EQ(f("COPY a b REPLACE"), ":1\r\n");
  EXPECT_EQ(f("GET b"), Bulk("1"));
  EXPECT_EQ(f("COPY a a"), "-ERR source and destination objects are the same\r\n");
  EXPECT_EQ(f("COPY a a DB 1"), ":1\r\n");
  EXPECT_EQ(f("COPY a b DB 99"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(f("COPY a b DB x foo"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(f("COPY a b DB"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("COPY nokey b"), ":0\r\n");
}

TEST(Keys, MoveTakesTheDeadlineAlongAndNeverOverwrites) {
  EngineFixture f;
  f("SET a 1 PXAT 4102444800000");
  EXPECT_EQ(f("MOVE a 1"), ":1\r\n");
  EXPECT_EQ(f("EXISTS a"), ":0\r\n");
  f("SET a 2");
  EXPECT_EQ(f("MOVE a 1"), ":0\r\n");
  EXPECT_EQ(f("MOVE a 0"), "-ERR source and destination objects are the same\r\n");
  f("SWAPDB 0 1");
  EXPECT_EQ(f("PEXPIRETIME a"), ":4102444800000\r\n");
  EXPECT_EQ(f("GET a"), Bulk("1"));
}

TEST(Keys, ADatabaseIndexThatIsNoIntIsRefusedAsRedisWordsIt) {
  EngineFixture f;
  f("SET a 1");
  EXPECT_EQ(f("MOVE a x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(f("MOVE a 99999999999"), "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
  EXPECT_EQ(f("SWAPDB x 1"), "-ERR invalid first DB index\r\n");
  EXPECT_EQ(f("SWAPDB 1 99999999999"), "-ERR invalid second DB index\r\n");
  EXPECT_EQ(f("SWAPDB 1 16"), "-ERR DB index is out of range\r\n");
}

TEST(Keys, NothingButTouchAndReadsOfValuesCountAsUse) {
  EngineFixture f;
  f("SET a 1");
  auto access = [&] { return f.engine->keyspace().Db(0).Find(KeyRef("a")).entry(); };
  for (std::string command : {"TYPE a", "TTL a", "EXISTS a", "OBJECT IDLETIME a", "MEMORY USAGE a"}) {
    access()->set_access(77);
    f(command);
    EXPECT_EQ(access()->access(), 77u);
  }
  f("TOUCH a");
  EXPECT_NE(access()->access(), 77u);
}

TEST(Keys, WaitAnswersAtOnceWithoutReplicas) {
  EngineFixture f;
  EXPECT_EQ(f("WAIT 0 0"), ":0\r\n");
  EXPECT_EQ(f("WAIT x 0"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(f("WAIT 1 x"), "-ERR timeout is not an integer or out of range\r\n");
  EXPECT_EQ(f("WAIT 1 -1"), "-ERR timeout is negative\r\n");
}

}  // namespace
}  // namespace slotwise
