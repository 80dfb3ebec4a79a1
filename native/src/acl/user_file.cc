#include "acl/user_file.h"

namespace slotwise {
namespace {

std::string_view Trim(std::string_view text, std::string_view what) {
  const std::size_t first = text.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(what) - first + 1);
}

// At every single space: two in a row have an empty word between them, which is a rule that says nothing.
std::vector<std::string_view> SplitAtEachSpace(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

struct FileParser {
  const CommandTable& table;
  const std::string& path;
  bool all_channels;
  AclUserMap* users;
  std::string errors;

  void Line(std::string_view line, std::size_t number) {
    const std::string where = path + ':' + std::to_string(number);
    const std::vector<std::string_view> words = SplitAtEachSpace(line);
    if (words[0] != "user" || words.size() < 2) {
      errors += where + " should start with user keyword followed by the username. ";
      return;
    }
    const std::string name(words[1]);
    if (!ValidAclUserName(name)) {
      errors += "'" + where + ": username '" + name + "' contains invalid characters. ";
      return;
    }
    auto [it, is_new] = users->try_emplace(name, AclUser(all_channels));
    if (!is_new) {
      errors += "WARNING: Duplicate user '" + name + "' found on line " + std::to_string(number) + ". ";
      return;
    }
    std::vector<std::string> rules;
    std::size_t unmatched = 0;
    if (!MergeAclSelectors(std::span(words).subspan(2), &rules, &unmatched)) {
      errors += where + ": Unmatched parenthesis in selector definition.";
      return;
    }
    // An unknown command is named, every one of them. Other rules may hold secrets, and follow from each other.
    bool other_error = false;
    for (const std::string& raw : rules) {
      const std::string rule(Trim(raw, "\t\r\n"));
      const AclError error = it->second.Apply(table, rule, all_channels);
      if (error == AclError::kNone) continue;
      if (error == AclError::kUnknownCommand) {
        errors += where + ": Error in applying operation '" + rule + "': " + AclErrorText(error) + ". ";
      } else if (!other_error) {
        errors += where + ": " + AclErrorText(error) + ". ";
        other_error = true;
      }
    }
  }
};

}  // namespace

std::string ParseAclFile(const CommandTable& table, std::string_view text, const std::string& path, bool all_channels, AclUserMap* users) {
  users->clear();
  FileParser parser{table, path, all_channels, users, {}};
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end), " \t\r\n");
    if (!line.empty()) parser.Line(line, number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  if (parser.errors.empty()) return {};
  return parser.errors + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
}

std::string FormatAclUser(const CommandTable& table, const AclUsers::View& user) {
  return "user " + user.account->name + ' ' + user.rules->Describe(table);
}

std::string FormatAclFile(const CommandTable& table, std::span<const AclUsers::View> users) {
  std::string text;
  for (const AclUsers::View& user : users) text += FormatAclUser(table, user) + '\n';
  return text;
}

}  // namespace slotwise
