// The operating system's files. Files are private to the user (0600): the log holds every value of the store.
#include "log/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace slotwise {
namespace {

class PosixFile final : public File {
 public:
  explicit PosixFile(int fd) : fd_(fd) {}
  ~PosixFile() override { close(fd_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  std::int64_t Append(std::string_view bytes) override {
    for (;;) {
      ssize_t n = write(fd_, bytes.data(), bytes.size());
      if (n >= 0) return n;
      if (errno != EINTR) return -errno;
    }
  }

  std::int64_t AppendParts(const std::string_view* parts, std::size_t count) override {
    if (count == 1) return Append(parts[0]);
    constexpr std::size_t kPartsMax = 64;
    static_assert(kPartsMax <= IOV_MAX);
    std::array<iovec, kPartsMax> vectors;
    std::int64_t total = 0;
    while (count > 0) {
      std::size_t n = std::min(count, kPartsMax);
      std::int64_t asked = 0;
      for (std::size_t i = 0; i < n; ++i) {
        vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
        asked += static_cast<std::int64_t>(parts[i].size());
      }
      ssize_t done = writev(fd_, vectors.data(), static_cast<int>(n));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return total > 0 ? total : -errno;
      total += done;
      if (done < asked) return total;
      parts += n;
      count -= n;
    }
    return total;
  }

  std::int64_t WriteAt(std::uint64_t offset, std::string_view bytes) override {
    for (;;) {
      ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n >= 0) return n;
      if (errno != EINTR) return -errno;
    }
  }

  std::int64_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      ssize_t n = pread(fd_, buffer + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -errno;
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return static_cast<std::int64_t>(done);
  }

  int SyncData() override { return fdatasync(fd_) == 0 ? 0 : -errno; }
  int Truncate(std::uint64_t size) override { return ftruncate(fd_, static_cast<off_t>(size)) == 0 ? 0 : -errno; }
  std::int64_t Size() override {
    struct stat st;
    return fstat(fd_, &st) == 0 ? static_cast<std::int64_t>(st.st_size) : -errno;
  }
  bool StillAt(const std::string& path) override {
    struct stat mine;
    struct stat named;
    return fstat(fd_, &mine) == 0 && stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
  }
  std::uint64_t Identity() override {
    struct stat st;
    return fstat(fd_, &st) == 0 ? static_cast<std::uint64_t>(st.st_ino) : 0;
  }

 private:
  int fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  int Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* out) override {
    int flags = O_RDONLY;
    if (mode == OpenMode::kReadWrite) flags = O_RDWR;
    if (mode == OpenMode::kAppendExisting) flags = O_RDWR | O_APPEND;
    if (mode == OpenMode::kCreateTruncate) flags = O_RDWR | O_APPEND | O_CREAT | O_TRUNC;
    // Past the page cache it takes a quarter less time; not every file system can (tmpfs).
    if (mode == OpenMode::kOverwriteDurably) flags = O_RDWR | O_DSYNC | O_DIRECT;
    int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EINVAL && (flags & O_DIRECT) != 0) fd = open(path.c_str(), (flags & ~O_DIRECT) | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
      close(fd);
      return -EISDIR;
    }
    *out = std::make_unique<PosixFile>(fd);
    return 0;
  }
  int Rename(const std::string& from, const std::string& to) override {
    return rename(from.c_str(), to.c_str()) == 0 ? 0 : -errno;
  }
  int Unlink(const std::string& path) override { return unlink(path.c_str()) == 0 ? 0 : -errno; }
  int Link(const std::string& from, const std::string& to) override {
    return link(from.c_str(), to.c_str()) == 0 ? 0 : -errno;
  }
  int MakeDir(const std::string& path) override {
    if (mkdir(path.c_str(), 0755) == 0) return 0;
    int error = errno;
    struct stat st;
    if (error == EEXIST && stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) return 0;
    return -error;
  }
  int SyncDir(const std::string& path) override {
    int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int result = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    // Some network file systems cannot sync a directory; they order its changes themselves.
    return result == -EINVAL ? 0 : result;
  }
  int List(const std::string& path, std::vector<std::string>* names) override {
    names->clear();
    DIR* dir = opendir(path.c_str());
    if (dir == nullptr) return -errno;
    while (dirent* entry = readdir(dir)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") names->push_back(std::move(name));
    }
    closedir(dir);
    return 0;
  }
  bool Exists(const std::string& path) override { return access(path.c_str(), F_OK) == 0; }
  std::string BootId() override {
    std::string id;
    if (FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "re")) {
      char line[64];
      std::size_t n = std::fread(line, 1, sizeof(line), file);
      std::fclose(file);
      id.assign(line, n);
      while (!id.empty() && id.back() == '\n') id.pop_back();
    }
    return id;
  }
};

}  // namespace

FileSystem& PosixFiles() {
  static PosixFileSystem files;
  return files;
}

}  // namespace slotwise
