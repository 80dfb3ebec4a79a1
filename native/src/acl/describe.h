// Describe: permissions as the rules that would give them: what ACL LIST, ACL GETUSER, ACL SAVE and CONFIG REWRITE show.
// Commands are described by the categories that fit best and then by what remains; every step is also applied to a
// selector of its own, which in the end must equal the one described.
// Source: the form in which Redis 7.0 shows rules. Its order within a rule set is not fixed; here it is the table's.
#pragma once
#include <string>

#include "acl/selector.h"

namespace slotwise {

std::string DescribeCommands(const CommandTable& table, const AclSelector& selector);  // "+@all -@dangerous"
std::string DescribeKeys(const AclSelector& selector);      // "~a* %R~b"; "~*"
std::string DescribeChannels(const AclSelector& selector);  // "&a*"; "&*"
// All three, as one would type them.
std::string DescribeSelector(const CommandTable& table, const AclSelector& selector);

}  // namespace slotwise
