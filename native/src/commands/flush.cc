// Whole databases: FLUSHDB, FLUSHALL, SWAPDB.
//
// Flushing takes every lock for an instant, puts an empty database in place and frees the old one without locks: on the
// thread of the command (SYNC), whose client waits, or in the background (ASYNC).
// Source: Redis 7.0 command reference.
#include <iterator>
#include <utility>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/key_access.h"
#include "engine/blocking.h"
#include "engine/cron.h"
#include "engine/engine.h"
#include "engine/saver.h"
#include "engine/tracking.h"

namespace slotwise {
namespace {

bool AsyncArg(CommandContext& ctx, bool* async) {
  *async = ctx.engine.config().Bool(Directive::kLazyfreeLazyUserFlush);
  if (ctx.argc() == 1) return true;
  if (ctx.argc() == 2 && (ctx.ArgIs(1, "ASYNC") || ctx.ArgIs(1, "SYNC"))) {
    *async = ctx.ArgIs(1, "ASYNC");
    return true;
  }
  ctx.SyntaxError();
  return false;
}

// Always counts as a change, and is propagated, even if there was nothing to remove.
void Flush(CommandContext& ctx, int first, int last, bool async) {
  std::vector<Database*> old;
  std::int64_t removed = 0;
  for (int db = first; db <= last; ++db) {
    auto keys = static_cast<std::int64_t>(ctx.Db(db).KeyCount());
    if (keys == 0) continue;
    removed += keys;
    old.push_back(ctx.engine.keyspace().Exchange(db));
  }
  ctx.MarkDirty(removed + 1);
  if (!old.empty()) {
    ctx.after_unlock = [&engine = ctx.engine, old = std::move(old), async] {
      for (Database* database : old) {
        if (async) Cron::FreeLater(engine, database);
        else engine.keyspace().Recycle(database);
      }
    };
  }
  ctx.reply.Ok();
}

void FlushDb(CommandContext& ctx) {
  bool async;
  if (!AsyncArg(ctx, &async)) return;
  ctx.engine.TouchAllWatched(ctx.db_index(), -1);
  ctx.engine.tracking().AllChanged(ctx.thread, ctx.engine.keyspace());
  Flush(ctx, ctx.db_index(), ctx.db_index(), async);
}

void FlushAll(CommandContext& ctx) {
  bool async;
  if (!AsyncArg(ctx, &async)) return;
  ctx.engine.TouchAllWatched(-1, -1);
  ctx.engine.tracking().AllChanged(ctx.thread, ctx.engine.keyspace());
  Flush(ctx, 0, ctx.engine.keyspace().database_count() - 1, async);
  // A crash must not bring the old file back: where save points apply an empty one takes its place at once.
  if (ctx.loading() || !ctx.engine.takes_snapshots() || ctx.engine.config().SavePoints().empty()) return;
  ctx.after_unlock = [&engine = ctx.engine, free = std::move(ctx.after_unlock)] {
    if (free) free();
    engine.saver().Stop(/*for_good=*/false);
    (void)engine.saver().Save();  // a failure is logged, and told by the next save point
  };
}

void SwapDb(CommandContext& ctx) {
  if (ctx.engine.cluster() != nullptr) return ctx.Error("ERR SWAPDB is not allowed in cluster mode");
  std::int64_t a;
  std::int64_t b;
  if (!IntArg(ctx, 1, &a, "ERR invalid first DB index") || !IntArg(ctx, 2, &b, "ERR invalid second DB index")) return;
  std::int64_t count = ctx.engine.keyspace().database_count();
  if (a < 0 || a >= count || b < 0 || b >= count) return ctx.Error(errors::kDbOutOfRange);
  if (a != b) {
    ctx.engine.TouchAllWatched(static_cast<int>(a), static_cast<int>(b));
    ctx.engine.keyspace().Swap(static_cast<int>(a), static_cast<int>(b));
    // Clients wait for keys of a number, whatever it stands for.
    ctx.engine.blocking().NoteAllReady(ctx.thread, static_cast<int>(a));
    ctx.engine.blocking().NoteAllReady(ctx.thread, static_cast<int>(b));
  }
  ctx.MarkDirty();
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(flush, {"flushdb", FlushDb, LockMode::kAll}, {"flushall", FlushAll, LockMode::kAll},
                  {"swapdb", SwapDb, LockMode::kAll});

}  // namespace
}  // namespace slotwise
