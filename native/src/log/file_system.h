// Every file operation of the log goes through this interface, so that tests can record it, cut the power after any
// call and fail any call. PosixFiles() is the real one; the recording model lives in test/recording_files.h.
// Paths are plain strings. Functions return 0 or a byte count on success and -errno on failure, like system calls.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace slotwise {

// One open file. Thread-safety is that of a file descriptor: positioned reads and Sync from any thread, Append by one
// thread at a time.
class File {
 public:
  virtual ~File() = default;  // closes
  // Appends at the end. May write less than asked (a short write).
  virtual std::int64_t Append(std::string_view bytes) = 0;
  // The same for several pieces in one call (writev); may stop anywhere, also inside a piece.
  virtual std::int64_t AppendParts(const std::string_view* parts, std::size_t count) = 0;
  // Overwrites in place. Only for files opened with kReadWrite or kOverwriteDurably: Linux appends to the others whatever
  // the offset. With kOverwriteDurably the bytes are durable when it returns; they, their size and offset are aligned to 4096.
  virtual std::int64_t WriteAt(std::uint64_t offset, std::string_view bytes) = 0;
  // Reads until `size` bytes or the end of the file; less than `size` therefore means the end.
  virtual std::int64_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) = 0;
  virtual int SyncData() = 0;  // fdatasync
  virtual int Truncate(std::uint64_t size) = 0;
  virtual std::int64_t Size() = 0;
  // False if `path` no longer names this file: it was removed, replaced or moved while open.
  virtual bool StillAt(const std::string& /*path*/) { return true; }
  // Tells this file from a copy of it; the same after a restart and after a rename (inode number). 0 if unknown.
  virtual std::uint64_t Identity() { return 0; }
};

inline constexpr int kNoLinks = 95;  // EOPNOTSUPP

enum class OpenMode { kRead, kReadWrite, kAppendExisting, kCreateTruncate, kOverwriteDurably };

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual int Open(const std::string& path, OpenMode mode, std::unique_ptr<File>* out) = 0;
  virtual int Rename(const std::string& from, const std::string& to) = 0;
  virtual int Unlink(const std::string& path) = 0;
  // A second name for the same file; -EEXIST if `to` is there.
  virtual int Link(const std::string& /*from*/, const std::string& /*to*/) { return -kNoLinks; }
  virtual int MakeDir(const std::string& path) = 0;      // 0 if it exists already
  virtual int SyncDir(const std::string& path) = 0;      // fsync of the directory itself
  virtual int List(const std::string& path, std::vector<std::string>* names) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Names this boot of the machine: what was written during the same boot is still in memory even if the process was
  // killed, so only a changed id makes lost sectors possible. Empty if unknown, which counts as changed.
  virtual std::string BootId() { return {}; }
};

// The operating system's files.
FileSystem& PosixFiles();

}  // namespace slotwise
