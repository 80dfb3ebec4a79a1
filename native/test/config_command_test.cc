// CONFIG as clients see it; the directives themselves are tested in config_test.cc.
#include <fstream>

#include "temp_dir.h"
#include "test.h"
#include "test_client.h"

namespace slotwise::test {
namespace {

TEST(ConfigCommand, GetIsAMap) {
  EngineFixture f;
  EXPECT_EQ(f("CONFIG GET maxmemory"), "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
  EXPECT_EQ(f("CONFIG GET nosuch"), "*0\r\n");
  EXPECT_TRUE(f("CONFIG GET maxmemory maxclients").starts_with("*4\r\n"));
  EXPECT_EQ(f("CONFIG GET"), "-ERR wrong number of arguments for 'config|get' command\r\n");
  TestClient c(f);
  c("HELLO 3");
  EXPECT_EQ(c("CONFIG GET maxmemory"), "%1\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
}

TEST(ConfigCommand, SetIsAllOrNothing) {
  EngineFixture f;
  EXPECT_EQ(f("CONFIG SET maxmemory 1mb maxmemory-samples 7"), "+OK\r\n");
  EXPECT_EQ(f("CONFIG SET maxmemory 2mb maxmemory-samples foo"),
            "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - argument couldn't be parsed into an integer\r\n");
  EXPECT_EQ(f("CONFIG GET maxmemory"), "*2\r\n$9\r\nmaxmemory\r\n$7\r\n1048576\r\n");
  EXPECT_EQ(f("CONFIG SET foo bar"), "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n");
  EXPECT_EQ(f("CONFIG SET a b c"), "-ERR syntax error\r\n");
  EXPECT_EQ(f("CONFIG SET a"), "-ERR wrong number of arguments for 'config|set' command\r\n");
  EXPECT_EQ(f("CONFIG FOO"), "-ERR unknown subcommand 'FOO'. Try CONFIG HELP.\r\n");
}

TEST(ConfigCommand, RewriteNeedsAFile) {
  EngineFixture f;
  EXPECT_EQ(f("CONFIG REWRITE"), "-ERR The server is running without a config file\r\n");
  const TempDir dir;
  std::string path = dir.path() + "/redis.conf";
  std::ofstream(path) << "# mine\nmaxmemory 1mb\n";
  f.engine->config().SetConfigFile(path);
  f("CONFIG SET maxmemory 2mb");
  EXPECT_EQ(f("CONFIG REWRITE"), "+OK\r\n");
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_TRUE(text.starts_with("# mine\nmaxmemory 2mb\n"));
  f.engine->config().SetConfigFile(dir.path() + "/gone/redis.conf");
  EXPECT_TRUE(f("CONFIG REWRITE").starts_with("-ERR Rewriting config file: "));
}

}  // namespace
}  // namespace slotwise::test
