// Strings as packed integers of 1 to 64 bits: BITFIELD and BITFIELD_RO.
//
// All operations are parsed before the first one runs, then run in order: a GET sees the SET before it. The string is
// made long enough for the highest bit that any of them may write. What does not fit wraps, saturates, or (FAIL) is not
// written and answers null.
// Source: Redis 7.0 command reference. Elsewhere: reading and writing the bits (bit_ops.cc).
#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

#include "commands/bit_offset.h"
#include "commands/bit_ops.h"
#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/string_access.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

enum class Action { kGet, kSet, kIncrBy };
enum class Overflow { kWrap, kSaturate, kFail };

struct Field {
  bool is_signed;
  unsigned bits;
};

struct Operation {
  Action action;
  Overflow overflow;
  Field field;
  std::uint64_t offset;
  std::int64_t operand;  // of kSet and kIncrBy
};

// "i16", "u8".
bool FieldArg(CommandContext& ctx, std::size_t index, Field* out) {
  std::string_view text = ctx.arg(index);
  if (!text.empty() && (text[0] == 'i' || text[0] == 'u')) {
    bool is_signed = text[0] == 'i';
    std::int64_t bits;
    if (ParseInteger(text.substr(1), &bits) && bits >= 1 && bits <= (is_signed ? 64 : 63)) {
      *out = {is_signed, static_cast<unsigned>(bits)};
      return true;
    }
  }
  ctx.Error("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
  return false;
}

bool OverflowArg(CommandContext& ctx, std::size_t index, Overflow* out) {
  if (ctx.ArgIs(index, "WRAP")) *out = Overflow::kWrap;
  else if (ctx.ArgIs(index, "SAT")) *out = Overflow::kSaturate;
  else if (ctx.ArgIs(index, "FAIL")) *out = Overflow::kFail;
  else {
    ctx.Error("ERR Invalid OVERFLOW type specified");
    return false;
  }
  return true;
}

bool ParseOperations(CommandContext& ctx, std::vector<Operation>* out) {
  Overflow overflow = Overflow::kWrap;
  for (std::size_t i = 2; i < ctx.argc();) {
    std::size_t left = ctx.argc() - i - 1;
    Operation op{Action::kGet, overflow, {}, 0, 0};
    if (ctx.ArgIs(i, "OVERFLOW") && left >= 1) {
      if (!OverflowArg(ctx, i + 1, &overflow)) return false;
      i += 2;
      continue;
    }
    if (ctx.ArgIs(i, "GET") && left >= 2) {
      op.action = Action::kGet;
    } else if (ctx.ArgIs(i, "SET") && left >= 3) {
      op.action = Action::kSet;
    } else if (ctx.ArgIs(i, "INCRBY") && left >= 3) {
      op.action = Action::kIncrBy;
    } else {
      ctx.SyntaxError();
      return false;
    }
    if (!FieldArg(ctx, i + 1, &op.field)) return false;
    if (!BitOffsetArg(ctx, i + 2, static_cast<int>(op.field.bits), &op.offset)) return false;
    if (op.action != Action::kGet && !ctx.IntegerArg(i + 3, &op.operand)) return false;
    out->push_back(op);
    i += op.action == Action::kGet ? 3 : 4;
  }
  return true;
}

// base + by as a field of that width: false if it does not fit, with *result what `overflow` makes of it.
bool AddSigned(std::int64_t base, std::int64_t by, unsigned bits, Overflow overflow, std::int64_t* result) {
  std::int64_t max = INT64_MAX >> (64 - bits);
  std::int64_t min = -max - 1;
  // The distance to the maximum is computed with 64 bits in Redis. For a SET near the lowest 64-bit number it comes out
  // negative and SAT stores the maximum, not the minimum: kept, for replicas on either side must agree.
  auto room_above = static_cast<std::int64_t>(static_cast<std::uint64_t>(max) - static_cast<std::uint64_t>(base));
  auto sum = static_cast<__int128>(base) + by;
  bool over = sum > max || (bits < 64 && by > room_above);
  bool under = sum < min;
  *result = SignExtend(static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(by), bits);
  if (!over && !under) return true;
  if (overflow == Overflow::kSaturate) *result = over ? max : min;
  return false;
}

bool AddUnsigned(std::uint64_t base, std::int64_t by, unsigned bits, Overflow overflow, std::uint64_t* result) {
  std::uint64_t max = ~std::uint64_t{0} >> (64 - bits);
  auto sum = static_cast<__int128>(base) + by;
  *result = (base + static_cast<std::uint64_t>(by)) & max;
  if (sum >= 0 && sum <= static_cast<__int128>(max)) return true;
  if (overflow == Overflow::kSaturate) *result = sum < 0 ? 0 : max;
  return false;
}

struct Outcome {
  bool written;        // false: it did not fit, and FAIL was chosen
  bool changed;
  std::int64_t reply;  // SET: the old value; INCRBY: the new one
};

Outcome Write(const Operation& op, std::string_view bytes, char* writable) {
  unsigned bits = op.field.bits;
  std::uint64_t old = GetBitfield(bytes, op.offset, bits);
  bool adds = op.action == Action::kIncrBy;
  std::int64_t by = adds ? op.operand : 0;
  bool fits;
  std::int64_t before, after;
  if (op.field.is_signed) {
    before = SignExtend(old, bits);
    fits = AddSigned(adds ? before : op.operand, by, bits, op.overflow, &after);
  } else {
    before = static_cast<std::int64_t>(old);
    std::uint64_t value;
    fits = AddUnsigned(adds ? old : static_cast<std::uint64_t>(op.operand), by, bits, op.overflow, &value);
    after = static_cast<std::int64_t>(value);
  }
  if (!fits && op.overflow == Overflow::kFail) return {false, false, 0};
  SetBitfield(writable, op.offset, bits, static_cast<std::uint64_t>(after));
  return {true, before != after, adds ? after : before};
}

std::int64_t Read(const Operation& op, std::string_view bytes) {
  std::uint64_t value = GetBitfield(bytes, op.offset, op.field.bits);
  return op.field.is_signed ? SignExtend(value, op.field.bits) : static_cast<std::int64_t>(value);
}

void RunReads(CommandContext& ctx, const std::vector<Operation>& operations) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kString)) return;
  IntScratch scratch;
  std::string_view bytes = place ? StringBytes(place.entry(), scratch) : std::string_view();
  ctx.reply.Array(static_cast<std::int64_t>(operations.size()));
  for (const Operation& op : operations) ctx.reply.Integer(Read(op, bytes));
}

void RunWrites(CommandContext& ctx, const std::vector<Operation>& operations, std::uint64_t highest_bit) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  if (!ctx.Expect(place, Type::kString)) return;
  std::size_t before = place ? StringLength(place.entry()) : 0;
  std::size_t size = std::max<std::size_t>(before, (highest_bit >> 3) + 1);
  Entry* entry;
  char* writable = ctx.Db().GrowString(key, place, size, &entry);
  std::string_view bytes(writable, size);
  bool grown = size > before;
  std::int64_t changes = 0;
  ctx.reply.Array(static_cast<std::int64_t>(operations.size()));
  for (const Operation& op : operations) {
    if (op.action == Action::kGet) {
      ctx.reply.Integer(Read(op, bytes));
      continue;
    }
    Outcome outcome = Write(op, bytes, writable);
    if (outcome.written) ctx.reply.Integer(outcome.reply);
    else ctx.reply.Null();
    if (outcome.written && (grown || outcome.changed)) ++changes;
  }
  if (changes > 0) {
    StringChanged(ctx, key, static_cast<bool>(place), "setbit");
    ctx.MarkDirty(changes - 1);
  } else if (grown) {
    // Nothing was written (FAIL), yet the string grew. Redis tells neither replicas nor WATCH; here every change counts.
    ctx.Changed(key);
    if (!place) ctx.Notify(kNotifyNew, "new", key.key);
  }
}

void RunBitfield(CommandContext& ctx, bool readonly) {
  std::vector<Operation> operations;
  if (!ParseOperations(ctx, &operations)) return;
  bool writes = false;
  std::uint64_t highest_bit = 0;
  for (const Operation& op : operations) {
    if (op.action == Action::kGet) continue;
    writes = true;
    highest_bit = std::max(highest_bit, op.offset + op.field.bits - 1);
  }
  if (!writes) return RunReads(ctx, operations);
  if (readonly) return ctx.Error("ERR BITFIELD_RO only supports the GET subcommand");
  RunWrites(ctx, operations, highest_bit);
}

void Bitfield(CommandContext& ctx) { RunBitfield(ctx, false); }
void BitfieldRo(CommandContext& ctx) { RunBitfield(ctx, true); }

SLOTWISE_COMMANDS(bitfield, {"bitfield", Bitfield}, {"bitfield_ro", BitfieldRo});

}  // namespace
}  // namespace slotwise
