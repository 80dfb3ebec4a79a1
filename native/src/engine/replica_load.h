// A full resync, the replica's side: the primary's snapshot is read straight from the connection into databases that nobody
// sees, and takes the place of the old data in one moment when it is whole, its checksum right and its end where the primary
// said. Until then the old data is served; a snapshot that breaks off, lies about its length or holds what this server does
// not understand costs nothing but the attempt.
//
// Both data sets are in memory for that time. Where there is no room for it the old one goes first, and until a snapshot
// has arrived clients are told LOADING: half of the data, or none, is never served as if it were all.
// With an append-only file the new data set becomes its new base first, by one rename (CommitLog::StartOver): a crash leaves
// the old data or the new.
// Why not through a file, as Redis does by default (repl-diskless-load): that protects the old data from a snapshot that
// breaks off, which hidden databases do too, and saves the disk.
// Source: spec replication.md section 5. Elsewhere: the connection (replica_link.h), the format (snapshot/).
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "snapshot/rdb_reader.h"

namespace slotwise {

class Database;
class Engine;
struct Client;
struct ThreadState;

class ReplicaLoad {
 public:
  // `source`: the bytes behind the header. `length`: how many there are, or -1: until `mark`. `alive` is called now and then;
  // false: give up, nobody wants the data any more.
  ReplicaLoad(Engine& engine, RdbSource& source, std::int64_t length, std::string mark, std::function<bool()> alive);
  ~ReplicaLoad();
  ReplicaLoad(const ReplicaLoad&) = delete;
  ReplicaLoad& operator=(const ReplicaLoad&) = delete;

  // Reads everything. What came behind the mark is in rest() afterwards.
  Status Read();
  std::string_view rest() const { return rest_; }
  int stream_db() const { return stream_db_; }
  // Puts it in place, as what history `id` has at `offset`; fails with ECANCELED if `primary` is not to be obeyed any more.
  Status Adopt(ThreadState& thread, const Client& primary, const std::string& id, std::int64_t offset);

 private:
  Status Insert(struct RdbKey& key, std::int64_t now_ms);
  Status CheckEnd(RdbReader& in);
  bool RoomForBoth() const;
  void DropOldData();
  Status WriteBase(const std::function<Status(std::string_view)>& emit);

  Engine& engine_;
  RdbSource& source_;
  const std::int64_t length_;
  const std::string mark_;
  const std::function<bool()> alive_;
  bool walk_reserved_ = false;
  std::vector<Database*> databases_;  // hidden; empty once they are in place
  std::string rest_;
  int stream_db_ = 0;
  std::uint64_t keys_ = 0;
};

}  // namespace slotwise
