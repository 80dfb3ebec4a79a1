// Connections that wait: for the end of a CLIENT PAUSE, for a key (BLPOP), or for an answer to AUTH that is held back. What
// they send meanwhile is held back, in order,
// and executed when the waiting is over; beyond what has been read already nothing is read.
// Elsewhere: who waits for which key, and serving them (engine/blocking.h).
#include "base/ticks.h"
#include "engine/blocking.h"
#include "engine/client_registry.h"
#include "engine/cluster.h"
#include "net/io_thread.h"

namespace slotwise {
namespace {

constexpr int kPausePollMs = 10;  // how soon the end of a pause is noticed
constexpr int kHoldPollMs = 1;    // and that of a hold of slots, which is meant to be short

}  // namespace

// The command waits with the connection, which begins to wait for the end of a pause if it does not wait for a key.
void IoThread::Hold(Connection* c, std::span<const std::string_view> args) {
  c->held.emplace_back(args.begin(), args.end());
  if (c->stalled()) return;
  c->paused = true;
  paused_.push_back(c);
  engine_.clients().pause().waiting().fetch_add(1, std::memory_order_relaxed);
  ArmWrite(c, c->wants_write);
}

void IoThread::ResumePaused() {
  ClientPause& pause = engine_.clients().pause();
  if (pause.UntilMs(state_->now_ms) != 0) return;
  std::vector<Connection*> resumed;
  resumed.swap(paused_);
  for (Connection* c : resumed) {
    c->paused = false;
    pause.waiting().fetch_sub(1, std::memory_order_relaxed);
    RunHeld(c);
  }
}

// What was held back, until the connection has to wait again.
void IoThread::RunHeld(Connection* c) {
  ClientPause& pause = engine_.clients().pause();
  Cluster* const cluster = engine_.cluster();
  const std::uint64_t role = cluster == nullptr ? 0 : Role();
  const bool lapsed = cluster != nullptr && cluster->LookAtLease();
  std::deque<std::vector<std::string>> held;
  held.swap(c->held);
  for (const std::vector<std::string>& command : held) {
    std::vector<std::string_view> args(command.begin(), command.end());
    PreparedCommand p;
    p.client = &c->client;
    p.args = args;
    engine_.Prepare(p);
    if (c->closing || c->dead) break;
    if (c->stalled() || (p.command != nullptr && (pause.Blocks(c->client, *p.command, state_->now_ms) ||
                                                  (HoldsSlots() && cluster->Holds(c->client, *p.command, args)) ||
                                                  (lapsed && cluster->WaitsForLease(c->client, *p.command, args))))) {
      Hold(c, args);
      continue;
    }
    if (role != 0 && !lapsed) NoteTold(c, p.command, role);
    engine_.Execute(*state_, p, c->out);
    if (c->client.close_after_reply) c->closing = c->lingers = true;
    if (c->client.hold_replies_until_ms != 0) HoldReplies(c);
    if (c->client.waiter) BeginWait(c);
    if (c->client.replica) AfterReplicaCommand(c);
    Answered(c);
  }
  if (!c->dead && !c->stalled()) ArmWrite(c, c->wants_write);
}

// The command that was executed last found nothing and waits. It may have been served already: then the message is on its
// way.
void IoThread::BeginWait(Connection* c) {
  if (c->client.waiter->deadline_ms != 0) deadlines_.emplace(c->client.waiter->deadline_ms, c->client.id);
}

void IoThread::EndWait(Connection* c, Waiter& waiter) {
  if (c->client.waiter.get() != &waiter) return;
  if (waiter.deadline_ms != 0) deadlines_.erase({waiter.deadline_ms, c->client.id});
  engine_.blocking().Forget(waiter);
  engine_.WaitEnded(*state_, c->client, waiter);
  if (!waiter.silent) c->out.Append(waiter.reply);
  if (waiter.gate > c->client.gate) c->client.gate = waiter.gate;
  if (waiter.ops != nullptr && engine_.cluster() != nullptr && c->role == 0) c->role = Role();  // it waited for a key
  c->client.waiter.reset();  // waiter is no more
  Answered(c);
  RunHeld(c);
}

void IoThread::EndTimedOut() {
  std::int64_t now = MonotonicMs();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Connection* c = FindConnection(deadlines_.begin()->second);
    deadlines_.erase(deadlines_.begin());
    std::shared_ptr<Waiter> waiter = c->client.waiter;
    // Else it was answered in the last moment, and the message is on its way.
    if (engine_.blocking().Cancel(*waiter, Blocking::Reason::kTimeout)) EndWait(c, *waiter);
  }
}

void IoThread::HoldReplies(Connection* c) {
  if (c->holding != Connection::Holding::kNo) return;
  c->holding = Connection::Holding::kAnswer;
  holding_.push_back(c);
  ArmWrite(c, false);
}

void IoThread::ReleaseReplies() {
  std::vector<Connection*> waiting;
  waiting.swap(holding_);
  for (Connection* c : waiting) {
    if (c->holding == Connection::Holding::kAnswer) {
      if (state_->now_ms >= c->client.hold_replies_until_ms) {
        c->holding = Connection::Holding::kInput;
        c->client.hold_replies_until_ms = 0;
        Answered(c);
      }
      holding_.push_back(c);
      continue;
    }
    c->holding = Connection::Holding::kNo;
    RunHeld(c);
  }
}

// The connection goes. Idempotent.
void IoThread::StopWaiting(Connection* c) {
  if (c->holding != Connection::Holding::kNo) std::erase(holding_, c);
  c->holding = Connection::Holding::kNo;
  if (c->paused) {
    c->paused = false;
    std::erase(paused_, c);
    engine_.clients().pause().waiting().fetch_sub(1, std::memory_order_relaxed);
  }
  if (c->client.waiter) deadlines_.erase({c->client.waiter->deadline_ms, c->client.id});
}

bool IoThread::HoldsSlots() const {
  const Cluster* cluster = engine_.cluster();
  return cluster != nullptr && cluster->hold().any();
}

int IoThread::WaitingTimeoutMs(int ms) const {
  const int poll_ms = !paused_.empty() && HoldsSlots() ? kHoldPollMs : kPausePollMs;
  if ((!paused_.empty() || !holding_.empty()) && (ms < 0 || ms > poll_ms)) ms = poll_ms;
  if (!deadlines_.empty()) {
    std::int64_t left = deadlines_.begin()->first - MonotonicMs();
    if (left < 0) left = 0;
    if (ms < 0 || left < ms) ms = left > 1000000 ? 1000000 : static_cast<int>(left);
  }
  return ms;
}

}  // namespace slotwise
