#include "log/aof_directory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "log/empty_rdb.h"
#include "log/segment_index.h"

namespace slotwise {
namespace {

constexpr std::size_t kManifestSizeMax = 16 << 20;

bool StartsWith(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

// FN.<seq>.base.rdb, FN.<seq>.base.aof, FN.<seq>.incr.aof, or the migrated FN itself.
bool IsDataName(const std::string& name, const std::string& base_name) {
  if (name == base_name) return true;
  if (!StartsWith(name, base_name + ".")) return false;
  std::string_view rest = std::string_view(name).substr(base_name.size() + 1);
  std::size_t digits = 0;
  while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') ++digits;
  std::string_view kind = rest.substr(digits);
  return digits > 0 && (kind == ".base.rdb" || kind == ".base.aof" || kind == ".incr.aof");
}

Status FileSize(FileSystem& files, const std::string& name, const std::string& path, std::uint64_t* size) {
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  std::int64_t n = error < 0 ? error : file->Size();
  if (n < 0) {
    int code = static_cast<int>(-n);
    return Status::Error(code, "Unable to obtain the AOF file " + name + " length. stat: " + std::strerror(code));
  }
  *size = static_cast<std::uint64_t>(n);
  return Status::Ok();
}

// Leftovers of a first start that was interrupted: an empty segment, a base without keys.
bool HoldsNoData(FileSystem& files, const std::string& path) {
  std::uint64_t size = 0;
  if (!FileSize(files, path, path, &size).ok()) return false;
  if (size == 0) return true;
  std::string bytes;
  std::size_t rdb_size = 0;
  return size <= kEmptyRdbSizeMax && ReadSmallFile(files, path, kEmptyRdbSizeMax, &bytes).ok() &&
         CheckEmptyRdb(bytes, &rdb_size) == EmptyRdbResult::kEmpty && rdb_size == size;
}

Status RefuseStrayData(FileSystem& files, const AofPaths& paths, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!IsDataName(name, paths.base_name) || HoldsNoData(files, paths.InDir(name))) continue;
    return Status::Error(ENOENT, "The AOF manifest file " + paths.manifest + " doesn't exist, but " + paths.InDir(name) +
                                     " holds data. Restore the manifest from a backup, or write one line 'file NAME seq N "
                                     "type b|i' for each file in replay order; to start empty, move the directory away");
  }
  return Status::Ok();
}

void WarnOfUnlisted(Logger& logger, const AofPaths& paths, const std::vector<std::string>& names, const AofManifest& manifest) {
  std::set<std::string> listed;
  if (manifest.base) listed.insert(manifest.base->name);
  for (const AofFileInfo& info : manifest.history) listed.insert(info.name);
  for (const AofFileInfo& info : manifest.incr) listed.insert(info.name);
  for (const std::string& name : names) {
    if (IsDataName(name, paths.base_name) && listed.count(name) == 0) {
      logger.Warn("The file " + paths.InDir(name) + " is not listed in the AOF manifest and is ignored");
    }
  }
}

}  // namespace

AofPaths::AofPaths(const CommitLogOptions& options)
    : data_dir(options.dir),
      dir(options.dir + "/" + options.append_dirname),
      base_name(options.append_filename),
      manifest_name(options.append_filename + ".manifest"),
      manifest(dir + "/" + manifest_name),
      old_file(options.dir + "/" + options.append_filename),
      journal(dir + "/" + options.append_filename + ".journal"),
      archive_id(dir + "/" + options.append_filename + ".archive"),
      rewrite_temp(options.dir + "/temp-rewriteaof-bg.aof") {}

Status InspectAofDirectory(FileSystem& files, Logger& logger, const AofPaths& paths, AofDirectory* out) {
  *out = AofDirectory();
  std::vector<std::string> names;
  int error = files.List(paths.dir, &names);
  bool dir_exists = error >= 0;
  if (error < 0 && error != -ENOENT) {
    return Status::Error(-error, "Can't read the AOF directory " + paths.dir + ": " + std::strerror(-error));
  }
  if (dir_exists && std::find(names.begin(), names.end(), paths.manifest_name) != names.end()) {
    std::string text;
    Status status = ReadSmallFile(files, paths.manifest, kManifestSizeMax, &text);
    if (!status.ok()) {
      return Status::Error(status.code(), "Fatal error: can't open the AOF manifest file " + paths.manifest_name +
                                              " for reading: " + status.message());
    }
    status = AofManifest::Parse(text, &out->manifest);
    if (!status.ok()) return status;
    out->has_manifest = true;
  }
  const AofManifest& manifest = out->manifest;
  // An old file counts only while the directory cannot yet hold anything newer; see the crash order of the migration.
  bool names_old_file = manifest.base && manifest.base->name == paths.base_name && manifest.incr.empty() &&
                        std::find(names.begin(), names.end(), paths.base_name) == names.end();
  bool migration_fits = !out->has_manifest || (!manifest.base && manifest.incr.empty()) || names_old_file;
  out->migrate = migration_fits && files.Exists(paths.old_file);
  if (!out->has_manifest && dir_exists) {
    Status status = RefuseStrayData(files, paths, names);
    if (!status.ok()) return status;
  }
  if (out->migrate) {
    out->manifest.base = AofFileInfo{paths.base_name, 1, 'b'};
  } else if (out->has_manifest) {
    WarnOfUnlisted(logger, paths, names, manifest);
  }
  auto add = [&](const AofFileInfo& info) {
    std::string path = out->migrate && info.type == 'b' ? paths.old_file : paths.InDir(info.name);
    AofDirectory::Entry entry{info, path, IndexPath(paths.InDir(info.name)), 0};
    Status status = FileSize(files, info.name, path, &entry.size);
    out->total_size += entry.size;
    out->entries.push_back(std::move(entry));
    return status;
  };
  if (manifest.base) {
    Status status = add(*manifest.base);
    if (!status.ok()) return status;
  }
  for (const AofFileInfo& info : manifest.incr) {
    Status status = add(info);
    if (!status.ok()) return status;
  }
  out->used = out->entries.size();
  while (out->used > 1) {
    const AofDirectory::Entry& last = out->entries[out->used - 1];
    if (last.info.type != 'i' || last.size > 0 || !NeverWritten(files, last.index_path)) break;
    --out->used;
  }
  return Status::Ok();
}

Status MigrateOldLayout(FileSystem& files, Logger& logger, const AofPaths& paths, const AofDirectory& directory) {
  int error = files.MakeDir(paths.dir);
  if (error >= 0) error = files.SyncDir(paths.data_dir);
  if (error < 0) {
    return Status::Error(-error, "Can't create the AOF directory " + paths.dir + ": " + std::strerror(-error));
  }
  Status status = PersistManifest(files, paths.dir, paths.manifest_name, directory.manifest);
  if (!status.ok()) return status;
  error = files.Rename(paths.old_file, paths.InDir(paths.base_name));
  if (error >= 0) error = files.SyncDir(paths.dir);
  if (error >= 0) error = files.SyncDir(paths.data_dir);
  if (error < 0) {
    return Status::Error(-error, "Error trying to move the old AOF file " + paths.base_name + " into dir " + paths.dir + ": " +
                                     std::strerror(-error));
  }
  logger.Info("Successfully migrated an old-style AOF file (" + paths.base_name + ") into the AOF directory (" + paths.dir +
              ").");
  return Status::Ok();
}

}  // namespace slotwise
