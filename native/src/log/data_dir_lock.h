// One process per data directory. The lock is flock(2) on `<dir>/slotwise.lock`, which the kernel drops when its holder
// dies however it dies, so a stale file never keeps anybody out. The holder's pid stands in the file for the message.
#pragma once
#include <memory>
#include <string>

#include "base/status.h"

namespace slotwise {

class DataDirLock {
 public:
  // Fails with EWOULDBLOCK and "... is locked by pid N" while another holder (of any process, also this one) lives.
  static Status Acquire(const std::string& dir, std::unique_ptr<DataDirLock>* out);
  ~DataDirLock();  // releases
  DataDirLock(const DataDirLock&) = delete;
  DataDirLock& operator=(const DataDirLock&) = delete;

 private:
  explicit DataDirLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace slotwise
