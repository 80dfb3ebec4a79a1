#include "log/aof_manifest.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <set>

#include "base/crc32c.h"

namespace slotwise {
namespace {

constexpr std::size_t kLineSizeMax = 1024;             // with its LF
constexpr std::string_view kChecksumLine = "# slotwise crc32c ";

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescaped(char c) {
  switch (c) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return '\b';
    case 'a': return '\a';
    default: return c;
  }
}

// One quoted word starting after its opening quote; advances `pos` behind the closing one. False if it never closes or
// something sticks to it.
bool ReadQuoted(std::string_view line, char quote, std::size_t* pos, std::string* word) {
  for (std::size_t i = *pos; i < line.size(); ++i) {
    char c = line[i];
    if (c == quote) {
      *pos = i + 1;
      return *pos == line.size() || IsSpace(line[*pos]);
    }
    if (c != '\\' || i + 1 >= line.size()) {
      *word += c;
    } else if (quote == '\'') {
      if (line[i + 1] == '\'') ++i;
      *word += line[i];
    } else if (line[i + 1] == 'x' && i + 3 < line.size() && HexDigit(line[i + 2]) >= 0 && HexDigit(line[i + 3]) >= 0) {
      *word += static_cast<char>(HexDigit(line[i + 2]) * 16 + HexDigit(line[i + 3]));
      i += 3;
    } else {
      *word += Unescaped(line[++i]);
    }
  }
  return false;
}

bool SplitWords(std::string_view line, std::vector<std::string>* words) {
  std::size_t pos = 0;
  for (;;) {
    while (pos < line.size() && IsSpace(line[pos])) ++pos;
    if (pos == line.size()) return true;
    std::string word;
    while (pos < line.size() && !IsSpace(line[pos])) {
      char c = line[pos++];
      if (c == '"' || c == '\'') {
        if (!ReadQuoted(line, c, &pos, &word)) return false;
        break;
      }
      word += c;
    }
    words->push_back(std::move(word));
  }
}

bool EqualsIgnoringCase(std::string_view a, std::string_view lower) {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + 32) : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// Why the line is refused, or null.
const char* ParseLine(std::string_view line, std::set<std::string>* names, AofManifest* out) {
  constexpr const char* kFormat = "Invalid AOF manifest file format";
  std::vector<std::string> words;
  if (!SplitWords(line, &words) || words.size() < 6 || words.size() % 2 != 0) return kFormat;
  AofFileInfo info;
  bool seen_file = false;
  bool seen_seq = false;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string& value = words[i + 1];
    if (EqualsIgnoringCase(words[i], "file")) {
      // A key given twice is two lines run together by a damaged line end.
      if (seen_file || value.empty()) return kFormat;
      if (value.find_first_of("/\\") != std::string::npos || value == "." || value == "..") {
        return "File can't be a path, just a filename";
      }
      seen_file = true;
      info.name = value;
    } else if (EqualsIgnoringCase(words[i], "seq")) {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), info.seq);
      if (seen_seq || error != std::errc() || end != value.data() + value.size() || info.seq > INT64_MAX) return kFormat;
      seen_seq = true;
    } else if (EqualsIgnoringCase(words[i], "type")) {
      if (info.type != 0 || value.empty()) return kFormat;
      info.type = value[0];
    }
  }
  if (!seen_file || info.seq == 0 || info.type == 0) return kFormat;
  if (!names->insert(info.name).second) return "Found a file listed twice";
  switch (info.type) {
    case 'b':
      if (out->base) return "Found duplicate base file information";
      out->base = std::move(info);
      return nullptr;
    case 'h':
      out->history.push_back(std::move(info));
      return nullptr;
    case 'i':
      if (!out->incr.empty() && info.seq <= out->incr.back().seq) return "Found a non-monotonic sequence number";
      out->incr.push_back(std::move(info));
      return nullptr;
    default:
      return "Unknown AOF file type";
  }
}

Status Refuse(int line_number, std::string_view line, const char* reason) {
  return Status::Error(EINVAL, "*** FATAL AOF MANIFEST FILE ERROR ***\nReading the manifest file, at line " +
                                   std::to_string(line_number) + "\n>>> '" + std::string(line) + "'\n" + reason);
}

void PrintFile(const AofFileInfo& info, std::string* out) {
  *out += "file " + QuoteWord(info.name) + " seq " + std::to_string(info.seq) + " type " + info.type + "\n";
}

}  // namespace

std::string QuoteWord(std::string_view name) {
  bool plain = !name.empty();
  for (char c : name) plain = plain && c > ' ' && c < 127 && c != '\\' && c != '"' && c != '\'';
  if (plain) return std::string(name);
  std::string out = "\"";
  for (char c : name) {
    switch (c) {
      case '\\':
      case '"': out += '\\'; out += c; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\a': out += "\\a"; break;
      case '\b': out += "\\b"; break;
      default:
        if (c >= ' ' && c < 127) {
          out += c;
        } else {
          char hex[5];
          std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
          out += hex;
        }
    }
  }
  return out + '"';
}

std::uint64_t AofManifest::NextIncrSeq() const {
  std::uint64_t last = incr.empty() ? 0 : incr.back().seq;
  // History that is still there: its names are taken.
  for (const AofFileInfo& info : history) {
    if (info.name.find(".incr.") != std::string::npos) last = std::max(last, info.seq);
  }
  return last + 1;
}

std::uint64_t AofManifest::NextBaseSeq() const {
  std::uint64_t last = base ? base->seq : 0;
  for (const AofFileInfo& info : history) {
    if (info.name.find(".incr.") == std::string::npos) last = std::max(last, info.seq);
  }
  return last + 1;
}

std::string AofManifest::Print() const {
  std::string out;
  if (base) PrintFile(*base, &out);
  for (const AofFileInfo& info : history) PrintFile(info, &out);
  for (const AofFileInfo& info : incr) PrintFile(info, &out);
  char crc[16];
  std::snprintf(crc, sizeof(crc), "%08x", Crc32c(out));
  return out + std::string(kChecksumLine) + crc + "\n";
}

Status AofManifest::Parse(std::string_view text, AofManifest* out) {
  *out = AofManifest();
  if (text.empty()) return Refuse(0, "", "Found an empty AOF manifest");
  std::set<std::string> names;
  std::size_t begin = 0;
  for (int number = 1; begin < text.size(); ++number) {
    std::string_view rest = text.substr(begin);
    std::size_t end = rest.substr(0, kLineSizeMax).find('\n');
    std::string_view line = rest.substr(0, end == std::string_view::npos ? kLineSizeMax : end);
    if (end == std::string_view::npos || line.find('\0') != std::string_view::npos) {
      return Refuse(number, line.substr(0, line.find('\0')), "The AOF manifest file contains too long line");
    }
    if (line.substr(0, kChecksumLine.size()) == kChecksumLine) {
      char expected[16];
      std::snprintf(expected, sizeof(expected), "%08x", Crc32c(text.substr(0, begin)));
      if (line.substr(kChecksumLine.size()) != expected) {
        return Refuse(number, line,
                      "The lines above do not match this checksum: the manifest is damaged. If it was edited on purpose, "
                      "remove this line");
      }
      out->has_checksum = true;
    } else if (line.empty() || line[0] != '#') {
      if (const char* reason = ParseLine(line, &names, out)) return Refuse(number, line, reason);
    }
    begin += end + 1;
  }
  return Status::Ok();
}

Status ReadSmallFile(FileSystem& files, const std::string& path, std::size_t size_max, std::string* out) {
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  if (error < 0) return Status::Error(-error, std::strerror(-error));
  std::int64_t size = file->Size();
  if (size < 0) return Status::Error(static_cast<int>(-size), std::strerror(static_cast<int>(-size)));
  if (static_cast<std::uint64_t>(size) > size_max) return Status::Error(EFBIG, std::strerror(EFBIG));
  out->resize(static_cast<std::size_t>(size));
  std::int64_t n = file->ReadAt(0, out->data(), out->size());
  if (n < 0) return Status::Error(static_cast<int>(-n), std::strerror(static_cast<int>(-n)));
  out->resize(static_cast<std::size_t>(n));
  return Status::Ok();
}

Status PersistManifest(FileSystem& files, const std::string& dir, const std::string& name, const AofManifest& manifest) {
  std::string temp = dir + "/temp-" + name;
  std::string path = dir + "/" + name;
  std::unique_ptr<File> file;
  int error = files.Open(temp, OpenMode::kCreateTruncate, &file);
  if (error < 0) {
    return Status::Error(-error, "Can't open the AOF manifest file " + temp + ": " + std::strerror(-error));
  }
  std::string text = manifest.Print();
  for (std::size_t done = 0; done < text.size();) {
    std::int64_t n = file->Append(std::string_view(text).substr(done));
    if (n <= 0) {
      int code = n < 0 ? static_cast<int>(-n) : ENOSPC;
      return Status::Error(code, "Error trying to write the temporary AOF manifest file " + temp + ": " + std::strerror(code));
    }
    done += static_cast<std::size_t>(n);
  }
  if ((error = file->SyncData()) < 0) {
    return Status::Error(-error, "Fail to fsync the temp AOF file " + temp + ": " + std::strerror(-error) + ".");
  }
  file.reset();
  if ((error = files.Rename(temp, path)) < 0) {
    return Status::Error(-error, "Error trying to rename the temporary AOF manifest file " + temp + " into " + path + ": " +
                                     std::strerror(-error));
  }
  if ((error = files.SyncDir(dir)) < 0) {
    return Status::Error(-error, "Fail to fsync AOF directory " + dir + ": " + std::strerror(-error) + ".");
  }
  return Status::Ok();
}

}  // namespace slotwise
