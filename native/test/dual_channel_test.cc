// The second channel's decisions, as scripts of what happens and what it does. Elsewhere: the same with everything that can be
// cut, lost or killed (dual_channel_simulation_test.cc).
#include "replication/dual_channel.h"

#include <string>
#include <vector>

#include "test.h"

namespace slotwise::test {
namespace {

using Type = DualChannelEvent::Type;
using Do = DualChannelEffect::Type;
using State = DualChannel::State;

const std::string kId(40, 'a');
const std::string kOther(40, 'b');
const std::string kName(40, 'n');

// Without what goes to the log.
struct Script {
  explicit Script(DualChannelOptions options = {}) : machine(1) {
    options.name = kName;
    machine.set_options(options);
  }
  DualChannel::Effects Step(const DualChannelEvent& event) {
    DualChannel::Effects all = machine.Step(event, now);
    std::erase_if(all, [](const DualChannelEffect& e) { return e.type == Do::kInfo || e.type == Do::kWarn; });
    return all;
  }
  // The names of the effects, for short: "merge stop".
  std::string Did(const DualChannelEvent& event) {
    constexpr const char* kNames[] = {"connect", "send", "begin", "ack", "stop", "close", "merge", "takeover", "reconnect", "drop", "aside", "", ""};
    std::string text;
    for (const DualChannelEffect& e : Step(event)) text += (text.empty() ? "" : " ") + std::string(kNames[static_cast<std::size_t>(e.type)]);
    return text;
  }
  std::string Line(std::string text) { return Did({Type::kLine, std::move(text)}); }
  std::string Tick() { return Did({Type::kTick}); }
  DualChannelEvent At(Type type, std::int64_t offset, std::string id = kId) {
    DualChannelEvent event{type};
    event.position = {std::move(id), offset};
    event.offered = true;
    return event;
  }
  std::string Applied(std::int64_t offset, std::int64_t durable = -1) {
    DualChannelEvent event{Type::kApplied};
    event.position.offset = offset;
    event.number = durable;
    return Did(event);
  }
  std::string Received(std::int64_t n) {
    DualChannelEvent event{Type::kReceived};
    event.number = n;
    return Did(event);
  }
  std::string Found(std::int64_t start, std::int64_t end, std::string id = kId) {
    DualChannelEvent event{Type::kFound};
    event.relay = {std::move(id), start, end};
    return Did(event);
  }
  void StandBy(std::int64_t applied) {
    Did(At(Type::kLinkUp, applied));
    EXPECT_EQ(Tick(), "connect");
    EXPECT_EQ(Did({Type::kOpened}), "send");
    EXPECT_EQ(Line("+OK"), "");
    EXPECT_TRUE(machine.state() == State::kStandby);
  }
  // A gap of `gap` bytes behind `applied`.
  void Relaying(std::int64_t applied, std::int64_t gap) {
    StandBy(applied);
    EXPECT_EQ(Line("+LAGGING"), "send");
    EXPECT_EQ(Line("+RELAY " + kId + " " + std::to_string(applied + gap + 1) + " received"), "begin");
    EXPECT_EQ(Applied(applied), "");  // there is no file yet
    EXPECT_EQ(Received(0), "ack");
  }
  DualChannel machine;
  std::int64_t now = 1000;
};

constexpr std::int64_t kFar = 10 * DualChannel::kNear;

ONE_THREAD_TEST(DualChannel, StandsByAsksWhenItIsInvitedAndMergesWhenTheGapIsClosed) {
  Script s;
  s.Did(s.At(Type::kLinkUp, 100));
  ASSERT_TRUE(s.Tick() == "connect");
  DualChannel::Effects effects = s.Step({Type::kOpened});
  ASSERT_TRUE(effects.size() == 1);
  EXPECT_EQ(effects[0].text, "*3\r\n$8\r\nREPLCONF\r\n$14\r\nslotwise-relay\r\n$40\r\n" + kName + "\r\n");
  EXPECT_EQ(s.Line("+OK"), "");
  effects = s.Step({Type::kLine, "+LAGGING"});
  ASSERT_TRUE(effects.size() == 1);
  EXPECT_EQ(effects[0].text, "*3\r\n$8\r\nREPLCONF\r\n$14\r\nslotwise-relay\r\n$5\r\nstart\r\n");
  effects = s.Step({Type::kLine, "+RELAY " + kId + " 5001 durable"});
  ASSERT_TRUE(effects.size() == 1 && effects[0].type == Do::kBegin);
  EXPECT_TRUE(effects[0].durable && effects[0].relay.start == 5001);
  EXPECT_EQ(s.Received(0), "ack");
  EXPECT_EQ(s.Received(kFar), "ack");
  EXPECT_EQ(s.Applied(4999), "");
  EXPECT_EQ(s.Applied(5000), "merge");
  EXPECT_EQ(s.Applied(5000 + kFar - DualChannel::kNear), "stop");
  EXPECT_EQ(s.Received(10), "ack");  // it was under way
  EXPECT_EQ(s.Did({Type::kStopped}), "takeover");
  EXPECT_EQ(s.Did({Type::kTakenOver}), "");
  EXPECT_EQ(s.Applied(5010 + kFar, 5009 + kFar), "");
  EXPECT_EQ(s.Applied(5010 + kFar, 5010 + kFar), "drop");  // not before its last byte is safe
  EXPECT_EQ(s.Tick(), "connect");                          // and stands by for the next time
}

ONE_THREAD_TEST(DualChannel, IsNotWantedWhereThePrimaryDoesNotTakeOneOrTheOperatorDoesNot) {
  Script s;
  DualChannelEvent up = s.At(Type::kLinkUp, 1);
  up.offered = false;
  s.Did(up);
  EXPECT_EQ(s.Tick(), "");
  EXPECT_EQ(s.machine.NextTick(), INT64_MAX);
  DualChannelOptions off;
  off.enabled = false;
  Script t(off);
  t.Did(t.At(Type::kLinkUp, 1));
  EXPECT_EQ(t.Tick(), "");
}

ONE_THREAD_TEST(DualChannel, AuthenticatesFirst) {
  DualChannelOptions options;
  options.user = "u";
  options.password = "p";
  Script s(options);
  s.Did(s.At(Type::kLinkUp, 1));
  s.Tick();
  DualChannel::Effects effects = s.Step({Type::kOpened});
  ASSERT_TRUE(effects.size() == 1 && effects[0].text.starts_with("*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n*3\r\n$8\r\nREPLCONF"));
  EXPECT_EQ(s.Line("+OK"), "");
  EXPECT_TRUE(s.machine.state() == State::kHandshake);
  EXPECT_EQ(s.Line("+OK"), "");
  EXPECT_TRUE(s.machine.state() == State::kStandby);
}

ONE_THREAD_TEST(DualChannel, WhoRefusesIsNotAskedAgainForAMinute) {
  Script s;
  s.Did(s.At(Type::kLinkUp, 1));
  s.Tick();
  s.Did({Type::kOpened});
  EXPECT_EQ(s.Line("-NOAUTH Authentication required."), "close");
  EXPECT_TRUE(s.machine.NextTick() >= s.now + DualChannel::kRefusedRetryMs / 2);
  EXPECT_EQ(s.Tick(), "");
}

ONE_THREAD_TEST(DualChannel, NothingThatAPrimaryShouldNotSayBeginsARelay) {
  for (const std::string& line : std::vector<std::string>{"+RELAY", "+RELAY ", "+RELAY " + kId, "+RELAY " + kId + " 0 received", "+RELAY " + kId + " -5 received", "+RELAY " + kId + " 7",
                                  "+RELAY " + kId + " 7 maybe", "+RELAY " + kOther + " 700 received", "+RELAY short 7 received", "+LAGGING", "+OK", "-ERR no",
                                  "+RELAY " + kId + " 99999999999999999999 received", "+RELAY " + kId + " 7 received more"}) {
    Script s;
    s.StandBy(3);
    s.Line("+LAGGING");
    EXPECT_EQ(s.Line(line), "close");
    EXPECT_EQ(s.machine.relays().size(), 0u);
  }
}

ONE_THREAD_TEST(DualChannel, AnInvitationIsTakenUpWhenTheLinkIsThere) {
  Script s;
  s.StandBy(10);
  s.Did({Type::kLinkDown});
  EXPECT_EQ(s.Line("+LAGGING"), "");
  EXPECT_EQ(s.Did(s.At(Type::kLinkUp, 10)), "send");
  EXPECT_EQ(s.Line("+NO"), "");
  EXPECT_EQ(s.Line("+LAGGING"), "send");
}

ONE_THREAD_TEST(DualChannel, ADiskThatTakesNoRelayIsNotTriedAgainAtOnce) {
  Script s;
  s.Relaying(100, 50);
  DualChannelEvent full{Type::kFailed, "No space left on device"};
  full.number = DualChannel::kRefusedRetryMs;
  EXPECT_EQ(s.Did(full), "drop close");
  EXPECT_TRUE(s.machine.NextTick() >= s.now + DualChannel::kRefusedRetryMs / 2);
}

ONE_THREAD_TEST(DualChannel, AChannelThatEndsLeavesItsRelayToBePassed) {
  Script s;
  s.Relaying(100, 50);
  s.Received(20);
  EXPECT_EQ(s.Did({Type::kFailed, "cut"}), "close");
  EXPECT_EQ(s.Received(5), "");  // too late: nobody is told
  EXPECT_EQ(s.Applied(155), "");  // the connection brings it anyway
  EXPECT_TRUE(s.machine.Covering({kId, 155}) != nullptr);
  EXPECT_TRUE(s.machine.Covering({kOther, 155}) == nullptr);
  EXPECT_TRUE(s.machine.Covering({kId, 149}) == nullptr);
  EXPECT_TRUE(s.machine.Covering({kId, 170}) == nullptr);
  EXPECT_EQ(s.Applied(170, 169), "");
  EXPECT_EQ(s.Applied(170, 170), "drop");
}

ONE_THREAD_TEST(DualChannel, AChannelThatEndsWhileItIsMergedMakesTheLinkAskAnew) {
  for (int stopping = 0; stopping < 2; ++stopping) {
    Script s;
    s.Relaying(100, 50);
    s.Received(kFar);
    EXPECT_EQ(s.Applied(150), "merge");
    if (stopping == 1) {
      EXPECT_EQ(s.Applied(150 + kFar), "stop");
    }
    EXPECT_EQ(s.Did({Type::kFailed, "cut"}), "close reconnect");
    EXPECT_FALSE(s.machine.merging());
  }
}

ONE_THREAD_TEST(DualChannel, TheLinkThatGoesDownIsNotTakenOver) {
  Script s;
  s.Relaying(100, 50);
  s.Received(10);
  EXPECT_EQ(s.Applied(150), "merge stop");
  EXPECT_EQ(s.Did({Type::kStopped}), "takeover");
  EXPECT_EQ(s.Did({Type::kLinkDown}), "close");
  EXPECT_EQ(s.Did({Type::kTakenOver}), "");
  EXPECT_TRUE(s.machine.Covering({kId, 150}) != nullptr);
}

ONE_THREAD_TEST(DualChannel, WhoIsAheadOfItsRelayWaitsForIt) {
  Script s;
  s.Relaying(100, 50);
  s.Received(10);
  EXPECT_EQ(s.Applied(165), "");
  EXPECT_EQ(s.Received(3), "ack");
  EXPECT_EQ(s.Received(3), "ack");
  EXPECT_EQ(s.Applied(165), "merge stop");
}

ONE_THREAD_TEST(DualChannel, WhoDoesNotLagMergesAtOnce) {
  Script s;
  s.Relaying(100, 0);
  EXPECT_EQ(s.Applied(100), "merge stop");
}

ONE_THREAD_TEST(DualChannel, RelaysOfAnotherHistoryAreSetAside) {
  Script s;
  s.Found(50, 60);
  s.Found(500, 600, kOther);
  EXPECT_EQ(s.Did(s.At(Type::kLinkUp, 40)), "aside");
  ASSERT_TRUE(s.machine.relays().size() == 1);
  EXPECT_EQ(s.machine.relays()[0].start, 50);
}

ONE_THREAD_TEST(DualChannel, OfAHistoryWithANewNameOnlyWhatWasAppliedIsOurs) {
  Script s;
  s.Did(s.At(Type::kLinkUp, 55));
  s.Found(20, 56);
  s.Found(70, 80);
  DualChannelEvent renamed = s.At(Type::kLinkUp, 55, kOther);
  renamed.renamed = true;
  EXPECT_EQ(s.Did(renamed), "aside");
  EXPECT_EQ(s.Applied(55, 55), "drop");
}

ONE_THREAD_TEST(DualChannel, APromotedReplicaKeepsWhatLiesBehindAHoleAside) {
  Script s;
  s.Relaying(100, 50);
  s.Received(10);
  EXPECT_EQ(s.Did(s.At(Type::kUnfollow, 100)), "close aside");
  Script t;
  t.Found(90, 101);
  t.Found(200, 201);
  DualChannelEvent event = t.At(Type::kUnfollow, 100);
  event.number = 100;
  EXPECT_EQ(t.Did(event), "drop aside");
}

ONE_THREAD_TEST(DualChannel, MoreThanTheLimitIsNotRelayed) {
  DualChannelOptions options;
  options.size_max = 1000;
  Script s(options);
  s.Relaying(100, 50);
  s.Received(999);
  EXPECT_FALSE(s.machine.Full());
  s.Received(1);
  EXPECT_TRUE(s.machine.Full());
  s.Did({Type::kFailed, "cut"});
  s.now += 10'000;
  s.StandBy(100);
  EXPECT_EQ(s.Line("+LAGGING"), "");  // not now
  EXPECT_EQ(s.Applied(1150, 1150), "drop send");
}

ONE_THREAD_TEST(DualChannel, SaysThatItIsThereEverySecondAndGivesUpOnASilentPrimary) {
  DualChannelOptions options;
  options.timeout_ms = 5000;
  Script s(options);
  s.StandBy(10);
  for (int i = 0; i < 20; ++i) {
    s.now = s.machine.NextTick();
    EXPECT_EQ(s.Tick(), "ack");
  }
  s.Line("+LAGGING");
  EXPECT_EQ(s.Line("+RELAY " + kId + " 999 received"), "begin");
  const std::int64_t begin = s.now;
  std::string did;
  while (did != "drop close" && s.now < begin + 20'000) {
    s.now = std::max(s.now + 1, s.machine.NextTick());
    did = s.Tick();
  }
  EXPECT_EQ(s.now, begin + 5001);
  EXPECT_EQ(s.machine.relays().size(), 0u);  // empty: dropped
}

}  // namespace
}  // namespace slotwise::test
