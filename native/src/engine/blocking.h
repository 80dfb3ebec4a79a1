// Blocking: clients that wait for keys, and handing over to them.
//
// A waiter is served by the thread that made its key ready, under the locks it holds: after the command (or all of EXEC),
// before any other client can see the key. So the order is Redis's (first come, first served, key by key in the order in
// which keys became ready), the log holds the pop right behind the push, and no wake-up can be lost: whoever waits was
// listed under the lock under which the other looks. What the waiter is to read is posted to its owner when the locks
// are gone.
// Why not wake the waiter's thread and let it retry: in between somebody else may take the element, and the order is lost.
//
// A waiter may put what it gets into a key of another stripe (BLMOVE), which the pusher does not hold. A thread that is
// about to write therefore takes those stripes too, with all that follow from them (LockWithTargets).
// Lock order: as everywhere, stripes ascending; the register of waiters is a leaf.
// Source: the semantics of blocking commands in Redis 7.0.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "engine/waiter.h"
#include "keyspace/keyspace.h"

namespace slotwise {

class Engine;

class Blocking {
 public:
  explicit Blocking(Engine& engine) : engine_(engine) {}
  Blocking(const Blocking&) = delete;
  Blocking& operator=(const Blocking&) = delete;

  // --- who begins to wait. The stripes of all keys are held. `keys` are indexes into waiter->args; `target` too, 0: none.
  void Add(const std::shared_ptr<Waiter>& waiter, std::span<const std::size_t> keys, std::size_t target);

  // --- who executes commands.
  // Takes the stripes of `set`, and those that waiters of their keys put something into; `set` becomes what is held.
  void LockWithTargets(StripeSet& set);
  // A key was changed, its stripe is held and has a wait list: remembers it if somebody waits for what it is now.
  void NoteReady(ThreadState& thread, Stripe& stripe, int db, const KeyRef& key);
  // SWAPDB: all keys of the database that somebody waits for. All stripes are held.
  void NoteAllReady(ThreadState& thread, int db);
  // Serves who waits for the keys that were noted, and for those that become ready meanwhile. Their stripes are held, with
  // targets. Returns the log offset of the last effect, 0 if there was none.
  std::uint64_t Serve(ThreadState& thread);
  // The stripes of the keys that were noted.
  static StripeSet StripesOf(const ThreadState& thread);
  // Tells the owners of those that have been answered. No stripe is held.
  void Deliver(ThreadState& thread);

  // --- who ends waiting. False if the waiter has ended already, and is or will be told.
  enum class Reason { kTimeout, kUnblocked, kClosed };
  bool Cancel(Waiter& waiter, Reason reason);
  // For who answers a waiter that waits for no key: true once, then it is the caller's to answer and to deliver.
  bool Claim(Waiter& waiter);
  // CLIENT UNBLOCK: cancels; the owner is told with the next Deliver().
  bool Unblock(ThreadState& thread, std::uint64_t client_id, Reason reason);
  // All that wait for something of this server's data: it follows another from now on. No stripe is held. `reply`: in RESP.
  void AbortAll(const std::string& reply);
  // Those for which `reply_to` has a reply, in RESP, which is their end; empty: they wait on. No stripe is held.
  void EndIf(const std::function<std::string(const Waiter&)>& reply_to);
  // The owner's last step, before it forgets the waiter. No stripe is held.
  void Forget(Waiter& waiter);

  std::int64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::uint64_t ServeKey(ThreadState& thread, int db, const KeyRef& key);
  std::uint64_t ServeOne(ThreadState& thread, Waiter& waiter, const KeyRef& key, Entry* entry);
  void Unlist(Stripe& stripe, Waiter& waiter, Waiter::Place& place);

  Engine& engine_;
  std::atomic<std::int64_t> count_{0};
  std::atomic<std::int64_t> with_target_{0};  // waiters listed that have a target
  std::atomic<std::uint64_t> next_mark_{1};
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Waiter>> by_client_;  // guarded by mutex_
};

}  // namespace slotwise
