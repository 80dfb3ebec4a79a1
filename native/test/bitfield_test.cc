// BITFIELD and BITFIELD_RO: replies as of redis-server 7.0.15, and overflow against arithmetic with more bits.
#include <climits>

#include "base/random.h"
#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;

std::string Ints(std::initializer_list<long long> values) {
  std::string reply = "*" + std::to_string(values.size()) + "\r\n";
  for (long long v : values) reply += Int(v);
  return reply;
}

TEST(Bitfield, OperationsRunInOrder) {
  EngineFixture f;
  Expect(f, {
      {"BITFIELD k", "*0\r\n"},
      {"EXISTS k", Int(0)},
      {"BITFIELD k GET u8 100", Ints({0})},
      {"EXISTS k", Int(0)},
      {"BITFIELD k SET u8 0 255 GET i8 0 incrby i5 #1 -1", Ints({0, -1, -5})},
      {"GET k", Bulk(std::string("\xfe\xc0", 2))},
      {"BITFIELD_RO k GET u4 4 GET i64 0", Ints({14, -90071992547409920})},
      {"BITFIELD_RO k GET u8 0 SET u8 0 1", Err("ERR BITFIELD_RO only supports the GET subcommand")},
      {"BITFIELD k SET i64 0 -1 GET i64 0 GET u63 1", Ints({-90071992547409920, -1, 9223372036854775807})},
  });
}

TEST(Bitfield, BadArgumentsChangeNothing) {
  EngineFixture f;
  const std::string bad_type = Err("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
  const std::string bad_offset = Err("ERR bit offset is not an integer or out of range");
  for (const char* type : {"u64", "i65", "u0", "i0", "x8", "u", "\"\"", "u08", "U8"}) {
    EXPECT_EQ(f(std::string("BITFIELD k SET u8 0 1 GET ") + type + " 0"), bad_type);
  }
  for (const char* offset : {"-1", "#-1", "#", "##1", "a", "\"\"", "4294967296", "#536870912", "#9223372036854775807", "#2305843009213693953"}) {
    EXPECT_EQ(f(std::string("BITFIELD k SET u8 ") + offset + " 1"), bad_offset);
  }
  Expect(f, {
      {"BITFIELD k SET u8 0", kBadSyntax},
      {"BITFIELD k SET u8 0 a", kNotAnInteger},
      {"BITFIELD k OVERFLOW", kBadSyntax},
      {"BITFIELD k OVERFLOW NONE SET u8 0 1", Err("ERR Invalid OVERFLOW type specified")},
      {"BITFIELD k OVERFLOW FAIL", "*0\r\n"},
      {"EXISTS k", Int(0)},
  });
}

TEST(Bitfield, OverflowAppliesFromWhereItStands) {
  EngineFixture f;
  Expect(f, {
      {"BITFIELD k SET u8 0 250 INCRBY u8 0 10 OVERFLOW SAT INCRBY u8 0 1000 OVERFLOW FAIL INCRBY u8 0 1 GET u8 0",
       "*5\r\n:0\r\n:4\r\n:255\r\n$-1\r\n:255\r\n"},
      {"BITFIELD k OVERFLOW SAT SET i8 0 1000 SET i8 0 -1000 GET i8 0", Ints({-1, 127, -128})},
      {"BITFIELD k OVERFLOW SAT SET u8 0 -1 GET u8 0", Ints({128, 255})},
      {"BITFIELD k OVERFLOW SAT INCRBY u8 0 -9223372036854775808", Ints({0})},
      {"BITFIELD k SET i64 0 9223372036854775807 INCRBY i64 0 1", Ints({0, LLONG_MIN})},
      {"BITFIELD k OVERFLOW SAT INCRBY i64 0 -1 SET i64 0 9223372036854775807 INCRBY i64 0 1", Ints({LLONG_MIN, LLONG_MIN, LLONG_MAX})},
      // Redis's own surprise: so far below, a saturating SET gives the maximum.
      {"BITFIELD k OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0", Ints({127, 127})},
      {"DEL k", Int(1)},
      {"BITFIELD k OVERFLOW FAIL INCRBY u1 20 2", "*1\r\n$-1\r\n"},
      {"STRLEN k", Int(3)},
  });
}

TEST(Bitfield, IncrementsAgreeWithWiderArithmetic) {
  EngineFixture f;
  Random random(7);
  for (int round = 0; round < 3000; ++round) {
    bool is_signed = random.Below(2) == 1;
    auto bits = static_cast<unsigned>(1 + random.Below(is_signed ? 64 : 63));
    __int128 span = static_cast<__int128>(1) << bits;
    __int128 max = is_signed ? span / 2 - 1 : span - 1, min = is_signed ? -span / 2 : 0;
    auto start = static_cast<std::int64_t>(min + static_cast<__int128>(random.Next()) % span);
    auto by = static_cast<std::int64_t>(random.Next() >> random.Below(64));
    if (random.Below(2) == 0) by = -by;
    __int128 sum = static_cast<__int128>(start) + by;
    __int128 wrapped = ((sum - min) % span + span) % span + min;
    __int128 saturated = sum > max ? max : sum < min ? min : sum;
    bool saturate = random.Below(2) == 1;
    std::string field = (is_signed ? "i" : "u") + std::to_string(bits) + " " + std::to_string(random.Below(50)) + " ";
    f("DEL k");
    std::string command = "BITFIELD k SET " + field + std::to_string(start) + " OVERFLOW " + (saturate ? "SAT" : "WRAP") + " INCRBY " + field +
                          std::to_string(by);
    auto expected = static_cast<long long>(saturate ? saturated : wrapped);
    std::string reply = f(command);
    if (reply != Ints({0, expected})) Fail(__FILE__, __LINE__, command + ": " + reply);
  }
}

}  // namespace
}  // namespace slotwise
