// Semi-synchronous replication as a machine: what is promised, when it is asked, falling back and coming back.
// Source: MySQL's rpl_semi_sync_master_timeout, _wait_for_slave_count; a time-out of a second here.
#include <vector>

#include "replication/semi_sync.h"
#include "test.h"

namespace slotwise {
namespace {

using State = SemiSync::State;
using Change = SemiSync::Change;

struct Rig {
  SemiSync machine;
  SemiSync::Effects last;
  std::uint64_t tail = 0;
  std::int64_t now = 1000;

  explicit Rig(std::int64_t acks = 1, bool strict = false) { Configure({true, acks, 1000, strict}); }
  Rig& Configure(SemiSyncOptions options) {
    last = machine.Step(SemiSync::Configured{options, tail}, now);
    return *this;
  }
  Rig& Write(std::uint64_t bytes = 100) {
    tail += bytes;
    last = machine.Step(SemiSync::Waiting{tail, tail}, now);
    if (last.ask) tail += 37;
    return *this;
  }
  Rig& Acks(std::vector<std::uint64_t> acked) {
    last = machine.Step(SemiSync::Replicas{acked, tail}, now);
    if (last.ask) tail += 37;
    return *this;
  }
  Rig& After(std::int64_t ms) {
    now += ms;
    last = machine.Step(SemiSync::Tick{tail}, now);
    if (last.ask) tail += 37;
    return *this;
  }
};

ONE_THREAD_TEST(SemiSync, OffPromisesEverything) {
  SemiSync machine;
  EXPECT_EQ(machine.Step(SemiSync::Waiting{100, 100}, 1).promise, SemiSync::kUnlimited);
  EXPECT_EQ(machine.Step(SemiSync::Configured{{}, 100}, 1).change, Change::kNone);
}

ONE_THREAD_TEST(SemiSync, PromisesWhatKReplicasHaveAndNeverGoesBack) {
  Rig r(2);
  r.Acks({0, 0, 0}).Write(100);
  EXPECT_EQ(r.last.promise, 0u);
  EXPECT_EQ(r.Acks({100, 40, 0}).last.promise, 40u);
  EXPECT_EQ(r.Acks({60, 100, 70}).last.promise, 70u);
  EXPECT_EQ(r.Acks({100}).last.promise, 70u);
  EXPECT_EQ(r.Acks({100, 10}).last.promise, 70u);
  EXPECT_EQ(r.Acks({100, 100}).last.promise, 100u);
}

ONE_THREAD_TEST(SemiSync, WhatWasThereBeforeItWasTurnedOnIsNotWaitedFor) {
  Rig r;
  r.Configure({false, 1, 1000, false});
  EXPECT_EQ(r.last.change, Change::kTurnedOff);
  r.tail = 5000;
  EXPECT_EQ(r.Configure({true, 1, 1000, false}).last.promise, 5000u);
  EXPECT_EQ(r.Write(1).last.promise, 5000u);
}

ONE_THREAD_TEST(SemiSync, OneQuestionIsUnderWayAtMost) {
  Rig r;
  EXPECT_FALSE(r.Write().last.ask);  // nobody is there to be asked
  EXPECT_TRUE(r.Acks({0}).last.ask);
  const std::uint64_t asked = r.tail - 37;
  EXPECT_FALSE(r.Write().last.ask);
  EXPECT_FALSE(r.Write().last.ask);
  EXPECT_FALSE(r.Acks({asked - 1}).last.ask);
  // The answer lets go what was asked about, and the rest is asked about at once.
  EXPECT_TRUE(r.Acks({asked}).last.ask);
  EXPECT_EQ(r.last.promise, asked);
  EXPECT_FALSE(r.Acks({r.tail}).last.ask);
  EXPECT_EQ(r.last.promise, r.tail);
  // Replies to reads of what is acknowledged ask for nothing.
  r.last = r.machine.Step(SemiSync::Waiting{asked, r.tail}, r.now);
  EXPECT_FALSE(r.last.ask);
  EXPECT_EQ(r.last.tick_at_ms, SemiSync::kNever);
}

ONE_THREAD_TEST(SemiSync, WhoJoinsIsAsked) {
  Rig r;
  r.Acks({0}).Write();
  EXPECT_FALSE(r.Acks({}).last.ask);
  EXPECT_TRUE(r.Acks({0}).last.ask);
}

ONE_THREAD_TEST(SemiSync, FallsBackWhenTheOldestHasWaitedForTheTimeOut) {
  Rig r;
  r.Acks({0}).Write();
  EXPECT_EQ(r.last.tick_at_ms, 2000);
  r.After(600).Write();
  EXPECT_EQ(r.After(399).last.change, Change::kNone);
  r.Acks({100});  // the first is done; the second has waited for 399 ms
  EXPECT_EQ(r.After(600).last.change, Change::kNone);
  EXPECT_EQ(r.After(1).last.change, Change::kFellBack);
  EXPECT_EQ(r.last.promise, SemiSync::kUnlimited);
  EXPECT_EQ(r.last.tick_at_ms, SemiSync::kNever);
  EXPECT_EQ(r.Write().last.promise, SemiSync::kUnlimited);
}

ONE_THREAD_TEST(SemiSync, WithoutReplicasItWaitsForTheTimeOutToo) {
  Rig r;
  r.Write();
  EXPECT_EQ(r.After(999).last.change, Change::kNone);
  EXPECT_EQ(r.After(1).last.change, Change::kFellBack);
  EXPECT_EQ(r.machine.state(), State::kFallenBack);
}

ONE_THREAD_TEST(SemiSync, ComesBackWhenItsQuestionIsAnsweredInTime) {
  Rig r;
  r.Write().After(1000);
  EXPECT_TRUE(r.Acks({0}).last.ask);
  EXPECT_EQ(r.machine.state(), State::kReturning);
  const std::uint64_t asked = r.tail - 37;
  r.Write();
  EXPECT_EQ(r.Acks({asked - 1}).last.change, Change::kNone);
  EXPECT_EQ(r.Acks({asked}).last.change, Change::kReturned);
  EXPECT_EQ(r.last.promise, asked);
  EXPECT_TRUE(r.Write().last.ask);
}

ONE_THREAD_TEST(SemiSync, AnAnswerThatTookTooLongIsAskedForAgain) {
  Rig r;
  r.Acks({0}).Write().After(1000);
  EXPECT_TRUE(r.last.ask);  // it is there, and does not answer
  EXPECT_EQ(r.machine.state(), State::kReturning);
  const std::uint64_t asked = r.tail - 37;
  r.After(1001).Acks({asked});
  EXPECT_EQ(r.last.change, Change::kNone);
  EXPECT_TRUE(r.last.ask);
  EXPECT_EQ(r.Acks({r.tail - 37}).last.change, Change::kReturned);
}

ONE_THREAD_TEST(SemiSync, WhoLeavesWhileItComesBackLeavesItFallenBack) {
  Rig r;
  r.Write().After(1000).Acks({0}).Acks({});
  EXPECT_EQ(r.machine.state(), State::kFallenBack);
  EXPECT_TRUE(r.Acks({0}).last.ask);
}

ONE_THREAD_TEST(SemiSync, StrictRefusesAndWaitsForEver) {
  Rig r(2, true);
  EXPECT_TRUE(r.last.refuse);
  EXPECT_TRUE(r.Acks({0}).last.refuse);
  EXPECT_FALSE(r.Acks({0, 0}).last.refuse);
  r.Write();
  EXPECT_TRUE(r.Acks({100}).last.refuse);
  EXPECT_EQ(r.last.promise, 0u);
  EXPECT_EQ(r.last.tick_at_ms, SemiSync::kNever);
  EXPECT_EQ(r.After(1000000).last.promise, 0u);
  EXPECT_EQ(r.Acks({100, 100}).last.promise, 100u);
}

ONE_THREAD_TEST(SemiSync, StrictFromNowOnEndsAFallBack) {
  Rig r;
  r.Write().After(1000);
  EXPECT_EQ(r.Configure({true, 1, 1000, true}).last.change, Change::kReturned);
  EXPECT_TRUE(r.last.refuse);
  EXPECT_EQ(r.last.promise, r.tail);  // has left already
  EXPECT_FALSE(r.Configure({false, 1, 1000, true}).last.refuse);
}

ONE_THREAD_TEST(SemiSync, WaitsDoNotPileUp) {
  Rig r;
  r.Acks({0});
  for (int i = 0; i < 100000; ++i) {
    r.now += i % 50 == 0;
    r.Write(1);
  }
  EXPECT_EQ(r.After(0).last.change, Change::kFellBack);  // two seconds of them
}

// A relay begins at 500 while nothing is promised. A copy may have what is behind it and not what is before.
ONE_THREAD_TEST(SemiSync, WhatWasWrittenBeforeARelayBeganIsNotWaitedForByItsAcknowledgements) {
  Rig r;
  r.Acks({0}).Write(100).After(1000);
  ASSERT_TRUE(r.machine.state() == State::kReturning);
  r.tail = 500;
  r.last = r.machine.Step(SemiSync::RelayBegins{500}, r.now);
  EXPECT_EQ(r.last.promise, SemiSync::kUnlimited);
  // The other connection answers the old question: on again, and everything up to the relay has left already.
  EXPECT_EQ(r.Acks({137}).last.change, Change::kReturned);
  EXPECT_EQ(r.last.promise, 500u);
  EXPECT_EQ(r.Acks({500}).last.promise, 500u);
  r.Write(100);
  EXPECT_EQ(r.Acks({560}).last.promise, 560u);
  // One that begins while it is on changes nothing.
  r.last = r.machine.Step(SemiSync::RelayBegins{9000}, r.now);
  EXPECT_EQ(r.last.promise, 560u);
}

}  // namespace
}  // namespace slotwise
