// Who waits until a position of the stream is applied here (SLOTWISE.WAITFOR). Looked at by whoever comes, and by the link's thread
// after each of its turns, which is when what is applied has grown: nobody who writes or applies pays for it.
// Lock order: this mutex, then Replication's. Elsewhere: what is reached (replication/position_token.h), waiting (engine/blocking.h).
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "replication/link.h"

namespace slotwise {

class Engine;
class Replication;
class Waiter;

class PositionWaits {
 public:
  PositionWaits(Engine& engine, Replication& replication) : engine_(engine), replication_(replication) {}
  PositionWaits(const PositionWaits&) = delete;
  PositionWaits& operator=(const PositionWaits&) = delete;

  // The waiter is answered +OK, or that its position is of another history. No stripe is held by the caller of either.
  void Add(const std::shared_ptr<Waiter>& waiter, StreamPosition wanted);
  // More may be applied, or the history have changed.
  void Step() {
    // A full barrier, as the store in Add(): who adds sees what is applied, or who applies sees that somebody waits.
    if (count_.fetch_add(0) != 0) Look();
  }

 private:
  struct Wait {
    std::shared_ptr<Waiter> waiter;  // a caller inside the process keeps none itself
    StreamPosition wanted;
  };
  void Look();

  Engine& engine_;
  Replication& replication_;
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
  std::vector<Wait> waits_;
};

}  // namespace slotwise
