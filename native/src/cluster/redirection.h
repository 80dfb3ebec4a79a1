// What a node of a cluster says to a command with keys: serve it, or one of Redis's refusals. A pure decision, by the rules and
// in the order of Redis 7.0.
// Source: Redis Cluster specification; behaviour of redis-server 7.0.15.
#pragma once
#include <cstdint>
#include <string>

#include "cluster/slot_map.h"

namespace slotwise {

// A command, or all commands of a transaction, as far as it matters here.
struct SlotQuestion {
  int slot = -1;              // of the first key; -1: no keys
  bool crosses = false;       // another key is in another slot
  bool several = false;       // more than one distinct key
  bool missing = false;       // some key does not exist here (asked for open slots only)
  bool present = false;       // some key does
  bool writes = false;
  bool channels = false;      // what hashes to the slot is a channel of sharded pub/sub
  bool migrates = false;      // MIGRATE
  bool asking = false;        // the client sent ASKING, or the command implies it
  bool readonly = false;      // the client sent READONLY
};

// What the configuration allows while the cluster is down.
struct WhenDown {
  bool reads = false;     // cluster-allow-reads-when-down
  bool channels = true;   // cluster-allow-pubsubshard-when-down
};

// Whether the answer depends on which keys exist.
inline bool DependsOnKeys(const SlotMap& map, int slot) {
  return map.MigratingTo(slot) != SlotMap::kNobody || map.ImportingFrom(slot) != SlotMap::kNobody;
}

// The error while the cluster is down, empty: serve it all the same.
std::string RefusalWhenDown(const SlotQuestion& question, const WhenDown& when_down);

// The error to answer, empty: serve it.
std::string Redirection(const SlotMap& map, const SlotQuestion& question, const WhenDown& when_down);

// A client waits for a key of `slot`, and the map has changed: the error that ends it, empty: it waits on.
std::string RedirectionOfWaiting(const SlotMap& map, int slot);

}  // namespace slotwise
