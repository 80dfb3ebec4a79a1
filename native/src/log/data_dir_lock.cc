#include "log/data_dir_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace slotwise {

Status DataDirLock::Acquire(const std::string& dir, std::unique_ptr<DataDirLock>* out) {
  std::string path = dir + "/slotwise.lock";
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    int error = errno;
    return Status::Error(error, "Can't lock the data directory '" + dir + "': " + std::strerror(error) +
                                    ". It must exist and be writable by this user");
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    int error = errno;
    std::string owner;
    if (error == EWOULDBLOCK) {
      char digits[32];
      ssize_t n = pread(fd, digits, sizeof(digits), 0);
      for (ssize_t i = 0; i < n && digits[i] >= '0' && digits[i] <= '9'; ++i) owner += digits[i];
    }
    close(fd);
    if (error == EWOULDBLOCK) {
      return Status::Error(error, "The data directory '" + dir + "' is locked by pid " + (owner.empty() ? "unknown" : owner) +
                                      ". Stop that process or use another directory");
    }
    return Status::Error(error, "Can't lock '" + path + "': " + std::strerror(error));
  }
  std::string pid = std::to_string(getpid()) + "\n";
  // On a full disk the pid is missing from the message of a second process; the lock itself holds all the same.
  if (ftruncate(fd, 0) == 0) (void)!pwrite(fd, pid.data(), pid.size(), 0);
  out->reset(new DataDirLock(fd));
  return Status::Ok();
}

DataDirLock::~DataDirLock() { close(fd_); }

}  // namespace slotwise
