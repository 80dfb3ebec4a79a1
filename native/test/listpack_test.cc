#include "values/listpack.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/random.h"
#include "test.h"

namespace slotwise {
namespace {

std::string Text(const Listpack& lp, Listpack::Cursor c) {
  (void)lp;
  IntScratch scratch;
  return std::string(Listpack::Get(c).View(scratch));
}

std::vector<std::string> All(const Listpack& lp) {
  std::vector<std::string> out;
  for (auto c = lp.First(); c != nullptr; c = lp.Next(c)) out.push_back(Text(lp, c));
  return out;
}

std::vector<std::string> AllBackwards(const Listpack& lp) {
  std::vector<std::string> out;
  for (auto c = lp.Last(); c != nullptr; c = lp.Prev(c)) out.insert(out.begin(), Text(lp, c));
  return out;
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (unsigned char b : bytes) {
    char two[4];
    std::snprintf(two, sizeof two, "%02x", b);
    out += two;
  }
  return out;
}

// The entry of one element, as the format's documentation lists them (captured from Redis 7.0.15).
ONE_THREAD_TEST(Listpack, EntriesAreThoseOfRedis) {
  const std::vector<std::pair<std::string, std::string>> vectors = {
      {"0", "0001"}, {"127", "7f01"}, {"128", "c08002"}, {"-1", "dfff02"}, {"4095", "cfff02"}, {"-4096", "d00002"}, {"4096", "f1001003"},
      {"-4097", "f1ffef03"}, {"32768", "f200800004"}, {"-32769", "f2ff7fff04"}, {"8388607", "f2ffff7f04"}, {"8388608", "f30000800005"},
      {"-8388609", "f3ffff7fff05"}, {"2147483648", "f4000000800000000009"}, {"9223372036854775807", "f4ffffffffffffff7f09"},
      {"-9223372036854775808", "f4000000000000008009"}, {"00", "82303003"}, {"-0", "822d3003"}, {"", "8001"}, {"a", "816102"}};
  for (const auto& [element, entry] : vectors) {
    Listpack lp = Listpack::Create();
    lp.Append(element);
    EXPECT_EQ(Hex(lp.bytes().substr(6, lp.total() - 7)), entry);
    EXPECT_EQ(Text(lp, lp.First()), element);
    EXPECT_EQ(Listpack::EntrySize(element), lp.total() - 7);
    lp.Free();
  }
}

ONE_THREAD_TEST(Listpack, SizesFromBehindHaveTheFormatsWidths) {
  // Length of the string, and the last bytes of its entry.
  const std::vector<std::pair<std::size_t, std::string>> vectors = {
      {63, "40"}, {64, "42"}, {125, "7f"}, {126, "0180"}, {4095, "2081"}, {4096, "2085"}, {16382 - 5, "7ffe"}, {16383 - 5, "00ffff"}, {16384 - 5, "018080"}};
  for (const auto& [length, tail] : vectors) {
    Listpack lp = Listpack::Create();
    lp.Append(std::string(length, 'x'));
    std::string all = Hex(lp.bytes());
    EXPECT_EQ(all.substr(all.size() - 2 - tail.size(), tail.size()), tail);
    EXPECT_EQ(Text(lp, lp.Last()).size(), length);
    EXPECT_TRUE(Listpack::Validate(lp.bytes()));
    lp.Free();
  }
}

ONE_THREAD_TEST(Listpack, BehavesAsASequence) {
  Random random(7);
  for (int round = 0; round < 40; ++round) {
    Listpack lp = Listpack::Create();
    std::vector<std::string> model;
    auto element = [&]() -> std::string {
      switch (random.Below(4)) {
        case 0: return std::to_string(static_cast<std::int64_t>(random.Next()) >> random.Below(64));
        case 1: return std::string(random.Below(20), 'a');
        case 2: return std::string(random.Below(300), 'b');
        default: return "m" + std::to_string(random.Below(10));
      }
    };
    for (int step = 0; step < 400; ++step) {
      std::string e = element();
      auto at = model.empty() ? 0 : static_cast<std::int64_t>(random.Below(model.size()));
      switch (random.Below(7)) {
        case 0: lp.Append(e); model.push_back(e); break;
        case 1: lp.Prepend(e); model.insert(model.begin(), e); break;
        case 2:
          if (model.empty()) break;
          EXPECT_EQ(Text(lp, lp.Insert(lp.At(at), e)), e);
          model.insert(model.begin() + at, e);
          break;
        case 3:
          if (model.empty()) break;
          EXPECT_EQ(Text(lp, lp.Replace(lp.At(at - static_cast<std::int64_t>(model.size())), e)), e);
          model[static_cast<std::size_t>(at)] = e;
          break;
        case 4: {
          if (model.empty()) break;
          std::size_t n = random.Below(3);
          auto after = lp.Delete(lp.At(at), n);
          auto last = std::min(model.size(), static_cast<std::size_t>(at) + n);
          model.erase(model.begin() + at, model.begin() + static_cast<std::ptrdiff_t>(last));
          if (static_cast<std::size_t>(at) < model.size()) EXPECT_EQ(Text(lp, after), model[static_cast<std::size_t>(at)]);
          else EXPECT_TRUE(after == nullptr);
          break;
        }
        case 5: {
          auto c = lp.First() == nullptr ? nullptr : lp.Find(lp.First(), Listpack::Element(e));
          EXPECT_EQ(c != nullptr, std::find(model.begin(), model.end(), e) != model.end());
          break;
        }
        default: {
          Listpack copy = lp.Copy();
          lp.Free();
          lp = copy;
        }
      }
      ASSERT_TRUE(lp.count() == model.size());
      ASSERT_TRUE(Listpack::Validate(lp.bytes()));
    }
    ASSERT_TRUE(All(lp) == model);
    ASSERT_TRUE(AllBackwards(lp) == model);
    Listpack other = Listpack::Create();
    if (lp.First() != nullptr) other.AppendRange(lp, lp.First(), nullptr);
    ASSERT_TRUE(All(other) == model);
    other.Free();
    lp.Free();
  }
}

ONE_THREAD_TEST(Listpack, FindLooksOnlyAtFieldsWhenItSkips) {
  Listpack lp = Listpack::Create();
  for (const char* e : {"f", "v", "v", "7", "7", "f"}) lp.Append(std::string_view(e));
  EXPECT_TRUE(lp.Find(lp.First(), Listpack::Element("v"), 1) == lp.At(2));
  EXPECT_TRUE(lp.Find(lp.First(), Listpack::Element("7"), 1) == lp.At(4));
  EXPECT_TRUE(lp.Find(lp.First(), Listpack::Element("x"), 1) == nullptr);
  lp.Free();
}

ONE_THREAD_TEST(Listpack, CountsBeyondItsField) {
  Listpack lp = Listpack::Create();
  for (int i = 0; i < 65540; ++i) lp.Append(std::int64_t{1});
  EXPECT_EQ(lp.count(), 65540u);
  EXPECT_TRUE(Listpack::Validate(lp.bytes()));
  EXPECT_TRUE(lp.At(65539) != nullptr);
  EXPECT_TRUE(lp.At(65540) == nullptr);
  lp.DeleteRange(0, 10);
  EXPECT_EQ(lp.count(), 65530u);
  lp.Free();
}

ONE_THREAD_TEST(Listpack, DamagedBytesAreRefused) {
  Listpack lp = Listpack::Create();
  for (const char* e : {"hello", "123456", "-7", "", "4000"}) lp.Append(std::string_view(e));
  lp.Append(std::string(200, 'x'));
  std::string good(lp.bytes());
  ASSERT_TRUE(Listpack::Validate(good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(Listpack::Validate(std::string_view(good).substr(0, cut)));
  // No flipped bit may lead a reader outside, whatever it makes of the content.
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    if (!Listpack::Validate(bad)) continue;
    Listpack read = Listpack::CopyOf(bad);
    EXPECT_EQ(All(read).size(), AllBackwards(read).size());
    read.Free();
  }
  lp.Free();
}

}  // namespace
}  // namespace slotwise
