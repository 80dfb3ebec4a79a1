// HyperLogLog: the format, the estimate, damaged ones, and the commands as redis-server 7.0.15 answers them.
#include "values/hyperloglog.h"

#include <cmath>
#include <string>

#include "base/random.h"
#include "strings_fixture.h"

namespace slotwise {
namespace {

using namespace test;
namespace hll = hyperloglog;

ONE_THREAD_TEST(HyperLogLog, SparseAndDenseAgree) {
  Random random(4);
  std::string sparse = hll::Empty(), dense = hll::Empty();
  ASSERT_TRUE(hll::MakeDense(dense));
  EXPECT_EQ(hll::Decode(sparse), "Z:16384");
  for (int i = 1; i <= 20'000; ++i) {
    std::string element = std::to_string(random.Next());
    hll::Result a = hll::Add(sparse, element, 100'000);
    ASSERT_TRUE(a == hll::AddDense(dense.data(), element) && a != hll::Result::kCorrupt);
    if (i % 500 != 0 && i > 20) continue;
    std::uint64_t x, y;
    ASSERT_TRUE(hll::Estimate(sparse, &x) && hll::Estimate(dense, &y));
    ASSERT_EQ(x, y);
    EXPECT_LE(std::fabs(static_cast<double>(x) - i), 1 + i * 0.05);
    hll::Registers a_registers{}, b_registers{};
    ASSERT_TRUE(hll::MergeInto(a_registers, sparse) && hll::MergeInto(b_registers, dense));
    ASSERT_TRUE(a_registers == b_registers);
    EXPECT_EQ(hll::Estimate(a_registers), x);
  }
}

ONE_THREAD_TEST(HyperLogLog, EveryRegisterHoldsEveryValue) {
  Random random(9);
  std::string bytes = hll::Empty();
  ASSERT_TRUE(hll::MakeDense(bytes));
  hll::Registers expected{};
  for (int i = 0; i < 200'000; ++i) {
    int index = static_cast<int>(random.Below(hll::kRegisters));
    auto value = static_cast<std::uint8_t>(random.Below(64));
    auto& e = expected[static_cast<std::size_t>(index)];
    EXPECT_EQ(hll::Raise(bytes, index, value, 3000) == hll::Result::kChanged, value > e);
    if (value > e) e = value;
  }
  hll::Registers read{};
  ASSERT_TRUE(hll::MergeInto(read, bytes));
  EXPECT_TRUE(read == expected);
}

ONE_THREAD_TEST(HyperLogLog, DamagedBytesAreNoticed) {
  Random random(2);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = hll::Empty();
    for (int n = 0; n < 20; ++n) (void)hll::Add(bytes, std::to_string(random.Next()), 3000);
    std::size_t at = hll::kHeaderSize + random.Below(bytes.size() - hll::kHeaderSize);
    bytes[at] = static_cast<char>(random.Next());
    if (i % 3 == 0) bytes.resize(bytes.size() - 1 - random.Below(3));
    // Whatever it is now: no crash, and all agree on whether it is damaged.
    std::uint64_t count;
    hll::Registers registers{};
    bool good = hll::Estimate(bytes, &count);
    EXPECT_EQ(hll::MergeInto(registers, bytes), good);
    std::string copy = bytes;
    EXPECT_EQ(hll::MakeDense(copy), good);
    (void)hll::Add(bytes, "x", 3000);
    (void)hll::Decode(bytes);
  }
}

TEST(HyperLogLog, Commands) {
  EngineFixture f;
  const std::string kNoHll = Err("WRONGTYPE Key is not a valid HyperLogLog string value.");
  Expect(f, {
      {"PFADD h", Int(1)},
      {"PFADD h", Int(0)},
      {"PFADD h a b c d e f g", Int(1)},
      {"PFADD h a b c", Int(0)},
      {"PFCOUNT h", Int(7)},
      {"PFCOUNT h none", Int(7)},
      {"PFCOUNT none", Int(0)},
      {"OBJECT ENCODING h", Bulk("raw")},
      {"PFDEBUG ENCODING h", "+sparse\r\n"},
      {"PFADD i foo bar a", Int(1)},
      {"PFCOUNT h i", Int(9)},
      {"PFMERGE d h i", kOk},
      {"PFCOUNT d", Int(9)},
      {"PFDEBUG TODENSE d", Int(1)},
      {"PFDEBUG TODENSE d", Int(0)},
      {"PFCOUNT d", Int(9)},
      {"PFDEBUG DECODE d", Err("ERR HLL encoding is not sparse")},
      {"PFMERGE h d", kOk},
      {"PFDEBUG ENCODING h", "+dense\r\n"},
      {"PFDEBUG ENCODING none", Err("ERR The specified key does not exist")},
      {"PFDEBUG NONE d", Err("ERR Unknown PFDEBUG subcommand 'NONE'")},
      {"SET s x", kOk},
      {"PFADD s a", kNoHll},
      {"PFCOUNT h s", kNoHll},
      {"PFMERGE h s", kNoHll},
      {"SET n 12345", kOk},
      {"PFADD n a", kNoHll},
      {"PFSELFTEST", kOk},
  });
  f("APPEND i x");  // the cached count is still valid, a merge looks at the registers
  Expect(f, {{"PFCOUNT i h", Err("INVALIDOBJ Corrupted HLL object detected")}, {"PFMERGE x i", Err("INVALIDOBJ Corrupted HLL object detected")}});
}

TEST(HyperLogLog, CountingIsAChangeOnce) {
  LoggingFixture f;
  EXPECT_EQ(f.Effects("PFADD h a b"), "PFADD h a b\n");
  EXPECT_EQ(f.Effects("PFCOUNT h"), "PFCOUNT h\n");
  EXPECT_EQ(f.Effects("PFCOUNT h"), "");
  EXPECT_EQ(f.Effects("PFADD h a"), "");
  EXPECT_EQ(f.Effects("PFMERGE d h"), "PFMERGE d h\n");
}

}  // namespace
}  // namespace slotwise
