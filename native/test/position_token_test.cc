// What a position is as text, and whether it is reached, row by row. Source: docs/decisions/0021.
#include "replication/position_token.h"
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
  h.previous_end = 51;  // offsets up to 50 are common
  h.next = 101;         // 100 is applied
  return h;
}

ONE_THREAD_TEST(PositionToken, IsReadAsItWasWritten) {
  for (std::int64_t offset : {std::int64_t{0}, std::int64_t{1}, INT64_MAX}) {
    const auto read = ParsePosition(PositionText({kOurs, offset}));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->id, kOurs);
    EXPECT_EQ(read->offset, offset);
  }
}

ONE_THREAD_TEST(PositionToken, WhatNoServerSaysIsNone) {
  for (const std::string& text : {std::string(), kOurs, kOurs + ":", kOurs + "100", kOurs + ":-1", kOurs + ":+1", kOurs + ":1 ", kOurs + ":x",
                                  kOurs + ":9223372036854775808", kOurs.substr(1) + ":1", kOurs + "a:1", std::string(39, 'a') + "\n:1", std::string(1000, ':')}) {
    EXPECT_FALSE(ParsePosition(text).has_value());
  }
}

ONE_THREAD_TEST(PositionToken, IsReachedWhenItsLastByteIsApplied) {
  for (bool settled : {true, false}) {
    EXPECT_TRUE(DecideReach(History(), {kOurs, 0}, settled) == Reach::kReached);
    EXPECT_TRUE(DecideReach(History(), {kOurs, 100}, settled) == Reach::kReached);
    EXPECT_TRUE(DecideReach(History(), {kOurs, 101}, settled) == Reach::kNotYet);
  }
}

ONE_THREAD_TEST(PositionToken, OfThePreviousHistoryIsReachedUpToWhereThatEnded) {
  EXPECT_TRUE(DecideReach(History(), {kBefore, 50}, true) == Reach::kReached);
  // Written by a primary that is gone, and not here.
  EXPECT_TRUE(DecideReach(History(), {kBefore, 51}, true) == Reach::kOtherHistory);
}

ONE_THREAD_TEST(PositionToken, OfAnotherHistoryIsNeverReachedByWhoKnowsItsOwn) {
  EXPECT_TRUE(DecideReach(History(), {std::string(40, 'c'), 1}, true) == Reach::kOtherHistory);
  // A replica without a link may get that history yet.
  EXPECT_TRUE(DecideReach(History(), {std::string(40, 'c'), 1}, false) == Reach::kNotYet);
  EXPECT_TRUE(DecideReach(History(), {kBefore, 51}, false) == Reach::kNotYet);
}

ONE_THREAD_TEST(PositionToken, AServerWithoutAStreamHasNoHistory) {
  ReplicationHistory none = History();
  none.active = false;
  EXPECT_TRUE(DecideReach(none, {kOurs, 1}, true) == Reach::kOtherHistory);
  EXPECT_TRUE(DecideReach(none, {kOurs, 1}, false) == Reach::kNotYet);
  // No history came before: the zeros in its place name none.
  ReplicationHistory first = History();
  first.previous_id.assign(40, '0');
  first.previous_end = -1;
  EXPECT_TRUE(DecideReach(first, {std::string(40, '0'), 0}, true) == Reach::kOtherHistory);
}

}  // namespace
}  // namespace slotwise
