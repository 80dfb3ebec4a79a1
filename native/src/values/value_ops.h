// What the keyspace needs to know of a type's objects without knowing the type: one row of functions a type. A type is
// added by a file that registers its row; strings have none, their bytes are handled by values/string_value.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "keyspace/entry.h"

namespace slotwise {

struct ValueOps {
  const char* name;                                        // as TYPE answers: "list"
  // An object does not say of itself how it is encoded; its entry does.
  void (*free)(Encoding encoding, void* object);
  void* (*copy)(Encoding encoding, const void* object);               // deep, of the same encoding, for COPY
  std::size_t (*memory)(Encoding encoding, const void* object);
  std::size_t (*free_effort)(Encoding encoding, const void* object);  // number of allocations, for lazy free
  void (*digest)(const Entry* entry, unsigned char* out20);  // DEBUG DIGEST-VALUE contribution; may be null
  // Asks for the cache lines that a command on `member` (maybe empty) will need, one step further each time; under the
  // lock, and nothing is changed. May be null.
  enum class Ahead : std::uint8_t { kObject, kBucket, kItem };
  void (*prefetch)(Encoding encoding, const void* object, std::string_view member, Ahead ahead) = nullptr;
};

// The first lines of an object in one allocation; those behind are asked for by the processor when it is read in order.
inline void PrefetchPacked(const void* object) {
  for (int line = 0; line < 4; ++line) __builtin_prefetch(static_cast<const char*>(object) + line * 64);
}

void RegisterValueOps(Type type, const ValueOps* ops);
const ValueOps* OpsOf(Type type);  // null for strings and for types that are not built in
const char* TypeName(Type type);

}  // namespace slotwise
