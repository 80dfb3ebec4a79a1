// A node of a cluster: commands for slots of its own and of others, what changes with the map, and commands that the control
// plane answers.
#include "engine/cluster.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "engine/blocking.h"
#include "engine/control_desk.h"
#include "engine/embedded_session.h"
#include "engine/pubsub.h"
#include "listening_fixture.h"
#include "slot_map_support.h"
#include "strings_fixture.h"
#include "temp_dir.h"
#include "test_client.h"

namespace slotwise {
namespace {

using namespace test;

// foo is in 12182, bar in 5061: with this map bar is mine, foo the other's.
const MapOf kHalf;
const std::string kFooMoved = "-MOVED 12182 127.0.0.1:7001\r\n";

MapOf All() {
  MapOf of;
  of.runs = {{0, 16383, 0}};
  return of;
}

struct ClusterFixture : EngineFixture {
  explicit ClusterFixture(const MapOf& map = kHalf, EngineHost* host = nullptr) : EngineFixture({{"cluster-enabled", "yes"}}, host) { Set(map); }
  void Set(const MapOf& map) { engine->cluster()->SetMap(map.Make()); }
};

TEST(Cluster, ServesNothingBeforeItHasAMap) {
  EngineFixture f({{"cluster-enabled", "yes"}});
  EXPECT_EQ(f("GET foo"), std::string("-CLUSTERDOWN Hash slot not served\r\n"));
  EXPECT_EQ(f("PING"), std::string("+PONG\r\n"));
  EXPECT_EQ(f("KEYS *"), std::string("*0\r\n"));
}

TEST(Cluster, ServesItsSlotsAndNamesTheOwnersOfOthers) {
  ClusterFixture f;
  EXPECT_EQ(f("SET bar 1"), std::string("+OK\r\n"));
  EXPECT_EQ(f("GET bar"), Bulk("1"));
  EXPECT_EQ(f("GET foo"), kFooMoved);
  EXPECT_EQ(f("SET foo 1"), kFooMoved);
  EXPECT_EQ(f("MGET bar foo"), std::string("-CROSSSLOT Keys in request don't hash to the same slot\r\n"));
  EXPECT_EQ(f("MGET {bar}1 {bar}2 bar"), std::string("*3\r\n$-1\r\n$-1\r\n") + Bulk("1"));
  EXPECT_EQ(f("MSET {foo}1 1 {foo}2 2"), kFooMoved);
  EXPECT_EQ(f("SORT foo BY w_*"), kFooMoved);
  EXPECT_EQ(f("DBSIZE"), std::string(":1\r\n"));
}

TEST(Cluster, ARedirectedCommandIsRejectedAndNotCalled) {
  ClusterFixture f;
  f("GET foo");
  f("MGET {foo}1 {foo}2");
  const std::string info = f("INFO commandstats");
  EXPECT_TRUE(info.find("cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0") != std::string::npos);
  EXPECT_TRUE(info.find("cmdstat_mget:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0") != std::string::npos);
  EXPECT_TRUE(f("INFO errorstats").find("errorstat_MOVED:count=2") != std::string::npos);
}

TEST(Cluster, ATransactionIsForOneSlotAndSpoiltByARedirection) {
  ClusterFixture f;
  f("MULTI");
  EXPECT_EQ(f("SET bar 1"), std::string("+QUEUED\r\n"));
  EXPECT_EQ(f("SET foo 1"), kFooMoved);
  EXPECT_EQ(f("EXEC"), std::string("-EXECABORT Transaction discarded because of previous errors.\r\n"));
  f("MULTI");
  f("SET bar 1");
  f("SET {bar}2 1");
  EXPECT_EQ(f("EXEC"), std::string("*2\r\n+OK\r\n+OK\r\n"));
  // Each for itself would be fine.
  f.Set(All());
  f("MULTI");
  f("SET bar 2");
  f("SET foo 2");
  EXPECT_EQ(f("EXEC"), std::string("-CROSSSLOT Keys in request don't hash to the same slot\r\n"));
  EXPECT_EQ(f("GET bar"), Bulk("1"));
  EXPECT_EQ(f("EXEC"), std::string("-ERR EXEC without MULTI\r\n"));
  // The slot goes while the commands are queued.
  f("MULTI");
  f("SET foo 2");
  f.Set(kHalf);
  EXPECT_EQ(f("EXEC"), kFooMoved);
}

TEST(Cluster, AsksForKeysThatHaveLeftAMigratingSlot) {
  ClusterFixture f;
  f("SET {bar}here 1");
  MapOf migrating = kHalf;
  migrating.open = {{5061, false, 1}};
  f.Set(migrating);
  EXPECT_EQ(f("GET {bar}here"), Bulk("1"));
  EXPECT_EQ(f("GET bar"), std::string("-ASK 5061 127.0.0.1:7001\r\n"));
  EXPECT_EQ(f("SET bar 1"), std::string("-ASK 5061 127.0.0.1:7001\r\n"));
  EXPECT_EQ(f("MGET {bar}here bar"), std::string("-TRYAGAIN Multiple keys request during rehashing of slot\r\n"));
  // What has expired counts as gone, and stays.
  f("DEBUG SET-ACTIVE-EXPIRE 0");
  f("PEXPIRE {bar}here 1");
  while (f("GET {bar}here") == Bulk("1")) {
  }
  EXPECT_EQ(f("GET {bar}here"), std::string("-ASK 5061 127.0.0.1:7001\r\n"));
  EXPECT_EQ(f("CLUSTER COUNTKEYSINSLOT 5061"), std::string(":1\r\n"));
}

TEST(Cluster, AskingIsForOneCommandOrOneTransaction) {
  ClusterFixture f;
  MapOf importing = kHalf;
  importing.open = {{12182, true, 1}};
  f.Set(importing);
  EXPECT_EQ(f("SET foo 1"), kFooMoved);
  EXPECT_EQ(f("ASKING"), std::string("+OK\r\n"));
  EXPECT_EQ(f("SET foo 1"), std::string("+OK\r\n"));
  EXPECT_EQ(f("GET foo"), kFooMoved);
  f("ASKING");
  f("MULTI");
  EXPECT_EQ(f("GET foo"), std::string("+QUEUED\r\n"));
  EXPECT_EQ(f("GET foo"), std::string("+QUEUED\r\n"));
  EXPECT_EQ(f("EXEC"), "*2\r\n" + Bulk("1") + Bulk("1"));
  EXPECT_EQ(f("GET foo"), kFooMoved);
  // RESTORE-ASKING brings it along.
  const std::string payload = "\\x00\\xc0\\x01\\n\\x00&x\\xe7\\xb6\\xd1\\x01\\x11\\xfc";
  EXPECT_EQ(f("RESTORE {foo}r 0 \"" + payload + "\""), kFooMoved);
  EXPECT_EQ(f("RESTORE-ASKING {foo}r 0 \"" + payload + "\""), std::string("+OK\r\n"));
}

TEST(Cluster, AReplicaServesReadsToWhomItSuits) {
  MapOf replica = kHalf;
  replica.myself = 2;
  replica.primary = 1;
  ClusterFixture f(replica);
  EXPECT_EQ(f("GET foo"), kFooMoved);
  EXPECT_EQ(f("READONLY"), std::string("+OK\r\n"));
  EXPECT_EQ(f("GET foo"), std::string("$-1\r\n"));
  EXPECT_EQ(f("SET foo 1"), kFooMoved);
  EXPECT_EQ(f("GET bar"), std::string("-MOVED 5061 127.0.0.1:7000\r\n"));
  f("MULTI");
  f("GET foo");
  EXPECT_EQ(f("EXEC"), std::string("*1\r\n$-1\r\n"));
  EXPECT_EQ(f("READWRITE"), std::string("+OK\r\n"));
  EXPECT_EQ(f("GET foo"), kFooMoved);
}

TEST(Cluster, HasOneDatabase) {
  ClusterFixture f(All());
  EXPECT_EQ(f("SELECT 0"), std::string("+OK\r\n"));
  EXPECT_EQ(f("SELECT 1"), std::string("-ERR SELECT is not allowed in cluster mode\r\n"));
  EXPECT_EQ(f("MOVE foo 1"), std::string("-ERR MOVE is not allowed in cluster mode\r\n"));
  EXPECT_EQ(f("SWAPDB 0 1"), std::string("-ERR SWAPDB is not allowed in cluster mode\r\n"));
  EXPECT_EQ(f("COPY {foo}1 {foo}2 DB 1"), std::string("-ERR Copying to another database is not allowed in cluster mode\r\n"));
  EXPECT_EQ(f("REPLICAOF 127.0.0.1 1"), std::string("-ERR REPLICAOF not allowed in cluster mode.\r\n"));
  EXPECT_EQ(f("FAILOVER"), std::string("-ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.\r\n"));
  EXPECT_TRUE(f("INFO server").find("redis_mode:cluster\r\n") != std::string::npos);
  EXPECT_TRUE(f("INFO cluster").find("cluster_enabled:1\r\n") != std::string::npos);
}

TEST(Cluster, KnowsTheKeysOfASlot) {
  ClusterFixture f;
  for (int i = 0; i < 100; ++i) f("SET {bar}" + std::to_string(i) + " v");
  EXPECT_EQ(f("CLUSTER KEYSLOT {bar}7"), std::string(":5061\r\n"));
  EXPECT_EQ(f("CLUSTER COUNTKEYSINSLOT 5061"), std::string(":100\r\n"));
  EXPECT_EQ(f("CLUSTER COUNTKEYSINSLOT 5060"), std::string(":0\r\n"));
  EXPECT_EQ(f("CLUSTER COUNTKEYSINSLOT 16384"), std::string("-ERR Invalid slot\r\n"));
  EXPECT_EQ(f("CLUSTER GETKEYSINSLOT 5061 -1"), std::string("-ERR Invalid slot or number of keys\r\n"));
  EXPECT_TRUE(f("CLUSTER GETKEYSINSLOT 5061 7").starts_with("*7\r\n"));
  EXPECT_TRUE(f("CLUSTER GETKEYSINSLOT 5061 1000").starts_with("*100\r\n"));
  EXPECT_EQ(f("CLUSTER GETKEYSINSLOT 5061 0"), std::string("*0\r\n"));
}

TEST(Cluster, ClearsASlotAsAnEffect) {
  TempDir dir;
  EngineFixture f({{"cluster-enabled", "yes"}, {"dir", dir.path()}});
  f.engine->cluster()->SetMap(All().Make());
  for (int i = 0; i < 300; ++i) f("SET {bar}" + std::to_string(i) + " v");
  f("SET foo 1");
  const std::uint64_t before = f.engine->log().tail();
  EXPECT_EQ(f.engine->cluster()->ClearSlot(*f.thread, 5061), std::size_t{300});
  EXPECT_TRUE(f.engine->log().tail() > before);
  EXPECT_EQ(f("DBSIZE"), std::string(":1\r\n"));
  EXPECT_EQ(f.engine->cluster()->ClearSlot(*f.thread, 5061), std::size_t{0});
}

TEST(Cluster, WithoutOneItsCommandsSaySo) {
  EngineFixture f;
  const std::string disabled = "-ERR This instance has cluster support disabled\r\n";
  for (const char* line : {"ASKING", "READONLY", "READWRITE", "CLUSTER HELP", "CLUSTER INFO", "CLUSTER NODES", "CLUSTER KEYSLOT a", "CLUSTER MEET 127.0.0.1 1",
                           "CLUSTER COUNTKEYSINSLOT 1", "CLUSTER GETKEYSINSLOT 1 1"}) {
    EXPECT_EQ(f(line), disabled);
  }
}

TEST(Cluster, AReplicaNamesWhereToWrite) {
  ClusterFixture f;
  EmbeddedSession control(*f.engine);
  control.client().control = true;
  const std::string_view replicate[] = {"REPLICAOF", "127.0.0.1", "1"};
  control.Call(replicate);
  MapOf map;
  map.primary = 1;
  map.runs = {{0, 16383, 1}};
  f.Set(map);
  EXPECT_EQ(f("SET foo 1"), kFooMoved);
  EXPECT_EQ(f("GET foo"), kFooMoved);
  f("MULTI");
  EXPECT_EQ(f("SET foo 1"), kFooMoved);
  EXPECT_EQ(f("EXEC"), std::string("-EXECABORT Transaction discarded because of previous errors.\r\n"));
  const std::string flush = f("FLUSHALL");
  EXPECT_EQ(flush.substr(0, 9), std::string("-READONLY"));
}

TEST(Cluster, AnEmbeddedCallerReadsWhatIsServedHereAndNothingElse) {
  ClusterFixture f;
  EmbeddedSession session(*f.engine);
  session.client().protocol = 2;
  auto command = [&](std::string_view key) {
    const std::string_view args[] = {"GET", key};
    session.Call(args);
    std::string text;
    session.reply().CopyTo(&text);
    session.reply().Consume(session.reply().pending());
    return text;
  };
  char buffer[16];
  bool ascii = false;
  auto get = [&](std::string_view key) { return session.Get(key, buffer, &ascii); };
  EXPECT_EQ(f("SET bar 1"), std::string("+OK\r\n"));
  EXPECT_EQ(get("bar"), std::int64_t{1});
  EXPECT_EQ(get("foo"), EmbeddedSession::kElsewhere);
  EXPECT_EQ(command("foo"), kFooMoved);
  const std::string_view names[] = {"foo", "bar"};
  char many[16];
  EXPECT_EQ(session.GetMany(names, many), std::int64_t{9});
  EXPECT_EQ(static_cast<std::int32_t>(little_endian::Get<std::uint32_t>(many)), static_cast<std::int32_t>(EmbeddedSession::kElsewhere));
  // On its way: readable until the target was asked to take it, and then by nobody.
  SlotSet slots;
  slots.set(static_cast<std::size_t>(HashSlot("bar")));
  f.engine->cluster()->Hold(slots, SlotHold::Mode::kWrites);
  f.engine->cluster()->Seal();
  EXPECT_EQ(get("bar"), EmbeddedSession::kElsewhere);
  EXPECT_EQ(command("bar"), Bulk("1"));
  f.engine->cluster()->Hold(slots, SlotHold::Mode::kAll);
  EXPECT_EQ(command("bar"), std::string("-TRYAGAIN The slot is being handed over to another node\r\n"));
  f.engine->cluster()->Release();
  EXPECT_EQ(get("bar"), std::int64_t{1});
}

TEST(Cluster, AnEmbeddedCallerWritesNothingWhileWritesArePaused) {
  ClusterFixture f;
  EmbeddedSession session(*f.engine);
  session.client().protocol = 2;
  auto taken = [&] {
    std::string text;
    session.reply().CopyTo(&text);
    session.reply().Consume(session.reply().pending());
    return text;
  };
  auto command = [&](std::initializer_list<std::string_view> words) {
    session.Call({words.begin(), words.size()});
    return taken();
  };
  const std::string paused = "-TRYAGAIN Writes are paused\r\n";
  EXPECT_EQ(command({"SET", "bar", "1"}), std::string("+OK\r\n"));
  EXPECT_EQ(f("CLIENT PAUSE 60000 WRITE"), std::string("+OK\r\n"));
  EXPECT_EQ(command({"SET", "bar", "2"}), paused);
  EXPECT_EQ(command({"GET", "bar"}), Bulk("1"));
  const std::string_view words[] = {"MULTI", "INCR", "bar", "GET", "bar", "EXEC"};
  const std::uint32_t counts[] = {1, 2, 2, 1};
  session.CallMany(counts, words);
  EXPECT_EQ(taken(), "+OK\r\n" + paused + "+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  const std::string_view pop[] = {"BLPOP", "{bar}list", "0"};
  EXPECT_EQ(session.CallWaiting(pop, [](std::string) {}), std::uint64_t{0});
  EXPECT_EQ(taken(), paused);
  EXPECT_EQ(f("CLIENT UNPAUSE"), std::string("+OK\r\n"));
  EXPECT_EQ(command({"INCR", "bar"}), std::string(":2\r\n"));
}

TEST(Cluster, WhoWaitsForAKeyThatGoesElsewhereIsTold) {
  ClusterFixture f(All());
  EmbeddedSession session(*f.engine);
  session.client().protocol = 2;
  std::string mine, other;
  auto wait = [&](const char* key, std::string* reply) {
    std::string_view args[] = {"BLPOP", key, "0"};
    ASSERT_TRUE(session.CallWaiting(args, [reply](std::string text) { *reply = std::move(text); }) != 0);
  };
  wait("bar", &mine);
  wait("foo", &other);
  f.Set(kHalf);
  EXPECT_EQ(mine, std::string());
  EXPECT_EQ(other, kFooMoved);
  EXPECT_EQ(f("RPUSH bar 1"), std::string(":1\r\n"));
  EXPECT_EQ(mine, "*2\r\n" + Bulk("bar") + Bulk("1"));
}

// --- the control plane

// Answers from a thread of its own, as JavaScript does.
class Answers final : public EngineHost {
 public:
  ~Answers() override { Join(); }
  void Join() {
    std::lock_guard<std::mutex> guard(mutex_);
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }
  void OnShutdown(int) override {}
  void OnControlRequest(std::uint32_t request, int protocol, std::span<const std::string_view> args) override {
    std::string reply = "+" + std::to_string(protocol);
    for (std::string_view a : args) reply += " " + std::string(a);
    std::lock_guard<std::mutex> guard(mutex_);
    if (silent) return;
    threads_.emplace_back([this, request, reply = reply + "\r\n"] { engine->control().Answer(request, reply); });
  }
  void OnPublished(std::string_view channel, std::string_view message, bool shard) override {
    std::lock_guard<std::mutex> guard(mutex_);
    published += std::string(shard ? "s:" : "") + std::string(channel) + "=" + std::string(message) + ";";
  }
  Engine* engine = nullptr;
  bool silent = false;
  std::string published;

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

TEST(ControlDesk, AsksTheControlPlane) {
  Answers answers;
  ClusterFixture f(All(), &answers);
  answers.engine = f.engine.get();
  EXPECT_EQ(f("CLUSTER NODES"), std::string("-ERR The control plane of this node is not running\r\n"));
  f.engine->control().Open();
  EXPECT_EQ(f("CLUSTER NODES"), std::string("+2 CLUSTER NODES\r\n"));
  f("MULTI");
  f("CLUSTER DELSLOTS 1");
  f("CLUSTER ADDSLOTS 1");
  EXPECT_EQ(f("EXEC"), std::string("*2\r\n+2 CLUSTER DELSLOTS 1\r\n+2 CLUSTER ADDSLOTS 1\r\n"));
  f("MULTI");
  f("SET foo 1");
  f("CLUSTER BUMPEPOCH");
  EXPECT_EQ(f("EXEC"), std::string("*2\r\n+OK\r\n-ERR cluster|bumpepoch cannot be in one transaction with commands that have keys\r\n"));
  answers.Join();
}

TEST(ControlDesk, ConnectionsWaitForItsAnswers) {
  Answers answers;
  EngineFixture f({{"cluster-enabled", "yes"}, {"port", "0"}}, &answers);
  answers.engine = f.engine.get();
  f.engine->cluster()->SetMap(All().Make());
  f.engine->control().Open();
  f.engine->set_listen_any_port(true);
  ASSERT_TRUE(f.engine->Listen().ok());
  Socket socket(f.engine->server()->port());
  socket.Send("CLUSTER MYID\r\nSET foo 1\r\nCLUSTER INFO\r\n");
  const std::string expected = "+2 CLUSTER MYID\r\n+OK\r\n+2 CLUSTER INFO\r\n";
  EXPECT_EQ(socket.Read(expected.size()), expected);
  // One that is not answered is, when the control plane goes.
  answers.Join();
  answers.silent = true;
  socket.Send("CLUSTER INFO\r\n");
  while (f.engine->blocking().count() == 0) std::this_thread::yield();
  f.engine->control().Close();
  const std::string closed = "-ERR The control plane of this node is not running\r\n";
  EXPECT_EQ(socket.Read(closed.size()), closed);
  // Answers that come too late, or to nobody, are nobody's.
  f.engine->control().Answer(1, "+OK\r\n");
  f.engine->control().Answer(12345, "+OK\r\n");
}

TEST(ControlDesk, HearsWhatIsPublished) {
  Answers answers;
  ClusterFixture f(All(), &answers);
  answers.engine = f.engine.get();
  f("PUBLISH news before");
  f.engine->control().Open();
  EXPECT_EQ(f("PUBLISH news hello"), std::string(":0\r\n"));
  EXPECT_EQ(f("SPUBLISH foo hi"), std::string(":0\r\n"));
  EXPECT_EQ(answers.published, std::string("news=hello;s:foo=hi;"));
  EXPECT_EQ(f.engine->log().tail(), f.engine->log().written());
}

TEST(Cluster, ListenersOfSlotsThatGoElsewhereAreToldSo) {
  EngineFixture f({{"cluster-enabled", "yes"}, {"port", "0"}});
  f.engine->cluster()->SetMap(All().Make());
  f.engine->set_listen_any_port(true);
  ASSERT_TRUE(f.engine->Listen().ok());
  Socket socket(f.engine->server()->port());
  socket.Send("SSUBSCRIBE foo\r\nSSUBSCRIBE bar\r\n");
  const std::string joined = "*3\r\n$10\r\nssubscribe\r\n$3\r\nfoo\r\n:1\r\n*3\r\n$10\r\nssubscribe\r\n$3\r\nbar\r\n:2\r\n";
  EXPECT_EQ(socket.Read(joined.size()), joined);
  f.engine->cluster()->SetMap(kHalf.Make());
  const std::string left = "*3\r\n$12\r\nsunsubscribe\r\n$3\r\nfoo\r\n:1\r\n";
  EXPECT_EQ(socket.Read(left.size()), left);
  EXPECT_EQ(f("SPUBLISH bar x"), std::string(":1\r\n"));
  EXPECT_EQ(f("SPUBLISH foo x"), kFooMoved);
}

// Writers on one side, the map changing on the other: what was written while the slot was ours is there, nothing after.
TEST(Cluster, NothingIsWrittenToASlotAfterItHasGone) {
  ClusterFixture f(All());
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> wrong{0};
  std::thread writer([&] {
    EmbeddedSession session(*f.engine);
    session.client().protocol = 2;
    for (int i = 0; !stop.load(); ++i) {
      std::string_view args[] = {"INCR", "foo"};
      session.Call(args);
      std::string text;
      session.reply().CopyTo(&text);
      session.reply().Consume(session.reply().pending());
      if (text[0] != ':' && text != kFooMoved) ++wrong;
    }
  });
  for (int round = 0; round < 200; ++round) {
    f.Set(kHalf);
    const std::string_view name = "foo";
    const KeyRef key(name);
    auto value = [&] {
      Stripe& stripe = f.engine->keyspace().StripeForSlot(key.slot);
      std::lock_guard<FutexLock> guard(stripe.lock);
      const Database::Place place = f.engine->keyspace().Db(0).Find(key);
      return place ? place.entry()->int_value() : 0;
    };
    const auto then = value();
    std::this_thread::yield();
    EXPECT_EQ(value(), then);
    f.Set(All());
  }
  stop.store(true);
  writer.join();
  EXPECT_EQ(wrong.load(), std::uint64_t{0});
}

}  // namespace
}  // namespace slotwise
