// User file: the text of an `aclfile`: a line `user NAME rules...` for each user, and nothing else, not even comments,
// since ACL SAVE writes the file anew. A file with any mistake is refused as a whole, with all its mistakes named.
// Pure: reading and replacing the file is base/atomic_file.h.
// Source: Redis 7.0 ACL LOAD.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "acl/users.h"

namespace slotwise {

using AclUserMap = std::map<std::string, AclUser, std::less<>>;

// What is wrong with it, in Redis's words; empty if nothing is, and `*users` is what it says. `path`: for the words.
std::string ParseAclFile(const CommandTable& table, std::string_view text, const std::string& path, bool all_channels, AclUserMap* users);

std::string FormatAclFile(const CommandTable& table, std::span<const AclUsers::View> users);
// "user alice on ...": a line of an ACL file, of redis.conf, and of ACL LIST.
std::string FormatAclUser(const CommandTable& table, const AclUsers::View& user);

}  // namespace slotwise
