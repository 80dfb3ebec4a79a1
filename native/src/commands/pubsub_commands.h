// What other families need of pub/sub: RESET ends all subscriptions, HELLO changes how messages are written.
#pragma once

namespace slotwise {

class CommandContext;

// Writes the messages that were pushed to the client and wait for its thread: they come before what is written next.
void WriteWaitingPushes(CommandContext& ctx);
// Ends all subscriptions without a word.
void LeavePubSub(CommandContext& ctx);

}  // namespace slotwise
