// Which connections a command means: the filters of CLIENT KILL and CLIENT LIST.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/client_registry.h"

namespace slotwise {

enum class ClientType : std::uint8_t { kNormal, kReplica, kPrimary, kPubsub };

// "normal", "replica" or "slave", "master", "pubsub", in any case.
std::optional<ClientType> ClientTypeByName(std::string_view name);

// All conditions that are set must hold.
struct ClientFilter {
  std::optional<std::uint64_t> id;
  std::optional<ClientType> type;
  std::optional<std::string> address;
  std::optional<std::string> local_address;
  std::optional<std::uint64_t> not_id;
  std::shared_ptr<const AclAccount> user;

  bool Matches(const ClientRecord& record) const;
};

}  // namespace slotwise
