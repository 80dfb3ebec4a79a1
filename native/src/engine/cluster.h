// A node of a cluster, as the data plane knows it: the present slot map, what it answers to commands for slots of others, and
// what follows when it changes. Membership, elections and slot claims are the control plane's, which hands in finished maps.
//
// The map changes under all stripes. A command looks at it under the stripes of its keys, so that what it did before a slot
// went away is done, and nothing is done after.
// A map can be late: a process that was stopped goes on with what has arrived meanwhile before its control plane runs, when
// somebody else may have its slots. So a primary serves within a lease (docs/decisions/0032), whose end whoever executes and
// whoever sends replies compares with the clock.
// Elsewhere: the rules (cluster/redirection.h); commands that the control plane answers (engine/control_desk.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "cluster/redirection.h"
#include "cluster/slot_hold.h"
#include "cluster/slot_map.h"

namespace slotwise {

class Engine;
class OutBuffer;
class SlotExport;
class SlotImport;
struct Client;
struct Command;
struct ThreadState;

class Cluster {
 public:
  explicit Cluster(Engine& engine);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Any thread that holds no stripe. Clients that wait for keys of slots that went elsewhere are told, and so are those that
  // listen to channels there.
  void SetMap(std::shared_ptr<const SlotMap> map);
  std::shared_ptr<const SlotMap> map() const;

  // One call: a command of a client, or one of a transaction.
  struct Call {
    const Command* command;
    std::span<const std::string_view> args;
  };
  // The stripe of `slot` is held: nothing stands in the way of a command whose only key is there.
  bool Serves(int slot) const { return present_->ok() && present_->IsMine(slot) && !DependsOnKeys(*present_, slot) && bars_.load(std::memory_order_relaxed) == 0; }
  // The error to answer instead of running the calls, empty: run them. `held`: the stripes of all their keys are held; else
  // none is, and the answer holds for the moment.
  std::string Refusal(const Client& client, std::span<const Call> calls, std::int64_t now_ms, bool held);

  // Deletes what is in a slot that went to somebody else, as an effect. Returns how many keys there were. No stripe is held.
  std::size_t ClearSlot(ThreadState& thread, int slot);
  // The client's own thread: takes it off the channels of slots that are not served here any more, and writes it so.
  void LeaveLostChannels(Client& client, OutBuffer& out);

  // --- the lease of a primary.
  static constexpr std::int64_t kForever = INT64_MAX;  // no lease applies
  // The control plane: a majority of the voters stands behind this primary until then, of MonotonicMs().
  void SetServesUntil(std::int64_t end_ms) { serves_until_ms_.store(end_ms, std::memory_order_release); }
  // Looks at the clock. Never on a replica.
  bool LeaseEnded() const;
  // Before a batch is executed: from now on commands with keys are refused, or not any more. Returns whether.
  bool LookAtLease();
  // After LookAtLease() has said so: the command waits with its connection for a moment, since the control plane may only be
  // late. For whoever can wait.
  bool WaitsForLease(const Client& client, const Command& command, std::span<const std::string_view> args) const;

  // --- slots that change hands as a whole (docs/decisions/0025).
  // No stripe is held by the caller of these. From now on clients that can wait do.
  void Hold(const SlotSet& slots, SlotHold::Mode mode);
  // When it returns, no write to these slots is under way, and none begins until Release().
  void Seal();
  void Release();
  const SlotHold& hold() const { return hold_; }
  // How long the last hold lasted, or the present one until now; 0: there was none.
  std::int64_t held_us() const;
  // A client's command has to wait, with its connection. For whoever can wait; others are told TRYAGAIN by Refusal().
  bool Holds(const Client& client, const Command& command, std::span<const std::string_view> args) const;
  SlotExport& exporter() { return *exporter_; }
  SlotImport& importer() { return *importer_; }
  // Ends what is under way.
  void Stop();

 private:
  bool Names(const Command& command, std::span<const std::string_view> args) const;

  // Why Serves() says no whatever the map does.
  static constexpr std::uint8_t kSealed = 1;  // slots are held; set before all stripes are taken once
  static constexpr std::uint8_t kLapsed = 2;  // the lease had ended when it was last looked at

  Engine& engine_;
  SlotHold hold_;
  std::atomic<std::uint8_t> bars_{0};
  std::atomic<std::int64_t> serves_until_ms_{kForever};
  std::atomic<std::int64_t> lapsed_ms_{0};  // MonotonicMs() when the end of the lease was noticed first
  std::atomic<std::int64_t> hold_began_us_{0};
  std::atomic<std::int64_t> hold_ended_us_{0};
  std::unique_ptr<SlotExport> exporter_;
  std::unique_ptr<SlotImport> importer_;
  const SlotMap* present_;  // changed under all stripes
  mutable std::mutex mutex_;
  std::shared_ptr<const SlotMap> map_;  // guarded by mutex_; what present_ points to
};

}  // namespace slotwise
