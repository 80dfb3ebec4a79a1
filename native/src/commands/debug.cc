// DEBUG: what tests and developers ask of a server. Refused unless enable-debug-command allows it.
// Subcommands that have no meaning here (dict statistics, crashes on demand, malloc tuning) are left out; those that
// only switch off something this engine does not do are accepted.
// Source: Redis 7.0 behaviour. Elsewhere: the digest (debug_digest.cc), replies of every kind (debug_protocol.cc), reloading (debug_reload.cc).
#include "commands/debug.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <string>

#include "commands/command_table.h"
#include "commands/debug_digest.h"
#include "commands/encoding_name.h"
#include "commands/key_access.h"
#include "config/value_text.h"
#include "engine/client.h"
#include "engine/cron.h"
#include "engine/engine.h"
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

// Bytes of a string in an RDB file, uncompressed.
std::size_t SerializedLength(const Entry* e) {
  if (e->type() != Type::kString) return 0;
  std::int64_t v;
  if (StringAsInteger(e, &v)) {
    if (v >= INT8_MIN && v <= INT8_MAX) return 2;
    if (v >= INT16_MIN && v <= INT16_MAX) return 3;
    if (v >= INT32_MIN && v <= INT32_MAX) return 5;
  }
  std::size_t n = StringLength(e);
  return n + (n < 64 ? 1 : n < 16384 ? 2 : n <= UINT32_MAX ? 5 : 9);
}

// The nodes of a list, in the words of DEBUG OBJECT.
std::string ListLayout(CommandContext& ctx, const Entry* e) {
  List list = List::Of(e);
  std::size_t bytes = 0;
  list.ForEachNode([&](ListNode node) { bytes += node.stored_size(); });
  char text[160];
  int n = std::snprintf(text, sizeof text, " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%lld ql_compressed:0 ql_uncompressed_size:%zu",
                        list.node_count(), static_cast<double>(list.size()) / static_cast<double>(list.node_count()),
                        static_cast<long long>(ctx.engine.config().Int(Directive::kListMaxListpackSize)), bytes);
  return std::string(text, static_cast<std::size_t>(n));
}

void Object(CommandContext& ctx) {
  KeyRef key(ctx.arg(2));
  StripeGuard guard(ctx, StripeOf(key.slot));
  Place place = ctx.Peek(key);
  if (!place) return ctx.Error(errors::kNoSuchKey);
  const Entry* e = place.entry();
  char line[256];
  int size = std::snprintf(line, sizeof line, "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%lld",
                static_cast<const void*>(e), EncodingName(e), SerializedLength(e), e->access(),
                static_cast<long long>(IdleMs(e, ctx.now_ms) / 1000));
  std::string text(line, static_cast<std::size_t>(size));
  if (e->type() == Type::kList) text += ListLayout(ctx, e);
  ctx.reply.Simple(text);
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

void Log(CommandContext& ctx) {
  ctx.engine.logger().Warn("DEBUG LOG: " + std::string(ctx.arg(2)));
  ctx.reply.Ok();
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
    {"digest", 2, 2, Digest, "", "A number for all data; equal data give equal numbers."},
    {"digest-value", 3, kAny, DigestValue, " <key> [<key> ...]", "The same for the values of some keys."},
    {"error", 3, 3, ErrorReply, " <message>", "Reply with this error."},
    {"log", 3, 3, Log, " <message>", "Write a line to the server's log."},
    {"object", 3, 4, Object, " <key>", "How a key's value is stored."},
    {"pause-cron", 3, 3, PauseCron, " <0|1>", "Whether the housekeeping thread rests: expiry, eviction, limits."},
    {"populate", 3, 5, Populate, " <count> [<prefix>] [<size>]", "Create string keys <prefix>:<number>."},
    {"protocol", 3, 3, DebugProtocol, " <type>", "Reply with a value of a protocol type."},
    {"quicklist-packed-threshold", 3, 3, PackedThreshold, " <size>", "From which size on elements of lists are nodes of their own."},
    {"reload", 2, kAny, DebugReload, "", "Sync the append-only file and load the data from it again."},
    {"loadaof", 2, 2, DebugReload, "", "The same."},
    {"replybuffer", 4, 4, Ok, " <option> <value>", "Accepted without effect."},
    {"set-active-expire", 3, 3, SetActiveExpire, " <0|1>", "Whether expired keys are deleted when nobody asks for them."},
    {"set-disable-deny-scripts", 3, 3, Ok, " <0|1>", "Accepted without effect."},
    {"sleep", 3, 3, Sleep, " <seconds>", "Keep the thread of this client busy doing nothing."},
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
