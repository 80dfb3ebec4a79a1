#include "engine/rdb_load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>

#include "base/ablation.h"
#include "base/ticks.h"
#include "engine/engine.h"
#include "engine/rdb_inserter.h"
#include "keyspace/access.h"
#include "snapshot/rdb_file_reader.h"
#include "snapshot/rdb_file_source.h"

namespace slotwise {
namespace {

constexpr std::uint64_t kParallelBytes = 1 << 20;
constexpr int kStringsInARow = 1024;
constexpr std::uint64_t kLookEvery = 4096;  // keys: whether one was there already, and at the time
constexpr std::uint64_t kBytesPerKey = 16;  // at least, or its number is not believed

}  // namespace

void SetLoadedAccess(Engine& engine, Entry* entry, std::int64_t idle_seconds, int frequency, std::int64_t now_ms) {
  bool lfu = engine.access().lfu.load(std::memory_order_relaxed);
  if (lfu && frequency >= 0) entry->set_access(LfuMinutes(now_ms) << 8 | static_cast<std::uint32_t>(frequency));
  else if (!lfu && idle_seconds >= 0) entry->set_access((LruClock(now_ms) - static_cast<std::uint32_t>(idle_seconds)) & kAccessMask);
}

Status LoadRdbFile(Engine& engine, FileSystem& files, const std::string& path, const RdbLoadOptions& options, RdbLoadReport* report) {
  *report = RdbLoadReport();
  std::unique_ptr<File> file;
  int error = files.Open(path, OpenMode::kRead, &file);
  if (error == -ENOENT) return Status::Ok();
  std::int64_t size = error < 0 ? error : file->Size();
  if (size < 0) return Status::Error(static_cast<int>(-size), "Fatal error: can't open the RDB file " + path + " for reading: " + std::strerror(static_cast<int>(-size)));
  return LoadRdb(engine, *file, static_cast<std::uint64_t>(size), path, options, report);
}

Status LoadRdb(Engine& engine, File& file, std::uint64_t size, const std::string& path, const RdbLoadOptions& options, RdbLoadReport* report) {
  *report = RdbLoadReport();
  report->existed = true;
  const std::int64_t begin_ms = MonotonicMs();
  std::int64_t next_line_ms = begin_ms + 1000;
  const std::int64_t now_ms = engine.NowMs();
  RdbFileSource source(file);
  RdbReader in(source);
  RdbFileReader reader(in, engine.config(), engine.keyspace().database_count(), engine.config().Bool(Directive::kRdbchecksum));
  RdbInserter inserter(engine, options, now_ms, size >= kParallelBytes);
  auto twice = [&] {
    return Status::Error(EINVAL, "The RDB file " + path + " holds a key twice, or one that is there already, before byte " + std::to_string(in.offset()));
  };
  std::uint64_t look_at = 0;
  StreamPlaceReader place;
  auto expired = [&](std::int64_t at_ms) {  // and left out
    if (at_ms == kNoExpire || at_ms > now_ms || options.keep_expired || report->place) return false;
    ++report->expired;
    return true;
  };
  auto expected = [&, sized = !Ablated().sizehint] { return sized ? std::min(reader.expected_keys(), size / kBytesPerKey) : 0; };
  RdbKey key;
  RdbString string;
  for (;;) {
    for (int i = 0; i < kStringsInARow && reader.NextString(&string); ++i) {
      if (expired(string.expire_at_ms)) continue;
      inserter.Add(string, expected());
      ++report->keys;
    }
    key.value.Reset();
    RdbFileReader::Event event = reader.Next(&key);
    if (event == RdbFileReader::Event::kEnd) break;
    if (event == RdbFileReader::Event::kError) {
      std::string why = source.error() != 0 ? std::string("reading it failed: ") + std::strerror(source.error()) : reader.error();
      return Status::Error(EINVAL, "The RDB file " + path + " can't be loaded, " + why + ". Check it with redis-check-rdb, or restore it from a backup");
    }
    if (event == RdbFileReader::Event::kAux && options.continues_stream) {
      place.Field(reader.aux_name(), reader.aux_value());
      report->place = place.place();
      if (report->place && report->place->db >= engine.keyspace().database_count()) report->place.reset();
    }
    if (event == RdbFileReader::Event::kKey) {
      if (key.value.empty()) {
        ++report->empty;
        engine.logger().Warn("rdb_load: a key of " + path + " holds an empty collection and is left out");
      } else if (!expired(key.expire_at_ms)) {
        inserter.Add(key, expected());
        ++report->keys;
      }
    }
    if (report->keys < look_at) continue;
    look_at = report->keys + kLookEvery;
    if (inserter.failed()) return twice();
    if (MonotonicMs() >= next_line_ms) {
      next_line_ms = MonotonicMs() + 1000;
      engine.logger().Info("loading the DB: " + std::to_string(in.offset() * 100 / size) + "% of " + std::to_string(size) + " bytes");
    }
  }
  inserter.Finish();
  if (inserter.failed()) return twice();
  report->bytes = in.offset();
  double seconds = static_cast<double>(MonotonicMs() - begin_ms) / 1000;
  engine.logger().Info("Done loading RDB, keys loaded: " + std::to_string(report->keys) + ", keys expired: " + std::to_string(report->expired) + ".");
  engine.logger().Info("DB loaded from disk: " + std::to_string(seconds) + " seconds");
  return Status::Ok();
}

}  // namespace slotwise
