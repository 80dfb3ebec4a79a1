// The command table: lookup, resolution with Redis's error texts, renaming, key positions, and what COMMAND prints.
// Expected key positions and texts are those of redis-server 7.0.15; packages/node/test/command-table.test.ts compares
// every command of a running server with it.
#include "commands/command_table.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "commands/command_info.h"
#include "commands/key_positions.h"
#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

void Nothing(CommandContext&) {}

// A table in which every command that is no mere container has a handler.
const CommandTable& FullTable() {
  static const auto entries = [] {
    std::vector<HandlerEntry> all;
    for (const CommandSpec& spec : CommandSpecs())
      if (spec.subcommand_count == 0 || spec.name == "command") all.push_back({spec.full_name.data(), Nothing});
    return all;
  }();
  static const CommandTable table(entries);
  return table;
}

std::vector<std::string_view> Split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    std::size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end) == "\"\"" ? std::string_view("") : line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return upper;
}

std::string ErrorOf(const CommandTable& table, std::span<const std::string_view> args) {
  const CommandTable::Resolution resolution = table.Resolve(args);
  if (resolution.outcome == CommandTable::Outcome::kOk) return "ok " + std::string(resolution.command->full_name());
  return CommandTable::ErrorText(resolution, args);
}
std::string ErrorOf(const CommandTable& table, std::string_view line) { return ErrorOf(table, Split(line)); }

// "0:RO,access 2:OW,update"; "invalid" if the arguments cannot be valid.
std::string KeysOf(std::string_view line, bool with_channels = false) {
  const std::vector<std::string_view> args = Split(line);
  const Command* command = FullTable().Resolve(args).command;
  if (command == nullptr) return "no command";
  std::vector<KeyPosition> keys;
  if (ExtractKeys(*command, args.data(), args.size(), &keys, with_channels) < 0) return "invalid";
  std::string text;
  for (const KeyPosition& key : keys) {
    text += (text.empty() ? "" : " ") + std::to_string(key.index);
    char separator = ':';
    for (std::size_t bit = 0; bit < KeyFlagNames().size(); ++bit) {
      if ((key.flags >> bit & 1) == 0) continue;
      text += separator;
      text += KeyFlagNames()[bit];
      separator = ',';
    }
  }
  return text;
}

std::string IndexesOf(std::string_view line) {
  const std::vector<std::string_view> args = Split(line);
  const Command* command = FullTable().Resolve(args).command;
  std::string text;
  ForEachKeyIndex(*command, args.data(), args.size(),
                  [&](std::size_t index) { text += (text.empty() ? "" : " ") + std::to_string(index); });
  return text;
}

std::string Written(int protocol, void (*write)(ReplyWriter&, const CommandTable&, const Command&),
                    const CommandTable& table, std::string_view full_name) {
  OutBuffer buffer;
  ReplyWriter reply(buffer, protocol);
  write(reply, table, *table.FindFullName(full_name));
  std::string text;
  buffer.CopyTo(&text);
  std::erase(text, '\r');
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

TEST(CommandTable, HoldsEveryCommandOfRedis7AndThoseOfItsOwn) {
  EXPECT_EQ(CommandSpecs().size(), 366u + 3 + 4 + 15);
  EXPECT_EQ(FullTable().known_count(), 240u + 3 + 3 + 5);
}

TEST(CommandTable, FindsEveryNameInAnyCase) {
  const CommandTable& table = FullTable();
  for (const Command& command : table.all()) {
    const std::string_view name = command.full_name();
    EXPECT_EQ(table.FindFullName(name), &command);
    EXPECT_EQ(table.FindFullName(Upper(name)), &command);
  }
}

TEST(CommandTable, DoesNotFindWhatIsOnlySimilar) {
  const CommandTable& table = FullTable();
  for (const Command& command : table.all()) {
    if (command.container != nullptr) continue;
    const std::string name(command.full_name());
    for (std::size_t i = 0; i < name.size(); ++i) {
      // 0x20 is the bit between the cases, 0x80 the one above ASCII: careless folding would drop either.
      for (unsigned flip : {0x01u, 0x10u, 0x40u, 0x80u}) {
        std::string other = name;
        other[i] = static_cast<char>(static_cast<unsigned char>(other[i]) ^ flip);
        const Command* found = table.Find(other);
        if (found != nullptr) EXPECT_EQ(std::string(found->full_name()), other);
      }
      if (name[i] == '-' || name[i] == '_') {
        std::string other = name;
        other[i] = static_cast<char>(other[i] ^ 0x20);
        EXPECT_TRUE(table.Find(other) == nullptr);
      }
    }
    EXPECT_TRUE(table.Find(name + '\0') == nullptr);
    EXPECT_TRUE(table.Find(" " + name) == nullptr);
  }
  EXPECT_TRUE(table.Find("") == nullptr);
  EXPECT_TRUE(table.Find("georadiusbymemberXro") == nullptr);  // differs only in the middle, beyond both words
  EXPECT_TRUE(table.Find("georadius_xxmember_ro") == nullptr);
  EXPECT_TRUE(table.Find(std::string(100000, 'g')) == nullptr);
}

TEST(CommandTable, ACommandWithoutHandlerIsUnknown) {
  const HandlerEntry entries[] = {{"get", Nothing}, {"config|get", Nothing}};
  const CommandTable table(entries);
  EXPECT_EQ(table.known_count(), 2u);
  EXPECT_TRUE(table.Find("set") == nullptr);
  ASSERT_TRUE(table.Find("config") != nullptr);
  EXPECT_TRUE(table.FindFullName("config|set") == nullptr);
  EXPECT_EQ(ErrorOf(table, "set a b"), "ERR unknown command 'set', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(ErrorOf(table, "config set a b"), "ERR unknown subcommand 'set'. Try CONFIG HELP.");
  EXPECT_TRUE(table.At(CommandId::kSet).handler == nullptr);
  EXPECT_TRUE(table.At(CommandId::kGet).handler == Nothing);
}

TEST(CommandTable, ErrorsAreRedissWords) {
  const struct {
    const char* line;
    const char* expected;
  } kCases[] = {
      {"get a", "ok get"},
      {"GeT a", "ok get"},
      {"CONFIG gEt a", "ok config|get"},
      {"command", "ok command"},
      {"command count", "ok command|count"},
      {"foo", "ERR unknown command 'foo', with args beginning with: "},
      {"foo a bb", "ERR unknown command 'foo', with args beginning with: 'a' 'bb' "},
      {"get", "ERR wrong number of arguments for 'get' command"},
      {"GET a b", "ERR wrong number of arguments for 'get' command"},
      {"config", "ERR wrong number of arguments for 'config' command"},
      {"Config Set a", "ERR wrong number of arguments for 'config|set' command"},
      {"Config foo", "ERR unknown subcommand 'foo'. Try CONFIG HELP."},
      {"object Foo bar", "ERR unknown subcommand 'Foo'. Try OBJECT HELP."},
      {"command foo", "ERR unknown subcommand 'foo'. Try COMMAND HELP."},
      {"config|get a", "ERR unknown command 'config|get', with args beginning with: 'a' "},
  };
  for (const auto& c : kCases) EXPECT_EQ(ErrorOf(FullTable(), c.line), c.expected);
}

TEST(CommandTable, LongArgumentsAreCutInErrorsAsInRedis) {
  const std::string a(200, 'a'), b(100, 'b'), c(100, 'c');
  const std::string_view unknown[] = {a, b, c, "d"};
  EXPECT_EQ(ErrorOf(FullTable(), unknown), "ERR unknown command '" + a.substr(0, 128) +
                                               "', with args beginning with: '" + b + "' '" + c.substr(0, 25) + "' ");
  const std::string_view sub[] = {"object", a};
  EXPECT_EQ(ErrorOf(FullTable(), sub), "ERR unknown subcommand '" + a.substr(0, 128) + "'. Try OBJECT HELP.");
  const std::string_view nul[] = {std::string_view("x\0y", 3), std::string_view("p\0q", 3)};
  EXPECT_EQ(ErrorOf(FullTable(), nul), "ERR unknown command 'x', with args beginning with: 'p' ");
}

TEST(CommandTable, RenamedCommandsAnswerToTheNewNameOnly) {
  const HandlerEntry entries[] = {{"get", Nothing}, {"set", Nothing}, {"flushall", Nothing}, {"config|get", Nothing}};
  CommandTable table(entries);
  ASSERT_TRUE(table.Rename("GET", "Fetch").ok());
  EXPECT_TRUE(table.Find("get") == nullptr);
  ASSERT_TRUE(table.Find("FETCH") == &table.At(CommandId::kGet));
  EXPECT_EQ(ErrorOf(table, "fetch"), "ERR wrong number of arguments for 'get' command");
  ASSERT_TRUE(table.Rename("flushall", "").ok());
  EXPECT_TRUE(table.Find("flushall") == nullptr);
  EXPECT_EQ(table.known_count(), 3u);
  ASSERT_TRUE(table.Rename("config", "a-name-of-more-than-sixteen-bytes").ok());
  EXPECT_TRUE(table.Find("A-Name-of-more-than-sixteen-bytes") != nullptr);
  EXPECT_TRUE(table.Find("a-name-of-more-THEN-sixteen-bytes") == nullptr);
  EXPECT_EQ(ErrorOf(table, "a-name-of-more-than-sixteen-bytes x"),
            "ERR unknown subcommand 'x'. Try A-NAME-OF-MORE-THAN-SIXTEEN-BYTES HELP.");

  EXPECT_EQ(table.Rename("get", "x").message(), "No such command in rename-command");
  EXPECT_EQ(table.Rename("fetch", "set").message(), "Target command name already exists");
  EXPECT_TRUE(table.Find("fetch") != nullptr);
  EXPECT_TRUE(table.Rename("fetch", "fetch").ok());
  EXPECT_TRUE(table.Rename("migrate", "").ok());  // known to Redis, though not served here
}

TEST(KeyPositions, AreThoseOfRedis) {
  const struct {
    const char* line;
    const char* expected;
  } kCases[] = {
      {"get k", "1:RO,access"},
      {"ping", ""},
      {"publish c m", ""},
      {"spublish c m", ""},
      {"mset a 1 b 2", "1:OW,update 3:OW,update"},
      {"mset a 1 b", "1:OW,update 3:OW,update"},
      {"object encoding k", "2:RO"},
      {"memory usage k", "2:RO"},
      {"xgroup create k g 0", "2:RW,insert"},
      {"bitop and d a b", "2:OW,update 3:RO,access 4:RO,access"},
      {"copy a b db 1", "1:RO,access 2:OW,update"},
      {"rename a b", "1:RW,access,delete 2:OW,update"},
      {"blpop a b 0", "1:RW,access,delete 2:RW,access,delete"},
      {"blpop a 0", "1:RW,access,delete"},
      {"pfmerge d", "invalid"},
      {"pfmerge d a", "1:RW,access,insert 2:RO,access"},
      // A number of keys tells how many follow.
      {"eval s 0", ""},
      {"eval s 0 a", ""},
      {"eval s 2 a b c", "3:RW,access,update 4:RW,access,update"},
      {"eval s 3 a", "invalid"},
      {"eval s -1", "invalid"},
      {"eval s x", "invalid"},
      {"fcall_ro f 1 a", "3:RO,access"},
      {"zunionstore d 2 a b", "1:OW,update 3:RO,access 4:RO,access"},
      {"zunionstore d 5 a", "invalid"},
      {"zunionstore d 0 a", "invalid"},
      {"zunionstore d x a", "invalid"},
      {"sintercard 18446744073709551617 a", "invalid"},
      {"lmpop 2 a b left", "2:RW,access,delete 3:RW,access,delete"},
      {"blmpop 0 2 a b left", "3:RW,access,delete 4:RW,access,delete"},
      // After a keyword, half of what follows.
      {"xread streams a 1", "2:RO,access"},
      {"xread count 1 block 0 streams a b 1 2", "6:RO,access 7:RO,access"},
      {"xread streams a b c", "2:RO,access"},
      {"xread count 1 block", ""},
      {"xreadgroup group g streams streams a 1", "5:RO,access"},
      // The rules that specs cannot express.
      {"set k v", "1:OW,update"},
      {"set k v nx GET", "1:RW,access,update"},
      {"set get v", "1:OW,update"},
      {"bitfield k", "1:RO,access"},
      {"bitfield k get u8 0 overflow wrap get u8 1", "1:RO,access"},
      {"bitfield k set u8 0 1", "1:RW,access,update"},
      {"bitfield k get u8", "1:RW,access,update"},
      {"sort k", "1:RO,access"},
      {"sort k by x get y store z store w limit 1 2", "1:RO,access 9:OW,update"},
      {"sort k limit store a b", "1:RO,access"},
      {"sort k store", "1:RO,access"},
      {"sort k store store limit 0 1", "1:RO,access 3:OW,update"},  // Redis takes "limit" for the key
      {"sort_ro k by x", "1:RO,access"},
      {"georadius k 1 2 3 km", "1:RO,access"},
      {"georadius k 1 2 3 km store d storedist e", "1:RO,access 7:OW,update 9:OW,update"},
      {"georadius k 1 2 3 km store", "1:RO,access"},
      {"georadiusbymember k m 3 km storedist e", "1:RO,access 6:OW,update"},
      {"migrate h 1 k 0 1", "3:RW,access,delete"},
      {"migrate h 1 \"\" 0 1 keys a b", "7:RW,access,delete 8:RW,access,delete"},
      {"migrate h 1 \"\" 0 1 auth keys keys a b", "9:RW,access,delete 10:RW,access,delete"},
      {"migrate h 1 k 0 1 keys a b", ""},
      {"migrate h 1 k 0 1 keys", "3:RW,access,delete"},
      {"migrate h 1 \"\" 0 1 keys", "3:RW,access,delete"},
  };
  for (const auto& c : kCases) {
    const std::string keys = KeysOf(c.line);
    if (keys != c.expected) std::fprintf(stderr, "%s\n", c.line);
    EXPECT_EQ(keys, c.expected);
  }
  EXPECT_EQ(KeysOf("spublish c m", /*with_channels=*/true), "1:not_key");
  EXPECT_EQ(KeysOf("ssubscribe a b", /*with_channels=*/true), "1:not_key 2:not_key");
}

TEST(KeyPositions, DispatchSeesTheSameKeysWithoutLookingAtArguments) {
  EXPECT_EQ(IndexesOf("get k"), "1");
  EXPECT_EQ(IndexesOf("ping"), "");
  EXPECT_EQ(IndexesOf("spublish c m"), "");
  EXPECT_EQ(IndexesOf("mset a 1 b 2"), "1 3");
  EXPECT_EQ(IndexesOf("object encoding k"), "2");
  EXPECT_EQ(IndexesOf("bitop not d a"), "2 3");
  EXPECT_EQ(IndexesOf("pfmerge d"), "1");  // Redis's specs give up here, yet the key is written
  EXPECT_EQ(IndexesOf("blpop a b c 0"), "1 2 3");
  EXPECT_EQ(IndexesOf("zunion 2 a b"), "2 3");
  EXPECT_EQ(IndexesOf("zunion 9 a b"), "");
  EXPECT_TRUE(FullTable().Find("get")->key_layout == KeyLayout::kOne);
  EXPECT_TRUE(FullTable().Find("set")->key_layout == KeyLayout::kOne);
  EXPECT_TRUE(FullTable().Find("rename")->key_layout == KeyLayout::kRange);
  EXPECT_TRUE(FullTable().Find("xread")->key_layout == KeyLayout::kSearch);

  for (const Command& command : FullTable().all()) {
    if (command.key_layout == KeyLayout::kSearch || command.handler == nullptr) continue;
    const std::size_t least = static_cast<std::size_t>(command.arity < 0 ? -command.arity : command.arity);
    for (std::size_t argc = least; argc < (command.arity < 0 ? least + 7 : least + 1); ++argc) {
      const std::vector<std::string_view> args(argc, "a");
      std::vector<KeyPosition> keys;
      if (ExtractKeys(command, args.data(), argc, &keys) < 0) continue;
      std::vector<std::size_t> expected, seen;
      for (const KeyPosition& key : keys) expected.push_back(key.index);
      ForEachKeyIndex(command, args.data(), argc, [&](std::size_t index) { seen.push_back(index); });
      EXPECT_TRUE(expected == seen);
      EXPECT_EQ(FirstKeyIndex(command, args.data(), argc), keys.empty() ? 0 : expected.front());
    }
  }
}

TEST(KeyPositions, NeverLeaveTheArguments) {
  const std::string_view words[] = {"a", "", "0", "1", "2", "3", "-1", "9223372036854775807", "STREAMS", "store",
                                    "storedist", "keys", "auth", "auth2", "get", "by", "limit", "overflow", "set", "count", "\xff"};
  std::mt19937 random(7);
  for (const Command& command : FullTable().all()) {
    for (int round = 0; round < 200; ++round) {
      std::vector<std::string_view> args;
      const std::size_t least = static_cast<std::size_t>(command.arity < 0 ? -command.arity : command.arity);
      const std::size_t argc = command.arity < 0 ? least + random() % 8 : least;
      while (args.size() < argc) args.push_back(words[random() % std::size(words)]);
      std::vector<KeyPosition> keys;
      ExtractKeys(command, args.data(), argc, &keys, /*with_channels=*/true);
      for (const KeyPosition& key : keys) EXPECT_TRUE(key.index > 0 && key.index < argc);
      ForEachKeyIndex(command, args.data(), argc, [&](std::size_t index) { EXPECT_TRUE(index > 0 && index < argc); });
    }
  }
}

TEST(KeyPositions, SortByPatternTouchesUnnamedKeys) {
  auto touches = [](std::string_view line) {
    const std::vector<std::string_view> args = Split(line);
    return TouchesUnnamedKeys(*FullTable().Resolve(args).command, args.data(), args.size());
  };
  EXPECT_TRUE(touches("sort k BY w_*"));
  EXPECT_TRUE(touches("sort_ro k get x_*"));
  EXPECT_FALSE(touches("sort k store by"));
  EXPECT_FALSE(touches("lpos by by x"));
}

TEST(CommandInfo, IsWrittenAsRedisWritesIt) {
  EXPECT_EQ(Written(2, WriteCommandInfo, FullTable(), "xread"),
            "*10 $5 xread :-4 *3 +readonly +blocking +movablekeys :0 :0 :0 *4 +@read +@stream +@slow +@blocking *0 *1 "
            "*6 $5 flags *2 +RO +access $12 begin_search *4 $4 type $7 keyword $4 spec *4 $7 keyword $7 STREAMS "
            "$9 startfrom :1 $9 find_keys *4 $4 type $5 range $4 spec *6 $7 lastkey :-1 $7 keystep :1 $5 limit :2 *0 ");
  EXPECT_EQ(Written(3, WriteCommandInfo, FullTable(), "config|set"),
            "*10 $10 config|set :-4 ~4 +admin +noscript +loading +stale :0 :0 :0 ~3 +@admin +@slow +@dangerous "
            "~2 $24 request_policy:all_nodes $29 response_policy:all_succeeded ~0 ~0 ");
}

TEST(CommandInfo, LeavesOutSubcommandsThatAreNotServed) {
  const HandlerEntry entries[] = {{"config|get", Nothing}};
  const CommandTable table(entries);
  const std::string info = Written(3, WriteCommandInfo, table, "config");
  EXPECT_TRUE(info.find(" *1 *10 $10 config|get ") != std::string::npos);
  EXPECT_TRUE(info.find("config|set") == std::string::npos);
  const std::string docs = Written(3, WriteCommandDocs, table, "config");
  EXPECT_TRUE(docs.find("$11 subcommands %1 $10 config|get ") != std::string::npos);
}

TEST(CommandInfo, DocsTellArgumentsAndDeprecation) {
  const std::string docs = Written(3, WriteCommandDocs, FullTable(), "getset");
  EXPECT_TRUE(docs.starts_with("%8 $7 summary "));
  EXPECT_TRUE(docs.ends_with(
      " $5 since $5 1.0.0 $5 group $6 string $10 complexity $4 O(1) $9 doc_flags ~1 +deprecated $16 deprecated_since "
      "$5 6.2.0 $11 replaced_by $11 SET ... GET $9 arguments *2 %3 $4 name $3 key $4 type $3 key $14 key_spec_index :0 "
      "%2 $4 name $5 value $4 type $6 string "));
  EXPECT_EQ(ArgumentSyntax(*FullTable().Find("set")->spec),
            "<key> <value> [NX|XX] [GET] [EX <seconds>|PX <milliseconds>|EXAT <unix-time-seconds>|"
            "PXAT <unix-time-milliseconds>|KEEPTTL]");
  EXPECT_EQ(ArgumentSyntax(*FullTable().Find("mset")->spec), "<key> <value> [<key> <value> ...]");
}

TEST(CommandCommands, AnswerAboutTheCommandsThatAreServed) {
  test::EngineFixture f;
  EXPECT_EQ(f("COMMAND INFO nope get|x"), "*2\r\n$-1\r\n$-1\r\n");
  EXPECT_TRUE(f("command info GET").starts_with("*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"));
  EXPECT_EQ(f("COMMAND COUNT"), ":" + std::to_string(f.engine->commands().known_count()) + "\r\n");
  EXPECT_TRUE(f("COMMAND").starts_with("*" + std::to_string(f.engine->commands().known_count()) + "\r\n*10\r\n"));
  EXPECT_EQ(f("COMMAND DOCS nope"), "*0\r\n");
  EXPECT_EQ(f("COMMAND LIST FILTERBY PATTERN getd*"), "*1\r\n$6\r\ngetdel\r\n");
  EXPECT_EQ(f("COMMAND LIST FILTERBY ACLCAT nope"), "*0\r\n");
  EXPECT_EQ(f("COMMAND LIST FILTERBY MODULE nope"), "*0\r\n");
  EXPECT_TRUE(f("COMMAND LIST").find("\r\n$6\r\nconfig\r\n$10\r\nconfig|get\r\n") != std::string::npos);
  EXPECT_TRUE(f("COMMAND DOCS config|get").starts_with("*2\r\n$10\r\nconfig|get\r\n"));
  EXPECT_EQ(f("COMMAND LIST FILTERBY ACLCAT"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("COMMAND LIST FILTERBY x y"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("COMMAND GETKEYS mset a 1 b 2"), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(f("COMMAND GETKEYSANDFLAGS set a 1"), "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n");
  EXPECT_EQ(f("COMMAND GETKEYS nope x"), "-ERR Invalid command specified\r\n");
  EXPECT_EQ(f("COMMAND GETKEYS get a b"), "-ERR Invalid number of arguments specified for command\r\n");
  EXPECT_EQ(f("COMMAND GETKEYS command count"), "-ERR The command has no key arguments\r\n");
  EXPECT_EQ(f("COMMAND nope"), "-ERR unknown subcommand 'nope'. Try COMMAND HELP.\r\n");
  EXPECT_EQ(f.Run({"no\r\nsuch", "x"}), "-ERR unknown command 'no  such', with args beginning with: 'x' \r\n");
}

TEST(CommandCommands, HelpListsWhatIsServed) {
  test::EngineFixture f;
  const std::string help = f("COMMAND HELP");
  EXPECT_TRUE(help.find("+COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n") != std::string::npos);
  EXPECT_TRUE(help.find("+INFO [<command-name> [<command-name> ...]]\r\n+    ") != std::string::npos);
  EXPECT_TRUE(help.ends_with("+HELP\r\n+    Prints this help.\r\n"));
}

}  // namespace slotwise
