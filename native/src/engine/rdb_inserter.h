// Puts the keys of an RDB file into the keyspace: one thread reads and decodes the file (rdb_load.cc) and deals keys out by
// stripe, workers insert them in batches, whose misses overlap. What a key is worth is decided before it gets here.
// A small file is inserted where it is read.
// Elsewhere: the same for the commands of a log (load_sink.h).
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/rdb_load.h"
#include "keyspace/keyspace.h"
#include "snapshot/rdb_file_reader.h"

namespace slotwise {

class RdbInserter {
 public:
  RdbInserter(Engine& engine, const RdbLoadOptions& options, std::int64_t now_ms, bool parallel);
  ~RdbInserter();
  RdbInserter(const RdbInserter&) = delete;
  RdbInserter& operator=(const RdbInserter&) = delete;

  // Takes the value over. `keys_of_db`: how many its database is likely to get, 0 if unknown; tables are made wide enough for
  // their share when they get their first key.
  void Add(RdbKey& key, std::uint64_t keys_of_db);
  void Add(const RdbString& key, std::uint64_t keys_of_db);
  // Returns when all are in. Then failed() is final.
  void Finish();
  // A key was there already.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  struct Item {
    std::uint32_t key_size = 0;
    std::uint64_t text_size = 0;     // of a string
    std::uint16_t slot = 0;
    int db = 0;
    std::uint32_t keys_of_slot = 0;
    Type type = Type::kString;
    Encoding encoding = Encoding::kRaw;
    void* object = nullptr;          // of a collection
    std::int64_t expire_at_ms = kNoExpire;
    std::int64_t idle_seconds = -1;
    int frequency = -1;
  };
  struct Job {
    std::vector<char> bytes;         // key and text of each item, back to back
    std::vector<Item> items;
    bool full() const { return items.size() >= 512 || bytes.size() >= 256 * 1024; }
    void Clear() {
      bytes.clear();
      items.clear();
    }
  };
  struct Worker {
    std::thread thread;
    std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::unique_ptr<Job>> queue;
    std::vector<std::unique_ptr<Job>> spare;
    bool busy = false;
    bool stop = false;
    std::unique_ptr<Job> filling = std::make_unique<Job>();  // the reader's
  };
  Worker& WorkerOf(std::uint16_t slot) { return *workers_[static_cast<std::size_t>(StripeOf(slot)) % workers_.size()]; }
  void Submit(Worker& worker);
  void Run(Worker& worker);
  void Insert(Job& job);
  void InsertOne(Database& db, const KeyRef& key, std::string_view text, Item& item);

  Engine& engine_;
  const RdbLoadOptions options_;
  const std::int64_t now_ms_;
  std::atomic<bool> failed_{false};
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace slotwise
