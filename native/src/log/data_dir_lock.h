// One process per data directory. The lock is flock(2) on `<dir>/slotwise.lock`, which the kernel drops when its holder
// dies however it dies, so a stale file never keeps anybody out. The holder's pid stands in the file for the message.
//
// On shared storage a lock may be lost while its holder lives: a paused process, a machine cut off from the file server. So each
// holder also writes an epoch, one more than the last, and a token of its own, before it reads any data; and whoever holds the lock
// asks StillMine() to find out whether somebody has come since. What the log does with the answer: aof_log.h.
//
// Format of the file: "pid\nepoch N TOKEN\n", "released\n" behind it after a clean end, padded with line ends to 128 bytes that
// are written in one call.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace slotwise {

class DataDirLock {
 public:
  // Fails with EWOULDBLOCK and "... is locked by pid N" while another holder (of any process, also this one) lives.
  static Status Acquire(const std::string& dir, std::unique_ptr<DataDirLock>* out);
  // The same, but a holder is no obstacle: the file is replaced, and what others hold is a file without a name.
  static Status Seize(const std::string& dir, std::unique_ptr<DataDirLock>* out);
  // Somebody holds it now. `pid` becomes what the file says of who that is.
  static bool IsHeld(const std::string& dir, std::string* pid);
  ~DataDirLock();  // releases
  DataDirLock(const DataDirLock&) = delete;
  DataDirLock& operator=(const DataDirLock&) = delete;

  // False if somebody else's token stands in the file. Opens it anew, as a network file system wants it for news from other
  // machines. Any thread.
  bool StillMine() const;
  // The holder before did not let go by itself: it died, or it lives and does not know yet.
  bool took_over() const { return took_over_; }
  std::uint64_t epoch() const { return epoch_; }

 private:
  DataDirLock(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  Status Claim();
  std::string Text(bool released) const;

  const std::string path_;
  const int fd_;
  std::uint64_t epoch_ = 0;
  std::string token_;
  bool took_over_ = false;
};

}  // namespace slotwise
