// The conversation that proves how old a replica's data may be, as scripts of what happens and what it does.
#include "replication/staleness_probe.h"

#include <string>
#include <vector>

#include "test.h"

namespace slotwise::test {
namespace {

using Type = ProbeEvent::Type;
using Do = ProbeEffect::Type;

const std::string kId(40, 'a');
const std::string kQuestion = "*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n";

std::string Bulk(const std::string& text) { return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n"; }
std::string Info(const std::string& role, std::int64_t offset, const std::string& more = {}) {
  return Bulk("# Replication\r\nrole:" + role + "\r\n" + more + "connected_slaves:1\r\nmaster_replid:" + kId + "\r\nmaster_replid2:" + std::string(40, '0') +
              "\r\nmaster_repl_offset:" + std::to_string(offset) + "\r\n");
}

struct Script {
  explicit Script(ProbeOptions options = {}) : probe(1) {
    options.interval_ms = 100;
    probe.set_options(options);
    Step({Type::kFollow});
  }
  // Without what goes to the log.
  StalenessProbe::Effects Step(const ProbeEvent& event) {
    StalenessProbe::Effects all = probe.Step(event, now);
    std::erase_if(all, [&](const ProbeEffect& e) { return e.type == Do::kWarn && ++warnings > 0; });
    return all;
  }
  StalenessProbe::Effects Tick() { return Step({Type::kTick}); }
  StalenessProbe::Effects Received(const std::string& text) { return Step({Type::kReceived, text}); }
  std::string Sent(const StalenessProbe::Effects& effects) { return effects.size() == 1 && effects[0].type == Do::kSend ? effects[0].text : "<" + std::to_string(effects.size()) + " effects>"; }
  // Until the first question is asked.
  void Connect() {
    now = std::max(now, probe.NextTick());
    const auto effects = Tick();
    if (effects.size() != 1 || effects[0].type != Do::kConnect) Fail(__FILE__, __LINE__, "does not connect");
    if (Sent(Step({Type::kConnected})) != kQuestion) Fail(__FILE__, __LINE__, "does not ask");
  }
  bool Closed(const StalenessProbe::Effects& effects) {
    return effects.size() == 1 && effects[0].type == Do::kClose && probe.NextTick() > now && probe.NextTick() <= now + StalenessProbe::kRetryMsMax;
  }
  StalenessProbe probe;
  std::int64_t now = 1000;
  int warnings = 0;
};

ONE_THREAD_TEST(StalenessProbe, AnAnswerProvesWhatWasThereWhenItWasAskedFor) {
  Script s;
  s.Connect();
  const std::int64_t asked_at = s.now;
  s.now += 70;
  const auto effects = s.Received(Info("master", 1234));
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_TRUE(effects[0].type == Do::kProof);
  EXPECT_EQ(effects[0].id, kId);
  EXPECT_EQ(effects[0].offset, 1234);
  EXPECT_EQ(effects[0].at_ms, asked_at);  // not when it came
}

ONE_THREAD_TEST(StalenessProbe, AsksOncePerIntervalAndOneQuestionAtATime) {
  Script s;
  s.Connect();
  s.now += 250;
  EXPECT_TRUE(s.Tick().empty());
  EXPECT_EQ(s.Received(Info("master", 1)).size(), 1u);
  EXPECT_EQ(s.probe.NextTick(), s.now - 150);  // late already
  EXPECT_EQ(s.Sent(s.Tick()), kQuestion);
  s.now += 10;
  s.Received(Info("master", 2));
  EXPECT_TRUE(s.Tick().empty());
  s.now += 90;
  EXPECT_EQ(s.Sent(s.Tick()), kQuestion);
}

ONE_THREAD_TEST(StalenessProbe, AnAnswerMayComeByteByByte) {
  Script s;
  s.Connect();
  const std::string answer = Info("master", 77);
  for (std::size_t i = 0; i + 1 < answer.size(); ++i) EXPECT_TRUE(s.Received(answer.substr(i, 1)).empty());
  const auto effects = s.Received(answer.substr(answer.size() - 1));
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].offset, 77);
}

ONE_THREAD_TEST(StalenessProbe, AuthenticatesFirst) {
  ProbeOptions options;
  options.user = "u";
  options.password = "p";
  Script s(options);
  s.Tick();
  EXPECT_EQ(s.Sent(s.Step({Type::kConnected})), "*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n");
  EXPECT_EQ(s.Sent(s.Received("+OK\r\n")), kQuestion);
  Script refused(options);
  refused.Tick();
  refused.Step({Type::kConnected});
  EXPECT_TRUE(refused.Closed(refused.Received("-WRONGPASS no\r\n")));
  EXPECT_EQ(refused.warnings, 1);
}

ONE_THREAD_TEST(StalenessProbe, APrimaryThatIsAReplicaHasToProveItsOwnAge) {
  Script s;
  s.Connect();
  EXPECT_EQ(s.Sent(s.Received(Info("slave", 10))), "*2\r\n$18\r\nSLOTWISE.STALENESS\r\n$3\r\n400\r\n");
  EXPECT_TRUE(s.Received("+OK\r\n").empty());
  s.now += 100;
  EXPECT_EQ(s.Sent(s.Tick()), kQuestion);
  EXPECT_TRUE(s.Received(Info("slave", 10, "slave_staleness_ms:-1\r\n")).empty());
  s.now += 100;
  s.Tick();
  const auto effects = s.Received(Info("slave", 12, "slave_staleness_ms:40\r\n"));
  ASSERT_EQ(effects.size(), 1u);
  EXPECT_EQ(effects[0].at_ms, s.now - 40);
  EXPECT_EQ(effects[0].offset, 12);
  EXPECT_EQ(s.warnings, 0);
}

ONE_THREAD_TEST(StalenessProbe, BehindAReplicaThatKnowsNoStalenessNothingIsProven) {
  Script s;
  s.Connect();
  s.Received(Info("slave", 10));
  EXPECT_TRUE(s.Received("-ERR unknown command 'SLOTWISE.STALENESS'\r\n").empty());
  EXPECT_EQ(s.warnings, 1);
  for (int i = 0; i < 3; ++i) {
    s.now += 100;
    EXPECT_EQ(s.Sent(s.Tick()), kQuestion);
    EXPECT_TRUE(s.Received(Info("slave", 10)).empty());
  }
  EXPECT_EQ(s.warnings, 1);
}

ONE_THREAD_TEST(StalenessProbe, ASilentPrimaryIsGivenUpAndAskedAnew) {
  Script s;
  s.Connect();
  s.now += StalenessProbe::kPatienceMs;
  EXPECT_TRUE(s.Tick().empty());
  s.now += 1;
  EXPECT_TRUE(s.Closed(s.Tick()));
  // What comes of the old connection is nobody's.
  EXPECT_TRUE(s.Received(Info("master", 99)).empty());
  s.Connect();
  EXPECT_EQ(s.Received(Info("master", 100)).size(), 1u);
}

ONE_THREAD_TEST(StalenessProbe, WhateverComesInsteadOfAnAnswerProvesNothing) {
  const std::string good = Info("master", 5);
  for (const std::string& answer : std::vector<std::string>{
           "-NOPERM no\r\n", "-LOADING Redis is loading\r\n", "+OK\r\n", "$-1\r\n", "$x\r\n", "$99999999999999999999\r\n", "$2000000\r\n", std::string(5000, '$'),
           std::string(5000, 'x'), ":1\r\n", Bulk(""), Bulk("role:master\r\n"), Info("sentinel", 5), Info("master", -5), Bulk("role:master\r\nmaster_replid:short\r\nmaster_repl_offset:1\r\n"),
           Bulk("role:master\r\nmaster_replid:" + kId + "\r\nmaster_repl_offset:12x\r\n")}) {
    Script s;
    s.Connect();
    if (!s.Closed(s.Received(answer))) Fail(__FILE__, __LINE__, answer.substr(0, 100));
    EXPECT_EQ(s.warnings, 1);
  }
  // An answer that nobody asked for.
  Script s;
  s.Connect();
  const auto effects = s.Received(good + good);
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_TRUE(effects[0].type == Do::kProof && effects[1].type == Do::kClose);
}

ONE_THREAD_TEST(StalenessProbe, StopsWhenNobodyWantsToKnow) {
  Script s;
  s.Connect();
  const auto effects = s.Step({Type::kUnfollow});
  ASSERT_TRUE(effects.size() == 1 && effects[0].type == Do::kClose);
  EXPECT_EQ(s.probe.NextTick(), INT64_MAX);
  s.now += 100'000;
  EXPECT_TRUE(s.Tick().empty());
}

}  // namespace
}  // namespace slotwise::test
