// Any bytes as AOF segment, index and manifest: the loader and check_aof must neither crash, nor read outside, nor take
// memory that the file does not justify; and they must agree. The first byte chooses what the rest is.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "../test/recording_files.h"
#include "log/aof_loader.h"
#include "log/aof_log.h"
#include "backup/rdb_extent.h"
#include "log/check_aof.h"
#include "log/segment_index.h"

namespace {

using namespace slotwise;

constexpr const char* kDir = "/data/appendonlydir/";
const std::string kIncr = std::string(kDir) + "appendonly.aof.1.incr.aof";
const std::string kManifest = std::string(kDir) + "appendonly.aof.manifest";

class HashingSink final : public LoadSink {
 public:
  bool Apply(int db, const std::string_view* argv, std::size_t argc, std::string*) override {
    Mix(static_cast<std::uint64_t>(db));
    for (std::size_t i = 0; i < argc; ++i) {
      Mix(argv[i].size());
      for (char c : argv[i]) Mix(static_cast<unsigned char>(c));
    }
    return true;
  }
  // Keys of an RDB are not what is tested here; where it ends is.
  Status LoadRdb(File& file, std::uint64_t size, const std::string& name, std::uint64_t* end) override {
    Status status = RdbEndOf(file, name, end);
    if (status.ok() && *end > size) return Status::Error(EIO, "RDB " + name + " is cut off");
    Mix(*end);
    return status;
  }
  std::uint64_t hash = 14695981039346656037u;

 private:
  void Mix(std::uint64_t value) { hash = (hash ^ value) * 1099511628211u; }
};

class SilentConsole final : public CheckAofConsole {
 public:
  void Print(std::string_view) override {}
  std::string ReadLine() override { return "y"; }
};

struct Result {
  Status status;
  LoadReport report;
  std::uint64_t hash = 0;
};

Result Load(FileSystem& files) {
  CommitLogOptions options;
  options.dir = "/data";
  NullLogger logger;
  HashingSink sink;
  Result result;
  result.status = LoadAof(files, logger, options, LoadOptions(), sink, &result.report);
  result.hash = sink.hash;
  return result;
}

int Check(FileSystem& files, std::vector<std::string> args) {
  SilentConsole console;
  return CheckAof(files, "check", args, console, RdbEndOf);
}

[[noreturn]] void Disagree() { std::abort(); }

void AppendAndKill(test::RecordingFiles& files) {
  CommitLogOptions options;
  options.dir = "/data";
  NullLogger logger;
  std::unique_ptr<AofLog> log;
  const std::vector<std::string_view> argv = {"SET", "a", "1"};
  LogUnit unit;
  unit.Add(0, argv.data(), argv.size());
  if (!AofLog::Open(files, logger, options, SystemLogClock(), AofLogLimits(), &log).ok()) Disagree();
  log->Append(unit);
  if (!log->Sync().ok()) Disagree();
  log->Append(unit);
  test::RecordingFiles killed = files.Killed();
  if (!log->Close().ok() || !Load(files).status.ok() || !Load(killed).status.ok()) Disagree();
  log.reset();
  if (!AofLog::Open(killed, logger, options, SystemLogClock(), AofLogLimits(), &log).ok() || !log->Close().ok()) Disagree();
}

void LoadTwice(test::RecordingFiles& files) {
  Result first = Load(files);
  if (!first.status.ok()) {
    if (first.status.message().empty()) Disagree();
    return;
  }
  Result second = Load(files);
  if (!second.status.ok() || second.report.truncated_bytes != 0 || second.hash != first.hash) Disagree();
  // What could be loaded can be appended to, and loaded after a kill.
  AppendAndKill(files);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  test::RecordingFiles files;
  if (data[0] % 4 != 2) files.Put(kManifest, "file appendonly.aof.1.incr.aof seq 1 type i\n");
  switch (data[0] % 4) {
    case 0: {  // a segment without an index
      files.Put(kIncr, rest);
      test::RecordingFiles copy = files.Killed();
      Result result = Load(copy);
      test::RecordingFiles checked = files.Killed();
      int code = Check(checked, {kManifest});
      // The loader takes nothing that the checker would not; like Redis's it knows RDB only in a base.
      if (rest.compare(0, 5, "REDIS") != 0 && result.status.ok() && result.report.truncated_bytes == 0 && code != 0) Disagree();
      LoadTwice(files);
      break;
    }
    case 1: {  // a segment with an index: the first bytes are the index
      std::size_t length = (static_cast<std::size_t>(data[1]) << 8 | data[2]) % (rest.size() + 1);
      files.Put(IndexPath(kIncr), rest.substr(0, length));
      files.Put(kIncr, rest.substr(length));
      LoadTwice(files);
      break;
    }
    case 2:  // a manifest
      files.Put(kManifest, rest);
      files.Put(kIncr, "*1\r\n$4\r\nPING\r\n");
      Load(files);
      Check(files, {kManifest});
      break;
    default:  // a repair leaves something valid
      files.Put(kIncr, rest);
      if (Check(files, {"--fix", kIncr}) == 0 && Check(files, {kIncr}) != 0) Disagree();
      Check(files, {"--truncate-to-timestamp", std::to_string(data[1]), kIncr});
      break;
  }
  return 0;
}
