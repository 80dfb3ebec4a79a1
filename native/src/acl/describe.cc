#include "acl/describe.h"

#include <climits>
#include <cstdio>
#include <cstdlib>

#include "commands/late_commands.h"

namespace slotwise {
namespace {

// visit(command) for all that Redis has, subcommands behind their container.
template <typename Visitor>
void ForEachCommand(const CommandTable& table, Visitor&& visit) {
  for (const Command& command : table.all()) {
    if (command.container != nullptr) continue;
    visit(command);
    for (std::uint16_t i = 0; i < command.spec->subcommand_count; ++i) visit(table.At(std::size_t{command.spec->first_subcommand} + i));
    ForEachLateSubcommand(table, command, visit);
  }
}

void AddWord(std::string* rules, const std::string& word) {
  if (!rules->empty()) *rules += ' ';
  *rules += word;
}

// The category that turns most of what is left to say into one word; -1 if none says more right than wrong.
int BestCategory(const CommandTable& table, const AclSelector& left, bool additive, std::uint32_t used) {
  int best = -1;
  std::size_t fewest_wrong = INT_MAX, most_right = 0;
  const std::size_t count = AclCategoryNames().size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bit = 1u << i;
    if ((used & bit) != 0) continue;
    std::size_t allowed = 0, denied = 0;
    for (const Command& command : table.all()) {
      if ((command.spec->acl & bit) == 0) continue;
      if (left.Allows(command.id)) ++allowed;
      else ++denied;
    }
    const std::size_t wrong = additive ? denied : allowed;
    const std::size_t right = additive ? allowed : denied;
    if (right > wrong && (wrong < fewest_wrong || (wrong == fewest_wrong && right > most_right))) {
      best = static_cast<int>(i);
      fewest_wrong = wrong;
      most_right = right;
    }
  }
  return best;
}

}  // namespace

std::string DescribeCommands(const CommandTable& table, const AclSelector& selector) {
  const bool additive = !selector.AllowsFutureCommands();
  AclSelector said;             // what the rules so far allow
  AclSelector left = selector;  // what they have not said yet
  said.SetAllCommands(!additive);
  std::string rules = additive ? "-@all" : "+@all";
  std::uint32_t used = 0;
  for (int best; (best = BestCategory(table, left, additive, used)) >= 0;) {
    const std::uint32_t bit = 1u << best;
    AddWord(&rules, std::string(additive ? "+@" : "-@") + AclCategoryNames()[static_cast<std::size_t>(best)]);
    said.SetCategory(table, bit, additive);
    left.SetCategory(table, bit, !additive);
    used |= bit;
  }
  ForEachCommand(table, [&](const Command& command) {
    const bool allowed = selector.Allows(command.id);
    const std::string name(command.full_name());
    if (allowed != said.Allows(command.id)) {
      AddWord(&rules, (allowed ? '+' : '-') + name);
      said.SetCommand(table, command, allowed);
    }
    if (allowed) return;
    for (const std::string& word : selector.FirstArgsOf(command.id)) AddWord(&rules, '+' + name + '|' + word);
  });
  // Rules that say something else than what they describe would hand out permissions at the next start.
  if (!said.SameCommands(selector)) {
    std::fprintf(stderr, "acl: the description '%s' does not fit the permissions\n", rules.c_str());
    std::abort();
  }
  return rules;
}

std::string DescribeKeys(const AclSelector& selector) {
  if (selector.all_keys()) return "~*";
  std::string text;
  for (const AclSelector::KeyPattern& p : selector.key_patterns()) {
    const char* prefix = p.permissions == AclSelector::kRead ? "%R~" : p.permissions == AclSelector::kWrite ? "%W~" : "~";
    AddWord(&text, prefix + p.pattern);
  }
  return text;
}

std::string DescribeChannels(const AclSelector& selector) {
  if (selector.all_channels()) return "&*";
  std::string text;
  for (const std::string& pattern : selector.channels()) AddWord(&text, '&' + pattern);
  return text;
}

std::string DescribeSelector(const CommandTable& table, const AclSelector& selector) {
  std::string text = DescribeKeys(selector);
  if (!selector.all_channels()) AddWord(&text, "resetchannels");
  if (std::string channels = DescribeChannels(selector); !channels.empty()) AddWord(&text, channels);
  AddWord(&text, DescribeCommands(table, selector));
  return text;
}

}  // namespace slotwise
