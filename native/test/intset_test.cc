#include "values/intset.h"

#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

struct Owned {
  Intset set = Intset::Create();
  ~Owned() { set.Free(); }
};

std::string Hex(std::string_view bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    text += "0123456789abcdef"[c >> 4];
    text += "0123456789abcdef"[c & 15];
  }
  return text;
}

// What redis-server 7.0.15 has in a DUMP of the same sets.
ONE_THREAD_TEST(Intset, BytesAreRedis) {
  Owned o;
  for (std::int64_t v : {3, -1, 500}) EXPECT_TRUE(o.set.Add(v));
  EXPECT_EQ(Hex(o.set.bytes()), "0200000003000000ffff0300f401");
  EXPECT_TRUE(o.set.Add(70000));
  EXPECT_EQ(Hex(o.set.bytes()), "0400000004000000ffffffff03000000f401000070110100");
  EXPECT_TRUE(o.set.Remove(70000));
  EXPECT_EQ(Hex(o.set.bytes()), "0400000003000000ffffffff03000000f4010000");  // it stays wide
}

ONE_THREAD_TEST(Intset, AgainstAModelOfAllWidths) {
  Random random(9);
  for (int round = 0; round < 6; ++round) {
    Owned o;
    std::set<std::int64_t> model;
    for (int i = 0; i < 4000; ++i) {
      // Rounds begin narrow; the later ones become wide on the way.
      auto v = static_cast<std::int64_t>(random.Below(600)) - 300;
      if (round >= 2 && i > 1000) v *= 1000003;
      if (round >= 4 && i > 2000) v *= 10000000019;
      if (random.Below(3) == 0) ASSERT_EQ(o.set.Remove(v), model.erase(v) == 1);
      else ASSERT_EQ(o.set.Add(v), model.insert(v).second);
      ASSERT_EQ(o.set.count(), model.size());
      ASSERT_EQ(o.set.Contains(v), model.count(v) == 1);
    }
    std::size_t at = 0;
    for (std::int64_t v : model) ASSERT_EQ(o.set.At(at++), v);
    EXPECT_TRUE(Intset::Validate(o.set.bytes()));
  }
}

ONE_THREAD_TEST(Intset, TheEndsOfEachWidth) {
  Owned o;
  std::vector<std::int64_t> all = {0, INT16_MAX, INT16_MIN, INT16_MAX + 1, INT16_MIN - 1, INT32_MAX, INT32_MIN, std::int64_t{INT32_MAX} + 1,
                                   std::int64_t{INT32_MIN} - 1, INT64_MAX, INT64_MIN};
  std::size_t n = 0;
  for (std::int64_t v : all) {
    EXPECT_FALSE(o.set.Contains(v));
    EXPECT_FALSE(o.set.Remove(v));
    EXPECT_TRUE(o.set.Add(v));
    EXPECT_FALSE(o.set.Add(v));
    EXPECT_EQ(o.set.count(), ++n);
    for (std::size_t i = 0; i < n; ++i) EXPECT_TRUE(o.set.Contains(all[i]));
  }
  Intset copy = o.set.Copy();
  EXPECT_EQ(Hex(copy.bytes()), Hex(o.set.bytes()));
  copy.Free();
}

ONE_THREAD_TEST(Intset, DamagedBytesAreRefused) {
  Owned o;
  for (std::int64_t v : {1, 2, 70000}) o.set.Add(v);
  std::string good(o.set.bytes());
  EXPECT_TRUE(Intset::Validate(good));
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(Intset::Validate(good.substr(0, n)));
  EXPECT_FALSE(Intset::Validate(good + "x"));
  auto with = [&](std::size_t at, char c) {
    std::string bad = good;
    bad[at] = c;
    return bad;
  };
  EXPECT_FALSE(Intset::Validate(with(0, 3)));                // no such width
  EXPECT_FALSE(Intset::Validate(with(4, 4)));                // more than there are
  EXPECT_FALSE(Intset::Validate(with(7, static_cast<char>(0x80))));  // far more
  EXPECT_FALSE(Intset::Validate(with(8, 2)));                // 2 twice
  EXPECT_FALSE(Intset::Validate(with(8, 5)));                // not ascending
  EXPECT_FALSE(Intset::Validate(std::string("\2\0\0\0\0\0\0\0", 8)));  // empty
}

}  // namespace
}  // namespace slotwise
