#include "engine/access_control.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "acl/user_file.h"
#include "base/atomic_file.h"
#include "engine/client_registry.h"
#include "engine/engine.h"
#include "engine/pubsub.h"

namespace slotwise {
namespace {

// Every channel pattern that some selector has.
std::vector<std::string> ChannelsOf(const AclUser& user) {
  std::vector<std::string> channels;
  for (const AclSelector& s : user.selectors()) channels.insert(channels.end(), s.channels().begin(), s.channels().end());
  return channels;
}

bool AllChannels(const AclUser& user) {
  return std::ranges::any_of(user.selectors(), [](const AclSelector& s) { return s.all_channels(); });
}

// Nobody can lose a subscription if every channel that was allowed by name or pattern still is, as it stands.
bool KeepsChannels(const AclUser& before, const AclUser& after) {
  if (AllChannels(after)) return true;
  if (AllChannels(before)) return false;
  const std::vector<std::string> kept = ChannelsOf(after);
  const std::unordered_set<std::string_view> known(kept.begin(), kept.end());
  return std::ranges::all_of(ChannelsOf(before), [&](const std::string& c) { return known.contains(c); });
}

std::string UserLineError(std::string_view user, const std::string& why) {
  return "Error in user declaration '" + std::string(user) + "': " + why;
}

}  // namespace

AccessControl::AccessControl(Engine& engine) : engine_(engine), users_(engine.commands()) {}

bool AccessControl::NewUsersGetAllChannels() const {
  return engine_.config().EnumAs<config_value::AclPubsubDefault>(Directive::kAclPubsubDefault) == config_value::AclPubsubDefault::kAllchannels;
}

// --- at start

Status AccessControl::AddConfiguredUser(std::span<const std::string> line) {
  std::lock_guard<std::mutex> guard(mutex_);
  const std::string& name = line[0];
  for (const auto& other : configured_)
    if (other[0] == name) return Status::Error(EINVAL, UserLineError(name, AclErrorText(AclError::kDuplicateUser)));
  if (!ValidAclUserName(name)) return Status::Error(EINVAL, "Spaces not allowed in ACL usernames");
  std::vector<std::string_view> words(line.begin() + 1, line.end());
  std::vector<std::string> user{name};
  std::size_t unmatched = 0;
  if (!MergeAclSelectors(words, &user, &unmatched)) {
    return Status::Error(EINVAL, UserLineError(words[unmatched], "Unmatched parenthesis in acl selector"));
  }
  AclUser draft(false);
  for (std::size_t i = 1; i < user.size(); ++i) {
    const AclError error = draft.Apply(engine_.commands(), user[i], false);
    if (error == AclError::kNone) continue;
    return Status::Error(EINVAL, "Error loading ACL rule '" + user[i] + "' for the user named '" + name + "': " + AclErrorText(error));
  }
  configured_.push_back(std::move(user));
  return Status::Ok();
}

Status AccessControl::LoadAtStart() {
  std::vector<std::vector<std::string>> configured;
  {
    std::lock_guard<std::mutex> guard(mutex_);
    configured.swap(configured_);
  }
  if (uses_file() && !configured.empty()) {
    return Status::Error(EINVAL,
                         "users are declared in the configuration and in an ACL file (aclfile): choose one of them, since two places for "
                         "permissions end in mistakes that nobody sees");
  }
  const bool all_channels = NewUsersGetAllChannels();
  for (const std::vector<std::string>& user : configured) {
    std::vector<std::string> rules(user.begin() + 1, user.end());
    if (user[0] == "default") rules.insert(rules.begin(), "reset");
    AclUsers::Change change = users_.Set(user[0], rules, all_channels);
    if (change.refusal.error != AclError::kNone) {
      return Status::Error(EINVAL, "Error loading ACL rule '" + change.refusal.rule + "' for the user named '" + user[0] +
                                       "': " + AclErrorText(change.refusal.error));
    }
    if (!change.after->enabled()) {
      engine_.logger().Info("The user '" + user[0] + "' is disabled: there is no 'on' in its description. Make sure that this is meant.");
    }
  }
  if (!uses_file()) return Status::Ok();
  Status status = LoadFile(nullptr);
  return status.ok() ? status : Status::Error(status.code(), "Aborting Redis startup because of ACL errors: " + status.message());
}

// --- configuration

void AccessControl::FollowRequirepass() {
  std::lock_guard<std::mutex> guard(mutex_);
  std::string password = engine_.config().Str(Directive::kRequirepass);
  if (password == requirepass_) return;
  requirepass_ = std::move(password);
  users_.ChangeDefault([&](AclUser& user) {
    if (requirepass_.empty()) user.SetNoPassword();
    else user.SetPassword(requirepass_);
  });
}

bool AccessControl::uses_file() const { return !engine_.config().Str(Directive::kAclfile).empty(); }

std::string AccessControl::FilePath() const {
  std::string path = engine_.config().Str(Directive::kAclfile);
  return path.starts_with('/') ? path : engine_.config().Str(Directive::kDir) + '/' + path;
}

Status AccessControl::LoadFile(Client* caller) {
  const std::string shown = engine_.config().Str(Directive::kAclfile);
  std::string text;
  if (Status status = ReadWholeFile(FilePath(), &text); !status.ok()) {
    return Status::Error(status.code(), "Error loading ACLs, opening file '" + shown + "': " + std::strerror(status.code()));
  }
  AclUserMap users;
  std::string errors = ParseAclFile(engine_.commands(), text, shown, NewUsersGetAllChannels(), &users);
  if (!errors.empty()) return Status::Error(EINVAL, std::move(errors));
  // Also a user whose rules are the same is a new one: whoever is connected as one of the old ones goes.
  for (const AclAccountRef& account : users_.Replace(std::move(users))) DisconnectUser(caller, account);
  return Status::Ok();
}

Status AccessControl::SaveFile() {
  Status status = ReplaceFile(FilePath(), FormatAclFile(engine_.commands(), users_.All()));
  if (status.ok()) return status;
  engine_.logger().Warn("ACL SAVE failed: " + status.message());
  return Status::Error(status.code(), "There was an error trying to save the ACLs. Please check the server logs for more information");
}

std::vector<std::string> AccessControl::ConfigLines() const {
  std::vector<std::string> lines;
  if (uses_file()) return lines;
  for (const AclUsers::View& user : users_.All()) lines.push_back(FormatAclUser(engine_.commands(), user));
  return lines;
}

// --- clients

void AccessControl::BecomeDefault(Client& client) {
  client.account = users_.default_account();
  client.acl_epoch = client.free_epoch = 0;
  client.authenticated = client.kind != ClientKind::kNormal || !users_.default_needs_auth();
  if (client.record) client.record->SetAccount(client.account);
}

bool AccessControl::Authenticate(Client& client, std::string_view name, std::string_view password, const Occasion& occasion) {
  AclUsers::View view = users_.Authenticate(name, password);
  const std::int64_t now_ms = occasion.now_ms;
  const bool brakes = client.kind == ClientKind::kNormal;
  std::int64_t hold_ms = 0;
  if (view.rules) {
    if (brakes) hold_ms = throttle_.Succeeded(AddressWithoutPort(client.address), now_ms);
    client.authenticated = true;
    if (client.kind == ClientKind::kNormal) {
      client.account = view.account;
      client.acl_epoch = client.free_epoch = 0;
      // The record first: a deletion from now on finds it, and an earlier one is found by Refresh.
      if (client.record) client.record->SetAccount(client.account);
      (void)Refresh(client);
    }
  } else {
    if (brakes) hold_ms = throttle_.Failed(AddressWithoutPort(client.address), now_ms);
    denied_.auth.fetch_add(1, std::memory_order_relaxed);
    LogDenial(client, AclDenial::kAuth, occasion.command, name, occasion);
  }
  if (hold_ms > 0) client.hold_replies_until_ms = now_ms + hold_ms;
  return view.rules != nullptr;
}

bool AccessControl::Refresh(Client& client) {
  const std::uint64_t now = epoch();
  if (client.kind != ClientKind::kNormal) {
    client.free_epoch = now;
    return true;
  }
  if (!client.account) client.account = users_.default_account();
  if (client.acl_epoch != now || !client.rules) {
    AclUsers::View view = users_.Look(client.account);
    if (!view.rules) {
      BecomeDefault(client);
      client.authenticated = false;
      client.close_after_reply = true;
      return false;
    }
    client.rules = std::move(view.rules);
    client.acl_epoch = view.epoch;
  }
  client.free_epoch = !NeedsAuth(client) && client.rules->AllowsEverything() ? client.acl_epoch : 0;
  return true;
}

AclDenial AccessControl::Check(Client& client, const Command& command, std::span<const std::string_view> args,
                               const Occasion& occasion) {
  std::size_t at = 0;
  const AclDenial denial = client.rules->Check(command, args, &at);
  if (denial == AclDenial::kNone) return denial;
  (denial == AclDenial::kCommand ? denied_.command : denial == AclDenial::kKey ? denied_.key : denied_.channel)
      .fetch_add(1, std::memory_order_relaxed);
  LogDenial(client, denial, denial == AclDenial::kCommand ? command.full_name() : args[at], NameOf(client), occasion);
  return denial;
}

void AccessControl::LogDenial(const Client& client, AclDenial reason, std::string_view object, std::string_view user,
                              const Occasion& occasion) {
  const auto entries_max = static_cast<std::size_t>(engine_.config().Int(Directive::kAcllogMaxLen));
  std::shared_ptr<ClientRecord> record = client.record ? client.record : std::make_shared<ClientRecord>(client);
  record->Refresh(client, {});
  std::string line;
  record->AppendLine(occasion.now_ms, &line);
  if (line.ends_with('\n')) line.pop_back();
  log_.Add({1, reason, occasion.in_transaction, std::string(object.substr(0, AclLog::kNameMax)), std::string(user.substr(0, AclLog::kNameMax)),
            occasion.now_ms, std::move(line)},
           entries_max);
}

bool AccessControl::MayKeepSubscriptions(Client& client) {
  const Client::Subscriptions* s = client.subscriptions.get();
  if (client.kind != ClientKind::kNormal || s == nullptr || client.acl_epoch == epoch()) return true;
  if (!Refresh(client)) return false;
  if (AllChannels(*client.rules)) return true;
  const std::vector<std::string> allowed = ChannelsOf(*client.rules);
  auto all = [&](const auto& names, bool is_pattern) {
    return std::ranges::all_of(names, [&](const std::string& name) { return AclChannelsAllow(allowed, name, is_pattern); });
  };
  return all(s->channels, false) && all(s->patterns, true) && all(s->shard_channels, false);
}

bool AccessControl::MayReadAnyKey(Client& client, const Command& command, std::span<const std::string_view> args) {
  if (client.free_epoch == epoch()) return true;
  if (!Refresh(client)) return false;
  return client.free_epoch != 0 || client.rules->CheckWithAnyKey(command, args, key_flag::kAccess);
}

std::string_view AccessControl::NameOf(const Client& client) const {
  return client.account ? std::string_view(client.account->name) : std::string_view(users_.default_account()->name);
}

// --- changes

void AccessControl::Disconnect(Client* caller, std::uint64_t id) {
  if (caller != nullptr && caller->id == id) caller->close_after_reply = true;
  else engine_.clients().Kill(id);
}

void AccessControl::DisconnectUser(Client* caller, const AclAccountRef& account) {
  if (caller != nullptr && caller->account == account) caller->close_after_reply = true;
  for (const auto& record : engine_.clients().All())
    if (record->account() == account) Disconnect(caller, record->id());
}

void AccessControl::DisconnectSubscribers(Client& caller, const AclUsers::Change& change) {
  std::unordered_set<std::uint64_t> ids;
  for (const auto& record : engine_.clients().All())
    if (record->account() == change.account) ids.insert(record->id());
  if (ids.empty()) return;
  const std::vector<std::string> allowed = ChannelsOf(*change.after);
  std::unordered_set<std::uint64_t> lost;
  engine_.pubsub().ForEachSubscriber([&](SubscriptionKind kind, std::string_view name, std::span<const std::uint64_t> subscribers) {
    if (AclChannelsAllow(allowed, name, kind == SubscriptionKind::kPattern)) return;
    for (std::uint64_t id : subscribers)
      if (ids.contains(id)) lost.insert(id);
  });
  for (std::uint64_t id : lost) Disconnect(&caller, id);
}

AclRefusal AccessControl::SetUser(Client& caller, std::string_view name, std::span<const std::string> rules) {
  AclUsers::Change change = users_.Set(name, rules, NewUsersGetAllChannels());
  if (change.refusal.error == AclError::kNone && change.before && !KeepsChannels(*change.before, *change.after)) {
    DisconnectSubscribers(caller, change);
  }
  return change.refusal;
}

bool AccessControl::DeleteUser(Client& caller, std::string_view name) {
  AclAccountRef account = users_.Delete(name);
  if (!account) return false;
  DisconnectUser(&caller, account);
  return true;
}

std::string AclDenialReply(AclDenial denial, const Command& command) {
  switch (denial) {
    case AclDenial::kKey: return "NOPERM this user has no permissions to access one of the keys used as arguments";
    case AclDenial::kChannel: return "NOPERM this user has no permissions to access one of the channels used as arguments";
    default: return "NOPERM this user has no permissions to run the '" + std::string(command.full_name()) + "' command";
  }
}

std::string AclDenialReplyInExec(AclDenial denial) {
  const char* why = denial == AclDenial::kKey       ? "no permission to touch the specified keys"
                    : denial == AclDenial::kChannel ? "no permission to access one of the channels used as arguments"
                                                    : "no permission to execute the command or subcommand";
  return std::string("NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer "
                     "allowed for the following reason: ") + why;
}

}  // namespace slotwise
