// CLIENT TRACKING, CACHING, TRACKINGINFO, GETREDIR: client-side caching, as a client asks for it.
// Source: Redis 7.0 command documentation and its replies. Elsewhere: doing it (engine/tracking.h).
#include "commands/command_table.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/tracking.h"

namespace slotwise {
namespace {

// False: replied with an error.
bool ParseOptions(CommandContext& ctx, TrackingOptions* options) {
  for (std::size_t i = 3; i < ctx.argc(); ++i) {
    bool more = i + 1 < ctx.argc();
    if (ctx.ArgIs(i, "redirect") && more) {
      if (options->redirect != 0) {
        ctx.Error("ERR A client can only redirect to a single other client");
        return false;
      }
      std::int64_t id;
      if (!ctx.IntegerArg(++i, &id)) return false;
      options->redirect = static_cast<std::uint64_t>(id);
      if (!ctx.engine.clients().Find(options->redirect)) {
        ctx.Error("ERR The client ID you want redirect to does not exist");
        return false;
      }
    } else if (ctx.ArgIs(i, "prefix") && more) {
      options->prefixes.emplace_back(ctx.arg(++i));
    } else if (ctx.ArgIs(i, "bcast")) {
      options->bcast = true;
    } else if (ctx.ArgIs(i, "optin")) {
      options->optin = true;
    } else if (ctx.ArgIs(i, "optout")) {
      options->optout = true;
    } else if (ctx.ArgIs(i, "noloop")) {
      options->noloop = true;
    } else {
      ctx.SyntaxError();
      return false;
    }
  }
  return true;
}

// Prefixes of one client may not contain each other: it would hear of a key twice.
bool PrefixesAreApart(CommandContext& ctx, const std::vector<std::string>& prefixes, const ClientTracking* tracking) {
  auto overlap = [](std::string_view a, std::string_view b) { return a.starts_with(b) || b.starts_with(a); };
  auto refuse = [&](const std::string& prefix, const char* what, const std::string& other) {
    ctx.Error("ERR Prefix '" + prefix + "' overlaps with " + what + " '" + other + "'. Prefixes for a single client must not overlap.");
    return false;
  };
  for (std::size_t i = 0; i < prefixes.size(); ++i) {
    if (tracking != nullptr) {
      for (const std::string& known : tracking->prefixes) {
        if (overlap(prefixes[i], known)) return refuse(prefixes[i], "an existing prefix", known);
      }
    }
    for (std::size_t j = i + 1; j < prefixes.size(); ++j) {
      if (overlap(prefixes[i], prefixes[j])) return refuse(prefixes[i], "another provided prefix", prefixes[j]);
    }
  }
  return true;
}

const char* Conflict(const TrackingOptions& options, const ClientTracking* on) {
  if (!options.bcast && !options.prefixes.empty()) return "ERR PREFIX option requires BCAST mode to be enabled";
  if (on != nullptr && on->shared->bcast.load(std::memory_order_relaxed) != options.bcast) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
  }
  if (options.bcast && (options.optin || options.optout)) return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  if (options.optin && options.optout) return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  if (on != nullptr && ((options.optin && on->optout) || (options.optout && on->optin))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
  }
  return nullptr;
}

const ClientTracking* TrackingOf(const Client& client) { return client.tracking && client.tracking->on() ? client.tracking.get() : nullptr; }

void SetTracking(CommandContext& ctx) {
  TrackingOptions options;
  if (!ParseOptions(ctx, &options)) return;
  if (ctx.ArgIs(2, "off")) {
    ctx.engine.tracking().Disable(ctx.client);
    return ctx.reply.Ok();
  }
  if (!ctx.ArgIs(2, "on")) return ctx.SyntaxError();
  const ClientTracking* on = TrackingOf(ctx.client);
  if (const char* conflict = Conflict(options, on)) return ctx.Error(conflict);
  if (options.bcast) {
    if (!PrefixesAreApart(ctx, options.prefixes, on)) return;
    if (options.prefixes.empty()) options.prefixes.emplace_back();
  }
  if (ctx.client.kind != ClientKind::kNormal) return ctx.Error("ERR CLIENT TRACKING needs a connection");
  ctx.engine.tracking().Enable(ctx.client, options);
  ctx.reply.Ok();
}

void Caching(CommandContext& ctx) {
  if (!TrackingOf(ctx.client)) {
    return ctx.Error("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled");
  }
  ClientTracking& tracking = *ctx.client.tracking;
  if (ctx.ArgIs(2, "yes")) {
    if (!tracking.optin) return ctx.Error("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
  } else if (ctx.ArgIs(2, "no")) {
    if (!tracking.optout) return ctx.Error("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
  } else {
    return ctx.SyntaxError();
  }
  tracking.caching = true;
  ctx.reply.Ok();
}

std::int64_t Redirection(const ClientTracking* on) {
  return on == nullptr ? -1 : static_cast<std::int64_t>(on->shared->redirect.load(std::memory_order_relaxed));
}

void TrackingInfo(CommandContext& ctx) {
  const ClientTracking* on = TrackingOf(ctx.client);
  std::vector<const char*> flags;
  if (on == nullptr) {
    flags.push_back("off");
  } else {
    const TrackedClient& shared = *on->shared;
    flags.push_back("on");
    if (shared.bcast.load(std::memory_order_relaxed)) flags.push_back("bcast");
    if (on->optin) flags.push_back("optin");
    if (on->optin && on->caching) flags.push_back("caching-yes");
    if (on->optout) flags.push_back("optout");
    if (on->optout && on->caching) flags.push_back("caching-no");
    if (shared.noloop.load(std::memory_order_relaxed)) flags.push_back("noloop");
    if (shared.broken_redirect.load(std::memory_order_relaxed)) flags.push_back("broken_redirect");
  }
  ctx.reply.Map(3);
  ctx.reply.Bulk("flags");
  ctx.reply.Set(static_cast<std::int64_t>(flags.size()));
  for (const char* flag : flags) ctx.reply.Bulk(flag);
  ctx.reply.Bulk("redirect");
  ctx.reply.Integer(Redirection(on));
  ctx.reply.Bulk("prefixes");
  ctx.reply.Array(on == nullptr ? 0 : static_cast<std::int64_t>(on->prefixes.size()));
  if (on == nullptr) return;
  for (const std::string& prefix : on->prefixes) ctx.reply.Bulk(prefix);
}

void GetRedirection(CommandContext& ctx) { ctx.reply.Integer(Redirection(TrackingOf(ctx.client))); }

}  // namespace

SLOTWISE_COMMANDS(client_tracking, {"client|tracking", SetTracking}, {"client|trackinginfo", TrackingInfo},
                  {"client|getredir", GetRedirection}, {"client|caching", Caching});

}  // namespace slotwise
