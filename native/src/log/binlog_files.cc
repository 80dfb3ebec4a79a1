#include "log/binlog_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "log/aof_manifest.h"
#include "log/index_search.h"
#include "log/segment_index.h"

namespace slotwise {
namespace {

constexpr std::size_t kManifestSizeMax = 64 << 20;
constexpr std::size_t kTextSizeMax = 4096;
constexpr std::string_view kNote = ".note";

std::uint64_t SizeOf(FileSystem& files, const std::string& path) {
  std::unique_ptr<File> file;
  if (files.Open(path, OpenMode::kRead, &file) < 0) return 0;
  const std::int64_t size = file->Size();
  return size < 0 ? 0 : static_cast<std::uint64_t>(size);
}

// The folder of the history that goes on in the directory; empty: there is none.
std::string ArchiveFolder(FileSystem& files, const AofPaths& paths, const std::string& archive_dir) {
  std::string text;
  char id[41] = "";
  if (archive_dir.empty() || !ReadSmallFile(files, paths.archive_id, kTextSizeMax, &text).ok()) return {};
  if (std::sscanf(text.c_str(), "id %40[0-9a-f]\n", id) != 1 || std::strlen(id) != 40) return {};
  return archive_dir + "/" + id;
}

// Which segment follows an archived one, by its note; 0: that is not known.
std::uint64_t NextByNote(FileSystem& files, const std::string& path) {
  std::string text;
  if (!ReadSmallFile(files, path + std::string(kNote), kTextSizeMax, &text).ok()) return 0;
  const std::size_t at = text.find("\nnext ");
  std::uint64_t next = 0;
  if (at != std::string::npos) std::from_chars(text.data() + at + 6, text.data() + text.size(), next);
  return next;
}

}  // namespace

const BinlogFile* BinlogFileList::Find(std::uint64_t seq) const {
  auto it = std::lower_bound(files.begin(), files.end(), seq, [](const BinlogFile& f, std::uint64_t s) { return f.seq < s; });
  return it != files.end() && it->seq == seq ? &*it : nullptr;
}

const BinlogFile* BinlogFileList::Find(std::string_view name) const {
  std::uint64_t seq = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), seq);
  if (error == std::errc() && end == name.data() + name.size()) return Find(seq);
  auto it = std::find_if(files.begin(), files.end(), [&](const BinlogFile& f) { return f.name == name; });
  return it == files.end() ? nullptr : &*it;
}

const BinlogFile* BinlogFileList::After(std::uint64_t seq) const {
  auto it = std::upper_bound(files.begin(), files.end(), seq, [](std::uint64_t s, const BinlogFile& f) { return s < f.seq; });
  return it == files.end() ? nullptr : &*it;
}

Status ListBinlogFiles(FileSystem& files, const AofPaths& paths, const std::string& archive_dir, const CommitLog::Place& place, BinlogFileList* out) {
  *out = BinlogFileList();
  std::map<std::uint64_t, BinlogFile> by_seq;
  const std::string folder = ArchiveFolder(files, paths, archive_dir);
  std::vector<std::string> names;
  if (!folder.empty()) (void)files.List(folder, &names);
  const std::string prefix = paths.base_name + ".";
  for (const std::string& note : names) {
    if (!note.ends_with(kNote) || !note.starts_with(prefix)) continue;
    std::uint64_t seq = 0;
    std::from_chars(note.data() + prefix.size(), note.data() + note.size(), seq);
    const std::string name = note.substr(0, note.size() - kNote.size());
    if (seq != 0 && name == paths.IncrName(seq)) by_seq[seq] = {seq, name, folder + "/" + name, 0, true, false};
  }
  // Read behind the archive: what a rewrite moves meanwhile is found in one of the two.
  std::string text;
  AofManifest manifest;
  Status status = ReadSmallFile(files, paths.manifest, kManifestSizeMax, &text);
  if (status.ok()) status = AofManifest::Parse(text, &manifest);
  if (!status.ok() && status.code() != ENOENT) return Status::Error(status.code(), "Can't read the AOF manifest: " + status.message());
  auto add = [&](const AofFileInfo& info) { by_seq[info.seq] = {info.seq, info.name, paths.InDir(info.name), 0, false, false}; };
  for (const AofFileInfo& info : manifest.history) {
    if (info.name == paths.IncrName(info.seq) && files.Exists(paths.InDir(info.name))) add(info);
  }
  bool listed = false;
  std::uint64_t current_seq = 0;
  for (const AofFileInfo& info : manifest.incr) {
    if (listed) break;  // made for a rotation that has not come
    add(info);
    if (info.name != place.segment) continue;
    by_seq[info.seq].current = listed = true;
    current_seq = info.seq;
  }
  // The manifest is still another one's: a segment has been begun this moment.
  if (!listed) return Status::Error(EAGAIN, "The append-only file is being replaced");
  by_seq.erase(by_seq.upper_bound(current_seq), by_seq.end());
  out->first_needed = manifest.incr.front().seq;
  for (auto& [seq, file] : by_seq) {
    if (!out->files.empty() && out->files.back().archived && NextByNote(files, out->files.back().path) != seq) out->files.clear();
    file.size = SizeOf(files, file.path);
    if (!out->files.empty()) {
      const std::unique_ptr<IndexSearch> index = IndexSearch::Open(files, file.path);
      if (index != nullptr && index->previous_end()) out->files.back().size = std::min(out->files.back().size, *index->previous_end());
    }
    out->files.push_back(std::move(file));
  }
  // A base that goes with the first segment holds what came before it.
  out->from_the_beginning = out->files.front().seq == 1 && !(manifest.base && out->first_needed == 1);
  return Status::Ok();
}

Status RemoveArchived(FileSystem& files, const BinlogFile& file) {
  // The note first: without it the segment is not part of the archive.
  for (const std::string& path : {file.path + std::string(kNote), file.path, IndexPath(file.path)}) {
    const int error = files.Unlink(path);
    if (error < 0 && error != -ENOENT) return Status::Error(-error, "Can't remove " + path + ": " + std::strerror(-error));
  }
  return Status::Ok();
}

}  // namespace slotwise
