// Loads an RDB file into the keyspace: dump.rdb at the start, DEBUG RELOAD, the base of an AOF directory.
// All or an error: on failure the keyspace holds part of the data and is to be thrown away.
// Source: spec rdb.md section 15. Elsewhere: the format (snapshot/rdb_file_reader), which file (engine).
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "log/file_system.h"
#include "replication/history_file.h"

namespace slotwise {

class Engine;
class Entry;

struct RdbLoadOptions {
  bool keep_expired = false;  // of an AOF base: the DEL that belongs to it follows in the log
  // The stream goes on where the snapshot was taken, if it says so. Then expired keys stay too: replicas get their DEL from it.
  bool continues_stream = false;
  bool holds_all = false;     // the caller holds every stripe
  bool replace = false;       // a key that is there already gives way; else that is an error
};

struct RdbLoadReport {
  bool existed = false;
  std::uint64_t keys = 0;
  std::uint64_t expired = 0;   // left out
  std::uint64_t empty = 0;     // collections without members, left out
  std::uint64_t bytes = 0;
  std::optional<StreamPlace> place;  // with continues_stream
};

// What `file` begins with; `name` is for messages. report->bytes is where it ends.
Status LoadRdb(Engine& engine, File& file, std::uint64_t size, const std::string& name, const RdbLoadOptions& options, RdbLoadReport* report);

// A missing file is success with existed == false.
Status LoadRdbFile(Engine& engine, FileSystem& files, const std::string& path, const RdbLoadOptions& options, RdbLoadReport* report);

// Where a loaded entry stands among the used ones, if the file says (-1: it does not) and the policy asks.
void SetLoadedAccess(Engine& engine, Entry* entry, std::int64_t idle_seconds, int frequency, std::int64_t now_ms);

}  // namespace slotwise
