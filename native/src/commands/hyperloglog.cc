// Counting different elements: PFADD, PFCOUNT, PFMERGE, and PFDEBUG and PFSELFTEST, which Redis's tests use.
//
// PFCOUNT of one key stores the estimate in the key, which is a change and propagated as such, as in Redis.
// Source: Redis 7.0 command reference. Elsewhere: the structure (values/hyperloglog.h).
#include <cmath>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>

#include "commands/command_table.h"
#include "commands/string_access.h"
#include "engine/thread_state.h"
#include "values/hyperloglog.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;
namespace hll = hyperloglog;

constexpr const char* kCorrupt = "INVALIDOBJ Corrupted HLL object detected";

std::size_t SparseMax(const CommandContext& ctx) { return ctx.engine.config().Bytes(Directive::kHllSparseMaxBytes); }

// The bytes at `place`, which is not null; false after an error if they are no HyperLogLog.
bool Open(CommandContext& ctx, Place place, std::string_view* bytes) {
  if (!ctx.Expect(place, Type::kString)) return false;
  const Entry* e = place.entry();
  IntScratch scratch;
  *bytes = e->encoding() == Encoding::kInt ? std::string_view() : StringBytes(e, scratch);
  if (hll::IsValid(*bytes)) return true;
  ctx.Error("WRONGTYPE Key is not a valid HyperLogLog string value.");
  return false;
}

void Store(CommandContext& ctx, const KeyRef& key, Place place, std::string_view bytes) {
  Entry* e = ctx.Db().SetString(key, place, bytes, place ? place.entry()->expire_at_ms() : kNoExpire);
  e->set_encoding(Encoding::kRaw);
}

void PfAdd(CommandContext& ctx) {
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  std::string_view old;
  if (place && !Open(ctx, place, &old)) return;
  std::int64_t changed = place ? 0 : 1;
  if (place && hll::IsDense(old)) {
    Entry* entry;
    char* bytes = ctx.Db().GrowString(key, place, old.size(), &entry);
    for (std::size_t i = 2; i < ctx.argc(); ++i) changed += hll::AddDense(bytes, ctx.arg(i)) == hll::Result::kChanged;
    if (changed > 0) hll::Invalidate(bytes);
  } else {
    std::string& bytes = ctx.thread.scratch;
    bytes = place ? std::string(old) : hll::Empty();
    for (std::size_t i = 2; i < ctx.argc(); ++i) {
      hll::Result result = hll::Add(bytes, ctx.arg(i), SparseMax(ctx));
      if (result == hll::Result::kCorrupt) return ctx.Error(kCorrupt);
      changed += result == hll::Result::kChanged;
    }
    if (changed > 0) {
      hll::Invalidate(bytes.data());
      Store(ctx, key, place, bytes);
    }
  }
  if (changed > 0) {
    StringChanged(ctx, key, static_cast<bool>(place), "pfadd");
    ctx.MarkDirty(changed - 1);
  }
  ctx.reply.Integer(changed > 0);
}

void PfCount(CommandContext& ctx) {
  if (ctx.argc() > 2) {
    auto registers = std::make_unique<hll::Registers>();
    for (std::size_t i = 1; i < ctx.argc(); ++i) {
      Place place = ctx.FindForRead(ctx.Key(i));
      std::string_view bytes;
      if (!place) continue;
      if (!Open(ctx, place, &bytes)) return;
      if (!hll::MergeInto(*registers, bytes)) return ctx.Error(kCorrupt);
    }
    return ctx.reply.Integer(static_cast<std::int64_t>(hll::Estimate(*registers)));
  }
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForRead(key);
  if (!place) return ctx.reply.Integer(0);
  std::string_view bytes;
  if (!Open(ctx, place, &bytes)) return;
  std::uint64_t count;
  if (!hll::Cached(bytes, &count)) {
    if (!hll::Estimate(bytes, &count)) return ctx.Error(kCorrupt);
    Entry* entry;
    hll::StoreCached(ctx.Db().GrowString(key, place, bytes.size(), &entry), count);
    ctx.Changed(key);
  }
  ctx.reply.Integer(static_cast<std::int64_t>(count));
}

void PfMerge(CommandContext& ctx) {
  auto registers = std::make_unique<hll::Registers>();
  bool dense = false;
  for (std::size_t i = 1; i < ctx.argc(); ++i) {
    Place place = ctx.FindForRead(ctx.Key(i));
    std::string_view bytes;
    if (!place) continue;
    if (!Open(ctx, place, &bytes)) return;
    dense |= hll::IsDense(bytes);
    if (!hll::MergeInto(*registers, bytes)) return ctx.Error(kCorrupt);
  }
  KeyRef key = ctx.Key(1);
  Place place = ctx.FindForWrite(key);
  IntScratch digits;
  std::string& bytes = ctx.thread.scratch;
  bytes = place ? std::string(StringBytes(place.entry(), digits)) : hll::Empty();
  if (dense && !hll::MakeDense(bytes)) return ctx.Error(kCorrupt);
  for (int i = 0; i < hll::kRegisters; ++i) {
    std::uint8_t value = (*registers)[static_cast<std::size_t>(i)];
    if (value != 0) (void)hll::Raise(bytes, i, value, SparseMax(ctx));
  }
  hll::Invalidate(bytes.data());
  Store(ctx, key, place, bytes);
  StringChanged(ctx, key, static_cast<bool>(place), "pfadd");
  ctx.reply.Ok();
}

// Makes what is at `place` dense and stores it; *changed: it was not.
bool StoreDense(CommandContext& ctx, const KeyRef& key, Place place, std::string* bytes, bool* changed) {
  *changed = !hll::IsDense(*bytes);
  if (!hll::MakeDense(*bytes)) {
    ctx.Error(kCorrupt);
    return false;
  }
  if (!*changed) return true;
  Store(ctx, key, place, *bytes);
  ctx.Changed(key);
  return true;
}

void PfDebug(CommandContext& ctx) {
  KeyRef key = ctx.Key(2);
  Place place = ctx.FindForWrite(key);
  if (!place) return ctx.Error("ERR The specified key does not exist");
  std::string_view view;
  if (!Open(ctx, place, &view)) return;
  std::string word(ctx.arg(1));
  bool known = ctx.ArgIs(1, "getreg") || ctx.ArgIs(1, "decode") || ctx.ArgIs(1, "encoding") || ctx.ArgIs(1, "todense");
  if (!known) return ctx.Error("ERR Unknown PFDEBUG subcommand '" + word + "'");
  if (ctx.argc() != 3) return ctx.Error("ERR Wrong number of arguments for the '" + word + "' subcommand");
  std::string bytes(view);
  bool changed;
  if (ctx.ArgIs(1, "encoding")) return ctx.reply.Simple(hll::IsDense(bytes) ? "dense" : "sparse");
  if (ctx.ArgIs(1, "decode")) {
    if (hll::IsDense(bytes)) return ctx.Error("ERR HLL encoding is not sparse");
    return ctx.reply.Bulk(hll::Decode(bytes));
  }
  if (!StoreDense(ctx, key, place, &bytes, &changed)) return;
  if (ctx.ArgIs(1, "todense")) return ctx.reply.Integer(changed);
  auto registers = std::make_unique<hll::Registers>();
  (void)hll::MergeInto(*registers, bytes);
  ctx.reply.Array(hll::kRegisters);
  for (std::uint8_t r : *registers) ctx.reply.Integer(r);
}

// Adds elements to a sparse and a dense one: they must agree, and err as little as the theory says.
void PfSelfTest(CommandContext& ctx) {
  constexpr std::uint64_t kElements = 1'000'000;
  const double error = 1.04 / std::sqrt(static_cast<double>(hll::kRegisters));
  std::string sparse = hll::Empty(), dense = hll::Empty();
  (void)hll::MakeDense(dense);
  std::uint64_t seed = ctx.thread.random.Next();
  std::uint64_t checkpoint = 1;
  for (std::uint64_t i = 1; i <= kElements; ++i) {
    std::uint64_t element = i ^ seed;
    std::string_view bytes(reinterpret_cast<const char*>(&element), sizeof element);
    (void)hll::AddDense(dense.data(), bytes);
    (void)hll::Add(sparse, bytes, SparseMax(ctx));
    if (i != checkpoint) continue;
    if (i < SparseMax(ctx) / 2 && hll::IsDense(sparse)) return ctx.Error("ERR TESTFAILED sparse encoding not used");
    std::uint64_t a = 0, b = 1;
    if (!hll::Estimate(sparse, &a) || !hll::Estimate(dense, &b) || a != b) return ctx.Error("ERR TESTFAILED dense/sparse disagree");
    // Among ten elements a collision is likely enough to be seen now and then, and is not the fault of the estimate.
    double most = i == 10 ? 1 : std::ceil(error * 6 * static_cast<double>(i));
    if (std::fabs(static_cast<double>(a) - static_cast<double>(i)) > most) {
      return ctx.Error("ERR TESTFAILED Too big error. card:" + std::to_string(i) + " estimate:" + std::to_string(a));
    }
    checkpoint *= 10;
  }
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(hyperloglog, {"pfadd", PfAdd}, {"pfcount", PfCount}, {"pfmerge", PfMerge}, {"pfdebug", PfDebug}, {"pfselftest", PfSelfTest});

}  // namespace
}  // namespace slotwise
