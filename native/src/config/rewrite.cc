#include "config/rewrite.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <deque>
#include <unordered_map>

#include "base/split_args.h"

namespace slotwise {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The canonical directive of a line's first word; empty if a configuration file has no such word.
std::string CanonicalWord(const std::string& word) {
  if (const auto found = FindDirective(word)) return SpecOf(found->directive).name;
  for (const char* known : {"include", "rename-command", "user", "loadmodule", "sentinel"}) {
    if (strcasecmp(word.c_str(), known) == 0) return known;
  }
  return {};
}

struct File {
  std::vector<std::string> lines;
  std::unordered_map<std::string, std::deque<std::size_t>> lines_of;  // directive -> its lines not yet used, in order
  bool has_marker = false;
};

File Read(std::string_view text) {
  File file;
  std::vector<std::string> words;
  for (bool more = !text.empty(); more;) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    more = end != std::string_view::npos;
    if (more) text.remove_prefix(end + 1);
    if (line.empty() || line[0] == '#') {
      file.has_marker = file.has_marker || line == kRewriteMarker;
      file.lines.emplace_back(line);
      continue;
    }
    const bool split = SplitArgs(line, &words) && !words.empty();
    const std::string directive = split ? CanonicalWord(words[0]) : std::string();
    if (directive.empty()) {
      file.lines.push_back("# ??? " + std::string(line));
      continue;
    }
    file.lines_of[directive].push_back(file.lines.size());
    file.lines.emplace_back(line);
  }
  return file;
}

void Write(File& file, const RewriteEntry& entry, bool force_all) {
  auto& old_lines = file.lines_of[entry.name];
  // Decided line by line, as Redis does: a line that is not forced appears only while old lines are left to take it.
  for (const ConfigLine& line : entry.lines) {
    if (!old_lines.empty()) {
      file.lines[old_lines.front()] = line.text;
      old_lines.pop_front();
    } else if (line.forced || force_all) {
      if (!file.has_marker) file.lines.emplace_back(kRewriteMarker);
      file.has_marker = true;
      file.lines.push_back(line.text);
    }
  }
  for (const std::size_t surplus : old_lines) file.lines[surplus].clear();
}

Status Errno(const char* what, const std::string& path) {
  const int code = errno;
  return Status::Error(code, std::string(what) + ' ' + path + ": " + std::strerror(code));
}

Status ReadWholeFile(const std::string& path, std::string* text) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? Status::Ok() : Errno("open", path);
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

// A new file beside `path`, in the mode the umask leaves of 0644. mkostemp would make it 0600, and asking for the umask
// means changing it under the other threads.
int CreateTemporary(const std::string& path, std::string* temporary) {
  for (int attempt = 0;; ++attempt) {
    *temporary = path + '.' + std::to_string(getpid()) + '.' + std::to_string(attempt) + ".tmp";
    const int fd = open(temporary->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0 || errno != EEXIST || attempt == 100) return fd;
  }
}

}  // namespace

std::string RewriteConfigText(std::string_view old_text, const std::vector<RewriteEntry>& entries, bool force_all) {
  File file = Read(old_text);
  for (const RewriteEntry& entry : entries) Write(file, entry, force_all);
  std::string text;
  bool after_empty = false;
  for (const std::string& line : file.lines) {
    // Removed lines leave gaps: one empty line is enough.
    if (line.empty() && after_empty) continue;
    after_empty = line.empty();
    text.append(line).push_back('\n');
  }
  return text;
}

Status RewriteConfigFile(const std::string& path, const std::vector<RewriteEntry>& entries, bool force_all) {
  std::string old_text;
  if (Status status = ReadWholeFile(path, &old_text); !status.ok()) return status;
  const std::string text = RewriteConfigText(old_text, entries, force_all);

  std::string temporary;
  const int fd = CreateTemporary(path, &temporary);
  if (fd < 0) return Errno("create", temporary);
  const char* step = "write";
  bool done = WriteAll(fd, text);
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
