/**
 * handover: measures how long an element takes from the RPUSH of a producer to the reply of a client that waits in BLPOP.
 *
 * Why not in JavaScript: of bursts for a hundred clients, such a client needs ten times the server's time, and its 99th
 * percentile is its own garbage collector.
 *
 * Single elements come at a steady rate whatever the server does, each timed from when it was due; of a burst all in one
 * RPUSH, the next when all have arrived. A client that got an element waits again at once. One thread, one epoll; an
 * element is timed when the read that brought it has returned. Every element must arrive once, or there is no result.
 *
 * Of several servers one at a time is measured, in slices of 0.1 s by turns: what disturbs the machine for seconds meets
 * all alike. On a virtual machine the host takes cores away for milliseconds, which is then the 99th percentile of
 * whatever is measured: slices in which /proc/stat counted such time ("steal") are also left out of a second reckoning.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load_program.h"

namespace {

constexpr std::uint64_t kPatienceNs = 30 * kNsPerSecond;
constexpr std::string_view kWait = "*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n";
constexpr std::uint64_t kArrived = ~std::uint64_t{0};
constexpr std::uint64_t kSliceNs = kNsPerSecond / 10;

struct Options {
  std::vector<int> ports;  // empty: 6379
  int clients = 100;
  double rate = 2000;  // single elements a second
  double seconds = 5;
  double warmup_seconds = 1;
};

constexpr const char kUsage[] =
    "usage: handover [options]    times BLPOP hand-overs of a Redis-protocol server on 127.0.0.1; prints JSON, an entry a server\n"
    "  --port N              (6379); several times for several servers, measured by turns\n"
    "  --clients N           how many wait, and how many elements a burst has (100)\n"
    "  --rate N              single elements a second (2000)\n"
    "  --seconds T --warmup-seconds T    of each of both parts (5, 1)\n";

Options ParseOptions(int argc, char** argv) {
  const option table[] = {{"port", 1, nullptr, 'p'}, {"clients", 1, nullptr, 'c'}, {"rate", 1, nullptr, 'r'}, {"seconds", 1, nullptr, 't'},
                          {"warmup-seconds", 1, nullptr, 'w'}, {"help", 0, nullptr, 'h'}, {nullptr, 0, nullptr, 0}};
  Options options;
  int index = 0;
  for (int code; (code = getopt_long(argc, argv, "", table, &index)) != -1;) {
    const auto number = [&](double low, double high) { return ParseNumber(optarg, table[index].name, low, high); };
    switch (code) {
      case 'p': options.ports.push_back(static_cast<int>(number(1, 65535))); break;
      case 'c': options.clients = static_cast<int>(number(1, 10000)); break;
      case 'r': options.rate = number(1, 1e6); break;
      case 't': options.seconds = number(0.01, 3600); break;
      case 'w': options.warmup_seconds = number(0, 3600); break;
      case 'h': std::fputs(kUsage, stdout); std::exit(0);
      default: std::fputs(kUsage, stderr); std::exit(2);
    }
  }
  if (optind < argc) Die("unexpected argument '%s'", argv[optind]);
  if (options.ports.empty()) options.ports.push_back(6379);
  return options;
}

// Time that a hypervisor gave to others, of all cores together, in ticks; 0 where nobody counts it.
std::uint64_t StealTicks() {
  std::FILE* stat = std::fopen("/proc/stat", "re");
  unsigned long long steal = 0;
  if (stat == nullptr || std::fscanf(stat, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) != 1) steal = 0;
  if (stat != nullptr) std::fclose(stat);
  return steal;
}

// Of some latencies in nanoseconds; sorts them.
std::string PercentilesJson(std::vector<std::uint64_t>& latencies) {
  std::sort(latencies.begin(), latencies.end());
  const auto us = [&](double share) {
    if (latencies.empty()) return 0.0;
    const auto index = std::min(latencies.size() - 1, static_cast<std::size_t>(static_cast<double>(latencies.size()) * share));
    return static_cast<double>(latencies[index]) / 1000;
  };
  char text[160];
  std::snprintf(text, sizeof(text), "\"elements\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f", latencies.size(), us(0.5), us(0.99), us(0.999));
  return text;
}

void Append(std::string& to, std::string_view word) {
  to += '$';
  to += std::to_string(word.size());
  to += "\r\n";
  to += word;
  to += "\r\n";
}

// One server, its producer and its waiting clients.
class Handover {
 public:
  Handover(const Options& options, int port)
      : options_(options), port_(port), epoll_(epoll_create1(EPOLL_CLOEXEC)), producer_(Connect()) {
    for (int i = 0; i < options.clients; ++i) {
      clients_.push_back({Connect(), {}});
      Watch(clients_.back().fd, i);
      Send(clients_.back().fd, kWait);
    }
    Watch(producer_, kProducer);
    AwaitAllBlocked();
  }

  void Singles(std::uint64_t end) {
    const auto step = static_cast<std::uint64_t>(kNsPerSecond / options_.rate);
    for (std::uint64_t due = NowNs(); due < end; due += step) {
      while (NowNs() < due) Receive(0);  // looking all the time: sleeping costs this process more than the server a hand-over
      Push(1, due);
      Receive(0);
    }
    AwaitAll();
  }
  void Bursts(std::uint64_t end) {
    while (NowNs() < end) {
      Push(options_.clients, NowNs());
      AwaitAll();
    }
  }

  // Nanoseconds of what arrived since the last call.
  std::vector<std::uint64_t> TakeLatencies() { return std::exchange(latencies_, {}); }

 private:
  static constexpr int kProducer = -1;
  struct Client {
    int fd;
    std::string received;
  };

  int Connect() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) Die("connect to port %d: %s", port_, std::strerror(errno));
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
  }
  void Watch(int fd, int who) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<std::uint64_t>(static_cast<std::int64_t>(who));
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  // The sockets block: what is sent is little, and answered before more of it follows.
  static void Send(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) Die("send: %s", std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void AwaitAllBlocked() {
    const std::string wanted = "blocked_clients:" + std::to_string(options_.clients) + "\r\n";
    const int fd = Connect();
    for (const std::uint64_t begin = NowNs();;) {
      Send(fd, "*2\r\n$4\r\nINFO\r\n$7\r\nclients\r\n");
      std::string reply;
      while (reply.size() < 2 || !reply.ends_with("\r\n\r\n")) {
        char buffer[16384];
        const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
        if (n <= 0) Die("INFO: the connection ended");
        reply.append(buffer, static_cast<std::size_t>(n));
        if (reply.front() == '-') Die("INFO: %s", reply.c_str());
        const std::size_t header = reply.find("\r\n");
        if (header != std::string::npos && reply.size() >= header + 4 + std::strtoul(reply.c_str() + 1, nullptr, 10)) break;
      }
      if (reply.find(wanted) != std::string::npos) break;
      if (NowNs() - begin > kPatienceNs) Die("not all of %d clients wait", options_.clients);
      usleep(1000);
    }
    close(fd);
  }

  void Push(int count, std::uint64_t due) {
    std::string request = "*";
    request += std::to_string(count + 2);
    request += "\r\n$5\r\nRPUSH\r\n$1\r\nq\r\n";
    for (int i = 0; i < count; ++i) {
      Append(request, std::to_string(due_.size()));
      due_.push_back(due);
    }
    Send(producer_, request);
  }

  void Receive(int timeout_ms) {
    epoll_event events[128];
    const int n = epoll_wait(epoll_, events, 128, timeout_ms);
    for (int i = 0; i < n; ++i) {
      const auto who = static_cast<std::int64_t>(events[i].data.u64);
      char buffer[16384];
      const int fd = who == kProducer ? producer_ : clients_[static_cast<std::size_t>(who)].fd;
      const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
      if (got <= 0) Die("the server closed a connection");
      if (buffer[0] == '-') Die("an error reply: %.*s", static_cast<int>(got), buffer);
      if (who == kProducer) continue;
      const std::uint64_t now = NowNs();
      Client& client = clients_[static_cast<std::size_t>(who)];
      client.received.append(buffer, static_cast<std::size_t>(got));
      if (TakeElement(client.received, now)) Send(client.fd, kWait);
    }
  }

  // *2 $1 q $n ELEMENT
  bool TakeElement(std::string& received, std::uint64_t now) {
    constexpr std::string_view kHead = "*2\r\n$1\r\nq\r\n$";
    if (received.size() < kHead.size() || !received.ends_with("\r\n")) return false;
    const std::size_t line = received.find("\r\n", kHead.size());
    if (line + 2 == received.size()) return false;
    if (!received.starts_with(kHead)) Die("not a reply of BLPOP: %s", received.c_str());
    const std::uint64_t element = std::strtoull(received.c_str() + line + 2, nullptr, 10);
    if (element >= due_.size() || due_[element] == kArrived) Die("element %llu was not sent, or came twice", static_cast<unsigned long long>(element));
    latencies_.push_back(now - due_[element]);
    due_[element] = kArrived;
    ++arrived_;
    received.clear();
    return true;
  }

  void AwaitAll() {
    for (const std::uint64_t begin = NowNs(); arrived_ < due_.size();) {
      Receive(1000);
      if (NowNs() - begin > kPatienceNs) Die("only %zu of %zu elements arrived", arrived_, due_.size());
    }
  }

  const Options& options_;
  const int port_;
  const int epoll_;
  const int producer_;
  std::vector<Client> clients_;
  std::vector<std::uint64_t> due_;  // of each element; kArrived once it was
  std::size_t arrived_ = 0;
  std::vector<std::uint64_t> latencies_;
};

// What was measured of one server with one kind of load.
class Reckoning {
 public:
  void Add(const std::vector<std::uint64_t>& latencies, bool is_disturbed) {
    all_.insert(all_.end(), latencies.begin(), latencies.end());
    if (!is_disturbed) undisturbed_.insert(undisturbed_.end(), latencies.begin(), latencies.end());
  }
  void AppendJson(std::string& to) {
    to += '{';
    to += PercentilesJson(all_);
    to += ",\"undisturbed\":{";
    to += PercentilesJson(undisturbed_);
    to += "}}";
  }

 private:
  std::vector<std::uint64_t> all_, undisturbed_;
};

using Load = void (Handover::*)(std::uint64_t end);

// In slices by turns, until each server had its seconds after its warm-up.
std::vector<Reckoning> Measure(const Options& options, const std::vector<std::unique_ptr<Handover>>& servers, Load load) {
  std::vector<Reckoning> reckonings(servers.size());
  const auto slice = std::min<std::uint64_t>(kSliceNs, static_cast<std::uint64_t>(options.seconds * kNsPerSecond));
  const auto slices = [&](double seconds) { return static_cast<std::uint64_t>(seconds * kNsPerSecond) / slice; };
  const std::uint64_t warmup = slices(options.warmup_seconds);
  for (std::uint64_t i = 0; i < warmup + slices(options.seconds); ++i) {
    for (std::size_t turn = 0; turn < servers.size(); ++turn) {
      const std::size_t s = (turn + i) % servers.size();
      const std::uint64_t steal = StealTicks();
      ((*servers[s]).*load)(NowNs() + slice);
      const std::vector<std::uint64_t> latencies = servers[s]->TakeLatencies();
      if (i >= warmup) reckonings[s].Add(latencies, StealTicks() != steal);
    }
  }
  return reckonings;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  std::vector<std::unique_ptr<Handover>> servers;
  for (const int port : options.ports) servers.push_back(std::make_unique<Handover>(options, port));
  std::vector<Reckoning> singles = Measure(options, servers, &Handover::Singles);
  std::vector<Reckoning> bursts = Measure(options, servers, &Handover::Bursts);
  std::string text = "[";
  for (std::size_t s = 0; s < servers.size(); ++s) {
    text += s == 0 ? "{\"singles\":" : ",{\"singles\":";
    singles[s].AppendJson(text);
    text += ",\"bursts\":";
    bursts[s].AppendJson(text);
    text += '}';
  }
  std::printf("%s]\n", text.c_str());
}
