// The PSYNC decision, row by row. Source: spec replication.md section 4.
#include "replication/resync.h"
#include "test.h"

namespace slotwise {
namespace {

const std::string kOurs(40, 'a');
const std::string kBefore(40, 'b');

ReplicationHistory History() {
  ReplicationHistory h;
  h.active = true;
  h.id = kOurs;
  h.previous_id = kBefore;
  h.previous_end = 50;
  h.first = 11;
  h.next = 101;
  return h;
}

ONE_THREAD_TEST(Resync, ContinuesFromAnyByteThatIsHeldAndFromTheNext) {
  for (std::int64_t offset : {11, 12, 100, 101}) EXPECT_TRUE(DecideResync(History(), kOurs, offset).partial);
  for (std::int64_t offset : {10, 102, 0, -1}) {
    ResyncDecision d = DecideResync(History(), kOurs, offset);
    EXPECT_FALSE(d.partial);
    EXPECT_FALSE(d.on_purpose);
    EXPECT_TRUE(d.why.find("lack of backlog") != std::string::npos);
  }
}

ONE_THREAD_TEST(Resync, OffsetsAtTheEndsOfTheirRangeAreRefused) {
  for (std::int64_t offset : {INT64_MAX, INT64_MIN, INT64_MIN + 1}) EXPECT_FALSE(DecideResync(History(), kOurs, offset).partial);
}

ONE_THREAD_TEST(Resync, ThePreviousHistoryIsValidUpToWhereItEnded) {
  EXPECT_TRUE(DecideResync(History(), kBefore, 50).partial);
  EXPECT_FALSE(DecideResync(History(), kBefore, 51).partial);
}

ONE_THREAD_TEST(Resync, LettersOfAnIdMayBeOfEitherCase) { EXPECT_TRUE(DecideResync(History(), std::string(40, 'A'), 20).partial); }

ONE_THREAD_TEST(Resync, AnotherHistoryOrNoneIsAFullResync) {
  EXPECT_FALSE(DecideResync(History(), std::string(40, 'c'), 20).partial);
  EXPECT_FALSE(DecideResync(History(), "", 20).partial);
  EXPECT_FALSE(DecideResync(History(), kOurs.substr(1), 20).partial);
  ResyncDecision d = DecideResync(History(), "?", -1);
  EXPECT_FALSE(d.partial);
  EXPECT_TRUE(d.on_purpose);
  ReplicationHistory none = History();
  none.active = false;
  EXPECT_FALSE(DecideResync(none, kOurs, 20).partial);
}

ONE_THREAD_TEST(Resync, AnIdCannotBreakTheLineInTheLog) {
  ResyncDecision d = DecideResync(History(), "x\r\nforged\n" + std::string(1000, 'y'), 20);
  EXPECT_TRUE(d.why.find('\n') == std::string::npos && d.why.find('\r') == std::string::npos);
  EXPECT_TRUE(d.why.size() < 400);
}

}  // namespace
}  // namespace slotwise
