// Pairs that came in a packed form - field and value, member and score - brought into a listpack that may be trusted.
#pragma once
#include <cstdint>
#include <string_view>

#include "snapshot/rdb_reader.h"
#include "values/listpack.h"

namespace slotwise {

enum class PackedForm : std::uint8_t { kListpack, kZiplist, kZipmap };

// A listpack of whole pairs whose firsts are all different; the caller frees it. Null handle: the reader has the error.
Listpack TakePairs(std::string_view bytes, PackedForm form, RdbReader& in);

}  // namespace slotwise
