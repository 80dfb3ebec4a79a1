// The log's tail in memory: a chain of chunks holding every byte that is not both written and durable (or, past a bound,
// at least not written). Appending is a short lock and a copy; offsets are the log's own and never repeat.
// Invariant: chunk->next->begin is where chunk's bytes end; the last chunk is never released.
// One writer at a time may call Collect() and Release(), beside any number of appenders.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/futex_lock.h"
#include "log/commit_log.h"

namespace slotwise {

class LogBuffer {
 public:
  static constexpr std::size_t kChunkSize = 256 << 10;

  LogBuffer(std::uint64_t begin, bool timestamps);
  ~LogBuffer();
  LogBuffer(const LogBuffer&) = delete;
  LogBuffer& operator=(const LogBuffer&) = delete;

  // Adds what the unit needs around it: a timestamp line if `seconds` is a new second (and timestamps are on), SELECT if
  // the database differs from the last one, MULTI and EXEC if it is atomic and has several effects.
  std::uint64_t Append(const LogUnit& unit, std::uint32_t seconds);
  std::uint64_t tail() const { return tail_.load(std::memory_order_acquire); }

  // A unit boundary and the database selected there; -1 if none was yet.
  struct Mark {
    std::uint64_t offset = 0;
    int db = -1;
  };
  Mark TailMark();
  bool timestamps() const { return timestamps_; }

  // The bytes [from, to) in at most `parts_max` pieces; `to` <= a TailMark() taken before. Returns where they end.
  std::uint64_t Collect(std::uint64_t from, std::uint64_t to, std::size_t parts_max, std::vector<std::string_view>* parts);
  // Forgets whole chunks before `offset`; first() is what is still there.
  void Release(std::uint64_t offset);
  std::uint64_t first() const { return head_->begin; }
  // Gives unused memory back.
  void Trim();

 private:
  struct Chunk {
    std::atomic<Chunk*> next{nullptr};
    std::uint64_t begin = 0;
    std::size_t used = 0;  // the appender's, under lock_
    std::size_t capacity = 0;
    char* data() { return reinterpret_cast<char*>(this + 1); }
  };
  static Chunk* Allocate(std::size_t capacity);
  static void Free(Chunk* chunk);
  char* Reserve(std::size_t size);

  FutexLock lock_;
  Chunk* last_;                     // under lock_
  std::vector<Chunk*> pool_;        // under lock_
  int db_ = -1;                     // under lock_
  std::uint32_t last_second_ = 0;   // under lock_
  const bool timestamps_;
  std::atomic<std::uint64_t> tail_;
  Chunk* head_;    // the writer's
  Chunk* cursor_;  // the writer's: where Collect() stopped
};

// "*2\r\n$6\r\nSELECT\r\n..." into `out` (at least 40 bytes); returns its size.
std::size_t EncodeSelect(int db, char* out);

}  // namespace slotwise
