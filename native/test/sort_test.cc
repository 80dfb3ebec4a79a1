// SORT and SORT_RO: replies as of redis-server 7.0.15.
#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;

std::string Array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += e == "(nil)" ? kNull : Bulk(e);
  return text;
}

TEST(Sort, NumbersOrTextOfEveryType) {
  EngineFixture f;
  Expect(f, {
      {"RPUSH l 10 9 -1 1.5 1e1", Int(5)},
      {"SORT l", Array({"-1", "1.5", "9", "10", "1e1"})},
      {"SORT l DESC", Array({"1e1", "10", "9", "1.5", "-1"})},
      {"SORT l ALPHA", Array({"-1", "1.5", "10", "1e1", "9"})},
      {"SORT l LIMIT 1 2", Array({"1.5", "9"})},
      {"SORT l LIMIT -5 1", Array({"-1"})},
      {"SORT l LIMIT 9 1", "*0\r\n"},
      {"SORT l LIMIT 1 -3", Array({"1.5", "9", "10", "1e1"})},
      {"SORT l BY nosort LIMIT 1 2", Array({"9", "-1"})},
      {"SORT l BY nosort DESC LIMIT 0 2", Array({"1e1", "1.5"})},
      {"SADD s c a b", Int(3)},
      {"SORT s", Err("ERR One or more scores can't be converted into double")},
      {"SORT s ALPHA DESC", Array({"c", "b", "a"})},
      {"ZADD z 3 a 2 b 1 c", Int(3)},
      {"SORT_RO z ALPHA", Array({"a", "b", "c"})},
      {"SORT_RO z BY nosort", Array({"c", "b", "a"})},
      {"SORT z BY nosort DESC", Array({"a", "b", "c"})},
      {"SET k 1", kOk},
      {"SORT k", kWrongKind},
      {"SORT none", "*0\r\n"},
      {"SORT l LIMIT a 1", kNotAnInteger},
      {"SORT l LIMIT 1", kBadSyntax},
      {"SORT_RO l STORE d", kBadSyntax},
      {"SORT l NOSUCH", kBadSyntax},
  });
}

TEST(Sort, PatternsNameKeysAndFields) {
  EngineFixture f;
  Expect(f, {
      {"RPUSH l 1 2 3", Int(3)},
      {"MSET w1 30 w2 20 w3 10 x1 a x3 c", kOk},
      {"HSET h1 n 5 t one", Int(2)},
      {"HSET h2 n 7", Int(1)},
      {"HSET h3 n 6 t three", Int(2)},
      {"SORT l BY w*", Array({"3", "2", "1"})},
      {"SORT l BY h*->n GET # GET x* GET h*->t", Array({"1", "a", "one", "3", "c", "three", "2", "(nil)", "(nil)"})},
      {"SORT l GET w*->n GET h* GET none", Array({"(nil)", "(nil)", "(nil)", "(nil)", "(nil)", "(nil)", "(nil)", "(nil)", "(nil)"})},
      {"SORT l BY x* ALPHA", Array({"2", "1", "3"})},
      {"SORT l BY x*", Err("ERR One or more scores can't be converted into double")},
  });
}

TEST(Sort, StoresAList) {
  EngineFixture f;
  Expect(f, {
      {"RPUSH l 3 1 2", Int(3)},
      {"SET d x", kOk},
      {"SORT l STORE d", Int(3)},
      {"LRANGE d 0 -1", Array({"1", "2", "3"})},
      {"SORT l BY nosort GET x* STORE d", Int(3)},
      {"LRANGE d 0 -1", Array({"", "", ""})},
      {"SADD s b c a", Int(3)},
      {"SORT s BY nosort STORE d", Int(3)},
      {"LRANGE d 0 -1", Array({"a", "b", "c"})},
      {"SORT none STORE d", Int(0)},
      {"EXISTS d", Int(0)},
      {"SORT l STORE l DESC", Int(3)},
      {"LRANGE l 0 -1", Array({"3", "2", "1"})},
  });
}

}  // namespace
}  // namespace slotwise
