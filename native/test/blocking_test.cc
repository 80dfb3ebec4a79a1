// Commands that wait for lists: who is served, when, with what, and what is propagated. Callers are embedded ones, each
// waiting call a client of its own; the order of events is exact, since one thread runs everything.
#include "engine/blocking.h"

#include <map>
#include <memory>

#include "engine/embedded_session.h"
#include "strings_fixture.h"
#include "temp_dir.h"
#include "test_client.h"

namespace slotwise {
namespace {

using namespace test;

const std::string kNullArray = "*-1\r\n", kEmpty = "*0\r\n";

std::string Array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += Bulk(e);
  return text;
}

// Waiting calls by name, and what they were answered.
class Waits {
 public:
  explicit Waits(EngineFixture& f) : session_(*f.engine) { session_.client().protocol = 2; }
  // "..." if the call waits, else its reply.
  std::string operator()(const std::string& name, const std::string& line) {
    std::vector<std::string> words;
    SplitArgs(line, &words);
    std::vector<std::string_view> args(words.begin(), words.end());
    replies_.erase(name);
    std::uint64_t id = session_.CallWaiting(args, [this, name](std::string reply) {
      replies_[name] += reply;
      order_ += name;
    });
    ids_[name] = id;
    if (id != 0) return "...";
    std::string text;
    session_.reply().CopyTo(&text);
    session_.reply().Consume(session_.reply().pending());
    return text;
  }
  // What came for the call since; empty: it still waits.
  std::string Reply(const std::string& name) { return replies_[name]; }
  // The names in the order in which they were answered, since the last call.
  std::string Order() { return std::exchange(order_, std::string()); }
  std::uint64_t Id(const std::string& name) { return ids_[name]; }
  bool Cancel(const std::string& name, bool aborted = false) { return session_.CancelWait(ids_[name], aborted); }
  EmbeddedSession& session() { return session_; }

 private:
  std::map<std::string, std::string> replies_;
  std::map<std::string, std::uint64_t> ids_;
  std::string order_;
  EmbeddedSession session_;  // last: its end answers what still waits
};

// Keys in different stripes.
const char* const kOther[] = {"a", "b", "c", "d", "e"};

TEST(Blocking, AnswersAtOnceWhenThereIsSomething) {
  EngineFixture f;
  Waits w(f);
  f("RPUSH b 1 2 3 4 5 6");
  EXPECT_EQ(w("x", "BLPOP a b 0"), Array({"b", "1"}));
  EXPECT_EQ(w("x", "BRPOP a b 0"), Array({"b", "6"}));
  EXPECT_EQ(w("x", "BLMPOP 0 2 a b LEFT COUNT 2"), "*2\r\n" + Bulk("b") + Array({"2", "3"}));
  EXPECT_EQ(w("x", "BLMOVE b c LEFT RIGHT 0"), Bulk("4"));
  EXPECT_EQ(w("x", "BRPOPLPUSH b c 0"), Bulk("5"));
  EXPECT_EQ(f("EXISTS b"), Int(0));
  EXPECT_EQ(f("LRANGE c 0 -1"), Array({"5", "4"}));
  EXPECT_EQ(f.engine->blocking().count(), 0);
}

TEST(Blocking, RefusesWhatIsWrong) {
  EngineFixture f;
  Waits w(f);
  f("SET s 1");
  EXPECT_EQ(w("x", "BLPOP a -1"), Err("ERR timeout is negative"));
  EXPECT_EQ(w("x", "BLPOP a -0.002"), Err("ERR timeout is negative"));
  EXPECT_EQ(w("x", "BLPOP a inf"), Err("ERR timeout is negative"));
  EXPECT_EQ(w("x", "BLPOP a 1e30"), Err("ERR timeout is negative"));
  for (const char* bad : {"x", "\"\"", "\" 1\"", "1x", "nan", "1e99999"}) {
    EXPECT_EQ(w("x", std::string("BRPOP a ") + bad), Err("ERR timeout is not a float or out of range"));
  }
  EXPECT_EQ(w("x", "BLPOP a s 0"), kWrongKind);
  EXPECT_EQ(w("x", "BLMOVE s a LEFT LEFT 0"), kWrongKind);
  EXPECT_EQ(w("x", "BLMOVE a s LEFT UP 0"), kBadSyntax);
  EXPECT_EQ(w("x", "BLMPOP 0 0 a LEFT"), Err("ERR numkeys should be greater than 0"));
  EXPECT_EQ(w("x", "BLMPOP 0 1 a LEFT COUNT 0"), Err("ERR count should be greater than 0"));
  EXPECT_EQ(w("x", "BLMPOP -1 1 a LEFT"), Err("ERR timeout is negative"));
  EXPECT_EQ(w("x", "BLMOVE a s LEFT LEFT 0"), "...");  // the destination is looked at when there is something to move
  f("RPUSH a 1");
  EXPECT_EQ(w.Reply("x"), kWrongKind);
  EXPECT_EQ(f("LRANGE a 0 -1"), Array({"1"}));
  EXPECT_EQ(f.engine->blocking().count(), 0);
}

TEST(Blocking, ServesInTheOrderOfWaiting) {
  EngineFixture f;
  Waits w(f);
  for (const char* name : {"1", "2", "3"}) EXPECT_EQ(w(name, "BLPOP a 0"), "...");
  EXPECT_EQ(f.engine->blocking().count(), 3);
  EXPECT_EQ(f("RPUSH a x y"), Int(2));  // the push is answered before anybody is served
  EXPECT_EQ(w.Order(), "12");
  EXPECT_EQ(w.Reply("1"), Array({"a", "x"}));
  EXPECT_EQ(w.Reply("2"), Array({"a", "y"}));
  EXPECT_EQ(w.Reply("3"), "");
  EXPECT_EQ(w("1", "BRPOP a 0"), "...");
  EXPECT_EQ(f("LPUSH a p q r"), Int(3));
  EXPECT_EQ(w.Order(), "31");
  EXPECT_EQ(w.Reply("3"), Array({"a", "r"}));
  EXPECT_EQ(w.Reply("1"), Array({"a", "p"}));
  EXPECT_EQ(f("LRANGE a 0 -1"), Array({"q"}));
  EXPECT_EQ(f.engine->blocking().count(), 0);
}

TEST(Blocking, SeveralKeysAreServedInTheOrderInWhichTheyBecameReady) {
  EngineFixture f;
  Waits w(f);
  w("1", "BLPOP a b c 0");
  w("2", "BLPOP c b a a 0");
  f("MULTI");
  f("RPUSH b vb");
  f("RPUSH a va");
  f("EXEC");
  EXPECT_EQ(w.Reply("1"), Array({"b", "vb"}));
  EXPECT_EQ(w.Reply("2"), Array({"a", "va"}));
  // Nobody waits at the other keys any more.
  f("RPUSH c vc");
  EXPECT_EQ(f("LLEN c"), Int(1));
  for (int i = 0; i < kStripeCount; ++i) EXPECT_TRUE(!f.engine->keyspace().StripeAt(i).waits);
}

TEST(Blocking, ATransactionIsServedAfterItsEnd) {
  EngineFixture f;
  Waits w(f);
  w("1", "BLPOP a 0");
  f("MULTI");
  f("RPUSH a 1");
  f("DEL a");
  f("EXEC");
  EXPECT_EQ(w.Reply("1"), "");
  f("MULTI");
  f("RPUSH a 1");
  f("DEL a");
  f("RPUSH a 2 3");
  EXPECT_EQ(f("EXEC"), "*3\r\n" + Int(1) + Int(1) + Int(2));
  EXPECT_EQ(w.Reply("1"), Array({"a", "2"}));
  EXPECT_EQ(f("LRANGE a 0 -1"), Array({"3"}));
  // Inside of one nobody waits.
  f("MULTI");
  f("BLPOP x 0");
  f("BLMOVE x y LEFT LEFT 0");
  f("BLMPOP 0 1 x LEFT");
  f("BRPOPLPUSH a a 0");
  EXPECT_EQ(f("EXEC"), "*4\r\n" + kNullArray + kNull + kNullArray + Bulk("3"));
}

TEST(Blocking, EveryWayToGetAListServes) {
  EngineFixture f;
  Waits w(f);
  f("RPUSH src 1");
  auto check = [&](const std::string& key, std::vector<std::string> commands, const std::string& element = "1") {
    w("x", "BLPOP " + key + " 0");
    for (const std::string& c : commands) f(c);
    EXPECT_EQ(w.Reply("x"), Array({key, element}));
    if (w.Reply("x").empty()) w.Cancel("x");
  };
  check("a", {"COPY src a"});
  check("a", {"RENAME src a"});
  f("RPUSH src 1");
  check("a", {"SET a 1", "COPY src a REPLACE"});
  check("a", {"LMOVE src a LEFT LEFT"});
  f("SELECT 1");
  f("RPUSH a 1");
  check("a", {"MOVE a 0"});
  f("RPUSH a 1");
  check("a", {"SWAPDB 0 1"});
  EXPECT_EQ(f("SELECT 0"), kOk);
  check("a", {"SET a 1", "DEL a", "RPUSHX a 0", "LINSERT a BEFORE x y", "RPUSH a 1"});
  EXPECT_EQ(f.engine->blocking().count(), 0);
}

TEST(Blocking, OtherTypesAreWaitedThrough) {
  EngineFixture f;
  Waits w(f);
  w("x", "BLPOP a 0");
  f("SET a 1");
  EXPECT_EQ(w.Reply("x"), "");
  f("DEL a");
  f("FLUSHALL");
  EXPECT_EQ(w.Reply("x"), "");
  f("RPUSH a 1");
  EXPECT_EQ(w.Reply("x"), Array({"a", "1"}));
}

TEST(Blocking, OtherDatabasesAreOtherKeys) {
  EngineFixture f;
  Waits w(f);
  w.session().client().db = 3;
  w("x", "BLPOP a 0");
  f("RPUSH a 1");
  EXPECT_EQ(w.Reply("x"), "");
  f("SELECT 3");
  f("RPUSH a 2");
  EXPECT_EQ(w.Reply("x"), Array({"a", "2"}));
}

TEST(Blocking, MovesServeThoseBehindThem) {
  EngineFixture f;
  Waits w(f);
  w("4", "BLPOP d 0");
  w("3", "BLMOVE c d LEFT LEFT 0");
  w("2", "BRPOPLPUSH b c 0");
  w("1", "BLMOVE a b RIGHT LEFT 0");
  EXPECT_EQ(f("RPUSH a x"), Int(1));
  EXPECT_EQ(w.Order(), "1234");
  EXPECT_EQ(w.Reply("1"), Bulk("x"));
  EXPECT_EQ(w.Reply("4"), Array({"d", "x"}));
  EXPECT_EQ(f("EXISTS a b c d"), Int(0));
  // In a circle, and from a list to itself.
  w("1", "BRPOPLPUSH a b 0");
  w("2", "BRPOPLPUSH b a 0");
  f("RPUSH a y");
  EXPECT_EQ(w.Order(), "12");
  EXPECT_EQ(f("LRANGE a 0 -1"), Array({"y"}));
  f("DEL a");
  w("1", "BRPOPLPUSH a a 0");
  f("RPUSH a z");
  EXPECT_EQ(w.Reply("1"), Bulk("z"));
  EXPECT_EQ(f("LRANGE a 0 -1"), Array({"z"}));
}

TEST(Blocking, EndsByTimeOutOrByForce) {
  EngineFixture f;
  Waits w(f);
  TestClient other(f);
  for (const char* name : {"1", "2", "3", "4", "5"}) w(name, "BLPOP a b 0");
  EXPECT_EQ(other("CLIENT UNBLOCK " + std::to_string(w.Id("2"))), Int(1));
  EXPECT_EQ(other("CLIENT UNBLOCK " + std::to_string(w.Id("3")) + " ERROR"), Int(1));
  EXPECT_EQ(other("CLIENT UNBLOCK " + std::to_string(w.Id("3")) + " TIMEOUT"), Int(0));
  EXPECT_EQ(other("CLIENT UNBLOCK 99999"), Int(0));
  EXPECT_EQ(other("CLIENT UNBLOCK x"), kNotAnInteger);
  EXPECT_EQ(other("CLIENT UNBLOCK 1 NOW"), Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"));
  EXPECT_EQ(w.Reply("2"), kNullArray);
  EXPECT_EQ(w.Reply("3"), Err("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
  EXPECT_TRUE(w.Cancel("1"));
  EXPECT_FALSE(w.Cancel("1"));
  EXPECT_TRUE(w.Cancel("4", true));
  EXPECT_EQ(w.Reply("1"), kNullArray);
  EXPECT_TRUE(w.Reply("4").starts_with("-"));
  EXPECT_EQ(f.engine->blocking().count(), 1);
  f("RPUSH a 1 2");
  EXPECT_EQ(w.Reply("5"), Array({"a", "1"}));
  EXPECT_EQ(f("LLEN a"), Int(1));
  EXPECT_TRUE(f("INFO stats").find("errorstat_UNBLOCKED") == std::string::npos);
  EXPECT_TRUE(f("INFO errorstats").find("errorstat_UNBLOCKED:count=1") != std::string::npos);
}

TEST(Blocking, TheEndOfASessionEndsItsWaits) {
  EngineFixture f;
  std::string reply;
  {
    EmbeddedSession session(*f.engine);
    std::vector<std::string_view> args{"BLPOP", "a", "0"};
    EXPECT_NE(session.CallWaiting(args, [&](std::string r) { reply = std::move(r); }), std::uint64_t{0});
  }
  EXPECT_TRUE(reply.starts_with("-UNBLOCKED"));
  EXPECT_EQ(f("RPUSH a 1"), Int(1));
  EXPECT_EQ(f("LLEN a"), Int(1));
}

TEST(Blocking, CallsThatCannotWaitAnswerNull) {
  EngineFixture f;
  EXPECT_EQ(f("BLPOP a b 0"), kNullArray);
  EXPECT_EQ(f("BLMOVE a b LEFT LEFT 0"), kNull);
}

TEST(Blocking, WatchersAndListenersHearOfBothSides) {
  EngineFixture f({{"notify-keyspace-events", "KEA"}});
  Waits w(f);
  TestClient listener(f);
  listener("PSUBSCRIBE __keyevent@0__:*");
  listener.sink->Take();
  w("1", "BLMOVE a b LEFT RIGHT 0");
  f("RPUSH a x");
  std::string events;
  std::string text = listener.sink->Take();
  for (std::size_t at = 0; (at = text.find("__:", at)) != std::string::npos; ++at) {
    std::string event = text.substr(at + 3, text.find('\r', at) - at - 3);
    if (event != "*") events += event + " ";
  }
  EXPECT_EQ(events, "rpush rpush lpop del ");
}

// The log holds the push and the pop of it as two units, the pop as a command that does not wait.
TEST(Blocking, TheLogHoldsThePopBehindThePush) {
  LoggingFixture log;
  Waits w(log.f);
  w("1", "BLMOVE a b LEFT RIGHT 0");
  w("2", "BRPOPLPUSH b c 0");
  w("3", "BLMPOP 0 1 c LEFT COUNT 5");
  w("4", "BRPOP d 0");
  // What is left in the unit is the last effect of all.
  EXPECT_EQ(log.Effects("RPUSH a x"), "LPOP c 1\n");
  EXPECT_EQ(log.Effects("RPUSH d x y"), "RPOP d\n");
  EXPECT_EQ(w.Order(), "1234");
}

TEST(Blocking, AReplayGivesTheSame) {
  TempDir dir;
  std::string digest;
  {
    EngineFixture f({{"dir", dir.path()}, {"enable-debug-command", "yes"}});
    Waits w(f);
    w("1", "BLMOVE a b LEFT RIGHT 0");
    w("2", "BLPOP a 0");
    w("3", "BRPOPLPUSH b c 0");
    w("4", "BLMPOP 0 2 x c RIGHT COUNT 2");
    f("MULTI");
    f("RPUSH a 1 2 3");
    f("EXEC");
    f("RPUSH a 1 2 3");
    f("RPUSH c 7 8 9");
    EXPECT_EQ(w.Order(), "1234");
    EXPECT_EQ(f("LRANGE a 0 -1"), Array({"3", "1", "2", "3"}));
    digest = f("DEBUG DIGEST");
  }
  EngineFixture again({{"dir", dir.path()}, {"enable-debug-command", "yes"}});
  EXPECT_EQ(again("DEBUG DIGEST"), digest);
}

// A pusher takes the stripes of targets too, also those of targets of targets.
TEST(Blocking, TargetsAreLockedWithTheirOwnTargets) {
  EngineFixture f;
  Waits w(f);
  std::string chain;
  for (int i = 0; i < 4; ++i) w(std::to_string(i), std::string("BRPOPLPUSH ") + kOther[i] + " " + kOther[i + 1] + " 0");
  StripeSet set;
  set.set(static_cast<std::size_t>(StripeOf(HashSlot("a"))));
  f.engine->blocking().LockWithTargets(set);
  EXPECT_EQ(set.count(), std::size_t{5});
  for (const char* key : kOther) EXPECT_TRUE(set.test(static_cast<std::size_t>(StripeOf(HashSlot(key)))));
  f.engine->keyspace().Unlock(set);
}

}  // namespace
}  // namespace slotwise
