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

}  // namespace slotwise
