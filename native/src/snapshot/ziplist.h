// The packed forms that Redis wrote before 7.0: ziplist and zipmap. Read only: their elements end up in listpacks.
// The bytes are checked in full; an element that lies about its size or its neighbour's fails the whole.
// Source: spec rdb.md sections 7, 8.
#pragma once
#include <string_view>

#include "values/listpack.h"

namespace slotwise {

// Appends the elements to `out`. False if the bytes are not a well-formed ziplist; `out` then has some of them.
bool AppendZiplist(std::string_view ziplist, Listpack* out);
// The same of a zipmap: field, value, field, value...
bool AppendZipmap(std::string_view zipmap, Listpack* out);

}  // namespace slotwise
