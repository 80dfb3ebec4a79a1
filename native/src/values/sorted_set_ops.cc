// What the keyspace does with sorted sets without knowing them.
#include <algorithm>

#include "base/double_text.h"
#include "values/sorted_set.h"
#include "values/value_digest.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

void Free(Encoding encoding, void* object) { SortedSet(encoding, object).Free(); }
void* Copy(Encoding encoding, const void* object) { return SortedSet(encoding, object).Copy(); }
std::size_t Memory(Encoding encoding, const void* object) { return SortedSet(encoding, object).memory(); }

std::size_t FreeEffort(Encoding encoding, const void* object) {
  SortedSet set(encoding, object);
  return set.packed() ? 1 : set.size();
}

// Of each member and its score, with 17 digits, in no order.
void Digest(const Entry* entry, unsigned char* out20) {
  Sha1Digest all;
  std::copy_n(out20, all.size(), all.data());
  SortedSet(entry->encoding(), entry->pointer()).VisitAll([&](std::string_view member, double score) {
    Sha1Digest one{};
    char digits[32];
    MixDigest(one, member);
    MixDigest(one, {digits, PrintDouble(score, digits)});
    XorDigest(all, {reinterpret_cast<const char*>(one.data()), one.size()});
  });
  std::copy_n(all.data(), all.size(), out20);
}

constexpr ValueOps kSortedSetOps = {
    .name = "zset", .free = Free, .copy = Copy, .memory = Memory, .free_effort = FreeEffort, .digest = Digest,
};
[[maybe_unused]] const bool kRegistered = (RegisterValueOps(Type::kZSet, &kSortedSetOps), true);

}  // namespace
}  // namespace slotwise
