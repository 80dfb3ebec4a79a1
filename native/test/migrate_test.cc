// MIGRATE against a target that the test plays: what is refused, what is sent, what is deleted and what is not.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine_fixture.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {
namespace {

// Takes one connection, reads until `requests` commands were begun, calls `meanwhile`, sends `answer` and hangs up.
class Target {
 public:
  Target(int requests, std::string answer, std::function<void()> meanwhile = {}) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof a;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&a), size) != 0 || listen(fd_, 1) != 0) std::abort();
    getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size);
    port_ = std::to_string(ntohs(a.sin_port));
    thread_ = std::thread([this, requests, answer = std::move(answer), meanwhile = std::move(meanwhile)] {
      int peer = accept(fd_, nullptr, nullptr);
      char bytes[4096];
      while (Begun() < requests) {
        ssize_t n = recv(peer, bytes, sizeof bytes, 0);
        if (n <= 0) break;
        received_.append(bytes, static_cast<std::size_t>(n));
      }
      if (meanwhile) meanwhile();
      (void)!send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      shutdown(peer, SHUT_WR);
      while (recv(peer, bytes, sizeof bytes, 0) > 0) {}
      close(peer);
    });
  }
  ~Target() {
    if (thread_.joinable()) thread_.join();
    close(fd_);
  }
  const std::string& port() const { return port_; }
  std::string Received() {
    thread_.join();
    return received_;
  }

 private:
  int Begun() const {
    int n = 0;
    for (std::size_t at = 0; (at = received_.find('*', at)) != std::string::npos; ++at) ++n;
    return n;
  }

  int fd_;
  std::string port_;
  std::string received_;
  std::thread thread_;
};

constexpr const char* kOk = "+OK\r\n";

std::string Times(int n, const std::string& text) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

TEST(Migrate, ArgumentsAreCheckedBeforeAnythingIsDone) {
  EngineFixture f;
  f("SET k v");
  struct Row {
    const char* arguments;
    const char* reply;
  };
  const char* syntax = "-ERR syntax error\r\n";
  const char* integer = "-ERR value is not an integer or out of range\r\n";
  const char* unreachable = "-IOERR error or timeout connecting to the client\r\n";
  const Row rows[] = {
      {"h 1 k 0", "-ERR wrong number of arguments for 'migrate' command\r\n"},
      {"h 1 k 0 1 COPPY", syntax},
      {"h 1 k 0 1 COPY AUTH", syntax},
      {"h 1 k 0 1 AUTH2 user", syntax},
      {"h 1 k 0 x", integer},
      {"h 1 k x 1", integer},
      {"h 1 k 0 x BAD", syntax},  // options come first
      {"h 1 k 0 1 KEYS k", "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string\r\n"},
      {"h 1 k 0 1 KEYS", "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string\r\n"},
      {"h 1 \"\" 0 1 KEYS", "+NOKEY\r\n"},
      {"h 1 \"\" 0 1 COPY REPLACE AUTH2 u p KEYS none keys auth", "+NOKEY\r\n"},
      {"h 1 none 0 -5 AUTH p COPY", "+NOKEY\r\n"},
      {"127.0.0.1 0 k 0 100", unreachable},
      {"127.0.0.1 65536 k 0 100", unreachable},
      {"127.0.0.1 port k 0 100", unreachable},
      {"127.0.0.1 1 k 0 100", unreachable},
      {"::1 1 k 0 100", unreachable},
      {"\"\" 1 k 0 100", unreachable},
      {"\"127.0.0.1\\x00x\" 1 k 0 100", unreachable},
  };
  for (const Row& row : rows) EXPECT_EQ(f("MIGRATE " + std::string(row.arguments)), row.reply);
  EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
}

TEST(Migrate, SendsOneExchangeAndDeletesWhatWasConfirmed) {
  EngineFixture f;
  f("MSET a 1 b 2 c 3");
  Target target(5, Times(3, kOk) + "-BUSYKEY Target key name already exists.\r\n" + kOk);
  EXPECT_EQ(f("MIGRATE localhost " + target.port() + " \"\" 7 5000 AUTH2 me secret REPLACE KEYS a b none c"),
            "-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(f("EXISTS a c"), ":0\r\n");
  EXPECT_EQ(f("GET b"), "$1\r\n2\r\n");
  std::string received = target.Received();
  std::string start = "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n*5\r\n$7\r\nRESTORE\r\n$1\r\na\r\n$1\r\n0\r\n";
  EXPECT_EQ(received.substr(0, start.size()), start);
  EXPECT_TRUE(received.ends_with("$7\r\nREPLACE\r\n"));
}

TEST(Migrate, NothingButOkIsAConfirmation) {
  struct Row {
    const char* answer;
    const char* reply;
  };
  const std::string long_line = "+" + std::string(2000, 'x') + "\r\n";
  const Row rows[] = {
      {"-ERR DB index is out of range\r\n+OK\r\n", "-ERR Target instance replied with error: ERR DB index is out of range\r\n"},
      {"-NOAUTH a\r\n-NOAUTH b\r\n", "-ERR Target instance replied with error: NOAUTH a\r\n"},
      {"+OK\r\n:1\r\n", "-ERR Target instance replied with something else than OK: :1\r\n"},
      {"HTTP/1.1 400 Bad\rRequest\r\n\r\n", "-ERR Target instance replied with something else than OK: HTTP/1.1 400 Bad Request\r\n"},
      {"", "-IOERR error or timeout reading to target instance\r\n"},
      {"+OK\r\n", "-IOERR error or timeout reading to target instance\r\n"},
      {"+OK\r\n+O", "-IOERR error or timeout reading to target instance\r\n"},
      {long_line.c_str(), "-IOERR error or timeout reading to target instance\r\n"},
  };
  for (const Row& row : rows) {
    EngineFixture f;
    f("SET k v");
    Target target(2, row.answer);
    EXPECT_EQ(f("MIGRATE 127.0.0.1 " + target.port() + " k 0 5000"), row.reply);
    EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
  }
}

// The key is not locked during the transfer: whoever changes it keeps what it wrote.
TEST(Migrate, AKeyThatChangesMeanwhileStays) {
  const char* kept = "-ERR 1 of 2 keys changed during the transfer: they were not deleted, the target has what they were before\r\n";
  for (const char* change : {"SET k new", "EXPIRE k 100", "DEL k", "FLUSHALL", "SWAPDB 0 1"}) {
    EngineFixture f;
    f("MSET k v other v");
    ThreadState* second = &f.engine->AddThread();
    Client writer;
    writer.id = f.engine->NextClientId();
    writer.authenticated = true;
    Target target(3, Times(3, kOk), [&] {
      std::vector<std::string> words;
      (void)SplitArgs(change, &words);
      std::vector<std::string_view> args(words.begin(), words.end());
      OutBuffer out;
      f.engine->Call(*second, writer, args, out);
    });
    std::string reply = f("MIGRATE 127.0.0.1 " + target.port() + " \"\" 0 5000 KEYS k other");
    if (std::string_view(change).ends_with(" k") || std::string_view(change).find(" k ") != std::string_view::npos) EXPECT_EQ(reply, kept);
    else EXPECT_TRUE(reply.starts_with("-ERR 2 of 2 keys changed during the transfer"));
    if (change == std::string_view("SET k new")) EXPECT_EQ(f("GET k"), "$3\r\nnew\r\n");
    if (change == std::string_view("EXPIRE k 100")) EXPECT_EQ(f("TTL k"), ":100\r\n");
    target.Received();
    f.engine->ClientGone(*second, writer);
  }
}

TEST(Migrate, CopyLeavesTheKeyAndADuplicateDoesNoHarm) {
  EngineFixture f;
  f("SET k v");
  {
    Target target(2, Times(2, kOk));
    EXPECT_EQ(f("MIGRATE 127.0.0.1 " + target.port() + " k 0 5000 COPY"), "+OK\r\n");
  }
  EXPECT_EQ(f("GET k"), "$1\r\nv\r\n");
  Target target(3, Times(3, kOk));
  EXPECT_EQ(f("MIGRATE 127.0.0.1 " + target.port() + " \"\" 0 5000 REPLACE KEYS k k"), "+OK\r\n");
  EXPECT_EQ(f("EXISTS k"), ":0\r\n");
}

TEST(Migrate, AnswersInsideOfATransactionAndWakesWatch) {
  EngineFixture f;
  Client other;
  other.id = f.engine->NextClientId();
  other.authenticated = true;
  f("SET k v");
  f.As(other, "WATCH k");
  f("MULTI");
  Target target(2, Times(2, kOk));
  f("MIGRATE 127.0.0.1 " + target.port() + " k 0 5000");
  f("EXISTS k");
  EXPECT_EQ(f("EXEC"), "*2\r\n+OK\r\n:0\r\n");
  f.As(other, "MULTI");
  f.As(other, "PING");
  EXPECT_EQ(f.As(other, "EXEC"), "*-1\r\n");
  f.engine->ClientGone(*f.thread, other);
}

TEST(Migrate, TheLogHasADeletionAndNothingOfTheTarget) {
  TempDir dir;
  {
    EngineFixture f({{"dir", dir.path()}, {"appendonly", "yes"}});
    f("MSET k v stays v");
    Target target(2, Times(2, kOk));
    EXPECT_EQ(f("MIGRATE 127.0.0.1 " + target.port() + " k 0 5000"), "+OK\r\n");
  }
  EngineFixture f({{"dir", dir.path()}, {"appendonly", "yes"}});
  EXPECT_TRUE(f.status.ok());
  EXPECT_EQ(f("EXISTS k"), ":0\r\n");
  EXPECT_EQ(f("EXISTS stays"), ":1\r\n");
}

}  // namespace
}  // namespace slotwise::test
