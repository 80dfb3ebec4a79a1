#include "slots/hash_slot.h"

#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

// Vectors: the Redis Cluster specification's, and CLUSTER KEYSLOT of redis-server 7.0.15.
ONE_THREAD_TEST(HashSlot, VectorsOfTheSpecification) {
  EXPECT_EQ(Crc16("123456789"), 0x31c3);
  EXPECT_EQ(HashSlot("foo"), 12182);
  EXPECT_EQ(HashSlot("somekey"), 11058);
  EXPECT_EQ(HashSlot(""), 0);
  EXPECT_EQ(HashSlot({}), 0);  // no memory behind it
}

ONE_THREAD_TEST(HashSlot, OnlyTheFirstNonEmptyTagCounts) {
  EXPECT_EQ(HashTag("{user1000}.following"), "user1000");
  EXPECT_EQ(HashSlot("{user1000}.following"), HashSlot("{user1000}.followers"));
  EXPECT_EQ(HashTag("foo{}{bar}"), "foo{}{bar}");
  EXPECT_EQ(HashTag("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(HashTag("foo{bar}{zap}"), "bar");
  EXPECT_EQ(HashTag("foo{bar"), "foo{bar");
  EXPECT_EQ(HashTag("}foo{bar}"), "bar");
}

ONE_THREAD_TEST(HashSlot, EightBytesAtATimeEqualsOneByOne) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string s(random.Below(70), '\0');
    for (char& c : s) c = static_cast<char>(random.Next());
    std::uint16_t crc = 0;
    for (unsigned char c : s) {
      crc = static_cast<std::uint16_t>(crc ^ c << 8);
      for (int i = 0; i < 8; ++i) crc = static_cast<std::uint16_t>(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    ASSERT_EQ(Crc16(s), crc);
  }
}

}  // namespace
}  // namespace slotwise
