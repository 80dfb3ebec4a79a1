#include "commands/client_filter.h"

#include "commands/command.h"

namespace slotwise {

std::optional<ClientType> ClientTypeByName(std::string_view name) {
  if (EqualsIgnoreCase(name, "normal")) return ClientType::kNormal;
  if (EqualsIgnoreCase(name, "slave") || EqualsIgnoreCase(name, "replica")) return ClientType::kReplica;
  if (EqualsIgnoreCase(name, "pubsub")) return ClientType::kPubsub;
  if (EqualsIgnoreCase(name, "master")) return ClientType::kPrimary;
  return std::nullopt;
}

bool ClientFilter::Matches(const ClientRecord& record) const {
  if (id && *id != record.id()) return false;
  if (not_id && *not_id == record.id()) return false;
  if (address && *address != record.address()) return false;
  if (local_address && *local_address != record.local_address()) return false;
  if (user && user != record.account()) return false;
  if (!type) return true;
  return *type == (record.replica() ? ClientType::kReplica : record.pubsub() ? ClientType::kPubsub : ClientType::kNormal);
}

}  // namespace slotwise
