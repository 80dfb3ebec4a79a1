#include "log/aof_archive.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/random_hex.h"
#include "log/aof_segment.h"
#include "log/segment_index.h"

namespace slotwise {
namespace {

constexpr std::size_t kTextSizeMax = 4096;

Status Failed(const std::string& what, int error) { return Status::Error(-error, what + ": " + std::strerror(-error)); }

// Puts a small file in place as a whole.
Status ReplaceText(FileSystem& files, const std::string& dir, const std::string& name, std::string_view text) {
  const std::string temp = dir + "/temp-" + name;
  std::unique_ptr<File> file;
  int error = files.Open(temp, OpenMode::kCreateTruncate, &file);
  while (error >= 0 && !text.empty()) {
    std::int64_t n = file->Append(text);
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    else error = n < 0 ? static_cast<int>(n) : -ENOSPC;
  }
  if (error >= 0) error = file->SyncData();
  file.reset();
  if (error >= 0) error = files.Rename(temp, dir + "/" + name);
  if (error >= 0) error = files.SyncDir(dir);
  return error < 0 ? Failed("Can't write " + dir + "/" + name, error) : Status::Ok();
}

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Status AofArchive::Open(FileSystem& files, Logger& logger, const AofPaths& paths, const std::string& archive_dir,
                        std::uint64_t first_seq, std::unique_ptr<AofArchive>* out) {
  std::unique_ptr<AofArchive> archive(new AofArchive(files, logger, paths, archive_dir));
  std::string text;
  Status read = ReadSmallFile(files, paths.archive_id, kTextSizeMax, &text);
  if (!read.ok() && read.code() != ENOENT) return Status::Error(read.code(), "Can't read " + paths.archive_id + ": " + read.message());
  char id[41] = "";
  unsigned long long first = 0;
  const bool known = read.ok() && std::sscanf(text.c_str(), "id %40[0-9a-f]\nfirst %llu\n", id, &first) == 2 && std::strlen(id) == 40;
  Status status = known ? archive->Use(id, first) : archive->Begin(first_seq);
  if (!status.ok()) return status;
  // Found out now, not when the first rewrite has ended.
  const std::string probe = archive->folder_ + "/probe";
  files.Unlink(probe);
  int error = files.Link(paths.archive_id, probe);
  if (error < 0) {
    return Failed("The files of " + paths.dir + " can't be linked into aof-archive-dir " + archive_dir +
                      ", which has to be on the same file system", error);
  }
  files.Unlink(probe);
  *out = std::move(archive);
  return Status::Ok();
}

Status AofArchive::Use(const std::string& id, std::uint64_t first_seq) {
  const std::string folder = archive_dir_ + "/" + id;
  int error = files_.MakeDir(archive_dir_);
  if (error >= 0) error = files_.MakeDir(folder);
  if (error >= 0) error = files_.SyncDir(archive_dir_);
  if (error < 0) return Failed("Can't create the folder " + folder + " in aof-archive-dir", error);
  id_ = id;
  folder_ = folder;
  first_seq_ = first_seq;
  return Status::Ok();
}

Status AofArchive::Begin(std::uint64_t first_seq) {
  const std::string id = RandomHex(20);
  if (Status status = Use(id, first_seq); !status.ok()) return status;
  logger_.Info("A new history of the AOF begins with segment " + std::to_string(first_seq) + ", archived in " + folder_);
  return ReplaceText(files_, paths_.dir, FileName(paths_.archive_id), "id " + id + "\nfirst " + std::to_string(first_seq) + "\n");
}

Status AofArchive::Keep(const AofManifest& manifest) {
  std::vector<AofFileInfo> segments;
  // The base files of both kinds are named alike but for that.
  for (const AofFileInfo& info : manifest.history) {
    if (info.name == paths_.IncrName(info.seq)) segments.push_back(info);
  }
  std::sort(segments.begin(), segments.end(), [](const AofFileInfo& a, const AofFileInfo& b) { return a.seq < b.seq; });
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].seq < first_seq_) {
      logger_.Warn("The AOF file " + segments[i].name + " belongs to a history that has ended and is not archived");
      continue;
    }
    std::uint64_t next = 0;
    if (i + 1 < segments.size()) next = segments[i + 1].seq;
    else if (!manifest.incr.empty()) next = manifest.incr.front().seq;
    if (Status status = KeepSegment(segments[i], next); !status.ok()) return status;
  }
  return Status::Ok();
}

Status AofArchive::KeepSegment(const AofFileInfo& info, std::uint64_t next_seq) {
  const std::string from = paths_.InDir(info.name);
  const std::string to = folder_ + "/" + info.name;
  std::unique_ptr<File> file;
  int error = files_.Open(from, OpenMode::kRead, &file);
  // A crash came between its removal and the manifest without it.
  if (error == -ENOENT && files_.Exists(to + ".note")) return Status::Ok();
  std::int64_t size = error < 0 ? error : file->Size();
  if (size < 0) return Failed("The AOF file " + from + " can't be archived", static_cast<int>(size));
  Status status = LinkFile(from, to);
  if (status.ok() && files_.Exists(IndexPath(from))) status = LinkFile(IndexPath(from), IndexPath(to));
  if (status.ok() && (error = files_.SyncDir(folder_)) < 0) status = Failed("Can't sync " + folder_, error);
  if (!status.ok() || files_.Exists(to + ".note")) return status;
  return ReplaceText(files_, folder_, info.name + ".note",
                     "segment " + info.name + "\nseq " + std::to_string(info.seq) + "\nsize " + std::to_string(size) + "\nnext " +
                         std::to_string(next_seq) + "\nseconds " + std::to_string(UnixSeconds()) + "\n");
}

Status AofArchive::LinkFile(const std::string& from, const std::string& to) {
  int error = files_.Link(from, to);
  if (error == -EEXIST) {
    std::unique_ptr<File> mine, archived;
    if (files_.Open(from, OpenMode::kRead, &mine) >= 0 && files_.Open(to, OpenMode::kRead, &archived) >= 0 &&
        mine->Identity() == archived->Identity()) {
      return Status::Ok();
    }
    return Status::Error(EEXIST, "The AOF file " + from + " can't be archived: " + to + " is another file. Does a copy of the data "
                                 "directory use the same aof-archive-dir? Remove " + paths_.archive_id + " from one of them");
  }
  return error < 0 ? Failed("The AOF file " + from + " can't be archived in " + folder_, error) : Status::Ok();
}

}  // namespace slotwise
