// MEMORY: what a key takes, and what the memory of the process is used for.
// Source: Redis 7.0 command reference and its replies. The reports for people are worded by us.
#include <string>

#include "commands/command.h"
#include "commands/command_table.h"
#include "commands/container_help.h"
#include "commands/key_access.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/memory_overview.h"
#include "keyspace/allocator.h"
#include "values/entry_memory.h"

namespace slotwise {
namespace {

// SAMPLES is accepted and not needed: what a value takes is counted, not estimated.
void Usage(CommandContext& ctx) {
  for (std::size_t i = 3; i < ctx.argc(); i += 2) {
    std::int64_t samples;
    if (!ctx.ArgIs(i, "SAMPLES") || i + 1 == ctx.argc()) return ctx.SyntaxError();
    if (!ctx.IntegerArg(i + 1, &samples)) return;
    if (samples < 0) return ctx.SyntaxError();
  }
  CommandContext::Place place = LookWithoutTouch(ctx, ctx.Key(2), /*notify_miss=*/false);
  if (!place) return ctx.reply.Null();
  ctx.reply.Integer(static_cast<std::int64_t>(EntryMemory(place.entry())));
}

// The allocator gives empty pages back by itself; what this thread keeps for its next allocations goes too.
void Purge(CommandContext& ctx) {
  FlushThreadCache();
  ctx.reply.Ok();
}

void Stats(CommandContext& ctx) {
  const MemoryOverview m = LookAtMemory(ctx.engine);
  ReplyWriter& reply = ctx.reply;
  auto number = [&](std::string_view name, auto value) {
    reply.Bulk(name);
    reply.Integer(static_cast<std::int64_t>(value));
  };
  auto fraction = [&](std::string_view name, double value) {
    reply.Bulk(name);
    reply.Double(value);
  };
  reply.Map(27 + static_cast<std::int64_t>(m.databases.size()));
  number("peak.allocated", m.peak);
  number("total.allocated", m.used);
  number("startup.allocated", 0);
  number("replication.backlog", 0);
  number("clients.slaves", 0);
  number("clients.normal", m.clients);
  number("cluster.links", 0);
  number("aof.buffer", m.log_buffer);
  number("lua.caches", 0);
  number("functions.caches", 0);
  for (const MemoryOverview::PerDatabase& db : m.databases) {
    reply.Bulk("db." + std::to_string(db.index));
    reply.Map(3);
    number("overhead.hashtable.main", db.table);
    number("overhead.hashtable.expires", db.expiries);
    number("overhead.hashtable.slot-to-keys", 0);
  }
  number("overhead.total", m.overhead());
  number("keys.count", m.keys);
  number("keys.bytes-per-key", m.bytes_per_key());
  number("dataset.bytes", m.dataset());
  fraction("dataset.percentage", m.dataset_percent());
  fraction("peak.percentage", m.peak_percent());
  number("allocator.allocated", m.used);
  number("allocator.active", m.slabs);
  number("allocator.resident", m.slabs);
  fraction("allocator-fragmentation.ratio", MemoryOverview::Ratio(m.slabs, m.used));
  number("allocator-fragmentation.bytes", MemoryOverview::Excess(m.slabs, m.used));
  fraction("allocator-rss.ratio", 1);
  number("allocator-rss.bytes", 0);
  fraction("rss-overhead.ratio", MemoryOverview::Ratio(m.resident, m.slabs));
  number("rss-overhead.bytes", MemoryOverview::Excess(m.resident, m.slabs));
  fraction("fragmentation", MemoryOverview::Ratio(m.resident, m.used));
  number("fragmentation.bytes", MemoryOverview::Excess(m.resident, m.used));
}

// Redis's rules of what is worth a word.
void Doctor(CommandContext& ctx) {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  const MemoryOverview m = LookAtMemory(ctx.engine);
  auto much = [](std::uint64_t a, std::uint64_t b, double ratio) {
    return MemoryOverview::Ratio(a, b) > ratio && MemoryOverview::Excess(a, b) > static_cast<std::int64_t>(10 * kMiB);
  };
  std::string text;
  if (m.used < 5 * kMiB) return ctx.reply.Verbatim("There is too little in memory to say anything about it.\n");
  if (MemoryOverview::Ratio(m.peak, m.used) > 1.5) {
    text += " * Peak: more than 1.5 times as much was in use once. Pages that became empty were given back to the system; the rest serves what "
            "comes next.\n";
  }
  if (much(m.resident, m.used, 1.4)) {
    text += " * Resident memory: the process takes more than 1.4 times what is in use. After a peak, or with values of many sizes, pages stay "
            "half empty.\n";
  }
  if (much(m.slabs, m.used, 1.1)) text += " * Slabs: more than 1.1 times what is in use is mapped for values, after a peak or because sizes changed.\n";
  if (much(m.resident, m.slabs, 1.1)) {
    text += " * Outside of slabs: the process takes more than 1.1 times what values do: JavaScript, buffers of clients, the log.\n";
  }
  const std::size_t clients = ctx.engine.clients().count();
  if (clients > 0 && m.clients / clients > 200 * 1024) {
    text += " * Clients: they take more than 200 KiB each on average: replies that are not read, or long pipelines. CLIENT LIST shows whose.\n";
  }
  if (text.empty()) text = "Nothing is wrong with memory as far as can be seen from here.\n";
  else text = "What is worth a look in memory:\n\n" + text;
  ctx.reply.Verbatim(text);
}

void MallocStats(CommandContext& ctx) {
  const MemoryOverview m = LookAtMemory(ctx.engine);
  std::string text = "slotwise-slab\n";
  auto line = [&](std::string_view name, std::uint64_t bytes) { text.append(name).append(": ").append(std::to_string(bytes)).append("\n"); };
  line("allocated", m.used);
  line("allocated at most", m.peak);
  line("mapped for slabs", m.slabs);
  line("resident", m.resident);
  ctx.reply.Verbatim(text);
}

SLOTWISE_COMMANDS(memory, {"memory|usage", Usage}, {"memory|purge", Purge}, {"memory|stats", Stats}, {"memory|doctor", Doctor},
                  {"memory|malloc-stats", MallocStats}, {"memory|help", ReplyContainerHelp});

}  // namespace
}  // namespace slotwise
