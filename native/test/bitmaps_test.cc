// GETBIT, SETBIT, BITCOUNT, BITPOS, BITOP: replies as of redis-server 7.0.15.
#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;

const std::string kBadOffset = Err("ERR bit offset is not an integer or out of range");

TEST(Bitmaps, BitsAreSetAndRead) {
  EngineFixture f;
  Expect(f, {
      {"SETBIT k 7 1", Int(0)},
      {"SETBIT k 7 0", Int(1)},
      {"SETBIT k 0 1", Int(0)},
      {"GET k", Bulk("\x80")},
      {"GETBIT k 0", Int(1)},
      {"GETBIT k 4294967295", Int(0)},
      {"GETBIT k 4294967296", kBadOffset},
      {"GETBIT none 0", Int(0)},
      {"SETBIT k -1 1", kBadOffset},
      {"SETBIT k 4294967296 1", kBadOffset},
      {"SETBIT k #1 1", kBadOffset},
      {"SETBIT k 0 2", Err("ERR bit is not an integer or out of range")},
      {"SETBIT k x 2", kBadOffset},
      {"SETBIT k 0 -1", Err("ERR bit is not an integer or out of range")},
      {"SET n 1", kOk},
      {"SETBIT n 6 1", Int(0)},
      {"GET n", Bulk("3")},
  });
}

TEST(Bitmaps, CountsBytesOrBits) {
  EngineFixture f;
  Expect(f, {
      {"SET k foobar", kOk},
      {"BITCOUNT k", Int(26)},
      {"BITCOUNT k 0 0", Int(4)},
      {"BITCOUNT k 1 1 byte", Int(6)},
      {"BITCOUNT k 5 30 BIT", Int(17)},
      {"BITCOUNT k -6 -7", Int(0)},
      {"BITCOUNT k 0 -100", Int(4)},
      {"BITCOUNT k -9223372036854775808 9223372036854775807 BIT", Int(26)},
      {"BITCOUNT k 0", kBadSyntax},
      {"BITCOUNT k 0 1 bits", kBadSyntax},
      {"BITCOUNT k -1 -2 bits", Int(0)},
      {"BITCOUNT k 0 a", kNotAnInteger},
      {"BITCOUNT none 0", Int(0)},
      {"BITCOUNT none a b c d", Int(0)},
      {"SET n 123", kOk},
      {"BITCOUNT n", Int(10)},
  });
}

TEST(Bitmaps, FindsTheFirstBit) {
  EngineFixture f;
  Expect(f, {
      {"SET k \"\\xff\\xf0\\x00\"", kOk},
      {"BITPOS k 0", Int(12)},
      {"BITPOS k 1 2", Int(-1)},
      {"BITPOS k 0 0 0", Int(-1)},
      {"BITPOS k 1 7 15 BIT", Int(7)},
      {"BITPOS k 0 3 11 BIT", Int(-1)},
      {"BITPOS k 0 3 12 BIT", Int(12)},
      {"BITPOS k 1 -1", Int(-1)},
      {"BITPOS k 2", Err("ERR The bit argument must be 1 or 0.")},
      {"BITPOS k 0 0 a BITS", kBadSyntax},
      {"BITPOS k 0 0 a", kNotAnInteger},
      {"SET ones \"\\xff\\xff\\xff\"", kOk},
      {"BITPOS ones 0", Int(24)},
      {"BITPOS ones 0 1", Int(24)},
      {"BITPOS ones 0 0 -1", Int(-1)},
      {"BITPOS ones 0 3", Int(-1)},
      {"BITPOS none 0", Int(0)},
      {"BITPOS none 1 5 6 7", Int(-1)},
      {"SET empty \"\"", kOk},
      {"BITPOS empty 0", Int(-1)},
  });
}

TEST(Bitmaps, CombinesStringsOfAnyLength) {
  EngineFixture f;
  Expect(f, {
      {"MSET a \"\\xf0\\x0f\\xff\" b \"\\x3c\" n 1", kOk},
      {"BITOP AND d a b", Int(3)},
      {"GET d", Bulk(std::string("\x30\0\0", 3))},
      {"BITOP or d a b none", Int(3)},
      {"GET d", Bulk("\xfc\x0f\xff")},
      {"BITOP XOR a a b", Int(3)},
      {"GET a", Bulk("\xcc\x0f\xff")},
      {"BITOP NOT d n", Int(1)},
      {"GET d", Bulk("\xce")},
      {"BITOP NOT d a b", Err("ERR BITOP NOT must be called with a single source key.")},
      {"BITOP NAND d a b", kBadSyntax},
      {"SET d v EX 1000", kOk},
      {"BITOP AND d b b", Int(1)},
      {"TTL d", Int(-1)},
      {"BITOP AND d none none", Int(0)},
      {"EXISTS d", Int(0)},
  });
  std::string big(5000, '\x0f');
  f.Run({"SET", "big", big});
  EXPECT_EQ(f("BITOP NOT big big"), Int(5000));
  EXPECT_TRUE(f("GET big") == Bulk(std::string(5000, '\xf0')));
}

}  // namespace
}  // namespace slotwise
