// Who owns which slot, as the control plane has told it: what the data plane needs to know of a cluster to answer for its own
// slots and to name the owner of others. Immutable; a change is another map.
// Elsewhere: what a command is answered (redirection.h), which map is the present one (engine/cluster.h).
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "slots/hash_slot.h"

namespace slotwise {

class SlotMap {
 public:
  static constexpr std::uint16_t kNobody = 0xffff;

  // Where clients find a node. An empty host: the one that they came by.
  struct Node {
    std::string host;
    std::uint16_t port;
  };

  // An empty map: no slot has an owner, and the cluster is down.
  SlotMap();
  // The form in which the control plane writes it, integers least significant byte first:
  //   u8 1, u8 state (1: ok), u16 myself, u16 my primary (0xffff: I am one),
  //   u16 nodes, then of each: u16 port, u8 n, n bytes of host
  //   u16 runs, then of each: u16 first, u16 last, u16 owner
  //   u16 open slots, then of each: u16 slot, u8 kind (0: migrating, 1: importing), u16 the other node
  // Null, with the reason in `error`, if it is not that.
  static std::shared_ptr<const SlotMap> Parse(std::string_view bytes, std::string* error);

  bool ok() const { return ok_; }
  std::uint16_t Owner(int slot) const { return owners_[static_cast<std::size_t>(slot)]; }
  bool IsMine(int slot) const { return Owner(slot) == myself_ && Owner(slot) != kNobody; }
  // Channels of sharded pub/sub are served here.
  bool Listens(int slot) const { return IsMine(slot) || IsMyPrimarys(slot); }
  // I am a replica of its owner.
  bool IsMyPrimarys(int slot) const { return primary_ != kNobody && Owner(slot) == primary_; }
  // The node that a slot of mine is migrating to, or that I import a slot from; kNobody: neither.
  std::uint16_t MigratingTo(int slot) const { return OtherOf(slot, false); }
  std::uint16_t ImportingFrom(int slot) const { return OtherOf(slot, true); }
  const Node& At(std::uint16_t node) const { return nodes_[node]; }

 private:
  struct Open {
    std::uint16_t slot;
    bool importing;
    std::uint16_t node;
  };
  std::uint16_t OtherOf(int slot, bool importing) const {
    for (const Open& open : open_) {
      if (open.slot == slot && open.importing == importing) return open.node;
    }
    return kNobody;
  }

  bool ok_ = false;
  std::uint16_t myself_ = kNobody;
  std::uint16_t primary_ = kNobody;
  std::vector<Node> nodes_;
  std::vector<Open> open_;  // a few at a time
  std::array<std::uint16_t, kSlotCount> owners_;
};

}  // namespace slotwise
