#include "engine/position_waits.h"

#include <utility>

#include "engine/blocking.h"
#include "engine/engine.h"
#include "engine/replication.h"
#include "engine/waiter.h"

namespace slotwise {

void PositionWaits::Add(const std::shared_ptr<Waiter>& waiter, StreamPosition wanted) {
  {
    std::lock_guard<std::mutex> guard(mutex_);
    waits_.push_back({waiter, std::move(wanted)});
    count_.store(waits_.size());
  }
  Look();
}

void PositionWaits::Look() {
  std::vector<std::shared_ptr<Waiter>> answered;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    std::erase_if(waits_, [&](Wait& wait) {
      std::shared_ptr<Waiter>& waiter = wait.waiter;
      if (waiter->ended()) return true;
      const Reach reach = replication_.ReachOf(wait.wanted);
      if (reach == Reach::kNotYet) return false;
      if (!engine_.blocking().Claim(*waiter)) return true;
      waiter->reply = reach == Reach::kReached ? "+OK\r\n" : "-" + replication_.OtherHistoryText(wait.wanted) + "\r\n";
      answered.push_back(std::move(waiter));
      return true;
    });
    count_.store(waits_.size());
  }
  for (std::shared_ptr<Waiter>& waiter : answered) {
    ClientSink& sink = *waiter->sink;
    sink.Unblocked(std::move(waiter));
  }
}

}  // namespace slotwise
