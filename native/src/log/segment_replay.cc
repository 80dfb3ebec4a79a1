#include "log/segment_replay.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <vector>

#include "log/empty_rdb.h"
#include "log/resp_scanner.h"
#include "log/segment_reader.h"

namespace slotwise {
namespace {

// The kernel writes a dirty page back after 30 s and looks every 5 s; data this much older than the newest record was
// on disk long before any power cut, whatever the fsync policy.
constexpr std::uint32_t kWrittenBackSeconds = 120;
constexpr std::uint64_t kProgressBytes = 8 << 20;

std::uint64_t DurableEnd(const SegmentIndex& index) {
  std::uint64_t durable = index.durable;
  std::uint32_t newest = 0;  // of the blocks behind: a clock that was set back must not age what came after
  for (auto block = index.blocks.rbegin(); block != index.blocks.rend(); ++block) {
    if (newest > kWrittenBackSeconds && block->seconds < newest - kWrittenBackSeconds) {
      return std::max(durable, block->end);
    }
    newest = std::max(newest, block->seconds);
  }
  return durable;
}

class Replay {
 public:
  Replay(FileSystem& files, Logger& logger, const ReplayPlan& plan, LoadSink& sink, ReplayVerdict* verdict)
      : files_(files), logger_(logger), plan_(plan), name_(plan.entry->info.name), sink_(sink), verdict_(*verdict) {}

  Status Run() {
    const std::uint64_t size = plan_.entry->size;
    Status status;
    if (plan_.journal != nullptr) {
      verdict_.index = plan_.journal->index;
    } else if (!(status = ReadSegmentIndex(files_, plan_.entry->index_path, &verdict_.index)).ok()) {
      return status;
    }
    int error = files_.Open(plan_.entry->path, OpenMode::kRead, &file_);
    if (error < 0) {
      return Status::Error(-error, "Fatal error: can't open the append log file " + name_ + " for reading: " +
                                       std::strerror(-error));
    }
    std::unique_ptr<File> overlay;
    if (plan_.journal != nullptr) overlay = OverlayJournal(*file_, *plan_.journal);
    std::uint64_t limit = size;
    status = ChooseLimit(size, &limit);
    if (!status.ok()) return status;
    SegmentReader reader(overlay != nullptr ? *overlay : *file_, limit, blocks_);
    reader_ = &reader;
    bool done = false;
    status = SkipRdb(limit, &done);
    if (status.ok() && !done) status = ReplayCommands();
    sink_.Drain();
    if (!status.ok()) return status;
    verdict_.good_end = good_;
    verdict_.db = db_;
    verdict_.unsure_from = verdict_.index.has_session && !verdict_.index.closed && !power_lost_ ? durable_ : size;
    if (limit < size && !plan_.end && !verdict_.torn) Cut(good_, "a power cut", true);
    if (verdict_.torn) status = JudgeCut(size);
    const SegmentIndex& index = verdict_.index;
    bool covered = index.closed && !index.damaged && index.covered_end() == verdict_.good_end && !gaps_;
    // A base that is nothing but an RDB has a checksum of its own. An incr file gets an index whatever it holds: it is
    // going to be appended to.
    const bool only_rdb = rdb_end_ > 0 && rdb_end_ == verdict_.good_end;
    verdict_.rewrite_index = !covered && !(plan_.entry->info.type == 'b' && only_rdb && !index.present);
    if (verdict_.rewrite_index) AddBlocks(reader.TakeUncovered());
    return status;
  }

 private:
  // The index to be written covers also what the one that was read did not.
  void AddBlocks(std::vector<IndexBlock> blocks) {
    if (blocks.empty()) return;
    const auto now = static_cast<std::uint32_t>(std::time(nullptr));
    std::vector<IndexBlock>& all = verdict_.index.blocks;
    for (IndexBlock& block : blocks) {
      block.seconds = now;
      all.push_back(block);
    }
    std::sort(all.begin(), all.end(), [](const IndexBlock& a, const IndexBlock& b) { return a.begin < b.begin; });
  }

  // How much of the file is to be read, from what the index says about it.
  Status ChooseLimit(std::uint64_t size, std::uint64_t* limit) {
    const SegmentIndex& index = verdict_.index;
    const bool known = index.has_session || index.closed || !index.blocks.empty();
    if (!index.present && size > 0) {
      logger_.Info("The AOF file " + name_ + " has no checksums (it was not written by this program): loading it unverified");
    } else if (index.present && !known && size > 0) {
      logger_.Warn("The AOF index file " + plan_.entry->index_path + " is unreadable: loading " + name_ + " unverified");
    } else if (index.damaged) {
      logger_.Warn("The AOF index file " + plan_.entry->index_path + " is damaged; the blocks it lost are loaded unverified");
    }
    power_lost_ = index.has_session && !index.closed && (index.boot == 0 || index.boot != plan_.boot);
    durable_ = DurableEnd(index);
    must_end_ = power_lost_ && plan_.is_last ? durable_ : std::max(durable_, index.covered_end());
    blocks_ = index.blocks;
    std::uint64_t end = size;
    if (plan_.end) {
      must_end_ = end = *plan_.end;
      while (!blocks_.empty() && blocks_.back().end > end) blocks_.pop_back();
    }
    if (size < must_end_) {
      return Status::Error(EIO, "The AOF file " + name_ + " has " + std::to_string(size) + " bytes, but " +
                                    std::to_string(must_end_) + " were written. Restore it from a backup or a replica; if it "
                                    "was shortened on purpose, remove " + plan_.entry->index_path);
    }
    std::uint64_t covered = 0;
    for (const IndexBlock& block : blocks_) {
      if (block.begin > covered) gaps_ = true;
      // Behind the durable mark a lost record is a lost sector: nothing from here on was promised.
      if (block.begin > covered && power_lost_ && plan_.is_last && block.begin > durable_) break;
      covered = block.end;
    }
    *limit = end;
    if (power_lost_ && plan_.is_last && !plan_.end) *limit = std::min(size, std::max(covered, must_end_));
    return Status::Ok();
  }

  Status SkipRdb(std::uint64_t limit, bool* done) {
    std::uint64_t want = std::min<std::uint64_t>(limit, kEmptyRdbSizeMax);
    Status status = Fill(static_cast<std::size_t>(std::min<std::uint64_t>(want, 5)), done);
    if (!status.ok() || *done || reader_->bytes().substr(0, 5) != "REDIS") return status;
    status = Fill(static_cast<std::size_t>(want), done);
    if (!status.ok() || *done) return status;
    std::size_t rdb_size = 0;
    switch (CheckEmptyRdb(reader_->bytes().substr(0, static_cast<std::size_t>(want)), &rdb_size)) {
      case EmptyRdbResult::kEmpty:
        reader_->Consume(rdb_size);
        rdb_end_ = good_ = rdb_size;
        return Status::Ok();
      case EmptyRdbResult::kHoldsKeys: {
        std::uint64_t end = 0;
        status = sink_.LoadRdb(*file_, limit, name_, &end);
        if (!status.ok()) return status;
        rdb_end_ = good_ = end;
        return Judge(reader_->SkipTo(end), done);
      }
      case EmptyRdbResult::kDamaged: break;
    }
    return Status::Error(EIO, "Error reading the RDB base file " + name_ + ", AOF loading aborted");
  }

  // Success with *done set: stop reading, the verdict is made.
  Status Fill(std::size_t need, bool* done) {
    if (need == 0) return Status::Ok();
    if (undrained_ && reader_->bytes().size() < need) {
      sink_.Drain();
      undrained_ = false;
    }
    return Judge(reader_->Ensure(need), done);
  }

  Status Judge(SegmentReader::Fill fill, bool* done) {
    switch (fill) {
      case SegmentReader::Fill::kOk: return Status::Ok();
      case SegmentReader::Fill::kEnd:
        *done = true;
        return Torn();
      case SegmentReader::Fill::kIoError:
        return Status::Error(reader_->io_error(), "Unrecoverable error reading the append only file " + name_ + ": " +
                                                      std::strerror(reader_->io_error()));
      case SegmentReader::Fill::kMismatch: break;
    }
    const IndexBlock& block = reader_->bad_block();
    if (power_lost_ && plan_.is_last && block.end > durable_) {
      *done = true;
      Cut(good_, "a power cut (bytes " + std::to_string(block.begin) + " to " + std::to_string(block.end) +
                     " were not yet on disk)", true);
      return Status::Ok();
    }
    return Status::Error(EILSEQ, "Bad checksum reading the append only file " + name_ + ": the bytes from " +
                                     std::to_string(block.begin) + " to " + std::to_string(block.end) +
                                     " are not what was written; all before them are. Restore the file from a backup or a "
                                     "replica. To give up everything from byte " + std::to_string(block.begin) +
                                     " on, make a copy and run slotwise-check-aof --fix <filename.manifest>");
  }

  Status ReplayCommands() {
    std::vector<std::string_view> argv;
    for (;;) {
      Scan scan = ScanCommand(Rest(), &argv);
      if (scan.result == ScanResult::kNeedMore) {
        if (ahead_ == 0 && reader_->position() == reader_->size()) return Status::Ok();  // a clean end
        bool done = false;
        if (scan.least > reader_->size() - reader_->position() - ahead_) scan.need = SIZE_MAX - ahead_;  // the end, at once
        Status status = Fill(ahead_ + scan.need, &done);
        if (!status.ok() || done) return status;
        continue;
      }
      if (scan.result == ScanResult::kBad) return Bad(scan.bad);
      if (scan.result == ScanResult::kCommand) {
        bool in_transaction = ahead_ > 0;
        Status status = Take(argv, scan.size);
        if (!status.ok()) return status;
        if (in_transaction || ahead_ > 0) continue;
      } else if (ahead_ > 0) {
        ahead_ += scan.size;
        continue;
      }
      reader_->Consume(scan.size);
      good_ = reader_->position();
    }
  }

  // The bytes behind what an open transaction has already taken.
  std::string_view Rest() const { return reader_->bytes().substr(ahead_); }

  Status Take(const std::vector<std::string_view>& argv, std::size_t size) {
    if (argv[0].size() == 5 && IsCommand(argv[0], "multi")) {
      if (ahead_ > 0) return Nesting("MULTI");
      ahead_ = size;
      return Status::Ok();
    }
    if (argv[0].size() == 4 && IsCommand(argv[0], "exec")) {
      if (ahead_ == 0) return Nesting("EXEC");
      return Execute(ahead_ + size);
    }
    if (ahead_ > 0) {
      ahead_ += size;
      return Status::Ok();
    }
    return Deliver(argv);
  }

  // The transaction is whole: scan it once more, now delivering.
  Status Execute(std::size_t size) {
    std::string_view bytes = reader_->bytes().substr(0, size);
    std::vector<std::string_view> argv;
    for (std::size_t at = 0; at < size;) {
      Scan scan = ScanCommand(bytes.substr(at), &argv);
      bool envelope = at == 0 || at + scan.size == size;
      if (scan.result == ScanResult::kCommand && !envelope) {
        Status status = Deliver(argv);
        if (!status.ok()) return status;
      }
      at += scan.size;
    }
    ahead_ = 0;
    reader_->Consume(size);
    good_ = reader_->position();
    return Status::Ok();
  }

  Status Deliver(const std::vector<std::string_view>& argv) {
    if (argv[0].size() == 6 && IsCommand(argv[0], "select")) return Select(argv);
    std::string error;
    undrained_ = true;
    ++verdict_.commands;
    if (!sink_.Apply(db_, argv.data(), argv.size(), &error)) {
      if (error.empty()) error = "Unknown command '" + std::string(argv[0].substr(0, 128)) + "'";
      return Status::Error(EINVAL, error + " reading the append only file " + name_ + " (at byte " +
                                       std::to_string(reader_->position()) + ")");
    }
    if (reader_->position() - progress_ >= kProgressBytes) {
      progress_ = reader_->position();
      sink_.Progress(plan_.done_before + progress_, plan_.total);
    }
    return Status::Ok();
  }

  Status Select(const std::vector<std::string_view>& argv) {
    int db = 0;
    bool valid = argv.size() == 2 && !argv[1].empty() && argv[1].size() <= 9;
    for (std::size_t i = 0; valid && i < argv[1].size(); ++i) {
      valid = argv[1][i] >= '0' && argv[1][i] <= '9';
      db = db * 10 + (argv[1][i] - '0');
    }
    if (!valid) return FormatError(reader_->position(), "SELECT without a database number");
    db_ = db;
    return Status::Ok();
  }

  Status Nesting(const char* command) {
    return FormatError(reader_->position() + ahead_, std::string("Unexpected ") + command + " in AOF " + name_);
  }

  Status Bad(const ScanBad& bad) {
    std::uint64_t at = reader_->position() + ahead_ + bad.at;
    // What a file system may leave of an append that a power cut interrupted: the new length, and zeros.
    if (reader_->OnlyZerosFrom(at)) return Torn();
    return FormatError(at, bad.Describe(Rest()));
  }

  Status FormatError(std::uint64_t at, const std::string& what) {
    return Status::Error(EINVAL, "Bad file format reading the append only file " + name_ +
                                     ": make a backup of your AOF file, then use slotwise-check-aof --fix "
                                     "<filename.manifest> (at byte " + std::to_string(at) + ": " + what +
                                     "; the commands before byte " + std::to_string(good_) + " are whole)");
  }

  Status Torn() {
    if (ahead_ > 0) logger_.Warn("Revert incomplete MULTI/EXEC transaction in AOF file " + name_);
    Cut(good_, "an unfinished write", false);
    return Status::Ok();
  }

  void Cut(std::uint64_t at, std::string why, bool keep_copy) {
    verdict_.torn = true;
    verdict_.good_end = at;
    verdict_.why = std::move(why);
    verdict_.keep_copy = keep_copy;
  }

  // A cut is legal only at the end of the last file, behind everything that was promised, and if the operator allows it.
  Status JudgeCut(std::uint64_t size) {
    if (verdict_.good_end == size) {
      verdict_.torn = false;
      return Status::Ok();
    }
    if (plan_.end || !plan_.is_last) {
      return Status::Error(EINVAL, "The AOF file " + name_ + " ends inside a command that starts at byte " +
                                       std::to_string(verdict_.good_end) +
                                       ". Fatal error: the truncated file is not the last file");
    }
    if (verdict_.good_end < must_end_) {
      return Status::Error(EIO, "The AOF file " + name_ + " is whole only up to byte " + std::to_string(verdict_.good_end) +
                                    ", but everything up to byte " + std::to_string(must_end_) +
                                    " was durable. Restore it from a backup or a replica, or run slotwise-check-aof --fix "
                                    "<filename.manifest> to give up the rest");
    }
    if (!plan_.load_truncated) {
      return Status::Error(EINVAL, "Unexpected end of file reading the append only file " + name_ +
                                       ". You can: 1) Make a backup of your AOF file, then use slotwise-check-aof --fix "
                                       "<filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' "
                                       "configuration option to yes and restart the server. (the commands before byte " +
                                       std::to_string(verdict_.good_end) + " are whole)");
    }
    return Status::Ok();
  }

  FileSystem& files_;
  Logger& logger_;
  const ReplayPlan& plan_;
  const std::string& name_;
  LoadSink& sink_;
  ReplayVerdict& verdict_;
  std::unique_ptr<File> file_;
  SegmentReader* reader_ = nullptr;
  std::vector<IndexBlock> blocks_;  // those to be verified
  bool power_lost_ = false;         // since the segment was last written, sectors may be missing
  std::uint64_t durable_ = 0;
  std::uint64_t must_end_ = 0;      // a cut before this is refused
  bool gaps_ = false;
  std::uint64_t rdb_end_ = 0;
  std::uint64_t good_ = 0;          // behind the last whole command outside a transaction
  std::size_t ahead_ = 0;           // bytes of the open transaction from reader position on; 0: none open
  int db_ = 0;                      // every file starts in database 0
  bool undrained_ = false;
  std::uint64_t progress_ = 0;
};

}  // namespace

Status ReplaySegment(FileSystem& files, Logger& logger, const ReplayPlan& plan, LoadSink& sink, ReplayVerdict* verdict) {
  *verdict = ReplayVerdict();
  return Replay(files, logger, plan, sink, verdict).Run();
}

}  // namespace slotwise
