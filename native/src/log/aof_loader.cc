#include "log/aof_loader.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "log/aof_directory.h"
#include "log/journal_recovery.h"
#include "log/segment_index.h"
#include "log/segment_reader.h"
#include "log/segment_replay.h"

namespace slotwise {
namespace {

std::string SecondsSince(std::chrono::steady_clock::time_point start) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return text;
}

Status RepairError(const std::string& name, const char* what, int error) {
  return Status::Error(-error, std::string("Error ") + what + " the AOF file " + name + ": " + std::strerror(-error));
}

// The next piece of [begin, end), at most the size of `piece`. A byte count or -errno.
std::int64_t ReadPiece(File& file, std::uint64_t begin, std::uint64_t end, std::string* piece) {
  return file.ReadAt(begin, piece->data(), static_cast<std::size_t>(std::min<std::uint64_t>(piece->size(), end - begin)));
}

// Copies [begin, end) of `from` beside it: what a power cut makes us drop may still interest somebody.
int KeepCopy(FileSystem& files, File& from, const std::string& path, std::uint64_t begin, std::uint64_t end) {
  std::unique_ptr<File> copy;
  int error = files.Open(path, OpenMode::kCreateTruncate, &copy);
  if (error < 0) return error;
  std::string piece(std::min<std::uint64_t>(256 << 10, end - begin), '\0');
  while (begin < end) {
    std::int64_t n = ReadPiece(from, begin, end, &piece);
    if (n <= 0) return n < 0 ? static_cast<int>(n) : 0;
    std::int64_t written = copy->Append({piece.data(), static_cast<std::size_t>(n)});
    if (written <= 0) return written < 0 ? static_cast<int>(written) : -ENOSPC;
    begin += static_cast<std::uint64_t>(written);
  }
  return copy->SyncData();
}

// Makes the page cache write [begin, end) again, by putting the same bytes there.
int Rewrite(File& file, std::uint64_t begin, std::uint64_t end) {
  std::string piece(std::min<std::uint64_t>(1 << 20, end - begin), '\0');
  while (begin < end) {
    std::int64_t n = ReadPiece(file, begin, end, &piece);
    if (n <= 0) return n < 0 ? static_cast<int>(n) : -EIO;
    n = file.WriteAt(begin, {piece.data(), static_cast<std::size_t>(n)});
    if (n <= 0) return n < 0 ? static_cast<int>(n) : -ENOSPC;
    begin += static_cast<std::uint64_t>(n);
  }
  return 0;
}

// Cuts the file as judged and brings its index up to date: afterwards all of it is durable, covered and closed.
Status Repair(FileSystem& files, Logger& logger, const AofPaths& paths, const AofDirectory::Entry& entry,
              const ReplayVerdict& verdict, const JournalRepair* journal) {
  const std::string& name = entry.info.name;
  const std::string path = paths.InDir(name);
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kReadWrite, &file);
  if (error < 0) return RepairError(name, "opening", error);
  if (journal != nullptr) {
    std::int64_t size = file->Size();
    if (size < 0) return RepairError(name, "measuring", static_cast<int>(size));
    const JournalDifference difference = CompareJournal(*file, *journal);
    if (difference.lacking) {
      const std::uint64_t begin = journal->frames.front().position;
      // Perhaps somebody wrote here who knows nothing of journals.
      if (difference.others) {
        error = KeepCopy(files, *file, path + ".dropped-" + std::to_string(begin), begin, static_cast<std::uint64_t>(size));
        if (error < 0) return RepairError(name, "keeping a copy of the end of", error);
      }
      logger.Warn("The AOF file " + name + " got back from the journal what it lacked of the bytes from " + std::to_string(begin) +
                  " to " + std::to_string(journal->end()));
    }
    if ((error = ApplyJournal(*file, *journal)) < 0) return RepairError(name, "writing", error);
  }
  if (verdict.good_end < entry.size) {
    if (verdict.keep_copy) {
      std::string copy = path + ".dropped-" + std::to_string(verdict.good_end);
      error = KeepCopy(files, *file, copy, verdict.good_end, entry.size);
      if (error < 0) return RepairError(name, "keeping a copy of the end of", error);
    }
    if (verdict.torn) {
      logger.Warn("!!! Warning: short read while loading the AOF file " + name + "!!!");
      logger.Warn("!!! Truncating the AOF " + name + " at offset " + std::to_string(verdict.good_end) + " !!!");
      logger.Warn("Dropping " + std::to_string(entry.size - verdict.good_end) + " bytes of " + std::to_string(entry.size) +
                  " at the end of " + name + ", left by " + verdict.why +
                  (verdict.keep_copy ? "; a copy is in " + name + ".dropped-" + std::to_string(verdict.good_end) : ""));
    }
    if ((error = file->Truncate(verdict.good_end)) < 0) return RepairError(name, "truncating", error);
  }
  if (verdict.unsure_from < verdict.good_end &&
      (error = Rewrite(*file, verdict.unsure_from, verdict.good_end)) < 0) {
    return RepairError(name, "writing", error);
  }
  // The index is about to call all of it durable.
  if ((error = file->SyncData()) < 0) return RepairError(name, "syncing", error);
  SegmentIndex index;
  index.previous_end = verdict.index.previous_end;
  auto now = static_cast<std::uint32_t>(std::time(nullptr));
  std::uint64_t covered = 0;
  for (const IndexBlock& block : verdict.index.blocks) {
    if (block.end > verdict.good_end) break;
    if (block.begin > covered && (error = ChecksumRange(*file, covered, block.begin, block.seconds, &index.blocks)) < 0) {
      return RepairError(name, "reading", error);
    }
    index.blocks.push_back(block);
    covered = block.end;
  }
  if (covered < verdict.good_end && (error = ChecksumRange(*file, covered, verdict.good_end, now, &index.blocks)) < 0) {
    return RepairError(name, "reading", error);
  }
  Status status = WriteSegmentIndex(files, paths.dir, entry.index_path, index, now);
  if (status.ok() && verdict.torn) logger.Warn("AOF " + name + " loaded anyway because aof-load-truncated is enabled");
  return status;
}

}  // namespace

Status LoadSink::LoadRdb(File&, std::uint64_t, const std::string& name, std::uint64_t*) {
  return Status::Error(ENOTSUP, "RDB base file " + name + " holds keys, which are not read here");
}

Status LoadAof(FileSystem& files, Logger& logger, const CommitLogOptions& where, const LoadOptions& options, LoadSink& sink,
               LoadReport* report) {
  *report = LoadReport();
  const AofPaths paths(where);
  const auto start = std::chrono::steady_clock::now();
  AofDirectory directory;
  Status status = InspectAofDirectory(files, logger, paths, &directory);
  if (!status.ok()) return status;
  report->existed = directory.has_manifest || directory.migrate;
  const std::size_t count = directory.entries.size();
  std::vector<ReplayVerdict> verdicts(count);
  JournalRepair journal;
  if (count > 0 && options.repair) {
    AofDirectory::Entry& last = directory.entries[directory.used - 1];
    status = ReadJournal(files, logger, paths.journal, last, &journal);
    if (!status.ok()) return status;
    const std::uint64_t size = last.size;
    last.size = std::max(size, journal.end());
    directory.total_size += last.size - size;
  }
  auto journal_for = [&](std::size_t i) { return i + 1 == directory.used && !journal.frames.empty() ? &journal : nullptr; };
  std::uint64_t done = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ReplayPlan plan;
    plan.entry = &directory.entries[i];
    plan.journal = journal_for(i);
    plan.is_last = i + 1 >= directory.used;
    plan.load_truncated = options.load_truncated && options.repair;
    plan.boot = BootHash(files);
    plan.done_before = done;
    plan.total = directory.total_size;
    if (i + 1 < count) {
      SegmentIndex next;
      status = ReadSegmentIndex(files, directory.entries[i + 1].index_path, &next);
      if (!status.ok()) return status;
      plan.end = next.previous_end;
    }
    const auto file_start = std::chrono::steady_clock::now();
    status = ReplaySegment(files, logger, plan, sink, &verdicts[i]);
    if (!status.ok()) return status;
    done += plan.entry->size;
    report->commands += verdicts[i].commands;
    report->bytes += verdicts[i].good_end;
    report->db = verdicts[i].db;
    if (verdicts[i].torn) report->truncated_bytes += plan.entry->size - verdicts[i].good_end;
    if (plan.entry->size > 0) {
      logger.Info(std::string("DB loaded from ") + (plan.entry->info.type == 'b' ? "base" : "incr") + " file " +
                  plan.entry->info.name + ": " + SecondsSince(file_start) + " seconds");
    }
  }
  if (directory.total_size > 0) {
    sink.Progress(directory.total_size, directory.total_size);
    logger.Info("DB loaded from append only file: " + SecondsSince(start) + " seconds");
  }
  if (!options.repair) return Status::Ok();
  // All of it was readable; only now is anything changed.
  if (directory.migrate && !(status = MigrateOldLayout(files, logger, paths, directory)).ok()) return status;
  for (std::size_t i = 0; i < count; ++i) {
    const AofDirectory::Entry& entry = directory.entries[i];
    if (!verdicts[i].rewrite_index && verdicts[i].good_end == entry.size) continue;
    status = Repair(files, logger, paths, entry, verdicts[i], journal_for(i));
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

}  // namespace slotwise
