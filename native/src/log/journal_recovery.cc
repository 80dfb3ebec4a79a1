#include "log/journal_recovery.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crc32c.h"
#include "log/journal.h"

namespace slotwise {
namespace {

constexpr const char* kRemedy =
    "Restore the journal or the whole directory from a backup, or take the data from a replica. To give up those writes, make a "
    "copy and run slotwise-check-aof --fix <filename.manifest>";

// The frames of one epoch and one segment whose CRCs hold, ascending. Only reading errors of the file as a whole are errors.
void CollectFrames(File& file, std::uint64_t size, std::uint32_t epoch, std::uint64_t segment_seq, std::uint64_t behind,
                   std::vector<JournalFrame>* out) {
  char header_bytes[kFrameHeaderSize];
  for (std::uint64_t block = 1; block < size / kJournalBlockSize; ++block) {
    const std::uint64_t at = block * kJournalBlockSize;
    FrameHeader header;
    if (file.ReadAt(at, header_bytes, sizeof(header_bytes)) != sizeof(header_bytes)) continue;
    if (!DecodeFrameHeader(header_bytes, &header) || header.epoch != epoch || header.block != block) continue;
    if (header.segment_seq != segment_seq || header.length == 0 || at + kFrameHeaderSize + header.length > size) continue;
    if (header.position + header.length <= behind) continue;
    JournalFrame frame{header.sequence, header.position, std::string(header.length, '\0'), header.crc, header.seconds};
    if (file.ReadAt(at + kFrameHeaderSize, frame.bytes.data(), header.length) != static_cast<std::int64_t>(header.length)) continue;
    if (Crc32c(frame.bytes) != header.crc) continue;
    out->push_back(std::move(frame));
  }
  std::sort(out->begin(), out->end(), [](const JournalFrame& a, const JournalFrame& b) { return a.sequence < b.sequence; });
}

template <typename Ranges, typename End>
auto FirstBehind(const Ranges& ranges, std::uint64_t position, End end) {
  return std::partition_point(ranges.begin(), ranges.end(), [&](const auto& range) { return end(range) <= position; });
}
auto FirstBlockBehind(const std::vector<IndexBlock>& blocks, std::uint64_t position) {
  return FirstBehind(blocks, position, [](const IndexBlock& block) { return block.end; });
}

// Where [from, to) is not covered by blocks; `to` if it is all covered.
std::uint64_t CoveredUntil(const std::vector<IndexBlock>& blocks, std::uint64_t from, std::uint64_t to) {
  for (auto block = FirstBlockBehind(blocks, from); block != blocks.end() && from < to && block->begin <= from; ++block) from = block->end;
  return std::min(from, to);
}

// Empty if everything from the durable mark to the last frame is there, else what is missing.
std::string Missing(const SegmentIndex& index, const std::vector<JournalFrame>& frames, const std::string& name) {
  std::uint64_t at = index.durable;
  std::uint64_t end = 0;
  for (const JournalFrame& frame : frames) {
    std::uint64_t covered = CoveredUntil(index.blocks, at, frame.position);
    if (frame.position > at && covered < frame.position) {
      return "has lost the bytes from " + std::to_string(covered) + " to " + std::to_string(frame.position) + " of " + name;
    }
    if (frame.position < end) return "contradicts itself about the bytes from " + std::to_string(frame.position) + " on of " + name;
    for (auto block = FirstBlockBehind(index.blocks, frame.position); block != index.blocks.end() && block->begin < frame.end(); ++block) {
      if (block->begin >= frame.position && block->end <= frame.end()) continue;
      return "contradicts the checksums of the bytes from " + std::to_string(block->begin) + " to " + std::to_string(block->end) +
             " of " + name;
    }
    at = std::max(at, frame.end());
    end = frame.end();
  }
  return {};
}

// The index with a block for each frame in place of those that it replaces.
void Merge(const std::vector<JournalFrame>& frames, SegmentIndex* index) {
  std::vector<IndexBlock> blocks;
  auto frame = frames.begin();
  auto add = [&blocks](const JournalFrame& f) { blocks.push_back({f.position, f.end(), f.crc, f.seconds}); };
  for (const IndexBlock& block : index->blocks) {
    for (; frame != frames.end() && frame->position <= block.begin; ++frame) add(*frame);
    if (blocks.empty() || block.begin >= blocks.back().end) blocks.push_back(block);
  }
  for (; frame != frames.end(); ++frame) add(*frame);
  index->blocks = std::move(blocks);
  index->durable = std::max(index->durable, frames.back().end());
}

class OverlayFile final : public File {
 public:
  OverlayFile(File& file, const JournalRepair& repair) : file_(file), repair_(repair) {}
  std::int64_t Append(std::string_view) override { return -EROFS; }
  std::int64_t AppendParts(const std::string_view*, std::size_t) override { return -EROFS; }
  std::int64_t WriteAt(std::uint64_t, std::string_view) override { return -EROFS; }
  int SyncData() override { return -EROFS; }
  int Truncate(std::uint64_t) override { return -EROFS; }
  std::int64_t Size() override {
    std::int64_t size = file_.Size();
    return size < 0 ? size : std::max(size, static_cast<std::int64_t>(repair_.end()));
  }
  std::int64_t ReadAt(std::uint64_t offset, char* buffer, std::size_t size) override {
    std::int64_t n = file_.ReadAt(offset, buffer, size);
    if (n < 0) return n;
    auto got = static_cast<std::size_t>(n);
    const std::vector<JournalFrame>& frames = repair_.frames;
    for (auto at = FirstBehind(frames, offset, [](const JournalFrame& frame) { return frame.end(); });
         at != frames.end() && at->position < offset + size; ++at) {
      const JournalFrame& frame = *at;
      std::uint64_t begin = std::max(frame.position, offset);
      std::uint64_t end = std::min(frame.end(), offset + size);
      // Between frames there is nothing that the file lacks, unless it is damaged; then the checksums say so.
      const auto to = static_cast<std::size_t>(begin - offset);
      if (to > got) std::memset(buffer + got, 0, to - got);
      std::memcpy(buffer + to, frame.bytes.data() + (begin - frame.position), static_cast<std::size_t>(end - begin));
      got = std::max(got, static_cast<std::size_t>(end - offset));
    }
    return static_cast<std::int64_t>(got);
  }

 private:
  File& file_;
  const JournalRepair& repair_;
};

}  // namespace

Status ReadJournal(FileSystem& files, Logger& logger, const std::string& journal_path, const AofDirectory::Entry& entry,
                   JournalRepair* out) {
  *out = JournalRepair();
  Status status = ReadSegmentIndex(files, entry.index_path, &out->index);
  if (!status.ok()) return status;
  SegmentIndex& index = out->index;
  if (index.closed || index.journal_epoch == 0) return Status::Ok();
  const std::uint32_t boot = BootHash(files);
  out->power_lost = index.boot == 0 || index.boot != boot;

  std::unique_ptr<File> segment;
  int error = files.Open(entry.path, OpenMode::kRead, &segment);
  if (error < 0) return Status::Error(-error, "Can't open the append-only file " + entry.info.name + ": " + std::strerror(-error));
  const bool copied = SegmentOwner(*segment) != index.journal_owner;
  std::unique_ptr<File> file;
  std::string wrong;
  error = files.Open(journal_path, OpenMode::kRead, &file);
  if (error == -ENOENT) {
    wrong = "is missing";
  } else if (error < 0) {
    return Status::Error(-error, "Can't open the AOF journal " + journal_path + ": " + std::strerror(-error));
  } else {
    char bytes[kJournalHeaderSize];
    JournalHeader header;
    if (file->ReadAt(0, bytes, sizeof(bytes)) != sizeof(bytes) || !DecodeJournalHeader(bytes, &header)) {
      wrong = "is damaged";
    } else if (header.epoch != index.journal_epoch) {
      wrong = "is not the one that was in use";
    } else if (file->Size() != static_cast<std::int64_t>(header.file_size)) {
      wrong = "has " + std::to_string(file->Size()) + " bytes instead of " + std::to_string(header.file_size);
    } else {
      CollectFrames(*file, header.file_size, index.journal_epoch, entry.info.seq, index.durable, &out->frames);
      wrong = Missing(index, out->frames, entry.info.name);
    }
  }
  if (wrong.empty()) {
    if (!out->frames.empty()) Merge(out->frames, &index);
    return Status::Ok();
  }
  out->frames.clear();
  const std::string what = "The AOF journal " + journal_path + " " + wrong;
  if (!out->power_lost) {
    logger.Warn(what + ". It is not needed, because the machine was not restarted since it was written");
    return Status::Ok();
  }
  const std::string doubt = what + "; acknowledged writes behind byte " + std::to_string(index.durable) + " of " + entry.info.name +
                            " may be missing. ";
  if (copied) {
    logger.Warn(doubt + "The AOF directory is a copy: loading what it holds");
    return Status::Ok();
  }
  return Status::Error(EIO, doubt + kRemedy);
}

std::unique_ptr<File> OverlayJournal(File& file, const JournalRepair& repair) { return std::make_unique<OverlayFile>(file, repair); }

JournalDifference CompareJournal(File& file, const JournalRepair& repair) {
  JournalDifference difference;
  std::string bytes;
  for (const JournalFrame& frame : repair.frames) {
    bytes.assign(frame.bytes.size(), '\0');
    std::int64_t n = file.ReadAt(frame.position, bytes.data(), bytes.size());
    difference.lacking = difference.lacking || n != static_cast<std::int64_t>(bytes.size()) || bytes != frame.bytes;
    for (std::size_t i = 0; i < bytes.size() && !difference.others; ++i) {
      difference.others = bytes[i] != '\0' && bytes[i] != frame.bytes[i];
    }
  }
  return difference;
}

int ApplyJournal(File& file, const JournalRepair& repair) {
  for (const JournalFrame& frame : repair.frames) {
    for (std::size_t done = 0; done < frame.bytes.size();) {
      std::int64_t n = file.WriteAt(frame.position + done, std::string_view(frame.bytes).substr(done));
      if (n <= 0) return n < 0 ? static_cast<int>(n) : -ENOSPC;
      done += static_cast<std::size_t>(n);
    }
  }
  return 0;
}

}  // namespace slotwise
