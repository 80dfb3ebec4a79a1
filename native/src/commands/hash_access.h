// What the hash commands share: the limits of the configuration, and storing a changed hash.
#pragma once
#include "commands/collection_access.h"
#include "commands/command.h"
#include "config/config.h"
#include "engine/engine.h"
#include "values/hash_value.h"

namespace slotwise {

inline HashValue::Limits HashLimits(const CommandContext& ctx) {
  const Config& config = ctx.engine.config();
  return {static_cast<std::uint64_t>(config.Int(Directive::kHashMaxListpackEntries)), config.Bytes(Directive::kHashMaxListpackValue)};
}

// Puts a hash that was changed, or made for a key that was absent, where it belongs, and reports the change.
inline void StoreHash(CommandContext& ctx, const KeyRef& key, CommandContext::Place place, const HashValue& hash, std::string_view event) {
  if (place) {
    hash.StoreTo(place.entry());
  } else {
    ctx.Db().SetObject(key, place, Type::kHash, hash.encoding(), hash.object(), kNoExpire);
    ctx.Notify(kNotifyNew, "new", key.key);
  }
  ctx.Changed(key);
  ctx.Notify(kNotifyHash, event, key.key);
}

}  // namespace slotwise
