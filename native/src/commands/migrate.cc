// MIGRATE: keys leave for another server, in one exchange: AUTH, SELECT, a RESTORE for each key, and as many answers.
//
// No lock is held while the network is waited for. The payloads are written under the stripes of all keys, which are
// watched from then on, as WATCH does it; afterwards, under the same stripes, a key is deleted if the target confirmed it
// and nobody changed it meanwhile. Inside MULTI the executor holds these stripes from beginning to end.
// Limits and alternatives: docs/decisions/0012-migrate.md. Source: Redis 7.0 command reference.
#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command.h"
#include "commands/command_table.h"
#include "engine/engine.h"
#include "engine/thread_state.h"
#include "keyspace/watch_list.h"
#include "net/blocking_connection.h"
#include "snapshot/dump_payload.h"
#include "values/string_value.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

constexpr std::int64_t kDefaultTimeoutMs = 1000;

struct Request {
  bool copy = false;
  bool replace = false;
  std::vector<std::string_view> auth;  // the arguments of AUTH
  std::int64_t db = 0;
  std::int64_t timeout_ms = 0;
  std::vector<std::size_t> keys;       // indexes of arguments
};

// A key under way.
struct Transfer {
  KeyRef key;
  std::int64_t expire_at_ms = kNoExpire;
  std::shared_ptr<WatchState> watch;  // null with COPY
  bool confirmed = false;
};

bool ParseRequest(CommandContext& ctx, Request* r) {
  std::size_t first_key = 3;
  std::size_t end = 4;
  for (std::size_t i = 6; i < ctx.argc(); ++i) {
    std::size_t more = ctx.argc() - 1 - i;
    if (ctx.ArgIs(i, "COPY")) {
      r->copy = true;
    } else if (ctx.ArgIs(i, "REPLACE")) {
      r->replace = true;
    } else if (ctx.ArgIs(i, "AUTH") && more >= 1) {
      // The last password counts, with the last name, as in Redis.
      if (r->auth.empty()) r->auth.resize(1);
      r->auth.back() = ctx.arg(++i);
    } else if (ctx.ArgIs(i, "AUTH2") && more >= 2) {
      r->auth = {ctx.arg(i + 1), ctx.arg(i + 2)};
      i += 2;
    } else if (ctx.ArgIs(i, "KEYS")) {
      if (!ctx.arg(3).empty()) {
        ctx.Error("ERR When using MIGRATE KEYS option, the key argument must be set to the empty string");
        return false;
      }
      first_key = i + 1;
      end = ctx.argc();
      break;
    } else {
      ctx.SyntaxError();
      return false;
    }
  }
  if (!ctx.IntegerArg(5, &r->timeout_ms) || !ctx.IntegerArg(4, &r->db)) return false;
  if (r->timeout_ms <= 0) r->timeout_ms = kDefaultTimeoutMs;
  for (std::size_t i = first_key; i < end; ++i) r->keys.push_back(i);
  return true;
}

// Holds the stripes of the keys; what happened under them reaches the log before they are released.
class HeldKeys {
 public:
  HeldKeys(CommandContext& ctx, const Request& request) : ctx_(ctx) {
    if (ctx.inside_exec()) return;  // the executor's
    for (std::size_t i : request.keys) stripes_.set(static_cast<std::size_t>(StripeOf(ctx.Key(i).slot)));
    ctx.engine.keyspace().Lock(stripes_);
  }
  ~HeldKeys() {
    Keyspace& keyspace = ctx_.engine.keyspace();
    std::uint64_t appended = 0;
    for (std::size_t i = stripes_._Find_first(); i < stripes_.size(); i = stripes_._Find_next(i)) {
      Stripe& stripe = keyspace.StripeAt(static_cast<int>(i));
      if (!ctx_.thread.unit.empty()) {
        ctx_.thread.unit.set_atomic(false);
        ctx_.engine.AppendEffects(ctx_.thread, stripe);
        appended = stripe.last_offset;
      } else if (appended != 0) {
        stripe.last_offset = appended;
      }
      if (stripe.last_offset > ctx_.gate) ctx_.gate = stripe.last_offset;
    }
    if (stripes_.any()) keyspace.Unlock(stripes_);
  }
  HeldKeys(const HeldKeys&) = delete;
  HeldKeys& operator=(const HeldKeys&) = delete;

 private:
  CommandContext& ctx_;
  StripeSet stripes_;
};

void AddWords(std::string* out, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    *out += '$';
    *out += std::to_string(word.size());
    *out += "\r\n";
    *out += word;
    *out += "\r\n";
  }
}

void Watch(CommandContext& ctx, Transfer& t) {
  Stripe& stripe = ctx.engine.keyspace().StripeForSlot(t.key.slot);
  t.watch = std::make_shared<WatchState>();
  if (!stripe.watches) stripe.watches = std::make_unique<WatchList>();
  stripe.watches->Add(ctx.db_index(), t.key.key, t.watch, false);
  stripe.CountListeners();
}

void Unwatch(CommandContext& ctx, const Transfer& t) {
  Stripe& stripe = ctx.engine.keyspace().StripeForSlot(t.key.slot);
  stripe.watches->Remove(ctx.db_index(), t.key.key, t.watch.get());
  stripe.CountListeners();
}

// Writes the RESTOREs of the keys that are there.
std::vector<Transfer> WriteKeys(CommandContext& ctx, const Request& request, std::string* out) {
  std::vector<Transfer> transfers;
  const bool compress = ctx.engine.config().Bool(Directive::kRdbcompression);
  const bool clustered = ctx.engine.cluster() != nullptr;
  HeldKeys held(ctx, request);
  for (std::size_t i : request.keys) {
    Transfer t;
    t.key = ctx.Key(i);
    Place place = ctx.FindForRead(t.key);
    if (!place) continue;
    t.expire_at_ms = place.entry()->expire_at_ms();
    // Relative: the clocks of two servers differ. Not expired, so at least 1.
    std::int64_t ttl_ms = t.expire_at_ms == kNoExpire ? 0 : std::max<std::int64_t>(t.expire_at_ms - ctx.now_ms, 1);
    *out += request.replace ? "*5\r\n" : "*4\r\n";
    AddWords(out, {clustered ? "RESTORE-ASKING" : "RESTORE", t.key.key, std::to_string(ttl_ms), DumpPayload(place.entry(), compress)});
    if (request.replace) AddWords(out, {"REPLACE"});
    if (!request.copy) Watch(ctx, t);
    transfers.push_back(std::move(t));
  }
  return transfers;
}

std::string Greeting(const Request& request) {
  std::string out;
  if (!request.auth.empty()) {
    out += request.auth.size() == 1 ? "*2\r\n" : "*3\r\n";
    AddWords(&out, {"AUTH"});
    for (std::string_view word : request.auth) AddWords(&out, {word});
  }
  out += "*2\r\n";
  AddWords(&out, {"SELECT", std::to_string(request.db)});
  return out;
}

// What a target's line says against it; empty if it is +OK. Nothing else counts as a confirmation.
std::string Complaint(std::string_view line) {
  if (line == "+OK") return {};
  if (line.starts_with('-')) return "ERR Target instance replied with error: " + std::string(line.substr(1));
  return "ERR Target instance replied with something else than OK: " + std::string(line.substr(0, 128));
}

// Sends all and reads the answers, as many as there are: keys behind one that was refused may have arrived. Returns the
// error for the client, or nothing.
std::string Exchange(const std::string& host, std::string_view port, const Request& request, const std::string& restores,
                     std::vector<Transfer>& transfers) {
  constexpr const char* kReading = "IOERR error or timeout reading to target instance";
  BlockingConnection connection(request.timeout_ms);
  std::int64_t port_number = 0;
  if (!ParseInteger(port, &port_number) || port_number < 1 || port_number > 65535 || !connection.Connect(host, static_cast<int>(port_number))) {
    return "IOERR error or timeout connecting to the client";
  }
  if (!connection.Send(Greeting(request)) || !connection.Send(restores)) return "IOERR error or timeout writing to target instance";
  std::string error;
  std::string line;
  for (int i = request.auth.empty() ? 1 : 0; i < 2; ++i) {
    if (!connection.ReadLine(&line)) return kReading;
    if (error.empty()) error = Complaint(line);
  }
  const bool welcome = error.empty();
  for (Transfer& t : transfers) {
    if (!connection.ReadLine(&line)) return error.empty() ? kReading : error;
    std::string complaint = Complaint(line);
    t.confirmed = welcome && complaint.empty();
    if (error.empty()) error = std::move(complaint);
  }
  return error;
}

// Deletes what the target confirmed. Returns how many of these keys stay, since they are not what was sent any more.
std::size_t DeleteConfirmed(CommandContext& ctx, const Request& request, const std::vector<Transfer>& transfers) {
  HeldKeys held(ctx, request);
  if (!ctx.inside_exec()) ctx.now_ms = ctx.thread.now_ms = ctx.engine.NowMs();
  std::vector<bool> changed;
  for (const Transfer& t : transfers) {
    changed.push_back(t.watch->dirty.load(std::memory_order_relaxed));
    Unwatch(ctx, t);
  }
  std::vector<std::string_view> deletion{"DEL"};
  std::size_t kept = 0;
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    const Transfer& t = transfers[i];
    if (!t.confirmed) continue;
    Place place = ctx.Peek(t.key);
    if (!place && t.expire_at_ms != kNoExpire && t.expire_at_ms <= ctx.now_ms) continue;  // its time came, there as here
    if (changed[i]) {
      ++kept;
      continue;
    }
    if (!place) continue;  // named twice
    ctx.engine.BeforeChange(ctx.Db(), place.entry());
    ctx.Erase(t.key, place);
    ctx.Changed(t.key);
    ctx.Notify(kNotifyGeneric, "del", t.key.key);
    deletion.push_back(t.key.key);
  }
  if (deletion.size() > 1) ctx.Propagate(deletion);
  return kept;
}

void Migrate(CommandContext& ctx) {
  Request request;
  if (!ParseRequest(ctx, &request)) return;
  std::string restores;
  std::vector<Transfer> transfers = WriteKeys(ctx, request, &restores);
  if (transfers.empty()) return ctx.reply.Simple("NOKEY");
  std::string error = Exchange(std::string(ctx.arg(1)), ctx.arg(2), request, restores, transfers);
  std::size_t kept = request.copy ? 0 : DeleteConfirmed(ctx, request, transfers);
  if (!error.empty()) return ctx.Error(error);
  if (kept > 0) {
    return ctx.Error("ERR " + std::to_string(kept) + " of " + std::to_string(transfers.size()) +
                     " keys changed during the transfer: they were not deleted, the target has what they were before");
  }
  ctx.reply.Ok();
}

SLOTWISE_COMMANDS(migrate, {"migrate", Migrate, LockMode::kSelf});

}  // namespace
}  // namespace slotwise
