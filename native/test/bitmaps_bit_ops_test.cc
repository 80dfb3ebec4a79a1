// The loops over bits, each against the same thing done bit by bit.
#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "commands/bit_ops.h"
#include "test.h"

namespace slotwise {
namespace {

std::string RandomBytes(Random& random, std::size_t size) {
  // Runs of equal bytes, so that searches have something to skip.
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size;) {
    std::size_t run = 1 + random.Below(20);
    std::uint64_t kind = random.Below(4);
    for (; run > 0 && i < size; --run, ++i) bytes[i] = kind == 0 ? '\0' : kind == 1 ? '\xff' : static_cast<char>(random.Next());
  }
  return bytes;
}

BitRange RandomRange(Random& random, std::size_t size) {
  auto first = static_cast<std::int64_t>(random.Below(size * 8)), last = static_cast<std::int64_t>(random.Below(size * 8));
  return {std::min(first, last), std::max(first, last)};
}

ONE_THREAD_TEST(BitOps, CountsAndFindsWhatALoopOverBitsFinds) {
  Random random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = RandomBytes(random, 1 + random.Below(round % 100 == 0 ? 5000 : 100));
    BitRange range = RandomRange(random, bytes.size());
    bool wanted = random.Below(2) == 1;
    std::uint64_t count = 0;
    std::int64_t found = -1;
    for (std::int64_t bit = range.first; bit <= range.last; ++bit) {
      bool set = TestBit(bytes.data(), static_cast<std::uint64_t>(bit));
      count += set;
      if (found < 0 && set == wanted) found = bit;
    }
    ASSERT_EQ(CountBits(bytes, range), count);
    ASSERT_EQ(FindBit(bytes, wanted, range), found);
  }
  EXPECT_EQ(CountBits("", {0, -1}), 0u);
  EXPECT_EQ(FindBit("", true, {0, -1}), -1);
}

ONE_THREAD_TEST(BitOps, CombinesSourcesAsIfTheyWereContinuedWithZeros) {
  Random random(2);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> strings;
    std::size_t count = 1 + random.Below(5), size = 0;
    for (std::size_t i = 0; i < count; ++i) {
      strings.push_back(RandomBytes(random, random.Below(round % 50 == 0 ? 40000 : 60)));
      size = std::max(size, strings.back().size());
    }
    auto operation = static_cast<BitOperation>(random.Below(count == 1 ? 4 : 3));
    std::string expected(size, '\0');
    for (std::size_t at = 0; at < size; ++at) {
      auto byte = [&](const std::string& s) { return at < s.size() ? s[at] : '\0'; };
      char c = byte(strings[0]);
      for (std::size_t i = 1; i < count; ++i) {
        if (operation == BitOperation::kAnd) c = static_cast<char>(c & byte(strings[i]));
        if (operation == BitOperation::kOr) c = static_cast<char>(c | byte(strings[i]));
        if (operation == BitOperation::kXor) c = static_cast<char>(c ^ byte(strings[i]));
      }
      expected[at] = operation == BitOperation::kNot ? static_cast<char>(~c) : c;
    }
    std::vector<std::string_view> sources(strings.begin(), strings.end());
    std::string out(size, '?');
    CombineBits(operation, sources.data(), count, out.data(), size);
    ASSERT_TRUE(out == expected);
  }
}

ONE_THREAD_TEST(BitOps, AFieldReadsBackAndLeavesItsNeighboursAlone) {
  Random random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = RandomBytes(random, 9 + random.Below(20));
    auto bits = static_cast<unsigned>(1 + random.Below(64));
    std::uint64_t offset = random.Below(bytes.size() * 8 - bits + 1);
    std::uint64_t value = random.Next();
    std::string expected = bytes;
    for (unsigned i = 0; i < bits; ++i) {
      std::uint64_t bit = offset + i;
      auto mask = static_cast<char>(0x80 >> (bit & 7));
      bool set = (value >> (bits - 1 - i) & 1) != 0;
      expected[bit >> 3] = static_cast<char>(set ? expected[bit >> 3] | mask : expected[bit >> 3] & ~mask);
    }
    SetBitfield(bytes.data(), offset, bits, value);
    ASSERT_TRUE(bytes == expected);
    ASSERT_EQ(GetBitfield(bytes, offset, bits), bits == 64 ? value : value & ((std::uint64_t{1} << bits) - 1));
  }
}

ONE_THREAD_TEST(BitOps, AFieldBeyondTheEndReadsZeros) {
  EXPECT_EQ(GetBitfield("\xff", 4, 8), 0xf0u);
  EXPECT_EQ(GetBitfield("\xff", 8, 64), 0u);
  EXPECT_EQ(GetBitfield("", ~std::uint64_t{0} - 63, 64), 0u);
  EXPECT_EQ(GetBitfield("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 7, 64), ~std::uint64_t{0});
}

ONE_THREAD_TEST(BitOps, SignIsTheTopBitOfTheField) {
  EXPECT_EQ(SignExtend(0x80, 8), -128);
  EXPECT_EQ(SignExtend(0x7f, 8), 127);
  EXPECT_EQ(SignExtend(1, 1), -1);
  EXPECT_EQ(SignExtend(~std::uint64_t{0}, 64), -1);
}

}  // namespace
}  // namespace slotwise
