// BINLOG: positions, files that come and go, consumers, waiting. Source: docs/decisions/0024.
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "engine/append_only.h"
#include "engine/binlog.h"
#include "engine/embedded_session.h"
#include "listening_fixture.h"
#include "log/binlog_state.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

struct Value {
  char type = 0;
  std::string text;  // of a line or a bulk string
  std::vector<Value> items;
  const Value& operator[](std::size_t i) const { return items.at(i); }
  std::int64_t number() const { return std::stoll(text); }
  // Of a map, flat as RESP2 has it.
  const Value& operator[](const std::string& name) const {
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i].text == name) return items[i + 1];
    }
    static const Value none;
    return none;
  }
};

Value Parse(const std::string& reply, std::size_t* at) {
  Value value;
  value.type = reply.at(*at);
  const std::size_t end = reply.find("\r\n", *at);
  value.text = reply.substr(*at + 1, end - *at - 1);
  *at = end + 2;
  if (value.type == '$' && value.text != "-1") {
    const auto size = static_cast<std::size_t>(std::stoll(value.text));
    value.text = reply.substr(*at, size);
    *at += size + 2;
  } else if (value.type == '*') {
    for (long long i = 0, n = std::stoll(value.text); i < n; ++i) value.items.push_back(Parse(reply, at));
  }
  return value;
}

Value Parse(const std::string& reply) {
  std::size_t at = 0;
  return Parse(reply, &at);
}

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 20000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

void Rewrite(EngineFixture& f) {
  f("BGREWRITEAOF");
  EXPECT_TRUE(Eventually([&] {
    AppendOnly::Info info = f.engine->append_only().info();
    return !info.rewriting && !info.scheduled;
  }));
}

Value Ask(EngineFixture& f, const std::string& line) {
  EXPECT_TRUE(f.engine->log().Sync().ok());
  return Parse(f(line));
}

std::string Words(const Value& command) {
  std::string text;
  for (const Value& word : command.items) text += (text.empty() ? "" : " ") + word.text;
  return text;
}

// "db command" of all that follows, in one line a unit.
std::vector<std::string> ReadAll(EngineFixture& f, std::string from, int count, std::string* last = nullptr) {
  std::vector<std::string> units;
  for (;;) {
    const Value batch = Ask(f, "BINLOG READ FROM " + from + " COUNT " + std::to_string(count));
    if (batch.type == '-') return {batch.text};
    for (const Value& unit : batch["events"].items) {
      std::string text;
      for (const Value& command : unit[3].items) text += (text.empty() ? "" : "; ") + command[0].text + " " + Words(command[1]);
      units.push_back(text);
    }
    from = batch["position"].text;
    if (last != nullptr) *last = from;
    if (batch["events"].items.empty()) return units;
    EXPECT_TRUE(batch["events"].items.back()[1].text == from || batch["behind"].number() >= 0);
  }
}

void Transaction(EngineFixture& f) {
  f("SELECT 2");
  f("MULTI");
  f("INCR n");
  f("RPUSH l a b");
  f("EXEC");
  f("SELECT 0");
}

TEST(Binlog, SaysWhereEachCommandLiesAndRefusesWhatLiesBetween) {
  TempDir dir;
  EngineFixture f({{"dir", dir.path()}});
  f("SET a 1");
  Transaction(f);
  f.Run({"SET", "b", "*1\r\n$4\r\nEXEC\r\n"});
  const Value events = Ask(f, "BINLOG EVENTS");
  ASSERT_EQ(events.items.size(), 9u);
  std::set<std::int64_t> units;
  bool open = false;
  std::int64_t end = 0;
  for (const Value& event : events.items) {
    EXPECT_EQ(event[0].number(), end);
    end = event[1].number();
    if (!open) units.insert(event[0].number());
    if (event[4][0].text == "MULTI") open = true;
    if (event[4][0].text == "EXEC") open = false;
    if (event[4][0].text == "INCR" || event[4][0].text == "RPUSH") EXPECT_EQ(event[3].number(), 2);
    if (event[4][0].text == "SET") EXPECT_EQ(event[3].number(), 0);
  }
  units.insert(end);
  for (std::int64_t at = 0; at <= end; ++at) {
    const Value found = Parse(f("BINLOG EVENTS IN 1 LIMIT 1 FROM " + std::to_string(at)));
    if (units.count(at) != 0) {
      EXPECT_EQ(found.type, '*');
      if (at != end) EXPECT_EQ(found[0][0].number(), at);
    } else {
      EXPECT_NE(found.text.find(" is no position between commands: it lies in what begins at appendonly.aof.1.incr.aof:"), std::string::npos);
      const std::int64_t begin = *std::prev(units.lower_bound(at));
      EXPECT_NE(found.text.find("begins at appendonly.aof.1.incr.aof:" + std::to_string(begin) + " "), std::string::npos);
    }
  }
  EXPECT_EQ(Parse(f("BINLOG EVENTS FROM " + std::to_string(end + 1))).text,
            "ERR There is no position appendonly.aof.1.incr.aof:" + std::to_string(end + 1) + ": the binlog ends at appendonly.aof.1.incr.aof:" +
                std::to_string(end));
}

TEST(Binlog, IsReadInWholeTransactionsFromAnywhere) {
  TempDir dir;
  EngineFixture f({{"dir", dir.path()}});
  f("SET a 1");
  Transaction(f);
  f("DEL a");
  const std::vector<std::string> all{"0 SET a 1", "2 INCR n; 2 RPUSH l a b", "0 DEL a"};
  EXPECT_EQ(ReadAll(f, "0", 1), all);
  EXPECT_EQ(ReadAll(f, "0", 1000), all);
  const Value first = Ask(f, "BINLOG READ FROM 0 COUNT 1");
  const std::string position = first["position"].text;
  EXPECT_EQ(ReadAll(f, position, 1000), (std::vector<std::string>{all[1], all[2]}));
  EXPECT_EQ(ReadAll(f, "1:" + position.substr(position.rfind(':') + 1), 1000), (std::vector<std::string>{all[1], all[2]}));
  EXPECT_EQ(ReadAll(f, "$", 1000), std::vector<std::string>());
  // An offset is that of INFO's and of STATUS.
  const Value status = Ask(f, "BINLOG STATUS");
  EXPECT_EQ(status["file"].text, "appendonly.aof.1.incr.aof");
  EXPECT_EQ(status["offset"].number(), status["position"].number());
  EXPECT_EQ(status["oldest"].text, "appendonly.aof.1.incr.aof:0");
  EXPECT_EQ(status["id"].text.size(), 40u);
  EXPECT_EQ(Ask(f, "BINLOG READ FROM " + status["offset"].text)["position"].text, "appendonly.aof.1.incr.aof:" + status["position"].text);
  EXPECT_EQ(Ask(f, "BINLOG READ FROM 0 COUNT 1")["behind"].number(), status["position"].number() - std::stoll(position.substr(position.rfind(':') + 1)));
}

// Through the index, and without one; and a start later, when nothing is remembered of who read what.
TEST(Binlog, FindsPositionsAndTheirDatabaseInALongFile) {
  TempDir dir;
  std::vector<std::pair<std::string, std::string>> samples;  // a position and what follows it
  const std::string segment = dir.path() + "/appendonlydir/appendonly.aof.1.incr.aof";
  {
    EngineFixture f({{"dir", dir.path()}});
    f("SELECT 3");
    for (int i = 0; i < 3000; ++i) {
      f.Run({"SET", "k" + std::to_string(i), std::string(1000, 'x')});
      if (i % 30 == 0) f.engine->log().Flush();
    }
    std::string from = "0";
    for (;;) {
      const Value batch = Ask(f, "BINLOG READ FROM " + from + " COUNT 100");
      if (batch["events"].items.empty()) break;
      from = batch["position"].text;
      const Value& next = batch["events"].items.back();
      samples.emplace_back(next[0].text, next[3][0][0].text + " " + next[3][0][1][1].text);
    }
    EXPECT_EQ(samples.size(), 30u);
  }
  EXPECT_GT(std::filesystem::file_size(segment + ".idx"), 20u * 32);
  for (bool indexed : {true, false}) {
    EngineFixture f({{"dir", dir.path()}});
    if (!indexed) std::filesystem::remove(segment + ".idx");
    for (const auto& [position, what] : samples) {
      const Value batch = Parse(f("BINLOG READ FROM " + position + " COUNT 1"));
      ASSERT_EQ(batch["events"].items.size(), 1u);
      EXPECT_EQ(batch["events"][0][3][0][0].text + " " + batch["events"][0][3][0][1][1].text, what);
      const std::string inside = position.substr(0, position.rfind(':') + 1) + std::to_string(std::stoll(position.substr(position.rfind(':') + 1)) + 500);
      EXPECT_NE(Parse(f("BINLOG READ FROM " + inside)).text.find("is no position between commands"), std::string::npos);
    }
    EXPECT_GT(Parse(f("BINLOG READ FROM " + samples[3].first + " COUNT 1"))["events"][0][2].number(), 1700000000);
  }
}

TEST(Binlog, DamageIsNotHandedOut) {
  TempDir dir;
  EngineFixture f({{"dir", dir.path()}});
  for (int i = 0; i < 300; ++i) f.Run({"SET", "k", std::string(1000, 'x')});
  EXPECT_TRUE(f.engine->log().Sync().ok());
  {
    std::fstream file(dir.path() + "/appendonlydir/appendonly.aof.1.incr.aof", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(500);
    file.put('y');
  }
  EXPECT_NE(Parse(f("BINLOG READ FROM 0")).text.find("are not what was written"), std::string::npos);
}

TEST(Binlog, GoesOnAcrossRewritesAsFarAsFilesAreKept) {
  TempDir dir;
  const std::string archive = dir.path() + "/archive";
  std::filesystem::create_directory(dir.path() + "/data");
  EngineFixture f({{"dir", dir.path() + "/data"}, {"aof-archive-dir", archive}});
  int n = 0;
  for (int rewrite = 0; rewrite < 3; ++rewrite) {
    for (int i = 0; i < 10; ++i, ++n) f("INCR n");
    Rewrite(f);
  }
  f("INCR n");
  std::string last;
  EXPECT_EQ(ReadAll(f, "0", 7, &last).size(), 31u);
  EXPECT_EQ(last.substr(0, 26), "appendonly.aof.4.incr.aof:");
  EXPECT_EQ(ReadAll(f, "2:0", 1000).size(), 21u);
  const Value files = Ask(f, "BINLOG FILES");
  ASSERT_EQ(files.items.size(), 4u);
  EXPECT_EQ(files[0]["state"].text, "archived");
  EXPECT_EQ(files[3]["state"].text, "current");
  EXPECT_EQ(files[3]["first-offset"].number(), files[2]["first-offset"].number() + files[2]["size"].number());
  EXPECT_EQ(f("BINLOG PURGE TO 5")[0], '-');
  EXPECT_EQ(f("BINLOG PURGE TO appendonly.aof.3.incr.aof"), ":2\r\n");
  EXPECT_FALSE(std::filesystem::exists(archive + "/appendonly.aof.2.incr.aof"));
  for (const char* from : {"0", "2:0", "appendonly.aof.1.incr.aof:99"}) {
    const std::string error = f("BINLOG READ FROM " + std::string(from));
    EXPECT_EQ(error.find("-PURGED "), 0u);
    EXPECT_NE(error.find("the oldest position held is appendonly.aof.3.incr.aof:0\r\n"), std::string::npos);
  }
  EXPECT_EQ(ReadAll(f, "3:0", 1000).size(), 11u);
  // A hole: nothing leads from what lies before it.
  f("INCR n");
  Rewrite(f);
  f("INCR n");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(archive)) {
    if (entry.path().filename() == "appendonly.aof.4.incr.aof.note") std::filesystem::remove(entry.path());
  }
  EXPECT_EQ(Ask(f, "BINLOG STATUS")["oldest"].text, "appendonly.aof.5.incr.aof:0");
}

TEST(Binlog, WithoutAnArchiveARewritePurges) {
  TempDir dir;
  EngineFixture f({{"dir", dir.path()}});
  f("INCR n");
  Rewrite(f);
  f("INCR n");
  EXPECT_EQ(Ask(f, "BINLOG READ FROM 0").text.find("PURGED the beginning of everything is not held any more"), 0u);
  EXPECT_EQ(Ask(f, "BINLOG STATUS")["from-the-beginning"].text, "no");
  EXPECT_EQ(ReadAll(f, "2:0", 10).size(), 1u);
  EXPECT_EQ(f("BINLOG PURGE TO 2"), ":0\r\n");
}

TEST(Binlog, RetentionRemovesTheOldest) {
  TempDir dir;
  std::filesystem::create_directory(dir.path() + "/data");
  EngineFixture f({{"dir", dir.path() + "/data"}, {"aof-archive-dir", dir.path() + "/archive"}});
  EXPECT_EQ(f("BINLOG RETAIN 4000 0"), "+OK\r\n");
  for (int rewrite = 0; rewrite < 5; ++rewrite) {
    f.Run({"SET", "k", std::string(1500, 'x')});
    Rewrite(f);
  }
  EXPECT_EQ(Ask(f, "BINLOG FILES").items.size(), 3u);
  f("BINLOG RETAIN 1 0");
  f.Run({"SET", "k", std::string(1500, 'x')});
  Rewrite(f);
  // What the data set needs stays, whatever its size.
  EXPECT_EQ(Ask(f, "BINLOG FILES").items.size(), 1u);
}

TEST(Binlog, KnowsItsConsumersAfterARestart) {
  TempDir dir;
  std::string id;
  {
    EngineFixture f({{"dir", dir.path()}});
    for (int i = 0; i < 5; ++i) f("INCR n");
    const Value batch = Ask(f, "BINLOG READ FROM 0 COUNT 2 CONSUMER audit");
    EXPECT_EQ(Ask(f, "BINLOG CONSUMERS")[0]["position"].text, "appendonly.aof.1.incr.aof:0");
    EXPECT_EQ(f("BINLOG ACK audit " + batch["position"].text), "+OK\r\n");
    EXPECT_EQ(f("BINLOG ACK audit 1:7")[0], '-');
    EXPECT_EQ(f("BINLOG ACK \"a b\" 1:0")[0], '-');
    id = Ask(f, "BINLOG STATUS")["id"].text;
  }
  EngineFixture f({{"dir", dir.path()}});
  EXPECT_EQ(Ask(f, "BINLOG STATUS")["id"].text, id);
  EXPECT_EQ(Ask(f, "BINLOG READ FROM > CONSUMER audit")["events"].items.size(), 3u);
  EXPECT_EQ(f("BINLOG READ FROM > CONSUMER other").find("-ERR No such consumer 'other'"), 0u);
  EXPECT_EQ(f("BINLOG READ FROM >").find("-ERR > is the position of a consumer"), 0u);
  EXPECT_EQ(f("BINLOG FORGET audit"), ":1\r\n");
  EXPECT_EQ(f("BINLOG FORGET audit"), ":0\r\n");
  EXPECT_EQ(f("BINLOG CONSUMERS"), "*0\r\n");
}

TEST(Binlog, APlaceInTheReplicationHistoryIsAPosition) {
  TempDir dir;
  std::filesystem::create_directory(dir.path() + "/data");
  EngineFixture f({{"dir", dir.path() + "/data"}, {"aof-archive-dir", dir.path() + "/archive"}});
  f("SET before 1");
  EXPECT_EQ(Ask(f, "BINLOG STATUS")["origin"].text, "");
  const std::string nobody(40, 'a');
  EXPECT_EQ(f("BINLOG READ FROM " + nobody + ":1"), "-HISTORY This server has no replication history yet\r\n");
  const std::string begin = Parse(f("SLOTWISE.POSITION")).text;  // begins the history
  f("SET a 1");
  Transaction(f);
  std::vector<std::string> places, positions;
  for (int i = 0; i < 5; ++i) {
    f("INCR n");
    const Value status = Ask(f, "BINLOG STATUS");
    places.push_back(status["origin"].text);
    positions.push_back(status["file"].text + ":" + status["position"].text);
    if (i == 2) Rewrite(f);
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::string end;
    EXPECT_EQ(ReadAll(f, places[i], 10, &end), ReadAll(f, positions[i], 10));
    EXPECT_EQ(Ask(f, "BINLOG READ FROM " + end)["origin"].text, places.back());
  }
  EXPECT_EQ(ReadAll(f, begin, 10).size(), 7u);
  const std::string id = begin.substr(0, 40);
  EXPECT_EQ(f("BINLOG READ FROM " + nobody + ":1").find("-HISTORY the position"), 0u);
  EXPECT_EQ(f("BINLOG READ FROM " + id + ":99999999").find("-ERR The position"), 0u);
  EXPECT_EQ(f("BINLOG READ FROM " + id + ":x").find("-ERR Invalid position"), 0u);
}

TEST(Binlog, AConsumerHoldsBackAPurge) {
  TempDir dir;
  std::filesystem::create_directory(dir.path() + "/data");
  EngineFixture f({{"dir", dir.path() + "/data"}, {"aof-archive-dir", dir.path() + "/archive"}});
  f("INCR n");
  Ask(f, "BINLOG READ FROM 0 CONSUMER slow");
  Rewrite(f);
  EXPECT_EQ(f("BINLOG PURGE TO 2").find("-ERR The consumer 'slow' has come to appendonly.aof.1.incr.aof:0 only"), 0u);
  f("BINLOG FORGET slow");
  EXPECT_EQ(f("BINLOG PURGE TO 2"), ":1\r\n");
}

TEST(Binlog, BadArgumentsChangeNothing) {
  TempDir dir;
  EngineFixture f({{"dir", dir.path()}});
  f("SET a 1");
  for (const char* line :
       {"BINLOG READ FROM x", "BINLOG READ FROM 1:x", "BINLOG READ FROM 1:-1", "BINLOG READ FROM 0:0", "BINLOG READ FROM @x", "BINLOG READ FROM 18446744073709551616",
        "BINLOG READ FROM 9:0", "BINLOG READ FROM 1:9999999", "BINLOG READ FROM 0 COUNT 0", "BINLOG READ FROM 0 COUNT x", "BINLOG READ FROM 0 BLOCK -1",
        "BINLOG READ FROM 0 BLOCK", "BINLOG READ COUNT 1", "BINLOG READ FROM 0 CONSUMER \"\"", "BINLOG READ FROM 0 WHAT 1", "BINLOG EVENTS IN", "BINLOG EVENTS IN x",
        "BINLOG EVENTS FROM -1", "BINLOG EVENTS LIMIT 0", "BINLOG PURGE FROM 1", "BINLOG PURGE TO x", "BINLOG ACK a 5:5", "BINLOG ACK a b", "BINLOG RETAIN -1 0", "BINLOG RETAIN 1 x", "BINLOG WHAT"}) {
    EXPECT_EQ(f(line)[0], '-');
  }
  EXPECT_EQ(f("BINLOG CONSUMERS"), "*0\r\n");
  EngineFixture memory;
  for (const char* line : {"BINLOG READ FROM 0", "BINLOG EVENTS", "BINLOG FILES", "BINLOG STATUS", "BINLOG CONSUMERS", "BINLOG PURGE TO 1", "BINLOG ACK a 1:0"}) {
    EXPECT_EQ(memory(line), "-ERR There is no binlog: the append-only file is off (appendonly no)\r\n");
  }
  EXPECT_EQ(memory("FOLLOW a 127.0.0.1 1 POS 0"), "-ERR The control plane of this node is not running\r\n");
}

std::string Resp(std::initializer_list<std::string> words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) text += "$" + std::to_string(w.size()) + "\r\n" + w + "\r\n";
  return text;
}

TEST(Binlog, WhoWaitsIsToldWhatIsWritten) {
  TempDir dir;
  for (const char* fsync : {"everysec", "always"}) {
    Listening f({{"dir", dir.path()}, {"appendfsync", fsync}});
    f("SET a 1");
    EXPECT_TRUE(f.engine->log().Sync().ok());
    Socket reader(f.port()), writer(f.port()), late(f.port());
    reader.Send(Resp({"BINLOG", "READ", "FROM", "$", "BLOCK", "0"}));
    ASSERT_TRUE(Eventually([&] { return f("INFO clients").find("blocked_clients:1\r\n") != std::string::npos; }));
    writer.Send(Resp({"SET", "b", "2"}));
    EXPECT_EQ(writer.Read(5), "+OK\r\n");
    const std::string expected = "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n";
    std::string got;
    while (!got.ends_with(expected)) {
      const std::string byte = reader.Read(1);
      ASSERT_TRUE(!byte.empty());
      got += byte;
    }
    // Its time is up: an empty batch, and the position to go on from.
    late.Send(Resp({"BINLOG", "READ", "FROM", "$", "BLOCK", "20"}) + Resp({"PING"}));
    got.clear();
    while (!got.ends_with("+PONG\r\n")) {
      const std::string byte = late.Read(1);
      ASSERT_TRUE(!byte.empty());
      got += byte;
    }
    EXPECT_EQ(Parse(got)["events"].items.size(), 0u);
    EXPECT_EQ(Parse(got)["position"].text, Parse(got)["end"].text);
  }
}

TEST(Binlog, WhatItRemembersIsReadToTheLetterOrNotAtAll) {
  BinlogState state{std::string(40, 'a'), {{"x", {3, 17, 1764000000}}, {"y.z-1", {1, 0, 0}}}};
  BinlogState read;
  const std::string text = PrintBinlogState(state);
  ASSERT_TRUE(ParseBinlogState(text, &read));
  EXPECT_EQ(read.id, state.id);
  EXPECT_EQ(read.consumers.at("x").position, 17u);
  EXPECT_EQ(read.consumers.size(), 2u);
  for (std::size_t size = 0; size < text.size(); ++size) EXPECT_FALSE(ParseBinlogState(std::string_view(text).substr(0, size), &read));
  EXPECT_FALSE(ParseBinlogState("id " + std::string(40, 'a') + "\nconsumer x 1 2 3 4\nend\n", &read));
  EXPECT_FALSE(ParseBinlogState("id x\nend\n", &read));
}

}  // namespace
}  // namespace slotwise::test
