#include "log/data_dir_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/random_hex.h"

namespace slotwise {
namespace {

constexpr std::size_t kTextSize = 128;

std::string PathIn(const std::string& dir) { return dir + "/slotwise.lock"; }

std::string ReadText(int fd) {
  char text[kTextSize];
  ssize_t n = pread(fd, text, sizeof(text), 0);
  return {text, n < 0 ? 0 : static_cast<std::size_t>(n)};
}

std::string PidIn(const std::string& text) {
  std::string pid;
  for (std::size_t i = 0; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) pid += text[i];
  return pid.empty() ? "unknown" : pid;
}

bool IsSameFile(int fd, int other) {
  struct stat a, b;
  return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Status Failed(const std::string& dir) {
  const int error = errno;
  return Status::Error(error, "Can't lock the data directory '" + dir + "': " + std::strerror(error) +
                                  ". It must exist and be writable by this user");
}

}  // namespace

Status DataDirLock::Acquire(const std::string& dir, std::unique_ptr<DataDirLock>* out) {
  const std::string path = PathIn(dir);
  int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(dir);
  std::unique_ptr<DataDirLock> lock(new DataDirLock(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    int error = errno;
    if (error != EWOULDBLOCK) return Status::Error(error, "Can't lock '" + path + "': " + std::strerror(error));
    return Status::Error(error, "The data directory '" + dir + "' is locked by pid " + PidIn(ReadText(fd)) +
                                    ". Stop that process or use another directory");
  }
  if (Status claimed = lock->Claim(); !claimed.ok()) return claimed;
  *out = std::move(lock);
  return Status::Ok();
}

Status DataDirLock::Seize(const std::string& dir, std::unique_ptr<DataDirLock>* out) {
  const std::string path = PathIn(dir);
  const std::string temp = path + "." + RandomHex(4);
  int old = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  int fd = open(temp.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    Status status = Failed(dir);
    if (old >= 0) close(old);
    return status;
  }
  std::unique_ptr<DataDirLock> lock(new DataDirLock(path, fd));
  if (old >= 0) {
    const std::string text = ReadText(old);
    close(old);
    if (pwrite(fd, text.data(), text.size(), 0) < 0) return Failed(dir);
  }
  // Under its own lock and claimed before it has the name, so that nobody ever sees it free.
  Status status = flock(fd, LOCK_EX | LOCK_NB) == 0 ? lock->Claim() : Failed(dir);
  if (status.ok() && rename(temp.c_str(), path.c_str()) != 0) status = Failed(dir);
  if (!status.ok()) {
    unlink(temp.c_str());
    return status;
  }
  int folder = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)fsync(folder);
    close(folder);
  }
  // Of two who seize at once the second has it.
  if (!lock->StillMine()) return Status::Error(EWOULDBLOCK, "The data directory '" + dir + "' was taken over by another process at the same time");
  *out = std::move(lock);
  return Status::Ok();
}

bool DataDirLock::IsHeld(const std::string& dir, std::string* pid) {
  int fd = open(PathIn(dir).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (held) *pid = PidIn(ReadText(fd));
  close(fd);
  return held;
}

Status DataDirLock::Claim() {
  const std::string before = ReadText(fd_);
  unsigned long long last = 0;
  const std::size_t at = before.find("\nepoch ");
  if (at != std::string::npos) std::sscanf(before.c_str() + at, "\nepoch %llu", &last);
  // An empty file is new; one without an epoch is of an earlier version, which did not say how it ended.
  took_over_ = !before.empty() && before.find("\nreleased\n") == std::string::npos;
  epoch_ = last + 1;
  token_ = RandomHex(8);
  const std::string text = Text(/*released=*/false);
  // On a full disk: the lock itself holds all the same, and a start that can do nothing with the disk fails soon enough.
  if (pwrite(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()) && fdatasync(fd_) == 0) return Status::Ok();
  if (errno == ENOSPC || errno == EDQUOT) {
    epoch_ = 0;
    return Status::Ok();
  }
  return Status::Error(errno, "Can't write '" + path_ + "': " + std::strerror(errno));
}

std::string DataDirLock::Text(bool released) const {
  std::string text = std::to_string(getpid()) + "\nepoch " + std::to_string(epoch_) + " " + token_ + "\n" + (released ? "released\n" : "");
  text.resize(kTextSize, '\n');
  return text;
}

bool DataDirLock::StillMine() const {
  int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  // Whoever takes over leaves a file with a token there. Without one somebody has removed it, or nothing can be opened.
  if (fd < 0) return true;
  const std::string text = ReadText(fd);
  const bool mine = epoch_ == 0 ? IsSameFile(fd, fd_) : text.empty() || text.find(" " + token_ + "\n") != std::string::npos;
  close(fd);
  return mine;
}

DataDirLock::~DataDirLock() {
  // Whoever has lost it does not touch the file of those who have it now.
  if (epoch_ != 0 && StillMine()) {
    const std::string text = Text(/*released=*/true);
    (void)!pwrite(fd_, text.data(), text.size(), 0);
  }
  close(fd_);
}

}  // namespace slotwise
