// Replays the log into the keyspace, on several threads: the loader's thread parses and deals single-key commands out by
// stripe, workers execute them in batches with prefetching; anything else waits until the workers are done and runs
// alone. Order per key is kept, because a key always goes to the same worker. What the loader's thread finds out about a
// command (which it is, its slot) travels with it. Figures: decision 0005.
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "log/aof_loader.h"

namespace slotwise {

class AofLoadSink final : public LoadSink {
 public:
  explicit AofLoadSink(Engine& engine);
  ~AofLoadSink() override;
  bool Apply(int db, const std::string_view* argv, std::size_t argc, std::string* error) override;
  Status LoadRdb(File& file, std::uint64_t size, const std::string& name, std::uint64_t* end) override;
  void Progress(std::uint64_t done, std::uint64_t total) override;

 private:
  struct Job {
    struct Item {
      const Command* command;
      std::uint32_t first_arg;
      std::uint32_t argc;
      int db;
      std::uint16_t slot;
    };
    std::vector<char> bytes;             // argument bytes, back to back
    std::vector<std::uint32_t> lengths;  // of each argument
    std::vector<Item> items;
    void Clear() {  // keeps the memory
      bytes.clear();
      lengths.clear();
      items.clear();
    }
    bool full() const { return items.size() >= 512 || bytes.size() >= 256 * 1024; }
  };
  struct Worker {
    std::thread thread;
    std::mutex mutex;
    std::condition_variable wake;        // work arrived, or the worker is done with some
    std::deque<std::unique_ptr<Job>> queue;
    std::vector<std::unique_ptr<Job>> spare;
    bool busy = false;
    bool stop = false;
    std::unique_ptr<Job> filling;        // the loader's thread only
  };
  // Returns when everything dealt out so far is executed. (Drain() needs nothing: jobs own their bytes.)
  void Settle();
  void Run(Worker& worker);
  void Submit(Worker& worker);
  void Execute(ThreadState& thread, Client& client, Job& job);
  void ReportError(const PreparedCommand& prepared, std::string_view error);

  Engine& engine_;
  ThreadState& thread_;
  Client client_;
  std::string error_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::int64_t last_progress_ms_ = 0;
};

}  // namespace slotwise
