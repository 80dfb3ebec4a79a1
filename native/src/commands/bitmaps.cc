// Strings as arrays of bits: GETBIT, SETBIT, BITCOUNT, BITPOS and BITOP.
//
// A string is continued with zeros on the right as far as one cares to look: GETBIT beyond the end is 0, BITOP treats
// sources as equally long, BITPOS finds the first clear bit of a string of ones right behind it, unless an end is given.
// Source: Redis 7.0 command reference. Elsewhere: the loops over bits (bit_ops.cc), integers of any width (bitfield.cc).
#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "commands/bit_offset.h"
#include "commands/bit_ops.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/string_access.h"
#include "keyspace/access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

void GetBit(CommandContext& ctx) {
  std::uint64_t bit;
  if (!BitOffsetArg(ctx, 2, 0, &bit)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Integer(0);
  if (!ctx.Expect(place, Type::kString)) return;
  IntScratch scratch;
  std::string_view bytes = StringBytes(place.entry(), scratch);
  ctx.reply.Integer(bit >> 3 < bytes.size() && TestBit(bytes.data(), bit));
}

void SetBit(CommandContext& ctx) {
  constexpr const char* kBadBit = "ERR bit is not an integer or out of range";
  std::uint64_t bit;
  std::int64_t value;
  if (!BitOffsetArg(ctx, 2, 0, &bit) || !ctx.IntegerArgInRange(3, 0, 1, &value, kBadBit)) return;
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kString)) return;
  std::size_t before = place ? StringLength(place.entry()) : 0;
  Entry* entry;
  char* bytes = ctx.Db().GrowString(key, place, (bit >> 3) + 1, &entry);
  bool old = TestBit(bytes, bit);
  // A bit that stays what it was is no change, unless the string grew to hold it.
  if (bit >> 3 >= before || old != (value != 0)) {
    SetBitfield(bytes, bit, 1, static_cast<std::uint64_t>(value));
    StringChanged(ctx, key, static_cast<bool>(place), "setbit");
  }
  ctx.reply.Integer(old);
}

// The last argument of BITCOUNT and BITPOS: whether a range counts bits. Replies with the error if it is neither.
bool UnitArg(CommandContext& ctx, std::size_t index, bool* bits) {
  *bits = ctx.ArgIs(index, "BIT");
  if (*bits || ctx.ArgIs(index, "BYTE")) return true;
  ctx.SyntaxError();
  return false;
}

// A range as clients give it, negative ends counting from the end of the string, as bits of a string of `size` bytes.
BitRange ToBits(std::int64_t start, std::int64_t end, bool bits, std::size_t size) {
  std::int64_t total = static_cast<std::int64_t>(size) * (bits ? 8 : 1);
  if (start < 0) start = std::max<std::int64_t>(start + total, 0);
  if (end < 0) end = std::max<std::int64_t>(end + total, 0);
  end = std::min(end, total - 1);
  if (start > end) return {0, -1};
  return bits ? BitRange{start, end} : BitRange{start * 8, end * 8 + 7};
}
BitRange AllBits(std::string_view bytes) { return {0, static_cast<std::int64_t>(bytes.size()) * 8 - 1}; }

void BitCount(CommandContext& ctx) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Integer(0);  // before a look at the other arguments, as in Redis
  if (!ctx.Expect(place, Type::kString)) return;
  IntScratch scratch;
  std::string_view bytes = StringBytes(place.entry(), scratch);
  if (ctx.argc() == 2) return ctx.reply.Integer(static_cast<std::int64_t>(CountBits(bytes, AllBits(bytes))));
  if (ctx.argc() != 4 && ctx.argc() != 5) return ctx.SyntaxError();
  std::int64_t start, end;
  if (!ctx.IntegerArg(2, &start) || !ctx.IntegerArg(3, &end)) return;
  if (start < 0 && end < 0 && start > end) return ctx.reply.Integer(0);
  bool bits = false;
  if (ctx.argc() == 5 && !UnitArg(ctx, 4, &bits)) return;
  ctx.reply.Integer(static_cast<std::int64_t>(CountBits(bytes, ToBits(start, end, bits, bytes.size()))));
}

void BitPos(CommandContext& ctx) {
  std::int64_t bit;
  if (!ctx.IntegerArg(2, &bit)) return;
  if (bit != 0 && bit != 1) return ctx.Error("ERR The bit argument must be 1 or 0.");
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!place) return ctx.reply.Integer(bit == 0 ? 0 : -1);
  if (!ctx.Expect(place, Type::kString)) return;
  IntScratch scratch;
  std::string_view bytes = StringBytes(place.entry(), scratch);
  if (ctx.argc() > 6) return ctx.SyntaxError();
  std::int64_t start = 0, end = -1;
  bool bits = false;
  if (ctx.argc() > 3 && !ctx.IntegerArg(3, &start)) return;
  if (ctx.argc() > 5 && !UnitArg(ctx, 5, &bits)) return;
  if (ctx.argc() > 4 && !ctx.IntegerArg(4, &end)) return;
  BitRange range = ToBits(start, end, bits, bytes.size());
  std::int64_t found = FindBit(bytes, bit != 0, range);
  bool open_ended = ctx.argc() < 5;
  if (found < 0 && bit == 0 && open_ended && range.first <= range.last) found = range.last + 1;
  ctx.reply.Integer(found);
}

bool OperationArg(CommandContext& ctx, std::size_t index, BitOperation* out) {
  constexpr std::pair<std::string_view, BitOperation> kOperations[] = {
      {"AND", BitOperation::kAnd}, {"OR", BitOperation::kOr}, {"XOR", BitOperation::kXor}, {"NOT", BitOperation::kNot}};
  for (auto [word, operation] : kOperations) {
    if (ctx.ArgIs(index, word)) {
      *out = operation;
      return true;
    }
  }
  ctx.SyntaxError();
  return false;
}

// An entry of encoding raw with `size` bytes to be filled in at *bytes. It belongs to the caller until it is attached.
Entry* NewRawString(const KeyRef& key, std::size_t size, char** bytes) {
  bool external = size > kMaxInlineValue;
  Entry* e = Entry::Create(Type::kString, Encoding::kRaw, key.key, external ? sizeof(Blob*) : size, kNoExpire, external);
  if (!external) {
    *bytes = e->value_bytes();
    return e;
  }
  Blob* blob = Blob::Create(size);
  blob->set_size(size);
  e->set_pointer(blob);
  *bytes = blob->data();
  return e;
}

void BitOp(CommandContext& ctx) {
  BitOperation operation;
  if (!OperationArg(ctx, 1, &operation)) return;
  if (operation == BitOperation::kNot && ctx.argc() != 4) {
    return ctx.Error("ERR BITOP NOT must be called with a single source key.");
  }
  constexpr std::size_t kFirst = 3;
  std::size_t count = ctx.argc() - kFirst;
  for (std::size_t i = 0; i < count; ++i) {
    if (!ctx.Expect(ctx.FindForRead(ctx.Key(kFirst + i)), Type::kString)) return;
  }
  // Looked up again: finding one may have deleted an expired neighbour of another.
  std::vector<std::string_view> sources(count);
  std::vector<IntScratch> scratch(count);
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (Place place = ctx.Peek(ctx.Key(kFirst + i))) sources[i] = StringBytes(place.entry(), scratch[i]);
    size = std::max(size, sources[i].size());
  }

  KeyRef target = ctx.Key(2);
  Entry* result = nullptr;
  if (size > 0) {
    char* bytes;
    result = NewRawString(target, size, &bytes);
    CombineBits(operation, sources.data(), count, bytes, size);
  }
  if (result != nullptr) {
    InitAccess(result, ctx.engine.access(), ctx.now_ms);
    Place old = ctx.FindForWrite(target);
    if (old) {
      result->set_access(old.entry()->access());
      ctx.Erase(target, old);
    }
    ctx.Db().Attach(target, result);
    StringChanged(ctx, target, static_cast<bool>(old), "set");
  } else if (Place old = ctx.Db().Find(target)) {
    // Deleted whether or not its time has come, as Redis does: the event is "del" and not "expired".
    ctx.Erase(target, old);
    ctx.Changed(target);
    ctx.Notify(kNotifyGeneric, "del", target.key);
  }
  ctx.reply.Integer(static_cast<std::int64_t>(size));
}

SLOTWISE_COMMANDS(bitmaps, {"getbit", GetBit}, {"setbit", SetBit}, {"bitcount", BitCount}, {"bitpos", BitPos},
                  {"bitop", BitOp});

}  // namespace
}  // namespace slotwise
