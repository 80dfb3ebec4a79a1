#include "base/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace slotwise {
namespace {

Status Errno(const char* what, const std::string& path) {
  const int code = errno;
  return Status::Error(code, std::string(what) + ' ' + path + ": " + std::strerror(code));
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool SyncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string dir = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return false;
  // Some file systems cannot sync a directory; there is then nothing to wait for.
  const bool synced = fsync(fd) == 0 || errno == EINVAL || errno == EBADF;
  const int code = errno;
  close(fd);
  errno = code;
  return synced;
}

// A new file beside `path`. mkostemp would make it 0600, and asking for the umask means changing it under the other
// threads.
int CreateTemporary(const std::string& path, std::string* temporary) {
  for (int attempt = 0;; ++attempt) {
    *temporary = path + '.' + std::to_string(getpid()) + '.' + std::to_string(attempt) + ".tmp";
    const int fd = open(temporary->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0 || errno != EEXIST || attempt == 100) return fd;
  }
}

}  // namespace

Status ReadWholeFile(const std::string& path, std::string* text) {
  text->clear();
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Errno("open", path);
  char buffer[16384];
  Status status;
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status = Errno("read", path);
    if (n <= 0) break;
    text->append(buffer, static_cast<std::size_t>(n));
  }
  close(fd);
  return status;
}

Status ReplaceFile(const std::string& path, std::string_view text) {
  std::string temporary;
  const int fd = CreateTemporary(path, &temporary);
  if (fd < 0) return Errno("create", temporary);
  const char* step = "write";
  bool done = true;
  if (struct stat old{}; stat(path.c_str(), &old) == 0) done = (step = "chmod", fchmod(fd, old.st_mode & 07777) == 0);
  if (done) done = (step = "write", WriteAll(fd, text));
  if (done) done = (step = "fsync", fsync(fd) == 0);
  if (done) done = (step = "rename", rename(temporary.c_str(), path.c_str()) == 0);
  if (done) {
    close(fd);
    return SyncDirectoryOf(path) ? Status::Ok() : Errno("fsync directory of", path);
  }
  const int code = errno;
  close(fd);
  unlink(temporary.c_str());
  errno = code;
  return Errno(step, path);
}

}  // namespace slotwise
