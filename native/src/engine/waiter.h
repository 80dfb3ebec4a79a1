// One client that waits for a key: what it asked for, where it stands in line, and how it will be answered.
//
// Made by a handler that found nothing (commands/waiting.h), listed in the wait lists of its keys' stripes, and ended
// exactly once: by who serves it or by who cancels it (a time-out, CLIENT UNBLOCK, the end of the connection), whichever
// wins Claim(). After that, only the winner touches reply and gate until the owner is told.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "engine/client.h"
#include "keyspace/wait_list.h"

namespace slotwise {

class Waiter;

// How a command that waits is served. One constant a command (or a group of them).
struct WaitOps {
  Type type;  // keys of other types are of no interest, and are waited through
  // Whether there is something for this waiter in the entry. Changes nothing. Null: always (a list is never empty).
  bool (*has_something)(const Waiter& waiter, const KeyRef& key, const Entry* entry);
  // Does what the command does when it finds `entry` at `key`, which is one of its keys; ctx.args are its arguments. The
  // stripes of this key and of the target are held, no other. Says explicitly what is propagated. Replies; may reply with an
  // error.
  void (*serve)(CommandContext& ctx, const KeyRef& key, Entry* entry);
};

class Waiter {
 public:
  std::uint64_t client_id = 0;
  std::shared_ptr<ClientSink> sink;
  int db = 0;
  int protocol = 2;
  bool silent = false;             // CLIENT REPLY: nobody wants the answer
  const Command* command = nullptr;
  const WaitOps* ops = nullptr;    // null: waits for no key (WAIT)
  bool asks_control = false;       // waits for the control plane's word, which a change of role does not end
  std::vector<std::string> words;  // the arguments
  std::vector<std::string_view> args;
  std::int64_t deadline_ms = 0;    // MonotonicMs(); 0: none
  std::uint64_t since_ticks = 0;   // Ticks()
  std::function<std::string()> at_timeout;  // the answer when time is up; null: a null array

  // Once, whoever comes first.
  bool Claim() { return !ended_.exchange(true, std::memory_order_acq_rel); }
  bool ended() const { return ended_.load(std::memory_order_acquire); }

  // Of the winner, and then of the owner.
  std::string reply;
  std::uint64_t gate = 0;  // the log offset that the reply depends on

 private:
  friend class Blocking;
  // Its place in the line of one key. Guarded by the key's stripe.
  struct Place {
    std::string_view key;  // into args
    int stripe;
    bool listed;
    WaitList::Queue::iterator at;
  };
  std::vector<Place> places_;
  int target_stripe_ = -1;
  std::atomic<int> listed_{0};  // how many places are listed
  std::atomic<bool> ended_{false};
};

}  // namespace slotwise
