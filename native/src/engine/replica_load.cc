#include "engine/replica_load.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>

#include "engine/cron.h"
#include "engine/engine.h"
#include "engine/rdb_load.h"
#include "engine/replication.h"
#include "engine/saver.h"
#include "engine/tracking.h"
#include "keyspace/allocator.h"
#include "log/log_buffer.h"
#include "snapshot/dump_payload.h"
#include "snapshot/rdb_file_reader.h"

namespace slotwise {
namespace {

constexpr std::size_t kBasePiece = 256 * 1024;
constexpr std::uint64_t kAliveEvery = 1024;  // keys
constexpr std::uint64_t kSmallData = 64 << 20;

// What the machine can still give, in bytes; a lot if it does not say.
std::uint64_t AvailableMemory() {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    std::uint64_t kib;
    if (!(file >> kib)) break;
    if (name == "MemAvailable:") return kib * 1024;
    std::getline(file, unit);
  }
  return UINT64_MAX;
}

void AppendBulk(std::string_view bytes, std::string& out) {
  out += "$" + std::to_string(bytes.size()) + "\r\n";
  out += bytes;
  out += "\r\n";
}

Status GivenUp() { return Status::Error(ECANCELED, "it is not wanted any more"); }

}  // namespace

ReplicaLoad::ReplicaLoad(Engine& engine, RdbSource& source, std::int64_t length, std::string mark, std::function<bool()> alive)
    : engine_(engine), source_(source), length_(length), mark_(std::move(mark)), alive_(std::move(alive)) {}

ReplicaLoad::~ReplicaLoad() {
  for (Database* database : databases_) engine_.keyspace().Recycle(database);
  if (walk_reserved_) engine_.saver().ReleaseWalk();
}

bool ReplicaLoad::RoomForBoth() const {
  const std::uint64_t used = UsedMemory();
  return used < kSmallData || used < AvailableMemory();
}

void ReplicaLoad::DropOldData() {
  engine_.logger().Warn("There is no room for two data sets: the old one is dropped before the new one is read, and clients get LOADING until then");
  engine_.replication().SetDataMissing(true);
  std::vector<Database*> empty = engine_.keyspace().MakeHidden();
  engine_.keyspace().LockAll();
  engine_.TouchAllWatched(-1, -1);
  std::vector<Database*> old = engine_.keyspace().ExchangeAll(empty);
  engine_.keyspace().UnlockAll();
  for (Database* database : old) engine_.keyspace().Recycle(database);
}

Status ReplicaLoad::Insert(RdbKey& loaded, std::int64_t now_ms) {
  const KeyRef key(loaded.key);
  Database& db = *databases_[static_cast<std::size_t>(loaded.db)];
  if (db.Find(key)) return Status::Error(EINVAL, "it holds a key twice");
  // Keys whose time is over are kept: the primary says when they go.
  SetLoadedAccess(engine_, loaded.value.Put(db, key, {}, loaded.expire_at_ms), loaded.idle_seconds, loaded.frequency, now_ms);
  ++keys_;
  return Status::Ok();
}

Status ReplicaLoad::Read() {
  // No other snapshot may be made meanwhile (Keyspace::MakeHidden).
  while (!(walk_reserved_ = engine_.saver().ReserveWalk())) {
    if (!alive_()) return GivenUp();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!RoomForBoth()) DropOldData();
  databases_ = engine_.keyspace().MakeHidden();
  const std::int64_t now_ms = engine_.NowMs();
  RdbReader in(source_);
  RdbFileReader reader(in, engine_.config(), engine_.keyspace().database_count(), engine_.config().Bool(Directive::kRdbchecksum));
  for (std::uint64_t events = 0;; ++events) {
    if (events % kAliveEvery == 0 && !alive_()) return GivenUp();
    RdbKey key;
    switch (reader.Next(&key)) {
      case RdbFileReader::Event::kEnd: return CheckEnd(in);
      case RdbFileReader::Event::kError: return Status::Error(EINVAL, reader.error());
      case RdbFileReader::Event::kAux:
        if (reader.aux_name() == "repl-stream-db") {
          const std::string& text = reader.aux_value();
          std::from_chars(text.data(), text.data() + text.size(), stream_db_);
          if (stream_db_ < 0) stream_db_ = 0;
          if (stream_db_ >= engine_.keyspace().database_count()) return Status::Error(EINVAL, "its stream has a database selected that this server does not have");
        }
        break;
      case RdbFileReader::Event::kKey:
        if (key.value.empty()) {
          engine_.logger().Warn("The snapshot of the master holds an empty collection, which is left out");
        } else if (Status s = Insert(key, now_ms); !s.ok()) {
          return Status::Error(s.code(), "byte " + std::to_string(in.offset()) + ": " + s.message());
        }
        break;
    }
  }
}

// What was read is a whole RDB file. The primary must mean its end here too.
Status ReplicaLoad::CheckEnd(RdbReader& in) {
  rest_ = in.rest();
  char more[64];
  if (length_ >= 0) {
    const std::uint64_t read = in.offset() + rest_.size();
    if (rest_.empty() && read == static_cast<std::uint64_t>(length_)) return Status::Ok();
    return Status::Error(EINVAL, "it ends at byte " + std::to_string(in.offset()) + ", but " + std::to_string(length_) + " were announced");
  }
  while (rest_.size() < mark_.size()) {
    std::size_t n = source_.Read(more, std::min(sizeof more, mark_.size() - rest_.size()));
    if (n == 0) return Status::Error(EINVAL, "the mark at its end is missing");
    rest_.append(more, n);
  }
  if (!rest_.starts_with(mark_)) return Status::Error(EINVAL, "behind its end at byte " + std::to_string(in.offset()) + " there is something else than the mark");
  rest_.erase(0, mark_.size());
  return Status::Ok();
}

// The data set as commands, from databases that nobody else sees.
Status ReplicaLoad::WriteBase(const std::function<Status(std::string_view)>& emit) {
  const bool compress = engine_.config().Bool(Directive::kRdbcompression);
  std::string piece;
  std::uint64_t written = 0;
  Status status;
  for (std::size_t db = 0; db < databases_.size(); ++db) {
    const Database& database = *databases_[db];
    if (database.KeyCount() == 0) continue;
    char select[48];
    piece.append(select, EncodeSelect(static_cast<int>(db), select));
    for (int slot = database.NextNonEmptySlot(0); slot < kSlotCount; slot = database.NextNonEmptySlot(slot + 1)) {
      const SlotTable& table = database.Table(slot);
      for (std::uint32_t i = 0; i < table.bucket_count() && status.ok(); ++i) {
        table.VisitBucket(i, [&](const Entry* entry) {
          ++written;
          piece += entry->has_expire() ? "*5\r\n$7\r\nRESTORE\r\n" : "*4\r\n$7\r\nRESTORE\r\n";
          AppendBulk(entry->key(), piece);
          AppendBulk(entry->has_expire() ? std::to_string(std::max<std::int64_t>(1, entry->expire_at_ms())) : "0", piece);
          AppendBulk(DumpPayload(entry, compress), piece);
          if (entry->has_expire()) AppendBulk("ABSTTL", piece);
        });
        if (piece.size() < kBasePiece) continue;
        status = emit(piece);
        piece.clear();
        if (status.ok() && !alive_()) status = GivenUp();
      }
      if (!status.ok()) return status;
    }
  }
  return piece.empty() ? status : emit(piece);
}

Status ReplicaLoad::Adopt(ThreadState& thread, const Client& primary, const std::string& id, std::int64_t offset) {
  Replication& replication = engine_.replication();
  std::unique_lock<std::mutex> role(replication.role_mutex(), std::defer_lock);
  auto still_wanted = [&] {
    role.lock();
    return replication.Obeys(primary);
  };
  Status logged = engine_.log().StartOver([&](const CommitLog::Emit& emit) { return WriteBase(emit); }, stream_db_, still_wanted);
  if (!logged.ok()) return logged;
  engine_.keyspace().LockAll();
  engine_.TouchAllWatched(-1, -1);
  engine_.tracking().AllChanged(thread, engine_.keyspace());
  std::vector<Database*> old = engine_.keyspace().ExchangeAll(databases_);
  databases_.clear();
  replication.TakeOverStream(id, offset, stream_db_);
  replication.DropReplicas("the data set is another one now");
  engine_.keyspace().UnlockAll();
  replication.SaveHistory();
  engine_.SendInvalidations(thread);
  for (Database* database : old) Cron::FreeLater(engine_, database);
  engine_.dirty().store(0, std::memory_order_relaxed);
  engine_.logger().Info("MASTER <-> REPLICA sync: " + std::to_string(keys_) + " keys are in place");
  return Status::Ok();
}

}  // namespace slotwise
