// Hashes in the RDB format.
#include "config/config.h"
#include "snapshot/packed_pairs.h"
#include "snapshot/value_codec.h"
#include "values/hash_value.h"

namespace slotwise {
namespace {

HashValue::Limits LimitsOf(const Config& config) {
  return {static_cast<std::uint64_t>(config.Int(Directive::kHashMaxListpackEntries)), config.Bytes(Directive::kHashMaxListpackValue)};
}

std::uint8_t RdbType(const Entry* entry) {
  if (HashValue(entry).packed()) return rdb::kHashListpack;
  return rdb::kHash;
}

void Save(const Entry* entry, RdbWriter& out) {
  HashValue hash(entry);
  if (hash.packed()) return out.String(hash.listpack().bytes());
  out.Length(hash.size());
  hash.Visit([&](const ListpackItem& field, const ListpackItem& value) {
    IntScratch scratch;
    out.String(field.View(scratch));
    out.String(value.View(scratch));
  });
}

// Whether it may stay the listpack that it is.
bool Fits(const Listpack& pack, const HashValue::Limits& limits) {
  if (pack.count() / 2 > limits.entries) return false;
  for (auto c = pack.First(); c != nullptr; c = pack.Next(c)) {
    if (Listpack::Get(c).size > limits.value_bytes) return false;
  }
  return true;
}

HashValue FromPairs(Listpack pack, const HashValue::Limits& limits) {
  if (Fits(pack, limits)) return HashValue(Encoding::kListpack, pack.data());
  HashValue hash = HashValue::Create();
  for (auto c = pack.First(); c != nullptr;) {
    auto value = pack.Next(c);
    IntScratch field_scratch, value_scratch;
    hash.Set(Listpack::Get(c).View(field_scratch), Listpack::Get(value).View(value_scratch), limits);
    c = pack.Next(value);
  }
  pack.Free();
  return hash;
}

bool ReadPairs(RdbReader& in, HashValue& hash, const HashValue::Limits& limits) {
  std::uint64_t n;
  if (!in.Count(&n, 2)) return false;
  std::string field;
  for (std::uint64_t i = 0; i < n; ++i) {
    std::string_view text;
    if (!in.String(&text)) return false;
    field = text;
    if (!in.String(&text)) return false;
    std::string_view both[] = {field, text};
    hash.MakeRoomFor(both, limits);
    if (!hash.Set(field, text, limits)) return in.Fail("a hash with the same field twice");
  }
  return true;
}

bool Load(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out) {
  const HashValue::Limits limits = LimitsOf(config);
  HashValue hash(Encoding::kListpack, nullptr);
  if (rdb_type == rdb::kHash) {
    hash = HashValue::Create();
    if (!ReadPairs(in, hash, limits)) return hash.Free(), false;
  } else {
    std::string_view bytes;
    if (!in.String(&bytes)) return false;
    PackedForm form = rdb_type == rdb::kHashListpack ? PackedForm::kListpack : rdb_type == rdb::kHashZiplist ? PackedForm::kZiplist : PackedForm::kZipmap;
    Listpack pack = TakePairs(bytes, form, in);
    if (!pack) return false;
    hash = FromPairs(pack, limits);
  }
  if (hash.size() == 0) return hash.Free(), true;
  out->encoding = hash.encoding();
  out->object = hash.object();
  return true;
}

constexpr ValueCodec kCodec = {RdbType, Save, Load};
[[maybe_unused]] const bool kRegistered = (RegisterValueCodec(Type::kHash, &kCodec), true);

}  // namespace
}  // namespace slotwise
