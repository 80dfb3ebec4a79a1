// Slots that go from one engine to another: images, the log, the hold, and what an import does not let in.
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "engine/cluster.h"
#include "engine/slot_export.h"
#include "engine/slot_import.h"
#include "listening_fixture.h"
#include "slot_map_support.h"
#include "strings_fixture.h"
#include "temp_dir.h"

namespace slotwise {
namespace {

using namespace test;

const std::string kJob(40, 'a');
const std::string kTryAgain = "-TRYAGAIN The slot is being handed over to another node\r\n";

MapOf OwnedBy(std::uint16_t owner) {
  MapOf of;
  of.runs = {{0, 16383, owner}};
  return of;
}

std::string Resp(const std::vector<std::string>& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& w : words) out += Bulk(w);
  return out;
}

// Hears what an export has to tell.
class Ear final : public EngineHost {
 public:
  void OnShutdown(int) override {}
  void OnControlRequest(std::uint32_t, int, std::span<const std::string_view> args) override {
    std::string told;
    for (std::size_t i = 2; i < args.size(); ++i) told += (told.empty() ? "" : " ") + std::string(args[i]);
    std::lock_guard<std::mutex> guard(mutex_);
    told_.push_back(std::move(told));
  }
  // The next of what it has to tell; empty: nothing yet.
  std::string Next() {
    std::lock_guard<std::mutex> guard(mutex_);
    if (told_.empty()) return {};
    std::string told = std::move(told_.front());
    told_.pop_front();
    return told;
  }
  std::string Wait() {
    for (;;) {
      if (std::string told = Next(); !told.empty()) return told;
      std::this_thread::yield();
    }
  }

 private:
  std::mutex mutex_;
  std::deque<std::string> told_;
};

struct Node : EngineFixture {
  explicit Node(const MapOf& map, Directives directives = {{"cluster-enabled", "yes"}, {"port", "0"}}) : EngineFixture(directives, &ear) {
    engine->cluster()->SetMap(map.Make());
    engine->set_listen_any_port(true);
    if (!engine->Listen().ok()) std::abort();
  }
  ~Node() { (void)engine->Stop(); }  // nobody tells the ear anything any more
  int port() { return engine->server()->port(); }
  Cluster& cluster() { return *engine->cluster(); }
  void Set(const MapOf& map) { engine->cluster()->SetMap(map.Make()); }
  bool Export(int to, const SlotSet& slots) { return cluster().exporter().Start({kJob, "127.0.0.1", to, slots}); }
  // Lets it finish when it is near the end. Returns what it tells then, or in place of `near`.
  std::string Exported() {
    const std::string told = ear.Wait();
    if (told != "near") return told;
    (void)cluster().exporter().Finish(kJob);
    return ear.Wait();
  }
  // As the next one of `job`: what is refused does not count.
  std::string Apply(const std::string& commands, const std::string& job = kJob) {
    const std::string answer = Frame(applied + 1, commands, job);
    if (answer[0] == '+') ++applied;
    return answer;
  }
  std::string Frame(int number, const std::string& commands, const std::string& job = kJob) {
    return Run(std::vector<std::string>{"SLOTWISE.APPLY", job, std::to_string(number), commands});
  }
  int applied = 0;
  Ear ear;
};

SlotSet SlotsOf(std::initializer_list<const char*> keys) {
  SlotSet slots;
  for (const char* key : keys) slots.set(static_cast<std::size_t>(HashSlot(key)));
  return slots;
}

TEST(SlotMigration, SendsTheKeysOfTheSlotsAndNoOthers) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  for (const char* line : {"SET a text", "SET n 42", "RPUSH l a b c", "HSET h f v g w", "SADD s 1 2 3", "ZADD z 1 a 2.5 b", "SET t v PX 10000000", "SET other stays"}) {
    EXPECT_TRUE(source(line)[0] != '-');
  }
  const SlotSet slots = SlotsOf({"a", "n", "l", "h", "s", "z", "t"});
  target.cluster().importer().Open(kJob, slots);
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.Exported(), std::string("ready"));
  EXPECT_EQ(target("DBSIZE"), std::string(":7\r\n"));
  EXPECT_EQ(target("GET a"), std::string("-MOVED 15495 127.0.0.1:7001\r\n"));  // not yet
  target.Set(OwnedBy(0));
  for (const char* key : {"a", "n", "l", "h", "s", "z", "t"}) {
    for (const char* question : {"DEBUG DIGEST-VALUE ", "TYPE ", "OBJECT ENCODING ", "PEXPIRETIME "}) {
      const std::string line = std::string(question) + key;
      EXPECT_EQ(target(line), source(line));
    }
  }
  const SlotExport::Info info = source.cluster().exporter().info();
  EXPECT_EQ(info.keys, std::uint64_t{7});
  EXPECT_EQ(info.slots_done, slots.count());
}

// Counters and lists under writers that stop when they are told to: what was acknowledged is there, once.
TEST(SlotMigration, LosesNothingAndDoublesNothingUnderWriters) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  constexpr int kWriters = 3, kBig = 60000;
  SlotSet slots;
  for (std::size_t slot = 0; slot < 16384; slot += 2) slots.set(slot);
  for (int i = 0; i < kBig; ++i) source("SET {big}" + std::to_string(i) + " 0");  // a slot that is walked in pieces
  slots.set(static_cast<std::size_t>(HashSlot("big")));
  for (int i = 0; i < 20000; ++i) source("SET key:" + std::to_string(i) + " 0");
  target.cluster().importer().Open(kJob, slots);
  std::vector<std::map<std::string, std::int64_t>> counted(kWriters);
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      ThreadState& thread = source.engine->AddThread();
      Client client;
      client.kind = ClientKind::kEmbedded;
      client.authenticated = true;
      Random random(static_cast<std::uint64_t>(w + 1));
      while (!stop.load()) {
        const std::uint64_t dice = random.Next();
        const std::string key = dice % 3 == 0 ? "{big}" + std::to_string(dice / 8 % kBig) : dice % 3 == 1 ? "key:" + std::to_string(dice / 8 % 20000) : "list:" + std::to_string(dice / 8 % 50);
        const bool list = dice % 3 == 2;
        const std::string_view args[] = {list ? "RPUSH" : "INCR", key, "x"};
        OutBuffer out;
        source.engine->Call(thread, client, {args, list ? 3u : 2u}, out);
        std::string reply;
        out.CopyTo(&reply);
        if (reply[0] == ':') ++counted[static_cast<std::size_t>(w)][key];
        else if (reply == kTryAgain) refused.fetch_add(1);
        else Fail(__FILE__, __LINE__, reply);
      }
      source.engine->RemoveThread(thread);
    });
  }
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.Exported(), std::string("ready"));
  while (refused.load() < 100) std::this_thread::yield();
  EXPECT_TRUE(source.cluster().exporter().info().commands > 0);
  // The other node takes them, this one learns it, and the writers meet MOVED.
  target.Set(OwnedBy(0));
  stop.store(true);
  for (std::thread& t : threads) t.join();
  std::map<std::string, std::int64_t> sum;
  for (const auto& one : counted) {
    for (const auto& [key, n] : one) sum[key] += n;
  }
  std::size_t moved = 0;
  for (const auto& [key, n] : sum) {
    if (!slots[static_cast<std::size_t>(HashSlot(key))]) continue;
    ++moved;
    const bool list = key.starts_with("list:");
    const std::string found = target(list ? "LLEN " + key : "GET " + key);
    if (found != (list ? ":" + std::to_string(n) + "\r\n" : Bulk(std::to_string(n)))) Fail(__FILE__, __LINE__, key + " " + found + " is not " + std::to_string(n));
  }
  EXPECT_TRUE(moved > 1000);
}

// Its connection is cut again and again, also while writers are held back. What was answered is not sent again, what was not is
// applied once.
TEST(SlotMigration, GoesOnOverAnotherConnectionFromWhereItWas) {
  // The writer is faster than a sanitizer follows it.
  Node source(OwnedBy(0), {{"cluster-enabled", "yes"}, {"port", "0"}, {"repl-backlog-size", "256mb"}}), target(OwnedBy(1));
  SlotSet slots;
  slots.set();
  constexpr int kKeys = 40000, kBig = 20000;
  for (int i = 0; i < kBig; ++i) source("SET {big}" + std::to_string(i) + " 0");
  for (int i = 0; i < kKeys; ++i) source("SET key:" + std::to_string(i) + " " + std::string(200, '0'));
  target.cluster().importer().Open(kJob, slots);
  std::map<std::string, std::int64_t> counted;
  std::atomic<bool> stop{false}, refused{false};
  std::thread writer([&] {
    ThreadState& thread = source.engine->AddThread();
    Client client;
    client.kind = ClientKind::kEmbedded;
    client.authenticated = true;
    Random random(1);
    while (!stop.load()) {
      const std::uint64_t dice = random.Next();
      const std::string key = dice % 2 == 0 ? "{big}" + std::to_string(dice / 8 % kBig) : "count:" + std::to_string(dice / 8 % 1000);
      const std::string_view args[] = {"INCR", key};
      OutBuffer out;
      source.engine->Call(thread, client, {args, 2}, out);
      std::string reply;
      out.CopyTo(&reply);
      if (reply[0] == ':') ++counted[key];
      else refused.store(true);
      std::this_thread::yield();
    }
    source.engine->RemoveThread(thread);
  });
  ASSERT_TRUE(source.Export(target.port(), slots));
  constexpr std::uint64_t kBytesBetween = 400'000;
  constexpr int kCutsMax = 12;  // else a writer that is fast beside a sanitizer keeps it from ever going on
  int cuts = 0, lost = 0, late_cuts = 0;
  bool done = false;
  for (std::uint64_t cut_at = 0; !done; std::this_thread::sleep_for(std::chrono::microseconds(200))) {
    const std::string told = source.ear.Next();
    if (told == "near") (void)source.cluster().exporter().Finish(kJob);
    else if (told == "ready") done = true;
    else if (told.starts_with("lost ")) ++lost;
    else if (!told.empty()) return Fail(__FILE__, __LINE__, told);
    const SlotExport::Info info = source.cluster().exporter().info();
    const bool late = info.phase == SlotExport::Phase::kHeld && late_cuts < 5;
    if ((!late && (cuts - late_cuts >= kCutsMax || info.bytes < cut_at + kBytesBetween)) || target("CLIENT KILL TYPE normal") != ":1\r\n") continue;
    cut_at = info.bytes;
    ++cuts;
    late_cuts += late;
  }
  while (!refused.load()) std::this_thread::yield();
  target.Set(OwnedBy(0));
  stop.store(true);
  writer.join();
  EXPECT_TRUE(cuts > 5 && lost > 5);
  EXPECT_TRUE(source.cluster().exporter().info().keys < 2 * (kKeys + kBig));
  EXPECT_EQ(target("DBSIZE"), source("DBSIZE"));
  for (const auto& [key, n] : counted) {
    const std::string found = target("GET " + key);
    if (found != Bulk(std::to_string(n))) Fail(__FILE__, __LINE__, key + " " + found + " is not " + std::to_string(n));
  }
  EXPECT_EQ(target("STRLEN key:1"), std::string(":200\r\n"));
}

TEST(SlotMigration, AFrameThatComesTwiceIsAppliedOnce) {
  Node target(OwnedBy(1));
  target.cluster().importer().Open(kJob, SlotsOf({"a"}));
  const std::string incr = Resp({"INCR", "a"});
  EXPECT_EQ(target.Frame(1, incr), std::string("+OK\r\n"));
  EXPECT_EQ(target.Frame(2, incr), std::string("+OK\r\n"));
  EXPECT_EQ(target.Frame(2, incr), std::string("+OK\r\n"));
  EXPECT_EQ(target.Frame(1, incr), std::string("+OK\r\n"));
  EXPECT_EQ(target.Frame(4, incr), std::string("-ERR An import takes frame 3 next\r\n"));
  EXPECT_TRUE(target.Frame(0, incr).starts_with("-ERR"));
  EXPECT_EQ(target.Frame(3, Resp({"GET", "a"})).substr(0, 4), std::string("-ERR"));  // and it may be tried again
  EXPECT_EQ(target.Frame(3, incr), std::string("+OK\r\n"));
  target.cluster().importer().Open(kJob, SlotsOf({"a"}));  // another one counts anew
  EXPECT_EQ(target.Frame(1, incr), std::string("+OK\r\n"));
  target.Set(OwnedBy(0));
  EXPECT_EQ(target("GET a"), Bulk("4"));
}

TEST(SlotMigration, HoldsWritersBackUntilItIsDecided) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  source("SET a 1");
  const SlotSet slots = SlotsOf({"a"});
  target.cluster().importer().Open(kJob, slots);
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.Exported(), std::string("ready"));
  Socket writer(source.port()), transaction(source.port()), flusher(source.port()), reader(source.port());
  writer.Send("SET a 2\r\nGET elsewhere\r\n");
  transaction.Send("MULTI\r\nINCR a\r\nEXEC\r\n");
  flusher.Send("FLUSHALL\r\n");
  reader.Send("GET a\r\nSET b 1\r\n");
  EXPECT_EQ(reader.Read(12), Bulk("1") + "+OK\r\n");  // reads of it, and writes elsewhere, go on
  while (source("INFO clients").find("blocked_clients:3") == std::string::npos) std::this_thread::yield();
  EXPECT_EQ(source("SET a 3"), kTryAgain);  // who cannot wait
  EXPECT_EQ(source("FLUSHALL"), kTryAgain);
  EXPECT_EQ(source("GET a"), Bulk("1"));
  source.cluster().Hold(slots, SlotHold::Mode::kAll);
  reader.Send("GET a\r\n");
  while (source("INFO clients").find("blocked_clients:4") == std::string::npos) std::this_thread::yield();
  // It went: they are told where.
  MapOf map = OwnedBy(0);
  map.runs = {{0, 15494, 0}, {15495, 15495, 1}, {15496, 16383, 0}};
  source.Set(map);
  source.cluster().exporter().Stop();
  const std::string moved = "-MOVED 15495 127.0.0.1:7001\r\n";
  EXPECT_EQ(writer.Read(moved.size() + 5), moved + "$-1\r\n");
  EXPECT_EQ(reader.Read(moved.size()), moved);
  EXPECT_EQ(transaction.Read(5 + moved.size()), "+OK\r\n" + moved);
  EXPECT_EQ(flusher.Read(5), std::string("+OK\r\n"));
  EXPECT_TRUE(source.cluster().held_us() > 0);
}

TEST(SlotMigration, NobodyWaitsBeforeTheControlPlaneIsReadyForThat) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  source("SET a 1");
  const SlotSet slots = SlotsOf({"a"});
  target.cluster().importer().Open(kJob, slots);
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.ear.Wait(), std::string("near"));
  EXPECT_FALSE(source.cluster().exporter().Finish(std::string(40, 'b')));
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(source("INCR a"), ":" + std::to_string(i + 2) + "\r\n");
  EXPECT_EQ(source.cluster().held_us(), std::int64_t{0});
  EXPECT_TRUE(source.cluster().exporter().Finish(kJob));
  EXPECT_EQ(source.ear.Wait(), std::string("ready"));
  EXPECT_EQ(source("INCR a"), kTryAgain);
  const SlotExport::Info info = source.cluster().exporter().info();
  EXPECT_TRUE(info.sealed_us > 0 && info.sealed_us <= info.settled_us && info.settled_us <= source.cluster().held_us());
  target.Set(OwnedBy(0));
  EXPECT_EQ(target("GET a"), Bulk("1001"));
}

TEST(SlotMigration, StoppedItLetsEverybodyGoOn) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  const SlotSet slots = SlotsOf({"a"});
  target.cluster().importer().Open(kJob, slots);
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.Exported(), std::string("ready"));
  Socket writer(source.port());
  writer.Send("SET a 2\r\n");
  while (source("INFO clients").find("blocked_clients:1") == std::string::npos) std::this_thread::yield();
  source.cluster().exporter().Stop();
  EXPECT_EQ(writer.Read(5), std::string("+OK\r\n"));
  EXPECT_EQ(source("SET a 3"), std::string("+OK\r\n"));
}

TEST(SlotMigration, SaysWhyItFailed) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  const SlotSet slots = SlotsOf({"a"});
  source("SET a 1");
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.Exported(), std::string("again the target answered: NOIMPORT This node imports nothing under that name"));
  ASSERT_TRUE(source.Export(1, slots));
  EXPECT_EQ(source.Exported(), std::string("again the target cannot be reached: Connection refused"));
  EXPECT_EQ(source("SET a 2"), std::string("+OK\r\n"));
  // A key that is too large for the target, whatever the reason: here, one that it does not take at all.
  target.cluster().importer().Open(kJob, SlotsOf({"b"}));
  ASSERT_TRUE(source.Export(target.port(), slots));
  EXPECT_EQ(source.Exported(), std::string("failed the target answered: ERR 'set' is not about keys of the slots that are imported"));
}

TEST(SlotMigration, AnImportTakesWritesOfItsSlotsOnly) {
  Node target(OwnedBy(1));
  target.cluster().importer().Open(kJob, SlotsOf({"a"}));
  EXPECT_EQ(target.Apply(Resp({"SET", "a", "1"}), std::string(40, 'b')), std::string("-NOIMPORT This node imports nothing under that name\r\n"));
  const std::string foreign = " is not about keys of the slots that are imported\r\n";
  EXPECT_EQ(target.Apply(Resp({"SET", "b", "1"})), "-ERR 'set'" + foreign);
  EXPECT_EQ(target.Apply(Resp({"MSET", "a", "1", "b", "1"})), "-ERR 'mset'" + foreign);
  EXPECT_EQ(target.Apply(Resp({"GET", "a"})), "-ERR 'get'" + foreign);
  EXPECT_EQ(target.Apply(Resp({"FLUSHALL"})), "-ERR 'flushall'" + foreign);
  EXPECT_EQ(target.Apply(Resp({"CONFIG", "SET", "save", ""})), "-ERR 'config|set'" + foreign);
  EXPECT_EQ(target.Apply(Resp({"NOSUCH", "a"})), std::string("-ERR An import knows no such command\r\n"));
  const std::string whole = "-ERR An import takes whole commands\r\n";
  EXPECT_EQ(target.Apply("SET a 1\r\n"), whole);
  EXPECT_EQ(target.Apply("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9999999999\r\nx\r\n"), whole);
  EXPECT_EQ(target.Apply("*0\r\n"), whole);
  EXPECT_EQ(target("DBSIZE"), std::string(":0\r\n"));
  // What came before the mistake is in, and the source is told to stop.
  EXPECT_EQ(target.Apply(Resp({"SET", "a", "1"}) + Resp({"SET", "b", "1"})), "-ERR 'set'" + foreign);
  EXPECT_EQ(target("DBSIZE"), std::string(":1\r\n"));
  EXPECT_TRUE(target.Apply(Resp({"LPUSH", "a", "x"})).starts_with("-ERR An imported command failed: WRONGTYPE"));
  EXPECT_TRUE(target.cluster().importer().Close(kJob));
  EXPECT_FALSE(target.cluster().importer().Close(kJob));
  EXPECT_EQ(target.Apply(Resp({"SET", "a", "2"})), std::string("-NOIMPORT This node imports nothing under that name\r\n"));
  EXPECT_EQ(target("SLOTWISE.EXPORT STOP"), std::string("-ERR SLOTWISE.EXPORT is for the control plane, the command for operators is CLUSTER MIGRATE\r\n"));
  EXPECT_EQ(target("SLOTWISE.IMPORT OPEN x 1 1"), std::string("-ERR syntax error\r\n"));
}

TEST(SlotMigration, WhatIsImportedExpiresWhenItsOwnerSaysSo) {
  Node target(OwnedBy(1));
  target.cluster().importer().Open(kJob, SlotsOf({"a"}));
  const std::string past = std::to_string(target.engine->NowMs() - 1000);
  ASSERT_TRUE(target.Apply(Resp({"SET", "a", "5"}) + Resp({"PEXPIREAT", "a", past})) == "+OK\r\n");
  target.Set(OwnedBy(0));
  target("SET other v PX 1");
  while (target("DBSIZE") != ":1\r\n") std::this_thread::yield();  // the cron has been here
  ASSERT_TRUE(target.Apply(Resp({"INCR", "a"}) + Resp({"PERSIST", "a"})) == "+OK\r\n");
  EXPECT_EQ(target("GET a"), Bulk("6"));
}

TEST(SlotMigration, AFlushEndsIt) {
  Node source(OwnedBy(0)), target(OwnedBy(1));
  SlotSet slots;
  slots.set();
  for (int i = 0; i < 50000; ++i) source("SET key:" + std::to_string(i) + " v");
  target.cluster().importer().Open(kJob, slots);
  ASSERT_TRUE(source.Export(target.port(), slots));
  while (source.cluster().exporter().info().keys == 0) std::this_thread::yield();
  const std::string reply = source("FLUSHALL");
  const std::string told = source.Exported();
  if (reply == "+OK\r\n") EXPECT_EQ(told, std::string("failed the data set was flushed meanwhile"));
  else EXPECT_EQ(told, std::string("ready"));  // it was faster
}

TEST(SlotMigration, WhatIsImportedIsInTheLog) {
  TempDir dir;
  {
    Node target(OwnedBy(1), {{"cluster-enabled", "yes"}, {"port", "0"}, {"dir", dir.path()}});
    target.cluster().importer().Open(kJob, SlotsOf({"a"}));
    ASSERT_TRUE(target.Apply(Resp({"SET", "a", "5"}) + Resp({"INCR", "a"})) == "+OK\r\n");
  }
  Node again(OwnedBy(0), {{"cluster-enabled", "yes"}, {"port", "0"}, {"dir", dir.path()}});
  EXPECT_EQ(again("GET a"), Bulk("6"));
}

}  // namespace
}  // namespace slotwise
