// DEBUG, and the digest that must equal Redis's.
#include "base/sha1.h"
#include "commands/debug_digest.h"
#include "engine_fixture.h"
#include "test.h"

namespace slotwise {
namespace {

using test::EngineFixture;

// Source of the values: FIPS 180-4 examples, and openssl.
TEST(Sha1, KnownDigests) {
  EXPECT_EQ(DigestText(Sha1("")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(DigestText(Sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(DigestText(Sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(DigestText(Sha1(std::string(1000000, 'a'))), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

// 55, 56, 63, 64 and 65 bytes: the padding fits into the last block, or needs another.
TEST(Sha1, LengthsAroundABlock) {
  EXPECT_EQ(DigestText(Sha1(std::string(55, 'a'))), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(DigestText(Sha1(std::string(56, 'a'))), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  EXPECT_EQ(DigestText(Sha1(std::string(63, 'a'))), "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
  EXPECT_EQ(DigestText(Sha1(std::string(64, 'a'))), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  EXPECT_EQ(DigestText(Sha1(std::string(65, 'a'))), "11655326c708d70319be2610e8a57d9a5b959d3b");
}

const EngineFixture::Directives kAllowed = {{"enable-debug-command", "yes"}};

TEST(Debug, IsRefusedUnlessEnabled) {
  EngineFixture f;
  EXPECT_EQ(f("DEBUG SLEEP 0"),
            "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local "
            "connection, otherwise you need to set this option in the configuration file, and then restart the server.\r\n");
}

TEST(Debug, LocalMeansLoopbackAndUnixSockets) {
  EngineFixture f(EngineFixture::Directives{{"enable-debug-command", "local"}});
  Client client;
  client.authenticated = true;
  for (auto& [address, allowed] : std::vector<std::pair<std::string, bool>>{
           {"127.0.0.1:5000", true}, {"[::1]:5000", true}, {"10.0.0.1:5000", false}, {"128.0.0.1:1", false}}) {
    client.address = address;
    EXPECT_EQ(f.As(client, "DEBUG SLEEP 0") == "+OK\r\n", allowed);
  }
  client.unix_socket = true;
  EXPECT_EQ(f.As(client, "DEBUG SLEEP 0"), "+OK\r\n");
}

TEST(Debug, UnknownSubcommandsAndWrongCounts) {
  EngineFixture f(kAllowed);
  EXPECT_EQ(f("DEBUG nosuch"), "-ERR unknown subcommand or wrong number of arguments for 'nosuch'. Try DEBUG HELP.\r\n");
  EXPECT_EQ(f("DEBUG SLEEP"), "-ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP.\r\n");
  EXPECT_EQ(f("DEBUG POPULATE x"), "-ERR value is out of range, must be positive\r\n");
}

// Source of the values: redis-server 7.0.15 after the same commands.
TEST(Debug, DigestsEqualRedis) {
  EngineFixture f(kAllowed);
  EXPECT_EQ(f("DEBUG DIGEST"), "+0000000000000000000000000000000000000000\r\n");
  f("SET foo bar");
  f("SET n 12");
  EXPECT_EQ(f("DEBUG DIGEST-VALUE foo n none"),
            "*3\r\n+68467c70ae30376e7ce005bcc8827f5ba7fd67dc\r\n+655ac46b180ad2f61a3cee25f0b1780fa2ec879a\r\n"
            "+0000000000000000000000000000000000000000\r\n");
  EXPECT_EQ(f("DEBUG DIGEST"), "+9923a51b8e88cd31ac9d318e3a72bbf29756052f\r\n");
  f("COPY foo foo DB 7");
  f("SET other value EX 1000");
  f("MOVE other 15");
  f("PEXPIREAT n 4000000000000");
  EXPECT_EQ(f("DEBUG DIGEST"), "+07aafd926c47ef2021f4a6270bc494efc96e8e45\r\n");
}

TEST(Debug, PopulateSkipsWhatIsThere) {
  EngineFixture f(kAllowed);
  f("SET key:1 mine");
  EXPECT_EQ(f("DEBUG POPULATE 3"), "+OK\r\n");
  EXPECT_EQ(f("MGET key:0 key:1 key:2"), "*3\r\n$7\r\nvalue:0\r\n$4\r\nmine\r\n$7\r\nvalue:2\r\n");
  f("DEBUG POPULATE 1 p 10");
  EXPECT_EQ(f("GET p:0"), std::string("$10\r\nvalue:0\0\0\0\r\n", 17));
}

TEST(Debug, ProtocolShowsEachKindOfReply) {
  EngineFixture f(kAllowed);
  EXPECT_EQ(f("DEBUG PROTOCOL map"), "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n");
  EXPECT_EQ(f("DEBUG PROTOCOL push"), "-ERR RESP2 is not supported by this command\r\n");
  f.client.protocol = 3;
  EXPECT_EQ(f("DEBUG PROTOCOL map"), "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n");
  EXPECT_EQ(f("DEBUG PROTOCOL double"), ",3.141\r\n");
  EXPECT_EQ(f("DEBUG PROTOCOL bignum"), "(1234567999999999999999999999999999999\r\n");
  EXPECT_EQ(f("DEBUG PROTOCOL verbatim"), "=29\r\ntxt:This is a verbatim\nstring\r\n");
}

}  // namespace
}  // namespace slotwise
