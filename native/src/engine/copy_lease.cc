#include "engine/copy_lease.h"

#include <utility>

#include "engine/engine.h"
#include "engine/replica_link.h"
#include "engine/replication.h"

namespace slotwise {

void CopyLease::SetDuty(CopyDuty duty) {
  bool retagged;
  {
    std::lock_guard<std::mutex> guard(tag_mutex_);
    retagged = tag_ != duty.tag;
    tag_ = duty.tag;
  }
  bool counts_differ;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    counts_differ = duty.tag != duty_.tag || duty.needed != duty_.needed;
    duty_ = std::move(duty);
    PublishLocked();
  }
  if (counts_differ) engine_.semi_sync().Configure();
  if (retagged && engine_.is_replica()) engine_.replication().link().AcknowledgeSoon();
}

CopyDuty CopyLease::duty() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return duty_;
}

void CopyLease::Configure(bool counted, bool fsyncs, std::int64_t held_ms_max) {
  std::lock_guard<std::mutex> guard(mutex_);
  fsyncs_ = fsyncs;
  held_ms_max_.store(held_ms_max, std::memory_order_relaxed);
  counted_.store(counted, std::memory_order_relaxed);
  PublishLocked();
}

void CopyLease::PublishLocked() {
  feeds_.store(!counted() || duty_.feeds, std::memory_order_relaxed);
  end_ms_.store(!counted() ? INT64_MAX : fsyncs_ ? duty_.serves_until_ms : 0, std::memory_order_release);
}

}  // namespace slotwise
