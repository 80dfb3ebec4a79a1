#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/crc64.h"
#include "snapshot/lzf.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "test.h"

namespace slotwise {
namespace {

std::string Bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

std::string Read(const std::string& bytes) {
  RdbReader reader(bytes);
  std::string_view text;
  if (!reader.String(&text)) return "error: " + reader.error();
  return std::string(text);
}

ONE_THREAD_TEST(Rdb, ChecksumIsRediss) {
  EXPECT_EQ(Crc64(0, "123456789"), 0xe9c6d914c4b8d9caull);
  std::string text(1000, 'x');
  EXPECT_EQ(Crc64(Crc64(0, text.substr(0, 333)), text.substr(333)), Crc64(0, text));
}

// Long pieces are summed by other means than short ones; cut anywhere, the sum is the same.
ONE_THREAD_TEST(Rdb, ChecksumOfAnyLengthFromAnyStart) {
  std::string text;
  for (int i = 0; i < 700; ++i) text.push_back(static_cast<char>(i * 7919 >> 3));
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::uint64_t slow = 0x0123456789abcdef;
    for (char c : text.substr(0, size)) slow = Crc64(slow, {&c, 1});
    EXPECT_EQ(Crc64(0x0123456789abcdef, std::string_view(text).substr(0, size)), slow);
  }
}

// Compressed by Redis 7.0.15.
ONE_THREAD_TEST(Rdb, ReadsCompressedStrings) {
  EXPECT_EQ(Read(Bytes("c306150161" "61e00a00")), std::string(21, 'a'));
  EXPECT_EQ(Read(Bytes("c3091e014141e01100014141")), std::string(30, 'A'));
  EXPECT_EQ(Read(Bytes("c314230c68656c6c6f20776f726c642068e00b0b016c64")), "hello world hello world hello world");
  std::string abc;
  for (int i = 0; i < 100; ++i) abc += "abc";
  EXPECT_EQ(Read(Bytes("c30e412c0361626361e0ff02e11507016263")), abc);
}

ONE_THREAD_TEST(Rdb, WritesStringsInTheirShortestForm) {
  auto written = [](std::string_view text) {
    std::string out;
    RdbWriter(out).String(text);
    return out;
  };
  EXPECT_TRUE(written("hello") == Bytes("0568656c6c6f"));
  EXPECT_TRUE(written("") == Bytes("00"));
  EXPECT_TRUE(written("0") == Bytes("c000"));
  EXPECT_TRUE(written("-1") == Bytes("c0ff"));
  EXPECT_TRUE(written("128") == Bytes("c18000"));
  EXPECT_TRUE(written("-32768") == Bytes("c10080"));
  EXPECT_TRUE(written("32768") == Bytes("c200800000"));
  EXPECT_TRUE(written("-2147483648") == Bytes("c200000080"));
  EXPECT_TRUE(written("2147483648") == Bytes("0a32313437343833363438"));
  EXPECT_TRUE(written("01") == Bytes("023031"));
  EXPECT_EQ(written(std::string(20, 'a')).size(), 21u);
  EXPECT_TRUE(written(std::string(21, 'a')).size() < 12u);
}

ONE_THREAD_TEST(Rdb, StringsOfAnyKindSurvive) {
  Random random(3);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    std::size_t size = random.Below(i % 10 == 0 ? 20000 : 200);
    unsigned alphabet = 1 + static_cast<unsigned>(random.Below(i % 3 == 0 ? 256 : 4));
    for (std::size_t k = 0; k < size; ++k) text.push_back(static_cast<char>(random.Below(alphabet)));
    std::string out;
    RdbWriter(out).String(text);
    ASSERT_TRUE(Read(out) == text);
  }
}

ONE_THREAD_TEST(Rdb, LengthsOfEveryForm) {
  for (std::uint64_t n : {0ull, 63ull, 64ull, 16383ull, 16384ull, 4294967295ull, 4294967296ull, ~0ull}) {
    std::string out;
    RdbWriter(out).Length(n);
    std::uint64_t read = 1;
    RdbReader reader(out);
    EXPECT_TRUE(reader.Length(&read));
    EXPECT_EQ(read, n);
    EXPECT_EQ(reader.left(), 0u);
  }
}

ONE_THREAD_TEST(Rdb, LiesAboutLengthsAreRefusedWithoutTakingMemory) {
  EXPECT_EQ(Read(Bytes("80ffffffff")), "error: the data ends too early");
  EXPECT_EQ(Read(Bytes("81ffffffffffffffff")), "error: a string of more than 4 GiB");
  EXPECT_EQ(Read(Bytes("c30181ffffffffffffffff00")), "error: a compressed string with impossible sizes");
  EXPECT_EQ(Read(Bytes("c30380ffffffff200000")), "error: a compressed string with impossible sizes");
  EXPECT_EQ(Read(Bytes("c3030a200000")), "error: a compressed string that does not expand to its size");  // before the start
  EXPECT_EQ(Read(Bytes("c30205ff61")), "error: a compressed string that does not expand to its size");
  EXPECT_EQ(Read(Bytes("c4")), "error: a string of an unknown form");
  EXPECT_EQ(Read(Bytes("82")), "error: a length of an unknown form");
  std::uint64_t n;
  std::string claim = Bytes("80000fffff6161");
  RdbReader reader(claim);
  EXPECT_FALSE(reader.Count(&n));
}

ONE_THREAD_TEST(Rdb, DamagedCompressedDataNeverWritesOutside) {
  std::string text = "the quick brown fox the quick brown fox the quick brown fox jumps over the lazy dog";
  std::string packed;
  ASSERT_TRUE(LzfCompress(text, text.size(), packed) != 0);
  std::string out(text.size(), 0);
  for (std::size_t bit = 0; bit < packed.size() * 8; ++bit) {
    std::string bad = packed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    LzfDecompress(bad, out.data(), out.size());
  }
  for (std::size_t cut = 0; cut < packed.size(); ++cut) EXPECT_FALSE(LzfDecompress(packed.substr(0, cut), out.data(), out.size()));
}

// A source that hands over a few bytes at a time.
class Drip : public RdbSource {
 public:
  explicit Drip(std::string bytes) : bytes_(std::move(bytes)) {}
  std::size_t Read(char* into, std::size_t size) override {
    std::size_t n = std::min({size, bytes_.size() - at_, std::size_t{7}});
    bytes_.copy(into, n, at_);
    at_ += n;
    return n;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

ONE_THREAD_TEST(Rdb, ReadsFromASourceInPieces) {
  std::string out;
  RdbWriter writer(out, false);
  for (int i = 0; i < 500; ++i) writer.String("value number " + std::to_string(i));
  writer.Double(2.5);
  Drip drip(out);
  RdbReader reader(drip);
  std::string_view text;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(reader.String(&text));
    ASSERT_TRUE(text == "value number " + std::to_string(i));
  }
  double d = 0;
  EXPECT_TRUE(reader.Double(&d));
  EXPECT_EQ(d, 2.5);
  EXPECT_EQ(reader.offset(), out.size());
  EXPECT_EQ(reader.Checksum(), Crc64(0, out));
  EXPECT_FALSE(reader.String(&text));
  EXPECT_EQ(reader.error(), "the data ends too early");
}

}  // namespace
}  // namespace slotwise
