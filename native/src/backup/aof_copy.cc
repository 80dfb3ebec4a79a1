#include "backup/aof_copy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "backup/rdb_extent.h"
#include "log/aof_base.h"
#include "log/aof_directory.h"
#include "log/aof_loader.h"
#include "log/aof_segment.h"
#include "log/journal_recovery.h"
#include "log/segment_index.h"
#include "log/segment_reader.h"
#include "log/segment_replay.h"

namespace slotwise {
namespace {

constexpr std::size_t kPieceSize = 1 << 20;
constexpr std::size_t kManifestSizeMax = 16 << 20;
constexpr int kAttempts = 10;

Status Failed(const std::string& what, std::int64_t error) {
  const int code = static_cast<int>(-error);
  return Status::Error(code, what + ": " + std::strerror(code));
}

// A file to be copied and what goes beside it.
struct Source {
  AofFileInfo info;
  std::unique_ptr<File> file;
  std::uint64_t size = 0;
  std::string raw_index;               // as it lies there, of a file that may be appended to; empty: none
  std::optional<SegmentIndex> index;   // of a file that ends at `size`
  std::unique_ptr<JournalRepair> journal;
  std::unique_ptr<File> overlay;       // `file` with what the journal has
};

Status WriteAll(File& to, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    std::int64_t n = to.Append(bytes);
    if (n <= 0) return Failed("Can't write " + name, n < 0 ? n : -ENOSPC);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return Status::Ok();
}

// ESTALE: the source became shorter meanwhile.
Status CopyBytes(File& from, std::uint64_t size, FileSystem& files, const std::string& path,
                 const std::function<void(std::uint64_t)>& done) {
  std::unique_ptr<File> to;
  if (int error = files.Open(path, OpenMode::kCreateTruncate, &to); error < 0) return Failed("Can't create " + path, error);
  std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPieceSize, std::max<std::uint64_t>(size, 1))), '\0');
  for (std::uint64_t at = 0; at < size;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - at));
    std::int64_t n = from.ReadAt(at, piece.data(), want);
    if (n < 0) return Failed("Can't read what becomes " + path + " at byte " + std::to_string(at), n);
    if (n < static_cast<std::int64_t>(want)) return Status::Error(ESTALE, path + " became shorter at its source");
    if (Status s = WriteAll(*to, {piece.data(), want}, path); !s.ok()) return s;
    at += want;
    done(at);
  }
  int error = to->SyncData();
  return error < 0 ? Failed("Can't sync " + path, error) : Status::Ok();
}

// Checks what is loaded and keeps nothing.
class CheckSink final : public LoadSink {
 public:
  CheckSink(const CopyProgress& progress, AofFacts* facts) : progress_(progress), facts_(*facts) {}
  bool Apply(int, const std::string_view*, std::size_t, std::string*) override { return true; }
  Status LoadRdb(File& file, std::uint64_t, const std::string& name, std::uint64_t* end) override {
    RdbExtent extent;
    Status status = MeasureRdb(file, name, &extent);
    *end = extent.end;
    facts_.base_seconds = extent.created_seconds;
    return status;
  }
  void Progress(std::uint64_t done, std::uint64_t total) override { progress_("checking", done, total); }

 private:
  const CopyProgress& progress_;
  AofFacts& facts_;
};

Status Check(FileSystem& files, Logger& logger, const CommitLogOptions& where, bool repair, const CopyProgress& progress,
             AofFacts* facts) {
  *facts = AofFacts();
  CheckSink sink(progress, facts);
  LoadReport report;
  LoadOptions options;
  options.repair = repair;
  Status status = LoadAof(files, logger, where, options, sink, &report);
  if (!status.ok()) return status;
  facts->commands = report.commands;
  facts->dropped_bytes = report.truncated_bytes;
  const AofPaths paths(where);
  AofDirectory directory;
  if (!(status = InspectAofDirectory(files, logger, paths, &directory)).ok()) return status;
  for (const AofDirectory::Entry& entry : directory.entries) {
    SegmentFacts segment;
    if (!(status = ReadSegmentFacts(files, entry.path, &segment)).ok()) return status;
    segment.info = entry.info;
    if (entry.info.type == 'b') facts->base = segment;
    else facts->segments.push_back(segment);
  }
  if (!facts->base || facts->base_seconds >= 0) return Status::Ok();
  // A base without keys is not read by the sink; one of commands may begin with a time.
  std::unique_ptr<File> file;
  char start[64] = "";
  if (files.Open(directory.entries.front().path, OpenMode::kRead, &file) < 0) return Status::Ok();
  std::int64_t n = file->ReadAt(0, start, sizeof(start) - 1);
  const std::string_view text(start, n < 0 ? 0 : static_cast<std::size_t>(n));
  RdbExtent extent;
  if (text.substr(0, 5) == "REDIS" && MeasureRdb(*file, facts->base->info.name, &extent).ok()) facts->base_seconds = extent.created_seconds;
  if (text.substr(0, 4) == "#TS:") facts->base_seconds = std::strtoll(start + 4, nullptr, 10);
  return Status::Ok();
}

// The index that the check made for a file that had none says when that was, not when anything was written.
Status ForgetDates(FileSystem& files, const AofPaths& paths, const std::string& name) {
  const std::string path = IndexPath(paths.InDir(name));
  SegmentIndex index;
  Status status = ReadSegmentIndex(files, path, &index);
  if (!status.ok() || !index.present) return status;
  for (IndexBlock& block : index.blocks) block.seconds = 0;
  return WriteSegmentIndex(files, paths.dir, path, index, UnixSeconds());
}

Status Build(FileSystem& files, Logger& logger, std::vector<Source>& sources, const CommitLogOptions& to,
             const CopyProgress& progress, AofFacts* facts) {
  const AofPaths paths(to);
  if (int error = files.MakeDir(paths.dir); error < 0) return Failed("Can't create the folder " + paths.dir, error);
  std::uint64_t total = 0, done = 0;
  for (const Source& source : sources) total += source.size;
  AofManifest manifest;
  const std::uint32_t now = UnixSeconds();
  for (Source& source : sources) {
    const std::string path = paths.InDir(source.info.name);
    File& from = source.overlay != nullptr ? *source.overlay : *source.file;
    Status status = CopyBytes(from, source.size, files, path, [&](std::uint64_t at) { progress("copying", done + at, total); });
    if (!status.ok()) return status;
    done += source.size;
    if (source.index) {
      status = WriteSegmentIndex(files, paths.dir, IndexPath(path), *source.index, now);
    } else if (!source.raw_index.empty()) {
      std::unique_ptr<File> index;
      int error = files.Open(IndexPath(path), OpenMode::kCreateTruncate, &index);
      status = error < 0 ? Failed("Can't create " + IndexPath(path), error) : WriteAll(*index, source.raw_index, IndexPath(path));
      if (status.ok() && (error = index->SyncData()) < 0) status = Failed("Can't sync " + IndexPath(path), error);
    }
    if (!status.ok()) return status;
    if (source.info.type == 'b') manifest.base = source.info;
    else manifest.incr.push_back(source.info);
  }
  Status status = PersistManifest(files, paths.dir, paths.manifest_name, manifest);
  if (status.ok()) status = Check(files, logger, to, /*repair=*/true, progress, facts);
  for (std::size_t i = 0; status.ok() && i < sources.size(); ++i) {
    if (sources[i].index || !sources[i].raw_index.empty()) continue;
    status = ForgetDates(files, paths, sources[i].info.name);
    for (SegmentFacts& segment : facts->segments) {
      if (segment.info.name == sources[i].info.name) segment.first_seconds = segment.last_seconds = 0;
    }
  }
  if (!status.ok()) return status;
  int error = files.SyncDir(paths.dir);
  if (error >= 0) error = files.SyncDir(paths.data_dir);
  return error < 0 ? Failed("Can't sync " + paths.data_dir, error) : Status::Ok();
}

// --- a directory that may be in use ---------------------------------------------------------------------------------

// The index of a file that may be appended to, without what it says of the journal, which is not copied: of the same boot the
// segment has all of it.
Status ReadRawIndex(FileSystem& files, const std::string& path, std::string* out) {
  Status status = ReadSmallFile(files, path, std::size_t{1} << 32, out);
  if (status.code() == ENOENT) return Status::Ok();
  if (!status.ok()) return Status::Error(status.code(), "Can't read " + path + ": " + status.message());
  out->resize(out->size() / kIndexRecordSize * kIndexRecordSize);  // the last record may be on its way
  std::string kept = out->substr(0, kIndexRecordSize);
  for (std::size_t at = kIndexRecordSize; at < out->size(); at += kIndexRecordSize) {
    IndexRecord record;
    if (DecodeIndexRecord(out->data() + at, &record) && record.kind == IndexKind::kJournal) continue;
    kept.append(*out, at, kIndexRecordSize);
  }
  *out = std::move(kept);
  return Status::Ok();
}

// What the segment lacks since a power cut, if nobody has started the directory since: as much of it as a start would take.
Status TakeJournal(FileSystem& files, Logger& logger, const AofPaths& paths, const AofDirectory::Entry& entry, Source* source) {
  SegmentIndex index;
  Status status = ReadSegmentIndex(files, entry.index_path, &index);
  if (!status.ok() || index.closed || index.journal_epoch == 0 || (index.boot != 0 && index.boot == BootHash(files))) return status;
  source->journal = std::make_unique<JournalRepair>();
  status = ReadJournal(files, logger, paths.journal, entry, source->journal.get());
  if (!status.ok() || source->journal->frames.empty()) return status;
  source->overlay = OverlayJournal(*source->file, *source->journal);
  AofDirectory::Entry whole = entry;
  whole.size = std::max(source->size, source->journal->end());
  ReplayPlan plan;
  plan.entry = &whole;
  plan.journal = source->journal.get();
  plan.is_last = true;
  plan.boot = BootHash(files);
  const CopyProgress quiet = [](std::string_view, std::uint64_t, std::uint64_t) {};
  AofFacts ignored;
  CheckSink sink(quiet, &ignored);
  ReplayVerdict verdict;
  if (!(status = ReplaySegment(files, logger, plan, sink, &verdict)).ok()) return status;
  source->size = verdict.good_end;
  source->index = SegmentIndex();
  source->index->previous_end = verdict.index.previous_end;
  int error = ChecksumRange(*source->overlay, 0, source->size, UnixSeconds(), &source->index->blocks);
  return error < 0 ? Failed("Can't read " + entry.path, error) : status;
}

// EAGAIN: the files changed meanwhile.
Status OpenSources(FileSystem& files, Logger& logger, const AofPaths& paths, std::vector<Source>* sources) {
  sources->clear();
  std::string before, after;
  Status status = ReadSmallFile(files, paths.manifest, kManifestSizeMax, &before);
  if (!status.ok() && status.code() != ENOENT) return Status::Error(status.code(), "Can't read " + paths.manifest + ": " + status.message());
  AofDirectory directory;
  status = InspectAofDirectory(files, logger, paths, &directory);
  if (status.code() == ENOENT && !before.empty()) return Status::Error(EAGAIN, status.message());
  if (!status.ok()) return status;
  if (directory.entries.empty()) return Status::Error(ENOENT, "There is no append-only file in " + paths.data_dir + ": neither " + paths.manifest + " nor " + paths.old_file);
  for (std::size_t i = 0; i < directory.entries.size(); ++i) {
    const AofDirectory::Entry& entry = directory.entries[i];
    Source source;
    source.info = entry.info;
    // The index first: then it covers nothing that the file does not have.
    if (!(status = ReadRawIndex(files, entry.index_path, &source.raw_index)).ok()) return status;
    int error = files.Open(entry.path, OpenMode::kRead, &source.file);
    std::int64_t size = error < 0 ? error : source.file->Size();
    if (size == -ENOENT) return Status::Error(EAGAIN, entry.path + " has gone");
    if (size < 0) return Failed("Can't open " + entry.path, size);
    source.size = static_cast<std::uint64_t>(size);
    if (i + 1 == directory.used && !(status = TakeJournal(files, logger, paths, entry, &source)).ok()) return status;
    sources->push_back(std::move(source));
  }
  status = ReadSmallFile(files, paths.manifest, kManifestSizeMax, &after);
  if (before != after) return Status::Error(EAGAIN, paths.manifest + " changed");
  return Status::Ok();
}

// --- files that nobody appends to -----------------------------------------------------------------------------------

// [0, end) of a segment as an index would cover it: the blocks before as they are, and what is left of the one that is cut.
Status IndexUpTo(FileSystem& files, const RestoreFile& part, std::uint64_t end, Source* source) {
  SegmentIndex index;
  Status status = ReadSegmentIndex(files, IndexPath(part.path), &index);
  if (!status.ok() || !index.present) return status;
  const std::uint64_t covered = index.covered_end();
  while (!index.blocks.empty() && index.blocks.back().end > end) index.blocks.pop_back();
  if (!part.end && source->size < covered) {
    return Status::Error(EIO, part.path + " has " + std::to_string(source->size) + " bytes, but " + std::to_string(covered) + " were written");
  }
  const std::uint32_t seconds = index.blocks.empty() ? UnixSeconds() : index.blocks.back().seconds;
  int error = ChecksumRange(*source->file, index.covered_end(), end, seconds, &index.blocks);
  if (error < 0) return Failed("Can't read " + part.path, error);
  source->index = std::move(index);
  return Status::Ok();
}

}  // namespace

Status ReadSegmentFacts(FileSystem& files, const std::string& path, SegmentFacts* out) {
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  std::int64_t size = error < 0 ? error : file->Size();
  if (size < 0) return Failed("Can't open " + path, size);
  out->size = static_cast<std::uint64_t>(size);
  SegmentIndex index;
  Status status = ReadSegmentIndex(files, IndexPath(path), &index);
  for (const IndexBlock& block : index.blocks) {
    if (out->first_seconds == 0) out->first_seconds = block.seconds;
    out->last_seconds = std::max(out->last_seconds, block.seconds);
  }
  return status;
}

Status CopyAof(FileSystem& files, Logger& logger, const CommitLogOptions& from, const CommitLogOptions& to,
               const CopyProgress& progress, AofFacts* facts) {
  const AofPaths paths(from);
  Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::vector<Source> sources;
    status = OpenSources(files, logger, paths, &sources);
    if (status.ok()) status = Build(files, logger, sources, to, progress, facts);
    if (status.code() != EAGAIN && status.code() != ESTALE) return status;
    const AofPaths copied(to);
    for (const Source& source : sources) RemoveAofFiles(files, copied, {source.info});
  }
  return status;
}

Status RestoreAof(FileSystem& files, Logger& logger, const std::vector<RestoreFile>& parts, const CommitLogOptions& to,
                  const CopyProgress& progress, AofFacts* facts) {
  std::vector<Source> sources;
  for (const RestoreFile& part : parts) {
    Source source;
    source.info = part.info;
    int error = files.Open(part.path, OpenMode::kRead, &source.file);
    std::int64_t size = error < 0 ? error : source.file->Size();
    if (size < 0) return Failed("Can't open " + part.path, size);
    source.size = static_cast<std::uint64_t>(size);
    const std::uint64_t end = part.end.value_or(source.size);
    if (end > source.size) return Status::Error(EIO, part.path + " has " + std::to_string(size) + " bytes, not " + std::to_string(end));
    if (Status status = IndexUpTo(files, part, end, &source); !status.ok()) return status;
    source.size = end;
    sources.push_back(std::move(source));
  }
  return Build(files, logger, sources, to, progress, facts);
}

Status VerifyAof(FileSystem& files, Logger& logger, const CommitLogOptions& where, const CopyProgress& progress, AofFacts* facts) {
  return Check(files, logger, where, /*repair=*/false, progress, facts);
}

}  // namespace slotwise
