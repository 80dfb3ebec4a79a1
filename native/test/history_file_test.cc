// What is kept of a replication history, to the letter and back; and no damage is taken for one.
#include "replication/history_file.h"

#include <string>
#include <utility>

#include "test.h"

namespace slotwise::test {
namespace {

SavedHistory Example() {
  SavedHistory h;
  h.id = std::string(40, 'a');
  h.previous_id = std::string(40, 'b');
  h.previous_end = 12;
  h.begin_offset = -23;
  h.first = 7;
  h.segment = "appendonly file.aof.3.incr.aof";
  return h;
}

ONE_THREAD_TEST(HistoryFile, ComesBackAsItWas) {
  SavedHistory h;
  ASSERT_TRUE(ParseHistory(PrintHistory(Example()), &h));
  EXPECT_EQ(PrintHistory(h), PrintHistory(Example()));
  EXPECT_TRUE(h.begin_offset == -23 && h.first == 7 && h.previous_end == 12 && h.segment == Example().segment);
}

ONE_THREAD_TEST(StreamPlace, IsTakenOnlyWholeAndInForm) {
  const std::string id(40, 'c');
  auto read = [](std::initializer_list<std::pair<const char*, std::string>> fields) {
    StreamPlaceReader reader;
    for (const auto& [name, value] : fields) reader.Field(name, value);
    return reader.place();
  };
  auto place = read({{"ctime", "5"}, {"repl-stream-db", "3"}, {"repl-id", id}, {"repl-offset", "77"}});
  ASSERT_TRUE(place.has_value());
  EXPECT_TRUE(place->id == id && place->offset == 77 && place->db == 3);
  EXPECT_TRUE(read({{"repl-offset", "0"}, {"repl-id", id}, {"repl-stream-db", "-1"}}).has_value());
  EXPECT_FALSE(read({{"repl-id", id}, {"repl-offset", "77"}}).has_value());
  EXPECT_FALSE(read({{"repl-stream-db", "3"}, {"repl-id", id}}).has_value());
  for (const char* offset : {"", "-1", "7x", "9007199254740993", "99999999999999999999"}) {
    EXPECT_FALSE(read({{"repl-stream-db", "3"}, {"repl-id", id}, {"repl-offset", offset}}).has_value());
  }
  for (const std::string& wrong : {std::string(39, 'c'), std::string(41, 'c'), std::string(39, 'c') + "\n"}) {
    EXPECT_FALSE(read({{"repl-stream-db", "3"}, {"repl-id", wrong}, {"repl-offset", "77"}}).has_value());
  }
  EXPECT_FALSE(read({{"repl-stream-db", "-2"}, {"repl-id", id}, {"repl-offset", "77"}}).has_value());
}

ONE_THREAD_TEST(HistoryFile, NoDamageIsTakenForAHistory) {
  const std::string text = PrintHistory(Example());
  SavedHistory h;
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(ParseHistory(text.substr(0, i), &h));
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      if (ParseHistory(flipped, &h)) Fail(__FILE__, __LINE__, "bit " + std::to_string(bit) + " of byte " + std::to_string(i));
    }
  }
}

}  // namespace
}  // namespace slotwise::test
