#include "net/io_thread.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/ablation.h"
#include "base/thread_slice.h"
#include "base/ticks.h"
#include "engine/access_control.h"
#include "engine/client_eviction.h"
#include "engine/client_registry.h"
#include "engine/cluster.h"
#include "engine/replication.h"
#include "net/server.h"

namespace slotwise {
namespace {

constexpr int kHeldLookMs = 20;  // how often replies that may wait for a lease are looked at
constexpr std::size_t kUnauthenticatedOutputMax = 1024;
constexpr int kAcceptsATurn = 64;
constexpr std::int64_t kAcceptPauseMs = 100;
constexpr std::int64_t kLingerMs = 1000;
constexpr std::size_t kLingerBytes = 1024 * 1024;

constexpr const char* kDenied =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. "
    "In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to "
    "Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however "
    "MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. "
    "2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected "
    "mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with "
    "the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one "
    "of the above things in order for the server to start accepting connections from the outside.\r\n";

}  // namespace

IoThread::IoThread(Server& server, Engine& engine, int index) : server_(server), engine_(engine), index_(index) {
  arena_ = std::make_unique<char[]>(kArenaSize);
  args_.reserve(4096);
  batch_.reserve(kBatchMax);
  prepared_.resize(kBatchMax);
}

IoThread::~IoThread() {
  StopAndJoin();
  if (epoll_fd_ >= 0) close(epoll_fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

void IoThread::AddListener(const Listener& listener) { listeners_.push_back(listener); }

Status IoThread::Start() {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_fd_ < 0 || wake_fd_ < 0) return Status::Error(errno, std::string("cannot create an I/O thread: ") + std::strerror(errno));
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.ptr = nullptr;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &e);
  WatchListeners();
  state_ = &engine_.AddThread();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), ("slotwise-io-" + std::to_string(index_)).c_str());
    AskForShortTurns();
    Run();
  });
  return Status::Ok();
}

// Listeners are told apart from connections by their lowest address bit.
void IoThread::WatchListeners() {
  epoll_event e{};
  e.events = EPOLLIN;
  for (Listener& l : listeners_) {
    e.data.u64 = reinterpret_cast<std::uintptr_t>(&l) | 1;
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, l.fd, &e);
  }
}

void IoThread::ReplaceListeners(const std::vector<Listener>& listeners) {
  for (const Listener& old : listeners_) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, old.fd, nullptr);
    if (std::none_of(listeners.begin(), listeners.end(), [&](const Listener& l) { return l.fd == old.fd; })) close(old.fd);
  }
  listeners_ = listeners;
  if (accept_paused_until_ms_ == 0) WatchListeners();
}

void IoThread::StopAndJoin() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_relaxed);
  Wake();
  thread_.join();
  engine_.RemoveThread(*state_);
}

Connection* IoThread::FindConnection(std::uint64_t id) {
  auto it = connections_.find(id);
  return it == connections_.end() ? nullptr : it->second.get();
}

void IoThread::Run() {
  SetCurrent(this);
  while (!stop_.load(std::memory_order_relaxed)) Turn(TimeoutMs());
  // What was answered and may leave still leaves, as far as the sockets take it.
  state_->now_ms = engine_.NowMs();
  DrainMailbox();
  FinishTurn();
  while (!connections_.empty()) Destroy(connections_.begin()->second.get());
  SetCurrent(nullptr);
}

int IoThread::TimeoutMs() const {
  int ms = needs_clock_ || engine_.config().Int(Directive::kTimeout) > 0 ? 1000 : -1;
  if (accept_paused_until_ms_ != 0) ms = static_cast<int>(kAcceptPauseMs);
  if (!gated_.empty() && engine_.semi_sync().tick_at_ms() != SemiSync::kNever) {
    const std::int64_t left = std::clamp<std::int64_t>(engine_.semi_sync().tick_at_ms() - MonotonicMs(), 0, 1000000);
    if (ms < 0 || left < ms) ms = static_cast<int>(left);
  }
  if (!gated_.empty() && engine_.cluster() != nullptr && (ms < 0 || ms > kHeldLookMs)) ms = kHeldLookMs;
  return WaitingTimeoutMs(ms);
}

void IoThread::Turn(int timeout_ms) {
  epoll_event events[256];
  int n = epoll_wait(epoll_fd_, events, 256, timeout_ms);
  state_->now_ms = engine_.NowMs();
  if (!paused_.empty()) ResumePaused();
  if (!holding_.empty()) ReleaseReplies();
  if (!deadlines_.empty()) EndTimedOut();
  if (!gated_.empty() && engine_.semi_sync().on()) engine_.semi_sync().Tick();
  bool woken = false;
  for (int i = 0; i < n; ++i) {
    std::uint64_t tag = events[i].data.u64;
    if (tag == 0) {
      std::uint64_t count;
      [[maybe_unused]] ssize_t r = read(wake_fd_, &count, sizeof count);
      wake_pending_.store(false, std::memory_order_release);
      woken = true;
      continue;
    }
    if (tag & 1) {
      Accept(*reinterpret_cast<Listener*>(tag & ~std::uint64_t{1}));
      continue;
    }
    auto* c = static_cast<Connection*>(events[i].data.ptr);
    if (c->dead) continue;
    if (events[i].events & EPOLLOUT) Answered(c);
    if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
      if (c->linger_until_ms != 0) {
        DiscardInput(c);
      } else if (c->closing || c->stalled()) {
        // Only the end of its replies, or of what it waits for, is awaited; a reset ends that too, and so does, for who waits
        // for a key, the end of its input.
        const bool waits = c->client.waiter && !c->closing;
        if (events[i].events & (EPOLLHUP | EPOLLERR | (waits ? EPOLLRDHUP : 0u))) Destroy(c);
        else ArmWrite(c, c->wants_write);  // what it sends stays where it is
      } else {
        ReadFrom(c);
      }
    }
  }
  (void)woken;
  RunBatch();  // what it publishes to this thread's own clients leaves in the same turn
  const auto asked = static_cast<std::ptrdiff_t>(answered_.size());
  DrainMailbox();
  // Who waited for an element or a message is sent it before who brought it hears of that.
  std::rotate(answered_.begin(), answered_.begin() + asked, answered_.end());
  FinishTurn();
  if (state_->now_ms - last_housekeeping_ms_ >= 1000 || accept_paused_until_ms_ != 0) Housekeeping();
}

void IoThread::PauseAccepting(const std::string& why) {
  engine_.logger().Warn("Error accepting a client connection: " + why + ", pausing for 100 ms");
  accept_paused_until_ms_ = MonotonicMs() + kAcceptPauseMs;
  descriptors_short_ = true;
  for (Listener& l : listeners_) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, l.fd, nullptr);
}

void IoThread::Accept(const Listener& listener) {
  const auto pause_for_reserve = [&] {
    PauseAccepting("Too many open files (the last " + std::to_string(descriptor_reserve_.size()) + " are kept for the server itself)");
  };
  if (accept_paused_until_ms_ != 0) return;  // another listener of this turn found so
  if (descriptors_short_ && descriptor_reserve_.IsAllThatIsLeft(listener.fd)) return pause_for_reserve();
  descriptors_short_ = false;
  for (int i = 0; i < kAcceptsATurn; ++i) {
    int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        PauseAccepting(std::strerror(errno));
      } else if (errno == EINTR || errno == ECONNABORTED) {
        continue;
      }
      return;
    }
    Engine::Stats& stats = engine_.stats();
    stats.connections_received.fetch_add(1, std::memory_order_relaxed);
    auto refuse = [&](const char* text) {
      [[maybe_unused]] ssize_t n = send(fd, text, std::strlen(text), MSG_NOSIGNAL);
      stats.rejected_connections.fetch_add(1, std::memory_order_relaxed);
      // What came already is read, so that no reset overtakes the refusal.
      shutdown(fd, SHUT_WR);
      char sink[4096];
      while (recv(fd, sink, sizeof sink, 0) > 0) {
      }
      close(fd);
    };
    if (server_.connection_count() >= static_cast<std::size_t>(engine_.config().Int(Directive::kMaxclients))) {
      refuse("-ERR max number of clients reached\r\n");
      continue;
    }
    if (!listener.unix_socket && engine_.config().Bool(Directive::kProtectedMode) && engine_.acl().DefaultHasNoPassword() && !PeerIsLoopback(fd)) {
      refuse(kDenied);
      continue;
    }
    const bool is_last = descriptor_reserve_.Begins(fd);
    IoThread& owner = server_.LeastBusy();
    if (&owner == this) {
      connection_count_.fetch_add(1, std::memory_order_relaxed);
      AddConnection(fd, listener.unix_socket, listener.address);
    } else {
      owner.Adopt(fd, listener.unix_socket, listener.address);
    }
    if (is_last) return pause_for_reserve();
  }
}

void IoThread::AddConnection(int fd, bool unix_socket, const std::string& local) {
  PrepareConnection(fd, unix_socket, static_cast<int>(engine_.config().Int(Directive::kTcpKeepalive)));
  auto owned = std::make_unique<Connection>(fd, engine_.NextClientId());
  Connection* c = owned.get();
  Client& client = c->client;
  client.unix_socket = unix_socket;
  client.address = unix_socket ? local + ":0" : PeerAddress(fd);
  client.local_address = unix_socket ? local + ":0" : LocalAddress(fd);
  engine_.acl().BecomeDefault(client);
  client.created_ms = client.last_interaction_ms = state_->now_ms;
  client.sink = MakeSink(client.id);
  client.may_wait = true;
  epoll_event e{};
  e.events = c->watched;
  e.data.ptr = c;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &e) != 0) {
    engine_.logger().Warn(std::string("cannot watch a new connection: ") + std::strerror(errno));
    close(fd);
    connection_count_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  connections_.emplace(client.id, std::move(owned));
  engine_.clients().Add(client);
}

void IoThread::ReadFrom(Connection* c) {
  std::size_t size;
  if (c->input == nullptr) {
    if (arena_used_ + kReadSize > kArenaSize) {
      RunBatch();
      arena_used_ = 0;
    }
    char* data = arena_.get() + arena_used_;
    ssize_t n = recv(c->fd, data, kReadSize, 0);
    if (n <= 0) {
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      return CloseSoon(c, nullptr);
    }
    size = static_cast<std::size_t>(n);
    state_->stats.reads.Add();
    state_->stats.net_input_bytes.Add(size);
    c->client.last_interaction_ms = state_->now_ms;
    std::size_t taken = ParseAll(c, data, size);
    arena_used_ += size;
    if (taken < size && !c->closing && !c->dead) {
      // An incomplete command waits in memory of its own.
      std::size_t left = size - taken;
      const std::size_t capacity = std::max<std::size_t>(kReadSize, left * 2);
      c->SetInput(std::make_unique_for_overwrite<char[]>(capacity), capacity);
      std::memcpy(c->input.get(), data + taken, left);
      c->input_begin = 0;
      c->input_size = left;
      Answered(c);  // for its record
    }
    return;
  }
  // More of an incomplete command. Nothing refers to the buffer: every batch of the last turn has been executed.
  if (c->input_begin > 0) {
    std::memmove(c->input.get(), c->input.get() + c->input_begin, c->input_size - c->input_begin);
    c->input_size -= c->input_begin;
    c->input_begin = 0;
  }
  std::size_t missing = c->parser.missing();
  size = 0;
  for (;;) {
    if (c->input_capacity - c->input_size < kReadSize) GrowInput(c, missing);
    const std::size_t room = c->input_capacity - c->input_size;
    ssize_t n = recv(c->fd, c->input.get() + c->input_size, room, 0);
    if (n <= 0) {
      if (size > 0) break;  // noticed again by the next turn
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      return CloseSoon(c, nullptr);
    }
    size += static_cast<std::size_t>(n);
    c->input_size += static_cast<std::size_t>(n);
    missing -= std::min(missing, static_cast<std::size_t>(n));
    // One big argument is read in one turn as far as it has arrived, within bounds.
    if (static_cast<std::size_t>(n) < room || missing == 0 || size >= kBigReadSize) break;
  }
  state_->stats.reads.Add();
  state_->stats.net_input_bytes.Add(size);
  c->client.last_interaction_ms = state_->now_ms;
  if (c->input_size > engine_.config().Bytes(Directive::kClientQueryBufferLimit)) {
    engine_.logger().Warn("Closing client that reached max query buffer length: " + c->client.address);
    engine_.stats().query_limit_disconnections.fetch_add(1, std::memory_order_relaxed);
    return CloseSoon(c, nullptr, /*lingers=*/true);
  }
  if (engine_.config().Int(Directive::kMaxmemoryClients) != 0) [[unlikely]] {
    // Before a big command runs, not after: its arguments are gone by the end of the turn.
    RefreshRecord(c);
    if (EvictClients() && !engine_.clients().Find(c->client.id)) return Destroy(c);
  }
  // Only what was never complete is parsed: everything before input_size - size is one unfinished command.
  std::size_t taken = ParseAll(c, c->input.get(), c->input_size);
  c->input_begin = taken;
  if (taken == c->input_size || c->closing || c->dead) {
    RunBatch();
    c->DropInput();
  } else {
    Answered(c);
  }
}

// Grows with what has arrived, not with what was announced; once the end of the argument is near, to just beyond it.
void IoThread::GrowInput(Connection* c, std::size_t missing) {
  std::size_t capacity = c->input_capacity * 2;
  const std::size_t exact = c->input_size + missing;
  if (missing > 0 && exact <= capacity + kReadSize) capacity = exact + kReadSize;
  auto bigger = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(bigger.get(), c->input.get(), c->input_size);
  c->SetInput(std::move(bigger), capacity);
}

std::size_t IoThread::ParseAll(Connection* c, const char* data, std::size_t size) {
  ParserLimits limits;
  limits.max_bulk = engine_.config().Int(Directive::kProtoMaxBulkLen);
  limits.max_args = engine_.config().Int(Directive::kProtoMaxMultibulkLen);
  limits.max_inline = static_cast<std::size_t>(engine_.config().Int(Directive::kProtoInlineMaxSize));
  const bool one_by_one = Ablated().batching;
  std::size_t at = 0;
  while (at < size && !c->closing && !c->dead) {
    limits.authenticated = !engine_.acl().NeedsAuth(c->client);
    std::size_t taken = 0;
    const std::size_t first_arg = args_.size();
    RespParser::Result result = c->parser.Next({data + at, size - at}, limits, args_, &taken);
    if (result == RespParser::Result::kIncomplete) break;
    if (result == RespParser::Result::kError) {
      RunBatch();  // the replies to what came before go first
      if (c->dead || c->closing) break;
      engine_.logger().Debug("Protocol error (" + std::string(c->parser.error()) + ") from client: " + c->client.address);
      ReplyWriter(c->out, c->client.protocol).Error("ERR " + std::string(c->parser.error()));
      Answered(c);
      CloseSoon(c, nullptr, /*lingers=*/true);
      break;
    }
    const std::string_view wire(data + at, taken);
    at += taken;
    const std::size_t argc = args_.size() - first_arg;
    if (argc == 0) continue;
    ++c->commands;
    if (wire[0] != '*') [[unlikely]] unquoted_.push_back(c);
    batch_.push_back({c, static_cast<std::uint32_t>(first_arg), static_cast<std::uint32_t>(argc), wire});
    if (batch_.size() == kBatchMax || !limits.authenticated || one_by_one) RunBatch();
  }
  return at;
}

void IoThread::RunBatch() {
  std::size_t n = batch_.size();
  if (n == 0) return;
  const bool prefetch = n > 1 && !Ablated().prefetch;
  const bool wire = !Ablated().wire;
  // Neighbours are often about the same key: asked for once.
  std::array<std::uint8_t, kBatchMax> keys;  // which commands are about another than the one before
  std::size_t key_count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    PreparedCommand& p = prepared_[i];
    const PreparedCommand* before = i == 0 ? nullptr : &p - 1;
    p.client = &batch_[i].connection->client;
    p.args = {args_.data() + batch_[i].first_arg, batch_[i].argc};
    if (wire) p.wire = batch_[i].wire;
    engine_.Prepare(p, before);
    if (!prefetch || (before != nullptr && p.key.hash == before->key.hash)) continue;
    engine_.PrefetchTable(p);
    keys[key_count++] = static_cast<std::uint8_t>(i);
  }
  if (prefetch) {
    for (std::size_t i = 0; i < key_count; ++i) engine_.Prefetch(prepared_[keys[i]]);
    for (std::size_t i = 0; i < key_count; ++i) engine_.PrefetchEntry(prepared_[keys[i]]);
    engine_.PrefetchObjects({prepared_.data(), n});
  }
  const ClientPause& pause = engine_.clients().pause();
  const bool holds = HoldsSlots();
  Cluster* const cluster = engine_.cluster();
  const std::uint64_t role = cluster == nullptr ? 0 : Role();
  const bool lapsed = cluster != nullptr && cluster->LookAtLease();
  const bool count_writes = engine_.semi_sync().on();
  state_->batch_ticks = Ticks();
  for (std::size_t i = 0; i < n; ++i) {
    Connection* c = batch_[i].connection;
    if (c->dead || c->closing) continue;
    const Command* command = prepared_[i].command;
    if (c->stalled() || (command != nullptr && (pause.Blocks(c->client, *command, state_->now_ms) ||
                                                (holds && cluster->Holds(c->client, *command, prepared_[i].args)) ||
                                                (lapsed && cluster->WaitsForLease(c->client, *command, prepared_[i].args))))) [[unlikely]] {
      Hold(c, prepared_[i].args);
      continue;
    }
    const std::uint64_t gate = c->client.gate;
    if (role != 0 && !lapsed) [[unlikely]] NoteTold(c, command, role);
    engine_.Execute(*state_, prepared_[i], c->out);
    if (count_writes) [[unlikely]] c->writes += c->client.gate > gate && !state_->unit.empty();
    if (c->client.close_after_reply) [[unlikely]] c->closing = c->lingers = true;
    if (c->client.hold_replies_until_ms != 0) [[unlikely]] HoldReplies(c);
    if (c->client.waiter) [[unlikely]] BeginWait(c);
    if (c->client.replica) [[unlikely]] AfterReplicaCommand(c);
    Answered(c);
  }
  state_->batch_ticks = 0;
  for (Connection* c : unquoted_) c->parser.Recycle();
  unquoted_.clear();
  batch_.clear();
  args_.clear();
}

void IoThread::Answered(Connection* c) {
  if (c->in_turn) return;
  c->in_turn = true;
  answered_.push_back(c);
}

void IoThread::FinishTurn() {
  RunBatch();
  arena_used_ = 0;
  SemiSyncGate& semi_sync = engine_.semi_sync();
  std::uint64_t promise = UINT64_MAX;
  if (engine_.log().persistent() || semi_sync.on()) {
    promise = engine_.Promise();
    std::uint64_t gate = 0;
    for (const Connection* c : answered_) gate = std::max(gate, c->client.gate);
    if (gate > promise) {
      if (semi_sync.on()) semi_sync.WaitFor(gate);  // first, so that its question is written with what it is about
      promise = engine_.Flush();
    }
  }
  for (std::size_t i = 0; i < answered_.size(); ++i) {
    Connection* c = answered_[i];
    c->in_turn = false;
    if (!c->dead) SendReplies(c, promise);
    if (!c->dead) RefreshRecord(c);
  }
  answered_.clear();
  EvictClients();
  engine_.replication().WakeFeeders();
  if (!replicas_.empty()) [[unlikely]] FeedReplicas();
  // Replies that wait for the disk: those whose time has come. Looked at again after it is known that the log will wake
  // this thread, so that no progress is missed. Flush and not Promise: a wake is given once for each time it was asked for,
  // and the last one may have come for progress that was not enough.
  if (!gated_.empty() || replicas_behind_) {
    has_gated_.store(true, std::memory_order_seq_cst);
    promise = engine_.Flush();
    if (!replicas_.empty()) FeedReplicas();
    std::vector<Connection*> waiting;
    waiting.swap(gated_);
    for (Connection* c : waiting) {
      c->in_gated = false;
      if (!c->dead) SendReplies(c, promise);
    }
    replicas_behind_ = replicas_behind_ && !replicas_.empty();
    if (gated_.empty() && !replicas_behind_) has_gated_.store(false, std::memory_order_relaxed);
  }
  if (!dead_.empty()) {
    for (Connection* c : dead_) {
      std::erase(gated_, c);
      connections_.erase(c->client.id);
    }
    dead_.clear();
  }
}

void IoThread::SendReplies(Connection* c, std::uint64_t promise) {
  if (c->holding == Connection::Holding::kAnswer) [[unlikely]] return;
  const auto broken = [this](const Connection::Gate& gate) { return engine_.semi_sync().Broken(gate.offset); };
  if ((c->writes > 0 && engine_.semi_sync().Broken(c->client.gate)) || std::any_of(c->gates.begin(), c->gates.end(), broken)) [[unlikely]] {
    engine_.logger().Info("Closing a client whose writes no replica has, since this server is one now: " + c->client.address);
    return Destroy(c);
  }
  std::uint64_t gate = c->client.gate;
  std::uint64_t role = 0;
  if (engine_.cluster() != nullptr) [[unlikely]] {
    const Leave leave = WithinLease(c, promise);
    if (leave.closed) return;
    promise = leave.promise;
    gate = leave.gate;
    role = leave.role;
  }
  while (!c->gates.empty() && c->gates.front().offset <= promise) {
    c->released = c->gates.front().position;
    if (c->gates.front().writes > 0) [[unlikely]] CountWrites(c->gates.front(), MonotonicUs() - c->gates.front().since_us);
    c->gates.pop_front();
  }
  // Replies that are too much are not sent first: whoever asks for more than the limit at once is closed, as in Redis.
  if (c->out.pending() > OutBuffer::kChunkSize) [[unlikely]] {
    CheckOutputLimits(c);
    if (c->dead) return;
  }
  std::uint64_t appended = c->out.appended();
  if (gate <= promise) {
    c->released = appended;
    c->gates.clear();
    if (c->writes > 0) [[unlikely]] CountWrites({appended, gate, std::exchange(c->writes, 0), 0}, 0);
  } else if (appended > (c->gates.empty() ? c->released : c->gates.back().position)) {
    if (!c->gates.empty() && c->gates.back().offset == gate && c->gates.back().role == role) c->gates.back().position = appended;
    else c->gates.push_back({appended, gate, c->writes, c->writes > 0 || role != 0 ? MonotonicUs() : 0, role});
    c->writes = 0;
  }
  while (c->out.consumed() < c->released) {
    iovec vectors[64];
    int n = c->out.Gather(vectors, 64, c->released);
    ssize_t sent;
    if (n == 1) {
      sent = send(c->fd, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr m{};
      m.msg_iov = vectors;
      m.msg_iovlen = static_cast<std::size_t>(n);
      sent = sendmsg(c->fd, &m, MSG_NOSIGNAL);
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return Destroy(c);
      break;
    }
    state_->stats.writes.Add();
    state_->stats.net_output_bytes.Add(static_cast<std::uint64_t>(sent));
    c->out.Consume(static_cast<std::uint64_t>(sent));
  }
  bool blocked = c->out.consumed() < c->released;
  if (blocked != c->wants_write) ArmWrite(c, blocked);
  if (!c->gates.empty() && !c->in_gated) {
    c->in_gated = true;
    gated_.push_back(c);
  }
  if (c->out.empty()) {
    c->out.ReleaseIfEmpty();
    c->soft_limit_since_ms = 0;
    if (c->closing && c->lingers) Linger(c);
    else if (c->closing) Destroy(c);
    return;
  }
  CheckOutputLimits(c);
}

// For INFO: whether replicas had acknowledged these writes when they were answered.
void IoThread::CountWrites(const Connection::Gate& gate, std::int64_t waited_us) {
  ThreadStats& stats = state_->stats;
  if (gate.offset <= engine_.semi_sync().acked()) stats.semi_sync_yes.Add(gate.writes);
  else stats.semi_sync_no.Add(gate.writes);
  if (gate.since_us == 0) return;
  stats.semi_sync_waits.Add(gate.writes);
  stats.semi_sync_wait_us.Add(static_cast<std::uint64_t>(waited_us) * gate.writes);
}

// What CLIENT LIST shows of the connection until its next turn.
void IoThread::RefreshRecord(Connection* c) {
  ConnectionNumbers numbers;
  if (c->input != nullptr) {
    const std::size_t parsed = std::min(c->parser.parsed(), c->input_size - c->input_begin);
    numbers.input = static_cast<std::uint32_t>(c->input_size - c->input_begin - parsed);
    numbers.input_free = static_cast<std::uint32_t>(c->input_capacity - c->input_size + c->input_begin);
    numbers.argument_memory = static_cast<std::uint32_t>(parsed + c->parser.memory());
  }
  if (!c->out.empty()) {
    numbers.output = c->out.pending();
    numbers.output_memory = c->out.memory();
    numbers.output_chunk_count = static_cast<std::uint32_t>(numbers.output_memory / OutBuffer::kChunkSize);
  }
  numbers.wants_write = c->wants_write;
  numbers.waits = c->stalled();
  c->client.record->Refresh(c->client, numbers);
  engine_.clients().Count(*c->client.record);
}

bool IoThread::EvictClients() {
  if (slotwise::EvictClients(engine_) == 0) [[likely]] return false;
  Wake();  // for those of this thread, whose end is posted to it
  return true;
}

void IoThread::CheckOutputLimits(Connection* c) {
  std::uint64_t pending = c->out.pending();
  if (pending > kUnauthenticatedOutputMax && engine_.acl().NeedsAuth(c->client)) {
    engine_.logger().Warn("Closing unauthenticated client that does not read its replies: " + c->client.address);
    return Destroy(c);
  }
  OutputLimit limit = engine_.config().OutputLimitOf(c->client.subscribed() ? OutputClass::kPubsub : OutputClass::kNormal);
  bool over = limit.hard_bytes > 0 && pending > limit.hard_bytes;
  if (!over && limit.soft_bytes > 0 && pending > limit.soft_bytes) {
    if (c->soft_limit_since_ms == 0) {
      c->soft_limit_since_ms = state_->now_ms;
      needs_clock_ = true;
    }
    over = state_->now_ms - c->soft_limit_since_ms > static_cast<std::int64_t>(limit.soft_seconds) * 1000;
  } else if (!over) {
    c->soft_limit_since_ms = 0;
  }
  if (!over) return;
  engine_.stats().output_limit_disconnections.fetch_add(1, std::memory_order_relaxed);
  engine_.logger().Warn("Client " + c->client.address + " (id " + std::to_string(c->client.id) + ") closed for overcoming of output buffer limits: " +
                        std::to_string(pending) + " bytes pending.");
  Destroy(c);
}

// No more input is taken; the connection goes when its replies have left.
void IoThread::CloseSoon(Connection* c, const char* why, bool lingers) {
  if (c->dead) return;
  c->lingers = lingers;
  if (why != nullptr) engine_.logger().Info(std::string(why) + ": " + c->client.address);
  // Commands of this turn that came before the end are executed and answered.
  bool pending_commands = false;
  for (const Pending& p : batch_) pending_commands |= p.connection == c;
  if (pending_commands) RunBatch();
  c->closing = true;
  if (!c->out.empty()) {
    ArmWrite(c, c->wants_write);
    Answered(c);
  } else if (c->lingers) {
    Linger(c);
  } else {
    Destroy(c);
  }
}

void IoThread::Linger(Connection* c) {
  if (c->linger_until_ms != 0) return;
  c->linger_until_ms = state_->now_ms + kLingerMs;
  needs_clock_ = true;
  engine_.clients().Remove(c->client);  // for everybody else it is gone
  StopWaiting(c);
  engine_.ClientGone(*state_, c->client);
  shutdown(c->fd, SHUT_WR);
  ArmWrite(c, false);
}

void IoThread::DiscardInput(Connection* c) {
  char sink[4096];
  ssize_t n = recv(c->fd, sink, sizeof sink, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n > 0) c->lingered_bytes += static_cast<std::size_t>(n);
  if (n <= 0 || c->lingered_bytes > kLingerBytes) Destroy(c);
}

// A connection that begins to wait for a key goes on being watched for input until some comes: most wait in silence, and are
// spared two calls each time.
void IoThread::ArmWrite(Connection* c, bool on) {
  c->wants_write = on;
  epoll_event e{};
  bool reads = c->linger_until_ms != 0 || !(c->closing || c->stalled());
  if (reads) e.events |= EPOLLIN;
  if (on) e.events |= EPOLLOUT;
  // Who waits for a key is not read from, but its going is noticed.
  if (reads || (c->client.waiter && !c->closing)) e.events |= EPOLLRDHUP;
  if (e.events == c->watched) return;
  c->watched = e.events;
  e.data.ptr = c;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, c->fd, &e);
}

void IoThread::Destroy(Connection* c) {
  if (c->dead) return;
  c->dead = true;
  engine_.clients().Remove(c->client);
  StopWaiting(c);
  ForgetReplica(c);
  engine_.ClientGone(*state_, c->client);
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, c->fd, nullptr);
  close(c->fd);
  connection_count_.fetch_sub(1, std::memory_order_relaxed);
  if (stop_.load(std::memory_order_relaxed) && batch_.empty() && answered_.empty()) {
    std::erase(gated_, c);
    connections_.erase(c->client.id);
  } else {
    dead_.push_back(c);
  }
}

void IoThread::Housekeeping() {
  std::int64_t now = state_->now_ms;
  last_housekeeping_ms_ = now;
  if (accept_paused_until_ms_ != 0 && MonotonicMs() >= accept_paused_until_ms_) {
    accept_paused_until_ms_ = 0;
    WatchListeners();
  }
  std::int64_t timeout_ms = engine_.config().Int(Directive::kTimeout) * 1000;
  if (timeout_ms == 0 && !needs_clock_) return;
  needs_clock_ = false;
  for (auto& [id, c] : connections_) {
    if (c->dead) continue;
    if (timeout_ms > 0 && !c->client.replica && !c->client.subscribed() && !c->stalled() && now - c->client.last_interaction_ms > timeout_ms) {
      engine_.logger().Debug("Closing idle client " + c->client.address);
      Destroy(c.get());
      continue;
    }
    if (c->linger_until_ms != 0) {
      needs_clock_ = true;
      if (now >= c->linger_until_ms) Destroy(c.get());
      continue;
    }
    if (c->soft_limit_since_ms != 0) {
      needs_clock_ = true;
      CheckOutputLimits(c.get());
    }
  }
  for (Connection* c : dead_) {
    std::erase(gated_, c);
    connections_.erase(c->client.id);
  }
  dead_.clear();
}

}  // namespace slotwise
