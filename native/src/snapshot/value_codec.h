// Values in the RDB format, type by type. Strings are built in; a collection is added by a file that registers its codec.
// Loading makes values that belong to nobody yet; what it is handed may come from anybody, so packed forms are checked in
// full (Redis's sanitize-dump-payload yes): one pass over bytes that have to be read anyway.
// Source: the RDB format; spec rdb.md sections 4 to 8.
#pragma once
#include <cstdint>
#include <string>

#include "keyspace/database.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"

namespace slotwise {

class Config;

// A value that no table holds yet. Owns its object.
struct LoadedValue {
  Type type = Type::kString;
  Encoding encoding = Encoding::kRaw;
  std::string text;         // of a string
  void* object = nullptr;   // of a collection; null if it has no members, and then no key may hold it
  LoadedValue() = default;
  LoadedValue(const LoadedValue&) = delete;
  LoadedValue& operator=(const LoadedValue&) = delete;
  ~LoadedValue() { Reset(); }
  void Reset();             // as new; frees the object unless it was put somewhere
  bool empty() const { return type != Type::kString && object == nullptr; }
  // Puts it under `key` in place of what is there. The stripe is held.
  Entry* Put(Database& db, const KeyRef& key, Database::Place place, std::int64_t expire_at_ms);
};

struct ValueCodec {
  std::uint8_t (*rdb_type)(const Entry* entry);
  void (*save)(const Entry* entry, RdbWriter& out);
  // Reads the body of an RDB type that belongs to this codec. `config` has the thresholds of packed forms. False: the
  // reader has the error.
  bool (*load)(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out);
};
void RegisterValueCodec(Type type, const ValueCodec* codec);

// The type byte and the body, as in a payload.
void SaveValue(const Entry* entry, RdbWriter& out);
// The type byte, the key and the body, as in a file.
void SaveKeyAndValue(const Entry* entry, RdbWriter& out);
// False: the reader has the error, or the type is none that this build knows.
bool LoadValue(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out);

}  // namespace slotwise
