// Parts of hashes: HRANDFIELD and HSCAN.
// Source: Redis 7.0 command reference. Elsewhere: how a sample stays fair (commands/random_sample.h).
#include <iterator>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/hash_access.h"
#include "commands/random_sample.h"
#include "commands/scan_options.h"
#include "engine/thread_state.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// Replies with fields, or with fields and values: in pairs in RESP3, one after the other in RESP2.
class FieldReplies {
 public:
  FieldReplies(ReplyWriter& reply, bool values) : reply_(reply), values_(values) {}
  void Begin(std::uint64_t count) {
    bool flat_pairs = values_ && reply_.protocol() == 2;
    reply_.Array(static_cast<std::int64_t>(flat_pairs ? count * 2 : count));
  }
  void Add(const ListpackItem& field, const ListpackItem& value) {
    if (values_ && reply_.protocol() != 2) reply_.Array(2);
    ReplyItem(reply_, field);
    if (values_) ReplyItem(reply_, value);
  }
  void Add(const FieldItem* item) {
    FieldItem::View v = item->view();
    Add(HashValue::ItemOf(v.field), HashValue::ItemOf(v.value));
  }

 private:
  ReplyWriter& reply_;
  bool values_;
};

void RandomFields(CommandContext& ctx, const HashValue& hash, std::uint64_t count, FieldReplies& replies) {
  Random& random = ctx.thread.random;
  replies.Begin(count);
  if (!hash.packed()) {
    RepeatedDraws::Run(ctx, count, [&] { replies.Add(hash.table().RandomItem(random)); });
    return;
  }
  // A listpack is walked once, not for each draw.
  struct Pair { ListpackItem field, value; };
  std::vector<Pair> pairs;
  pairs.reserve(hash.size());
  hash.Visit([&](const ListpackItem& field, const ListpackItem& value) { pairs.push_back({field, value}); });
  RepeatedDraws::Run(ctx, count, [&] {
    const Pair& pair = pairs[random.Below(pairs.size())];
    replies.Add(pair.field, pair.value);
  });
}

void DistinctRandomFields(CommandContext& ctx, const HashValue& hash, std::uint64_t count, FieldReplies& replies) {
  Random& random = ctx.thread.random;
  std::uint64_t size = hash.size();
  if (count > size) count = size;
  replies.Begin(count);
  if (!hash.packed() && DrawsDistinct(size, count)) {
    DrawDistinct(hash.table(), random, count, [&](const FieldItem* item) { replies.Add(item); });
    return;
  }
  SequentialSample sample(random, size, count);
  hash.Visit([&](const ListpackItem& field, const ListpackItem& value) {
    if (sample.TakesNext()) replies.Add(field, value);
  });
}

void HRandField(CommandContext& ctx) {
  std::int64_t count = 1;
  bool values = false;
  if (ctx.argc() >= 3) {
    if (!ctx.IntegerArgInRange(2, -INT64_MAX, INT64_MAX, &count)) return;
    if (ctx.argc() > 4 || (ctx.argc() == 4 && !ctx.ArgIs(3, "WITHVALUES"))) return ctx.SyntaxError();
    values = ctx.argc() == 4;
    if (values && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) return ctx.Error(errors::kOutOfRange);
  }
  bool one = ctx.argc() == 2;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  if (!place) return one ? ctx.reply.Null() : ctx.reply.Array(0);
  if (count == 0) return ctx.reply.Array(0);
  HashValue hash(place.entry());
  if (one) {
    if (!hash.packed()) return ctx.reply.Bulk(hash.table().RandomItem(ctx.thread.random)->field());
    Listpack pack = hash.listpack();
    return ReplyItem(ctx.reply, Listpack::Get(pack.At(static_cast<std::int64_t>(ctx.thread.random.Below(hash.size()) * 2))));
  }
  FieldReplies replies(ctx.reply, values);
  if (count > 0) return DistinctRandomFields(ctx, hash, static_cast<std::uint64_t>(count), replies);
  auto draws = static_cast<std::uint64_t>(-count);
  if (RepeatedDraws::Allowed(ctx, draws)) RandomFields(ctx, hash, draws, replies);
}

void HScan(CommandContext& ctx) {
  std::uint64_t cursor;
  if (!ScanCursorArg(ctx, 2, &cursor)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kHash)) return;
  BulkList found;
  if (!place) return ReplyScan(ctx.reply, 0, found);
  ScanOptions options;
  if (!options.Parse(ctx, 3, ScanOf::kMembers)) return;
  HashValue hash(place.entry());
  auto add = [&](const ListpackItem& field, const ListpackItem& value) {
    if (!options.Accepts(field)) return;
    found.Add(field);
    found.Add(value);
  };
  if (hash.packed()) {
    hash.Visit(add);
    cursor = 0;
  } else {
    cursor = ScanTable(hash.table(), cursor, options.count, [&](const FieldItem* item) {
      FieldItem::View v = item->view();
      add(HashValue::ItemOf(v.field), HashValue::ItemOf(v.value));
    });
  }
  ReplyScan(ctx.reply, cursor, found);
}

SLOTWISE_COMMANDS(hash_sampling, {"hrandfield", HRandField}, {"hscan", HScan});

}  // namespace
}  // namespace slotwise
