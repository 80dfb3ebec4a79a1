// The mailbox of an I/O thread: how other threads reach its connections. Messages are handled in the order of their sending,
// after the commands of the turn in which they are found, so that what a command causes for clients of the same thread
// leaves in the same turn as its reply.
#include <unistd.h>

#include "engine/cluster.h"
#include "net/io_thread.h"

namespace slotwise {
namespace {

thread_local IoThread* t_current = nullptr;

class ConnectionSink final : public ClientSink {
 public:
  ConnectionSink(IoThread& thread, std::uint64_t id) : thread_(thread), id_(id) {}
  void Push(std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3, std::uint64_t gate) override {
    thread_.Post(id_, std::move(resp2), std::move(resp3), gate, false);
  }
  void PushInvalidation(std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3, std::uint64_t gate) override {
    thread_.Post(id_, std::move(resp2), std::move(resp3), gate, true);
  }
  void Kill() override { thread_.Kill(id_); }
  void Unblocked(std::shared_ptr<Waiter> waiter) override { thread_.PostUnblocked(id_, std::move(waiter)); }
  void SlotsLost() override { thread_.PostSlotsLost(id_); }
  void LogGrew() override {
    if (IoThread::Current() != &thread_) thread_.Wake();
  }
  void WritePushes(OutBuffer& out, int protocol) override { thread_.WritePushes(id_, out, protocol); }

 private:
  IoThread& thread_;
  std::uint64_t id_;
};

}  // namespace

IoThread* IoThread::Current() { return t_current; }
void IoThread::SetCurrent(IoThread* thread) { t_current = thread; }

std::shared_ptr<ClientSink> IoThread::MakeSink(std::uint64_t connection_id) { return std::make_shared<ConnectionSink>(*this, connection_id); }

void IoThread::Wake() {
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  std::uint64_t one = 1;
  [[maybe_unused]] ssize_t n = write(wake_fd_, &one, sizeof one);
}

void IoThread::SendMessage(Message message) {
  {
    std::lock_guard<std::mutex> guard(mailbox_mutex_);
    mailbox_.push_back(std::move(message));
  }
  if (t_current != this) Wake();
}

void IoThread::Post(std::uint64_t connection_id, std::shared_ptr<const std::string> resp2, std::shared_ptr<const std::string> resp3,
                    std::uint64_t gate, bool only_subscribed) {
  Message message{Message::Kind::kPush, connection_id, std::move(resp2), std::move(resp3), -1, false, {}};
  message.gate = gate;
  message.only_subscribed = only_subscribed;
  SendMessage(std::move(message));
}

void IoThread::Message::WriteTo(Client& client, OutBuffer& out, int protocol) const {
  if (protocol == 3) out.Append(*resp3);
  else if (!only_subscribed || client.subscribed()) out.Append(*resp2);
  if (gate > client.gate) client.gate = gate;
}

void IoThread::PostUnblocked(std::uint64_t connection_id, std::shared_ptr<Waiter> waiter) {
  Message m{};
  m.kind = Message::Kind::kUnblocked;
  m.connection_id = connection_id;
  m.waiter = std::move(waiter);
  SendMessage(std::move(m));
}

void IoThread::PostSlotsLost(std::uint64_t connection_id) {
  Message m{};
  m.kind = Message::Kind::kSlotsLost;
  m.connection_id = connection_id;
  SendMessage(std::move(m));
}

// Messages of one connection out of turn: the mailbox may be half drained, so both halves are searched, in order.
void IoThread::WritePushes(std::uint64_t connection_id, OutBuffer& out, int protocol) {
  Connection* c = FindConnection(connection_id);
  if (c == nullptr) return;
  auto take = [&](std::vector<Message>& box) {
    for (Message& m : box) {
      if (m.kind != Message::Kind::kPush || m.connection_id != connection_id) continue;
      m.WriteTo(c->client, out, protocol);
      m.connection_id = 0;  // nobody's
    }
  };
  take(mailbox_swap_);
  std::lock_guard<std::mutex> guard(mailbox_mutex_);
  take(mailbox_);
}

void IoThread::Kill(std::uint64_t connection_id) { SendMessage({Message::Kind::kKill, connection_id, nullptr, nullptr, -1, false, {}}); }

void IoThread::Adopt(int fd, bool unix_socket, const std::string& local) {
  connection_count_.fetch_add(1, std::memory_order_relaxed);
  SendMessage({Message::Kind::kAdopt, 0, nullptr, nullptr, fd, unix_socket, local});
}

void IoThread::SetListeners(std::vector<Listener> listeners) {
  SendMessage({Message::Kind::kListeners, 0, nullptr, nullptr, -1, false, {}, std::make_shared<const std::vector<Listener>>(std::move(listeners))});
}

void IoThread::DrainMailbox() {
  // Commands that were held back may run here and send messages to this thread's own clients: until there are none.
  while (TakeMail()) {
    RunBatch();  // messages of this thread's own clients come after the replies that they belong behind
    for (Message& m : mailbox_swap_) HandleMessage(m);
    mailbox_swap_.clear();
  }
}

bool IoThread::TakeMail() {
  std::lock_guard<std::mutex> guard(mailbox_mutex_);
  mailbox_swap_.swap(mailbox_);
  return !mailbox_swap_.empty();
}

void IoThread::HandleMessage(Message& m) {
  if (m.kind == Message::Kind::kAdopt) return AddConnection(m.fd, m.unix_socket, m.local);
  if (m.kind == Message::Kind::kListeners) return ReplaceListeners(*m.listeners);
  Connection* c = FindConnection(m.connection_id);
  if (c == nullptr || c->dead) return;
  if (m.kind == Message::Kind::kKill) return Destroy(c);
  if (m.kind == Message::Kind::kUnblocked) return EndWait(c, *m.waiter);
  if (m.kind == Message::Kind::kSlotsLost) {
    engine_.cluster()->LeaveLostChannels(c->client, c->out);
    return Answered(c);
  }
  m.WriteTo(c->client, c->out, c->client.protocol);
  Answered(c);
  if (engine_.config().Int(Directive::kMaxmemoryClients) == 0) [[likely]] return;
  RefreshRecord(c);  // before its messages pile up so high that keys are evicted instead
  EvictClients();
}

}  // namespace slotwise
