// Config: what CONFIG SET and GET answer, checked against recorded answers of redis-server 7.0.15
// (native/tables/directive-cases.json), and what the recording cannot show: listeners, start-up, lock-free reads.
#include "config/config.h"

#include <atomic>
#include <climits>
#include <cstdlib>
#include <thread>
#include <unistd.h>

#include "base/split_args.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise {
namespace {

using test::ExpectEq;

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

std::string Set(Config& config, const Pairs& pairs, const Config::Setter& setter = {}) {
  const Status status = config.Set(pairs, setter);
  return status.ok() ? "OK" : status.message();
}

std::string AtStart(Config& config, std::string_view line) {
  std::vector<std::string> words;
  if (!SplitArgs(line, &words) || words.empty()) return "no words";
  const Status status = config.SetAtStart(words[0], std::span(words).subspan(1));
  return status.ok() ? "OK" : status.message();
}

std::string Names(const Config& config, std::vector<std::string_view> patterns) {
  std::string names;
  for (const auto& [name, value] : config.Get(patterns)) names += (names.empty() ? "" : " ") + name;
  return names;
}

struct RecordedCase {
  std::vector<std::string> set;
  std::string reply;
  std::vector<std::string> get;
};

const std::vector<RecordedCase>& RecordedCases() {
  static const std::vector<RecordedCase> cases = {
#include "config/directive_cases.inc"
  };
  return cases;
}

TEST(Config, AnswersAsRecordedFromRedis) {
  Config config;
  ASSERT_TRUE(RecordedCases().size() > 200);
  for (const RecordedCase& c : RecordedCases()) {
    Pairs pairs;
    for (std::size_t i = 0; i + 1 < c.set.size(); i += 2) pairs.emplace_back(c.set[i], c.set[i + 1]);
    EXPECT_EQ(Set(config, pairs), c.reply);
    for (std::size_t i = 0; i + 1 < c.get.size(); i += 2) {
      const std::string_view name = c.get[i];
      const auto found = config.Get({&name, 1});
      ASSERT_EQ(found.size(), 1u);
      EXPECT_EQ(found[0].first, c.get[i]);
      if (!ExpectEq(found[0].second, c.get[i + 1], c.set[0].c_str(), c.set[1].c_str(), __FILE__, __LINE__)) return;
    }
  }
}

TEST(Config, DefaultsAreWhatTheTableSays) {
  Config config;
  for (std::size_t i = 0; i < kDirectiveCount; ++i) {
    const auto d = static_cast<Directive>(i);
    if (d != Directive::kDir) EXPECT_EQ(config.Str(d), SpecOf(d).default_value);
  }
  char cwd[PATH_MAX];
  EXPECT_EQ(config.Str(Directive::kDir), getcwd(cwd, sizeof(cwd)));
}

TEST(Config, EveryDefaultCanBeSetAgain) {
  Config config;
  for (const auto& [name, value] : config.Get(std::vector<std::string_view>{"*"})) {
    const auto found = FindDirective(name);
    ASSERT_TRUE(found.has_value());
    const DirectiveSpec& spec = SpecOf(found->directive);
    if (spec.Has(kDirectiveImmutable | kDirectiveProtected)) continue;
    EXPECT_EQ(Set(config, {{name, value}}), "OK");
    EXPECT_EQ(config.Str(found->directive), value);
  }
}

TEST(Config, TypedReadsFollowChanges) {
  Config config;
  EXPECT_EQ(config.Bytes(Directive::kMaxmemory), 0u);
  EXPECT_EQ(Set(config, {{"maxmemory", "18446744073709551615"}, {"dynamic-hz", "no"}}), "OK");
  EXPECT_EQ(config.Bytes(Directive::kMaxmemory), UINT64_MAX);
  EXPECT_FALSE(config.Bool(Directive::kDynamicHz));
  using config_value::Appendfsync;
  EXPECT_TRUE(config.EnumAs<Appendfsync>(Directive::kAppendfsync) == Appendfsync::kEverysec);
  EXPECT_EQ(Set(config, {{"appendfsync", "always"}, {"notify-keyspace-events", "Ex"}}), "OK");
  EXPECT_TRUE(config.EnumAs<Appendfsync>(Directive::kAppendfsync) == Appendfsync::kAlways);
  EXPECT_EQ(config.Int(Directive::kNotifyKeyspaceEvents), kEventKeyevent | kEventExpired);
  EXPECT_EQ(Set(config, {{"maxmemory-clients", "20%"}}), "OK");
  EXPECT_EQ(config.Int(Directive::kMaxmemoryClients), -20);

  EXPECT_EQ(config.OutputLimitOf(OutputClass::kReplica).hard_bytes, 256u << 20);
  EXPECT_EQ(Set(config, {{"client-output-buffer-limit", "replica 5mb 1mb 7"}}), "OK");
  const OutputLimit expected{5u << 20, 1u << 20, 7};
  EXPECT_TRUE(config.OutputLimitOf(OutputClass::kReplica) == expected);
  EXPECT_EQ(config.OutputLimitOf(OutputClass::kPubsub).hard_bytes, 32u << 20);

  EXPECT_EQ(config.SavePoints().size(), 3u);
  EXPECT_EQ(config.SavePoints()[2].changes, 10000);
  EXPECT_EQ(config.BindAddresses().size(), 2u);
  EXPECT_EQ(config.BindAddresses()[1], "-::*");
}

TEST(Config, GetFindsPatternsAliasesAndHiddenByFullNameOnly) {
  Config config;
  EXPECT_EQ(Names(config, {"maxmemory", "MAXMEMORY", "max*ory"}), "maxmemory");
  EXPECT_EQ(Names(config, {"MAXMEMORY"}), "MAXMEMORY");
  EXPECT_EQ(Names(config, {"*of", "replicaof"}), "replicaof slaveof");
  EXPECT_EQ(Names(config, {"key-load-*"}), "");
  EXPECT_EQ(Names(config, {"key-load-delay"}), "key-load-delay");
  // Ours that are fixed at start are no part of what a client finds and sets back.
  EXPECT_EQ(Names(config, {"stand*", "aof-archive*"}), "");
  EXPECT_EQ(Names(config, {"standby"}), "standby");
  EXPECT_EQ(Names(config, {"aof-archive-dir"}), "aof-archive-dir");
  EXPECT_EQ(Names(config, {"LUA*"}), "lua-time-limit");
  EXPECT_EQ(Names(config, {"nothing", "["}), "");
}

TEST(Config, ProtectedDirectivesFollowEnableProtectedConfigs) {
  const std::string refused =
      "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config";
  Config config;
  EXPECT_EQ(Set(config, {{"dbfilename", "a"}}, {.is_local = true}), refused);
  EXPECT_EQ(AtStart(config, "enable-protected-configs local"), "OK");
  EXPECT_EQ(Set(config, {{"dbfilename", "a"}}, {.is_local = false}), refused);
  EXPECT_EQ(Set(config, {{"dbfilename", "a"}}, {.is_local = true}), "OK");
  EXPECT_EQ(Set(config, {{"dbfilename", "a/b"}}, {.is_local = true}),
            "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't be a path, just a "
            "filename");
  EXPECT_EQ(AtStart(config, "enable-protected-configs yes"), "OK");
  EXPECT_EQ(Set(config, {{"dbfilename", "b"}}), "OK");
}

TEST(Config, SomeDirectivesCannotChangeWhileLoading) {
  Config config;
  const Config::Setter loading{.is_local = true, .is_loading = true};
  EXPECT_EQ(Set(config, {{"loglevel", "debug"}}, loading), "OK");
  EXPECT_EQ(Set(config, {{"loglevel", "notice"}, {"appendonly", "yes"}}, loading),
            "LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(config.Str(Directive::kLoglevel), "debug");
}

TEST(Config, DirIsResolvedButTheProcessStays) {
  const test::TempDir dir;
  char before[PATH_MAX];
  char after[PATH_MAX];
  ASSERT_TRUE(getcwd(before, sizeof(before)) != nullptr);
  Config config;
  EXPECT_EQ(AtStart(config, "dir " + dir.path()), "OK");
  EXPECT_EQ(config.Str(Directive::kDir), dir.path());
  EXPECT_EQ(AtStart(config, "dir ."), "OK");
  EXPECT_EQ(config.Str(Directive::kDir), dir.path());
  EXPECT_EQ(AtStart(config, "dir missing"), "No such file or directory");
  EXPECT_EQ(AtStart(config, "dir \"\""), "No such file or directory");
  EXPECT_EQ(AtStart(config, "dir /dev/null"), "Not a directory");
  EXPECT_EQ(AtStart(config, "enable-protected-configs yes"), "OK");
  EXPECT_EQ(Set(config, {{"dir", ".."}}), "OK");
  EXPECT_EQ(config.Str(Directive::kDir), "/tmp");
  ASSERT_TRUE(getcwd(after, sizeof(after)) != nullptr);
  EXPECT_EQ(std::string(before), after);
}

TEST(Config, StartTakesLinesAsConfigurationFilesHaveThem) {
  struct Row {
    const char* line;
    const char* reply;
    const char* name;
    const char* value;
  };
  const Row rows[] = {
      {"PORT 7000", "OK", "port", "7000"},
      {"port 1 2", "wrong number of arguments", "port", "7000"},
      {"port", "wrong number of arguments", "port", "7000"},
      {"port x", "argument couldn't be parsed into an integer", "port", "7000"},
      {"save 900 1", "OK", "save", "900 1"},
      {"save '300 10 60 100'", "OK", "save", "900 1 300 10 60 100"},
      {"save", "OK", "save", "900 1 300 10 60 100"},
      {"save \"\"", "OK", "save", ""},
      {"save 1 1", "OK", "save", "1 1"},
      {"save 1", "Invalid save parameters", "save", "1 1"},
      {"bind 127.0.0.1 -::1", "OK", "bind", "127.0.0.1 -::1"},
      {"bind \"10.0.0.1  10.0.0.2\"", "OK", "bind", "10.0.0.1 10.0.0.2"},
      {"bind \"\"", "OK", "bind", ""},
      {"bind a a a a a a a a a a a a a a a a a", "Too many bind addresses specified.", "bind", ""},
      {"client-output-buffer-limit pubsub 1 2 3", "OK", "client-output-buffer-limit",
       "normal 1073741824 0 0 slave 268435456 67108864 60 pubsub 1 2 3"},
      {"unixsocketperm 700", "OK", "unixsocketperm", "700"},
      {"unixsocketperm 999", "argument couldn't be parsed as an octal number", "unixsocketperm", "700"},
      {"unixsocketperm 1000", "argument must be between 0 and 777 inclusive", "unixsocketperm", "700"},
      {"slaveof 10.0.0.1 6379", "OK", "replicaof", "10.0.0.1 6379"},
      {"replicaof a 99999", "Invalid master port", "slaveof", "10.0.0.1 6379"},
      {"replicaof no one", "OK", "replicaof", ""},
      {"replicaof a", "wrong number of arguments", "replicaof", ""},
      {"appendfilename \"\"", "appendfilename can't be empty", "appendfilename", "appendonly.aof"},
      {"appenddirname a/b", "appenddirname can't be a path, just a dirname", "appenddirname", "appendonlydir"},
      {"shutdown-on-sigint nosave force now", "OK", "shutdown-on-sigint", "nosave now force"},
      {"shutdown-on-sigint", "argument(s) must be one of the following: default, save, nosave, now, force",
       "shutdown-on-sigint", "nosave now force"},
      {"requirepass 'a b'", "OK", "requirepass", "a b"},
      {"hz 1000", "OK", "hz", "500"},
      {"gopher-enabled no", "OK", "hz", "500"},
      {"list-max-ziplist-entries 1 2", "Bad directive or wrong number of arguments", "hz", "500"},
      {"no-such-thing 1", "Bad directive or wrong number of arguments", "hz", "500"},
  };
  Config config;
  for (const Row& row : rows) {
    ExpectEq(AtStart(config, row.line), std::string(row.reply), row.line, "reply", __FILE__, __LINE__);
    const auto found = FindDirective(row.name);
    ASSERT_TRUE(found.has_value());
    ExpectEq(config.Str(found->directive), std::string(row.value), row.line, "value", __FILE__, __LINE__);
  }
}

TEST(Config, NulBytesEndWhatRedisKeepsAsCStrings) {
  using std::string_view_literals::operator""sv;
  Config config;
  EXPECT_EQ(Set(config, {{"requirepass", "a\0b"sv}}), "OK");
  EXPECT_EQ(config.Str(Directive::kRequirepass), "a\0b"sv);
  EXPECT_EQ(Set(config, {{"masteruser", "a\0b"sv}}), "OK");
  EXPECT_EQ(config.Str(Directive::kMasteruser), "a");
  EXPECT_EQ(Set(config, {{"maxmemory", "5\0b"sv}}), "OK");
  EXPECT_EQ(config.Bytes(Directive::kMaxmemory), 5u);
  EXPECT_EQ(Set(config, {{"foo\0bar"sv, "x"}}), "ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
}

TEST(Config, ListenersSeeNewValuesOncePerChange) {
  Config config;
  int calls = 0;
  std::int64_t seen = -1;
  config.OnChange({Directive::kPort, Directive::kMaxmemory}, [&] {
    ++calls;
    seen = config.Int(Directive::kPort);
    return Status::Ok();
  });
  EXPECT_EQ(AtStart(config, "port 1"), "OK");
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(Set(config, {{"port", "2"}, {"maxmemory", "3"}}), "OK");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(Set(config, {{"port", "2"}}), "OK");  // No change, no call.
  EXPECT_EQ(Set(config, {{"timeout", "2"}}), "OK");
  EXPECT_EQ(calls, 1);
}

TEST(Config, AVetoRestoresEverythingAndNamesTheCulprit) {
  Config config;
  std::vector<std::string> log;
  config.OnChange(Directive::kMaxmemory, [&] {
    log.push_back("maxmemory " + config.Str(Directive::kMaxmemory));
    return Status::Ok();
  });
  config.OnChange(Directive::kPort, [&] {
    log.push_back("port " + config.Str(Directive::kPort));
    if (config.Int(Directive::kPort) != 7777) return Status::Ok();
    return Status::Error(1, "Unable to listen on this port. Check server logs.");
  });
  config.OnChange(Directive::kTimeout, [&] {
    log.push_back("timeout");
    return Status::Ok();
  });
  EXPECT_EQ(Set(config, {{"maxmemory", "5"}, {"port", "7777"}, {"timeout", "9"}, {"requirepass", "secret"}}),
            "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server "
            "logs.");
  const std::vector<std::string> expected = {"maxmemory 5", "port 7777", "maxmemory 0", "port 6379"};
  EXPECT_TRUE(log == expected);
  EXPECT_EQ(config.Int(Directive::kTimeout), 0);
  EXPECT_EQ(config.Str(Directive::kRequirepass), "");

  // An alias beside its directive: the value before both comes back.
  config.OnChange(Directive::kHashMaxListpackEntries, [] { return Status::Error(1, "no"); });
  EXPECT_EQ(Set(config, {{"hash-max-ziplist-entries", "5"}, {"hash-max-listpack-entries", "6"}}),
            "ERR CONFIG SET failed (possibly related to argument 'hash-max-ziplist-entries') - no");
  EXPECT_EQ(config.Int(Directive::kHashMaxListpackEntries), 512);
}

TEST(Config, BindIsAppliedEvenIfItStaysTheSame) {
  Config config;
  int calls = 0;
  config.OnChange(Directive::kBind, [&] {
    ++calls;
    return Status::Ok();
  });
  EXPECT_EQ(Set(config, {{"bind", "* -::*"}}), "OK");
  EXPECT_EQ(calls, 1);
}

TEST(Config, OverrideChangesImmutableDirectives) {
  Config config;
  const std::vector<std::string> args = {"10.0.0.1", "7000"};
  EXPECT_TRUE(config.Override(Directive::kReplicaof, args).ok());
  EXPECT_EQ(config.Str(Directive::kReplicaof), "10.0.0.1 7000");
  const std::vector<std::string> bad = {"10.0.0.1"};
  EXPECT_EQ(config.Override(Directive::kReplicaof, bad).message(), "wrong number of arguments");
  EXPECT_EQ(config.Str(Directive::kReplicaof), "10.0.0.1 7000");
}

TEST(Config, ReadersNeedNoLockWhileOthersSet) {
  Config config;
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::thread reader([&] {
    while (!stop.load()) {
      const std::int64_t value = config.Int(Directive::kTimeout);
      if (value != 0 && value != 5 && value != 6) ++wrong;
      const std::string policy = config.Str(Directive::kMaxmemoryPolicy);
      if (policy != "noeviction" && policy != "allkeys-lru") ++wrong;
    }
  });
  for (int i = 0; i < 2000; ++i) {
    Set(config, {{"timeout", i % 2 == 0 ? "5" : "6"}, {"maxmemory-policy", i % 2 == 0 ? "allkeys-lru" : "noeviction"}});
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace slotwise
