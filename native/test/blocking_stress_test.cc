// Waiting and handing over with many threads: every element reaches exactly one consumer, and no consumer waits while there
// is something for it. The real gate is the TSan build of this file.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "engine/blocking.h"
#include "engine/embedded_session.h"
#include "listening_fixture.h"
#include "test.h"

namespace slotwise::test {
namespace {

#if defined(SLOTWISE_TSAN) || defined(SLOTWISE_ASAN)
constexpr int kPerProducer = 1500;
#else
constexpr int kPerProducer = 20000;
#endif

// A caller that can wait for its reply, with a limit.
struct Caller {
  explicit Caller(Engine& engine) : session(engine) {}
  std::string operator()(const std::vector<std::string>& words, int cancel_after_us = 20'000'000) {
    std::vector<std::string_view> args(words.begin(), words.end());
    {
      std::lock_guard<std::mutex> guard(mutex);
      answered = false;
    }
    std::uint64_t id = session.CallWaiting(args, [this](std::string r) {
      std::lock_guard<std::mutex> guard(mutex);
      reply = std::move(r);
      answered = true;
      condition.notify_one();
    });
    if (id == 0) {
      std::string text;
      session.reply().CopyTo(&text);
      session.reply().Consume(session.reply().pending());
      return text;
    }
    std::unique_lock<std::mutex> lock(mutex);
    if (!condition.wait_for(lock, std::chrono::microseconds(cancel_after_us), [&] { return answered; })) {
      lock.unlock();
      session.CancelWait(id);
      lock.lock();
      condition.wait(lock, [&] { return answered; });
    }
    return reply;
  }
  std::mutex mutex;
  std::condition_variable condition;
  std::string reply;
  bool answered = false;
  EmbeddedSession session;  // last: its end may still answer
};

// The last bulk string of a reply; empty if it is null.
std::string LastElement(const std::string& reply) {
  if (reply.size() < 4 || reply[0] == '_' || reply[0] == '-') return {};
  std::size_t end = reply.size() - 2;
  std::size_t begin = reply.rfind('\n', end - 1) + 1;
  return reply.substr(begin, end - begin);
}

class Received {
 public:
  void Add(const std::string& element) {
    std::lock_guard<std::mutex> guard(mutex_);
    if (!seen_.insert(element).second) Fail(__FILE__, __LINE__, "delivered twice: " + element);
    count_.store(seen_.size());
  }
  std::size_t count() const { return count_.load(); }

 private:
  std::mutex mutex_;
  std::set<std::string> seen_;
  std::atomic<std::size_t> count_{0};
};

// Producers push to several keys in several ways; some consumers pop, others move elements on to lists of their own from
// which yet others pop. Some give up and come again.
TEST(BlockingStress, EveryElementIsDeliveredOnce) {
  EngineFixture f;
  Engine& engine = *f.engine;
  constexpr int kProducers = 3;
  constexpr int kKeys = 4;
  constexpr std::size_t kTotal = std::size_t{kProducers} * kPerProducer;
  Received received;
  std::atomic<int> stuck{0};
  auto key = [](std::uint64_t i) { return "queue:" + std::to_string(i % kKeys); };
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      Caller call(engine);
      Random random(static_cast<std::uint64_t>(p) + 1);
      for (int i = 0; i < kPerProducer;) {
        std::string name = std::to_string(p) + "-" + std::to_string(i++);
        switch (random.Below(5)) {
          case 0: call({"RPUSH", key(random.Below(kKeys)), name}); break;
          case 1: call({"LPUSH", key(random.Below(kKeys)), name}); break;
          case 2: {
            std::string from = "stage:" + std::to_string(p);
            call({"RPUSH", from, name});
            call({"RENAMENX", from, key(random.Below(kKeys))});
            while (call({"LMOVE", from, key(random.Below(kKeys)), "LEFT", "LEFT"})[0] != '_') {}
            break;
          }
          case 3: {
            std::string second = std::to_string(p) + "-" + std::to_string(i);
            if (i == kPerProducer) second.clear();
            else ++i;
            EmbeddedSession& s = call.session;
            auto run = [&](std::vector<std::string_view> args) { s.Call(args); };
            run({"MULTI"});
            run({"RPUSH", key(0), name});
            if (!second.empty()) run({"RPUSH", key(1), second});
            run({"EXEC"});
            s.reply().Consume(s.reply().pending());
            break;
          }
          default: call({"LPUSH", "forward:" + std::to_string(random.Below(2)), name}); break;
        }
      }
    });
  }
  std::atomic<bool> done{false};
  for (int c = 0; c < 4; ++c) {
    threads.emplace_back([&, c] {
      Caller call(engine);
      Random random(static_cast<std::uint64_t>(c) + 100);
      while (!done.load()) {
        // Whoever waits for all keys must not wait long; others may find nothing more at the end.
        std::uint64_t kind = random.Below(3);
        bool impatient = kind == 0 || random.Below(4) == 0;
        int limit_us = impatient ? static_cast<int>(random.Below(kind == 0 ? 3000 : 300)) : 20'000'000;
        std::string reply;
        switch (kind) {
          case 0: reply = call({"BLPOP", key(random.Below(kKeys)), key(random.Below(kKeys)), "end", "0"}, limit_us); break;
          case 1: reply = call({"BRPOP", "end", key(0), key(1), key(2), key(3), "0"}, limit_us); break;
          default: reply = call({"BLMPOP", "0", "5", key(3), key(2), key(1), key(0), "end", "LEFT"}, limit_us); break;
        }
        std::string element = LastElement(reply);
        if (element == "end") break;
        if (!element.empty()) received.Add(element);
        else if (!impatient) stuck.fetch_add(1);
      }
    });
  }
  for (int m = 0; m < 2; ++m) {
    threads.emplace_back([&, m] {
      Caller call(engine);
      std::string from = "forward:" + std::to_string(m);
      while (LastElement(call({"BLMOVE", from, key(static_cast<std::uint64_t>(m)), "LEFT", "RIGHT", "0"}, 1000)) != "stop") {
        if (done.load()) break;
      }
    });
  }
  for (int i = 0; i < kProducers; ++i) threads[static_cast<std::size_t>(i)].join();
  for (int i = 0; i < 6000 && received.count() < kTotal; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(received.count(), kTotal);
  done.store(true);
  {
    Caller call(engine);
    for (int i = 0; i < 4; ++i) call({"RPUSH", "end", "end"});
  }
  for (std::size_t i = kProducers; i < threads.size(); ++i) threads[i].join();
  EXPECT_EQ(stuck.load(), 0);
  EXPECT_EQ(engine.blocking().count(), 0);
  f("DEL end");
  EXPECT_EQ(f("DBSIZE"), ":0\r\n");
  for (int i = 0; i < kStripeCount; ++i) EXPECT_TRUE(!engine.keyspace().StripeAt(i).waits);
}

// The same over sockets of two I/O threads, with pipelines behind the waiting command and connections that end while they
// wait. Elements popped for a connection that had ended already are lost, as they are in Redis; those are not sent here.
TEST(BlockingStress, ConnectionsOfDifferentThreadsServeEachOther) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"io-threads", "2"}});
  constexpr int kConsumers = 8;
  constexpr int kEach = 200;
  std::atomic<int> popped{0};
  std::vector<std::thread> threads;
  for (int c = 0; c < kConsumers; ++c) {
    threads.emplace_back([&, c] {
      Socket s(f.port());
      // The commands behind the first wait for their turn.
      for (int i = 0; i < kEach; i += 4) {
        s.Send("BLPOP q 0\r\nBLPOP other q 0\r\nINCR n\r\nBRPOP q 20\r\nBLMPOP 0 1 q LEFT\r\n");
        int elements = 0;
        std::string line;
        for (int lines = 0; lines < 5 + 5 + 1 + 5 + 6;) {
          std::string byte = s.Read(1);
          if (byte.empty()) return Fail(__FILE__, __LINE__, "the server hung up or hung");
          line += byte;
          if (byte != "\n") continue;
          if (line == "x\r\n") ++elements;
          if (line[0] == '-' || line == "*-1\r\n") Fail(__FILE__, __LINE__, "consumer " + std::to_string(c) + " got " + line);
          line.clear();
          ++lines;
        }
        popped.fetch_add(elements);
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < 20; ++i) {
      Socket s(f.port());
      s.Send("BLPOP nothing 0\r\n");
      s.Send("PING\r\n");
    }
  });
  Socket producer(f.port());
  for (int i = 0; i < kConsumers * kEach; ++i) {
    producer.Send("RPUSH q x\r\n");
    EXPECT_EQ(producer.Read(1), ":");
    producer.ReadThrough("\n");
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(popped.load(), kConsumers * kEach);
  EXPECT_EQ(f("GET n"), "$3\r\n400\r\n");
  EXPECT_EQ(f("EXISTS q"), ":0\r\n");
  for (int i = 0; i < 2000 && f.engine->blocking().count() > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(f.engine->blocking().count(), 0);
}

TEST(BlockingStress, TimeOutsAreKept) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"io-threads", "2"}});
  Socket s(f.port());
  auto start = std::chrono::steady_clock::now();
  s.Send("BLPOP a b 0.2\r\nPING\r\nHELLO 3\r\nBLMOVE a b LEFT LEFT 0.05\r\nECHO end\r\n");
  EXPECT_EQ(s.Read(5 + 7), "*-1\r\n+PONG\r\n");
  auto waited = std::chrono::steady_clock::now() - start;
  EXPECT_GE(waited, std::chrono::milliseconds(199));
  EXPECT_LT(waited, std::chrono::milliseconds(60000));
  std::string rest;
  while (rest.find("end\r\n") == std::string::npos) {
    std::string byte = s.Read(1);
    if (byte.empty()) break;
    rest += byte;
  }
  EXPECT_TRUE(rest.ends_with("_\r\n$3\r\nend\r\n"));
}

}  // namespace
}  // namespace slotwise::test
