// ACL: users while the server runs. Handlers only translate: rules are acl/, their effect on clients is
// engine/access_control.h. What is a mistake in a rule is found before anything changes.
// Source: Redis 7.0 command documentation.
#include <sys/random.h>

#include "acl/describe.h"
#include "acl/user_file.h"
#include "commands/container_help.h"
#include "engine/access_control.h"
#include "engine/engine.h"

namespace slotwise {
namespace {

constexpr const char* kNoFile =
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a "
    "CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
constexpr std::int64_t kPasswordBitsMax = 4096;

// Redis prints names with C's functions: what follows a NUL is not shown.
std::string Shown(std::string_view name) { return std::string(name.substr(0, name.find('\0'))); }

void SubcommandSyntax(CommandContext& ctx) {
  ctx.Error("ERR unknown subcommand or wrong number of arguments for '" + Shown(ctx.arg(1).substr(0, 128)) + "'. Try ACL HELP.");
}

void WhoAmI(CommandContext& ctx) { ctx.reply.Bulk(ctx.engine.acl().NameOf(ctx.client)); }

void SetUser(CommandContext& ctx) {
  const std::string_view name = ctx.arg(2);
  if (!ValidAclUserName(name)) return ctx.Error("ERR Usernames can't contain spaces or null characters");
  const std::span<const std::string_view> words = ctx.args.subspan(3);
  std::vector<std::string> rules;
  std::size_t unmatched = 0;
  if (!MergeAclSelectors(words, &rules, &unmatched)) {
    return ctx.Error("ERR Unmatched parenthesis in acl selector starting at '" + Shown(words[unmatched]) + "'.");
  }
  const AclRefusal refusal = ctx.engine.acl().SetUser(ctx.client, name, rules);
  if (refusal.error == AclError::kNone) return ctx.reply.Ok();
  ctx.Error("ERR Error in ACL SETUSER modifier '" + Shown(refusal.rule) + "': " + AclErrorText(refusal.error));
}

void DelUser(CommandContext& ctx) {
  const std::span<const std::string_view> names = ctx.args.subspan(2);
  for (std::string_view name : names)
    if (name == "default") return ctx.Error("ERR The 'default' user cannot be removed");
  std::int64_t deleted = 0;
  for (std::string_view name : names) deleted += ctx.engine.acl().DeleteUser(ctx.client, name) ? 1 : 0;
  ctx.reply.Integer(deleted);
}

void ReplySelector(CommandContext& ctx, const AclSelector& selector) {
  ctx.reply.Bulk("commands");
  ctx.reply.Bulk(DescribeCommands(ctx.engine.commands(), selector));
  ctx.reply.Bulk("keys");
  ctx.reply.Bulk(DescribeKeys(selector));
  ctx.reply.Bulk("channels");
  ctx.reply.Bulk(DescribeChannels(selector));
}

void GetUser(CommandContext& ctx) {
  const AclRules user = ctx.engine.acl().users().Find(ctx.arg(2)).rules;
  if (!user) return ctx.reply.Null();
  ctx.reply.Map(6);
  ctx.reply.Bulk("flags");
  const std::vector<std::string> flags = user->Flags();
  ctx.reply.Set(static_cast<std::int64_t>(flags.size()));
  for (const std::string& flag : flags) ctx.reply.Bulk(flag);
  ctx.reply.Bulk("passwords");
  ctx.reply.Array(static_cast<std::int64_t>(user->passwords().size()));
  for (const std::string& hash : user->passwords()) ctx.reply.Bulk(hash);
  ReplySelector(ctx, user->root());
  ctx.reply.Bulk("selectors");
  const std::span<const AclSelector> more = user->selectors().subspan(1);
  ctx.reply.Array(static_cast<std::int64_t>(more.size()));
  for (const AclSelector& selector : more) {
    ctx.reply.Map(3);
    ReplySelector(ctx, selector);
  }
}

void List(CommandContext& ctx) {
  const std::vector<AclUsers::View> users = ctx.engine.acl().users().All();
  ctx.reply.Array(static_cast<std::int64_t>(users.size()));
  for (const AclUsers::View& user : users) ctx.reply.Bulk(FormatAclUser(ctx.engine.commands(), user));
}

void Users(CommandContext& ctx) {
  const std::vector<AclUsers::View> users = ctx.engine.acl().users().All();
  ctx.reply.Array(static_cast<std::int64_t>(users.size()));
  for (const AclUsers::View& user : users) ctx.reply.Bulk(user.account->name);
}

void Cat(CommandContext& ctx) {
  if (ctx.argc() > 3) return SubcommandSyntax(ctx);
  if (ctx.argc() == 2) {
    ctx.reply.Array(static_cast<std::int64_t>(AclCategoryNames().size()));
    for (const char* name : AclCategoryNames()) ctx.reply.Bulk(name);
    return;
  }
  const std::uint32_t category = FindAclCategory(ctx.arg(2));
  if (category == 0) return ctx.Error("ERR Unknown category '" + Shown(ctx.arg(2).substr(0, 128)) + "'");
  std::vector<std::string_view> names;
  for (const Command& command : ctx.engine.commands().all())
    if ((command.spec->acl & category) != 0) names.push_back(command.full_name());
  ctx.reply.Array(static_cast<std::int64_t>(names.size()));
  for (std::string_view name : names) ctx.reply.Bulk(name);
}

void GenPass(CommandContext& ctx) {
  if (ctx.argc() > 3) return SubcommandSyntax(ctx);
  std::int64_t bits = 256;
  if (ctx.argc() == 3 && !ctx.IntegerArg(2, &bits)) return;
  if (bits <= 0 || bits > kPasswordBitsMax) {
    return ctx.Error("ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to " +
                     std::to_string(kPasswordBitsMax));
  }
  const auto digits = static_cast<std::size_t>((bits + 3) / 4);
  std::string password(digits, '\0');
  for (std::size_t filled = 0; filled < digits;) {
    const ssize_t n = getrandom(password.data() + filled, digits - filled, 0);
    if (n > 0) filled += static_cast<std::size_t>(n);
    else if (errno != EINTR) return ctx.Error("ERR the system has no randomness to give");
  }
  for (char& c : password) c = "0123456789abcdef"[c & 15];
  ctx.reply.Bulk(password);
}

const char* ReasonName(AclDenial reason) {
  switch (reason) {
    case AclDenial::kCommand: return "command";
    case AclDenial::kKey: return "key";
    case AclDenial::kAuth: return "auth";
    case AclDenial::kChannel: return "channel";
    case AclDenial::kNone: break;
  }
  return "unknown";
}

void Log(CommandContext& ctx) {
  if (ctx.argc() > 3) return SubcommandSyntax(ctx);
  AclLog& log = ctx.engine.acl().log();
  std::int64_t count = 10;
  if (ctx.argc() == 3) {
    if (ctx.ArgIs(2, "reset")) {
      log.Clear();
      return ctx.reply.Ok();
    }
    if (!ctx.IntegerArg(2, &count)) return;
  }
  const std::vector<AclLog::Entry> entries = log.Newest(count < 0 ? 0 : static_cast<std::size_t>(count));
  ctx.reply.Array(static_cast<std::int64_t>(entries.size()));
  for (const AclLog::Entry& e : entries) {
    ctx.reply.Map(7);
    ctx.reply.Bulk("count");
    ctx.reply.Integer(static_cast<std::int64_t>(e.count));
    ctx.reply.Bulk("reason");
    ctx.reply.Bulk(ReasonName(e.reason));
    ctx.reply.Bulk("context");
    ctx.reply.Bulk(e.in_transaction ? "multi" : "toplevel");
    ctx.reply.Bulk("object");
    ctx.reply.Bulk(e.object);
    ctx.reply.Bulk("username");
    ctx.reply.Bulk(e.username);
    ctx.reply.Bulk("age-seconds");
    ctx.reply.Double(static_cast<double>(ctx.now_ms - e.time_ms) / 1000);
    ctx.reply.Bulk("client-info");
    ctx.reply.Bulk(e.client_info);
  }
}

// By its present name, or, for what this build does not serve, by Redis's.
const Command* FindDryRunCommand(const CommandTable& table, std::span<const std::string_view> args) {
  if (const Command* served = table.Resolve(args).command; served != nullptr) return served;
  const Command* command = FindAclCommand(table, args[0]);
  if (command == nullptr || command->container != nullptr) return nullptr;  // "config|get" is no name of a command
  if (!command->is_container || args.size() < 2) return command;
  return FindAclCommand(table, std::string(args[0]) + '|' + std::string(args[1]));
}

void DryRun(CommandContext& ctx) {
  const AclRules user = ctx.engine.acl().users().Find(ctx.arg(2)).rules;
  if (!user) return ctx.Error("ERR User '" + Shown(ctx.arg(2)) + "' not found");
  const std::span<const std::string_view> args = ctx.args.subspan(3);
  const Command* command = FindDryRunCommand(ctx.engine.commands(), args);
  if (command == nullptr) return ctx.Error("ERR Command '" + Shown(args[0]) + "' not found");
  if (!command->AcceptsArgc(args.size())) return ctx.Error(CommandTable::WrongArityText(*command));
  std::size_t at = 0;
  switch (user->Check(*command, args, &at)) {
    case AclDenial::kNone: return ctx.reply.Ok();
    case AclDenial::kKey: return ctx.reply.Bulk("This user has no permissions to access the '" + Shown(args[at]) + "' key");
    case AclDenial::kChannel: return ctx.reply.Bulk("This user has no permissions to access the '" + Shown(args[at]) + "' channel");
    default: return ctx.reply.Bulk("This user has no permissions to run the '" + std::string(command->full_name()) + "' command");
  }
}

void Load(CommandContext& ctx) {
  if (!ctx.engine.acl().uses_file()) return ctx.Error(kNoFile);
  if (Status status = ctx.engine.acl().LoadFile(&ctx.client); !status.ok()) return ctx.Error("ERR " + status.message());
  ctx.reply.Ok();
}

void Save(CommandContext& ctx) {
  if (!ctx.engine.acl().uses_file()) return ctx.Error(kNoFile);
  if (Status status = ctx.engine.acl().SaveFile(); !status.ok()) return ctx.Error("ERR " + status.message());
  ctx.reply.Ok();
}

}  // namespace

SLOTWISE_COMMANDS(acl, {"acl|whoami", WhoAmI}, {"acl|setuser", SetUser}, {"acl|deluser", DelUser}, {"acl|getuser", GetUser},
                  {"acl|list", List}, {"acl|users", Users}, {"acl|cat", Cat}, {"acl|genpass", GenPass}, {"acl|log", Log},
                  {"acl|dryrun", DryRun}, {"acl|load", Load}, {"acl|save", Save}, {"acl|help", ReplyContainerHelp});

}  // namespace slotwise
