// BINLOG: the commit log by file and position. FOLLOW, STOP FOLLOWER and FOLLOWER, MYSQLSOURCE: other servers' binlogs, which the control
// plane applies here. Ours; Redis has no such commands.
// Source: decision 0024, docs/binlog.md. Elsewhere: finding and reading (engine/binlog.h), following (packages/node).
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "commands/command_table.h"
#include "commands/container_help.h"
#include "commands/waiting.h"
#include "engine/append_only.h"
#include "engine/binlog.h"
#include "engine/control_desk.h"
#include "engine/engine.h"
#include "log/index_search.h"

namespace slotwise {
namespace {

constexpr std::int64_t kReadCount = 1000;
constexpr std::int64_t kEventsLimit = 100;

Binlog& BinlogOf(CommandContext& ctx) { return ctx.engine.append_only().binlog(); }

void AskControl(CommandContext& ctx) { ctx.engine.control().Ask(ctx); }

void Files(CommandContext& ctx) {
  Binlog::View view;
  if (std::string error = BinlogOf(ctx).Look(&view); !error.empty()) return ctx.Error(error);
  const std::vector<BinlogFile>& files = view.list.files;
  // Offsets are those of this run of the server; what it did not count has none.
  std::vector<std::int64_t> begins(files.size(), static_cast<std::int64_t>(view.current_begin));
  for (std::size_t i = files.size() - 1; i-- > 0;) begins[i] = begins[i + 1] - static_cast<std::int64_t>(files[i].size);
  ctx.reply.Array(static_cast<std::int64_t>(files.size()));
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::unique_ptr<IndexSearch> index = IndexSearch::Open(PosixFiles(), files[i].path);
    ctx.reply.Map(6);
    ctx.reply.Bulk("name");
    ctx.reply.Bulk(files[i].name);
    ctx.reply.Bulk("first-offset");
    if (begins[i] < 0) ctx.reply.Null();
    else ctx.reply.Integer(begins[i]);
    ctx.reply.Bulk("size");
    ctx.reply.Integer(static_cast<std::int64_t>(files[i].size));
    ctx.reply.Bulk("first-time");
    ctx.reply.Integer(index == nullptr ? 0 : index->FirstSeconds());
    ctx.reply.Bulk("last-time");
    ctx.reply.Integer(index == nullptr ? 0 : index->LastSeconds());
    ctx.reply.Bulk("state");
    ctx.reply.Bulk(files[i].current ? "current" : files[i].archived ? "archived" : "live");
  }
}

void StatusOf(CommandContext& ctx) {
  Binlog& binlog = BinlogOf(ctx);
  Binlog::View view;
  std::string id;
  std::string error = binlog.Look(&view);
  if (error.empty()) error = binlog.Id(&id);
  if (!error.empty()) return ctx.Error(error);
  ctx.reply.Map(11);
  ctx.reply.Bulk("id");
  ctx.reply.Bulk(id);
  // The same place as the two below, as every copy of this history has it; empty until there is one.
  ctx.reply.Bulk("origin");
  ctx.reply.Bulk(binlog.OriginAt(view.end_offset));
  ctx.reply.Bulk("file");
  ctx.reply.Bulk(view.list.files.back().name);
  ctx.reply.Bulk("position");
  ctx.reply.Integer(static_cast<std::int64_t>(view.end.byte));
  ctx.reply.Bulk("offset");
  ctx.reply.Integer(static_cast<std::int64_t>(view.end_offset));
  // Beyond what can be read yet: in a transaction, everything that its keys have been through lies before.
  ctx.reply.Bulk("tail");
  ctx.reply.Integer(static_cast<std::int64_t>(ctx.engine.log().tail()));
  ctx.reply.Bulk("oldest");
  ctx.reply.Bulk(binlog.Text({view.list.files.front().seq, 0}));
  ctx.reply.Bulk("from-the-beginning");
  ctx.reply.Bulk(view.list.from_the_beginning ? "yes" : "no");
  ctx.reply.Bulk("retention-bytes");
  ctx.reply.Integer(static_cast<std::int64_t>(binlog.bytes_max()));
  ctx.reply.Bulk("retention-seconds");
  ctx.reply.Integer(binlog.seconds_max());
  ctx.reply.Bulk("archive");
  ctx.reply.Bulk(ctx.engine.LogOptions().archive_dir);
}

void Events(CommandContext& ctx) {
  Binlog& binlog = BinlogOf(ctx);
  std::string_view in;
  std::int64_t from = 0, limit = kEventsLimit;
  for (std::size_t i = 2; i < ctx.argc(); i += 2) {
    if (i + 1 == ctx.argc()) return ctx.SyntaxError();
    if (ctx.ArgIs(i, "IN")) {
      in = ctx.arg(i + 1);
    } else if (ctx.ArgIs(i, "FROM")) {
      if (!ctx.IntegerArgInRange(i + 1, 0, INT64_MAX, &from)) return;
    } else if (ctx.ArgIs(i, "LIMIT")) {
      if (!ctx.IntegerArgInRange(i + 1, 1, INT32_MAX, &limit)) return;
    } else {
      return ctx.SyntaxError();
    }
  }
  Binlog::View view;
  if (std::string error = binlog.Look(&view); !error.empty()) return ctx.Error(error);
  const BinlogFile* file = in.empty() ? &view.list.files.back() : view.list.Find(in);
  if (file == nullptr) {
    return ctx.Error("ERR There is no file " + std::string(in) + ": the oldest position held is " + binlog.Text({view.list.files.front().seq, 0}));
  }
  struct Row {
    BinlogEvent event;
    std::vector<std::string> words;
  };
  std::vector<Row> rows;
  const std::string error = binlog.ForEach({file->seq, static_cast<std::uint64_t>(from)}, [&](const BinlogEvent& event) {
    rows.push_back({event, {event.argv.begin(), event.argv.end()}});
    return static_cast<std::int64_t>(rows.size()) < limit;
  });
  if (!error.empty()) return ctx.Error(error);
  ctx.reply.Array(static_cast<std::int64_t>(rows.size()));
  for (const Row& row : rows) {
    ctx.reply.Array(5);
    ctx.reply.Integer(static_cast<std::int64_t>(row.event.begin));
    ctx.reply.Integer(static_cast<std::int64_t>(row.event.end));
    ctx.reply.Integer(row.event.seconds);
    ctx.reply.Integer(row.event.db);
    ctx.reply.Array(static_cast<std::int64_t>(row.words.size()));
    for (const std::string& word : row.words) ctx.reply.Bulk(word);
  }
}

void Purge(CommandContext& ctx) {
  if (!ctx.ArgIs(2, "TO")) return ctx.SyntaxError();
  std::int64_t removed = 0;
  if (std::string error = BinlogOf(ctx).PurgeTo(ctx.arg(3), &removed); !error.empty()) return ctx.Error(error);
  ctx.reply.Integer(removed);
}

void Retain(CommandContext& ctx) {
  std::int64_t bytes, seconds;
  if (!ctx.IntegerArgInRange(2, 0, INT64_MAX, &bytes) || !ctx.IntegerArgInRange(3, 0, INT64_MAX, &seconds)) return;
  if (!ctx.engine.log().persistent()) return ctx.Error("ERR There is no binlog: the append-only file is off (appendonly no)");
  BinlogOf(ctx).Retain(static_cast<std::uint64_t>(bytes), seconds);
  ctx.reply.Ok();
}

bool ConsumerArg(CommandContext& ctx, std::size_t i) {
  if (IsConsumerName(ctx.arg(i))) return true;
  ctx.Error("ERR Invalid name of a consumer: up to 64 letters, digits, '.', '_', '-'");
  return false;
}

void Read(CommandContext& ctx) {
  Binlog& binlog = BinlogOf(ctx);
  std::string_view from, consumer;
  std::int64_t count = kReadCount, block_ms = -1;
  for (std::size_t i = 2; i < ctx.argc(); i += 2) {
    if (i + 1 == ctx.argc()) return ctx.SyntaxError();
    if (ctx.ArgIs(i, "FROM")) {
      from = ctx.arg(i + 1);
    } else if (ctx.ArgIs(i, "COUNT")) {
      if (!ctx.IntegerArgInRange(i + 1, 1, INT32_MAX, &count)) return;
    } else if (ctx.ArgIs(i, "BLOCK")) {
      if (!ctx.IntegerArg(i + 1, &block_ms, "ERR timeout is not an integer or out of range")) return;
      if (block_ms < 0) return ctx.Error("ERR timeout is negative");
    } else if (ctx.ArgIs(i, "CONSUMER")) {
      if (!ConsumerArg(ctx, i + 1)) return;
      consumer = ctx.arg(i + 1);
    } else {
      return ctx.SyntaxError();
    }
  }
  if (from.empty()) return ctx.SyntaxError();
  BinlogPosition position;
  std::string error = binlog.Resolve(from, consumer, &position);
  Binlog::Batch batch;
  if (error.empty()) error = binlog.Read(position, static_cast<std::size_t>(count), &batch);
  if (!error.empty()) return ctx.Error(error);
  if (!consumer.empty() && from != ">") {
    // Who reads is known from its first position on.
    std::map<std::string, BinlogConsumer, std::less<>> known;
    error = binlog.Consumers(&known);
    if (error.empty() && known.find(consumer) == known.end()) error = binlog.Acknowledge(consumer, position);
    if (!error.empty()) return ctx.Error(error);
  }
  if (!batch.units.empty() || block_ms < 0 || !MayWait(ctx)) return ctx.reply.Raw(Binlog::Encode(binlog, batch, ctx.client.protocol));
  const std::shared_ptr<Waiter> waiter = WaitForNoKey(ctx, block_ms);
  waiter->at_timeout = [&binlog, batch, protocol = ctx.client.protocol] { return Binlog::Encode(binlog, batch, protocol); };
  binlog.Wait(waiter, batch.next, static_cast<std::size_t>(count));
}

void Consumers(CommandContext& ctx) {
  Binlog& binlog = BinlogOf(ctx);
  std::map<std::string, BinlogConsumer, std::less<>> consumers;
  Binlog::View view;
  std::string error = binlog.Look(&view);
  if (error.empty()) error = binlog.Consumers(&consumers);
  if (!error.empty()) return ctx.Error(error);
  ctx.reply.Array(static_cast<std::int64_t>(consumers.size()));
  for (const auto& [name, consumer] : consumers) {
    const BinlogFile* file = view.list.Find(consumer.seq);
    std::uint64_t behind = file == nullptr ? 0 : file->size - std::min(file->size, consumer.position);
    for (const BinlogFile* next = file; next != nullptr && (next = view.list.After(next->seq)) != nullptr;) behind += next->size;
    ctx.reply.Map(4);
    ctx.reply.Bulk("name");
    ctx.reply.Bulk(name);
    ctx.reply.Bulk("position");
    ctx.reply.Bulk(binlog.Text({consumer.seq, consumer.position}));
    ctx.reply.Bulk("acknowledged");
    ctx.reply.Integer(consumer.acked_seconds);
    ctx.reply.Bulk("behind");
    // What it needs next has been purged.
    if (file == nullptr) ctx.reply.Null();
    else ctx.reply.Integer(static_cast<std::int64_t>(behind));
  }
}

void Ack(CommandContext& ctx) {
  if (!ConsumerArg(ctx, 2)) return;
  BinlogPosition position;
  std::string error = BinlogOf(ctx).Resolve(ctx.arg(3), {}, &position);
  if (error.empty()) error = BinlogOf(ctx).Acknowledge(ctx.arg(2), position);
  if (!error.empty()) return ctx.Error(error);
  ctx.reply.Ok();
}

void Forget(CommandContext& ctx) {
  bool known = false;
  if (std::string error = BinlogOf(ctx).Forget(ctx.arg(2), &known); !error.empty()) return ctx.Error(error);
  ctx.reply.Integer(known ? 1 : 0);
}

SLOTWISE_COMMANDS(binlog, {"binlog|files", Files}, {"binlog|status", StatusOf}, {"binlog|events", Events}, {"binlog|purge", Purge},
                  {"binlog|read", Read}, {"binlog|retain", Retain}, {"binlog|consumers", Consumers}, {"binlog|ack", Ack}, {"binlog|forget", Forget},
                  {"binlog|help", ReplyContainerHelp}, {"follow", AskControl}, {"stop", AskControl}, {"follower", AskControl},
                  {"mysqlsource", AskControl});

}  // namespace
}  // namespace slotwise
