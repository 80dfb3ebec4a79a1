#include "config/rewrite.h"

#include <cerrno>
#include <strings.h>

#include <deque>
#include <unordered_map>

#include "base/atomic_file.h"
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
  // The HTTP gateway's, and the binlog's retention, which only TypeScript knows.
  if (strncasecmp(word.c_str(), "http-", 5) == 0 || strncasecmp(word.c_str(), "binlog-", 7) == 0) return word;
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
  if (Status status = ReadWholeFile(path, &old_text); !status.ok() && status.code() != ENOENT) return status;
  return ReplaceFile(path, RewriteConfigText(old_text, entries, force_all));
}

}  // namespace slotwise
