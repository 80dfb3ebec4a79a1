// An RDB file becomes a data set: the short ways that nearly all keys take end where the long ones do, and what is wrong with a
// file is found on both.
#include <algorithm>
#include <cstring>
#include <fstream>

#include "engine/rdb_load.h"
#include "engine_fixture.h"
#include "snapshot/rdb_file_reader.h"
#include "snapshot/rdb_file_writer.h"
#include "snapshot/rdb_writer.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

// Hands over at most `piece` bytes at a time.
class Trickle final : public RdbSource {
 public:
  Trickle(std::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  std::size_t Read(char* into, std::size_t size) override {
    const std::size_t n = std::min({size, piece_, bytes_.size()});
    std::memcpy(into, bytes_.data(), n);
    bytes_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view bytes_;
  std::size_t piece_;
};

void AppendString(std::string& entries, std::string_view key, std::string_view text, bool compress = false) {
  RdbWriter writer(entries, compress);
  writer.Byte(rdb::kString);
  writer.String(key);
  writer.String(text);
}

std::string FileOf(const std::string& entries, std::uint64_t keys) {
  std::string file;
  RdbFileWriter writer([&](std::string_view bytes) { file += bytes; return Status::Ok(); }, true);
  (void)writer.Begin({{"redis-ver", "7.0.15"}});
  (void)writer.Entries(0, keys, 0, entries);
  (void)writer.End();
  return file;
}

// Strings in every form, with and without what may stand before a key.
std::string StringsOfAllForms() {
  std::string entries;
  RdbWriter writer(entries);
  for (std::size_t size : {0u, 1u, 63u, 64u, 300u, 16383u, 16384u}) AppendString(entries, "k" + std::to_string(size), std::string(size, 'v'));
  AppendString(entries, "", "no key");
  AppendString(entries, std::string(300, 'k'), std::string(1000, 'c'), /*compress=*/true);
  AppendString(entries, "17", "-40000");
  for (std::int64_t at : {std::int64_t{4000000000000}, std::int64_t{-1}, INT64_MAX}) {
    writer.Byte(rdb::kExpireMs);
    writer.Fixed64(static_cast<std::uint64_t>(at));
    AppendString(entries, "at" + std::to_string(at), "value");
  }
  writer.Byte(rdb::kExpireMs);
  writer.Fixed64(4000000000000);
  writer.Byte(rdb::kFreq);
  writer.Byte(7);
  AppendString(entries, "used", "value");
  return FileOf(entries, 14);
}

// What a reader makes of it, key by key, then its error.
std::string Told(RdbReader& in, bool short_ways) {
  static const Config config;  // dear to make, sixteen thousand times
  RdbFileReader reader(in, config, 16, true);
  std::string told;
  for (;;) {
    RdbString string;
    while (short_ways && reader.NextString(&string)) {
      told += std::string(string.key) + "=" + std::string(string.text) + "@" + std::to_string(string.expire_at_ms) + ";";
    }
    RdbKey key;
    switch (reader.Next(&key)) {
      case RdbFileReader::Event::kAux: break;
      case RdbFileReader::Event::kEnd: return told;
      case RdbFileReader::Event::kError: return told + reader.error();
      case RdbFileReader::Event::kKey: told += std::string(key.key) + "=" + key.value.text + "@" + std::to_string(key.expire_at_ms) + ";"; break;
    }
  }
}

ONE_THREAD_TEST(RdbLoad, APieceMayEndAnywhere) {
  const std::string file = StringsOfAllForms();
  RdbReader whole(file);
  const std::string told = Told(whole, false);
  EXPECT_TRUE(told.find("17=-40000@-1;") != std::string::npos);
  EXPECT_TRUE(told.find("at-1=value@0;") != std::string::npos);
  EXPECT_TRUE(told.ends_with("used=value@4000000000000;"));
  for (std::size_t piece : {1u, 2u, 7u, 60u, 61u, 1000u, 100000u}) {
    for (bool short_ways : {false, true}) {
      Trickle source(file, piece);
      RdbReader in(source);
      if (Told(in, short_ways) != told) Fail(__FILE__, __LINE__, "pieces of " + std::to_string(piece));
    }
  }
}

ONE_THREAD_TEST(RdbLoad, DamageIsToldAsOnTheLongWay) {
  const std::string file = StringsOfAllForms();
  auto same = [&](const std::string& bad) {
    RdbReader a(bad), b(bad);
    const std::string told = Told(a, false);
    return told == Told(b, true) && told.find("byte ") != std::string::npos;
  };
  for (std::size_t cut = 0; cut < file.size(); cut += cut < 800 ? 1 : 97) {
    if (!same(file.substr(0, cut))) Fail(__FILE__, __LINE__, "cut at " + std::to_string(cut));
  }
  for (std::size_t bit = 0; bit < file.size() * 8; bit += bit < 6400 ? 1 : 1009) {
    std::string bad = file;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    if (!same(bad)) Fail(__FILE__, __LINE__, "flipped bit " + std::to_string(bit));
  }
}

TEST(RdbLoad, AfterAFailureNothingIsRead) {
  const std::string bytes = std::string("\x82", 1) + "\x03" "abc" "\x01" "d";
  RdbReader in(bytes);
  std::uint64_t n;
  std::uint8_t byte;
  std::string_view text;
  EXPECT_FALSE(in.Length(&n));
  EXPECT_FALSE(in.String(&text));
  EXPECT_FALSE(in.Length(&n));
  EXPECT_FALSE(in.Byte(&byte));
  EXPECT_FALSE(in.Raw(0, &text));
  EXPECT_EQ(in.error(), "a length of an unknown form");
  EXPECT_EQ(in.offset(), 1u);
}

struct Loading {
  Status Load(const std::string& file, const RdbLoadOptions& options = {}) {
    const std::string path = dir.path() + "/dump.rdb";
    std::ofstream(path, std::ios::binary) << file;
    return LoadRdbFile(*f.engine, PosixFiles(), path, options, &report);
  }
  TempDir dir;
  EngineFixture f{{"enable-debug-command", "yes"}};
  RdbLoadReport report;
};

std::string Bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

TEST(RdbLoad, ValuesOfEverySizeArrive) {
  std::string entries;
  auto value = [](int i) { return std::string(i % 100 == 3 ? 20000 : static_cast<std::size_t>(i) % 70, static_cast<char>('a' + i % 26)) + std::to_string(i); };
  for (int i = 0; i < 3000; ++i) AppendString(entries, "{t}" + std::to_string(i), value(i));
  Loading l;
  ASSERT_TRUE(l.Load(FileOf(entries, 3000)).ok());
  EXPECT_EQ(l.report.keys, 3000u);
  EXPECT_EQ(l.f("DBSIZE"), ":3000\r\n");
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(l.f("GET {t}" + std::to_string(i)), Bulk(value(i)));
}

// Near its other, far from it, and in a file that several threads read.
TEST(RdbLoad, AKeyThatComesTwiceIsRefused) {
  for (int keys : {10, 100, 30000}) {
    for (int again : {0, keys - 1}) {
      std::string entries;
      for (int i = 0; i < keys; ++i) AppendString(entries, "key:" + std::to_string(i), "the value of key " + std::to_string(i) + " which is not short");
      AppendString(entries, "key:" + std::to_string(again), "later");
      const std::string file = FileOf(entries, static_cast<std::uint64_t>(keys));
      Loading l;
      EXPECT_TRUE(l.Load(file).message().find("holds a key twice") != std::string::npos);
      Loading merging;
      EXPECT_TRUE(merging.Load(file, {.replace = true}).ok());
      EXPECT_EQ(merging.f("GET key:" + std::to_string(again)), Bulk("later"));
      EXPECT_EQ(merging.f("DBSIZE"), ":" + std::to_string(keys) + "\r\n");
    }
  }
}

// Nothing is lost between the threads, also of what has more than a value.
TEST(RdbLoad, ABigFileOfAllSortsComesBack) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"enable-debug-command", "yes"}, {"enable-protected-configs", "yes"}, {"maxmemory-policy", "allkeys-lru"}, {"rdbcompression", "no"}});
    f("CONFIG SET dir " + dir.path());
    for (int i = 0; i < 12000; ++i) {
      const std::string n = std::to_string(i);
      f.Run({"SELECT", std::to_string(i / 4000)});
      f.Run({"SET", "key:" + n, i % 3 == 0 ? n : n + std::string(static_cast<std::size_t>(i) % 300, 'x') + n});
      if (i % 5 == 0) f.Run({"PEXPIREAT", "key:" + n, "4000000000000"});
      if (i % 7 == 0) f.Run({"HSET", "hash:" + n, "field", n});
      if (i % 7 == 1) f.Run({"RPUSH", "list:" + n, n, std::string(100, 'l')});
    }
    EXPECT_EQ(f("SAVE"), "+OK\r\n");
    digest = f("DEBUG DIGEST");
  }
  std::ifstream in(dir.path() + "/dump.rdb", std::ios::binary);
  const std::string file(std::istreambuf_iterator<char>(in), {});
  EXPECT_TRUE(file.size() > std::size_t{1} << 20);
  Loading l;
  ASSERT_TRUE(l.Load(file).ok());
  EXPECT_EQ(l.f("DEBUG DIGEST"), digest);
}

TEST(RdbLoad, OneThatBreaksOffFreesWhatItHolds) {
  std::string entries;
  RdbWriter writer(entries);
  for (int i = 0; i < 3000; ++i) {
    const std::string n = std::to_string(i);
    AppendString(entries, "key:" + n, std::string(500, static_cast<char>('a' + i % 26)) + n);
    writer.Byte(rdb::kSet);
    writer.String("set:" + n);
    writer.Length(2);
    writer.String("a");
    writer.String(std::string(i % 2 == 0 ? 100 : 5, 'b') + n);
  }
  std::string file = FileOf(entries, 6000);
  file.resize(file.size() - 20);
  Loading l;
  EXPECT_TRUE(l.Load(file).message().find("the data ends too early") != std::string::npos);
}

}  // namespace
}  // namespace slotwise::test
