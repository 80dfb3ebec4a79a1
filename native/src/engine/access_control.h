// AccessControl: users, their log and the brakes on guessing passwords, as the engine's clients meet them.
//
// The hot path is one comparison: a client that may do everything carries the epoch at which that was found, and while
// it is still the present one nothing else is looked at (Engine::Execute). Everybody else, and everybody after a change,
// comes to Refresh, which brings the client's own reference to the rules up to date, and is then checked by them.
// Embedded callers and the loader may do everything: they are the application itself.
// Locks: called with stripes held (EXEC), so nothing here takes a stripe.
// Source: Redis 7.0 ACL. Elsewhere: rules (acl/), the ACL command (commands/acl_commands.cc).
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "acl/acl_log.h"
#include "acl/auth_throttle.h"
#include "acl/users.h"
#include "base/status.h"
#include "engine/client.h"

namespace slotwise {

class Engine;

class AccessControl {
 public:
  explicit AccessControl(Engine& engine);

  AclUsers& users() { return users_; }
  AclLog& log() { return log_; }
  std::uint64_t epoch() const { return users_.epoch(); }

  // --- at start
  // A `user` line of the configuration, without that word. The error is Redis's sentence.
  Status AddConfiguredUser(std::span<const std::string> line);
  // Makes the users of the configuration and of the ACL file. The error is for the log; the server must not start.
  Status LoadAtStart();

  // --- configuration
  // requirepass is another word for the default user's password. Does nothing while it says what it said last.
  void FollowRequirepass();
  bool uses_file() const;
  // ACL LOAD and SAVE. An error's message is the reply, without ERR.
  Status LoadFile(Client* caller);
  Status SaveFile();
  // For CONFIG REWRITE: none if the users are in a file of their own.
  std::vector<std::string> ConfigLines() const;

  // --- clients; on their own threads
  // For the log.
  struct Occasion {
    std::int64_t now_ms;
    bool in_transaction;           // being queued, or by EXEC
    std::string_view command = {};  // as the client wrote it
  };
  // A new connection, and RESET: the default user, who may be in at once.
  void BecomeDefault(Client& client);
  // AUTH and HELLO. On false the denial is logged and counted; the reply is the caller's. Either way the answer may have
  // to wait (Client::hold_replies_until_ms).
  bool Authenticate(Client& client, std::string_view name, std::string_view password, const Occasion& occasion);
  // Whoever connects is in: protected mode keeps them to this machine.
  bool DefaultHasNoPassword() const { return users_.default_nopass(); }
  bool NeedsAuth(const Client& client) const { return !client.authenticated && client.kind == ClientKind::kNormal && users_.default_needs_auth(); }
  // Brings client.rules and client.free_epoch up to date. False if its user was deleted: it must go.
  bool Refresh(Client& client);
  // By the rules as Refresh left them. A denial is logged and counted.
  AclDenial Check(Client& client, const Command& command, std::span<const std::string_view> args, const Occasion& occasion);
  // After a SUBSCRIBE that a change of the rules may have overtaken: false if the client has lost what it holds.
  bool MayKeepSubscriptions(Client& client);
  // SORT BY and GET.
  bool MayReadAnyKey(Client& client, const Command& command, std::span<const std::string_view> args);
  std::string_view NameOf(const Client& client) const;

  // --- changes by commands. `caller` is told to close after its reply, where others are disconnected at once.
  AclRefusal SetUser(Client& caller, std::string_view name, std::span<const std::string> rules);
  bool DeleteUser(Client& caller, std::string_view name);

  struct Denied {
    std::atomic<std::uint64_t> auth{0}, command{0}, key{0}, channel{0};
  };
  Denied& denied() { return denied_; }

 private:
  bool NewUsersGetAllChannels() const;
  std::string FilePath() const;
  void LogDenial(const Client& client, AclDenial reason, std::string_view object, std::string_view user, const Occasion& occasion);
  void Disconnect(Client* caller, std::uint64_t id);
  void DisconnectUser(Client* caller, const AclAccountRef& account);
  void DisconnectSubscribers(Client& caller, const AclUsers::Change& change);

  Engine& engine_;
  AclUsers users_;
  AclLog log_;
  AuthThrottle throttle_;
  Denied denied_;
  std::mutex mutex_;                  // guards what follows
  std::string requirepass_;           // as applied
  std::vector<std::vector<std::string>> configured_;  // user lines, until LoadAtStart
};

// What a client is told: "NOPERM ...".
std::string AclDenialReply(AclDenial denial, const Command& command);
// The same within EXEC, for what was allowed when it was queued.
std::string AclDenialReplyInExec(AclDenial denial);

}  // namespace slotwise
