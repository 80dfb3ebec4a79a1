// DUMP and RESTORE: payloads of Redis 7.0.15 and its predecessors, every encoding there and back, hostile payloads.
#include <string>
#include <vector>

#include "base/crc64.h"
#include "base/random.h"
#include "engine_fixture.h"
#include "test.h"

namespace slotwise::test {
namespace {

std::string Bytes(std::string_view hex) {
  std::string out;
  std::string digits;
  for (char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() < 2) continue;
    out.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return out;
}

// Type and body with the footer of version 10.
std::string Payload(std::string content) {
  content += std::string("\x0a\x00", 2);
  std::uint64_t crc = Crc64(0, content);
  content.append(reinterpret_cast<const char*>(&crc), 8);
  return content;
}

std::string Dumped(EngineFixture& f, const std::string& key) {
  std::string reply = f.Run({"DUMP", key});
  if (reply[0] != '$' || reply[1] == '-') return reply;
  reply = reply.substr(reply.find("\r\n") + 2);
  reply.resize(reply.size() - 2);
  return reply;
}

TEST(Dump, PayloadsAreThoseOfRedis) {
  EngineFixture f;
  f("SET k hello");
  EXPECT_TRUE(f("DUMP k") == std::string("$17\r\n\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a\r\n", 24));
  EXPECT_EQ(f("DUMP missing"), "$-1\r\n");
  f("SET n 123");
  std::string payload = f("DUMP n");
  payload = payload.substr(payload.find("\r\n") + 2);
  payload.resize(payload.size() - 2);
  EXPECT_EQ(f.Run({"RESTORE", "n", "0", payload}), "-BUSYKEY Target key name already exists.\r\n");
  EXPECT_EQ(f.Run({"RESTORE", "m", "0", payload}), "+OK\r\n");
  EXPECT_EQ(f("GET m"), "$3\r\n123\r\n");
  EXPECT_EQ(f.Run({"RESTORE", "m", "-1", payload, "REPLACE"}), "-ERR Invalid TTL value, must be >= 0\r\n");
  EXPECT_EQ(f.Run({"RESTORE", "m", "0", payload, "IDLETIME", "-1"}), "-ERR Invalid IDLETIME value, must be >= 0\r\n");
  EXPECT_EQ(f.Run({"RESTORE", "m", "0", payload, "FREQ", "256"}), "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n");
  EXPECT_EQ(f.Run({"RESTORE", "m", "0", payload, "FREQ", "1", "IDLETIME", "1"}), "-ERR syntax error\r\n");
  for (std::size_t i = 0; i < payload.size(); ++i) {
    std::string bad = payload;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_EQ(f.Run({"RESTORE", "x", "0", bad}), "-ERR DUMP payload version or checksum are wrong\r\n");
  }
  EXPECT_EQ(f.Run({"RESTORE", "m", "5", payload, "REPLACE", "ABSTTL"}), "+OK\r\n");
  EXPECT_EQ(f("EXISTS m x"), ":0\r\n");
}


// Captured from Redis 7.0.15: what it dumps, we dump.
TEST(Dump, CollectionsAreThoseOfRedis) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> vectors = {
      {{"RPUSH", "k", "a", "1", "-5000", "hello"}, "12 01 02 17 17 00 00 00 04 00 81 61 02 01 01 f1 78 ec 03 85 68 65 6c 6c 6f 06 ff 0a 00 c3 f5 00 2d 23 3c db 09"},
      {{"SADD", "k", "1", "2", "3"}, "0b 0e 02 00 00 00 03 00 00 00 01 00 02 00 03 00 0a 00 a5 02 5c e2 6d 6e 4d 1b"},
      {{"SADD", "k", "-5", "1", "2", "3", "70000"}, "0b 1c 04 00 00 00 05 00 00 00 fb ff ff ff 01 00 00 00 02 00 00 00 03 00 00 00 70 11 01 00 0a 00 23 e5 f3 76 55 98 61 7d"},
      {{"SADD", "k", "a", "b"}, "02 02 01 61 01 62 0a 00 fe 64 21 25 eb 03 3d 0d"},
      {{"ZADD", "k", "-inf", "c", "1", "a", "2.5", "b", "inf", "d"}, "11 25 25 00 00 00 08 00 81 63 02 84 2d 69 6e 66 05 81 61 02 01 01 81 62 02 83 32 2e 35 04 81 64 02 83 69 6e 66 04 ff 0a 00 47 fa 98 45 b0 a7 68 05"},
      {{"HSET", "k", "f1", "v1", "n", "100"}, "10 14 14 00 00 00 04 00 82 66 31 03 82 76 31 03 81 6e 02 64 01 ff 0a 00 9a 1c d2 54 35 e4 d3 58"}};
  for (const auto& [command, payload] : vectors) {
    EngineFixture f;
    f.Run(command);
    if (Dumped(f, "k") != Bytes(payload)) Fail(__FILE__, __LINE__, command[0] + " is dumped otherwise");
    EXPECT_EQ(f.Run({"RESTORE", "r", "0", Bytes(payload)}), "+OK\r\n");
    EXPECT_EQ(f("DEBUG DIGEST-VALUE r"), f("DEBUG DIGEST-VALUE k"));
  }
}

// Forms that older versions wrote, and forms that a writer may choose.
TEST(Dump, OlderFormsAreRead) {
  EngineFixture f;
  auto restore = [&](std::string_view hex) { return f.Run({"RESTORE", "k", "0", Payload(Bytes(hex)), "REPLACE"}); };
  EXPECT_EQ(restore("0a 17 17 00 00 00 13 00 00 00 04 00 00 01 61 03 f8 02 c0 e8 03 04 fe fb ff"), "+OK\r\n");  // list ziplist
  EXPECT_EQ(f("LRANGE k 0 -1"), "*4\r\n$1\r\na\r\n$1\r\n7\r\n$4\r\n1000\r\n$2\r\n-5\r\n");
  EXPECT_EQ(restore("09 14 02 01 61 02 00 31 32 03 6b 65 79 01 02 78 00 00 ff"), "-ERR Bad data format\r\n");    // longer than it is
  EXPECT_EQ(restore("09 11 02 01 61 02 00 31 32 03 6b 65 79 01 02 78 00 00 ff"), "+OK\r\n");                   // hash zipmap
  EXPECT_EQ(f("HGET k a"), "$2\r\n12\r\n");
  EXPECT_EQ(f("HGET k key"), "$1\r\nx\r\n");
  EXPECT_EQ(restore("01 02 01 61 01 62"), "+OK\r\n");                                                            // list, one by one
  EXPECT_EQ(f("LLEN k"), ":2\r\n");
  EXPECT_EQ(restore("03 02 01 61 01 31 01 62 fe"), "+OK\r\n");                                                   // zset, scores as text
  EXPECT_EQ(f("ZSCORE k b"), "$3\r\ninf\r\n");
  EXPECT_EQ(restore("05 04 01 64 00 00 00 00 00 00 f0 7f 01 62 00 00 00 00 00 00 04 40 01 61 00 00 00 00 00 00 f0 3f 01 63 00 00 00 00 00 00 f0 ff"), "+OK\r\n");
  EXPECT_EQ(f("ZRANGE k 0 -1"), "*4\r\n$1\r\nc\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nd\r\n");
  EXPECT_EQ(restore("04 02 02 66 31 02 76 31 01 6e c0 64"), "+OK\r\n");                                          // hash, pair by pair
  EXPECT_EQ(f("OBJECT ENCODING k"), "$8\r\nlistpack\r\n");
  EXPECT_EQ(restore("0e 01 17 17 00 00 00 13 00 00 00 04 00 00 01 61 03 f8 02 c0 e8 03 04 fe fb ff"), "+OK\r\n");  // quicklist of ziplists
  EXPECT_EQ(f("LLEN k"), ":4\r\n");
  EXPECT_EQ(restore("12 03 02 0a 0a 00 00 00 01 00 81 61 02 ff 01 0c 62 62 62 62 62 62 62 62 62 62 62 62 02 0a 0a 00 00 00 01 00 81 63 02 ff"), "+OK\r\n");
  EXPECT_EQ(f("LRANGE k 0 -1"), "*3\r\n$1\r\na\r\n$12\r\nbbbbbbbbbbbb\r\n$1\r\nc\r\n");
}

TEST(Dump, WhatIsNoValueIsRefusedAndChangesNothing) {
  EngineFixture f;
  f("SET k before");
  const std::vector<std::string> bad = {
      "",                                            // no type
      "08 00", "14 00", "63 00",                     // types that there are not
      "01 00", "02 00", "04 00", "05 00", "12 00",   // empty collections
      "02 02 01 61 01 61",                           // the same member twice
      "04 02 01 61 01 31 01 61 01 32",               // the same field twice
      "05 01 01 61 00 00 00 00 00 00 f8 7f",         // NaN
      "10 0d 0d 00 00 00 03 00 01 01 02 01 03 01 ff",  // an odd number of elements
      "10 0f 0f 00 00 00 04 00 01 01 02 01 01 01 02 01 ff",  // the same field twice
      "10 0f 0e 00 00 00 04 00 01 01 02 01 03 01 02 01 ff",  // a size that is not its own
      "10 0f 0f 00 00 00 04 00 01 01 02 02 03 01 02 01 ff",  // a size from behind that is wrong
      "11 0f 0f 00 00 00 04 00 01 01 02 01 01 01 03 01 ff",  // a member twice
      "0b 0e 03 00 00 00 03 00 00 00 01 00 02 00 03 00",     // a width that there is not
      "0b 0e 02 00 00 00 03 00 00 00 02 00 01 00 03 00",     // unsorted
      "0b 0e 02 00 00 00 03 00 00 00 01 00 01 00 03 00",     // twice
      "12 01 03 0a 0a 00 00 00 01 00 81 61 02 ff",           // a container that there is not
      "12 80 7f ff ff ff 02 0a",                             // two milliards of nodes
      "0a 17 17 00 00 00 13 00 00 00 04 00 00 01 61 04 f8 02 c0 e8 03 04 fe fb ff",  // a neighbour's size that is wrong
      "02 80 ff ff ff ff 01 61"};
  for (const std::string& hex : bad) {
    std::string reply = f.Run({"RESTORE", "k", "0", Payload(Bytes(hex)), "REPLACE"});
    if (reply != "-ERR Bad data format\r\n") Fail(__FILE__, __LINE__, "taken: " + hex + " " + reply);
  }
  EXPECT_EQ(f("GET k"), "$6\r\nbefore\r\n");
}

TEST(Dump, EveryEncodingComesBack) {
  EngineFixture f;
  std::vector<std::string> keys;
  for (int size : {1, 3, 60, 130, 600, 3000}) {
    std::string n = std::to_string(size);
    for (int i = 0; i < size; ++i) {
      std::string m = std::to_string(i * 3);
      f.Run({"RPUSH", "list" + n, m, "element " + m});
      f.Run({"SADD", "ints" + n, m});
      f.Run({"SADD", "set" + n, "member " + m});
      f.Run({"HSET", "hash" + n, "field" + m, i % 100 == 99 ? std::string(100, 'v') : m});
      f.Run({"ZADD", "zset" + n, i % 3 == 0 ? m : m + ".25", "member " + m});
    }
    for (const char* kind : {"list", "ints", "set", "hash", "zset"}) keys.push_back(kind + n);
  }
  f.Run({"RPUSH", "big", "a", std::string(20000, 'x'), "b"});
  f.Run({"SET", "text", std::string(5000, 'y')});
  f.Run({"SET", "int", "-17"});
  f.Run({"HSET", "long", "f", std::string(70, 'z')});
  for (const char* key : {"big", "text", "int", "long"}) keys.push_back(key);
  for (const std::string& key : keys) {
    EXPECT_EQ(f.Run({"RESTORE", "copy", "0", Dumped(f, key), "REPLACE"}), "+OK\r\n");
    EXPECT_EQ(f.Run({"DEBUG", "DIGEST-VALUE", "copy"}), f.Run({"DEBUG", "DIGEST-VALUE", key}));
    EXPECT_EQ(f.Run({"OBJECT", "ENCODING", "copy"}), f.Run({"OBJECT", "ENCODING", key}));
  }
}

// Whatever bytes come with a right checksum: an error or a value, never a crash, and the value can be used and dumped.
TEST(Dump, RandomDamageIsNoDanger) {
  EngineFixture f;
  for (int i = 0; i < 40; ++i) {
    std::string m = std::to_string(i);
    f.Run({"RPUSH", "l", m, "e" + m});
    f.Run({"SADD", "i", m});
    f.Run({"SADD", "s", "m" + m});
    f.Run({"HSET", "h", "f" + m, "v" + m});
    f.Run({"ZADD", "z", m + ".5", "m" + m});
  }
  Random random(11);
  int taken = 0;
  for (const char* key : {"l", "i", "s", "h", "z"}) {
    std::string good = Dumped(f, key);
    good.resize(good.size() - 10);
    for (int i = 0; i < 2000; ++i) {
      std::string bad = good;
      for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) bad[random.Below(bad.size())] = static_cast<char>(random.Below(256));
      if (random.Below(4) == 0) bad.resize(random.Below(bad.size()));
      if (f.Run({"RESTORE", "x", "0", Payload(bad), "REPLACE"}) != "+OK\r\n") continue;
      ++taken;
      f("DEBUG DIGEST-VALUE x");
      f("LRANGE x 0 -1");
      f("SMEMBERS x");
      f("HGETALL x");
      f("ZRANGE x 0 -1 WITHSCORES");
      EXPECT_EQ(f.Run({"RESTORE", "y", "0", Dumped(f, "x"), "REPLACE"}), "+OK\r\n");
      EXPECT_EQ(f("DEBUG DIGEST-VALUE x"), f("DEBUG DIGEST-VALUE y"));
    }
  }
  EXPECT_TRUE(taken > 100);
}

}  // namespace
}  // namespace slotwise::test
