#include "snapshot/value_codec.h"

#include <array>
#include <utility>

#include "values/string_value.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

constexpr std::size_t kTypes = 8;
std::array<const ValueCodec*, kTypes>& Codecs() {
  static std::array<const ValueCodec*, kTypes> codecs{};
  return codecs;
}
const ValueCodec* CodecOf(Type type) { return Codecs()[static_cast<std::size_t>(type)]; }

// Which type's codec reads an RDB type; kString: strings, or nobody.
Type OwnerOf(std::uint8_t rdb_type) {
  switch (rdb_type) {
    case rdb::kList: case rdb::kListZiplist: case rdb::kListQuicklistZiplist: case rdb::kListQuicklist: return Type::kList;
    case rdb::kSet: case rdb::kSetIntset: return Type::kSet;
    case rdb::kZSetText: case rdb::kZSet: case rdb::kZSetZiplist: case rdb::kZSetListpack: return Type::kZSet;
    case rdb::kHash: case rdb::kHashZipmap: case rdb::kHashZiplist: case rdb::kHashListpack: return Type::kHash;
    case rdb::kStream1: case rdb::kStream2: return Type::kStream;
    default: return Type::kString;
  }
}

std::uint8_t RdbTypeOf(const Entry* entry) { 
  if (entry->type() == Type::kString) return rdb::kString;
  return CodecOf(entry->type())->rdb_type(entry);
}

void SaveBody(const Entry* entry, RdbWriter& out) {
  if (entry->type() != Type::kString) return CodecOf(entry->type())->save(entry, out);
  if (entry->encoding() == Encoding::kInt) return out.Integer(entry->int_value());
  IntScratch scratch;
  out.String(StringBytes(entry, scratch));
}

}  // namespace

void LoadedValue::Reset() {
  if (object != nullptr) OpsOf(type)->free(encoding, object);
  type = Type::kString;
  encoding = Encoding::kRaw;
  object = nullptr;
  text.clear();
}

Entry* LoadedValue::Put(Database& db, const KeyRef& key, Database::Place place, std::int64_t expire_at_ms) {
  if (type == Type::kString) return db.SetString(key, place, text, expire_at_ms);
  return db.SetObject(key, place, type, encoding, std::exchange(object, nullptr), expire_at_ms);
}

void RegisterValueCodec(Type type, const ValueCodec* codec) { Codecs()[static_cast<std::size_t>(type)] = codec; }

void SaveValue(const Entry* entry, RdbWriter& out) {
  out.Byte(RdbTypeOf(entry));
  SaveBody(entry, out);
}

void SaveKeyAndValue(const Entry* entry, RdbWriter& out) {
  out.Byte(RdbTypeOf(entry));
  out.String(entry->key());
  SaveBody(entry, out);
}

bool LoadValue(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out) {
  if (rdb_type == rdb::kString) {
    std::string_view text;
    if (!in.String(&text)) return false;
    out->type = Type::kString;
    out->text = text;
    return true;
  }
  out->type = OwnerOf(rdb_type);
  const ValueCodec* codec = out->type == Type::kString ? nullptr : CodecOf(out->type);
  if (codec == nullptr) return in.Fail("Unknown RDB encoding type " + std::to_string(rdb_type));
  return codec->load(rdb_type, in, config, out);
}

}  // namespace slotwise
