#include "acl/users.h"

#include "base/sha256.h"

namespace slotwise {

AclUsers::AclUsers(const CommandTable& table) : table_(table), default_(std::make_shared<AclAccount>("default")) {
  accounts_.emplace(default_->name, default_);
  Publish(*default_, AclUser::Default(table));
}

// The lock is held, or nobody else knows of this object yet.
void AclUsers::Publish(AclAccount& account, AclUser rules) {
  account.rules = std::make_shared<const AclUser>(std::move(rules));
  if (&account == default_.get()) {
    default_needs_auth_.store(!account.rules->needs_no_auth(), std::memory_order_release);
    default_nopass_.store(account.rules->nopass(), std::memory_order_release);
  }
  RaiseEpoch();
}

AclUsers::View AclUsers::Look(const AclAccountRef& account) const {
  std::lock_guard<std::mutex> guard(mutex_);
  return {account, account->rules, epoch()};
}

AclUsers::View AclUsers::Find(std::string_view name) const {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = accounts_.find(name);
  if (it == accounts_.end()) return {};
  return {it->second, it->second->rules, epoch()};
}

std::vector<AclUsers::View> AclUsers::All() const {
  std::lock_guard<std::mutex> guard(mutex_);
  std::vector<View> all;
  all.reserve(accounts_.size());
  for (const auto& [name, account] : accounts_) all.push_back({account, account->rules, epoch()});
  return all;
}

AclUsers::View AclUsers::Authenticate(std::string_view name, std::string_view password) const {
  View view = Find(name);
  // Hashed in any case: time must not tell whether there is such a user.
  const std::string hash = Sha256Hex(password);
  if (view.rules && view.rules->enabled() && (view.rules->nopass() || view.rules->HasPassword(hash))) return view;
  return {};
}

AclUsers::Change AclUsers::Set(std::string_view name, std::span<const std::string> rules, bool all_channels) {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = accounts_.find(name);
  Change change;
  if (it != accounts_.end()) {
    change.account = it->second;
    change.before = it->second->rules;
  }
  AclUser draft = change.before ? *change.before : AclUser(all_channels);
  change.refusal = draft.ApplyAll(table_, rules, all_channels);
  if (change.refusal.error != AclError::kNone) return change;
  if (!change.account) {
    change.account = std::make_shared<AclAccount>(std::string(name));
    accounts_.emplace(change.account->name, change.account);
  }
  Publish(*change.account, std::move(draft));
  change.after = change.account->rules;
  return change;
}

void AclUsers::ChangeDefault(const std::function<void(AclUser&)>& change) {
  std::lock_guard<std::mutex> guard(mutex_);
  AclUser draft = *default_->rules;
  change(draft);
  Publish(*default_, std::move(draft));
}

AclAccountRef AclUsers::Delete(std::string_view name) {
  std::lock_guard<std::mutex> guard(mutex_);
  auto it = accounts_.find(name);
  if (it == accounts_.end() || it->second == default_) return nullptr;
  AclAccountRef account = it->second;
  accounts_.erase(it);
  account->rules = nullptr;
  RaiseEpoch();
  return account;
}

std::vector<AclAccountRef> AclUsers::Replace(std::map<std::string, AclUser, std::less<>> users) {
  std::lock_guard<std::mutex> guard(mutex_);
  std::vector<AclAccountRef> gone;
  for (auto& [name, account] : accounts_) {
    if (account == default_) continue;
    account->rules = nullptr;
    gone.push_back(account);
  }
  accounts_.clear();
  accounts_.emplace(default_->name, default_);
  users.try_emplace(default_->name, AclUser::Default(table_));
  for (auto& [name, rules] : users) {
    AclAccountRef& account = accounts_[name];
    if (!account) account = std::make_shared<AclAccount>(name);
    Publish(*account, std::move(rules));
  }
  return gone;
}

}  // namespace slotwise
