// A caller inside the process: one for each JavaScript thread that uses the engine. Reads by key go straight to the
// keyspace, everything else through the command table, as for a network client. Calls return when memory has changed;
// what is durable is another question (CommitLog::Sync). Not thread-safe: one thread at a time.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"

namespace slotwise {

class EmbeddedSession {
 public:
  // Results of the reads below instead of a length.
  static constexpr std::int64_t kMissing = -1;
  static constexpr std::int64_t kWrongType = -2;
  static constexpr std::int64_t kStale = -6;  // the data may be older than SLOTWISE.STALENESS allows; codes between are the binding's
  // Of a cluster's node: the slot is not its own, or is on its way. Call() answers, or says what stands in the way.
  static constexpr std::int64_t kElsewhere = -7;
  // -(kNeeds + n): the buffer is too small, n bytes are needed.
  static constexpr std::int64_t kNeeds = 16;
  // Of a length: every byte is below 128, but for the first ascii_head().
  static constexpr std::int32_t kAsciiBit = 1 << 30;
  static constexpr std::int64_t Needs(std::size_t n) { return -(kNeeds + static_cast<std::int64_t>(n)); }

  explicit EmbeddedSession(Engine& engine);
  ~EmbeddedSession();
  EmbeddedSession(const EmbeddedSession&) = delete;
  EmbeddedSession& operator=(const EmbeddedSession&) = delete;

  // Copies the string at `key` into `buffer`; returns its length or one of the above. `*ascii`: no byte above 127 behind
  // the first ascii_head(), where a caller's encoding keeps its own header.
  std::int64_t Get(std::string_view key, std::span<char> buffer, bool* ascii);
  // Copies many strings back to back behind a header of one i32 a key (length | kAsciiBit, or kMissing / kWrongType / kElsewhere).
  // Returns the bytes used, or Needs(n). Lookups are prefetched 32 at a time.
  std::int64_t GetMany(std::span<const std::string_view> keys, std::span<char> buffer);
  // Stores a string; kNoExpire or a time to live in ms. Returns null, or the error reply without its '-'.
  const std::string* Set(std::string_view key, std::string_view value, std::int64_t ttl_ms);
  // Runs any command; the reply in the client's protocol (3) is appended to reply().
  void Call(std::span<const std::string_view> args);
  // Runs many commands in prefetched batches; replies are appended to reply() in order.
  // `argcs[i]` arguments each, back to back in `args`.
  void CallMany(std::span<const std::uint32_t> argcs, std::span<const std::string_view> args);

  // Runs a command that may wait for a key (BLPOP...), without making the calling thread wait. 0: it did not have to wait, and
  // its reply is in reply() as after Call(). Else an id, and the reply follows through `done`, once, from any thread, with no
  // lock held; it may not call the session, but post the reply to the session's thread (a thread-safe function, uv_async).
  // Time: the arguments' time-out is not watched here; the caller sets a timer and calls CancelWait(). An id is a client id:
  // CLIENT UNBLOCK knows it. The session's end answers what still waits with an error.
  // Elsewhere (Call, CallMany, inside MULTI) these commands do not wait: they answer null when there is nothing.
  using Done = std::function<void(std::string reply)>;
  std::uint64_t CallWaiting(std::span<const std::string_view> args, Done done);
  // The call is answered null, as if its time were up, or, `aborted`, with an error. Through `done` before this returns. False
  // if it has been answered already: `done` was or will be called with the reply.
  bool CancelWait(std::uint64_t id, bool aborted = false);

  // Cluster::ClearSlot on this thread.
  std::size_t ClearSlot(int slot);

  void set_ascii_head(std::size_t n) { ascii_head_ = n; }

  OutBuffer& reply() { return out_; }
  Client& client() { return client_; }
  Engine& engine() { return engine_; }

 private:
  bool WritesArePaused(std::span<const std::string_view> args);
  void AfterWrites();
  template <typename Use>
  bool WithValue(const KeyRef& key, Use&& use);

  Engine& engine_;
  ThreadState& thread_;
  Client client_;
  OutBuffer out_;
  std::string error_;
  std::size_t ascii_head_ = 0;
  std::vector<PreparedCommand> prepared_;
  std::vector<KeyRef> keys_;
  std::unordered_map<std::uint64_t, std::weak_ptr<Waiter>> waits_;  // of CallWaiting; those that have ended go when it has doubled
  std::size_t sweep_waits_at_ = 0;
};

}  // namespace slotwise
