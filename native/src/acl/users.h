// AclUsers: all users by name, and how a change reaches those who are connected.
//
// An account is a user's identity: a client keeps a reference to it for as long as it is that user, whatever happens to
// the rules; a deleted account stays deleted, even if a user of the same name is created again. The rules of an account
// are a constant that is replaced as a whole.
// Every change of anything raises the epoch, which a client compares with the one it last looked at: one load a command,
// no lock. Only when it differs does it come here for the present rules. Whoever changes rules raises the epoch before
// it looks for clients that lose something, so that a client which gains it meanwhile sees that itself.
// Any thread. Nothing is called under the lock but the change itself, which must not wait for anything.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "acl/user.h"

namespace slotwise {

struct AclAccount {
  explicit AclAccount(std::string name) : name(std::move(name)) {}
  const std::string name;

 private:
  friend class AclUsers;
  std::shared_ptr<const AclUser> rules;  // null: deleted. Under the lock of AclUsers
};
using AclAccountRef = std::shared_ptr<AclAccount>;
using AclRules = std::shared_ptr<const AclUser>;

class AclUsers {
 public:
  explicit AclUsers(const CommandTable& table);

  // Rises with every change; never 0.
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_seq_cst); }
  // The default user asks for a password, or lets nobody in.
  bool default_needs_auth() const { return default_needs_auth_.load(std::memory_order_acquire); }
  // Any password would do, if he is on.
  bool default_nopass() const { return default_nopass_.load(std::memory_order_acquire); }

  struct View {
    AclAccountRef account;
    AclRules rules;            // null: the account was deleted, or there is none
    std::uint64_t epoch = 0;   // of these rules
  };
  const AclAccountRef& default_account() const { return default_; }
  View Look(const AclAccountRef& account) const;
  View Find(std::string_view name) const;
  std::vector<View> All() const;  // in order of names

  // Who a name and a password are: an account that may log in, or a view without rules.
  View Authenticate(std::string_view name, std::string_view password) const;

  struct Change {
    AclRefusal refusal;  // then nothing has changed
    AclAccountRef account;
    AclRules before;     // null: there was no such user
    AclRules after;
  };
  // ACL SETUSER: applies the rules to the user of that name, who is created if need be.
  Change Set(std::string_view name, std::span<const std::string> rules, bool all_channels);
  // Any other change of the default user.
  void ChangeDefault(const std::function<void(AclUser&)>& change);
  // ACL DELUSER. Null if there was no such user. Not for the default user.
  AclAccountRef Delete(std::string_view name);
  // ACL LOAD: these and no others. All accounts but the default one are new; those that were there are returned. Without
  // a default user among them, he is as at first.
  std::vector<AclAccountRef> Replace(std::map<std::string, AclUser, std::less<>> users);

 private:
  void Publish(AclAccount& account, AclUser rules);
  void RaiseEpoch() { epoch_.fetch_add(1, std::memory_order_seq_cst); }

  const CommandTable& table_;
  std::atomic<std::uint64_t> epoch_{1};
  std::atomic<bool> default_needs_auth_{false};
  std::atomic<bool> default_nopass_{true};
  mutable std::mutex mutex_;
  std::map<std::string, AclAccountRef, std::less<>> accounts_;
  const AclAccountRef default_;
};

}  // namespace slotwise
