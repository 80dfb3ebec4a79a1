// AclUser: who may do what, as one value: flags, passwords (as SHA-256), selectors. Changed by copying, applying rules and
// publishing the copy as a constant that all threads share (acl/users.h); so nobody ever sees half of a change.
// Source: Redis 7.0 ACL documentation.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "acl/selector.h"

namespace slotwise {

struct AclRefusal {
  AclError error = AclError::kNone;
  std::string rule;  // which one
};

class AclUser {
 public:
  // Each is checked for each call that the ones before refuse, so there is an end to their number.
  static constexpr std::size_t kSelectorsMax = 1024;
  static constexpr std::size_t kPasswordsMax = 1024;

  // A new user: off, without a password, without permissions but what acl-pubsub-default says.
  explicit AclUser(bool all_channels) : selectors_{AclSelector(all_channels)} {}
  // The default user before anybody has said anything: everything, without a password.
  static AclUser Default(const CommandTable& table);

  // One rule; a selector is one rule, parentheses included. `all_channels`: acl-pubsub-default, for new selectors.
  AclError Apply(const CommandTable& table, std::string_view rule, bool all_channels);
  // All rules or, if one is refused, none.
  AclRefusal ApplyAll(const CommandTable& table, std::span<const std::string> rules, bool all_channels);

  // What of a call is denied. All selectors are asked; the denial that tells most is reported, and which argument it is.
  AclDenial Check(AclCall& call, std::size_t* denied_arg) const;
  AclDenial Check(const Command& command, std::span<const std::string_view> args, std::size_t* denied_arg) const {
    AclCall call(command, args);
    return Check(call, denied_arg);
  }
  // Some selector allows the call and, besides, such an access to every key: SORT BY and GET, which name patterns of keys.
  bool CheckWithAnyKey(const Command& command, std::span<const std::string_view> args, std::uint16_t key_flags) const;
  bool AllowsEverything() const;

  bool enabled() const { return enabled_; }
  bool nopass() const { return nopass_; }
  // RESTORE of a payload is to be checked in depth; only a user who is told to may skip it.
  bool skips_sanitizing() const { return sanitize_ == Sanitize::kSkip; }
  // Any connection is in at once: the default user only.
  bool needs_no_auth() const { return enabled_ && nopass_; }
  // As SHA-256 in hex; one may equal. Takes as long whichever it is.
  bool HasPassword(std::string_view hash) const;
  const std::vector<std::string>& passwords() const { return passwords_; }
  const AclSelector& root() const { return selectors_.front(); }
  std::span<const AclSelector> selectors() const { return selectors_; }  // the root first
  std::vector<std::string> Flags() const;                                // "on", "nopass", ... in Redis's order
  std::string Describe(const CommandTable& table) const;

  void SetPassword(std::string_view password);  // the only one; requirepass
  void SetNoPassword();                         // any is right

 private:
  enum class Sanitize : std::uint8_t { kUnset, kSkip, kOn };
  AclError AddPassword(std::string hash);
  AclError RemovePassword(const std::string& hash);
  void Reset(bool all_channels);

  bool enabled_ = false;
  bool nopass_ = false;
  Sanitize sanitize_ = Sanitize::kUnset;
  std::vector<std::string> passwords_;
  std::vector<AclSelector> selectors_;
};

// Words between parentheses may have been split at their spaces: "(+get" "~a)" is one rule, "(+get ~a)". False if a
// parenthesis is never closed; `unmatched` is then the index of the word that opened it.
bool MergeAclSelectors(std::span<const std::string_view> words, std::vector<std::string>* rules, std::size_t* unmatched);

bool ValidAclUserName(std::string_view name);

}  // namespace slotwise
