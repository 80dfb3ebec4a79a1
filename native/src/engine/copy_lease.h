// What a node may do that is one of its shard's copies, where acknowledgements are to outlive every fail-over (repl-ack quorum; in a
// cluster, strict semi-sync too). The control plane says under which tag replicas acknowledge, how many must, and until when a
// primary may answer. Then nothing falls back, and replies that depend on keys leave within the lease only.
// Kept apart from SemiSyncGate, which counts: nearly everything includes that one.
// Elsewhere: why (packages/election, copies), counting (engine/semi_sync_gate.h), who looks at the clock (engine/cluster.h).
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace slotwise {

class Engine;

struct CopyDuty {
  std::string tag;                     // of acknowledgements that count; empty: none do
  std::int64_t needed = 0;             // how many replicas must acknowledge; 0: not known yet
  std::int64_t serves_until_ms = 0;    // MonotonicMs() from which on nothing that depends on keys may leave
  bool feeds = false;                  // replicas may begin to follow
  std::string why;                     // nothing is served, in words
};

class CopyLease {
 public:
  explicit CopyLease(Engine& engine) : engine_(engine) {}

  // The control plane. No stripe is held. When it returns no acknowledgement with another tag leaves any more.
  void SetDuty(CopyDuty duty);
  // Stripes may be held, and the gate's mutex.
  CopyDuty duty() const;
  // What a replica acknowledges is looked up and written under this mutex, with the tag.
  std::mutex& tag_mutex() { return tag_mutex_; }
  const std::string& tag() const { return tag_; }  // guarded by tag_mutex()
  // SemiSyncGate: what directives say. `fsyncs`: the own log is what is promised of it; `held_ms_max`: see below.
  void Configure(bool counted, bool fsyncs, std::int64_t held_ms_max);

  // --- hot: atomics only.
  // Copies are counted here: replies that depend on keys leave within a lease only (engine/cluster.h looks at the clock).
  bool counted() const { return counted_.load(std::memory_order_relaxed); }
  // MonotonicMs() at which a primary's lease ends. 0: there is none; INT64_MAX: copies are not counted.
  std::int64_t end_ms() const { return end_ms_.load(std::memory_order_acquire); }
  bool feeds() const { return feeds_.load(std::memory_order_relaxed); }
  // How long replies may be held back before their client is told so.
  std::int64_t held_ms_max() const { return held_ms_max_.load(std::memory_order_relaxed); }

 private:
  void PublishLocked();

  Engine& engine_;
  std::atomic<bool> counted_{false};
  std::atomic<bool> feeds_{true};
  std::atomic<std::int64_t> end_ms_{INT64_MAX};
  std::atomic<std::int64_t> held_ms_max_{0};
  std::mutex tag_mutex_;
  std::string tag_;            // guarded by tag_mutex_
  mutable std::mutex mutex_;   // guards the rest; nothing else is locked under it
  CopyDuty duty_;
  bool fsyncs_ = true;
};

}  // namespace slotwise
