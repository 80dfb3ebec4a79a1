// Tables of commands with their replies, for the string commands; and what they propagate.
#pragma once
#include <string>
#include <vector>

#include "engine_fixture.h"
#include "temp_dir.h"
#include "test.h"

namespace slotwise::test {

struct Step {
  const char* command;
  std::string reply;
};

inline std::string Bulk(const std::string& s) { return "$" + std::to_string(s.size()) + "\r\n" + s + "\r\n"; }
inline std::string Int(long long v) { return ":" + std::to_string(v) + "\r\n"; }
inline std::string Err(const std::string& s) { return "-" + s + "\r\n"; }
inline const std::string kOk = "+OK\r\n", kNull = "$-1\r\n";
inline const std::string kNotAnInteger = Err("ERR value is not an integer or out of range"), kBadSyntax = Err("ERR syntax error"),
                         kWrongKind = Err("WRONGTYPE Operation against a key holding the wrong kind of value");

inline void Expect(EngineFixture& f, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    std::string reply = f(step.command);
    if (reply != step.reply) Fail(__FILE__, __LINE__, std::string(step.command) + "\n  expected " + step.reply + "  got      " + reply);
  }
}

// A key of another type, without that type's commands.
inline void PutList(EngineFixture& f, const char* key) {
  f.engine->keyspace().Db(0).SetObject(KeyRef(key), {}, Type::kList, Encoding::kListpack, nullptr, kNoExpire);
}

// An engine with a log in a directory of its own, so that effects are recorded.
class LoggingFixture {
 public:
  LoggingFixture() : f({{"dir", dir_.path()}}) {}
  // What the command adds to the log, its arguments separated by blanks; one line for each effect.
  std::string Effects(const std::string& command) {
    f(command);
    std::string text;
    std::string_view bytes = f.thread->unit.bytes();
    while (!bytes.empty()) {
      std::size_t count = Number(bytes);
      for (std::size_t i = 0; i < count; ++i) {
        std::size_t size = Number(bytes);
        text.append(i == 0 ? "" : " ").append(bytes.substr(0, size));
        bytes.remove_prefix(size + 2);
      }
      text += '\n';
    }
    return text;
  }

 private:
  // The number in "*3\r\n" or "$5\r\n", taken off the front.
  static std::size_t Number(std::string_view& bytes) {
    std::size_t n = 0, at = 1;
    for (; bytes[at] != '\r'; ++at) n = n * 10 + static_cast<std::size_t>(bytes[at] - '0');
    bytes.remove_prefix(at + 2);
    return n;
  }
  TempDir dir_;

 public:
  EngineFixture f;
};

}  // namespace slotwise::test
