// DEBUG OBJECT, SDSLEN, LISTPACK, QUICKLIST, HTSTATS, HTSTATS-KEY: how values and tables are laid out in memory, in the words
// of Redis. What Redis prints on its standard output goes to the server's log, which is there unless configured otherwise.
// Source: DEBUG HELP of Redis 7.0 and its replies. Differs: tables are ours (keyspace/linear_table.h), a slot's or a value's;
// a chain is a bucket of eight with its overflow buckets, and nothing is ever being rehashed.
#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "commands/debug.h"
#include "commands/encoding_name.h"
#include "commands/key_access.h"
#include "engine/engine.h"
#include "keyspace/access.h"
#include "keyspace/allocator.h"
#include "snapshot/value_codec.h"
#include "values/blob.h"
#include "values/hash_value.h"
#include "values/list.h"
#include "values/set_value.h"
#include "values/sorted_set.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// Bytes of the value in an RDB file, type and key left out.
std::size_t SerializedLength(CommandContext& ctx, const Entry* e) {
  std::string bytes;
  RdbWriter out(bytes, ctx.engine.config().Bool(Directive::kRdbcompression));
  SaveValue(e, out);
  return bytes.size() - 1;
}

// The nodes of a list, in the words of DEBUG OBJECT.
std::string ListLayout(CommandContext& ctx, const Entry* e) {
  List list = List::Of(e);
  std::size_t bytes = 0;
  list.ForEachNode([&](ListNode node) { bytes += node.stored_size(); });
  char text[160];
  int n = std::snprintf(text, sizeof text, " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%lld ql_compressed:0 ql_uncompressed_size:%zu",
                        list.node_count(), static_cast<double>(list.size()) / static_cast<double>(list.node_count()),
                        static_cast<long long>(ctx.engine.config().Int(Directive::kListMaxListpackSize)), bytes);
  return std::string(text, static_cast<std::size_t>(n));
}

struct ChainCounts {
  static constexpr std::size_t kLengths = 50;
  std::uint64_t tables = 0, buckets = 0, items = 0, used = 0, longest = 0;
  std::array<std::uint64_t, kLengths> of_length{};  // the last: that long or longer

  template <typename Table>
  void Add(const Table& table) {
    ++tables;
    buckets += table.bucket_count();
    for (std::uint32_t i = 0; i < table.bucket_count(); ++i) {
      std::uint64_t length = 0;
      table.VisitBucket(i, [&](const auto*) { ++length; });
      AddChain(length);
    }
  }
  std::string Text(int number) const {
    std::string text = "Hash table " + std::to_string(number) + " stats (main hash table):\n";
    if (items == 0) return text + "No stats available for empty dictionaries\n";
    char line[512];
    double average = static_cast<double>(items) / static_cast<double>(used);
    std::snprintf(line, sizeof line,
                  " table size: %llu\n number of elements: %llu\n different slots: %llu\n max chain length: %llu\n"
                  " avg chain length (counted): %.02f\n avg chain length (computed): %.02f\n Chain length distribution:\n",
                  static_cast<unsigned long long>(buckets), static_cast<unsigned long long>(items), static_cast<unsigned long long>(used),
                  static_cast<unsigned long long>(longest), average, average);
    text += line;
    for (std::size_t i = 0; i < kLengths; ++i) {
      if (of_length[i] == 0) continue;
      std::snprintf(line, sizeof line, "   %zu: %llu (%.02f%%)\n", i, static_cast<unsigned long long>(of_length[i]),
                    100.0 * static_cast<double>(of_length[i]) / static_cast<double>(buckets));
      text += line;
    }
    return text;
  }

 private:
  void AddChain(std::uint64_t length) {
    items += length;
    used += length > 0;
    longest = std::max(longest, length);
    ++of_length[std::min<std::size_t>(length, kLengths - 1)];
  }
};

}  // namespace

void DebugObject(CommandContext& ctx) {
  KeyRef key(ctx.arg(2));
  StripeGuard guard(ctx, StripeOf(key.slot));
  Place place = ctx.Peek(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  const Entry* e = place.entry();
  char line[256];
  int size = std::snprintf(line, sizeof line, "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld",
                           static_cast<const void*>(e), EncodingName(e), SerializedLength(ctx, e), e->access(),
                           static_cast<long long>(IdleMs(e, ctx.now_ms) / 1000));
  std::string text(line, static_cast<std::size_t>(size));
  if (e->type() == Type::kList) text += ListLayout(ctx, e);
  ctx.reply.Simple(text);
}

// There are no sds here: nothing is kept free behind a string but what the allocator's steps leave.
void DebugSdsLen(CommandContext& ctx) {
  KeyRef key(ctx.arg(2));
  StripeGuard guard(ctx, StripeOf(key.slot));
  Place place = ctx.Peek(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  const Entry* e = place.entry();
  if (e->type() != Type::kString || e->encoding() == Encoding::kInt) return ctx.Error("ERR Not an sds encoded string.");
  const std::size_t entry_bytes = AllocatedSize(e->AllocationSize());
  const std::size_t value = StringLength(e);
  const std::size_t value_bytes = e->external() ? e->pointer<Blob>()->memory() : value;
  ctx.reply.Simple("key_sds_len:" + std::to_string(e->KeyLength()) + ", key_sds_avail:0, key_zmalloc: " + std::to_string(entry_bytes) +
                   ", val_sds_len:" + std::to_string(value) + ", val_sds_avail:" + std::to_string(value_bytes - value) +
                   ", val_zmalloc: " + std::to_string(value_bytes));
}

void DebugListpack(CommandContext& ctx) {
  KeyRef key(ctx.arg(2));
  StripeGuard guard(ctx, StripeOf(key.slot));
  Place place = ctx.Peek(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  const Entry* e = place.entry();
  // Lists and sets are packed as well, but not in the eyes of clients.
  if (std::string_view(EncodingName(e)) != "listpack") return ctx.Error("ERR Not a listpack encoded object.");
  const Listpack pack(e->pointer());
  std::string text = "{total bytes " + std::to_string(pack.total()) + "} {num entries " + std::to_string(pack.count()) + "}";
  IntScratch scratch;
  for (Listpack::Cursor c = pack.First(); c != nullptr; c = pack.Next(c)) text.append(" [").append(Listpack::Get(c).View(scratch)).append("]");
  ctx.engine.logger().Info(text);
  ctx.reply.Simple("Listpack structure printed on stdout");
}

void DebugQuicklist(CommandContext& ctx) {
  KeyRef key(ctx.arg(2));
  StripeGuard guard(ctx, StripeOf(key.slot));
  Place place = ctx.Peek(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  if (place.entry()->type() != Type::kList) return ctx.Error("ERR Not a quicklist encoded object.");
  List list = List::Of(place.entry());
  std::string text = "{count : " + std::to_string(list.size()) + "} {nodes : " + std::to_string(list.node_count()) + "}";
  list.ForEachNode([&](ListNode node) {
    text += std::string(" [") + (node.plain() ? "PLAIN" : "PACKED") + ", count : " + std::to_string(node.count()) +
            ", size : " + std::to_string(node.stored_size()) + "]";
  });
  ctx.engine.logger().Info(text);
  ctx.reply.Simple("Quicklist structure printed on stdout");
}

// A database has a table for each slot; they are counted together.
void DebugTables(CommandContext& ctx) {
  std::int64_t db;
  if (!ctx.IntegerArg(2, &db)) return;
  if (db < 0 || db >= ctx.engine.keyspace().database_count()) return ctx.Error("ERR Out of range database");
  ChainCounts keys;
  std::uint64_t expiring = 0;
  {
    AllStripes lock(ctx);
    const Database& database = ctx.Db(static_cast<int>(db));
    expiring = database.ExpiringCount();
    for (int slot = database.NextNonEmptySlot(0); slot < kSlotCount; slot = database.NextNonEmptySlot(slot + 1)) keys.Add(database.Table(slot));
  }
  std::string text = "[Dictionary HT]\n" + keys.Text(0) + "[Expires HT]\n";
  // Entries that expire stand in the same table.
  if (expiring == 0) text += ChainCounts().Text(0);
  else text += "Hash table 0 stats (main hash table):\n number of elements: " + std::to_string(expiring) + "\n";
  ctx.reply.Verbatim(text);
}

void DebugTableOfKey(CommandContext& ctx) {
  KeyRef key(ctx.arg(2));
  StripeGuard guard(ctx, StripeOf(key.slot));
  Place place = ctx.Peek(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  Entry* e = place.entry();
  ChainCounts counts;
  // Small sets of strings are packed, and called tables.
  if (e->type() == Type::kSet && SetValue(e).is_table()) counts.Add(SetValue(e).table());
  else if (e->type() == Type::kHash && !HashValue(e).packed()) counts.Add(HashValue(e).table());
  else if (e->type() == Type::kZSet && !SortedSet(e).packed()) counts.Add(*SortedSet(e).big()->table);
  if (counts.tables == 0) return ctx.Error("ERR The value stored at the specified key is not represented using an hash table");
  ctx.reply.Verbatim(counts.Text(0));
}

}  // namespace slotwise
