// The log's tail in memory: a chain of chunks holding every byte that is not both written and durable (or, past a bound,
// at least not written). Appending is a short lock and a copy; offsets are the log's own and never repeat.
// Invariant: chunk->next->begin is where chunk's bytes end; the last chunk is never released.
// One writer at a time may call Collect() and Release(), beside any number of appenders and readers.
//
// It is the replication backlog too: KeepTail() keeps the last bytes whatever is released, and any number of readers
// (log_reader.h) send from the chunks themselves. A chunk has one reference for being in the chain and one for each reader
// that stands in it; who gives up the last one recycles it.
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
  bool timestamps() const { return timestamps_.load(std::memory_order_relaxed); }
  void SetTimestamps(bool on) { timestamps_.store(on, std::memory_order_relaxed); }

  // --- the backlog.
  // Release() keeps the last `size` bytes, and everything from `floor` on (readers that have nowhere else to read from).
  void KeepTail(std::uint64_t size) { keep_.store(size, std::memory_order_relaxed); }
  void SetFloor(std::uint64_t floor) { floor_.store(floor, std::memory_order_relaxed); }
  // Says SELECT again before the next unit, whatever its database, and returns the tail: a snapshot is taken here, and whoever
  // reads from here on knows nothing of what came before. `split`, if not null, becomes the tail before any TailMark() lies
  // behind it.
  std::uint64_t BeginStream(std::atomic<std::uint64_t>* split = nullptr);
  // The same for a stream that goes on as it is (of a replica, whose primary says SELECT): a file that begins here has to say it.
  Mark Split(std::atomic<std::uint64_t>* split);
  // The stream is somebody else's from here on, and has `db` selected. Returns the tail.
  std::uint64_t TakeOverStream(int db);
  // No timestamp lines while somebody else than a file reads the log: replicas take them for garbage.
  void PauseTimestamps(bool paused) { timestamps_paused_.store(paused, std::memory_order_relaxed); }

  struct Chunk;
  // The chunk that holds the byte at `offset` (< tail()), held until Unpin(); null if it has gone. `held`: one that the caller
  // holds and gives up, from where the search may begin; may be null.
  Chunk* Pin(std::uint64_t offset, Chunk* held);
  void Unpin(Chunk* chunk);
  // What the chunk holds of [from, to); `to` <= a tail() read before.
  static std::string_view Bytes(const Chunk* chunk, std::uint64_t from, std::uint64_t to);

  // The bytes [from, to) in at most `parts_max` pieces; `to` <= a TailMark() taken before. Returns where they end.
  std::uint64_t Collect(std::uint64_t from, std::uint64_t to, std::size_t parts_max, std::vector<std::string_view>* parts);
  // Forgets whole chunks before `offset`, as far as the backlog lets it; first() is what is still there.
  void Release(std::uint64_t offset);
  std::uint64_t first() const { return first_.load(std::memory_order_acquire); }
  // Gives unused memory back.
  void Trim();

 private:
  static Chunk* Allocate(std::size_t capacity);
  static void Free(Chunk* chunk);
  char* Reserve(std::size_t size);
  void Unref(Chunk* chunk);

  FutexLock lock_;
  Chunk* last_;                     // under lock_
  std::vector<Chunk*> pool_;        // under lock_
  int db_ = -1;                     // under lock_
  std::uint32_t last_second_ = 0;   // under lock_
  std::atomic<bool> timestamps_;
  std::atomic<std::uint64_t> tail_;
  std::atomic<std::uint64_t> keep_{0};
  std::atomic<std::uint64_t> floor_{~std::uint64_t{0}};
  std::atomic<bool> timestamps_paused_{false};
  std::atomic<std::uint64_t> first_;
  FutexLock chain_lock_;  // readers that look for a chunk, and the writer taking one out
  Chunk* head_;    // the writer's to change, under chain_lock_
  Chunk* cursor_;  // the writer's: where Collect() stopped
};

struct LogBuffer::Chunk {
  std::atomic<Chunk*> next{nullptr};
  std::atomic<std::uint64_t> end{~std::uint64_t{0}};  // where its bytes end, once there is a next one
  std::atomic<int> references{1};
  std::uint64_t begin = 0;
  std::size_t used = 0;  // the appender's, under lock_
  std::size_t capacity = 0;
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
};

// "*2\r\n$6\r\nSELECT\r\n..." into `out` (at least 40 bytes); returns its size.
std::size_t EncodeSelect(int db, char* out);

}  // namespace slotwise
