// DEBUG: what tests and developers ask of a server. Refused unless enable-debug-command allows it.
// Subcommands that have no meaning here (dict statistics, crashes on demand, malloc tuning) are left out; those that
// only switch off something this engine does not do are accepted.
// Source: Redis 7.0 behaviour. Elsewhere: the digest (debug_digest.cc), replies of every kind (debug_protocol.cc), reloading
// (debug_reload.cc), how things are laid out (debug_layout.cc).
#include "commands/debug.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iterator>
#include <string>
#include <vector>

#include "base/glob.h"
#include "commands/command_table.h"
#include "commands/debug_digest.h"
#include "commands/key_access.h"
#include "config/value_text.h"
#include "engine/access_control.h"
#include "engine/client.h"
#include "engine/client_eviction.h"
#include "engine/cron.h"
#include "engine/engine.h"
#include "engine/replica_link.h"
#include "engine/replication.h"
#include "snapshot/rdb_reader.h"
#include "values/list.h"

namespace slotwise {

AllStripes::AllStripes(CommandContext& ctx) : ctx_(ctx) {
  if (!ctx_.holds_all()) ctx_.engine.keyspace().LockAll();
}

AllStripes::~AllStripes() {
  ctx_.gate = ctx_.engine.log().tail();  // what was read depends on all that was written
  if (!ctx_.holds_all()) ctx_.engine.keyspace().UnlockAll();
}

namespace {

using Place = CommandContext::Place;

void Ok(CommandContext& ctx) { ctx.reply.Ok(); }

// Stops the thread that serves this client, and with it all clients of that thread; Redis stops as a whole.
void Sleep(CommandContext& ctx) {
  double seconds = std::strtod(std::string(ctx.arg(2)).c_str(), nullptr);
  if (seconds > 0) {
    timespec pause;
    pause.tv_sec = static_cast<std::time_t>(seconds);
    pause.tv_nsec = static_cast<long>((seconds - std::floor(seconds)) * 1e9);
    nanosleep(&pause, nullptr);
  }
  ctx.reply.Ok();
}

void Digest(CommandContext& ctx) {
  AllStripes lock(ctx);
  ctx.reply.Simple(DigestText(KeyspaceDigest(ctx.engine.keyspace())));
}

void DigestValue(CommandContext& ctx) {
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc() - 2));
  for (std::size_t i = 2; i < ctx.argc(); ++i) {
    KeyRef key(ctx.arg(i));
    StripeGuard guard(ctx, StripeOf(key.slot));
    Sha1Digest digest{};
    if (Place place = ctx.Peek(key)) AddEntry(digest, place.entry());
    ctx.reply.Simple(DigestText(digest));
  }
}

// DEBUG QUICKLIST-PACKED-THRESHOLD: from which size on elements of lists are nodes of their own; 0 for the default.
void PackedThreshold(CommandContext& ctx) {
  constexpr std::uint64_t kDefault = std::uint64_t{1} << 30;
  constexpr std::uint64_t kMost = (std::uint64_t{1} << 32) - (1 << 20);
  std::uint64_t bytes;
  if (!ParseMemory(ctx.arg(2), &bytes) || bytes > kMost) {
    return ctx.Error("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  List::PackedThreshold().store(bytes == 0 ? kDefault : bytes, std::memory_order_relaxed);
  ctx.reply.Ok();
}

bool CountArg(CommandContext& ctx, std::size_t i, std::int64_t* out) {
  constexpr const char* kError = "ERR value is out of range, must be positive";
  return ctx.IntegerArgInRange(i, 0, INT64_MAX, out, kError);
}

// Keys prefix:0, prefix:1, ... that do not exist yet. Unlike in Redis they reach the log, as every change does.
void Populate(CommandContext& ctx) {
  std::int64_t count;
  std::int64_t size = 0;
  if (!CountArg(ctx, 2, &count) || (ctx.argc() > 4 && !CountArg(ctx, 4, &size))) return;
  if (static_cast<std::uint64_t>(size) > ctx.engine.config().Bytes(Directive::kProtoMaxBulkLen)) return ctx.Error(errors::kStringTooLong);
  std::string name(ctx.argc() > 3 ? ctx.arg(3) : "key");
  name += ':';
  std::size_t prefix = name.size();
  std::string value;
  for (std::int64_t i = 0; i < count; ++i) {
    std::string number = std::to_string(i);
    name.resize(prefix);
    name += number;
    value = "value:" + number;
    if (size > 0) value.resize(static_cast<std::size_t>(size), '\0');
    KeyRef key(name);
    StripeGuard guard(ctx, StripeOf(key.slot));
    if (ctx.Peek(key)) continue;
    ctx.Db().SetString(key, {}, value, kNoExpire);
    ctx.Changed(key);
    ctx.Propagate({"SET", name, value});
  }
  ctx.reply.Ok();
}

void SetActiveExpire(CommandContext& ctx) {
  ctx.engine.active_expire_enabled().store(std::atoi(std::string(ctx.arg(2)).c_str()) != 0, std::memory_order_relaxed);
  ctx.reply.Ok();
}

void PauseCron(CommandContext& ctx) {
  if (Cron* cron = ctx.engine.cron()) cron->Pause(std::atoi(std::string(ctx.arg(2)).c_str()) != 0);
  ctx.reply.Ok();
}

void PauseReplicaApply(CommandContext& ctx) {
  std::int64_t ms;
  if (!CountArg(ctx, 2, &ms)) return;
  ctx.engine.replication().link().Pause(std::min<std::int64_t>(ms, 3'600'000));
  ctx.reply.Ok();
}

void ClientEviction(CommandContext& ctx) {
  if (ClientMemoryLimit(ctx.engine.config()) == 0) return ctx.Error("ERR maxmemory-clients is disabled.");
  ctx.reply.Verbatim(ClientSizes(ctx.engine.clients()));
}

void Log(CommandContext& ctx) {
  ctx.engine.logger().Warn("DEBUG LOG: " + std::string(ctx.arg(2)));
  ctx.reply.Ok();
}

void SkipChecksum(CommandContext& ctx) {
  SkipRdbChecksums().store(std::atoi(std::string(ctx.arg(2)).c_str()) != 0, std::memory_order_relaxed);
  ctx.reply.Ok();
}

void RewriteAll(CommandContext& ctx) {
  const std::string path = ctx.engine.config().ConfigFile();
  std::vector<std::string> users = ctx.engine.acl().ConfigLines();
  Status status = path.empty() ? Status::Error(EINVAL, "no file") : ctx.engine.config().Rewrite(path, true, &users);
  if (!status.ok()) return ctx.Error("ERR CONFIG-REWRITE-FORCE-ALL failed: " + std::string(std::strerror(status.code())));
  ctx.reply.Ok();
}

// Nothing is compared: it must end, and read nothing that is not its own (under a sanitizer).
void StringMatchTest(CommandContext& ctx) {
  constexpr int kRounds = 20000;
  char pattern[32];
  char text[32];
  auto fill = [&](char* bytes) {
    std::size_t n = ctx.thread.random.Below(sizeof pattern);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<char>(ctx.thread.random.Below(128));
    return std::string_view(bytes, n);
  };
  for (int i = 0; i < kRounds; ++i) (void)GlobMatch(fill(pattern), fill(text), false);
  ctx.reply.Simple("Apparently Redis did not crash: test passed");
}

void ErrorReply(CommandContext& ctx) { ctx.Error(ctx.arg(2)); }

void Help(CommandContext& ctx);

struct Subcommand {
  const char* name;
  std::size_t argc_min, argc_max;  // DEBUG and the name included
  Handler handler;
  const char* syntax;
  const char* summary;  // null: not listed
};

constexpr std::size_t kAny = SIZE_MAX;
constexpr Subcommand kSubcommands[] = {
    {"change-repl-id", 2, 2, Ok, "", "Accepted without effect."},
    {"client-eviction", 2, 2, ClientEviction, "", "Sizes of clients that maxmemory-clients may disconnect."},
    {"config-rewrite-force-all", 2, 2, RewriteAll, "", "CONFIG REWRITE of every directive, those with default values too."},
    {"digest", 2, 2, Digest, "", "A number for all data; equal data give equal numbers."},
    {"digest-value", 3, kAny, DigestValue, " <key> [<key> ...]", "The same for the values of some keys."},
    {"error", 3, 3, ErrorReply, " <message>", "Reply with this error."},
    {"htstats", 3, 3, DebugTables, " <dbid>", "The tables of a database: sizes and lengths of chains."},
    {"htstats-key", 3, 3, DebugTableOfKey, " <key>", "The same of a value that is a table."},
    {"listpack", 3, 3, DebugListpack, " <key>", "Write the elements of a listpack to the server's log."},
    {"log", 3, 3, Log, " <message>", "Write a line to the server's log."},
    {"object", 3, 4, DebugObject, " <key>", "How a key's value is stored."},
    {"pause-cron", 3, 3, PauseCron, " <0|1>", "Whether the housekeeping thread rests: expiry, eviction, limits."},
    {"pause-replica-apply", 3, 3, PauseReplicaApply, " <milliseconds>", "As a replica, neither read nor apply the stream for so long: a lag."},
    {"populate", 3, 5, Populate, " <count> [<prefix>] [<size>]", "Create string keys <prefix>:<number>."},
    {"protocol", 3, 3, DebugProtocol, " <type>", "Reply with a value of a protocol type."},
    {"quicklist-packed-threshold", 3, 3, PackedThreshold, " <size>", "From which size on elements of lists are nodes of their own."},
    {"quicklist", 3, 4, DebugQuicklist, " <key> [<0|1>]", "Write the nodes of a list to the server's log."},
    {"reload", 2, kAny, DebugReload, " [<option> ...]", "Save an RDB file and load it again. Options: NOSAVE, NOFLUSH, MERGE."},
    {"loadaof", 2, 2, DebugLoadAof, "", "Sync the append-only file and load the data from it again."},
    {"replybuffer", 4, 4, Ok, " <option> <value>", "Accepted without effect."},
    {"sdslen", 3, 3, DebugSdsLen, " <key>", "Lengths of a key and its string, and what they take."},
    {"set-active-expire", 3, 3, SetActiveExpire, " <0|1>", "Whether expired keys are deleted when nobody asks for them."},
    {"set-disable-deny-scripts", 3, 3, Ok, " <0|1>", "Accepted without effect."},
    {"set-skip-checksum-validation", 3, 3, SkipChecksum, " <0|1>", "Whether RESTORE and RDB files with a wrong checksum are read."},
    {"sleep", 3, 3, Sleep, " <seconds>", "Keep the thread of this client busy doing nothing."},
    {"stringmatch-test", 2, 2, StringMatchTest, "", "Match random patterns with random strings."},
    {"help", 2, 2, Help, nullptr, nullptr},
};

void Help(CommandContext& ctx) {
  std::vector<std::string> lines;
  for (const Subcommand& s : kSubcommands) {
    if (s.summary == nullptr) continue;
    std::string name(s.name);
    for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    lines.push_back(name + s.syntax);
    lines.push_back(std::string("    ") + s.summary);
  }
  std::vector<std::string_view> views(lines.begin(), lines.end());
  ctx.ReplyHelp(views);
}

bool IsLocal(const Client& client) {
  return client.kind != ClientKind::kNormal || client.unix_socket || client.address.starts_with("127.") || client.address.starts_with("[::1]") ||
         client.address.starts_with("::1");
}

void Debug(CommandContext& ctx) {
  using Enable = config_value::EnableDebugCommand;
  auto enable = ctx.engine.config().EnumAs<Enable>(Directive::kEnableDebugCommand);
  if (enable != Enable::kYes && !(enable == Enable::kLocal && IsLocal(ctx.client))) {
    return ctx.Error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, "
        "otherwise you need to set this option in the configuration file, and then restart the server.");
  }
  ctx.PropagateNothing();  // what a subcommand changes it propagates itself
  for (const Subcommand& s : kSubcommands) {
    if (ctx.ArgIs(1, s.name) && ctx.argc() >= s.argc_min && ctx.argc() <= s.argc_max) return s.handler(ctx);
  }
  ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + std::string(ctx.arg(1).substr(0, 128)) + "'. Try DEBUG HELP.");
}

SLOTWISE_COMMANDS(debug, {"debug", Debug, LockMode::kSelf});

}  // namespace
}  // namespace slotwise
