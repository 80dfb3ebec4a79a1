// What the keyspace needs to know of a type's objects without knowing the type: one row of functions a type. A type is
// added by a file that registers its row; strings have none, their bytes are handled by values/string_value.
#pragma once
#include <cstdint>
#include <string>

#include "keyspace/entry.h"

namespace slotwise {

struct ValueOps {
  const char* name;                                        // as TYPE answers: "list"
  void (*free)(void* object);
  void* (*copy)(const void* object);                       // deep, for COPY
  std::size_t (*memory)(const void* object);
  std::size_t (*free_effort)(const void* object);          // number of allocations, for lazy free
  void (*digest)(const Entry* entry, unsigned char* out20);  // DEBUG DIGEST-VALUE contribution; may be null
};

void RegisterValueOps(Type type, const ValueOps* ops);
const ValueOps* OpsOf(Type type);  // null for strings and for types that are not built in
const char* TypeName(Type type);

}  // namespace slotwise
