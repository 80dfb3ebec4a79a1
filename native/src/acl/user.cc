#include "acl/user.h"

#include <algorithm>
#include <cctype>

#include "acl/describe.h"
#include "base/sha256.h"
#include "base/split_args.h"

namespace slotwise {
namespace {

bool IsHash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9'); });
}

}  // namespace

AclUser AclUser::Default(const CommandTable& table) {
  AclUser user(true);
  for (const char* rule : {"+@all", "~*", "on", "nopass"}) (void)user.Apply(table, rule, true);
  return user;
}

AclError AclUser::AddPassword(std::string hash) {
  if (std::ranges::find(passwords_, hash) == passwords_.end()) {
    if (passwords_.size() == kPasswordsMax) return AclError::kTooMany;
    passwords_.push_back(std::move(hash));
  }
  nopass_ = false;
  return AclError::kNone;
}

AclError AclUser::RemovePassword(const std::string& hash) {
  auto it = std::ranges::find(passwords_, hash);
  if (it == passwords_.end()) return AclError::kNoSuchPassword;
  passwords_.erase(it);
  return AclError::kNone;
}

void AclUser::SetPassword(std::string_view password) {
  passwords_ = {Sha256Hex(password)};
  nopass_ = false;
}

void AclUser::SetNoPassword() {
  passwords_.clear();
  nopass_ = true;
}

// As new, the root selector included, but for the flag that a new user has not.
void AclUser::Reset(bool all_channels) {
  AclUser fresh(all_channels);
  fresh.sanitize_ = Sanitize::kOn;
  *this = std::move(fresh);
}

AclError AclUser::Apply(const CommandTable& table, std::string_view rule, bool all_channels) {
  auto is = [rule](std::string_view word) { return EqualsIgnoreCase(rule, word); };
  if (rule.empty()) return AclError::kNone;
  switch (rule[0]) {
    case '>':
      return AddPassword(Sha256Hex(rule.substr(1)));
    case '<':
      return RemovePassword(Sha256Hex(rule.substr(1)));
    case '#':
      return IsHash(rule.substr(1)) ? AddPassword(std::string(rule.substr(1))) : AclError::kBadHash;
    case '!':
      return IsHash(rule.substr(1)) ? RemovePassword(std::string(rule.substr(1))) : AclError::kBadHash;
    case '(': {
      if (rule.back() != ')') break;
      if (selectors_.size() > kSelectorsMax) return AclError::kTooMany;
      AclSelector selector(all_channels);
      std::vector<std::string> words;
      if (!SplitArgs(rule.substr(1, rule.size() - 2), &words)) return AclError::kSyntax;
      for (const std::string& word : words)
        if (AclError error = selector.Apply(table, word); error != AclError::kNone) return error;
      selectors_.push_back(std::move(selector));
      return AclError::kNone;
    }
    default:
      break;
  }
  if (is("on")) enabled_ = true;
  else if (is("off")) enabled_ = false;
  else if (is("skip-sanitize-payload")) sanitize_ = Sanitize::kSkip;
  else if (is("sanitize-payload")) sanitize_ = Sanitize::kOn;
  else if (is("nopass")) SetNoPassword();
  else if (is("resetpass")) passwords_.clear(), nopass_ = false;
  else if (is("clearselectors")) selectors_.erase(selectors_.begin() + 1, selectors_.end());
  else if (is("reset")) Reset(all_channels);
  else return selectors_.front().Apply(table, rule);
  return AclError::kNone;
}

AclRefusal AclUser::ApplyAll(const CommandTable& table, std::span<const std::string> rules, bool all_channels) {
  AclUser draft = *this;
  for (const std::string& rule : rules)
    if (AclError error = draft.Apply(table, rule, all_channels); error != AclError::kNone) return {error, rule};
  *this = std::move(draft);
  return {};
}

AclDenial AclUser::Check(AclCall& call, std::size_t* denied_arg) const {
  AclDenial worst = AclDenial::kCommand;
  *denied_arg = 0;
  for (const AclSelector& selector : selectors_) {
    std::size_t at = 0;
    const AclDenial denial = selector.Check(call, &at);
    if (denial == AclDenial::kNone) return denial;
    if (denial > worst || (denial == worst && at > *denied_arg)) {
      worst = denial;
      *denied_arg = at;
    }
  }
  return worst;
}

bool AclUser::CheckWithAnyKey(const Command& command, std::span<const std::string_view> args, std::uint16_t key_flags) const {
  AclCall call(command, args);
  std::size_t at = 0;
  return std::ranges::any_of(selectors_, [&](const AclSelector& selector) {
    return selector.AllowsAnyKey(key_flags) && selector.Check(call, &at) == AclDenial::kNone;
  });
}

bool AclUser::AllowsEverything() const {
  return std::ranges::any_of(selectors_, [](const AclSelector& selector) { return selector.AllowsEverything(); });
}

bool AclUser::HasPassword(std::string_view hash) const {
  bool found = false;
  for (const std::string& password : passwords_) {
    unsigned difference = hash.size() == password.size() ? 0 : 1;
    for (std::size_t i = 0; i < hash.size() && i < password.size(); ++i) difference |= static_cast<unsigned char>(hash[i] ^ password[i]);
    found |= difference == 0;
  }
  return found;
}

std::vector<std::string> AclUser::Flags() const {
  std::vector<std::string> flags{enabled_ ? "on" : "off"};
  if (nopass_) flags.emplace_back("nopass");
  if (sanitize_ == Sanitize::kSkip) flags.emplace_back("skip-sanitize-payload");
  if (sanitize_ == Sanitize::kOn) flags.emplace_back("sanitize-payload");
  return flags;
}

std::string AclUser::Describe(const CommandTable& table) const {
  std::string text;
  for (const std::string& flag : Flags()) text += flag + ' ';
  for (const std::string& password : passwords_) text += '#' + password + ' ';
  text += DescribeSelector(table, root());
  for (const AclSelector& selector : selectors().subspan(1)) text += " (" + DescribeSelector(table, selector) + ')';
  return text;
}

bool MergeAclSelectors(std::span<const std::string_view> words, std::vector<std::string>* rules, std::size_t* unmatched) {
  bool open = false;
  std::string selector;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word.starts_with('(') && !word.ends_with(')')) {
      selector = word;
      open = true;
      *unmatched = i;
    } else if (!open) {
      rules->emplace_back(word);
    } else {
      selector.append(" ").append(word);
      if (!word.ends_with(')')) continue;
      rules->push_back(std::move(selector));
      open = false;
    }
  }
  return !open;
}

bool ValidAclUserName(std::string_view name) {
  return std::ranges::none_of(name, [](char c) { return c == 0 || std::isspace(static_cast<unsigned char>(c)); });
}

}  // namespace slotwise
