// What the commands on hashes, sets and sorted sets share.
#pragma once
#include "commands/command.h"
#include "values/listpack.h"

namespace slotwise {

// An element as a bulk string.
inline void ReplyItem(ReplyWriter& reply, const ListpackItem& item) {
  if (item.is_integer()) reply.BulkInteger(item.integer);
  else reply.Bulk({item.bytes, item.size});
}

}  // namespace slotwise
