// Sequences of commands on an engine in memory. Bytes choose commands and arguments by the argument trees of the command
// table, so that a new command is fuzzed as soon as it is served: few keys and members, so that they meet, numbers at
// and beyond every limit, now and then an argument that does not belong there.
// Afterwards what one command says of a value must agree with what the others say: lengths with ranges and scans, members
// with lookups, ranks with order, a copy with its original; and nothing may be left when everything is flushed.
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_table.h"
#include "engine/cron.h"
#include "engine/engine.h"
#include "reply_value.h"

namespace {

using namespace slotwise;
using fuzz::Value;

using Words = std::vector<std::string>;

constexpr const char* kKeys[] = {"a", "b", "c", "d", "e", "{a}x", "{a}y", "f"};
constexpr const char* kNumbers[] = {"0", "1", "2", "3", "-1", "-2", "5", "10", "100", "9223372036854775807", "-9223372036854775808",
                                    "9223372036854775806", "4294967296", "2147483648", "-2147483649", "9223372036854775808", "1048577", "0x10", ""};
constexpr const char* kFewNumbers[] = {"0", "1", "2", "3", "-1", "-2", "-5", "100", "9223372036854775807", "-9223372036854775808", "x", ""};
constexpr const char* kDoubles[] = {"0", "1", "-1", "2.5", "3", "inf", "-inf", "+inf", "nan", "1e308", "-1e308", "1e-320", "(1", "(2", "1e400", "-0", "0.1", ""};
constexpr const char* kMembers[] = {"a", "b", "c", "d", "e", "1", "2", "3", "-4", "40000", "5000000000", "9223372036854775807", "x", "y", "", "0.5"};
constexpr const char* kBounds[] = {"-", "+", "[a", "(b", "[c", "[", "(", "-inf", "+inf", "(1", "2", "a"};
constexpr const char* kPatterns[] = {"*", "a*", "?", "[a-c]", "{a}*", "b->*", "#", "nosort", "[^a", "\\a"};
constexpr const char* kTimes[] = {"100000", "4102444800", "4102444800000", "-1", "0", "1000000000", "9223372036854775807", "abc"};

// A source of small numbers that ends.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ >= size_; }
  std::size_t Below(std::size_t n) { return empty() ? 0 : data_[at_++] % n; }
  template <std::size_t N>
  std::string Pick(const char* const (&list)[N]) {
    std::size_t i = Below(256);
    // Beyond the list: elements long enough to leave a packed encoding.
    if (i >= 250) return std::string(60 + (i - 250) * 3, static_cast<char>('p' + i % 3));
    return list[i % N];
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

// Arguments by the tree of COMMAND DOCS.
class ArgumentMaker {
 public:
  ArgumentMaker(Bytes& bytes, const CommandSpec& spec, Words& out)
      : bytes_(bytes), few_(spec.name.find("rand") != std::string_view::npos), out_(out) {}

  void Make(std::span<const ArgumentSpec> arguments) {
    for (const ArgumentSpec& argument : arguments) Make(argument);
  }

 private:
  void Make(const ArgumentSpec& argument) {
    if ((argument.flags & kArgumentOptional) != 0 && bytes_.Below(2) == 0) return;
    std::size_t times = (argument.flags & kArgumentMultiple) != 0 ? 1 + bytes_.Below(4) : 1;
    std::size_t begin = out_.size();
    for (std::size_t i = 0; i < times && out_.size() < 40; ++i) {
      bool token_each = (argument.flags & kArgumentMultipleToken) != 0;
      if (argument.token != nullptr && argument.token[0] != '\0' && (i == 0 || token_each)) out_.push_back(argument.token);
      One(argument);
    }
    // The number of keys that was promised, told the truth most of the time.
    bool is_key = Type(argument) == "key";
    if (is_key && count_at_ != SIZE_MAX && bytes_.Below(16) != 0) out_[count_at_] = std::to_string(out_.size() - begin);
    if (is_key) count_at_ = SIZE_MAX;
  }

  static std::string_view Type(const ArgumentSpec& argument) { return ArgumentTypeNames()[argument.type]; }

  void One(const ArgumentSpec& argument) {
    std::string_view type = Type(argument);
    std::string_view name = argument.name;
    if (type == "pure-token") return;
    if (type == "oneof") return Make(argument.children()[bytes_.Below(argument.children().size())]);
    if (type == "block") return Make(argument.children());
    if (type == "key") return out_.push_back(kKeys[bytes_.Below(std::size(kKeys))]);
    if (name == "numkeys") count_at_ = out_.size();
    if (type == "unix-time" || name.find("seconds") != std::string_view::npos) return out_.push_back(bytes_.Pick(kTimes));
    if (type == "integer") return out_.push_back(few_ ? bytes_.Pick(kFewNumbers) : bytes_.Pick(kNumbers));
    if (type == "double") return out_.push_back(bytes_.Pick(kDoubles));
    if (type == "pattern") return out_.push_back(bytes_.Pick(kPatterns));
    if (name == "min" || name == "max" || name == "start" || name == "stop") return out_.push_back(bytes_.Pick(kBounds));
    out_.push_back(bytes_.Below(4) == 0 ? bytes_.Pick(kNumbers) : bytes_.Pick(kMembers));
  }

  Bytes& bytes_;
  bool few_;  // a negative count says how many elements come: none that would not end
  Words& out_;
  std::size_t count_at_ = SIZE_MAX;
};

class Machine {
 public:
  Machine() {
    auto config = std::make_unique<Config>();
    for (auto [name, value] : {std::pair{"databases", "2"}, {"proto-max-bulk-len", "1mb"}, {"hash-max-listpack-entries", "5"}, {"list-max-listpack-size", "4"},
                               {"set-max-intset-entries", "5"}, {"zset-max-listpack-entries", "5"}, {"enable-debug-command", "yes"}}) {
      std::vector<std::string> words{value};
      if (!config->SetAtStart(name, words).ok()) std::abort();
    }
    engine_ = std::make_unique<Engine>(std::move(config), logger_, nullptr);
    if (!engine_->Start({}).ok()) std::abort();
    thread_ = &engine_->AddThread();
    client_.id = engine_->NextClientId();
    client_.authenticated = true;
    client_.kind = ClientKind::kEmbedded;
    (void)Call({"DEBUG", "SET-ACTIVE-EXPIRE", "0"});
    for (const Command& command : engine_->commands().all()) {
      if (command.handler != nullptr && IsWanted(command)) commands_.push_back(&command);
    }
  }

  void Run(Bytes& bytes) {
    while (!bytes.empty()) {
      const Command& command = *commands_[(bytes.Below(256) << 8 | bytes.Below(256)) % commands_.size()];
      Words words;
      for (std::string_view name = command.full_name(); !name.empty();) {
        std::size_t bar = name.find('|');
        words.emplace_back(name.substr(0, bar));
        name = bar == std::string_view::npos ? std::string_view() : name.substr(bar + 1);
      }
      ArgumentMaker(bytes, *command.spec, words).Make(command.spec->arguments());
      if (bytes.Below(16) == 0) Spoil(bytes, words);
      trace_.push_back(words);
      (void)Call(words);
    }
  }

  void Check() {
    (void)Call({"DISCARD"});
    (void)Call({"UNWATCH"});
    for (const char* db : {"0", "1"}) {
      (void)Call({"SELECT", db});
      CheckDatabase();
    }
    (void)Call({"SELECT", "0"});
    (void)Call({"FLUSHALL", "SYNC"});
    // Entries point to their values at odd addresses, where a leak check does not look: none may be alive when it comes.
    while (engine_->cron()->lazyfree_pending() > 0) usleep(100);
    trace_.clear();
  }

 private:
  static bool IsWanted(const Command& command) {
    std::string_view group = command.spec->group;
    bool data = group != "pubsub" && group != "connection" && group != "server" && group != "cluster" && group != "scripting";
    bool others = command.full_name() == "select" || command.full_name() == "flushdb" || command.full_name() == "swapdb" ||
                  command.full_name() == "memory|usage" || command.full_name() == "dbsize";
    // Those wait for other processes.
    bool waits = command.full_name() == "wait" || command.full_name() == "migrate";
    return (data || others) && !waits;
  }

  static void Spoil(Bytes& bytes, Words& words) {
    std::size_t at = bytes.Below(words.size() + 1);
    switch (bytes.Below(3)) {
      case 0: words.insert(words.begin() + static_cast<std::ptrdiff_t>(at), bytes.Pick(kMembers)); break;
      case 1: if (at > 0 && at < words.size()) words.erase(words.begin() + static_cast<std::ptrdiff_t>(at)); break;
      default: if (at > 0 && at < words.size()) words[at] = bytes.Pick(kNumbers); break;
    }
  }

  Value Call(const Words& words) {
    std::vector<std::string_view> args(words.begin(), words.end());
    OutBuffer out;
    engine_->Call(*thread_, client_, args, out);
    std::string text;
    out.CopyTo(&text);
    if (text.empty()) return {};
    return fuzz::ParseReply(text);
  }
  std::int64_t Number(const Words& words) { return Call(words).number; }

  void Expect(bool holds, const char* what, const std::string& key) {
    if (holds) return;
    std::fprintf(stderr, "violated: %s, key '%s', after\n", what, key.c_str());
    for (const Words& words : trace_) {
      for (const std::string& word : words) std::fprintf(stderr, " %s", fuzz::Quoted(word).c_str());
      std::fprintf(stderr, "\n");
    }
    std::abort();
  }

  // Everything that a scan to its end finds, each once.
  std::multiset<std::string> Scanned(Words command, std::size_t cursor_at) {
    std::set<std::string> seen;
    for (int rounds = 0; rounds < 10000; ++rounds) {
      Value reply = Call(command);
      Expect(reply.items.size() == 2, "the shape of a scan", command[0]);
      for (const Value& item : reply.items[1].items) seen.insert(item.text);
      if (reply.items[0].text == "0") return {seen.begin(), seen.end()};
      command[cursor_at] = reply.items[0].text;
    }
    Expect(false, "a scan ends", command[0]);
    return {};
  }

  void CheckDatabase() {
    std::multiset<std::string> keys;
    for (const std::string& key : Scanned({"SCAN", "0", "COUNT", "3"}, 1)) keys.insert(key);
    for (const std::string& key : keys) {
      std::string type = Call({"TYPE", key}).text;
      std::int64_t ttl_ms = Number({"PTTL", key});
      if (type == "none" || (ttl_ms >= 0 && ttl_ms < 60000)) continue;  // may go any time
      if (type == "string") CheckString(key);
      else if (type == "list") CheckList(key);
      else if (type == "hash") CheckHash(key);
      else if (type == "set") CheckSet(key);
      else if (type == "zset") CheckSortedSet(key);
      CheckCopy(key);
    }
    Expect(Number({"DBSIZE"}) >= static_cast<std::int64_t>(keys.size()), "DBSIZE counts what SCAN finds", "");
  }

  void CheckCopy(const std::string& key) {
    Expect(Number({"COPY", key, "the copy"}) == 1, "COPY", key);
    Expect(Call({"DEBUG", "DIGEST-VALUE", key}).items[0].text == Call({"DEBUG", "DIGEST-VALUE", "the copy"}).items[0].text, "a copy equals", key);
    Expect(Number({"UNLINK", "the copy"}) == 1, "the copy goes", key);
  }

  void CheckString(const std::string& key) {
    Expect(Number({"STRLEN", key}) == static_cast<std::int64_t>(Call({"GET", key}).text.size()), "STRLEN", key);
  }

  void CheckList(const std::string& key) {
    std::vector<Value> all = Call({"LRANGE", key, "0", "-1"}).items;
    auto length = static_cast<std::int64_t>(all.size());
    Expect(length > 0 && Number({"LLEN", key}) == length, "LLEN", key);
    for (std::int64_t i = 0; i < length; i += 1 + length / 16) {
      auto at = static_cast<std::size_t>(i);
      Expect(Call({"LINDEX", key, std::to_string(i)}).text == all[at].text, "LINDEX", key);
      Expect(Call({"LINDEX", key, std::to_string(i - length)}).text == all[at].text, "LINDEX from the end", key);
      std::int64_t first = Number({"LPOS", key, all[at].text});
      Expect(first >= 0 && first <= i && all[static_cast<std::size_t>(first)].text == all[at].text, "LPOS", key);
    }
  }

  void CheckHash(const std::string& key) {
    std::vector<Value> all = Call({"HGETALL", key}).items;
    auto size = static_cast<std::int64_t>(all.size() / 2);
    Expect(size > 0 && all.size() % 2 == 0 && Number({"HLEN", key}) == size, "HLEN", key);
    std::map<std::string, std::string> fields;
    for (std::size_t i = 0; i < all.size(); i += 2) {
      Expect(fields.emplace(all[i].text, all[i + 1].text).second, "fields are distinct", key);
      Expect(Call({"HGET", key, all[i].text}).text == all[i + 1].text, "HGET", key);
    }
    std::vector<Value> names = Call({"HKEYS", key}).items;
    Expect(static_cast<std::int64_t>(names.size()) == size && static_cast<std::int64_t>(Call({"HVALS", key}).items.size()) == size, "HKEYS and HVALS", key);
    std::map<std::string, std::string> scanned;
    ScanPairs("HSCAN", key, scanned);
    Expect(scanned == fields, "HSCAN finds all", key);
    if (Call({"OBJECT", "ENCODING", key}).text == "listpack") Expect(size <= 5, "a listpack is small", key);
  }

  void ScanPairs(const char* command, const std::string& key, std::map<std::string, std::string>& pairs) {
    std::string cursor = "0";
    for (int rounds = 0; rounds < 10000; ++rounds) {
      Value reply = Call({command, key, cursor, "COUNT", "2"});
      Expect(reply.items.size() == 2 && reply.items[1].items.size() % 2 == 0, "the shape of a scan", key);
      for (std::size_t i = 0; i < reply.items[1].items.size(); i += 2) pairs[reply.items[1].items[i].text] = reply.items[1].items[i + 1].text;
      cursor = reply.items[0].text;
      if (cursor == "0") return;
    }
    Expect(false, "a scan ends", key);
  }

  void CheckSet(const std::string& key) {
    std::vector<Value> all = Call({"SMEMBERS", key}).items;
    std::multiset<std::string> members;
    for (const Value& member : all) members.insert(member.text);
    Expect(!all.empty() && Number({"SCARD", key}) == static_cast<std::int64_t>(all.size()), "SCARD", key);
    Expect(std::set<std::string>(members.begin(), members.end()).size() == members.size(), "members are distinct", key);
    for (const Value& member : all) Expect(Number({"SISMEMBER", key, member.text}) == 1, "SISMEMBER", key);
    Expect(Scanned({"SSCAN", key, "0", "COUNT", "2"}, 2) == members, "SSCAN finds all", key);
    Expect(Number({"SINTERCARD", "2", key, key}) == static_cast<std::int64_t>(all.size()), "a set intersects itself", key);
    if (Call({"OBJECT", "ENCODING", key}).text == "intset") Expect(all.size() <= 5, "an intset is small", key);
  }

  void CheckSortedSet(const std::string& key) {
    std::vector<Value> all = Call({"ZRANGE", key, "0", "-1", "WITHSCORES"}).items;
    auto size = static_cast<std::int64_t>(all.size() / 2);
    Expect(size > 0 && Number({"ZCARD", key}) == size, "ZCARD", key);
    Expect(Number({"ZCOUNT", key, "-inf", "+inf"}) == size, "ZCOUNT of all", key);
    std::map<std::string, std::string> scores;
    for (std::size_t i = 0; i < all.size(); i += 2) {
      const std::string& member = all[i].text;
      Expect(scores.emplace(member, all[i + 1].text).second, "members are distinct", key);
      Expect(Call({"ZSCORE", key, member}).text == all[i + 1].text, "ZSCORE", key);
      Expect(Number({"ZRANK", key, member}) == static_cast<std::int64_t>(i / 2), "ZRANK", key);
      Expect(Number({"ZREVRANK", key, member}) == size - 1 - static_cast<std::int64_t>(i / 2), "ZREVRANK", key);
      if (i == 0) continue;
      double before = std::strtod(all[i - 1].text.c_str(), nullptr);
      double score = std::strtod(all[i + 1].text.c_str(), nullptr);
      Expect(!std::isnan(score) && (before < score || (before == score && all[i - 2].text < member)), "ascending order", key);
    }
    std::map<std::string, std::string> scanned;
    ScanPairs("ZSCAN", key, scanned);
    Expect(scanned == scores, "ZSCAN finds all", key);
    if (Call({"OBJECT", "ENCODING", key}).text == "listpack") Expect(size <= 5, "a listpack is small", key);
  }

  NullLogger logger_;
  std::unique_ptr<Engine> engine_;
  ThreadState* thread_;
  Client client_;
  std::vector<const Command*> commands_;
  std::vector<Words> trace_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Machine* machine = new Machine;
  Bytes bytes(data, size);
  machine->Run(bytes);
  machine->Check();
  return 0;
}
