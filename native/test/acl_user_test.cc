// A user: flags, passwords, selectors, and the users of a file.
#include "acl/user_file.h"
#include "base/sha256.h"
#include "base/split_args.h"
#include "test.h"

namespace slotwise::test {
namespace {

const CommandTable& Table() {
  static const CommandTable table;
  return table;
}

const std::string kHash = "34344e4d60c2b6d639b7bd22e18f2b0b91bc34bf0ac5f9952744435093cfb4e6";  // of "passwd4"

AclRefusal Apply(AclUser* user, std::string_view line, bool all_channels = false) {
  std::vector<std::string> words;
  SplitArgs(line, &words);
  std::vector<std::string_view> views(words.begin(), words.end());
  std::vector<std::string> rules;
  std::size_t unmatched = 0;
  if (!MergeAclSelectors(views, &rules, &unmatched)) return {AclError::kSyntax, "unmatched " + std::to_string(unmatched)};
  return user->ApplyAll(Table(), rules, all_channels);
}

std::string Described(std::string_view line) {
  AclUser user(false);
  AclRefusal refusal = Apply(&user, line);
  return refusal.error == AclError::kNone ? user.Describe(Table()) : "<" + refusal.rule + ": " + AclErrorText(refusal.error) + ">";
}

ONE_THREAD_TEST(Sha256, StandardVectors) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(Sha256Hex("passwd4"), kHash);
}

ONE_THREAD_TEST(AclUser, Passwords) {
  AclUser user(false);
  Apply(&user, "on >passwd4 >other");
  EXPECT_TRUE(user.HasPassword(kHash));
  EXPECT_TRUE(user.HasPassword(Sha256Hex("other")));
  EXPECT_FALSE(user.HasPassword(Sha256Hex("")));
  EXPECT_EQ(user.passwords().size(), 2u);
  Apply(&user, "#" + kHash);
  EXPECT_EQ(user.passwords().size(), 2u);  // the same again
  Apply(&user, "<other");
  EXPECT_FALSE(user.HasPassword(Sha256Hex("other")));
  EXPECT_EQ(Apply(&user, "<other").error, AclError::kNoSuchPassword);
  EXPECT_EQ(Apply(&user, "!" + kHash).error, AclError::kNone);
  EXPECT_EQ(Apply(&user, "!" + kHash).error, AclError::kNoSuchPassword);
  for (const std::string& bad : {std::string("#"), "#" + kHash.substr(1), "#" + kHash + "a", "#G" + kHash.substr(1), "!x" + kHash.substr(1)}) {
    EXPECT_EQ(Apply(&user, bad).error, AclError::kBadHash);
  }
  Apply(&user, "nopass");
  EXPECT_TRUE(user.nopass());
  Apply(&user, ">x");
  EXPECT_FALSE(user.nopass());
  Apply(&user, "nopass resetpass");
  EXPECT_FALSE(user.nopass());
  EXPECT_TRUE(user.passwords().empty());
}

ONE_THREAD_TEST(AclUser, FlagsInTheirOrder) {
  EXPECT_EQ(Described(""), "off resetchannels -@all");
  EXPECT_EQ(Described("ON NOPASS"), "on nopass resetchannels -@all");
  EXPECT_EQ(Described("skip-sanitize-payload on"), "on skip-sanitize-payload resetchannels -@all");
  EXPECT_EQ(Described("sanitize-payload"), "off sanitize-payload resetchannels -@all");
  EXPECT_EQ(Described("on nopass ~* &* +@all (+get ~a) reset"), "off sanitize-payload resetchannels -@all");
  EXPECT_EQ(Described("on >passwd4 +get"), "on #" + kHash + " resetchannels -@all +get");
  EXPECT_EQ(AclUser::Default(Table()).Describe(Table()), "on nopass ~* &* +@all");
}

ONE_THREAD_TEST(AclUser, NewSelectorsFollowThePubsubDefault) {
  AclUser user(true);
  Apply(&user, "(+get)", true);
  EXPECT_EQ(user.Describe(Table()), "off &* -@all (&* -@all +get)");
  Apply(&user, "reset", true);
  EXPECT_EQ(user.Describe(Table()), "off sanitize-payload &* -@all");
  Apply(&user, "reset", false);
  EXPECT_EQ(user.Describe(Table()), "off sanitize-payload resetchannels -@all");
}

ONE_THREAD_TEST(AclUser, SelectorsMayBeSplitAtSpaces) {
  EXPECT_EQ(Described("(+get ~a)"), "off resetchannels -@all (~a resetchannels -@all +get)");
  EXPECT_EQ(Described("( +get ~a )"), "off resetchannels -@all (~a resetchannels -@all +get)");
  EXPECT_EQ(Described("\"(+get ~a)\" (~b)"), "off resetchannels -@all (~a resetchannels -@all +get) (~b resetchannels -@all)");
  EXPECT_EQ(Described("()"), "off resetchannels -@all (resetchannels -@all)");
  EXPECT_EQ(Described("(~a) clearselectors"), "off resetchannels -@all");
  EXPECT_EQ(Described("(abc"), "<unmatched 0: Syntax error>");
  EXPECT_EQ(Described("+get ( +get"), "<unmatched 1: Syntax error>");
  EXPECT_EQ(Described(")"), "<): Syntax error>");
  EXPECT_EQ(Described("\" () \""), "< () : Syntax error>");
  EXPECT_EQ(Described("(this-is-invalid)"), "<(this-is-invalid): Syntax error>");
  EXPECT_TRUE(Described("(&* &fail)").starts_with("<(&* &fail): Adding a pattern after the * pattern (or the 'allchannels' flag)"));
}

ONE_THREAD_TEST(AclUser, ARefusedRuleUndoesThoseBeforeIt) {
  AclUser user(false);
  Apply(&user, "on +get");
  AclRefusal refusal = Apply(&user, "off >x +set +nosuch ~a");
  EXPECT_EQ(refusal.rule, "+nosuch");
  EXPECT_EQ(user.Describe(Table()), "on resetchannels -@all +get");
}

ONE_THREAD_TEST(AclUser, SelectorsAndPasswordsHaveAnEnd) {
  std::vector<std::string> rules(1000000, "(+get ~a)");
  AclUser user(false);
  EXPECT_EQ(user.ApplyAll(Table(), rules, false).error, AclError::kTooMany);
  rules.resize(AclUser::kSelectorsMax);
  EXPECT_EQ(user.ApplyAll(Table(), rules, false).error, AclError::kNone);
  EXPECT_EQ(user.Apply(Table(), "()", false), AclError::kTooMany);
  for (std::size_t i = 0; i < AclUser::kPasswordsMax; ++i) ASSERT_TRUE(user.Apply(Table(), ">" + std::to_string(i), false) == AclError::kNone);
  EXPECT_EQ(user.Apply(Table(), ">x", false), AclError::kTooMany);
}

ONE_THREAD_TEST(AclUser, OneSelectorMustAllowAllOfACall) {
  AclUser user(false);
  Apply(&user, "on (%R~read* +@all) (%W~write* +@all)");
  auto denied = [&](std::vector<std::string_view> args) {
    std::size_t at = 0;
    return user.Check(*FindAclCommand(Table(), args[0]), args, &at);
  };
  EXPECT_EQ(denied({"get", "read1"}), AclDenial::kNone);
  EXPECT_EQ(denied({"lpush", "write1", "x"}), AclDenial::kNone);
  EXPECT_EQ(denied({"copy", "read", "write"}), AclDenial::kKey);
  EXPECT_EQ(denied({"copy", "write", "read"}), AclDenial::kKey);
}

ONE_THREAD_TEST(AclUser, TheDenialThatTellsMostIsReported) {
  AclUser user(false);
  Apply(&user, "+mget ~key (+mget ~key ~otherkey)");
  auto denied = [&](std::vector<std::string_view> args) {
    std::size_t at = 0;
    AclDenial denial = user.Check(*FindAclCommand(Table(), args[0]), args, &at);
    return std::to_string(static_cast<int>(denial)) + " " + std::string(args[at]);
  };
  EXPECT_EQ(denied({"get", "key"}), "1 get");
  EXPECT_EQ(denied({"mget", "otherkey", "someotherkey"}), "2 someotherkey");
  EXPECT_EQ(denied({"mget", "key", "otherkey", "someotherkey"}), "2 someotherkey");
}

ONE_THREAD_TEST(AclUser, WhoMayReadEveryKey) {
  const std::vector<std::string_view> args{"sort", "mylist", "by", "v*"};
  const Command& sort = *FindAclCommand(Table(), "sort");
  auto may = [&](std::string_view rules) {
    AclUser user(false);
    Apply(&user, rules);
    return user.CheckWithAnyKey(sort, args, key_flag::kAccess);
  };
  EXPECT_FALSE(may("(+sort ~mylist)"));
  EXPECT_FALSE(may("(+sort ~mylist ~v*)"));
  EXPECT_FALSE(may("(+sort ~mylist %W~*)"));
  EXPECT_TRUE(may("(+sort ~mylist %R~*)"));
  EXPECT_TRUE(may("+sort ~*"));
  EXPECT_FALSE(may("~*"));
}

ONE_THREAD_TEST(AclFile, UsersAndTheirRules) {
  AclUserMap users;
  const std::string text = "user alice on allcommands allkeys &* >alice\n\n  user bob on -@all +@set +acl ~set* &* >bob\r\nuser default on nopass ~* &* +@all";
  EXPECT_EQ(ParseAclFile(Table(), text, "user.acl", false, &users), "");
  ASSERT_TRUE(users.size() == 3);
  EXPECT_EQ(users.find("alice")->second.Describe(Table()), "on #" + Sha256Hex("alice") + " ~* &* +@all");
  EXPECT_EQ(users.find("bob")->second.Describe(Table()), "on #" + Sha256Hex("bob") + " ~set* &* -@all +@set +acl");
  EXPECT_EQ(ParseAclFile(Table(), "user bob on (+set %W~w*) (+get %R~r*)", "x", false, &users), "");
  EXPECT_EQ(users.find("bob")->second.Describe(Table()), "on resetchannels -@all (%W~w* resetchannels -@all +set) (%R~r* resetchannels -@all +get)");
  EXPECT_EQ(ParseAclFile(Table(), "", "x", false, &users), "");
  EXPECT_TRUE(users.empty());
}

ONE_THREAD_TEST(AclFile, EveryMistakeIsNamed) {
  const std::string end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
  AclUserMap users;
  auto errors = [&](std::string_view text) { return ParseAclFile(Table(), text, "f", false, &users); };
  EXPECT_EQ(errors("user a on\nuser a off\n"), "WARNING: Duplicate user 'a' found on line 2. " + end);
  EXPECT_EQ(errors("# comment"), "f:1 should start with user keyword followed by the username. " + end);
  EXPECT_EQ(errors("user"), "f:1 should start with user keyword followed by the username. " + end);
  EXPECT_EQ(errors("\n\nuser a +@nosuch +x on +get"), "f:3: Error in applying operation '+@nosuch': Unknown command or category name in ACL. "
                                                      "f:3: Error in applying operation '+x': Unknown command or category name in ACL. " + end);
  EXPECT_EQ(errors("user a zzz yyy\nuser b on #12"), "f:1: Syntax error. f:2: The password hash must be exactly 64 characters and contain only "
                                                     "lowercase hexadecimal characters. " + end);
  EXPECT_EQ(errors("user a (+get"), "f:1: Unmatched parenthesis in selector definition." + end);
  EXPECT_EQ(errors("user a\tb on"), "'f:1: username 'a\tb' contains invalid characters. " + end);
}

ONE_THREAD_TEST(AclFile, WhatIsWrittenReadsBack) {
  AclUserMap users;
  const std::string text = "user bob on skip-sanitize-payload #" + kHash + " ~a %R~b resetchannels &c -@all +@set +select|0 (~d &* +@all -@write)\n"
                           "user default on nopass ~* &* +@all\n";
  EXPECT_EQ(ParseAclFile(Table(), text, "f", false, &users), "");
  std::vector<AclUsers::View> views;
  for (const auto& [name, user] : users) views.push_back({std::make_shared<AclAccount>(name), std::make_shared<const AclUser>(user), 1});
  EXPECT_EQ(FormatAclFile(Table(), views), text);
}

}  // namespace
}  // namespace slotwise::test
