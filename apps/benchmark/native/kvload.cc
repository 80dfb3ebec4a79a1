/**
 * kvload: one thread that loads a Redis-protocol server with GET and SET and measures what comes back.
 *
 * Why not redis-benchmark alone: from pipeline 16 on it spends more CPU on an operation than the server does, so it
 * measures itself; it knows no arrival rate; it does not look at the values it gets. Here a pipeline is encoded once
 * and only the twelve digits of each key are patched, every reply is checked against the key that was asked for, and
 * one read from a socket costs one clock call and one histogram update, however many replies it holds.
 *
 * Closed loop (default): a connection sends `pipeline` requests, waits for all replies, sends the next. A stall of the
 * server stalls the load too and shows as few slow requests. Open loop (--rate): request i is due at start + i / rate,
 * whatever the server does; its latency counts from that intended moment, so a stall shows as every request it held up.
 *
 * Server CPU (--cpu-pid) is the process CPU clock of the server, all threads, read at both ends of the measured window:
 * warm-up, connecting and filling are outside of it. This clock is utime + stime of /proc/<pid>/stat in nanoseconds.
 *
 * Invariant: requests of a connection are answered in order, so `expected` (a ring) always names the next reply.
 * Source: HDR histogram layout (log-linear buckets); zipf after Gray et al., "Quickly generating billion-record
 * synthetic databases", 1994. Elsewhere: starting servers, repeating, ratios (apps/benchmark/src).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "histogram.h"
#include "load_program.h"
#include "undisturbed.h"

namespace {

constexpr int kKeyDigits = 12;  // Keys are "key:" and twelve digits, 16 bytes, as redis-benchmark -r makes them.
constexpr std::size_t kReceiveBytes = 256 * 1024;

// ---------------------------------------------------------------------------------------------------------- options

enum class Workload { kGet, kSet, kMix, kCache };

struct Options {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string unix_path;
  int connections = 50;
  int idle_connections = 0;  // Opened, answered one PING each, then silent.
  int pipeline = 1;          // Closed loop: batch size. Open loop: most requests in flight on a connection.
  Workload workload = Workload::kGet;
  int get_percent = 90;  // For mix only.
  std::uint64_t keys = 1'000'000;
  int value_bytes = 64;
  bool zipf = false;
  double theta = 0.99;
  std::uint64_t seed = 1;
  double seconds = 10;
  double warmup_seconds = 1;
  std::uint64_t requests = 0;  // 0: run for `seconds`.
  double rate = 0;             // Requests a second over all connections; 0: closed loop.
  std::vector<int> canaries;   // Open loop: cores.
  bool only_gets = false;      // Open loop: latencies are those of GET.
  bool prefill = false;        // SET every key once, in order, then stop.
  bool verify = true;
  int wait = 0;                // After each SET a WAIT for so many replicas; both are one request. 0: none.
  int cpu_pid = 0;
  std::string aof_path;  // Write the prefill to this file instead of to a server.
};

constexpr const char kUsage[] =
    "usage: kvload [options]    loads a Redis-protocol server with GET and SET; prints one JSON object\n"
    "  --host A --port N | --unix PATH    the server (127.0.0.1:6379)\n"
    "  --connections N                    active connections (50)\n"
    "  --idle-connections N               further connections that stay silent (0)\n"
    "  --pipeline P                       requests a batch; with --rate: most in flight a connection (1)\n"
    "  --workload get|set|mix             (get); --get-percent N for mix (90)\n"
    "             cache                   GET, and a SET of each key that was not there\n"
    "  --keys R --value-bytes D           keys key:000000000000 to R-1 (1000000), values of D bytes (64)\n"
    "  --distribution uniform|zipf        (uniform); --theta T (0.99); --seed S (1)\n"
    "  --seconds T --warmup-seconds T     measured window (10) after a warm-up (1)\n"
    "  --requests N                       stop after N requests instead of T seconds; no warm-up\n"
    "  --wait K                           WAIT K 0 behind each SET, counted as one request with it\n"
    "  --rate N                           open loop at N requests a second, latency from the intended moment\n"
    "  --latency-of all|get               with --rate: of which requests (all)\n"
    "  --canary CORE                      with --rate, repeatable: report also latencies without the moments in\n"
    "                                     which that core stood still (native/undisturbed.h)\n"
    "  --prefill                          SET every key once, in order\n"
    "  --aof-out FILE                     write what --prefill would send as an append-only file; no server\n"
    "  --cpu-pid PID                      report CPU time and memory of this server process\n"
    "  --no-verify                        count the replies of GET without looking at the values\n";

Options ParseOptions(int argc, char** argv) {
  const option table[] = {{"host", 1, nullptr, 'h'},         {"port", 1, nullptr, 'p'},
                          {"unix", 1, nullptr, 'u'},         {"connections", 1, nullptr, 'c'},
                          {"idle-connections", 1, nullptr, 'i'}, {"pipeline", 1, nullptr, 'P'},
                          {"workload", 1, nullptr, 'w'},     {"get-percent", 1, nullptr, 'g'},
                          {"keys", 1, nullptr, 'r'},         {"value-bytes", 1, nullptr, 'd'},
                          {"distribution", 1, nullptr, 'D'}, {"theta", 1, nullptr, 'T'},
                          {"seed", 1, nullptr, 's'},         {"seconds", 1, nullptr, 't'},
                          {"wait", 1, nullptr, 'K'},
                          {"warmup-seconds", 1, nullptr, 'W'}, {"requests", 1, nullptr, 'n'},
                          {"rate", 1, nullptr, 'R'},         {"latency-of", 1, nullptr, 'l'},
                          {"canary", 1, nullptr, 'y'},
                          {"prefill", 0, nullptr, 'f'},
                          {"aof-out", 1, nullptr, 'A'},      {"cpu-pid", 1, nullptr, 'C'},
                          {"no-verify", 0, nullptr, 'v'},    {"help", 0, nullptr, 'H'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  int code;
  int index = 0;
  while ((code = getopt_long(argc, argv, "", table, &index)) != -1) {
    const auto number = [&](double low, double high) { return ParseNumber(optarg, table[index].name, low, high); };
    const std::string_view text = optarg != nullptr ? optarg : "";
    switch (code) {
      case 'h': options.host = text; break;
      case 'p': options.port = static_cast<int>(number(1, 65535)); break;
      case 'u': options.unix_path = text; break;
      case 'c': options.connections = static_cast<int>(number(1, 100000)); break;
      case 'i': options.idle_connections = static_cast<int>(number(0, 100000)); break;
      case 'P': options.pipeline = static_cast<int>(number(1, 65536)); break;
      case 'w':
        if (text == "get") options.workload = Workload::kGet;
        else if (text == "set") options.workload = Workload::kSet;
        else if (text == "mix") options.workload = Workload::kMix;
        else if (text == "cache") options.workload = Workload::kCache;
        else Die("--workload: expected get, set, mix or cache, found '%s'", optarg);
        break;
      case 'g': options.get_percent = static_cast<int>(number(0, 100)); break;
      case 'r': options.keys = static_cast<std::uint64_t>(number(1, 4'000'000'000.0)); break;
      case 'd': options.value_bytes = static_cast<int>(number(0, 64 << 20)); break;
      case 'D':
        if (text != "uniform" && text != "zipf") Die("--distribution: expected uniform or zipf, found '%s'", optarg);
        options.zipf = text == "zipf";
        break;
      case 'T': options.theta = number(0.01, 0.999); break;
      case 's': options.seed = static_cast<std::uint64_t>(number(0, 9e15)); break;
      case 't': options.seconds = number(0.01, 86400); break;
      case 'W': options.warmup_seconds = number(0, 86400); break;
      case 'n': options.requests = static_cast<std::uint64_t>(number(1, 9e15)); break;
      case 'K': options.wait = static_cast<int>(number(1, 100)); break;
      case 'R': options.rate = number(0, 1e9); break;
      case 'l':
        if (text != "all" && text != "get") Die("--latency-of: expected all or get, found '%s'", optarg);
        options.only_gets = text == "get";
        break;
      case 'y': options.canaries.push_back(static_cast<int>(number(0, 1023))); break;
      case 'f': options.prefill = true; break;
      case 'A': options.aof_path = text; break;
      case 'C': options.cpu_pid = static_cast<int>(number(1, 1 << 30)); break;
      case 'v': options.verify = false; break;
      case 'H': std::fputs(kUsage, stdout); std::exit(0);
      default: std::fputs(kUsage, stderr); std::exit(2);
    }
  }
  if (optind < argc) Die("unexpected argument '%s'", argv[optind]);
  if (options.prefill) {
    if (options.rate > 0) Die("--prefill runs as fast as it can: leave out --rate");
    options.workload = Workload::kSet;
    options.requests = options.keys;
  }
  if ((options.only_gets || !options.canaries.empty()) && options.rate == 0) Die("--latency-of and --canary: only with --rate");
  return options;
}

// ------------------------------------------------------------------------------------------- random keys, histogram

// splitmix64: one multiply chain a number, good enough to choose keys.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::uint64_t Below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

// Which key comes next. Zipf ranks are drawn beforehand, since pow() for each request would cost more than the request;
// the ring repeats after kRing requests. Ranks are spread over the key space, or the hot keys would be neighbours.
class KeyChooser {
 public:
  KeyChooser(const Options& options, Random* random)
      : keys_(options.keys), sequential_(options.prefill), zipf_(options.zipf), random_(random) {
    if (zipf_) FillRing(options.theta);
  }
  std::uint64_t Next() {
    if (sequential_) return position_++ % keys_;
    if (zipf_) return ring_[position_++ & (kRing - 1)];
    return random_->Below(keys_);
  }

 private:
  static constexpr std::size_t kRing = std::size_t{1} << 22;

  void FillRing(double theta) {
    double zeta = 0;
    for (std::uint64_t i = 1; i <= keys_; i++) zeta += 1 / std::pow(static_cast<double>(i), theta);
    const double count = static_cast<double>(keys_);
    const double zeta_two = 1 + std::pow(0.5, theta);
    const double alpha = 1 / (1 - theta);
    const double eta = (1 - std::pow(2 / count, 1 - theta)) / (1 - zeta_two / zeta);
    ring_.resize(kRing);
    for (std::uint32_t& key : ring_) {
      const double u = random_->Unit();
      std::uint64_t rank = 0;
      if (u * zeta >= zeta_two) rank = static_cast<std::uint64_t>(count * std::pow(eta * u - eta + 1, alpha));
      else if (u * zeta >= 1) rank = 1;
      // Multiplying by a prime that does not divide `keys_` maps ranks to keys one to one.
      key = static_cast<std::uint32_t>(std::min(rank, keys_ - 1) * 2654435761ULL % keys_);
    }
  }

  std::uint64_t keys_;
  bool sequential_;
  bool zipf_;
  Random* random_;
  std::uint64_t position_ = 0;
  std::vector<std::uint32_t> ring_;
};

// ------------------------------------------------------------------------------------------------- requests, replies

struct DigitPairs {
  char text[200];
  constexpr DigitPairs() : text() {
    for (int i = 0; i < 100; i++) {
      text[2 * i] = static_cast<char>('0' + i / 10);
      text[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
constexpr DigitPairs kDigitPairs;

void WriteKeyDigits(std::uint64_t key, char* out) {
  for (int at = kKeyDigits - 2; at >= 0; at -= 2) {
    std::memcpy(out + at, kDigitPairs.text + 2 * (key % 100), 2);
    key /= 100;
  }
}

// The line before a value: '$', its length, CRLF.
std::string BulkHeader(int bytes) {
  std::string header = "$";
  header += std::to_string(bytes);
  header += "\r\n";
  return header;
}

// The bytes of one command with the places where the key's digits go.
struct Template {
  std::string bytes;
  std::size_t key_at = 0;
  std::size_t value_at = 0;  // 0: the command carries no digits in a value.

  void Patch(char* command, const char* digits) const {
    std::memcpy(command + key_at, digits, kKeyDigits);
    if (value_at != 0) std::memcpy(command + value_at, digits, kKeyDigits);
  }
};

Template GetTemplate() {
  Template get;
  get.bytes = "*2\r\n$3\r\nGET\r\n$16\r\nkey:";
  get.key_at = get.bytes.size();
  get.bytes += std::string(kKeyDigits, '0') + "\r\n";
  return get;
}

// A value starts with the digits of its key, so that a GET can tell whether it got its own; the rest is seeded filler.
Template SetTemplate(const Options& options) {
  Template set;
  set.bytes = "*3\r\n$3\r\nSET\r\n$16\r\nkey:";
  set.key_at = set.bytes.size();
  set.bytes += std::string(kKeyDigits, '0') + "\r\n" + BulkHeader(options.value_bytes);
  if (options.value_bytes >= kKeyDigits) set.value_at = set.bytes.size();
  Random filler(options.seed);
  for (int i = 0; i < options.value_bytes; i++) {
    set.bytes += "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[filler.Next() & 63];
  }
  set.bytes += "\r\n";
  if (options.wait > 0 && !options.prefill) {
    const std::string replicas = std::to_string(options.wait);
    set.bytes += "*3\r\n$4\r\nWAIT\r\n" + BulkHeader(static_cast<int>(replicas.size())) + replicas + "\r\n$1\r\n0\r\n";
  }
  return set;
}

struct Expected {
  char digits[kKeyDigits];
  bool is_set;
  std::uint64_t due_ns;  // Open loop: the intended moment. Closed loop: unused, see Connection::batch_ns.
};

struct Connection {
  int fd = -1;
  std::vector<Expected> expected;  // Ring of `pipeline` entries: [head, head + in_flight) await their replies.
  std::size_t head = 0;
  std::size_t in_flight = 0;
  std::vector<char> out;  // [out_begin, out_end) is encoded and not yet taken by the kernel.
  std::size_t out_begin = 0;
  std::size_t out_end = 0;
  bool wants_write = false;
  bool is_prebuilt = false;  // `out` already holds a full pipeline of this workload's only template.
  std::string partial;       // The start of a reply whose rest has not arrived.
  std::uint64_t batch_ns = 0;
  std::uint64_t due = 0;      // Open loop: arrivals assigned to this connection ...
  std::uint64_t started = 0;  // ... and how many of them were sent.
};

struct Counts {
  std::uint64_t replies = 0;
  std::uint64_t gets = 0;        // Those of GET.
  std::uint64_t misses = 0;      // GET of a key that is not there.
  std::uint64_t mismatches = 0;  // GET answered with another key's value, or one of another length.
  std::uint64_t errors = 0;      // Replies that start with '-'.
};

struct Usage {
  std::uint64_t server_ns = 0;
  std::uint64_t client_ns = 0;
  std::uint64_t machine_ns = 0;  // All processes on all cores, in ticks of 10 ms.
};

// Busy time of the whole machine: what neither server nor load used of it was somebody else's, and is noise here.
std::uint64_t MachineBusyNs() {
  std::FILE* file = std::fopen("/proc/stat", "r");
  if (file == nullptr) return 0;
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  const int fields = std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
                                 &iowait, &irq, &softirq, &steal);
  std::fclose(file);
  if (fields != 8) return 0;
  const auto ticks = static_cast<std::uint64_t>(user + nice + system + irq + softirq + steal);
  return ticks * (kNsPerSecond / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK)));
}

// ------------------------------------------------------------------------------------------------------------- load

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        random_(options.seed),
        chooser_(options, &random_),
        get_(GetTemplate()),
        set_(SetTemplate(options)),
        value_header_(BulkHeader(options.value_bytes)),
        receive_(std::max<std::size_t>(kReceiveBytes, static_cast<std::size_t>(options.value_bytes) + 4096)) {
    if (options.cpu_pid != 0 && clock_getcpuclockid(options.cpu_pid, &server_clock_) != 0) {
      Die("--cpu-pid: no process %d", options.cpu_pid);
    }
    for (const int core : options.canaries) undisturbed_.Watch(core);
    if (!options.canaries.empty() && !undisturbed_.is_watching()) {
      std::fputs("kvload: --canary needs the right to real-time priority, nothing is reported of it\n", stderr);
    }
  }

  void Run() {
    Connect();
    const std::uint64_t start = NowNs();
    if (options_.requests != 0) warm_until_ns_ = start;
    else warm_until_ns_ = start + static_cast<std::uint64_t>(options_.warmup_seconds * 1e9);
    stop_at_ns_ = warm_until_ns_ + static_cast<std::uint64_t>(options_.seconds * 1e9);
    schedule_start_ns_ = start;
    if (warm_until_ns_ == start) BeginWindow(start);
    if (options_.rate > 0) RunOpen();
    else RunClosed(start);
  }

  void Print() const;

 private:
  bool IsOpen() const { return options_.rate > 0; }

  int Dial() const {
    const bool is_unix = !options_.unix_path.empty();
    const int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) Die("socket: %s", std::strerror(errno));
    int result;
    if (is_unix) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      if (options_.unix_path.size() >= sizeof address.sun_path) Die("--unix: path is too long");
      std::memcpy(address.sun_path, options_.unix_path.c_str(), options_.unix_path.size() + 1);
      result = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
      if (inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1) {
        Die("--host: expected an IPv4 address, found '%s'", options_.host.c_str());
      }
      result = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
      const int one = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (result != 0) Die("connect to %s:%d: %s", options_.host.c_str(), options_.port, std::strerror(errno));
    return fd;
  }

  void Connect() {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < options_.idle_connections; i++) {
      const int fd = Dial();
      char reply[7];
      if (send(fd, "PING\r\n", 6, MSG_NOSIGNAL) != 6 || recv(fd, reply, 7, MSG_WAITALL) != 7 ||
          std::memcmp(reply, "+PONG\r\n", 7) != 0) {
        Die("idle connection %d got no +PONG", i);
      }
      idle_.push_back(fd);
    }
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    const std::size_t command_bytes =
        options_.workload == Workload::kGet ? get_.bytes.size() : std::max(get_.bytes.size(), set_.bytes.size());
    connections_.resize(static_cast<std::size_t>(options_.connections));
    for (std::size_t i = 0; i < connections_.size(); i++) {
      Connection& connection = connections_[i];
      connection.fd = Dial();
      fcntl(connection.fd, F_SETFL, fcntl(connection.fd, F_GETFL) | O_NONBLOCK);
      connection.expected.resize(static_cast<std::size_t>(options_.pipeline));
      connection.out.resize(command_bytes * static_cast<std::size_t>(options_.pipeline));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    }
  }

  // Appends one request to `out` and to the ring of expected replies.
  void Encode(Connection& connection, std::uint64_t due_ns) {
    std::size_t slot = connection.head + connection.in_flight;
    if (slot >= connection.expected.size()) slot -= connection.expected.size();
    Expected& expected = connection.expected[slot];
    expected.is_set = options_.workload == Workload::kSet ||
                      (options_.workload == Workload::kMix &&
                       random_.Below(100) >= static_cast<std::uint64_t>(options_.get_percent));
    expected.due_ns = due_ns;
    if (missed_.empty()) {
      WriteKeyDigits(chooser_.Next(), expected.digits);
    } else {
      expected.is_set = true;
      std::memcpy(expected.digits, missed_.back().data(), kKeyDigits);
      missed_.pop_back();
    }
    const Template& command = expected.is_set ? set_ : get_;
    char* at = connection.out.data() + connection.out_end;
    if (!connection.is_prebuilt) std::memcpy(at, command.bytes.data(), command.bytes.size());
    command.Patch(at, expected.digits);
    connection.out_end += command.bytes.size();
    connection.in_flight++;
    sent_++;
  }

  // Closed loop: the next whole batch. The batch before is answered, so `out` is free from its beginning.
  void SendBatch(Connection& connection, std::uint64_t now) {
    std::uint64_t count = static_cast<std::uint64_t>(options_.pipeline);
    if (options_.requests != 0) count = std::min(count, options_.requests - sent_);
    if (count == 0) return;
    connection.head = connection.out_begin = connection.out_end = 0;
    connection.batch_ns = now;
    for (std::uint64_t i = 0; i < count; i++) Encode(connection, now);
    connection.is_prebuilt =
        (options_.workload == Workload::kGet || options_.workload == Workload::kSet) && count == static_cast<std::uint64_t>(options_.pipeline);
    Flush(connection);
  }

  // Open loop: everything that is due and fits into the connection's window.
  void SendDue(Connection& connection, std::size_t index) {
    if (connection.out_begin == connection.out_end) connection.out_begin = connection.out_end = 0;
    const auto window = static_cast<std::size_t>(options_.pipeline);
    while (connection.started < connection.due && connection.in_flight < window) {
      const std::size_t needed = std::max(get_.bytes.size(), options_.workload == Workload::kGet ? 0 : set_.bytes.size());
      if (connection.out.size() - connection.out_end < needed) {
        std::memmove(connection.out.data(), connection.out.data() + connection.out_begin,
                     connection.out_end - connection.out_begin);
        connection.out_end -= connection.out_begin;
        connection.out_begin = 0;
      }
      Encode(connection, DueNs(connection.started++ * connections_.size() + index));
    }
    if (connection.out_begin < connection.out_end && !connection.wants_write) Flush(connection);
  }

  std::uint64_t DueNs(std::uint64_t arrival) const {
    return schedule_start_ns_ + static_cast<std::uint64_t>(static_cast<double>(arrival) * 1e9 / options_.rate);
  }

  void Flush(Connection& connection) {
    while (connection.out_begin < connection.out_end) {
      const ssize_t sent = send(connection.fd, connection.out.data() + connection.out_begin,
                                connection.out_end - connection.out_begin, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (sent < 0) Die("send: %s", std::strerror(errno));
      connection.out_begin += static_cast<std::size_t>(sent);
    }
    const bool wants_write = connection.out_begin < connection.out_end;
    if (wants_write == connection.wants_write) return;
    connection.wants_write = wants_write;
    epoll_event event{};
    event.events = EPOLLIN | (wants_write ? EPOLLOUT : 0u);
    event.data.u64 = static_cast<std::uint64_t>(&connection - connections_.data());
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  // Takes one reply from [at, end). Returns the bytes it took, 0 if it is not complete.
  std::size_t TakeReply(const Expected& expected, const char* at, const char* end) {
    const auto available = static_cast<std::size_t>(end - at);
    if (available < 4) return 0;
    if (expected.is_set && available >= 5 && std::memcmp(at, "+OK\r\n", 5) == 0) {
      return options_.wait > 0 && !options_.prefill ? TakeWaitReply(at, end) : 5;
    }
    if (!expected.is_set && available >= value_header_.size() &&
        std::memcmp(at, value_header_.data(), value_header_.size()) == 0) {
      const std::size_t total = value_header_.size() + static_cast<std::size_t>(options_.value_bytes) + 2;
      if (available < total) return 0;
      if (at[total - 2] != '\r' || at[total - 1] != '\n') Die("a value does not end with CRLF: replies are out of step");
      if (options_.verify && set_.value_at != 0 &&
          std::memcmp(at + value_header_.size(), expected.digits, kKeyDigits) != 0) {
        counts_.mismatches++;
      }
      return total;
    }
    return TakeRareReply(expected, at, end);
  }

  // "+OK" and behind it the number of replicas.
  std::size_t TakeWaitReply(const char* at, const char* end) {
    const void* newline = end - at > 5 ? std::memchr(at + 5, '\n', static_cast<std::size_t>(end - at - 5)) : nullptr;
    if (newline == nullptr) return 0;
    if (at[5] != ':' || std::atoi(at + 6) < options_.wait) Die("unexpected reply to WAIT: '%.*s'", static_cast<int>(end - at - 5), at + 5);
    return static_cast<std::size_t>(static_cast<const char*>(newline) + 1 - at);
  }

  std::size_t TakeRareReply(const Expected& expected, const char* at, const char* end) {
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    if (newline == nullptr) {
      if (end - at > 65536) Die("a reply line is longer than 64 KiB");
      return 0;
    }
    const auto line = static_cast<std::size_t>(newline + 1 - at);
    if (*at == '-') {
      if (counts_.errors++ == 0) first_error_.assign(at + 1, line >= 3 ? line - 3 : 0);
      return line;
    }
    if (!expected.is_set && *at == '$') {
      const long long length = std::strtoll(at + 1, nullptr, 10);
      if (length < 0) {
        counts_.misses++;
        if (options_.workload == Workload::kCache) std::memcpy(missed_.emplace_back().data(), expected.digits, kKeyDigits);
        return line;
      }
      const std::size_t total = line + static_cast<std::size_t>(length) + 2;
      if (total > receive_.size() / 2) Die("a value of %lld bytes came back, %d were expected", length, options_.value_bytes);
      if (static_cast<std::size_t>(end - at) < total) return 0;
      if (options_.verify) counts_.mismatches++;
      return total;
    }
    Die("unexpected reply to %s: '%.*s'", expected.is_set ? "SET" : "GET", static_cast<int>(std::min<std::size_t>(line, 80)), at);
  }

  // Reads once and takes all complete replies. Level-triggered: what is left in the socket reports itself again.
  void Receive(Connection& connection, std::size_t index) {
    std::size_t filled = connection.partial.size();
    if (filled > 0) std::memcpy(receive_.data(), connection.partial.data(), filled);
    const ssize_t received = recv(connection.fd, receive_.data() + filled, receive_.size() - filled, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received < 0) Die("recv: %s", std::strerror(errno));
    if (received == 0) Die("the server closed a connection%s%s", first_error_.empty() ? "" : " after: ", first_error_.c_str());
    filled += static_cast<std::size_t>(received);
    const std::uint64_t now = NowNs();

    const char* at = receive_.data();
    const char* const end = at + filled;
    std::uint64_t taken = 0;
    while (connection.in_flight > 0 && at < end) {
      const Expected& expected = connection.expected[connection.head];
      const std::size_t bytes = TakeReply(expected, at, end);
      if (bytes == 0) break;
      at += bytes;
      taken++;
      if (!expected.is_set) counts_.gets++;
      if (IsOpen() && !(expected.is_set && options_.only_gets)) RecordOpen(now > expected.due_ns ? now - expected.due_ns : 0);
      if (++connection.head == connection.expected.size()) connection.head = 0;
      connection.in_flight--;
    }
    if (connection.in_flight == 0 && at < end) Die("more replies than requests");
    connection.partial.assign(at, static_cast<std::size_t>(end - at));
    counts_.replies += taken;
    answered_ += taken;
    if (!IsOpen()) {
      if (taken > 0) histogram_.Record(now - connection.batch_ns, taken);
      if (connection.in_flight == 0 && !Tick(now)) SendBatch(connection, now);
    } else if (!Tick(now)) {
      SendDue(connection, index);
    }
  }

  void RecordOpen(std::uint64_t latency_ns) {
    histogram_.Record(latency_ns, 1);
    undisturbed_.Record(latency_ns);
  }

  void RunClosed(std::uint64_t start) {
    for (Connection& connection : connections_) SendBatch(connection, start);
    std::vector<epoll_event> events(1024);
    while (!is_done_) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      if (count < 0 && errno != EINTR) Die("epoll_wait: %s", std::strerror(errno));
      if (count <= 0) Tick(NowNs());
      for (int i = 0; i < count && !is_done_; i++) Serve(events[static_cast<std::size_t>(i)]);
    }
  }

  // Spins: a timer would wake up to 50 us late, which is more than many of the latencies measured here.
  void RunOpen() {
    std::vector<epoll_event> events(1024);
    std::uint64_t arrival = 0;
    while (!is_done_) {
      const std::uint64_t now = NowNs();
      for (; DueNs(arrival) <= now; arrival++) {
        const std::size_t index = arrival % connections_.size();
        connections_[index].due++;
        SendDue(connections_[index], index);
      }
      undisturbed_.Look(now);
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
      if (count <= 0) Tick(now);
      for (int i = 0; i < count && !is_done_; i++) Serve(events[static_cast<std::size_t>(i)]);
    }
    // A stall of this process at the end may have kept it from seeing what was due; what came due later does not count.
    const std::uint64_t end = options_.requests != 0 ? window_end_ns_ : std::min(window_end_ns_, stop_at_ns_);
    std::uint64_t due = 0, started = 0;
    while (DueNs(due) <= end) due++;
    for (const Connection& connection : connections_) started += connection.started;
    behind_ = due > started ? due - started : 0;
  }

  void Serve(const epoll_event& event) {
    const auto index = static_cast<std::size_t>(event.data.u64);
    Connection& connection = connections_[index];
    if ((event.events & EPOLLOUT) != 0) Flush(connection);
    if ((event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) Receive(connection, index);
  }

  // Moves from warm-up to the window and from the window to the end. True when it is over.
  bool Tick(std::uint64_t now) {
    if (is_done_) return true;
    if (!is_measuring_) {
      if (now >= warm_until_ns_) BeginWindow(now);
    } else if (options_.requests != 0 ? answered_ >= options_.requests : now >= stop_at_ns_) {
      EndWindow(now);
    }
    return is_done_;
  }

  void BeginWindow(std::uint64_t now) {
    is_measuring_ = true;
    histogram_.Clear();
    undisturbed_.Begin(now);
    counts_ = Counts{};
    window_begin_ns_ = now;
    stop_at_ns_ = now + static_cast<std::uint64_t>(options_.seconds * 1e9);
    before_ = ReadUsage();
  }

  void EndWindow(std::uint64_t now) {
    after_ = ReadUsage();
    window_end_ns_ = now;
    is_done_ = true;
  }

  Usage ReadUsage() const {
    Usage usage;
    if (options_.cpu_pid != 0) usage.server_ns = ClockNs(server_clock_);
    usage.client_ns = ClockNs(CLOCK_PROCESS_CPUTIME_ID);
    usage.machine_ns = MachineBusyNs();
    return usage;
  }

  const Options options_;
  Random random_;
  KeyChooser chooser_;
  const Template get_;
  const Template set_;
  const std::string value_header_;
  std::vector<char> receive_;  // Shared by all connections: one hot buffer instead of thousands of cold ones.
  clockid_t server_clock_{};
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<int> idle_;
  Histogram histogram_;
  Undisturbed undisturbed_;  // The same latencies, open loop.
  Counts counts_;
  std::string first_error_;
  std::vector<std::array<char, kKeyDigits>> missed_;  // Workload cache: what is to be SET next, by whichever connection.
  std::uint64_t sent_ = 0;      // Over the whole run, warm-up included ...
  std::uint64_t answered_ = 0;  // ... and so is this; Counts::replies is of the window.
  std::uint64_t behind_ = 0;    // Open loop: requests due but never sent, since the server or this process did not keep up.
  std::uint64_t warm_until_ns_ = 0;
  std::uint64_t stop_at_ns_ = 0;
  std::uint64_t schedule_start_ns_ = 0;
  std::uint64_t window_begin_ns_ = 0;
  std::uint64_t window_end_ns_ = 0;
  bool is_measuring_ = false;
  bool is_done_ = false;
  Usage before_;
  Usage after_;
};

std::uint64_t ResidentBytes(int pid) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
  std::FILE* file = std::fopen(path, "r");
  if (file == nullptr) return 0;
  unsigned long long size = 0;
  unsigned long long resident = 0;
  const int fields = std::fscanf(file, "%llu %llu", &size, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string PercentilesJson(const Histogram& latencies) {
  const auto us = [](std::uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  char text[240];
  std::snprintf(text, sizeof text,
                "{\"mean\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"p9999\":%.3f,\"max\":%.3f}",
                latencies.Mean() / 1e3, us(latencies.Percentile(50)), us(latencies.Percentile(90)),
                us(latencies.Percentile(99)), us(latencies.Percentile(99.9)), us(latencies.Percentile(99.99)),
                us(latencies.Max()));
  return text;
}

void Load::Print() const {
  const double seconds = static_cast<double>(window_end_ns_ - window_begin_ns_) / 1e9;
  const double replies = static_cast<double>(counts_.replies);
  const double server_us = static_cast<double>(after_.server_ns - before_.server_ns) / 1e3;
  const double client_us = static_cast<double>(after_.client_ns - before_.client_ns) / 1e3;
  const char* const workload = options_.prefill                        ? "prefill"
                               : options_.workload == Workload::kGet   ? "get"
                               : options_.workload == Workload::kSet   ? "set"
                               : options_.workload == Workload::kCache ? "cache"
                                                                       : "mix";
  std::printf("{\"workload\":\"%s\",\"loop\":\"%s\",\"connections\":%d,\"idleConnections\":%d,\"pipeline\":%d", workload,
              IsOpen() ? "open" : "closed", options_.connections, options_.idle_connections, options_.pipeline);
  std::printf(",\"keys\":%" PRIu64 ",\"valueBytes\":%d,\"distribution\":\"%s\",\"seed\":%" PRIu64 ",\"rate\":%.0f",
              options_.keys, options_.value_bytes, options_.zipf ? "zipf" : "uniform", options_.seed, options_.rate);
  std::printf(",\"seconds\":%.6f,\"ops\":%" PRIu64 ",\"opsPerSecond\":%.1f", seconds, counts_.replies,
              seconds > 0 ? replies / seconds : 0);
  std::printf(",\"gets\":%" PRIu64, counts_.gets);
  std::printf(",\"misses\":%" PRIu64 ",\"mismatches\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"behind\":%" PRIu64,
              counts_.misses, counts_.mismatches, counts_.errors, behind_);
  if (!first_error_.empty()) std::printf(",\"firstError\":%s", JsonString(first_error_).c_str());
  std::printf(",\"latencyUs\":%s", PercentilesJson(histogram_).c_str());
  if (undisturbed_.is_watching()) {
    std::printf(",\"undisturbedUs\":%s,\"undisturbedShare\":%.3f,\"coreAwayUs\":%.3f,\"loadAwayUs\":%.3f", PercentilesJson(undisturbed_.kept()).c_str(),
                undisturbed_.kept_share(), static_cast<double>(undisturbed_.core_away_ns()) / 1e3, static_cast<double>(undisturbed_.load_away_ns()) / 1e3);
  }
  std::printf(",\"clientCpuUs\":%.1f,\"clientCpuUsPerOp\":%.5f", client_us, replies > 0 ? client_us / replies : 0);
  if (options_.cpu_pid != 0) {
    const double others_us = static_cast<double>(after_.machine_ns - before_.machine_ns) / 1e3 - server_us - client_us;
    std::printf(",\"otherCores\":%.3f", seconds > 0 ? std::max(0.0, others_us / 1e6 / seconds) : 0);
    std::printf(",\"serverCpuUs\":%.1f,\"serverCpuUsPerOp\":%.5f,\"serverRssBytes\":%" PRIu64, server_us,
                replies > 0 ? server_us / replies : 0, ResidentBytes(options_.cpu_pid));
  }
  std::printf("}\n");
}

void WriteAof(const Options& options) {
  std::FILE* file = std::fopen(options.aof_path.c_str(), "wb");
  if (file == nullptr) Die("%s: %s", options.aof_path.c_str(), std::strerror(errno));
  std::setvbuf(file, nullptr, _IOFBF, 1 << 20);
  std::fputs("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", file);
  Template set = SetTemplate(options);
  char digits[kKeyDigits];
  for (std::uint64_t key = 0; key < options.keys; key++) {
    WriteKeyDigits(key, digits);
    set.Patch(set.bytes.data(), digits);
    if (std::fwrite(set.bytes.data(), 1, set.bytes.size(), file) != set.bytes.size()) break;
  }
  const long bytes = std::ftell(file);
  if (std::ferror(file) != 0 || std::fclose(file) != 0) Die("%s: %s", options.aof_path.c_str(), std::strerror(errno));
  std::printf("{\"workload\":\"aof\",\"keys\":%" PRIu64 ",\"valueBytes\":%d,\"bytes\":%ld}\n", options.keys,
              options.value_bytes, bytes);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  if (!options.aof_path.empty()) {
    WriteAof(options);
    return 0;
  }
  Load load(options);
  load.Run();
  load.Print();
  return 0;
}
