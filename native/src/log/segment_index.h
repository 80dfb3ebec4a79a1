// The index of one AOF segment, `<segment>.idx`: a CRC32C of every block, and what is known to be durable. It lies beside
// the segment, which stays byte for byte what Redis reads; Redis ignores it. Blocks end where units end.
//
// What it must get right is the difference between two kinds of damage. A power cut leaves any subset of the sectors
// written since the last fsync: those bytes were promised to nobody and are cut. Anything else, a flipped bit or a
// lost sector that had been fsynced, is damage and stops the start. So each record carries `durable`: everything before
// that offset, in the segment and in this index, had been fsynced before the record was written. A promise of durability
// is therefore given only after both files were fsynced. A session record names the boot of the machine: if it is still
// the same boot, no power was lost, nothing written can be missing, and bytes behind the last block (kill -9) are good.
//
// A flipped bit here must neither serve bad data nor destroy good data: every record has its own CRC, says where its
// block begins, and is repeated where it decides alone (the closing one). A lost record only leaves its block unverified.
//
// Format, little endian, 32 bytes each; only ever append kinds:
//   header  "SLOTWIDX" u32 version=1 u32 0 u64 previous_end u32 0 u32 crc
//   record  u64 end u32 (kind << 28 | length) u32 crc_of_block u64 durable u32 unix_seconds u32 crc
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

inline constexpr std::size_t kIndexRecordSize = 32;
// A block is at most this long; a longer unit is covered by several blocks, the only ones that end inside a unit.
inline constexpr std::uint32_t kIndexBlockSizeMax = 128u << 20;
// Under load a block ends as soon as it has this many bytes.
inline constexpr std::uint32_t kIndexBlockSize = 64 << 10;

enum class IndexKind : std::uint8_t {
  kBlock = 1,    // the bytes [end - length, end) have this CRC
  kSession = 2,  // a process opened the segment for appending at `end`; the CRC is that of the boot id
  kClosed = 3,   // it closed the segment: everything is covered and durable. Written twice
  // From here on what is behind `durable` may be in the journal only (journal.h), under the epoch that stands in place of the
  // CRC; 0: no longer. In place of the length: which file this is, so that a copy is known as such. Written twice.
  kJournal = 4,
};

struct IndexRecord {
  IndexKind kind = IndexKind::kBlock;
  std::uint64_t end = 0;
  std::uint32_t length = 0;
  std::uint32_t crc = 0;
  std::uint64_t durable = 0;
  std::uint32_t seconds = 0;
};
void EncodeIndexRecord(const IndexRecord& record, char* out);
bool DecodeIndexRecord(const char* bytes, IndexRecord* out);  // false if its CRC is wrong
// False: these are not the first kIndexRecordSize bytes of an index.
bool DecodeIndexHeader(const char* bytes, std::optional<std::uint64_t>* previous_end);

struct IndexBlock {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t crc = 0;
  std::uint32_t seconds = 0;
};

// What an index file says.
struct SegmentIndex {
  bool present = false;
  bool damaged = false;  // something in it is not what was written; what is listed below is nevertheless proven
  bool closed = false;
  bool has_session = false;
  std::uint32_t boot = 0;  // CRC of the boot id of the last session
  std::uint64_t durable = 0;
  std::uint32_t journal_epoch = 0;  // 0: the journal has nothing of this segment
  std::uint32_t journal_owner = 0;  // SegmentOwner() of the segment when that was written
  // The previous segment counts only up to this offset: its tail is repeated at the start of this segment.
  std::optional<std::uint64_t> previous_end;
  std::vector<IndexBlock> blocks;  // ascending, without overlap; a gap is a lost record

  std::uint64_t covered_end() const { return blocks.empty() ? 0 : blocks.back().end; }
};

std::string IndexPath(const std::string& segment_path);
std::uint32_t BootHash(FileSystem& files);  // 0 if the boot is not known
// What a kJournal record says of its segment: a hash of 28 bits; a copy of the file has another.
std::uint32_t SegmentOwner(File& segment);

// The index at `path` is there and says that its segment never held anything.
bool NeverWritten(FileSystem& files, const std::string& path);

// An absent file is success with present == false.
Status ReadSegmentIndex(FileSystem& files, const std::string& path, SegmentIndex* out);
// Replaces the file as a whole by a closed index of `index.blocks` (temporary file, fsync, rename, fsync of `dir`). The
// segment itself must be durable up to covered_end().
Status WriteSegmentIndex(FileSystem& files, const std::string& dir, const std::string& path, const SegmentIndex& index,
                         std::uint32_t seconds);

// Appends to the index of the segment being written. Not thread-safe: guarded by the log's writer lock, except Sync().
class IndexWriter {
 public:
  // Starts a new file whose segment is empty.
  static int Create(FileSystem& files, const std::string& path, std::optional<std::uint64_t> previous_end,
                    std::unique_ptr<IndexWriter>* out);
  // Continues a file that covers [0, end) completely and whose records are whole.
  static int Continue(FileSystem& files, const std::string& path, std::uint64_t end, std::unique_ptr<IndexWriter>* out);

  // `bytes` were just written to the segment, directly behind what was covered before.
  void Cover(std::string_view bytes, std::uint32_t seconds);
  std::uint64_t end() const { return end_; }                  // covered or in the open block
  std::uint32_t open_block_size() const { return length_; }
  void EndBlock(std::uint32_t seconds);                       // queues the record of the open block, if it has bytes
  void MarkDurable(std::uint64_t offset) { if (offset > durable_) durable_ = offset; }
  void Add(IndexKind kind, std::uint32_t crc, std::uint32_t seconds) { AddRecord(kind, 0, crc, seconds); }
  void AddJournal(std::uint32_t epoch, std::uint32_t owner, std::uint32_t seconds);
  bool has_queued() const { return !queued_.empty(); }
  // Writes the queued records. On failure they stay queued. 0 or -errno.
  int Write();
  int Sync() { return file_->SyncData(); }

 private:
  explicit IndexWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
  void AddRecord(IndexKind kind, std::uint32_t length, std::uint32_t crc, std::uint32_t seconds);
  std::unique_ptr<File> file_;
  std::string queued_;
  std::uint64_t end_ = 0;
  std::uint64_t durable_ = 0;
  std::uint32_t length_ = 0;
  std::uint32_t crc_ = 0;
};

}  // namespace slotwise
