// For commands that wait until a key has something for them: BLPOP and its relatives.
//
// Such a handler first looks at all its keys, as if it could not wait. If it finds nothing and MayWait(), it calls
// WaitForKeys() and returns without a reply; WaitOps::serve answers when a key has become ready. If it may not wait (inside
// MULTI, from the log, for an embedded caller that wants its answer at once) it answers as if its time were up.
// How waiters are served: engine/blocking.h.
#pragma once
#include <cstdint>
#include <memory>
#include <span>

#include "commands/command.h"
#include "engine/client.h"
#include "engine/waiter.h"

namespace slotwise {

inline bool MayWait(const CommandContext& ctx) { return ctx.client.may_wait && !ctx.inside_exec() && !ctx.replaying(); }

// Seconds, whole or not, as milliseconds; 0: no limit. Replies with an error if it is none.
bool TimeoutArg(CommandContext& ctx, std::size_t i, std::int64_t* timeout_ms);

// The client waits for the keys at `keys` (indexes of arguments, in the order in which they were looked at). `target`: the
// argument with the key that serving writes to besides, 0 if there is none. `args`: what serve sees, if it is not the
// arguments of the call (an id that was "the last" must be a number by then); as many, keys at the same indexes.
void WaitForKeys(CommandContext& ctx, const WaitOps& ops, std::span<const std::size_t> keys, std::int64_t timeout_ms, std::size_t target = 0,
                 std::span<const std::string_view> args = {});

// The client waits for something else than a key: until somebody ends it (Blocking::Claim) or its time is up.
std::shared_ptr<Waiter> WaitForNoKey(CommandContext& ctx, std::int64_t timeout_ms);

}  // namespace slotwise
