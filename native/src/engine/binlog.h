// The commit log as a binlog: addressed as (file, position), read from anywhere in it, waited for at its end, purged at its beginning.
// Who reads holds nothing here: a position says everything, and each read finds its file anew, so segments may come and go, and a
// consumer may stay away for a year. Bytes come from the files, which lag behind memory by a write at most; only what was promised
// to clients is shown (Engine::Promise).
// Waiting for more is looked at by a thread of its own, which sleeps while nobody waits: whoever writes pays nothing for it.
// Retention is about the archive alone (aof-archive-dir): segments that the data set needs are never history.
// Source: decision 0024. Elsewhere: which files (log/binlog_files.h), what is in them (log/binlog_reader.h), the commands
// (commands/binlog.cc).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "log/binlog_files.h"
#include "log/binlog_reader.h"
#include "log/binlog_state.h"
#include "log/file_system.h"

namespace slotwise {

class Engine;
class Waiter;

struct BinlogPosition {
  std::uint64_t seq = 0;  // of the file
  std::uint64_t byte = 0;
  bool operator==(const BinlogPosition&) const = default;
};

// Errors are the text of an error reply, empty for none.
class Binlog {
 public:
  Binlog(Engine& engine, FileSystem& files);
  ~Binlog() { Stop(); }
  Binlog(const Binlog&) = delete;
  Binlog& operator=(const Binlog&) = delete;

  // What is held, and where its readable end is. Not cheap.
  struct View {
    BinlogFileList list;
    BinlogPosition end;
    BinlogPosition written;        // of the file, which may be more than was promised
    std::uint64_t end_offset = 0;  // the same as a log offset
    std::uint64_t current_begin = 0;
  };
  std::string Look(View* view);
  std::string Text(BinlogPosition position) const;
  // REPLICATION-ID:OFFSET of the same place; empty if it is in no history of this server.
  std::string OriginAt(std::uint64_t log_offset) const;

  // What a client means: FILE:POS (FILE may be its number alone), REPLICATION-ID:OFFSET, a log offset, 0 for the beginning of everything, $ for the end, @SECONDS,
  // > for where `consumer` has come.
  std::string Resolve(std::string_view text, std::string_view consumer, BinlogPosition* out);

  struct Batch {
    BinlogPosition next;               // where to go on
    BinlogPosition end;                // of what can be read
    std::uint64_t behind = 0;          // bytes from next to end
    std::string origin;                // `next` in the replication history, as every copy of it has it; empty: there is none
    std::vector<std::string> units;    // each in RESP: [position, next, Unix seconds or 0, [[db, [word...]]...]]
  };
  // Whole units from `from` on, until there are `count_max` or some megabyte.
  std::string Read(BinlogPosition from, std::size_t count_max, Batch* out);
  static std::string Encode(const Binlog& binlog, const Batch& batch, int protocol);
  // The waiter is answered with what comes behind `from`, its end by then. No stripe is held.
  void Wait(const std::shared_ptr<Waiter>& waiter, BinlogPosition from, std::size_t count_max);

  // Commands as they are, from a position on: visit(event) until it says false.
  std::string ForEach(BinlogPosition from, const std::function<bool(const BinlogEvent&)>& visit);

  // --- consumers, and who wrote this.
  std::string Id(std::string* id);
  std::string Consumers(std::map<std::string, BinlogConsumer, std::less<>>* out);
  std::string Acknowledge(std::string_view name, BinlogPosition position);
  std::string Forget(std::string_view name, bool* known);

  // --- the beginning.
  // Removes the archived files before `file`.
  std::string PurgeTo(std::string_view file, std::int64_t* removed);
  // Removes archived files, oldest first, until the rest is within both limits; 0: none.
  void Retain(std::uint64_t bytes_max, std::int64_t seconds_max);
  // By the same limits again: the files have changed.
  void Retain() { Retain(bytes_max(), seconds_max()); }
  std::uint64_t bytes_max() const { return bytes_max_.load(std::memory_order_relaxed); }
  std::int64_t seconds_max() const { return seconds_max_.load(std::memory_order_relaxed); }

  void Stop();

 private:
  struct Pending {
    std::shared_ptr<Waiter> waiter;
    BinlogPosition from;
    std::size_t count_max;
    int protocol;
  };
  std::string Locate(BinlogPosition at, BinlogFile* file, BinlogPosition* end, std::uint64_t* behind, View* view);
  std::string ReadFrom(std::size_t count_max, Batch* out);
  std::string ReadUnits(BinlogReader& reader, std::uint64_t seq, std::size_t count_max, Batch* out);
  std::string PurgedText(BinlogPosition wanted, const View& view) const;
  std::string StateLocked();  // loads it; mutex_ is held
  void Remember(BinlogPosition position, int db);
  std::optional<int> Recall(BinlogPosition position);
  std::string SeekIn(BinlogReader& reader, BinlogPosition position);
  void Run();
  void LookAtWaits(const std::vector<Pending>& waits);

  Engine& engine_;
  FileSystem& files_;
  const std::string file_prefix_;
  std::atomic<std::uint64_t> bytes_max_{0};
  std::atomic<std::int64_t> seconds_max_{0};
  std::mutex mutex_;  // guards the rest
  std::optional<BinlogState> state_;
  // Positions that were handed out, and the database there: whoever goes on from one need not look for it.
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::pair<int, std::uint64_t>> marks_;
  std::uint64_t mark_clock_ = 0;
  std::condition_variable changed_;
  std::vector<Pending> waits_;
  bool fresh_ = false;  // somebody has come to wait
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace slotwise
