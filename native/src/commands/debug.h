// The subcommands of DEBUG that live in files of their own.
#pragma once
#include "commands/command.h"

namespace slotwise {

// DEBUG PROTOCOL <type>: a sample of every kind of reply, for the tests of clients.
void DebugProtocol(CommandContext& ctx);
// DEBUG RELOAD and LOADAOF.
void DebugReload(CommandContext& ctx);
void DebugLoadAof(CommandContext& ctx);

// How things are laid out (debug_layout.cc).
void DebugObject(CommandContext& ctx);
void DebugSdsLen(CommandContext& ctx);
void DebugListpack(CommandContext& ctx);
void DebugQuicklist(CommandContext& ctx);
void DebugTables(CommandContext& ctx);
void DebugTableOfKey(CommandContext& ctx);

// A moment at which nothing changes, for handlers that registered with LockMode::kSelf.
class AllStripes {
 public:
  explicit AllStripes(CommandContext& ctx);
  ~AllStripes();
  AllStripes(const AllStripes&) = delete;
  AllStripes& operator=(const AllStripes&) = delete;

 private:
  CommandContext& ctx_;
};

}  // namespace slotwise
