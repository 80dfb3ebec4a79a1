#include "commands/debug_digest.h"

#include <string>

#include "values/string_value.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

// Redis's numbers of the types.
std::uint32_t TypeNumber(Type type) {
  switch (type) {
    case Type::kString: return 0;
    case Type::kList: return 1;
    case Type::kSet: return 2;
    case Type::kZSet: return 3;
    case Type::kHash: return 4;
    case Type::kStream: return 6;
  }
  return 0;
}

// A number enters as four bytes, the highest first.
void MixNumber(Sha1Digest& digest, std::uint32_t n) {
  char bytes[4] = {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
  MixDigest(digest, {bytes, sizeof bytes});
}

}  // namespace

void AddEntry(Sha1Digest& digest, const Entry* entry) {
  MixNumber(digest, TypeNumber(entry->type()));
  if (entry->type() == Type::kString) {
    IntScratch scratch;
    MixDigest(digest, StringBytes(entry, scratch));
  } else if (const ValueOps* ops = OpsOf(entry->type()); ops != nullptr && ops->digest != nullptr) {
    ops->digest(entry, digest.data());
  }
  if (entry->has_expire()) XorDigest(digest, "!!expire!!");
}

Sha1Digest KeyspaceDigest(Keyspace& keyspace) {
  Sha1Digest all{};
  for (int db = 0; db < keyspace.database_count(); ++db) {
    const Database& database = keyspace.Db(db);
    if (database.KeyCount() == 0) continue;
    MixNumber(all, static_cast<std::uint32_t>(db));
    for (int slot = database.NextNonEmptySlot(0); slot < kSlotCount; slot = database.NextNonEmptySlot(slot + 1)) {
      const SlotTable& table = database.Table(slot);
      for (std::uint32_t i = 0; i < table.bucket_count(); ++i) {
        table.VisitBucket(i, [&](const Entry* e) {
          Sha1Digest digest{};
          MixDigest(digest, e->key());
          AddEntry(digest, e);
          XorDigest(all, {reinterpret_cast<const char*>(digest.data()), digest.size()});
        });
      }
    }
  }
  return all;
}

std::string DigestText(const Sha1Digest& digest) {
  std::string text;
  for (std::uint8_t b : digest) {
    text += "0123456789abcdef"[b >> 4];
    text += "0123456789abcdef"[b & 15];
  }
  return text;
}

}  // namespace slotwise
