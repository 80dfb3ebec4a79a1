// What the GEO commands share: coordinates, units, and how places and distances look in replies.
#pragma once
#include <string_view>

#include "commands/sorted_set_access.h"
#include "values/geo_cell.h"

namespace slotwise {

// Longitude and latitude, in this order. These reply with the error and return false when an argument is none.
bool GeoPointArgs(CommandContext& ctx, std::size_t i, GeoPoint* point);
// m, km, ft, mi: *metres is what one of it measures.
bool GeoUnitArg(CommandContext& ctx, std::size_t i, double* metres);

void ReplyGeoPoint(ReplyWriter& reply, GeoPoint point);
// With four decimals, also in RESP3 as a bulk string.
void ReplyGeoDistance(ReplyWriter& reply, double distance);

}  // namespace slotwise
