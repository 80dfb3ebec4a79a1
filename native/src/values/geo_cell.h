// Places on Earth as scores of sorted sets. Longitude and latitude are halved 26 times each and the bits interleaved, so
// that places whose scores share leading bits lie in one cell; a search asks for the score ranges of nine cells and looks
// at what it finds more closely.
//
// Every double is computed by the same steps as in Redis: replies agree to the last digit.
// Source: Redis 7.0 GEO commands; Gustavo Niemeyer's geohash; the haversine formula on a sphere. Web Mercator bounds
// (EPSG:3857), therefore no poles.
#pragma once
#include <array>
#include <cstdint>

#include "values/score_range.h"

namespace slotwise {

inline constexpr double kLongitudeMax = 180;
inline constexpr double kLatitudeMax = 85.05112878;

struct GeoPoint {
  double longitude;
  double latitude;
  bool Valid() const {
    return longitude >= -kLongitudeMax && longitude <= kLongitudeMax && latitude >= -kLatitudeMax && latitude <= kLatitudeMax;
  }
};

// One of 4^step cells. step 0: none.
struct GeoCell {
  std::uint64_t bits = 0;  // 2 * step of them; longitude's in the odd places
  int step = 0;
  friend bool operator==(const GeoCell&, const GeoCell&) = default;

  static constexpr int kMaxStep = 26;
  // `latitude_max`: of the whole map; the text form of geohashes uses 90.
  static GeoCell Of(GeoPoint point, int step, double latitude_max = kLatitudeMax);
  struct Area {
    GeoPoint min, max;
  };
  Area area() const;
  // The cell so many to the east and to the north; the map is a torus.
  GeoCell Neighbor(int east, int north) const;
  // From the first score inside up to the first one behind.
  ScoreRange scores() const;
};

// The score of a place, and the middle of the cell of a score. Any double is a place.
std::uint64_t GeoScore(GeoPoint point);
GeoPoint GeoPointOf(double score);

// In metres.
double GeoDistance(GeoPoint a, GeoPoint b);

// What is searched: a circle, or a box along the axes.
struct GeoShape {
  bool box = false;
  GeoPoint center{};
  double unit = 1;  // in metres; of the lengths below
  double radius = 0;
  double width = 0;
  double height = 0;

  // If so, *distance is set, in metres.
  bool Contains(GeoPoint point, double* distance) const;
  // Cells that cover it, the one of the center first. Those that cannot hold anything have step 0.
  std::array<GeoCell, 9> Cover() const;
};

}  // namespace slotwise
