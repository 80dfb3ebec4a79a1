// A caller inside the process: what reads by key leave in its buffer. Commands themselves are tested by their families.
#include "engine/embedded_session.h"

#include <cstring>
#include <string>
#include <vector>

#include "engine_fixture.h"
#include "test.h"

namespace slotwise::test {
namespace {

class Session {
 public:
  Session() : session(*fixture.engine) {}
  // As text; a negative result as "#<number>".
  std::string Get(std::string_view key, std::size_t room = 4096) {
    std::string buffer(room, '\xff');
    std::int64_t n = session.Get(key, buffer, &ascii);
    return n < 0 ? "#" + std::to_string(n) : buffer.substr(0, static_cast<std::size_t>(n));
  }
  EngineFixture fixture;
  EmbeddedSession session;
  bool ascii = false;
};

TEST(EmbeddedSession, GetCopiesTheValueOrTellsHowMuchRoomItNeeds) {
  Session s;
  EXPECT_EQ(s.Get("k"), "#-1");
  EXPECT_TRUE(s.session.Set("k", "value", kNoExpire) == nullptr);
  EXPECT_EQ(s.Get("k"), "value");
  EXPECT_EQ(s.Get("k", 5), "value");
  EXPECT_EQ(s.Get("k", 4), "#" + std::to_string(EmbeddedSession::Needs(5)));
  EXPECT_TRUE(s.session.Set("n", "12345", kNoExpire) == nullptr);
  EXPECT_EQ(s.Get("n"), "12345");
}

TEST(EmbeddedSession, GetSaysWhetherTheValueIsAsciiBehindItsHead) {
  Session s;
  for (std::size_t size : {1, 2, 7, 8, 9, 16, 31, 64, 200}) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string value(size, 'a');
      value[at] = '\x80';
      s.session.Set("k", value, kNoExpire);
      for (std::size_t head : {0, 1, 3}) {
        s.session.set_ascii_head(head);
        EXPECT_EQ(s.Get("k"), value);
        EXPECT_EQ(s.ascii, at < head);
      }
    }
  }
}

TEST(EmbeddedSession, GetManyPutsLengthsBeforeTheBytes) {
  Session s;
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    keys.push_back("k" + std::to_string(i));
    if (i % 3 != 0) s.session.Set(keys.back(), std::string(static_cast<std::size_t>(i), i % 2 == 0 ? 'a' : '\xe9'), kNoExpire);
  }
  std::vector<std::string_view> views(keys.begin(), keys.end());
  std::string buffer(100000, '\0');
  std::int64_t used = s.session.GetMany(views, buffer);
  std::size_t at = 400;
  for (int i = 0; i < 100; ++i) {
    std::int32_t length;
    std::memcpy(&length, buffer.data() + i * 4, 4);
    if (i % 3 == 0) {
      EXPECT_EQ(length, -1);
      continue;
    }
    EXPECT_EQ(length & ~EmbeddedSession::kAsciiBit, i);
    EXPECT_EQ((length & EmbeddedSession::kAsciiBit) != 0, i % 2 == 0);
    EXPECT_EQ(buffer.substr(at, static_cast<std::size_t>(i)), std::string(static_cast<std::size_t>(i), i % 2 == 0 ? 'a' : '\xe9'));
    at += static_cast<std::size_t>(i);
  }
  EXPECT_EQ(used, static_cast<std::int64_t>(at));
  // Too small by one byte: told what is needed, and nothing is written behind the end.
  std::string small(at, '\x7f');
  EXPECT_EQ(s.session.GetMany(views, {small.data(), at - 1}), EmbeddedSession::Needs(at));
  EXPECT_EQ(small.back(), '\x7f');
}

TEST(EmbeddedSession, ExpiredKeysAreGone) {
  Session s;
  s.session.Set("k", "v", 1);
  std::int64_t until = s.fixture.engine->NowMs() + 5;
  while (s.fixture.engine->NowMs() < until) {
  }
  EXPECT_EQ(s.Get("k"), "#-1");
}

}  // namespace
}  // namespace slotwise::test
