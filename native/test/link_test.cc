// The decisions of a replica's link, as scripts of what happens and what it does.
#include "replication/link.h"

#include <string>
#include <vector>

#include "test.h"

namespace slotwise::test {
namespace {

using Type = LinkEvent::Type;
using Do = LinkEffect::Type;

const std::string kId(40, 'a');
const std::string kOther(40, 'b');

// Without what goes to the log.
struct Script {
  explicit Script(LinkOptions options = {}) : link(1) {
    link.set_options(std::move(options));
    LinkEvent follow{Type::kFollow, "primary"};
    follow.port = 6379;
    Step(follow);
  }
  Link::Effects Step(const LinkEvent& event) {
    Link::Effects all = link.Step(event, now);
    std::erase_if(all, [](const LinkEffect& e) { return e.type == Do::kInfo || e.type == Do::kWarn; });
    return all;
  }
  Link::Effects Line(std::string text) { return Step({Type::kLine, std::move(text)}); }
  std::string Sent(const Link::Effects& effects) { return effects.size() == 1 && effects[0].type == Do::kSend ? effects[0].text : "<" + std::to_string(effects.size()) + " effects>"; }
  // Until the answer to PSYNC is awaited; returns what was sent last.
  std::string Handshake(StreamPosition position = {}) {
    now = std::max(now, link.NextTick());
    Step({Type::kTick});
    LinkEvent connected{Type::kConnected};
    connected.position = std::move(position);
    Step(connected);
    Line("+PONG");
    Line("+OK");
    return Sent(Line("+OK"));
  }
  bool Closed(const Link::Effects& effects) {
    return effects.size() == 1 && effects[0].type == Do::kClose && link.state() == LinkState::kConnect && link.NextTick() > now &&
           link.NextTick() <= now + Link::kCostlyRetryMsMax;
  }
  Link link;
  std::int64_t now = 1000;
};

ONE_THREAD_TEST(Link, SaysWhatRedisSaysAndInThatOrder) {
  LinkOptions options;
  options.port = 7777;
  Script s(options);
  Link::Effects effects = s.Step({Type::kTick});
  ASSERT_TRUE(effects.size() == 1 && effects[0].type == Do::kConnect);
  EXPECT_EQ(s.Sent(s.Step({Type::kConnected})), "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(s.Sent(s.Line("+PONG")),
            "*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$4\r\n7777\r\n*7\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2\r\n$4\r\ncapa\r\n$12\r\nslotwise-ack\r\n");
  EXPECT_TRUE(s.Line("-ERR unknown").empty());  // an old primary
  EXPECT_EQ(s.Sent(s.Line("+OK")), "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n");
  EXPECT_TRUE(s.Line("").empty());
  EXPECT_TRUE(s.Line("+FULLRESYNC " + kId + " 12").empty());
  EXPECT_TRUE(s.link.state() == LinkState::kSync);
  EXPECT_TRUE(s.Line("").empty());
  effects = s.Line("$EOF:" + kOther);
  ASSERT_TRUE(effects.size() == 1 && effects[0].type == Do::kReceiveSnapshot);
  EXPECT_TRUE(effects[0].id == kId && effects[0].offset == 12 && effects[0].length == -1 && effects[0].mark == kOther);
  effects = s.Step({Type::kSnapshotLoaded});
  EXPECT_TRUE(effects.size() == 1 && effects[0].type == Do::kAcknowledge);
  EXPECT_TRUE(s.link.state() == LinkState::kConnected);
}

ONE_THREAD_TEST(Link, AuthenticatesAndAnnouncesItsAddress) {
  LinkOptions options;
  options.user = "repl";
  options.password = "secret";
  options.ip = "10.9.9.9";
  Script s(options);
  s.Step({Type::kTick});
  s.Step({Type::kConnected});
  std::string sent = s.Sent(s.Line("-NOAUTH Authentication required."));
  EXPECT_TRUE(sent.starts_with("*3\r\n$4\r\nAUTH\r\n$4\r\nrepl\r\n$6\r\nsecret\r\n"));
  EXPECT_TRUE(sent.find("ip-address\r\n$8\r\n10.9.9.9") != std::string::npos);
  EXPECT_TRUE(s.Closed(s.Line("-WRONGPASS no")));
}

ONE_THREAD_TEST(Link, AsksForTheByteBehindItsLast) {
  Script s;
  EXPECT_EQ(s.Handshake({kId, 1192}), "*3\r\n$5\r\nPSYNC\r\n$40\r\n" + kId + "\r\n$4\r\n1193\r\n");
  Link::Effects effects = s.Line("+CONTINUE");
  EXPECT_TRUE(effects.size() == 1 && effects[0].type == Do::kContinue && effects[0].id.empty());
}

ONE_THREAD_TEST(Link, TheHistoryMayHaveAnotherNameByNow) {
  Script s;
  s.Handshake({kId, 5});
  Link::Effects effects = s.Line("+CONTINUE " + kOther);
  EXPECT_TRUE(effects.size() == 1 && effects[0].type == Do::kContinue && effects[0].id == kOther);
  Script same;
  same.Handshake({kId, 5});
  effects = same.Line("+CONTINUE " + kId);
  EXPECT_TRUE(effects.size() == 1 && effects[0].id.empty());
}

ONE_THREAD_TEST(Link, WhateverElseAPrimaryAnswersEndsTheAttemptAndNothingElse) {
  const std::string long_line(1000, 'x');
  for (const std::string& answer : std::vector<std::string>{
           "-ERR no", "-NOMASTERLINK Can't SYNC", "-LOADING", "+FULLRESYNC", "+FULLRESYNC " + kId, "+FULLRESYNC " + kId + " -1", "+FULLRESYNC " + kId + " 1x",
           "+FULLRESYNC short 1", "+FULLRESYNC " + kId + " 99999999999999999999", "+CONTINUE x", "+CONTINUE " + kId + "a", "+OK", "$5", "garbage", long_line}) {
    Script s;
    s.Handshake({kId, 5});
    if (!s.Closed(s.Line(answer))) Fail(__FILE__, __LINE__, answer);
  }
  for (const std::string& header : std::vector<std::string>{"-ERR no", "$-1", "$0", "$", "$12x", "$99999999999999999999", "$+5", "$EOF:short", "$EOF:", "REDIS0010", long_line}) {
    Script s;
    s.Handshake();
    s.Line("+FULLRESYNC " + kId + " 0");
    if (!s.Closed(s.Line(header))) Fail(__FILE__, __LINE__, header);
  }
  Script nothing_asked;
  nothing_asked.Handshake();
  EXPECT_TRUE(nothing_asked.Closed(nothing_asked.Line("+CONTINUE")));
}

ONE_THREAD_TEST(Link, SilenceEndsTheLinkAtEachStep) {
  LinkOptions options;
  options.timeout_ms = 5000;
  auto expect_timeout = [](Script& s) {
    while (s.link.state() != LinkState::kConnect && s.now < 60'000) {
      s.now = s.link.NextTick();
      s.Step({Type::kTick});
    }
    EXPECT_TRUE(s.link.state() == LinkState::kConnect && s.now <= 1000 + 5001 + 100);
  };
  Script connecting(options);
  connecting.Step({Type::kTick});
  expect_timeout(connecting);
  Script handshake(options);
  handshake.Handshake();
  expect_timeout(handshake);
  Script online(options);
  online.Handshake({kId, 5});
  online.Line("+CONTINUE");
  expect_timeout(online);
}

ONE_THREAD_TEST(Link, AcknowledgesEverySecond) {
  Script s;
  s.Handshake({kId, 5});
  s.Line("+CONTINUE");
  const std::int64_t begin = s.now;
  int acks = 0;
  while (s.now < begin + 10'000) {
    s.now = s.link.NextTick();
    for (const LinkEffect& e : s.Step({Type::kTick})) acks += e.type == Do::kAcknowledge;
    s.Step({Type::kActivity});
  }
  EXPECT_EQ(acks, 10);
}

ONE_THREAD_TEST(Link, TriesAgainLaterEachTimeAndNotInStepWithOthers) {
  Script a;
  Script b;
  b.link = Link(2);
  LinkEvent follow{Type::kFollow, "primary"};
  b.Step(follow);
  bool differs = false;
  std::int64_t last = 0;
  for (int i = 0; i < 12; ++i) {
    for (Script* s : {&a, &b}) {
      s->now = s->link.NextTick();
      s->Step({Type::kTick});
      s->Step({Type::kFailed, "refused"});
    }
    last = a.link.NextTick() - a.now;
    differs |= last != b.link.NextTick() - b.now;
    EXPECT_TRUE(last <= Link::kRetryMsMax);
    if (i == 0) EXPECT_TRUE(last <= Link::kRetryMsMin);
  }
  EXPECT_TRUE(differs);
  EXPECT_TRUE(last >= Link::kRetryMsMax / 2);
  // Snapshots that cannot be used are not asked for every moment, though each brings the link up for a moment.
  Script costly;
  for (int i = 0; i < 12; ++i) {
    costly.Handshake();
    costly.Line("+FULLRESYNC " + kId + " 0");
    costly.Line("$100");
    costly.Step({Type::kSnapshotLoaded});
    LinkEvent failed{Type::kFailed, "unknown command"};
    failed.costly = true;
    costly.Step(failed);
    last = costly.link.NextTick() - costly.now;
  }
  EXPECT_TRUE(last >= Link::kCostlyRetryMsMax / 2);
  // A stream that holds is a new beginning.
  costly.Handshake({kId, 5});
  costly.Line("+CONTINUE");
  costly.now += Link::kSteadyMs;
  costly.Step({Type::kTick});
  costly.Step({Type::kFailed, "reset"});
  EXPECT_TRUE(costly.link.NextTick() - costly.now <= Link::kRetryMsMin);
}

ONE_THREAD_TEST(Link, ANewOrderEndsWhatWasUnderWay) {
  Script s;
  s.Handshake({kId, 5});
  s.Line("+CONTINUE");
  Link::Effects effects = s.Step({Type::kFollow, "another"});
  EXPECT_TRUE(effects.size() == 1 && effects[0].type == Do::kClose);
  EXPECT_EQ(s.link.host(), "another");
  EXPECT_EQ(s.link.NextTick(), s.now);
  EXPECT_TRUE(s.Step({Type::kUnfollow}).empty());
  EXPECT_EQ(s.link.NextTick(), INT64_MAX);
  EXPECT_TRUE(s.Step({Type::kFailed, "late"}).empty());
}

ONE_THREAD_TEST(Link, OffersASecondChannelAndHearsWhetherItIsTaken) {
  for (const auto& [answer, taken] : {std::pair<std::string, bool>{"+DUAL", true}, {"+OK", false}, {"-ERR Unrecognized REPLCONF option: slotwise-dual", false}}) {
    LinkOptions options;
    options.channel_name = std::string(40, 'n');
    Script s(options);
    s.Step({Type::kTick});
    s.Step({Type::kConnected});
    EXPECT_TRUE(s.Sent(s.Line("+PONG")).ends_with("*3\r\n$8\r\nREPLCONF\r\n$13\r\nslotwise-dual\r\n$40\r\n" + options.channel_name + "\r\n"));
    EXPECT_TRUE(s.Line("+OK").empty() && s.Line("+OK").empty());
    EXPECT_EQ(s.Sent(s.Line(answer)), "*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n");
    EXPECT_EQ(s.link.takes_channel(), taken);
  }
}

}  // namespace
}  // namespace slotwise::test
