// REPLCONF: options, acknowledgements, nonsense. Source: spec replication.md section 3.
#include <vector>

#include "replication/replconf.h"
#include "test.h"

namespace slotwise {
namespace {

struct Parsed : ReplconfResult {
  ReplicaAnnounce announce;
};

Parsed Parse(std::vector<std::string_view> words, ReplicaAnnounce before = {}) {
  words.insert(words.begin(), "REPLCONF");
  Parsed p;
  p.announce = std::move(before);
  static_cast<ReplconfResult&>(p) = ParseReplconf(words, &p.announce);
  return p;
}

ONE_THREAD_TEST(Replconf, SeveralPairsInOneCall) {
  Parsed p = Parse({"listening-port", "7777", "IP-Address", "10.9.9.9", "capa", "eof", "capa", "PSYNC2", "capa", "telepathy"});
  EXPECT_EQ(p.error, "");
  EXPECT_FALSE(p.silent);
  EXPECT_EQ(p.announce.listening_port, 7777);
  EXPECT_EQ(p.announce.ip, "10.9.9.9");
  EXPECT_TRUE(p.announce.eof && p.announce.psync2);
}

ONE_THREAD_TEST(Replconf, AcknowledgementsAreSilentWhateverTheySay) {
  EXPECT_TRUE(Parse({"ACK", "123"}).acknowledges);
  EXPECT_EQ(Parse({"ACK", "123"}).offset, 123);
  for (const char* nonsense : {"", "x", "1.5", "99999999999999999999", "0x10", "12 "}) {
    Parsed p = Parse({"ack", nonsense});
    EXPECT_TRUE(p.silent);
    EXPECT_FALSE(p.acknowledges);
    EXPECT_EQ(p.error, "");
  }
  EXPECT_TRUE(Parse({"getack", "*"}).silent);
}

ONE_THREAD_TEST(Replconf, AnAcknowledgementMaySayWhatIsFsynced) {
  EXPECT_TRUE(Parse({"capa", "Slotwise-Ack"}).announce.slotwise_ack);
  EXPECT_EQ(Parse({"ACK", "123"}).fsynced, -1);
  EXPECT_EQ(Parse({"ACK", "123", "FACK", "100"}).fsynced, 100);
  for (const char* nonsense : {"", "x", "1.5", "99999999999999999999", "12 "}) {
    Parsed p = Parse({"ack", "123", "fack", nonsense});
    EXPECT_TRUE(p.silent && p.acknowledges);
    EXPECT_EQ(p.fsynced, -1);
  }
  EXPECT_EQ(Parse({"ACK", "123", "capa", "eof"}).fsynced, -1);
}

ONE_THREAD_TEST(Replconf, AnAcknowledgementMayHaveATag) {
  EXPECT_EQ(Parse({"ACK", "123", "FACK", "100", "TAG", "7-a-1"}).tag, "7-a-1");
  EXPECT_EQ(Parse({"ACK", "123", "FACK", "100"}).tag, "");
  EXPECT_EQ(Parse({"ACK", "123", "FACK", "100", "TAG", std::string(129, 'x')}).tag, "");
  EXPECT_EQ(Parse({"ACK", "123", "TAG", "7-a-1"}).tag, "");
}

ONE_THREAD_TEST(Replconf, Errors) {
  EXPECT_EQ(Parse({"listening-port"}).error, "ERR syntax error");
  EXPECT_EQ(Parse({"listening-port", "x"}).error, "ERR value is not an integer or out of range");
  EXPECT_EQ(Parse({"version", "7.2.0"}).error, "ERR Unrecognized REPLCONF option: version");
  EXPECT_EQ(Parse({"rdb-only", "2"}).error, "ERR value is out of range, value must between 0 and 1");
  EXPECT_EQ(Parse({"rdb-filter-only", "functions data"}).error, "ERR Unsupported rdb-filter-only option: data");
  EXPECT_EQ(Parse({"rdb-filter-only", "\"open"}).error, "ERR Missing rdb-filter-only values");
  EXPECT_EQ(Parse({"ip-address", std::string(255, '1')}).error, "ERR REPLCONF ip-address provided by replica instance is too long: 255 bytes");
  EXPECT_EQ(Parse({"ip-address", std::string(254, '1')}).error, "");
}

ONE_THREAD_TEST(Replconf, FiltersLeaveTheDataOut) {
  Parsed p = Parse({"rdb-filter-only", ""});
  EXPECT_TRUE(p.announce.filtered);
  EXPECT_FALSE(p.announce.functions);
  EXPECT_TRUE(Parse({"rdb-filter-only", "functions"}).announce.functions);
}

}  // namespace
}  // namespace slotwise
