// Doubles as text: what is a number, and how it is printed, against C's strtod and printf, which Redis uses.
#include "base/double_text.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

std::string Print(double v) {
  char b[32];
  return std::string(b, PrintDouble(v, b));
}

ONE_THREAD_TEST(DoubleText, PrintsAsRedisDoes) {
  EXPECT_EQ(Print(3), "3");
  EXPECT_EQ(Print(-0.5), "-0.5");
  EXPECT_EQ(Print(0.1), "0.10000000000000001");
  EXPECT_EQ(Print(1e20), "1e+20");
  EXPECT_EQ(Print(1e17), "1e+17");
  EXPECT_EQ(Print(99999999999999984.0), "99999999999999984");
  EXPECT_EQ(Print(0.0), "0");
  EXPECT_EQ(Print(-0.0), "-0");
  EXPECT_EQ(Print(HUGE_VAL), "inf");
  EXPECT_EQ(Print(-HUGE_VAL), "-inf");
  EXPECT_EQ(Print(5e-324), "4.9406564584124654e-324");
}

ONE_THREAD_TEST(DoubleText, PrintsAnyBitsAsPrintf) {
  Random random(11);
  for (int i = 0; i < 100'000; ++i) {
    std::uint64_t bits = random.Next();
    double v;
    std::memcpy(&v, &bits, sizeof v);
    if (i % 3 == 1) v = static_cast<double>(static_cast<std::int64_t>(bits >> (bits & 63)));
    if (i % 3 == 2) v = static_cast<double>(static_cast<std::int32_t>(bits)) / 1000;
    if (std::isnan(v)) continue;
    char expected[40];
    std::snprintf(expected, sizeof expected, "%.17g", v);
    ASSERT_EQ(Print(v), std::string(expected));
    double read = 0;
    ASSERT_TRUE(ParseDouble(Print(v), &read));
    ASSERT_TRUE(read == v && std::signbit(read) == std::signbit(v));
    ASSERT_TRUE(ParseStoredScore(Print(v)) == v);
  }
}

ONE_THREAD_TEST(DoubleText, TakesWhatStrtodTakesWhole) {
  const char* good[] = {"1", "-1", "007", "-0", "1.5", ".5", "5.", "+3", "1e3", "-2.5E-3", "inf", "-inf", "+Infinity", "INF",
                        "0x10", "0x1p-3", "123456789012345", "1234567890123456789", "1e-320", "1.7976931348623157e308"};
  for (const char* text : good) {
    double v = -77;
    EXPECT_TRUE(ParseDouble(text, &v));
    EXPECT_EQ(v, std::strtod(text, nullptr));
  }
  const char* bad[] = {"", " 1", "\t1", "1 ", "1x", "x", "-", ".", "e5", "1e", "--1", "nan", "-nan", "nan(1)", "1e400", "-1e400", "1e-400", "0x"};
  for (const char* text : bad) {
    double v;
    EXPECT_FALSE(ParseDouble(text, &v));
  }
  double v;
  EXPECT_FALSE(ParseDouble(std::string_view("1\0", 2), &v));
}

ONE_THREAD_TEST(DoubleText, EndsOfRangesAreReadLoosely) {
  double v;
  EXPECT_TRUE(ParseRangeEnd("", &v) && v == 0);
  EXPECT_TRUE(ParseRangeEnd(" 2", &v) && v == 2);
  EXPECT_TRUE(ParseRangeEnd(std::string_view("3\0x", 3), &v) && v == 3);
  EXPECT_TRUE(ParseRangeEnd("1e400", &v) && std::isinf(v));
  EXPECT_FALSE(ParseRangeEnd("nan", &v));
  EXPECT_FALSE(ParseRangeEnd("1 ", &v));
  EXPECT_FALSE(ParseRangeEnd("foo", &v));
}

ONE_THREAD_TEST(DoubleText, IntegersOfAListpack) {
  std::int64_t i = 0;
  EXPECT_TRUE(DoubleAsInteger(-5, &i) && i == -5);
  EXPECT_TRUE(DoubleAsInteger(-0.0, &i) && i == 0);
  EXPECT_TRUE(DoubleAsInteger(1e18, &i) && i == 1'000'000'000'000'000'000);
  EXPECT_FALSE(DoubleAsInteger(1e19, &i));
  EXPECT_FALSE(DoubleAsInteger(4.7e18, &i));
  EXPECT_FALSE(DoubleAsInteger(0.5, &i));
  EXPECT_FALSE(DoubleAsInteger(HUGE_VAL, &i));
}

}  // namespace
}  // namespace slotwise
