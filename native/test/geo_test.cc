// GEO commands: replies as of redis-server 7.0.15, to the last digit.
#include <vector>

#include "strings_fixture.h"
#include "values/geo_cell.h"

namespace slotwise {
namespace {

using namespace test;

std::string Array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& e : elements) text += e;
  return text;
}

void AddSicily(EngineFixture& f) {
  EXPECT_EQ(f("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"), Int(2));
}

TEST(Geo, PlacesAndDistances) {
  EngineFixture f;
  AddSicily(f);
  Expect(f, {
      {"ZSCORE g Palermo", Bulk("3479099956230698")},
      {"GEOPOS g Palermo none", Array({Array({Bulk("13.36138933897018433"), Bulk("38.11555639549629859")}), "*-1\r\n"})},
      {"GEOHASH g Palermo Catania none", Array({Bulk("sqc8b49rny0"), Bulk("sqdtr74hyu0"), kNull})},
      {"GEODIST g Palermo Catania", Bulk("166274.1516")},
      {"GEODIST g Palermo Catania km", Bulk("166.2742")},
      {"GEODIST g Palermo Palermo", Bulk("0.0000")},
      {"GEODIST g Palermo none", kNull},
      {"GEODIST none a b", kNull},
      {"GEODIST g Palermo Catania parsec", Err("ERR unsupported unit provided. please use M, KM, FT, MI")},
      {"GEODIST g a b m m", kBadSyntax},
      {"GEOADD g 200 100 x", Err("ERR invalid longitude,latitude pair 200.000000,100.000000")},
      {"GEOADD g x 1 m", Err("ERR value is not a valid float")},
      {"GEOADD g NX XX 1 1 m", kBadSyntax},
      {"GEOADD g 1 1", Err("ERR wrong number of arguments for 'geoadd' command")},
      {"GEOADD g NX CH 2 2", kBadSyntax},
      {"GEOADD g NX 1 1 Palermo", Int(0)},
      {"GEOADD g XX CH 13.4 38 Palermo 1 1 new", Int(1)},
      {"GEOPOS none a", Array({"*-1\r\n"})},
  });
}

TEST(Geo, Searches) {
  EngineFixture f;
  AddSicily(f);
  Expect(f, {
      {"GEOADD g 12.758489 38.788135 edge1 17.241510 38.788135 edge2", Int(2)},
      {"GEORADIUS g 15 37 200 km WITHDIST", Array({Array({Bulk("Palermo"), Bulk("190.4424")}), Array({Bulk("Catania"), Bulk("56.4413")})})},
      {"GEORADIUS g 15 37 200 km ASC", Array({Bulk("Catania"), Bulk("Palermo")})},
      {"GEORADIUS_RO g 15 37 200 km COUNT 1", Array({Bulk("Catania")})},
      {"GEORADIUSBYMEMBER g Catania 200 km DESC WITHHASH", Array({Array({Bulk("Palermo"), Int(3479099956230698)}), Array({Bulk("Catania"), Int(3479447370796909)})})},
      {"GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC", Array({Bulk("Catania"), Bulk("Palermo"), Bulk("edge2"), Bulk("edge1")})},
      {"GEOSEARCH g FROMMEMBER Palermo BYRADIUS 0 m", Array({Bulk("Palermo")})},
      {"GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km COUNT 2 ANY DESC", Array({Bulk("edge1"), Bulk("Palermo")})},
      {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYBOX 400 400 km COUNT 2", Int(2)},
      {"ZRANGE d 0 -1", Array({Bulk("Palermo"), Bulk("Catania")})},
      {"GEOSEARCHSTORE d g FROMLONLAT 15 37 BYRADIUS 100 km STOREDIST", Int(1)},
      {"ZRANGE d 0 -1 WITHSCORES", Array({Bulk("Catania"), Bulk("56.441257870158204")})},
      {"GEORADIUS g 15 37 1 m STORE d", Int(0)},
      {"EXISTS d", Int(0)},
      {"GEORADIUS none 15 37 1 m STORE d", Int(0)},
      {"GEOSEARCH none FROMMEMBER x BYRADIUS 1 m", "*0\r\n"},
      {"GEOSEARCH g FROMMEMBER x BYRADIUS 1 m", Err("ERR could not decode requested zset member")},
      {"GEOSEARCH g BYRADIUS 1 m ASC COUNT 1", Err("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH")},
      {"geosearch g FROMLONLAT 1 1 ASC COUNT 1", Err("ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch")},
      {"GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m BYBOX 1 1 m", kBadSyntax},
      {"GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m ANY", Err("ERR the ANY argument requires COUNT argument")},
      {"GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m COUNT 0", Err("ERR COUNT must be > 0")},
      {"GEOSEARCH g FROMLONLAT 1 1 BYRADIUS -1 m", Err("ERR radius cannot be negative")},
      {"GEOSEARCH g FROMLONLAT 1 1 BYBOX 1 x m", Err("ERR need numeric height")},
      {"GEORADIUS g 1 1 x m", Err("ERR need numeric radius")},
      {"GEORADIUS g 1 1 1 m WITHDIST STORE d", Err("ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options")},
      {"GEORADIUS_RO g 1 1 1 m STORE d", kBadSyntax},
      {"GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1 m WITHDIST", Err("ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options")},
  });
}

TEST(Geo, IsPropagatedAsScores) {
  LoggingFixture f;
  EXPECT_EQ(f.Effects("GEOADD g NX 13.361389 38.115556 Palermo"), "zadd g NX 3479099956230698 Palermo\n");
  EXPECT_EQ(f.Effects("GEOADD g NX 1 1 Palermo"), "");
}

TEST(Geo, AnyScoreIsAPlace) {
  for (double score : {-1.0, 0.5, 1e300, -1e300, 9223372036854775808.0, 4503599627370496.0}) EXPECT_TRUE(GeoPointOf(score).Valid());
}

// The nine cells of a search hold whatever is inside, as a search of all places shows.
TEST(Geo, NoPlaceIsMissed) {
  Random random(21);
  for (int round = 0; round < 400; ++round) {
    GeoShape shape;
    shape.box = round % 2 == 0;
    shape.center = {random.Unit() * 340 - 170, random.Unit() * 120 - 60};
    shape.radius = shape.width = random.Unit() * (round % 3 == 0 ? 1e6 : 5e3);
    shape.height = shape.width * random.Unit();
    auto cells = shape.Cover();
    for (int i = 0; i < 200; ++i) {
      double reach = shape.radius / 60'000;
      GeoPoint point = GeoPointOf(static_cast<double>(
          GeoScore({shape.center.longitude + (random.Unit() - 0.5) * reach, shape.center.latitude + (random.Unit() - 0.5) * reach})));
      double distance;
      if (!shape.Contains(point, &distance)) continue;
      auto score = static_cast<double>(GeoScore(point));
      bool covered = false;
      for (const GeoCell& cell : cells) {
        if (cell.step == 0) continue;
        ScoreRange range = cell.scores();
        covered = covered || (range.ReachesMin(score) && range.WithinMax(score));
      }
      ASSERT_TRUE(covered);
    }
  }
}

}  // namespace
}  // namespace slotwise
