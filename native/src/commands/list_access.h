// What the list commands share: a list of a key, its limits, its elements as replies, and telling about elements that came
// or went, in the order in which Redis tells it.
#pragma once
#include <string_view>

#include "commands/command.h"
#include "config/config.h"
#include "engine/engine.h"
#include "values/list.h"

namespace slotwise {

inline ListLimits LimitsOf(const CommandContext& ctx) {
  return ListLimits::Of(ctx.engine.config().Int(Directive::kListMaxListpackSize), List::PackedThreshold().load(std::memory_order_relaxed));
}

inline void ReplyElement(ReplyWriter& reply, const ListCursor& c) {
  if (Blob* blob = c.blob()) return reply.BulkBlob(blob);
  ListpackItem item = c.item();
  if (item.is_integer()) reply.BulkInteger(item.integer);
  else reply.Bulk({item.bytes, item.size});
}

// `n` elements from `index` on, towards the tail; or from `index` backwards, towards the head.
inline void ReplyElements(ReplyWriter& reply, const List& list, std::uint64_t index, std::uint64_t n, ListEnd towards) {
  reply.Array(static_cast<std::int64_t>(n));
  for (ListCursor c(list, index, towards); n > 0; --n, c.Next()) ReplyElement(reply, c);
}

inline const char* PopEvent(ListEnd end) { return end == ListEnd::kHead ? "lpop" : "rpop"; }
inline const char* PushEvent(ListEnd end) { return end == ListEnd::kHead ? "lpush" : "rpush"; }

// A list for elements to come: that of `entry`, or a new one if it is null. Returns its entry; others have not moved, but
// may stand at other places now.
Entry* ListToPushTo(CommandContext& ctx, const KeyRef& key, Entry* entry);

// Deletes `n` elements at one end, and the key if it has no more; tells about it and counts n changes.
void PopElements(CommandContext& ctx, const KeyRef& key, Entry* entry, ListEnd end, std::uint64_t n);
// Replies with [key, [elements...]] and deletes them: the pop of LMPOP. Propagated as LPOP or RPOP with a count.
void PopWithKey(CommandContext& ctx, const KeyRef& key, Entry* entry, ListEnd end, std::uint64_t most);
// Moves an element from one list to another (or within one) and replies with it. `to` may be null.
void MoveElement(CommandContext& ctx, const KeyRef& from_key, Entry* from, const KeyRef& to_key, Entry* to, ListEnd from_end, ListEnd to_end);

// LEFT or RIGHT; replies with a syntax error if it is neither.
bool ListEndArg(CommandContext& ctx, std::size_t i, ListEnd* end);

// The arguments of LMPOP and BLMPOP from the number of keys on.
struct MultiPopArgs {
  std::size_t first_key = 0;
  std::size_t key_count = 0;
  ListEnd end = ListEnd::kHead;
  std::uint64_t count = 1;
  bool Parse(CommandContext& ctx, std::size_t numkeys_index);
};

}  // namespace slotwise
