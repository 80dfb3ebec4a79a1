#include "snapshot/rdb_file_writer.h"

#include "base/crc64.h"
#include "keyspace/access.h"
#include "snapshot/rdb_writer.h"
#include "snapshot/value_codec.h"

namespace slotwise {

void AppendRdbEntry(const Entry* entry, const RdbEntryOptions& options, std::string& out) {
  RdbWriter writer(out, options.compress);
  if (entry->has_expire()) {
    writer.Byte(rdb::kExpireMs);
    writer.Fixed64(static_cast<std::uint64_t>(entry->expire_at_ms()));
  }
  if (options.access == RdbEntryOptions::Access::kLru) {
    writer.Byte(rdb::kIdle);
    writer.Length(static_cast<std::uint64_t>(IdleMs(entry, options.now_ms) / 1000));
  } else if (options.access == RdbEntryOptions::Access::kLfu) {
    writer.Byte(rdb::kFreq);
    writer.Byte(static_cast<std::uint8_t>(entry->access() & 255));
  }
  SaveKeyAndValue(entry, writer);
}

Status RdbFileWriter::Put(std::string_view bytes) {
  if (checksum_) crc_ = Crc64(crc_, bytes);
  bytes_ += bytes.size();
  return output_(bytes);
}

Status RdbFileWriter::Begin(const std::vector<Aux>& fields) {
  std::string head = "REDIS0010";
  RdbWriter writer(head);
  for (const Aux& aux : fields) {
    writer.Byte(rdb::kAux);
    writer.String(aux.name);
    writer.String(aux.value);
  }
  return Put(head);
}

Status RdbFileWriter::Entries(int db, std::uint64_t keys, std::uint64_t expiring, std::string_view entries) {
  if (db != db_) {
    db_ = db;
    std::string select;
    RdbWriter writer(select);
    writer.Byte(rdb::kSelectDb);
    writer.Length(static_cast<std::uint64_t>(db));
    if (announced_.size() <= static_cast<std::size_t>(db)) announced_.resize(static_cast<std::size_t>(db) + 1);
    if (!announced_[static_cast<std::size_t>(db)]) {
      announced_[static_cast<std::size_t>(db)] = true;
      writer.Byte(rdb::kResizeDb);
      writer.Length(keys);
      writer.Length(expiring);
    }
    if (Status s = Put(select); !s.ok()) return s;
  }
  return Put(entries);
}

Status RdbFileWriter::End() {
  std::string end(1, static_cast<char>(rdb::kEof));
  if (Status s = Put(end); !s.ok()) return s;
  std::string crc;
  RdbWriter(crc).Fixed64(checksum_ ? crc_ : 0);
  bytes_ += crc.size();
  return output_(crc);
}

}  // namespace slotwise
