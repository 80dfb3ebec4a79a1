// The journal of `appendfsync always`: one file of fixed size, written full once, in which each commit overwrites the next
// few blocks. Such a write changes neither the length nor the blocks of a file, so one flush of the disk makes it durable;
// appending to the segment and its index costs two commits of the file system instead (decision 0006).
//
// The segment and the index get the same bytes before, by write(2), and are fsynced later, which settles them; the
// journal holds what is durable and not settled. After a power cut journal_recovery.h puts it back into the segment.
//
// What must never happen is that an old frame is taken for a new one. A frame counts only if its epoch is the one that the
// segment's index names (IndexKind::kJournal), it lies in the block that it names itself, and header and bytes match their
// CRCs. Each use of the file has an epoch of its own. A frame starts in a block of its own, so that a torn write damages
// no other, and is overwritten only after all of it was settled.
//
// Format, little endian, blocks of 4096 bytes:
//   block 0  "SLOTWJRN" u32 version=1 u32 epoch u64 file_size u32 0 u32 crc
//   frame    "SLOTWFRM" u32 epoch u32 block u64 sequence u64 segment_seq u64 position u32 length u32 crc_of_bytes
//            u32 unix_seconds u32 crc, then the bytes; zeros up to the next block
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/file_system.h"

namespace slotwise {

inline constexpr std::size_t kJournalBlockSize = 4096;

struct JournalHeader {
  std::uint32_t epoch = 0;
  std::uint64_t file_size = 0;
};
inline constexpr std::size_t kJournalHeaderSize = 32;
void EncodeJournalHeader(const JournalHeader& header, char* out);
bool DecodeJournalHeader(const char* bytes, JournalHeader* out);

struct FrameHeader {
  std::uint32_t epoch = 0;
  std::uint32_t block = 0;      // where the frame starts
  std::uint64_t sequence = 0;   // of the frame in its epoch, from 1
  std::uint64_t segment_seq = 0;
  std::uint64_t position = 0;   // of its bytes in the segment
  std::uint32_t length = 0;
  std::uint32_t crc = 0;        // of its bytes
  std::uint32_t seconds = 0;
};
inline constexpr std::size_t kFrameHeaderSize = 56;
void EncodeFrameHeader(const FrameHeader& header, char* out);
bool DecodeFrameHeader(const char* bytes, FrameHeader* out);  // false if its CRC is wrong

// The journal being written. Used by one thread.
class Journal {
 public:
  // Takes over the file at `path` under a new epoch, or makes it. On success the file is durable and holds no frame of the
  // new epoch. `size` is rounded down to whole blocks. A file that could not be made is removed again.
  static Status Open(FileSystem& files, const std::string& dir, const std::string& path, std::uint64_t size,
                     std::unique_ptr<Journal>* out);

  std::uint32_t epoch() const { return epoch_; }
  // More than this is not worth two writes of every byte: the caller syncs the segment instead.
  std::size_t frame_bytes_max() const { return frame_bytes_max_; }
  bool StillThere() { return file_->StillAt(path_); }

  // Builds the next frame. It is written by Write(), or forgotten by the next call of this.
  void Prepare(std::uint64_t segment_seq, std::uint64_t position, const std::vector<std::string_view>& parts,
               std::uint32_t seconds);
  // Finds a place for the frame that was prepared; false if that would overwrite what lies behind log offset `settled`.
  bool MakeRoom(std::uint64_t settled);
  // Writes it there and makes it durable; `log_end` is the log offset behind it. After a failure (-errno) the journal
  // must not be used again.
  int Write(std::uint64_t log_end);
  // True if so much is in use that it is time to settle.
  bool IsHalfFull(std::uint64_t settled);

 private:
  struct Live {
    std::uint64_t begin;  // block
    std::uint64_t log_end;
  };
  struct AlignedFree {
    void operator()(char* p) const;
  };
  Journal(std::unique_ptr<File> file, std::string path, std::uint64_t blocks, std::uint32_t epoch);
  void DropSettled(std::uint64_t settled);

  std::unique_ptr<File> file_;
  const std::string path_;
  const std::uint64_t blocks_;
  const std::uint32_t epoch_;
  std::size_t frame_bytes_max_;
  std::unique_ptr<char[], AlignedFree> buffer_;
  FrameHeader header_;
  std::uint64_t frame_blocks_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t head_ = 1;   // the block behind the newest frame
  std::deque<Live> live_;    // frames that may not be settled, oldest first
};

}  // namespace slotwise
