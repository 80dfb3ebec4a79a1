// A key together with what is computed from it once: its hash and its slot.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "slots/hash_slot.h"

namespace slotwise {

inline const std::uint64_t kKeyHashSeed = ProcessHashSeed();
inline std::uint64_t KeyHash(std::string_view key) { return HashBytes(key, kKeyHashSeed); }

struct KeyRef {
  std::string_view key;
  std::uint64_t hash = 0;
  std::uint16_t slot = 0;

  KeyRef() = default;
  explicit KeyRef(std::string_view k) : key(k), hash(KeyHash(k)), slot(HashSlot(k)) {}
};

}  // namespace slotwise
