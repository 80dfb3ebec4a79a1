// slotwise-check-aof against redis-check-aof itself: the same files, the same output, exit code and repaired bytes. Then
// what only ours can say: the checksums. Not compared: the diagnosis of a damaged RDB, which is redis-check-rdb's.
#include "log/check_aof.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "backup/rdb_extent.h"
#include "log/segment_index.h"
#include "log_support.h"

namespace slotwise::test {
namespace {

constexpr const char* kRealTool = "/usr/bin/redis-check-aof";

class Console final : public CheckAofConsole {
 public:
  explicit Console(std::string input = {}) : input_(std::move(input)) {}
  void Print(std::string_view text) override { output.append(text); }
  std::string ReadLine() override { return std::exchange(input_, std::string()); }
  std::string output;

 private:
  std::string input_;
};

void WriteFile(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }
std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

struct Outcome {
  std::string output;
  int code = 0;
  std::string content;  // of the file afterwards
};

Outcome RunReal(const std::string& dir, const std::string& args, const std::string& file, const std::string& input) {
  Outcome outcome;
  WriteFile(dir + "/input", input);
  std::string command = std::string(kRealTool) + " " + args + " " + dir + "/" + file + " < " + dir + "/input 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (std::size_t n = std::fread(buffer, 1, sizeof(buffer), pipe)) outcome.output.append(buffer, n);
  int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.content = ReadFile(dir + "/" + file);
  return outcome;
}

Outcome RunOurs(const std::string& dir, std::vector<std::string> args, const std::string& file, const std::string& input) {
  Outcome outcome;
  Console console(input);
  args.push_back(dir + "/" + file);
  outcome.code = CheckAof(PosixFiles(), kRealTool, args, console, RdbEndOf);
  outcome.output = console.output;
  outcome.content = ReadFile(dir + "/" + file);
  return outcome;
}

// Where a header line ends at the end of the file, the real tool prints a byte behind its buffer's contents.
std::string WithoutUndefinedByte(std::string text) {
  for (std::size_t at = 0; (at = text.find("got: 00", at)) != std::string::npos; ++at) text.replace(at + 7, 2, "??");
  return text;
}

class Differ {
 public:
  // `files`: name and content; the last one is the argument.
  void Compare(const std::vector<std::pair<std::string, std::string>>& files, const std::vector<std::string>& args = {},
               const std::string& input = {}) {
    std::string arg_line;
    for (const std::string& arg : args) arg_line += arg + " ";
    for (const auto& [name, content] : files) WriteFile(dir_.path() + "/" + name, content);
    Outcome real = RunReal(dir_.path(), arg_line, files.back().first, input);
    for (const auto& [name, content] : files) WriteFile(dir_.path() + "/" + name, content);
    Outcome ours = RunOurs(dir_.path(), args, files.back().first, input);
    ++compared;
    if (WithoutUndefinedByte(real.output) == WithoutUndefinedByte(ours.output) && real.code == ours.code &&
        real.content == ours.content) {
      return;
    }
    if (++different <= 5) {
      Fail(__FILE__, __LINE__, "args '" + arg_line + "', file " + std::to_string(files.back().second.size()) + " bytes '" +
                                   files.back().second.substr(0, 200) + "'\n--- redis-check-aof (" + std::to_string(real.code) +
                                   ")\n" + real.output + "--- ours (" + std::to_string(ours.code) + ")\n" + ours.output);
    }
  }
  int compared = 0;
  int different = 0;

 private:
  TempDir dir_;
};

std::string Commands() {
  LogUnit unit;
  AddEffect(&unit, 0, {"SET", "a", "1"});
  AddEffect(&unit, 0, {"MULTI"});
  AddEffect(&unit, 0, {"INCR", "n"});
  AddEffect(&unit, 0, {"LPUSH", "l", "x\r\ny"});
  AddEffect(&unit, 0, {"exec"});
  std::string bytes(unit.bytes());
  return "#TS:1000\r\n" + bytes + "#TS:2000\r\n*1\r\n$4\r\nPING\r\n";
}

bool HaveRealTool() {
  if (access(kRealTool, X_OK) == 0) return true;
  std::printf("SKIPPED: %s is not installed (Debian: redis-tools)\n", kRealTool);
  return false;
}

}  // namespace

ONE_THREAD_TEST(AofCheck, SaysWhatRedisCheckAofSays) {
  if (!HaveRealTool()) return;
  Differ differ;
  const std::string good = Commands();
  for (const char* text : {"", "*1\r\n$4\r\nEXEC\r\n", "*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n*2",
                           "*1\r\n$4\r\nPING\r\n*2\r\n", "*1\r\n$4\r\nPING\r\nxyz", "*1\r\n$-4\r\nPING\r\n", "*1\r\n#4\r\nPING\r\n",
                           "*1\r\n$4\r\nPINGab", "*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n", "*1\n$4\nPING\n", "*x\r\n$3\r\nSET\r\n",
                           "*3\r\n$3\r\nSET\r\n$1000\r\nabc\r\n$1\r\nb\r\n", "*99999999999999999999\r\n$3\r\nSET\r\n",
                           "*3\r\n$3\r\nSET\r\n$99999999999999999999\r\nabc\r\n$1\r\nb\r\n", "#TS:1x0\r\n*1\r\n$4\r\nPING\r\n",
                           "#foo\r\n*1\r\n$4\r\nPING\r\n#", "*+1\r\n$ 4\r\nPING\r\n",                            "*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nmulti\r\n"}) {
    differ.Compare({{"f.aof", text}});
    differ.Compare({{"f.aof", text}}, {"--fix"}, "y\n");
    differ.Compare({{"f.aof", text}}, {"--truncate-to-timestamp", "1500"});
  }
  differ.Compare({{"f.aof", good}}, {"--fix"}, "n\n");
  differ.Compare({{"f.aof", good + "*"}}, {"--fix"}, "");
  differ.Compare({{"f.aof", good}}, {"--nofix"});
  for (const char* timestamp : {"500", "1000", "1500", "9999", "abc", "-5"}) {
    differ.Compare({{"f.aof", good}}, {"--truncate-to-timestamp", timestamp});
  }
  for (std::size_t size = 0; size <= good.size(); size += 5) differ.Compare({{"f.aof", good.substr(0, size)}}, {"--fix"}, "y\n");
  Twister random(5);
  for (int i = 0; i < 60; ++i) {
    std::string bytes = good;
    for (int k = 0; k < 1 + i % 2; ++k) bytes[random() % bytes.size()] = "\0\r\n*$#0129aM"[random() % 12];
    differ.Compare({{"f.aof", bytes}}, {"--fix"}, "y\n");
  }
  std::printf("check-aof: %d runs compared with redis-check-aof, %d different\n", differ.compared, differ.different);
  EXPECT_EQ(differ.different, 0);
}

ONE_THREAD_TEST(AofCheck, AgreesOnDirectories) {
  if (!HaveRealTool()) return;
  Differ differ;
  const std::string good = Commands();
  const std::string manifest = "file b.aof seq 1 type b\nfile i1.aof seq 1 type i\nfile i2.aof seq 2 type i\n";
  differ.Compare({{"b.aof", good}, {"i1.aof", good}, {"i2.aof", good}, {"m.manifest", manifest}});
  differ.Compare({{"b.aof", good}, {"i1.aof", ""}, {"i2.aof", good}, {"m.manifest", manifest}});
  differ.Compare({{"b.aof", good}, {"i1.aof", good}, {"i2.aof", good + "*2"}, {"m.manifest", manifest}}, {"--fix"}, "y\n");
  differ.Compare({{"b.aof", good}, {"i1.aof", good + "*2"}, {"i2.aof", good}, {"m.manifest", manifest}}, {"--fix"}, "y\n");
  differ.Compare({{"b.aof", good + "x"}, {"i1.aof", good}, {"i2.aof", good}, {"m.manifest", manifest}});
  differ.Compare({{"b.aof", good}, {"i1.aof", good}, {"i2.aof", good}, {"m.manifest", manifest}}, {"--truncate-to-timestamp", "1500"});
  differ.Compare({{"b.aof", "#TS:1\r\n"}, {"i1.aof", "#TS:2\r\n"}, {"i2.aof", good}, {"m.manifest", manifest}},
                 {"--truncate-to-timestamp", "1500"});
  differ.Compare({{"i2.aof", good}, {"m.manifest", "#c\nfile i2.aof seq 2 type i\n"}});
  differ.Compare({{"i2.aof", good}, {"m.manifest", "file nosuch.aof seq 2 type i\n"}});
  const char empty_rdb[] =
      "REDIS0010\xfa\x09redis-ver\x06" "7.0.15\xfa\x0aredis-bits\xc0\x40\xfa\x05" "ctime\xc2\x59\xfa\x01\x6b\xfa\x08used-mem\xc2"
      "\x50\x60\x0d\x00\xfa\x08" "aof-base\xc0\x01\xff\xc2\xea\x97\x9c\xe9\x73\x31\x85";
  std::string rdb(empty_rdb, sizeof(empty_rdb) - 1);
  ASSERT_EQ(rdb.size(), std::size_t{89});
  differ.Compare({{"b.aof", rdb}, {"i1.aof", good}, {"i2.aof", good}, {"m.manifest", manifest}});
  differ.Compare({{"f.aof", rdb + good}});
  differ.Compare({{"f.aof", rdb + good + "*"}}, {"--fix"}, "y\n");
  EXPECT_EQ(differ.different, 0);
}

ONE_THREAD_TEST(AofCheck, FindsAndRepairsWhatOnlyChecksumsShow) {
  RecordingFiles files;
  NullLogger logger;
  ManualClock clock;
  std::unique_ptr<AofLog> log;
  ASSERT_TRUE(AofLog::Open(files, logger, TestOptions(), clock, AofLogLimits(), &log).ok());
  for (int i = 0; i < 4; ++i) {
    LogUnit unit;
    AddEffect(&unit, 0, {"SET", "key", "a value long enough to flip a bit in"});
    log->Append(unit);
    ASSERT_TRUE(log->Sync().ok());
  }
  ASSERT_TRUE(log->Close().ok());
  const std::string segment = "/data/appendonlydir/appendonly.aof.1.incr.aof";
  const std::string manifest = "/data/appendonlydir/appendonly.aof.manifest";
  Console fine;
  EXPECT_EQ(CheckAof(files, "check", {manifest}, fine, RdbEndOf), 0);
  files.Content(segment)[100] ^= 1;
  Console found;
  EXPECT_EQ(CheckAof(files, "check", {manifest}, found, RdbEndOf), 1);
  EXPECT_TRUE(found.output.find("Expected checksum") != std::string::npos);
  EXPECT_FALSE(Load(files).status.ok());
  Console repaired("y\n");
  EXPECT_EQ(CheckAof(files, "check", {"--fix", manifest}, repaired, RdbEndOf), 0);
  Loaded loaded = Load(files);
  EXPECT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.report.commands, 1u);
  // A damaged index alone costs no data.
  files.Content(IndexPath(segment))[40] ^= 1;
  Console index_found;
  EXPECT_EQ(CheckAof(files, "check", {manifest}, index_found, RdbEndOf), 1);
  Console index_repaired;
  EXPECT_EQ(CheckAof(files, "check", {"--fix", manifest}, index_repaired, RdbEndOf), 0);
  Console again;
  EXPECT_EQ(CheckAof(files, "check", {manifest}, again, RdbEndOf), 0);
  EXPECT_EQ(Load(files).report.commands, 1u);
}

}  // namespace slotwise::test
