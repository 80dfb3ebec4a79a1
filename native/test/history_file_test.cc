// What is kept of a replication history, to the letter and back; and no damage is taken for one.
#include "replication/history_file.h"

#include <string>

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

TEST(HistoryFile, ComesBackAsItWas) {
  SavedHistory h;
  ASSERT_TRUE(ParseHistory(PrintHistory(Example()), &h));
  EXPECT_EQ(PrintHistory(h), PrintHistory(Example()));
  EXPECT_TRUE(h.begin_offset == -23 && h.first == 7 && h.previous_end == 12 && h.segment == Example().segment);
}

TEST(HistoryFile, NoDamageIsTakenForAHistory) {
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
