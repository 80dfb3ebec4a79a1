#include "log/binlog_state.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/random_hex.h"
#include "log/aof_manifest.h"

namespace slotwise {
namespace {

constexpr std::size_t kIdSize = 40;
constexpr std::size_t kStateSizeMax = 4 << 20;

std::string PathOf(const AofPaths& paths) { return paths.InDir(paths.base_name + ".binlog"); }

bool IsId(std::string_view id) {
  return id.size() == kIdSize && std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

bool IsConsumerName(std::string_view name) {
  auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

std::string PrintBinlogState(const BinlogState& state) {
  std::string text = "id " + state.id + "\n";
  for (const auto& [name, consumer] : state.consumers) {
    text += "consumer " + name + " " + std::to_string(consumer.seq) + " " + std::to_string(consumer.position) + " " +
            std::to_string(consumer.acked_seconds) + "\n";
  }
  return text + "end\n";
}

bool ParseBinlogState(std::string_view text, BinlogState* state) {
  *state = BinlogState();
  bool ended = false;
  while (!text.empty() && !ended) {
    const std::size_t size = text.find('\n');
    if (size == std::string_view::npos) return false;
    const std::string line(text.substr(0, size));
    text.remove_prefix(size + 1);
    char name[65] = "";
    unsigned long long seq = 0, position = 0;
    long long seconds = 0;
    int read = 0;
    if (line.starts_with("id ") && state->id.empty()) {
      if (!IsId(std::string_view(line).substr(3))) return false;
      state->id = line.substr(3);
    } else if (std::sscanf(line.c_str(), "consumer %64s %llu %llu %lld%n", name, &seq, &position, &seconds, &read) == 4 &&
               static_cast<std::size_t>(read) == line.size() && IsConsumerName(name)) {
      state->consumers[name] = {seq, position, seconds};
    } else if (line == "end") {
      ended = true;
    } else {
      return false;
    }
  }
  return ended && !state->id.empty();
}

Status LoadBinlogState(FileSystem& files, const AofPaths& paths, BinlogState* state) {
  std::string text;
  const Status read = ReadSmallFile(files, PathOf(paths), kStateSizeMax, &text);
  if (!read.ok() && read.code() != ENOENT) return Status::Error(read.code(), "Can't read " + PathOf(paths) + ": " + read.message());
  if (read.ok() && ParseBinlogState(text, state)) return Status::Ok();
  state->consumers.clear();
  if (state->id.empty()) state->id = RandomHex(static_cast<int>(kIdSize) / 2);
  return SaveBinlogState(files, paths, *state);
}

Status SaveBinlogState(FileSystem& files, const AofPaths& paths, const BinlogState& state) {
  const std::string path = PathOf(paths);
  const std::string temp = paths.InDir("temp-" + paths.base_name + ".binlog");
  const std::string text = PrintBinlogState(state);
  std::unique_ptr<File> file;
  int error = files.Open(temp, OpenMode::kCreateTruncate, &file);
  for (std::string_view left = text; error >= 0 && !left.empty();) {
    const std::int64_t n = file->Append(left);
    if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
    else error = n < 0 ? static_cast<int>(n) : -ENOSPC;
  }
  file.reset();
  if (error >= 0) error = files.Rename(temp, path);
  return error < 0 ? Status::Error(-error, "Can't write " + path + ": " + std::strerror(-error)) : Status::Ok();
}

}  // namespace slotwise
