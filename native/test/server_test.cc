// The listening side with real sockets: I/O threads, gates, limits. The TSan build of this file is the gate for net/.
#include "listening_fixture.h"

#include <atomic>
#include <fstream>
#include <thread>

#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

TEST(Server, ManyClientsOnTwoThreadsWithEveryFsyncPolicy) {
  for (const char* policy : {"always", "everysec", "no"}) {
    TempDir dir;
    constexpr int kClients = 6;
    constexpr int kRounds = 40;
    constexpr int kPipeline = 16;
    {
      Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"io-threads", "2"}, {"dir", dir.path()}, {"appendfsync", policy}});
      ASSERT_TRUE(f.status.ok());
      std::vector<std::thread> clients;
      for (int c = 0; c < kClients; ++c) {
        clients.emplace_back([&, c] {
          Socket s(f.port());
          std::string batch;
          std::string expected;
          for (int i = 0; i < kPipeline; ++i) {
            std::string key = "c" + std::to_string(c) + ":" + std::to_string(i);
            batch += "SET " + key + " v\r\nGET " + key + "\r\nINCR shared\r\n";
          }
          for (int round = 0; round < kRounds; ++round) {
            s.Send(batch);
            // "+OK", "$1 v" and the counter, whose length varies: read line by line.
            int lines = 0;
            while (lines < kPipeline * 4) {
              std::string byte = s.Read(1);
              if (byte.empty()) return Fail(__FILE__, __LINE__, "the server hung up or hung");
              if (byte == "\n") ++lines;
            }
          }
        });
      }
      for (auto& t : clients) t.join();
      std::string total = std::to_string(kClients * kRounds * kPipeline);
      EXPECT_EQ(f("GET shared"), "$" + std::to_string(total.size()) + "\r\n" + total + "\r\n");
    }
    EngineFixture again({{"dir", dir.path()}});
    std::string total = std::to_string(kClients * kRounds * kPipeline);
    EXPECT_EQ(again("GET shared"), "$" + std::to_string(total.size()) + "\r\n" + total + "\r\n");
  }
}

TEST(Server, PublishReachesSubscribersOfOtherThreads) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"io-threads", "2"}});
  Socket a(f.port());
  Socket b(f.port());
  std::string subscribed = "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n";
  a.Send("SUBSCRIBE ch\r\n");
  b.Send("SUBSCRIBE ch\r\n");
  EXPECT_EQ(a.Read(subscribed.size()), subscribed);
  EXPECT_EQ(b.Read(subscribed.size()), subscribed);
  Socket publisher(f.port());
  for (int i = 0; i < 50; ++i) {
    publisher.Send("PUBLISH ch hello\r\n");
    EXPECT_EQ(publisher.Read(4), ":2\r\n");
    std::string message = "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n";
    EXPECT_EQ(a.Read(message.size()), message);
    EXPECT_EQ(b.Read(message.size()), message);
  }
}

TEST(Server, ConnectionsComeAndGoWhileOthersWork) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"io-threads", "2"}});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        Socket s(f.port());
        if (i % 3 == 0) {
          s.Send("*2\r\n$3\r\nGET\r\n$1000\r\nhalf of a command");  // gone in the middle
        } else {
          s.Send("SET k v\r\nQUIT\r\n");
          EXPECT_EQ(s.Read(10), "+OK\r\n+OK\r\n");
          EXPECT_TRUE(s.Ended());
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  for (int i = 0; i < 20000 && f.engine->server()->connection_count() > 0; ++i) usleep(1000);
  EXPECT_EQ(f.engine->server()->connection_count(), 0u);
}

TEST(Server, AProtocolErrorIsAnsweredAfterWhatCameBefore) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}});
  Socket s(f.port());
  s.Send("PING\r\n*1\r\n+PING\r\n");
  std::string expected = "+PONG\r\n-ERR Protocol error: expected '$', got '+'\r\n";
  EXPECT_EQ(s.Read(expected.size()), expected);
  EXPECT_TRUE(s.Ended());
}

TEST(Server, AProtocolErrorReachesAClientThatIsStillSending) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}});
  std::string expected = "-ERR Protocol error: invalid bulk length\r\n";
  for (int i = 0; i < 50; ++i) {
    Socket s(f.port());
    s.Send("*1\r\n$-3\r\n");
    for (int k = 0; k < 20; ++k) s.Send("x");  // after the server has given up: a plain close would answer with a reset
    usleep(500);
    s.Send("x");
    EXPECT_EQ(s.Read(expected.size()), expected);
    EXPECT_TRUE(s.Ended());
  }
  for (int i = 0; i < 20000 && f.engine->server()->connection_count() > 0; ++i) usleep(1000);
  EXPECT_EQ(f.engine->server()->connection_count(), 0u);
}

TEST(Server, ThePortMovesWhileClientsWork) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"io-threads", "2"}});
  int first = f.port();
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      Socket s(first);
      while (!stop.load()) {
        s.Send("PING\r\n");
        if (s.Read(7) != "+PONG\r\n") return Fail(__FILE__, __LINE__, "a connection did not outlive its listener");
      }
    });
  }
  while (f.engine->server()->connection_count() < 2) usleep(1000);  // who still waits to be accepted goes with the listener
  // Below those that systems give to connections: a connection cannot take it while nobody listens there.
  int second = 0;
  for (int port = 20000 + getpid() % 5000; second == 0; ++port) {
    EngineFixture other({{"port", std::to_string(port)}, {"bind", "127.0.0.1"}});
    if (!other.engine->Listen().ok()) continue;
    second = port;
    std::string refused = f("CONFIG SET port " + std::to_string(second));
    EXPECT_TRUE(refused.ends_with("Unable to listen on this port. Check server logs.\r\n"));
  }
  // Taken and free again: the others' port, back and forth, with an address that overlaps the old one.
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(f("CONFIG SET port " + std::to_string(second)), "+OK\r\n");
    EXPECT_EQ(f(round % 2 == 0 ? "CONFIG SET bind 0.0.0.0" : "CONFIG SET bind 127.0.0.1"), "+OK\r\n");
    Socket s(second);
    s.Send("PING\r\n");
    EXPECT_EQ(s.Read(7), "+PONG\r\n");
    EXPECT_EQ(f("CONFIG SET port " + std::to_string(first)), "+OK\r\n");
    EXPECT_FALSE(Socket(second).connected());
  }
  stop = true;
  for (auto& c : clients) c.join();
}

TEST(Server, AClientThatNeverReadsIsClosedAtItsLimit) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"client-output-buffer-limit", "normal 1000000 0 0"}});
  f("SET big " + std::string(500000, 'x'));
  Socket s(f.port());
  std::string many;
  for (int i = 0; i < 60; ++i) many += "GET big\r\n";
  s.Send(many);
  for (int i = 0; i < 20000 && !f.logger.Contains("closed for overcoming of output buffer limits"); ++i) usleep(1000);
  EXPECT_TRUE(f.logger.Contains("closed for overcoming of output buffer limits"));
  Socket other(f.port());
  other.Send("PING\r\n");
  EXPECT_EQ(other.Read(7), "+PONG\r\n");
}

// What a client sent goes into the log as it is only if it is what the log would hold; however it arrives.
TEST(Server, TheLogHoldsOneFormOfACommandHoweverItWasSent) {
  TempDir dir;
  auto set = [](const std::string& key) { return "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n$1\r\nv\r\n"; };
  {
    Listening f({{"port", "0"}, {"bind", "127.0.0.1"}, {"dir", dir.path()}, {"appendfsync", "everysec"}});
    Socket s(f.port());
    const std::string big(40000, 'b');
    const std::string pieces[] = {set("a") + set("b"), "SET c v\r\n", "\r\n*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$1\r\nv\r\n", set("e").substr(0, 17)};
    for (const std::string& piece : pieces) s.Send(piece);
    EXPECT_EQ(s.Read(20), "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
    s.Send(set("e").substr(17) + set(big).substr(0, 30000));  // the end of one command, and the beginning of the next
    EXPECT_EQ(s.Read(5), "+OK\r\n");
    s.Send(set(big).substr(30000) + "*1\r\n$5\r\nMULTI\r\n" + set("f") + set("g") + "EXEC\r\n");
    const std::string replies = "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n";
    EXPECT_EQ(s.Read(replies.size()), replies);
  }
  std::ifstream file(dir.path() + "/appendonlydir/appendonly.aof.1.incr.aof", std::ios::binary);
  const std::string log((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_TRUE(log == "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + set("a") + set("b") + set("c") + set("d") + set("e") + set(std::string(40000, 'b')) +
                         "*1\r\n$5\r\nMULTI\r\n" + set("f") + set("g") + "*1\r\n$4\r\nEXEC\r\n");
}

TEST(Server, ABigValueInManyPiecesAndBack) {
  Listening f({{"port", "0"}, {"bind", "127.0.0.1"}});
  Socket s(f.port());
  std::string value(8 * 1024 * 1024, 'v');
  for (std::size_t i = 0; i < value.size(); i += 4096) value[i] = static_cast<char>('a' + i / 4096 % 26);
  s.Send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$" + std::to_string(value.size()) + "\r\n");
  s.Send(value);
  s.Send("\r\n");
  EXPECT_EQ(s.Read(5), "+OK\r\n");
  s.Send("GET k\r\n");
  std::string header = "$" + std::to_string(value.size()) + "\r\n";
  EXPECT_EQ(s.Read(header.size()), header);
  EXPECT_TRUE(s.Read(value.size()) == value);
  EXPECT_EQ(s.Read(2), "\r\n");
}

}  // namespace
}  // namespace slotwise::test
