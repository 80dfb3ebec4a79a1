// What SCAN, HSCAN, SSCAN and ZSCAN share: cursors, options, replies whose length is known at the end, and the walk over a
// collection's table.
//
// A collection in one allocation is returned whole, with cursor 0: it is small. A table is visited chain by chain until
// COUNT is reached; its cursor survives growth and shrinking (keyspace/linear_table.h).
// Source: Redis 7.0 SCAN documentation.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/glob.h"
#include "commands/command.h"
#include "values/listpack.h"

namespace slotwise {

// Collects bulk strings before their number is known.
class BulkList {
 public:
  void Add(std::string_view bytes);
  void Add(const ListpackItem& item) {
    IntScratch scratch;
    Add(item.View(scratch));
  }
  std::int64_t count() const { return count_; }
  // As an array.
  void Reply(ReplyWriter& reply) const {
    reply.Array(count_);
    reply.Raw(encoded_);
  }
  // As a set.
  void ReplySet(ReplyWriter& reply) const {
    reply.Set(count_);
    reply.Raw(encoded_);
  }

 private:
  std::string encoded_;
  std::int64_t count_ = 0;
};

// A cursor as a client gives it; replies with the error if it is none.
bool ScanCursorArg(CommandContext& ctx, std::size_t i, std::uint64_t* cursor);

enum class ScanOf : std::uint8_t { kKeys, kMembers };

struct ScanOptions {
  std::int64_t count = 10;
  std::string_view pattern;
  std::string_view type;  // SCAN only
  bool has_pattern = false;
  bool has_type = false;

  // The options from argument `from` on; replies with the error if they do not parse.
  bool Parse(CommandContext& ctx, std::size_t from, ScanOf what);
  bool Accepts(std::string_view name) const { return !has_pattern || GlobMatch(pattern, name); }
  bool Accepts(const ListpackItem& name) const {
    if (!has_pattern) return true;
    IntScratch scratch;
    return GlobMatch(pattern, name.View(scratch));
  }
};

void ReplyScan(ReplyWriter& reply, std::uint64_t cursor, const BulkList& found);

// Goes on with a scan of a MemberTable: visit(const Item*), which returns nothing and filters for itself. Returns the next
// cursor. What is filtered out counts too, and chains that turn out empty may not make a call long, as in Redis.
template <typename Table, typename F>
std::uint64_t ScanTable(const Table& table, std::uint64_t cursor, std::int64_t count, F&& visit) {
  std::int64_t visited = 0;
  std::int64_t chains = count > INT64_MAX / 10 ? INT64_MAX : count * 10;
  do {
    cursor = table.Scan(cursor, [&](const typename Table::Item* item) {
      ++visited;
      visit(item);
    });
  } while (cursor != 0 && visited < count && --chains > 0);
  return cursor;
}

}  // namespace slotwise
