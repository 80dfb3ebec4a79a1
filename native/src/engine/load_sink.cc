#include "engine/load_sink.h"

#include <algorithm>
#include <array>

#include "base/ablation.h"
#include "base/ticks.h"
#include "engine/rdb_load.h"

namespace slotwise {
namespace {

constexpr std::size_t kQueuedJobsMax = 8;
constexpr std::size_t kBatch = 32;

void InitLoaderClient(Client& client) {
  client.kind = ClientKind::kLoader;
  client.authenticated = true;
}

}  // namespace

AofLoadSink::AofLoadSink(Engine& engine) : engine_(engine), thread_(engine.AddThread()) {
  InitLoaderClient(client_);
  thread_.now_ms = engine_.NowMs();
  unsigned cores = std::thread::hardware_concurrency();
  unsigned count = cores < 2 ? 1 : cores > 8 ? 8 : cores;
  for (unsigned i = 0; i < count; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    Worker& w = *workers_.back();
    w.filling = std::make_unique<Job>();
    w.thread = std::thread([this, &w] { Run(w); });
  }
}

AofLoadSink::~AofLoadSink() {
  Settle();
  for (auto& w : workers_) {
    {
      std::lock_guard<std::mutex> guard(w->mutex);
      w->stop = true;
    }
    w->wake.notify_all();
    w->thread.join();
  }
  engine_.RemoveThread(thread_);
}

bool AofLoadSink::Apply(int db, const std::string_view* argv, std::size_t argc, std::string* error) {
  if (db < 0 || db >= engine_.keyspace().database_count()) {
    *error = "DB index is out of range";
    return false;
  }
  CommandTable::Resolution resolved = engine_.commands().Resolve(argv, argc);
  if (resolved.command == nullptr) {
    *error = "Unknown command '" + std::string(argv[0].substr(0, 128)) + "'";
    return false;
  }
  if (resolved.command->key_layout == KeyLayout::kOne && resolved.outcome == CommandTable::Outcome::kOk) {
    const std::uint16_t slot = HashSlot(argv[1]);
    Worker& w = *workers_[static_cast<std::size_t>(StripeOf(slot)) % workers_.size()];
    Job& job = *w.filling;
    job.items.push_back({resolved.command, static_cast<std::uint32_t>(job.lengths.size()), static_cast<std::uint32_t>(argc),
                         db, slot});
    for (std::size_t i = 0; i < argc; ++i) {
      job.lengths.push_back(static_cast<std::uint32_t>(argv[i].size()));
      job.bytes.insert(job.bytes.end(), argv[i].begin(), argv[i].end());
    }
    if (job.full()) Submit(w);
    return true;
  }
  Settle();
  client_.db = db;
  PreparedCommand p;
  p.client = &client_;
  p.args = {argv, argc};
  if (resolved.outcome != CommandTable::Outcome::kOk) {
    ReportError(p, CommandTable::ErrorText(resolved, p.args));
    return true;
  }
  engine_.Prepare(p);
  if (!engine_.Replay(thread_, p, &error_)) ReportError(p, error_);
  return true;
}

Status AofLoadSink::LoadRdb(File& file, std::uint64_t size, const std::string& name, std::uint64_t* end) {
  Settle();
  RdbLoadOptions options;
  options.keep_expired = true;  // their DEL may follow in the log
  RdbLoadReport report;
  Status status = slotwise::LoadRdb(engine_, file, size, name, options, &report);
  *end = report.bytes;
  return status;
}

void AofLoadSink::Submit(Worker& w) {
  std::unique_lock<std::mutex> lock(w.mutex);
  w.wake.wait(lock, [&] { return w.queue.size() < kQueuedJobsMax; });
  w.queue.push_back(std::move(w.filling));
  if (w.spare.empty()) {
    w.filling = std::make_unique<Job>();
  } else {
    w.filling = std::move(w.spare.back());
    w.spare.pop_back();
  }
  lock.unlock();
  w.wake.notify_all();
}

// What is not handed over yet is executed here: a log in which commands of one key and of several alternate would
// otherwise cost two changes of thread a command, which on a busy machine is minutes.
void AofLoadSink::Settle() {
  for (auto& w : workers_) {
    {
      std::unique_lock<std::mutex> lock(w->mutex);
      w->wake.wait(lock, [&] { return w->queue.empty() && !w->busy; });
    }
    Execute(thread_, client_, *w->filling);
    w->filling->Clear();
  }
}

void AofLoadSink::Run(Worker& w) {
  ThreadState& thread = engine_.AddThread();
  thread.now_ms = engine_.NowMs();
  Client client;
  InitLoaderClient(client);
  std::unique_lock<std::mutex> lock(w.mutex);
  for (;;) {
    w.wake.wait(lock, [&] { return w.stop || !w.queue.empty(); });
    if (w.queue.empty()) break;
    std::unique_ptr<Job> job = std::move(w.queue.front());
    w.queue.pop_front();
    w.busy = true;
    lock.unlock();
    w.wake.notify_all();
    Execute(thread, client, *job);
    job->Clear();
    lock.lock();
    w.busy = false;
    w.spare.push_back(std::move(job));
    w.wake.notify_all();
  }
  lock.unlock();
  thread.discarded.ReleaseIfEmpty();
  engine_.RemoveThread(thread);
}

void AofLoadSink::Execute(ThreadState& thread, Client& client, Job& job) {
  std::vector<std::string_view> args;
  args.reserve(job.lengths.size());
  const char* at = job.bytes.data();
  for (std::uint32_t n : job.lengths) {
    args.emplace_back(at, n);
    at += n;
  }
  const bool prefetch = !Ablated().prefetch;
  std::string error;
  std::array<PreparedCommand, kBatch> batch;
  for (std::size_t begin = 0; begin < job.items.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, job.items.size() - begin);
    auto each = [&](auto&& step) {
      for (std::size_t i = 0; i < n; ++i) {
        client.db = job.items[begin + i].db;
        step(batch[i], job.items[begin + i]);
      }
    };
    each([&](PreparedCommand& p, const Job::Item& item) {
      p.client = &client;
      p.command = item.command;
      p.args = {args.data() + item.first_arg, item.argc};
      p.key_index = 1;
      p.key.key = p.args[1];
      p.key.hash = KeyHash(p.key.key);
      p.key.slot = item.slot;
      if (prefetch) engine_.PrefetchTable(p);
    });
    if (prefetch) {
      each([&](PreparedCommand& p, const Job::Item&) { engine_.Prefetch(p); });
      each([&](PreparedCommand& p, const Job::Item&) { engine_.PrefetchEntry(p); });
    }
    each([&](PreparedCommand& p, const Job::Item&) {
      if (!engine_.Replay(thread, p, &error)) ReportError(p, error);
    });
  }
}

// A command of the log cannot fail, unless the log was made by other rules: worth shouting, not worth stopping.
void AofLoadSink::ReportError(const PreparedCommand& p, std::string_view error) {
  engine_.logger().Warn("== CRITICAL == This server is sending an error to its AOF-loading-client: '" + std::string(error) +
                        "' after processing the command '" + std::string(p.args[0].substr(0, 64)) + "'");
}

void AofLoadSink::Progress(std::uint64_t done, std::uint64_t total) {
  std::int64_t now = MonotonicMs();
  if (now - last_progress_ms_ < 1000 || total == 0) return;
  last_progress_ms_ = now;
  engine_.logger().Info("loading the append only file: " + std::to_string(done * 100 / total) + "% of " + std::to_string(total) + " bytes");
}

}  // namespace slotwise
