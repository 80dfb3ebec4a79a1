// The receiving end of a slot migration: commands of the slots' owner, applied while the slots are still somebody else's. The
// control plane opens and closes it; in between only keys of these slots are touched, and only by commands that write.
//
// Clients are redirected to the owner all the while, so nobody sees what is half here. What is applied goes into the log as any
// write does, so replicas have it too. Nothing expires by this server's clock: the owner says what has expired, and a command
// of its that follows (INCR of a counter in its last millisecond) may rely on it.
// Elsewhere: the sending end (slot_export.h), who may import what (packages/cluster), the slots' clean-up (Cluster::ClearSlot).
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/slot_hold.h"
#include "engine/client.h"
#include "engine/engine.h"

namespace slotwise {

class SlotImport {
 public:
  explicit SlotImport(Engine& engine);
  SlotImport(const SlotImport&) = delete;
  SlotImport& operator=(const SlotImport&) = delete;

  // No stripe is held by the caller of any of these.
  void Open(std::string_view job, const SlotSet& slots);
  // When it returns, nothing of the job is being applied, and nothing will be. False: it is not open.
  bool Close(std::string_view job);
  // Whole commands in RESP, in their order. Returns the error at which it stopped, or nothing; `gate`: what the answer depends on.
  // `number` counts from 1 on: a source that lost its connection sends again what was not answered, and what was applied already
  // is answered and not applied.
  std::string Apply(ThreadState& thread, std::string_view job, std::uint64_t number, std::string_view commands, std::uint64_t* gate);

  bool Imports(int slot) const { return open_.load(std::memory_order_acquire) && slots_.Has(slot); }

  struct Info {
    std::string job;  // empty: none is open
    std::uint64_t commands = 0;
    std::uint64_t bytes = 0;
    std::int64_t idle_ms = 0;  // since something was applied
  };
  Info info() const;

 private:
  static constexpr std::size_t kBatch = 64;
  std::string Admit(std::span<const std::string_view> args, PreparedCommand* prepared);
  std::string Run(ThreadState& thread, std::size_t count);

  Engine& engine_;
  SharedSlotSet slots_;
  std::atomic<bool> open_{false};
  mutable std::mutex mutex_;  // guards the rest; held while commands are applied, before any stripe
  std::string job_;
  Client client_;             // in whose name they run: what it says has happened already
  std::vector<std::string_view> words_;
  std::vector<PreparedCommand> prepared_;
  std::uint64_t applied_ = 0;  // the number of the last
  std::uint64_t commands_ = 0;
  std::uint64_t bytes_ = 0;
  std::int64_t touched_ms_ = 0;
};

}  // namespace slotwise
