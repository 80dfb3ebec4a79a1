// Rules of one selector: what they allow, how they read back, and which are refused.
#include "acl/describe.h"
#include "acl/selector.h"
#include "base/random.h"
#include "base/split_args.h"
#include "test.h"

namespace slotwise::test {
namespace {

const CommandTable& Table() {
  static const CommandTable table;
  return table;
}

AclError Apply(AclSelector* selector, std::string_view rules) {
  std::vector<std::string> words;
  SplitArgs(rules, &words);
  for (const std::string& word : words)
    if (AclError error = selector->Apply(Table(), word); error != AclError::kNone) return error;
  return AclError::kNone;
}

// "" if allowed, else "command", or the argument that is denied.
std::string Denied(std::string_view rules, std::string_view call_line) {
  AclSelector selector;
  if (Apply(&selector, rules) != AclError::kNone) return "<bad rules>";
  std::vector<std::string> words;
  SplitArgs(call_line, &words);
  std::vector<std::string_view> args(words.begin(), words.end());
  const Command* command = FindAclCommand(Table(), args[0]);
  if (command->is_container && args.size() > 1) command = FindAclCommand(Table(), words[0] + "|" + words[1]);
  AclCall call(*command, args);
  std::size_t at = 0;
  switch (selector.Check(call, &at)) {
    case AclDenial::kNone: return "";
    case AclDenial::kCommand: return "command";
    case AclDenial::kKey: return "key " + words[at];
    default: return "channel " + words[at];
  }
}

std::string Commands(std::string_view rules) {
  AclSelector selector;
  return Apply(&selector, rules) == AclError::kNone ? DescribeCommands(Table(), selector) : "<bad rules>";
}

std::string Described(std::string_view rules) {
  AclSelector selector;
  return Apply(&selector, rules) == AclError::kNone ? DescribeSelector(Table(), selector) : "<bad rules>";
}

AclError Error(std::string_view rules) {
  AclSelector selector;
  return Apply(&selector, rules);
}

ONE_THREAD_TEST(AclSelector, CommandsAreDeniedUntilAllowed) {
  EXPECT_EQ(Denied("~*", "GET a"), "command");
  EXPECT_EQ(Denied("~* +get", "GET a"), "");
  EXPECT_EQ(Denied("~* +GeT", "get a"), "");
  EXPECT_EQ(Denied("~* +get", "SET a b"), "command");
  EXPECT_EQ(Denied("~* allcommands -get", "GET a"), "command");
  EXPECT_EQ(Denied("~* +@all nocommands", "GET a"), "command");
  EXPECT_EQ(Denied("~* +@string -append", "APPEND a b"), "command");
  EXPECT_EQ(Denied("~* +@STRING", "SETRANGE a 0 b"), "");
  EXPECT_EQ(Denied("~* +@all -@write", "SET a b"), "command");
  EXPECT_EQ(Denied("~* +@all -@write", "GET a"), "");
}

ONE_THREAD_TEST(AclSelector, WhoMayDoNothingMayStillLogIn) {
  for (const char* line : {"AUTH a b", "HELLO 3", "QUIT", "RESET"}) EXPECT_EQ(Denied("", line), "");
}

ONE_THREAD_TEST(AclSelector, SubcommandsAreCommandsOfTheirOwn) {
  EXPECT_EQ(Denied("+config|get", "CONFIG GET a"), "");
  EXPECT_EQ(Denied("+config|get", "CONFIG SET a b"), "command");
  EXPECT_EQ(Denied("+config -config|set", "CONFIG SET a b"), "command");
  EXPECT_EQ(Denied("+config -config|set", "CONFIG GET a"), "");
  EXPECT_EQ(Denied("+config|get -config", "CONFIG GET a"), "command");
  EXPECT_EQ(Denied("+@all -config +config|get", "CONFIG GET a"), "");
}

ONE_THREAD_TEST(AclSelector, FirstArgumentsOpenACommandPartly) {
  EXPECT_EQ(Denied("+select|0", "SELECT 0"), "");
  EXPECT_EQ(Denied("+select|0", "SELECT 1"), "command");
  EXPECT_EQ(Denied("+select|0 +select|1", "SELECT 1"), "");
  EXPECT_EQ(Denied("+select|0 -select", "SELECT 0"), "command");
  EXPECT_EQ(Denied("+debug|Object ~*", "DEBUG OBJECT k"), "");
  EXPECT_EQ(Denied("+debug|object ~*", "DEBUG SLEEP 1"), "command");
}

ONE_THREAD_TEST(AclSelector, KeysByPatternAndByWhatHappensToThem) {
  EXPECT_EQ(Denied("+@all ~a*", "GET ab"), "");
  EXPECT_EQ(Denied("+@all ~a*", "GET ba"), "key ba");
  EXPECT_EQ(Denied("+@all ~a* ~b", "MGET a b c"), "key c");
  EXPECT_EQ(Denied("+@all ~a* ~b", "MSET a 1 c 2"), "key c");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "GET r"), "");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "GET w"), "key w");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "SET w 1"), "");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "SET w 1 GET"), "key w");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "SET r 1"), "key r");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "COPY r w"), "");
  EXPECT_EQ(Denied("+@all %R~r* %W~w*", "COPY w r"), "key w");
  EXPECT_EQ(Denied("+@all %rw~x", "INCR x"), "");
  EXPECT_EQ(Denied("+@all %R~x", "INCR x"), "key x");
  // Whether something exists may be asked by whoever may do anything with it.
  EXPECT_EQ(Denied("+@all %R~r %W~w", "EXISTS r w"), "");
  EXPECT_EQ(Denied("+@all %R~r %W~w", "EXISTS r x"), "key x");
  EXPECT_EQ(Denied("+@all %R~r %W~w", "BITFIELD r GET u4 0"), "");
  EXPECT_EQ(Denied("+@all %R~r %W~w", "BITFIELD w SET u4 0 1"), "key w");
  // Commands without keys, and calls that are no calls.
  EXPECT_EQ(Denied("+@all", "PING"), "");
  EXPECT_EQ(Denied("+@all ~a", "EVAL x 3 a"), "");
  EXPECT_EQ(Denied("+@all ~a", "EVAL x 1 b"), "key b");
  EXPECT_EQ(Denied("+@all %R~r %W~w", "SORT r STORE w"), "");
  EXPECT_EQ(Denied("+@all %R~r %W~w", "SORT r STORE r"), "key r");
  EXPECT_EQ(Denied("+@all ~a", "OBJECT ENCODING b"), "key b");
  EXPECT_EQ(Denied("+@all ~a", "MIGRATE h 1 \"\" 0 5 KEYS a b"), "key b");
}

ONE_THREAD_TEST(AclSelector, AnEmptyPatternFitsTheEmptyKeyOnly) {
  EXPECT_EQ(Denied("+@all %R~", "GET x"), "key x");
  EXPECT_EQ(Denied("+@all %R~", "GET \"\""), "");
  EXPECT_EQ(Denied("+@all ~", "GET x"), "key x");
}

ONE_THREAD_TEST(AclSelector, ChannelsByPatternAndPatternsLiterally) {
  EXPECT_EQ(Denied("+@all &a*", "PUBLISH ab x"), "");
  EXPECT_EQ(Denied("+@all &a*", "PUBLISH b a"), "channel b");
  EXPECT_EQ(Denied("+@all &a*", "SPUBLISH b a"), "channel b");
  EXPECT_EQ(Denied("+@all &a*", "SUBSCRIBE ab ac b"), "channel b");
  EXPECT_EQ(Denied("+@all &a*", "SSUBSCRIBE ab b"), "channel b");
  EXPECT_EQ(Denied("+@all &a*", "PSUBSCRIBE a*"), "");
  EXPECT_EQ(Denied("+@all &a*", "PSUBSCRIBE ab*"), "channel ab*");
  EXPECT_EQ(Denied("+@all", "UNSUBSCRIBE x"), "");
  EXPECT_EQ(Denied("+@all", "PUNSUBSCRIBE x"), "");
  EXPECT_EQ(Denied("+@all allchannels", "PSUBSCRIBE x*"), "");
  EXPECT_EQ(Denied("+@all allchannels resetchannels", "SUBSCRIBE x"), "channel x");
}

ONE_THREAD_TEST(AclSelector, RefusesWhatMakesNoSense) {
  EXPECT_EQ(Error("+nosuch"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("-nosuch"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("+@nosuch"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("+config|nosuch"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("-config|nosuch"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("-select|1"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("+nosuch|1"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("+select|"), AclError::kSyntax);
  EXPECT_EQ(Error("+config|get|x"), AclError::kFirstArgOfSubcommand);
  EXPECT_EQ(Error("+"), AclError::kUnknownCommand);
  EXPECT_EQ(Error("x"), AclError::kSyntax);
  EXPECT_EQ(Error("on"), AclError::kSyntax);  // says something of a user, not of a selector
  EXPECT_EQ(Error(">x"), AclError::kSyntax);
  EXPECT_EQ(Error("~* ~a"), AclError::kPatternAfterAll);
  EXPECT_EQ(Error("allkeys %R~a"), AclError::kPatternAfterAll);
  EXPECT_EQ(Error("~* resetkeys ~a"), AclError::kNone);
  EXPECT_EQ(Error("&* &a"), AclError::kChannelAfterAll);
  EXPECT_EQ(Error("%X~a"), AclError::kSyntax);
  EXPECT_EQ(Error("%RR~a"), AclError::kSyntax);
  EXPECT_EQ(Error("%~a"), AclError::kSyntax);
  EXPECT_EQ(Error("%"), AclError::kSyntax);
  EXPECT_EQ(Error("%R~"), AclError::kNone);
  EXPECT_EQ(Error("\"~a b\""), AclError::kSyntax);
  EXPECT_EQ(Error("\"~a\\x00\""), AclError::kSyntax);
  EXPECT_EQ(Error("\"&a\\tb\""), AclError::kSyntax);
}

ONE_THREAD_TEST(AclSelector, PatternsHaveAnEnd) {
  AclSelector selector;
  for (std::size_t i = 0; i < AclSelector::kPatternsMax; ++i) ASSERT_TRUE(selector.Apply(Table(), "~" + std::to_string(i)) == AclError::kNone);
  EXPECT_EQ(selector.Apply(Table(), "~x"), AclError::kTooMany);
  EXPECT_EQ(selector.Apply(Table(), "~0"), AclError::kNone);  // it is there
}

ONE_THREAD_TEST(AclDescribe, SaysKeysChannelsAndCommands) {
  EXPECT_EQ(Described(""), "resetchannels -@all");
  EXPECT_EQ(Described("~* &* +@all"), "~* &* +@all");
  EXPECT_EQ(Described("~a ~b %R~c %W~d &e +get"), "~a ~b %R~c %W~d resetchannels &e -@all +get");
  EXPECT_EQ(Described("%R~a %W~a %RW~b"), "~a ~b resetchannels -@all");
  EXPECT_EQ(Described("~a ~a &b &b"), "~a resetchannels &b -@all");
}

ONE_THREAD_TEST(AclDescribe, OneCategoryIsOneWord) {
  for (const char* name : AclCategoryNames()) {
    const std::string category = name;
    EXPECT_EQ(Commands("+@all -@" + category), "+@all -@" + category);
    EXPECT_EQ(Commands("-@all +@" + category), "-@all +@" + category);
  }
}

ONE_THREAD_TEST(AclDescribe, WhatRemainsIsSaidCommandByCommand) {
  EXPECT_EQ(Commands("+@all -client|kill"), "+@all -client|kill");
  EXPECT_EQ(Commands("+@all -client +client|id +client|setname"), "+@all -client +client|id +client|setname");
  EXPECT_EQ(Commands("+config -config|set"), "-@all +config -config|set");
  EXPECT_EQ(Commands("+@string -incr +acl +debug"), "-@all +@string +acl +debug -incr");
  EXPECT_EQ(Commands("+select|0 +select|1 +get"), "-@all +get +select|0 +select|1");
  EXPECT_EQ(Commands("+@all -select +select|0"), "+@all -select +select|0");
  EXPECT_EQ(Commands("+select|0 +@all"), "+@all");
  EXPECT_EQ(Commands("+memory|doctor +memory"), "-@all +memory");
  EXPECT_EQ(Commands("+@all -memory"), "+@all -memory");
}

// Whatever was said, what is described says the same again.
ONE_THREAD_TEST(AclDescribe, ReadsBackAsItWas) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    AclSelector selector;
    if (random.Below(2) == 0) selector.SetAllCommands(true);
    for (std::uint64_t i = random.Below(8); i > 0; --i) {
      const bool allowed = random.Below(2) == 0;
      if (random.Below(3) == 0) selector.SetCategory(Table(), 1u << random.Below(AclCategoryNames().size()), allowed);
      else selector.SetCommand(Table(), Table().At(random.Below(Table().size())), allowed);
    }
    AclSelector again;
    ASSERT_TRUE(Apply(&again, DescribeCommands(Table(), selector)) == AclError::kNone);
    EXPECT_TRUE(again.SameCommands(selector));
  }
}

}  // namespace
}  // namespace slotwise::test
