// What popping from sorted sets and waiting for them share.
#pragma once
#include <cstdint>

#include "commands/sorted_set_access.h"

namespace slotwise {

// numkeys key [key ...] MIN|MAX [COUNT count], of ZMPOP and BZMPOP. Replies with the error if it is something else.
struct MultiPopMembersArgs {
  std::size_t first_key = 0;
  std::size_t key_count = 0;
  bool max = false;
  std::uint64_t count = 1;
  [[nodiscard]] bool Parse(CommandContext& ctx, std::size_t numkeys_index);
};

// The `count` members of an end, from it inwards, each with its score; `nested`: as pairs.
void ReplyEnd(ReplyWriter& reply, const SortedSet& set, bool max, std::size_t count, bool nested);

// Takes `count` members off an end of a set that has as many, and reports it.
void PopMembers(CommandContext& ctx, const KeyRef& key, Entry* entry, bool max, std::size_t count);

// Replies with the key and what it pops, and propagates it as ZPOPMIN or ZPOPMAX.
void PopWithKey(CommandContext& ctx, const KeyRef& key, Entry* entry, const MultiPopMembersArgs& args);

}  // namespace slotwise
