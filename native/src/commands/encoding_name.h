// The names that OBJECT ENCODING and DEBUG OBJECT print.
#pragma once
#include "keyspace/entry.h"

namespace slotwise {

constexpr const char* EncodingName(Encoding encoding) {
  switch (encoding) {
    case Encoding::kRaw: return "raw";
    case Encoding::kEmbstr: return "embstr";
    case Encoding::kInt: return "int";
    case Encoding::kListpack: return "listpack";
    case Encoding::kQuicklist: return "quicklist";
    case Encoding::kIntset: return "intset";
    case Encoding::kHashtable: return "hashtable";
    case Encoding::kSkiplist: return "skiplist";
    case Encoding::kStream: return "stream";
  }
  return "unknown";
}

// A small set of strings is one allocation here, which Redis 7.0 does not know: it is called what it would be there.
inline const char* EncodingName(const Entry* e) {
  bool packed_set = e->type() == Type::kSet && e->encoding() == Encoding::kListpack;
  return EncodingName(packed_set ? Encoding::kHashtable : e->encoding());
}

}  // namespace slotwise
