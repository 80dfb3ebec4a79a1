// Places: GEOADD, GEOPOS, GEODIST, GEOHASH. They are members of sorted sets whose scores say where (values/geo_cell.h).
// Source: Redis 7.0 command reference. Elsewhere: searching (geo_search.cc).
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "base/double_text.h"
#include "commands/command_table.h"
#include "commands/geo_access.h"
#include "commands/string_access.h"

namespace slotwise {

bool GeoPointArgs(CommandContext& ctx, std::size_t i, GeoPoint* point) {
  if (!ctx.DoubleArg(i, &point->longitude) || !ctx.DoubleArg(i + 1, &point->latitude)) return false;
  if (point->Valid()) return true;
  char text[800];  // of two numbers as long as they come
  std::snprintf(text, sizeof text, "ERR invalid longitude,latitude pair %f,%f", point->longitude, point->latitude);
  ctx.Error(text);
  return false;
}

bool GeoUnitArg(CommandContext& ctx, std::size_t i, double* metres) {
  constexpr std::pair<std::string_view, double> kUnits[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
  for (auto [name, size] : kUnits) {
    if (!ctx.ArgIs(i, name)) continue;
    *metres = size;
    return true;
  }
  ctx.Error("ERR unsupported unit provided. please use M, KM, FT, MI");
  return false;
}

void ReplyGeoPoint(ReplyWriter& reply, GeoPoint point) {
  reply.Array(2);
  for (double v : {point.longitude, point.latitude}) {
    char text[344];
    std::size_t n = PrintPlain(v, text + 1);
    if (reply.protocol() == 2) {
      reply.Bulk({text + 1, n});
      continue;
    }
    text[0] = ',';
    text[n + 1] = '\r';
    text[n + 2] = '\n';
    reply.Raw({text, n + 3});
  }
}

void ReplyGeoDistance(ReplyWriter& reply, double distance) {
  constexpr std::int64_t kScale = 10'000;
  std::int64_t scaled = std::llrint(distance * static_cast<double>(kScale));
  char text[32];
  char* end = std::to_chars(text, text + sizeof text, scaled / kScale).ptr;
  *end++ = '.';
  std::int64_t rest = scaled % kScale;
  for (std::int64_t digit = kScale / 10; digit > 0; digit /= 10) *end++ = static_cast<char>('0' + rest / digit % 10);
  reply.Bulk({text, static_cast<std::size_t>(end - text)});
}

namespace {

using Place = CommandContext::Place;

void GeoAdd(CommandContext& ctx) {
  SortedSet::AddOptions options;
  bool count_changed = false;
  std::size_t first = 2;
  for (; first < ctx.argc(); ++first) {
    if (ctx.ArgIs(first, "nx")) options.only_new = true;
    else if (ctx.ArgIs(first, "xx")) options.only_existing = true;
    else if (ctx.ArgIs(first, "ch")) count_changed = true;
    else break;
  }
  std::size_t rest = ctx.argc() - first;
  if (rest == 0 || rest % 3 != 0 || (options.only_new && options.only_existing)) return ctx.SyntaxError();
  ScoreBuffer scores(rest / 3);
  for (std::size_t i = 0; i < rest / 3; ++i) {
    GeoPoint point;
    if (!GeoPointArgs(ctx, first + i * 3, &point)) return;
    scores[i] = static_cast<double>(GeoScore(point));
  }
  std::vector<std::string> texts;  // before they may become what NX, XX make of them: those leave scores alone
  for (double score : scores.span()) texts.emplace_back(IntegerText(static_cast<std::int64_t>(score)).view());
  if (!AddToSortedSet(ctx, {options, count_changed, scores.span(), first + 2, 3})) return;
  std::vector<std::string_view> zadd{"zadd"};
  for (std::size_t i = 1; i < first; ++i) zadd.push_back(ctx.arg(i));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    zadd.push_back(texts[i]);
    zadd.push_back(ctx.arg(first + i * 3 + 2));
  }
  ctx.Propagate(zadd);
}

// answer(score) for each member named from the third argument on, or miss().
template <typename Answer, typename Miss>
void ForEachMember(CommandContext& ctx, Answer&& answer, Miss&& miss) {
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  ctx.reply.Array(static_cast<std::int64_t>(ctx.argc()) - 2);
  for (std::size_t i = 2; i < ctx.argc(); ++i) {
    std::optional<double> score = place ? SortedSet(place.entry()).Score(ctx.arg(i)) : std::nullopt;
    if (score) answer(*score);
    else miss();
  }
}

void GeoPos(CommandContext& ctx) {
  ForEachMember(ctx, [&](double score) { ReplyGeoPoint(ctx.reply, GeoPointOf(score)); }, [&] { ctx.reply.NullArray(); });
}

// The public text form halves latitudes from -90 to 90, so the place is encoded once more; 52 bits are ten letters and a
// bit, and the eleventh letter is always 0.
void GeoHash(CommandContext& ctx) {
  ForEachMember(
      ctx,
      [&](double score) {
        constexpr std::string_view kLetters = "0123456789bcdefghjkmnpqrstuvwxyz";
        std::uint64_t bits = GeoCell::Of(GeoPointOf(score), GeoCell::kMaxStep, 90).bits;
        char text[11];
        for (std::size_t i = 0; i < 10; ++i) text[i] = kLetters[bits >> (52 - (i + 1) * 5) & 31];
        text[10] = kLetters[0];
        ctx.reply.Bulk({text, sizeof text});
      },
      [&] { ctx.reply.Null(); });
}

void GeoDist(CommandContext& ctx) {
  double metres = 1;
  if (ctx.argc() > 5) return ctx.SyntaxError();
  if (ctx.argc() == 5 && !GeoUnitArg(ctx, 4, &metres)) return;
  Place place = ctx.FindForRead(ctx.Key(1));
  if (!ctx.Expect(place, Type::kZSet)) return;
  if (!place) return ctx.reply.Null();
  SortedSet set(place.entry());
  std::optional<double> a = set.Score(ctx.arg(2)), b = set.Score(ctx.arg(3));
  if (!a || !b) return ctx.reply.Null();
  ReplyGeoDistance(ctx.reply, GeoDistance(GeoPointOf(*a), GeoPointOf(*b)) / metres);
}

SLOTWISE_COMMANDS(geo, {"geoadd", GeoAdd}, {"geopos", GeoPos}, {"geohash", GeoHash}, {"geodist", GeoDist});

}  // namespace
}  // namespace slotwise
