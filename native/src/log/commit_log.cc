// Units, the log without a disk, and the choice between the two logs.
#include "log/commit_log.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <mutex>

#include "base/futex_lock.h"
#include "log/aof_log.h"
#include "log/log_buffer.h"
#include "log/log_thread.h"

namespace slotwise {
namespace {

void AppendHeader(char type, std::size_t n, std::string* out) {
  char text[24];
  text[0] = type;
  char* end = std::to_chars(text + 1, text + sizeof(text) - 2, n).ptr;
  *end++ = '\r';
  *end++ = '\n';
  out->append(text, static_cast<std::size_t>(end - text));
}

std::size_t HeaderSize(std::size_t n) {
  std::size_t size = 4;  // the type, a digit, CR LF
  for (; n >= 10; n /= 10) ++size;
  return size;
}

// Whether the bytes of a parsed command are those that Add() would make. The parser accepts numbers only as digits with
// perhaps a sign or zeros in front, so each header is at least as long as ours; if the sum is the same, so are they all.
bool IsCanonical(std::string_view wire, const std::string_view* argv, std::size_t argc) {
  if (wire.empty() || wire[0] != '*') return false;  // not at hand, or an inline command
  std::size_t size = HeaderSize(argc);
  for (std::size_t i = 0; i < argc; ++i) size += HeaderSize(argv[i].size()) + argv[i].size() + 2;
  return size == wire.size();
}

// What is promised is memory only, and only the backlog is kept.
class InMemoryLog final : public CommitLog {
 public:
  explicit InMemoryLog(std::shared_ptr<LogBuffer> buffer, bool releases) : shared_(std::move(buffer)), buffer_(*shared_), releases_(releases) {}
  std::uint64_t Append(const LogUnit& unit) override {
    std::uint64_t tail = buffer_.Append(unit, 0);
    // Once in a while: chunks are released whole. Who finds another at it leaves it to the next.
    std::uint64_t released = released_.load(std::memory_order_relaxed);
    if (tail - released >= LogBuffer::kChunkSize && releasing_.TryLock()) {
      released_.store(tail, std::memory_order_relaxed);
      if (releases_) buffer_.Release(tail);
      releasing_.Unlock();
    }
    return tail;
  }
  std::uint64_t tail() const override { return buffer_.tail(); }
  LogBuffer& buffer() override { return buffer_; }
  Status StartOver(const std::function<Status(const Emit&)>&, int, const std::function<bool()>& commit) override {
    return commit() ? Status::Ok() : Status::Error(ECANCELED, "it is not wanted any more");
  }
  std::shared_ptr<LogBuffer> ShareBuffer() override { return shared_; }
  std::uint64_t ReadableFrom() override { return buffer_.first(); }
  void Releases(bool on) override {
    std::lock_guard<FutexLock> guard(releasing_);
    releases_ = on;
    if (on) buffer_.Release(tail());
  }
  std::uint64_t written() const override { return tail(); }
  std::uint64_t durable() const override { return tail(); }
  std::uint64_t Promise() const override { return tail(); }
  std::uint64_t Flush() override { return tail(); }
  void FlushSoon() override {}
  Status Sync() override { return Status::Ok(); }
  void SetWaker(Waker, void*) override {}
  Status Health() const override { return Status::Ok(); }
  bool healthy() const override { return true; }
  bool persistent() const override { return false; }
  void SetFsyncPolicy(FsyncPolicy) override {}
  CommitLogStats stats() const override { return {}; }
  Status Close() override { return Status::Ok(); }

 private:
  const std::shared_ptr<LogBuffer> shared_;
  LogBuffer& buffer_;
  FutexLock releasing_;
  bool releases_;  // under releasing_
  std::atomic<std::uint64_t> released_{0};
};

}  // namespace

void LogUnit::Add(int db, const std::string_view* argv, std::size_t argc) {
  AddEncoded(db, {});
  AppendHeader('*', argc, &bytes_);
  for (std::size_t i = 0; i < argc; ++i) {
    AppendHeader('$', argv[i].size(), &bytes_);
    bytes_.append(argv[i]);
    bytes_.append("\r\n");
  }
}

void LogUnit::AddReceived(int db, const std::string_view* argv, std::size_t argc, std::string_view wire) {
  if (count_ > 0 || !IsCanonical(wire, argv, argc)) return Add(db, argv, argc);
  first_db_ = last_db_ = db;
  count_ = 1;
  borrowed_ = wire;
}

void LogUnit::AddEncoded(int db, std::string_view resp) {
  if (!borrowed_.empty()) {
    bytes_ = borrowed_;
    borrowed_ = {};
  }
  if (first_db_ < 0) {
    first_db_ = db;
  } else if (last_db_ != db) {
    char select[48];
    bytes_.append(select, EncodeSelect(db, select));
  }
  last_db_ = db;
  ++count_;
  bytes_.append(resp);
}

std::unique_ptr<CommitLog> CommitLog::InMemory() { return std::make_unique<InMemoryLog>(std::make_shared<LogBuffer>(0, false), true); }

std::unique_ptr<CommitLog> CommitLog::InMemory(std::shared_ptr<LogBuffer> buffer) {
  return std::make_unique<InMemoryLog>(std::move(buffer), false);
}

Status CommitLog::Open(FileSystem& files, Logger& logger, const CommitLogOptions& options, std::unique_ptr<CommitLog>* out) {
  std::unique_ptr<AofLog> log;
  Status status = AofLog::Open(files, logger, options, SystemLogClock(), AofLogLimits(), &log);
  if (!status.ok()) return status;
  log->SetDriver(MakeLogThread(*log, SystemLogClock()));
  *out = std::move(log);
  return Status::Ok();
}

}  // namespace slotwise
