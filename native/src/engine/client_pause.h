// CLIENT PAUSE: until when the commands of clients wait, and which of them. A pause while one is under way can make it
// longer and stricter, never shorter or milder; only CLIENT UNPAUSE ends it early.
// Reading costs one load while nothing is paused. Elsewhere: holding the connections back (net).
// Source: CLIENT PAUSE documentation and its behaviour in Redis 7.0.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>

#include "commands/command_table.h"
#include "engine/client.h"

namespace slotwise {

class ClientPause {
 public:
  enum class Mode : int { kWrite = 1, kAll = 2 };

  void Pause(Mode mode, std::int64_t until_ms, std::int64_t now_ms) {
    std::lock_guard<std::mutex> guard(mutex_);
    bool active = until_ms_.load(std::memory_order_relaxed) > now_ms;
    if (!active || mode > mode_.load(std::memory_order_relaxed)) mode_.store(mode, std::memory_order_relaxed);
    if (!active || until_ms > until_ms_.load(std::memory_order_relaxed)) until_ms_.store(until_ms, std::memory_order_release);
  }
  void Unpause() {
    std::lock_guard<std::mutex> guard(mutex_);
    until_ms_.store(0, std::memory_order_release);
  }

  // When the pause ends; 0 if there is none.
  std::int64_t UntilMs(std::int64_t now_ms) const {
    std::int64_t until = until_ms_.load(std::memory_order_acquire);
    return until > now_ms ? until : 0;
  }
  // How many clients wait: blocked_clients of INFO.
  std::atomic<std::int64_t>& waiting() { return waiting_; }
  // Whether this command of this client has to wait. Nothing may expire or be evicted meanwhile either.
  bool Blocks(const Client& client, const Command& command, std::int64_t now_ms) const {
    if (until_ms_.load(std::memory_order_acquire) <= now_ms) [[likely]] return false;
    if (client.kind != ClientKind::kNormal) return false;
    if (mode_.load(std::memory_order_relaxed) == Mode::kAll) return true;
    if (command.Is(CommandId::kExec)) return client.queue_writes;
    return command.Is(CommandFlag::kWrite) || command.Is(CommandFlag::kMayReplicate);
  }

 private:
  std::mutex mutex_;  // of writers
  std::atomic<std::int64_t> until_ms_{0};
  std::atomic<Mode> mode_{Mode::kAll};
  std::atomic<std::int64_t> waiting_{0};
};

}  // namespace slotwise
