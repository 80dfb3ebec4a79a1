// Parts of strings: APPEND, STRLEN, GETRANGE (SUBSTR is its old name) and SETRANGE.
// Offsets are 64-bit; a string never grows beyond proto-max-bulk-len. What was changed in part is of encoding raw.
// Source: Redis 7.0 command reference.
#include <cstring>
#include <iterator>
#include <string_view>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/string_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void Append(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  std::string_view more = ctx.arg(2);
  Place place = ctx.FindForWrite(key);
  std::size_t length = 0;
  if (!place) {
    ctx.Db().SetString(key, place, more, kNoExpire);
    length = more.size();
  } else {
    if (!ctx.Expect(place, Type::kString)) return;
    std::size_t before = StringLength(place.entry());
    if (!FitsString(ctx, before, more.size())) return;
    length = before + more.size();
    Entry* entry;
    char* bytes = ctx.Db().GrowString(key, place, length, &entry);
    if (!more.empty()) std::memcpy(bytes + before, more.data(), more.size());
  }
  StringChanged(ctx, key, static_cast<bool>(place), "append");
  ctx.reply.Integer(static_cast<std::int64_t>(length));
}

void StrLen(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kString)) return;
  ctx.reply.Integer(place ? static_cast<std::int64_t>(StringLength(place.entry())) : 0);
}

void GetRange(CommandContext& ctx) {
  std::int64_t start, end;
  if (!ctx.IntegerArg(2, &start) || !ctx.IntegerArg(3, &end)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Bulk("");
  if (!ctx.Expect(place, Type::kString)) return;
  IntScratch scratch;
  std::string_view bytes = StringBytes(place.entry(), scratch);
  auto length = static_cast<std::int64_t>(bytes.size());
  if (start < 0 && end < 0 && start > end) return ctx.reply.Bulk("");
  // An end before the beginning counts as the first byte, so that 0 -100 is that byte and not nothing: Redis's rule.
  if (start < 0) start = start + length < 0 ? 0 : start + length;
  if (end < 0) end = end + length < 0 ? 0 : end + length;
  if (end >= length) end = length - 1;
  if (start > end) return ctx.reply.Bulk("");
  if (start == 0 && end == length - 1) return ReplyString(ctx.reply, place.entry());
  ctx.reply.Bulk(bytes.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1)));
}

void SetRange(CommandContext& ctx) {
  std::int64_t offset;
  if (!ctx.IntegerArg(2, &offset)) return;
  if (offset < 0) return ctx.Error("ERR offset is out of range");
  KeyRef key = ctx.Key(1);
  std::string_view patch = ctx.arg(3);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kString)) return;
  std::size_t before = place ? StringLength(place.entry()) : 0;
  // Nothing to write changes nothing, wherever it would go.
  if (patch.empty()) return ctx.reply.Integer(static_cast<std::int64_t>(before));
  auto at = static_cast<std::uint64_t>(offset);
  if (!FitsString(ctx, at, patch.size())) return;
  Entry* entry;
  char* bytes = ctx.Db().GrowString(key, place, at + patch.size(), &entry);
  std::memcpy(bytes + at, patch.data(), patch.size());
  StringChanged(ctx, key, static_cast<bool>(place), "setrange");
  std::size_t length = at + patch.size() > before ? at + patch.size() : before;
  ctx.reply.Integer(static_cast<std::int64_t>(length));
}

SLOTWISE_COMMANDS(string_ranges, {"append", Append}, {"strlen", StrLen}, {"getrange", GetRange}, {"substr", GetRange},
                  {"setrange", SetRange});

}  // namespace
}  // namespace slotwise
