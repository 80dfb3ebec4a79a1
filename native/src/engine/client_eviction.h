// maxmemory-clients: when all clients together take more than it allows, the largest are disconnected, except those that said
// CLIENT NO-EVICT ON. Looked at when a client's record changes and when the limit does.
// Source: client eviction in Redis 7.0's documentation. Elsewhere: what a client takes (engine/client_registry.h).
#pragma once
#include <cstdint>
#include <string>

#include "engine/client_registry.h"
#include "engine/engine.h"

namespace slotwise {

// 0: no limit. Configured as bytes, or as a percentage of maxmemory.
std::uint64_t ClientMemoryLimit(const Config& config);

// How many were disconnected.
std::size_t EvictClientsOver(Engine& engine, std::uint64_t limit);

// For after every turn: a load while no limit is set.
inline std::size_t EvictClients(Engine& engine) {
  if (engine.config().Int(Directive::kMaxmemoryClients) == 0) [[likely]] return 0;
  const std::uint64_t limit = ClientMemoryLimit(engine.config());
  const ClientRegistry& clients = engine.clients();
  if (limit == 0 || clients.memory() <= static_cast<std::int64_t>(limit) || clients.evictable_memory() <= 0) return 0;
  return EvictClientsOver(engine, limit);
}

// DEBUG CLIENT-EVICTION: how many clients are of which size, in powers of two, and what they take together.
std::string ClientSizes(const ClientRegistry& clients);

}  // namespace slotwise
