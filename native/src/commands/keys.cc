// Commands on keys whatever they hold: deleting, looking, copying, renaming, moving.
//
// The key's bytes are part of its entry, so a new name means a new entry; the value behind it moves or is shared (long
// strings) and is only copied for COPY. Two keys may lie in one table: after any change of it places are looked up again.
// Source: Redis 7.0 command reference. Elsewhere: deadlines (expire.cc), iteration (scan.cc), whole databases (flush.cc).
#include <iterator>
#include <limits>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/key_access.h"
#include "engine/cron.h"
#include "engine/engine.h"
#include "values/blob.h"
#include "values/value_ops.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

// Values of more allocations than this are freed in the background by UNLINK.
constexpr std::size_t kLazyFreeEffort = 64;

void EraseLazily(CommandContext& ctx, const KeyRef& key, Place place) {
  const ValueOps* ops = OpsOf(place.entry()->type());
  const Entry* e = place.entry();
  if (ops == nullptr || ops->free_effort(e->encoding(), e->pointer()) <= kLazyFreeEffort) return ctx.Erase(key, place);
  Entry* entry = ctx.Db().Detach(key, place);
  // Only a pointer is handed over, so holding the locks meanwhile does not matter.
  Cron::FreeLater(ctx.engine, entry);
}

void Delete(CommandContext& ctx, bool lazily) {
  std::int64_t deleted = 0;
  for (std::size_t i = 1; i < ctx.argc(); ++i) {
    KeyRef key = ctx.Key(i);
    Place place = ctx.Peek(key);
    if (!place) continue;
    if (lazily) EraseLazily(ctx, key, place);
    else ctx.Erase(key, place);
    ctx.Changed(key);
    ctx.Notify(kNotifyGeneric, "del", key.key);
    ++deleted;
  }
  ctx.reply.Integer(deleted);
}
void Del(CommandContext& ctx) { Delete(ctx, ctx.engine.config().Bool(Directive::kLazyfreeLazyUserDel)); }
void Unlink(CommandContext& ctx) { Delete(ctx, true); }

void Exists(CommandContext& ctx) {
  std::int64_t n = 0;
  for (std::size_t i = 1; i < ctx.argc(); ++i) n += LookWithoutTouch(ctx, ctx.Key(i)) ? 1 : 0;
  ctx.reply.Integer(n);
}

void Touch(CommandContext& ctx) {
  std::int64_t n = 0;
  for (std::size_t i = 1; i < ctx.argc(); ++i) n += ctx.FindForRead(ctx.Key(i)) ? 1 : 0;
  ctx.reply.Integer(n);
}

void TypeOf(CommandContext& ctx) {
  Place place = LookWithoutTouch(ctx, ctx.Key(1));
  ctx.reply.Simple(place ? TypeName(place.entry()->type()) : "none");
}

// An entry like `old` under another name, with room for the same value bytes, which the caller fills in.
Entry* Renamed(const Entry* old, std::string_view name) {
  std::size_t area = old->ValueArea();
  Entry* e = Entry::Create(old->type(), old->encoding(), name, area, old->expire_at_ms(), old->external());
  e->set_inline_length(old->inline_length());
  std::memcpy(e->value_bytes(), old->value_bytes(), area);
  e->set_access(old->access());
  return e;
}

void RenameKey(CommandContext& ctx, bool only_if_absent) {
  KeyRef from = ctx.Key(1);
  KeyRef to = ctx.Key(2);
  bool same = from.key == to.key;
  if (!ctx.FindForWrite(from)) return ctx.Error(errors::kNoSuchKey);
  if (same) return only_if_absent ? ctx.reply.Integer(0) : ctx.reply.Ok();
  if (Place old = ctx.FindForWrite(to)) {
    if (only_if_absent) return ctx.reply.Integer(0);
    ctx.Erase(to, old);
  }
  Entry* entry = ctx.Db().Detach(from, ctx.Db().Find(from));
  ctx.Db().Attach(to, Renamed(entry, to.key));
  entry->Destroy();  // what its pointer refers to lives on in the new entry
  ctx.Changed(from);
  ctx.Changed(to);
  ctx.Notify(kNotifyNew, "new", to.key);
  ctx.Notify(kNotifyGeneric, "rename_from", from.key);
  ctx.Notify(kNotifyGeneric, "rename_to", to.key);
  if (only_if_absent) ctx.reply.Integer(1);
  else ctx.reply.Ok();
}
void Rename(CommandContext& ctx) { RenameKey(ctx, false); }
void RenameNx(CommandContext& ctx) { RenameKey(ctx, true); }

// A copy of the value under another name, with the same deadline.
Entry* Copied(CommandContext& ctx, const Entry* source, std::string_view name) {
  Entry* e = Renamed(source, name);
  InitAccess(e, ctx.engine.access(), ctx.now_ms);
  if (source->type() == Type::kString) {
    if (source->external()) source->pointer<Blob>()->Ref();
  } else {
    e->set_pointer(OpsOf(source->type())->copy(source->encoding(), source->pointer()));
  }
  return e;
}

void Copy(CommandContext& ctx) {
  int db = ctx.db_index();
  bool replace = false;
  for (std::size_t i = 3; i < ctx.argc(); ++i) {
    if (ctx.ArgIs(i, "REPLACE")) {
      replace = true;
    } else if (ctx.ArgIs(i, "DB") && i + 1 < ctx.argc()) {
      if (!DatabaseArg(ctx, ++i, &db)) return;
    } else {
      return ctx.SyntaxError();
    }
  }
  if (db != 0 && ctx.engine.cluster() != nullptr) return ctx.Error("ERR Copying to another database is not allowed in cluster mode");
  KeyRef from = ctx.Key(1);
  KeyRef to = ctx.Key(2);
  if (db == ctx.db_index() && from.key == to.key) return ctx.Error(errors::kSameObject);
  if (!ctx.FindForRead(from)) return ctx.reply.Integer(0);
  if (Place old = ctx.PeekIn(db, to)) {
    if (!replace) return ctx.reply.Integer(0);
    ctx.Db(db).Erase(to, old);
  }
  ctx.Db(db).Attach(to, Copied(ctx, ctx.Db().Find(from).entry(), to.key));
  ctx.ChangedIn(db, to);
  ctx.NotifyIn(db, kNotifyNew, "new", to.key);
  ctx.NotifyIn(db, kNotifyGeneric, "copy_to", to.key);
  ctx.reply.Integer(1);
}

void Move(CommandContext& ctx) {
  if (ctx.engine.cluster() != nullptr) return ctx.Error("ERR MOVE is not allowed in cluster mode");
  int db;
  if (!DatabaseArg(ctx, 2, &db)) return;
  if (db == ctx.db_index()) return ctx.Error(errors::kSameObject);
  KeyRef key = ctx.Key(1);
  if (!ctx.FindForWrite(key) || ctx.PeekIn(db, key)) return ctx.reply.Integer(0);
  ctx.Db(db).Attach(key, ctx.Db().Detach(key, ctx.Db().Find(key)));
  ctx.Changed(key);
  ctx.ChangedIn(db, key);
  ctx.NotifyIn(db, kNotifyNew, "new", key.key);
  ctx.Notify(kNotifyGeneric, "move_from", key.key);
  ctx.NotifyIn(db, kNotifyGeneric, "move_to", key.key);
  ctx.reply.Integer(1);
}

SLOTWISE_COMMANDS(keys, {"del", Del}, {"unlink", Unlink}, {"exists", Exists}, {"touch", Touch}, {"type", TypeOf},
                  {"rename", Rename}, {"renamenx", RenameNx}, {"copy", Copy}, {"move", Move});

}  // namespace
}  // namespace slotwise
