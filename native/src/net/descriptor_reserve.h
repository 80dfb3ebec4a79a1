// DescriptorReserve: the file descriptors that clients may not take. The log, snapshots, links to replicas and the cluster
// bus need some when clients have all they could get (Redis keeps 32, too).
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

namespace slotwise {

class DescriptorReserve {
 public:
  static constexpr int kMost = 32;

  // Whether `fd`, the lowest that was free, lies beyond what clients may take. The limit of the process may grow meanwhile.
  bool Begins(int fd) {
    if (fd < begin_) return false;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
    const int all = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
    size_ = std::min(kMost, all / 4);
    begin_ = all - size_;
    return fd >= begin_;
  }

  // Whether a client could get one. `fd`: any that is open. Two system calls.
  bool IsAllThatIsLeft(int fd) {
    const int lowest = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (lowest < 0) return true;
    close(lowest);
    return Begins(lowest);
  }

  // How many they are; known once one of them was reached.
  int size() const { return size_; }

 private:
  int begin_ = 0;
  int size_ = 0;
};

}  // namespace slotwise
