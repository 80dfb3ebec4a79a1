// The slow log, latency events, LATENCY HISTOGRAM and MONITOR. Expected replies are those of redis-server 7.0.15.
#include <cctype>
#include <string>
#include <string_view>

#include "commands/latency_graph.h"
#include "engine/slow_log.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

// Patterns of what changes from run to run. (Not std::regex: GCC 12 has false alarms about it under -fsanitize.)
constexpr char kDigit = 1;   // one digit
constexpr char kDigits = 2;  // one or more
constexpr char kNumber = 3;  // one or more digits and points

// How many bytes of `text` the pattern takes from its start on; npos: it does not match.
std::size_t Taken(std::string_view text, std::string_view pattern) {
  std::size_t at = 0;
  for (char wanted : pattern) {
    auto fits = [&] {
      if (at >= text.size()) return false;
      char c = text[at];
      if (wanted > kNumber) return c == wanted;
      return std::isdigit(static_cast<unsigned char>(c)) != 0 || (wanted == kNumber && c == '.');
    };
    if (!fits()) return std::string_view::npos;
    do ++at;
    while ((wanted == kDigits || wanted == kNumber) && fits());
  }
  return at;
}

bool Finds(std::string_view text, std::string_view pattern) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (Taken(text.substr(at), pattern) != std::string_view::npos) return true;
  }
  return false;
}

bool Has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string LastSlow(EngineFixture& f) {
  std::vector<SlowLog::Entry> entries = f.engine->slow_log().Newest(1);
  std::string words;
  if (entries.empty()) return words;
  for (const std::string& a : entries[0].args) words += (words.empty() ? "" : " ") + a;
  return words;
}

TEST(SlowLog, KeepsWhatIsSlowNewestFirst) {
  EngineFixture f({{"slowlog-log-slower-than", "0"}, {"slowlog-max-len", "3"}, {"enable-debug-command", "yes"}});
  TestClient c(f);
  c("CLIENT SETNAME me");
  c("SET a 1");
  std::string got = c("SLOWLOG GET 1");
  EXPECT_TRUE(Taken(got, "*1\r\n*6\r\n:1\r\n:" + std::string(10, kDigit) + "\r\n:" + kDigits + "\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n") != std::string::npos);
  EXPECT_TRUE(Has(got, c.client.address + "\r\n$2\r\nme\r\n"));
  for (int i = 0; i < 5; ++i) c("PING");
  EXPECT_EQ(c("SLOWLOG LEN"), ":3\r\n");
  EXPECT_TRUE(c("SLOWLOG GET -1").starts_with("*3\r\n"));
  EXPECT_EQ(c("SLOWLOG GET 0"), "*0\r\n");
  EXPECT_EQ(c("SLOWLOG GET -2"), "-ERR count should be greater than or equal to -1\r\n");
  EXPECT_EQ(c("SLOWLOG GET x"), "-ERR count should be greater than or equal to -1\r\n");
  c("CONFIG SET slowlog-max-len 1");
  EXPECT_EQ(c("SLOWLOG LEN"), ":1\r\n");
  c("CONFIG SET slowlog-log-slower-than 1000000");
  EXPECT_EQ(c("SLOWLOG RESET"), "+OK\r\n");
  c("PING");
  EXPECT_EQ(c("SLOWLOG LEN"), ":0\r\n");
  c("CONFIG SET slowlog-log-slower-than 10000");
  c("DEBUG SLEEP 0.02");
  EXPECT_EQ(LastSlow(f), "DEBUG SLEEP 0.02");
  c("CONFIG SET slowlog-log-slower-than -1");
  c("SLOWLOG RESET");
  c("DEBUG SLEEP 0.02");
  EXPECT_EQ(c("SLOWLOG LEN"), ":0\r\n");
}

TEST(SlowLog, LongArgumentsAndLongListsAreCut) {
  EngineFixture f({{"slowlog-log-slower-than", "0"}});
  f.Run({"SET", "a", std::string(128, 'x')});
  EXPECT_EQ(LastSlow(f), "SET a " + std::string(128, 'x'));
  f.Run({"SET", "a", std::string(130, 'x')});
  EXPECT_EQ(LastSlow(f), "SET a " + std::string(128, 'x') + "... (2 more bytes)");
  std::vector<std::string> words{"MGET"};
  for (int i = 1; i < 33; ++i) words.push_back("k" + std::to_string(i));
  f.Run(words);
  EXPECT_TRUE(LastSlow(f).ends_with(" k29 k30 ... (2 more arguments)"));
  words.pop_back();
  f.Run(words);
  EXPECT_TRUE(LastSlow(f).ends_with(" k30 k31"));
}

TEST(SlowLog, ExecIsNotThereItsCommandsAre) {
  EngineFixture f({{"slowlog-log-slower-than", "0"}});
  f("MULTI");
  f("SET a 1");
  f("EXEC");
  EXPECT_EQ(LastSlow(f), "SET a 1");
}

TEST(SlowLog, SecretsAreHidden) {
  EngineFixture f({{"slowlog-log-slower-than", "0"}});
  for (auto [line, shown] : std::initializer_list<std::pair<const char*, const char*>>{
           {"AUTH secret", "AUTH (redacted)"},
           {"auth user secret", "auth (redacted) (redacted)"},
           {"HELLO 3 SETNAME auth AUTH user secret", "HELLO 3 SETNAME auth (redacted) (redacted) secret"},
           {"HELLO 2 auth u p SETNAME n", "HELLO 2 auth (redacted) (redacted) SETNAME n"},
           {"CONFIG SET requirepass x maxmemory 0 MASTERAUTH y", "CONFIG SET requirepass (redacted) maxmemory 0 MASTERAUTH (redacted)"},
           {"CONFIG SET nonsense x masteruser y", "CONFIG SET nonsense x masteruser (redacted)"},
           {"CONFIG SET requirepass ''", "CONFIG SET requirepass (redacted)"},
       }) {
    f(line);
    EXPECT_EQ(LastSlow(f), shown);
  }
}

TEST(Latency, HistogramsOfCommands) {
  EngineFixture f;
  f("CONFIG RESETSTAT");
  std::string all = f("LATENCY HISTOGRAM");
  EXPECT_TRUE(all.starts_with("*2\r\n$16\r\nconfig|resetstat\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:"));
  f("SET a 1");
  f("SET b 1");
  f("CLIENT ID");
  f("MULTI");
  f("GET a");
  f("EXEC");
  EXPECT_TRUE(f("LATENCY HISTOGRAM set").starts_with("*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:2\r\n"));
  EXPECT_TRUE(f("LATENCY HISTOGRAM nonsense get client").starts_with("*4\r\n$3\r\nget\r\n"));
  EXPECT_TRUE(Has(f("LATENCY HISTOGRAM client"), "client|id"));
  EXPECT_TRUE(f("LATENCY HISTOGRAM client|id").starts_with("*2\r\n$9\r\nclient|id\r\n"));
  EXPECT_EQ(f("LATENCY HISTOGRAM nonsense"), "*0\r\n");
  const std::string number(1, kNumber);
  EXPECT_TRUE(Finds(f("INFO latencystats"), "latency_percentiles_usec_set:p50=" + number + ",p99=" + number + ",p99.9=" + number + "\r\n"));
  f("CONFIG SET latency-tracking-info-percentiles '0 100'");
  EXPECT_TRUE(Finds(f("INFO latencystats"), "usec_set:p0=" + number + ",p100=" + number + "\r\n"));
  f("CONFIG SET latency-tracking no");
  f("CONFIG RESETSTAT");
  f("SET a 1");
  EXPECT_EQ(f("LATENCY HISTOGRAM"), "*0\r\n");
  EXPECT_TRUE(Has(f("INFO commandstats"), "cmdstat_set:calls=1,"));
}

TEST(Latency, EventsAreKeptFromTheThresholdOn) {
  EngineFixture f({{"enable-debug-command", "yes"}});
  f("DEBUG SLEEP 0.02");
  EXPECT_EQ(f("LATENCY LATEST"), "*0\r\n");
  EXPECT_EQ(f("LATENCY HISTORY command"), "*0\r\n");
  f("CONFIG SET latency-monitor-threshold 10");
  f("DEBUG SLEEP 0.02");
  EXPECT_TRUE(f("LATENCY LATEST").starts_with("*1\r\n*4\r\n$7\r\ncommand\r\n:"));
  EXPECT_TRUE(f("LATENCY HISTORY command").starts_with("*1\r\n*2\r\n:"));
  EXPECT_TRUE(Has(f("LATENCY GRAPH command"), "command - high "));
  EXPECT_TRUE(Has(f("LATENCY DOCTOR"), "1. command: 1 spikes"));
  EXPECT_EQ(f("LATENCY GRAPH x"), "-ERR No samples available for event 'x'\r\n");
  EXPECT_EQ(f("LATENCY RESET nonsense"), ":0\r\n");
  EXPECT_EQ(f("LATENCY RESET Command"), ":1\r\n");
  EXPECT_EQ(f("LATENCY LATEST"), "*0\r\n");
}

TEST(Latency, OneSampleASecondAndTheOldestGoFirst) {
  LatencyMonitor m;
  m.AddAt(100, "fork", 5);
  m.AddAt(100, "fork", 9);
  m.AddAt(100, "fork", 7);
  m.AddAt(101, "fork", 3);
  auto event = m.Find("fork");
  ASSERT_TRUE(event.has_value());
  ASSERT_EQ(event->samples.size(), 2u);
  EXPECT_EQ(event->samples[0].milliseconds, 9);
  EXPECT_EQ(event->samples[1].milliseconds, 3);
  EXPECT_EQ(event->max_ms, 9);
  for (int i = 0; i < 160; ++i) m.AddAt(200 + i, "fork", i);
  event = m.Find("fork");
  ASSERT_EQ(event->samples.size(), 160u);
  EXPECT_EQ(event->samples.front().unix_seconds, 200);
  EXPECT_EQ(event->max_ms, 159);
}

TEST(Latency, TheGraphIsTheOneRedisDraws) {
  LatencyMonitor::Event e{"command", {{1000, 300}, {1002, 400}, {940, 500}, {1003, 100}}, 700};
  EXPECT_EQ(LatencyGraph(e, 1003), "command - high 500 ms, low 100 ms (all time high 700 ms)\n" + std::string(80, '-') +
                                       "\n _# \n_|| \n||| \n|||_\n    \n3110\nssms\n");
}

// Without the times.
std::string Shown(const std::string& lines) {
  const std::string time = std::string("+") + kDigits + "." + std::string(6, kDigit) + " ";
  std::string out;
  for (std::size_t at = 0; at < lines.size();) {
    std::size_t taken = Taken(std::string_view(lines).substr(at), time);
    if (taken != std::string::npos) at += taken;
    else out += lines[at++];
  }
  return out;
}

TEST(Monitor, ShowsCommandsAsTheyRun) {
  EngineFixture f;
  TestClient watcher(f), c(f);
  EXPECT_EQ(watcher("MONITOR"), "+OK\r\n");
  EXPECT_EQ(watcher("MONITOR"), "");
  std::string from = "[0 " + c.client.address + "] ", later = "[3 " + c.client.address + "] ";
  c("SET \"a\\x00b\" \"q\\\"\\n\"");
  c("NONSENSE");
  c("GET");
  c("CONFIG GET maxmemory");
  c("AUTH user secret");
  c("MULTI");
  c("SELECT 3");
  c("GET a");
  c("EXEC");
  EXPECT_EQ(Shown(watcher.sink->Take()),
            from + "\"SET\" \"a\\x00b\" \"q\\\"\\n\"\r\n" + from + "\"AUTH\" \"(redacted)\" \"(redacted)\"\r\n" + from + "\"MULTI\"\r\n" + later +
                "\"SELECT\" \"3\"\r\n" + later + "\"GET\" \"a\"\r\n" + later + "\"EXEC\"\r\n");
  EXPECT_EQ(watcher("RESET"), "+RESET\r\n");
  c("PING");
  EXPECT_EQ(watcher.sink->Take(), "");
}

TEST(Monitor, NotInATransactionAndNotWithoutAConnection) {
  EngineFixture f;
  TestClient c(f);
  EXPECT_EQ(f("MONITOR"), "-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
  c("MULTI");
  c("MONITOR");
  EXPECT_EQ(c("EXEC"), "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n");
}

TEST(Monitor, AUnixSocketIsShownByItsPath) {
  EngineFixture f;
  TestClient watcher(f), c(f);
  c.client.unix_socket = true;
  c.client.address = "/tmp/a:b.sock:0";
  watcher("MONITOR");
  c("PING");
  EXPECT_EQ(Shown(watcher.sink->Take()), "[0 unix:/tmp/a:b.sock] \"PING\"\r\n");
}

}  // namespace
}  // namespace slotwise::test
