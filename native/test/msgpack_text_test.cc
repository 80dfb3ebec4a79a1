#include "binding/msgpack_text.h"

#include <string>

#include "test.h"

namespace slotwise::test {
namespace {

using binding::AsciiStringHead;

std::string Head(std::initializer_list<int> bytes) { return {bytes.begin(), bytes.end()}; }

ONE_THREAD_TEST(MsgpackText, KnowsStringsOfEachLength) {
  EXPECT_EQ(AsciiStringHead(Head({0xa0})), 1u);
  for (std::size_t n : {1, 2, 3, 31}) EXPECT_EQ(AsciiStringHead(Head({0xa0 | static_cast<int>(n)}) + std::string(n, 'a')), 1u);
  for (std::size_t n : {32, 128, 255}) EXPECT_EQ(AsciiStringHead(Head({0xd9, static_cast<int>(n)}) + std::string(n, 'a')), 2u);
  for (std::size_t n : {256, 65535}) {
    EXPECT_EQ(AsciiStringHead(Head({0xda, static_cast<int>(n >> 8), static_cast<int>(n & 255)}) + std::string(n, 'a')), 3u);
  }
}

ONE_THREAD_TEST(MsgpackText, LooksAtTheCharactersThatTheAsciiBitLeavesOut) {
  EXPECT_EQ(AsciiStringHead(Head({0xa2, 0xc3, 0xa9})), 0u);
  EXPECT_EQ(AsciiStringHead(Head({0xa2, 'a', 0xa9})), 0u);
  EXPECT_EQ(AsciiStringHead(Head({0xd9, 32, 0xc3}) + std::string(31, 'a')), 0u);
}

ONE_THREAD_TEST(MsgpackText, TakesNothingElseForAString) {
  EXPECT_EQ(AsciiStringHead(""), 0u);
  EXPECT_EQ(AsciiStringHead("12"), 0u);
  EXPECT_EQ(AsciiStringHead(Head({0xa1})), 0u);             // too short
  EXPECT_EQ(AsciiStringHead(Head({0xa1, 'a', 'b'})), 0u);   // too long
  EXPECT_EQ(AsciiStringHead(Head({0xd9})), 0u);
  EXPECT_EQ(AsciiStringHead(Head({0xd9, 40})), 0u);
  EXPECT_EQ(AsciiStringHead(Head({0xda, 0})), 0u);
  EXPECT_EQ(AsciiStringHead(Head({0xc4, 1, 'a'})), 0u);     // bytes
  EXPECT_EQ(AsciiStringHead(Head({0x81, 0xa1, 'a', 1})), 0u);
}

}  // namespace
}  // namespace slotwise::test
