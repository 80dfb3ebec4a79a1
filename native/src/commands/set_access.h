// What the set commands share: the limit of the configuration, and storing a changed set.
#pragma once
#include "commands/collection_access.h"
#include "commands/command.h"
#include "config/config.h"
#include "engine/engine.h"
#include "values/set_value.h"

namespace slotwise {

inline std::uint64_t IntsetLimit(const CommandContext& ctx) {
  return static_cast<std::uint64_t>(ctx.engine.config().Int(Directive::kSetMaxIntsetEntries));
}

// Puts a set that grew, or was made for a key that was absent, where it belongs; reporting is left to the caller.
inline void StoreSet(CommandContext& ctx, const KeyRef& key, CommandContext::Place place, const SetValue& set) {
  if (place) return set.StoreTo(place.entry());
  ctx.Db().SetObject(key, place, Type::kSet, set.encoding(), set.object(), kNoExpire);
  ctx.Notify(kNotifyNew, "new", key.key);
}

// Puts back a set that shrank, or deletes the key if nothing is left. Whether it did.
inline bool StoreShrunkSet(CommandContext& ctx, const KeyRef& key, CommandContext::Place place, const SetValue& set) {
  set.StoreTo(place.entry());
  if (set.size() > 0) return false;
  ctx.Erase(key, place);
  return true;
}

}  // namespace slotwise
