#include "values/geo_cell.h"

#include <cmath>
#include <numbers>

namespace slotwise {
namespace {

constexpr double kRadiansPerDegree = std::numbers::pi / 180.0;
constexpr double kEarthRadius = 6372797.560856;
constexpr double kMercatorMax = 20037726.37;
constexpr std::uint64_t kEvenBits = 0x5555555555555555ull;

double Radians(double degrees) { return degrees * kRadiansPerDegree; }
double Degrees(double radians) { return radians / kRadiansPerDegree; }

// The bits of `v` in the even places.
std::uint64_t Spread(std::uint32_t v) {
  std::uint64_t x = v;
  x = (x | (x << 16)) & 0x0000ffff0000ffffull;
  x = (x | (x << 8)) & 0x00ff00ff00ff00ffull;
  x = (x | (x << 4)) & 0x0f0f0f0f0f0f0f0full;
  x = (x | (x << 2)) & 0x3333333333333333ull;
  return (x | (x << 1)) & kEvenBits;
}

std::uint32_t Gather(std::uint64_t x) {
  x &= kEvenBits;
  x = (x | (x >> 1)) & 0x3333333333333333ull;
  x = (x | (x >> 2)) & 0x0f0f0f0f0f0f0f0full;
  x = (x | (x >> 4)) & 0x00ff00ff00ff00ffull;
  x = (x | (x >> 8)) & 0x0000ffff0000ffffull;
  return static_cast<std::uint32_t>(x | (x >> 16));
}

// As the processor converts it where C leaves it undefined: scores of sorted sets that never were places.
std::uint64_t ToBits(double v) {
  constexpr double kHalf = 9223372036854775808.0;
  auto convert = [](double d) { return d >= -kHalf && d < kHalf ? static_cast<std::int64_t>(d) : INT64_MIN; };
  if (v < kHalf) return static_cast<std::uint64_t>(convert(v));
  return static_cast<std::uint64_t>(convert(v - kHalf)) ^ (std::uint64_t{1} << 63);
}

// How fine cells may be so that nine of them cover the radius.
int StepFor(double radius, double latitude) {
  if (radius == 0) return GeoCell::kMaxStep;
  int step = 1;
  for (; radius < kMercatorMax; radius *= 2) ++step;
  step -= 2;
  // Cells are narrower towards the poles.
  if (latitude > 66 || latitude < -66) --step;
  if (latitude > 80 || latitude < -80) --step;
  return step < 1 ? 1 : step > GeoCell::kMaxStep ? GeoCell::kMaxStep : step;
}

double LatitudeDistance(double a, double b) { return kEarthRadius * std::fabs(Radians(b) - Radians(a)); }

}  // namespace

GeoCell GeoCell::Of(GeoPoint point, int step, double latitude_max) {
  double latitude = (point.latitude - -latitude_max) / (latitude_max - -latitude_max);
  double longitude = (point.longitude - -kLongitudeMax) / (kLongitudeMax - -kLongitudeMax);
  auto cells = static_cast<double>(std::uint64_t{1} << step);
  return {Spread(static_cast<std::uint32_t>(latitude * cells)) | Spread(static_cast<std::uint32_t>(longitude * cells)) << 1, step};
}

GeoCell::Area GeoCell::area() const {
  std::uint32_t latitude = Gather(bits);
  std::uint32_t longitude = Gather(bits >> 1);
  auto cells = static_cast<double>(std::uint64_t{1} << step);
  auto at = [cells](std::uint32_t index, double min, double scale) { return min + (index * 1.0 / cells) * scale; };
  constexpr double kWidth = kLongitudeMax - -kLongitudeMax, kHeight = kLatitudeMax - -kLatitudeMax;
  return {{at(longitude, -kLongitudeMax, kWidth), at(latitude, -kLatitudeMax, kHeight)},
          {at(longitude + 1, -kLongitudeMax, kWidth), at(latitude + 1, -kLatitudeMax, kHeight)}};
}

GeoCell GeoCell::Neighbor(int east, int north) const {
  std::uint64_t all = ~std::uint64_t{0} >> (64 - step * 2);
  auto moved = [all](std::uint64_t own, std::uint64_t others, int by) {
    // At the very edge of the map there is one bit too many; it stays where nothing moves, as in Redis.
    if (by == 0) return own;
    others &= all;
    // The other coordinate's places filled with ones carry an addition through, with zeros a subtraction.
    std::uint64_t sum = by > 0 ? own + others + 1 : (own | others) - (others + 1);
    return sum & ~others & all;
  };
  return {moved(bits & ~kEvenBits, kEvenBits, east) | moved(bits & kEvenBits, ~kEvenBits, north), step};
}

ScoreRange GeoCell::scores() const {
  int shift = (kMaxStep - step) * 2;
  return {static_cast<double>(bits << shift), static_cast<double>((bits + 1) << shift), false, true};
}

std::uint64_t GeoScore(GeoPoint point) { return GeoCell::Of(point, GeoCell::kMaxStep).bits; }

GeoPoint GeoPointOf(double score) {
  GeoCell::Area area = GeoCell{ToBits(score), GeoCell::kMaxStep}.area();
  auto middle = [](double min, double max, double limit) {
    double v = (min + max) / 2;
    return v > limit ? limit : v < -limit ? -limit : v;
  };
  return {middle(area.min.longitude, area.max.longitude, kLongitudeMax), middle(area.min.latitude, area.max.latitude, kLatitudeMax)};
}

double GeoDistance(GeoPoint a, GeoPoint b) {
  double v = std::sin((Radians(b.longitude) - Radians(a.longitude)) / 2);
  if (v == 0.0) return LatitudeDistance(a.latitude, b.latitude);
  double latitude_a = Radians(a.latitude);
  double latitude_b = Radians(b.latitude);
  double u = std::sin((latitude_b - latitude_a) / 2);
  double x = u * u + std::cos(latitude_a) * std::cos(latitude_b) * v * v;
  return 2.0 * kEarthRadius * std::asin(std::sqrt(x));
}

bool GeoShape::Contains(GeoPoint point, double* distance) const {
  if (!box) {
    *distance = GeoDistance(center, point);
    return *distance <= radius * unit;
  }
  if (LatitudeDistance(point.latitude, center.latitude) > height * unit / 2) return false;
  if (GeoDistance(point, {center.longitude, point.latitude}) > width * unit / 2) return false;
  *distance = GeoDistance(center, point);
  return true;
}

std::array<GeoCell, 9> GeoShape::Cover() const {
  double up = unit * (box ? height / 2 : radius);
  double side = unit * (box ? width / 2 : radius);
  double latitude_delta = Degrees(up / kEarthRadius);
  // The edge nearer to the pole is the wider one in degrees.
  double widest = center.latitude < 0 ? center.latitude - latitude_delta : center.latitude + latitude_delta;
  double longitude_delta = Degrees(side / kEarthRadius / std::cos(Radians(widest)));
  GeoPoint min{center.longitude - longitude_delta, center.latitude - latitude_delta};
  GeoPoint max{center.longitude + longitude_delta, center.latitude + latitude_delta};

  double reach = box ? std::sqrt((width / 2) * (width / 2) + (height / 2) * (height / 2)) : radius;
  int step = StepFor(reach * unit, center.latitude);
  GeoCell cell = GeoCell::Of(center, step);
  // Close to the edge of its cell the shape may reach beyond the next one.
  bool too_fine = cell.Neighbor(0, 1).area().max.latitude < max.latitude || cell.Neighbor(0, -1).area().min.latitude > min.latitude ||
                  cell.Neighbor(1, 0).area().max.longitude < max.longitude || cell.Neighbor(-1, 0).area().min.longitude > min.longitude;
  if (step > 1 && too_fine) cell = GeoCell::Of(center, --step);

  std::array<GeoCell, 9> cells{cell, cell.Neighbor(0, 1), cell.Neighbor(0, -1), cell.Neighbor(1, 0), cell.Neighbor(-1, 0),
                               cell.Neighbor(1, 1), cell.Neighbor(-1, 1), cell.Neighbor(1, -1), cell.Neighbor(-1, -1)};
  if (step < 2) return cells;
  GeoCell::Area area = cell.area();
  auto drop = [&cells](std::initializer_list<int> which) {
    for (int i : which) cells[static_cast<std::size_t>(i)] = {};
  };
  if (area.min.latitude < min.latitude) drop({2, 7, 8});
  if (area.max.latitude > max.latitude) drop({1, 5, 6});
  if (area.min.longitude < min.longitude) drop({4, 6, 8});
  if (area.max.longitude > max.longitude) drop({3, 5, 7});
  return cells;
}

}  // namespace slotwise
