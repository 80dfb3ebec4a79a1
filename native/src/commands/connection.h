// What CLIENT and HELLO share.
#pragma once
#include <string_view>

namespace slotwise {

class CommandContext;

// Names the client, or un-names it (""). Replies with an error and returns false if the name has unprintable bytes.
bool SetClientName(CommandContext& ctx, std::string_view name);

}  // namespace slotwise
