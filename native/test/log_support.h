// What the log's tests share: a clock they turn, a logger that collects, a sink that remembers, units at random.
#pragma once
#include <cstdlib>
#include <string>
#include <vector>

#include "collecting_logger.h"
#include "log/aof_loader.h"
#include "log/aof_log.h"
#include "recording_files.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {

class ManualClock final : public LogClock {
 public:
  std::uint64_t NowMs() override { return now; }
  std::uint32_t Seconds() override { return static_cast<std::uint32_t>(1700000000 + now / 1000); }
  std::uint64_t now = 1000;
};

// One effect as text, "db arg arg ...", so that states compare and print easily.
inline std::string EffectText(int db, const std::string_view* argv, std::size_t argc) {
  std::string text = std::to_string(db);
  for (std::size_t i = 0; i < argc; ++i) {
    text += ' ';
    text += argv[i];
  }
  return text;
}

class RememberingSink final : public LoadSink {
 public:
  bool Apply(int db, const std::string_view* argv, std::size_t argc, std::string*) override {
    if (argv[0] == "NOSUCH") return false;
    effects.push_back(EffectText(db, argv, argc));
    return true;
  }
  void Drain() override { ++drains; }
  std::vector<std::string> effects;
  int drains = 0;
};

// Effects that must come back together or not at all.
struct ModelUnit {
  std::uint64_t end = 0;  // log offset
  std::vector<std::string> effects;
  std::uint64_t acked_at = 0;  // when Promise() was first seen to cover it; 0: not yet
};

inline void AddEffect(LogUnit* unit, int db, std::vector<std::string_view> argv, ModelUnit* model = nullptr) {
  unit->Add(db, argv.data(), argv.size());
  if (model != nullptr) model->effects.push_back(EffectText(db, argv.data(), argv.size()));
}

inline CommitLogOptions TestOptions(FsyncPolicy policy = FsyncPolicy::kEverySec) {
  CommitLogOptions options;
  options.dir = "/data";
  options.fsync = policy;
  return options;
}

struct Loaded {
  Status status;
  LoadReport report;
  RememberingSink sink;
};
inline Loaded Load(FileSystem& files, Logger& logger, const CommitLogOptions& options = TestOptions(),
                   bool load_truncated = true) {
  Loaded loaded;
  LoadOptions load;
  load.load_truncated = load_truncated;
  loaded.status = LoadAof(files, logger, options, load, loaded.sink, &loaded.report);
  return loaded;
}
inline Loaded Load(FileSystem& files) {
  NullLogger logger;
  return Load(files, logger);
}

}  // namespace slotwise::test
