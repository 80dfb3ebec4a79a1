#include "base/thread_slice.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/ablation.h"

namespace slotwise {
namespace {

// What sched_setattr(2) reads; <linux/sched/types.h> cannot be included beside <sched.h>.
struct SchedulingAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime_ns;
  std::uint64_t deadline_ns;
  std::uint64_t period_ns;
};

constexpr std::uint64_t kShortTurnNs = 100'000;  // the least that Linux takes

}  // namespace

void AskForShortTurns() {
  if (Ablated().turns || sched_getscheduler(0) != SCHED_OTHER) return;
  errno = 0;
  const int nice = getpriority(PRIO_PROCESS, 0);  // of this thread
  if (errno != 0) return;
  SchedulingAttributes attributes{};
  attributes.size = sizeof attributes;
  attributes.policy = SCHED_OTHER;
  attributes.nice = nice;
  attributes.runtime_ns = kShortTurnNs;
  syscall(SYS_sched_setattr, 0, &attributes, 0u);
}

}  // namespace slotwise
