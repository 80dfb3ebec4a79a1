// Slot maps for tests, in the form in which the control plane writes them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/little_endian.h"
#include "cluster/slot_map.h"

namespace slotwise::test {

struct MapOf {
  struct Run { std::uint16_t first, last, owner; };
  struct Open { std::uint16_t slot; bool importing; std::uint16_t node; };
  bool ok = true;
  std::uint16_t myself = 0;
  std::uint16_t primary = SlotMap::kNobody;
  std::vector<SlotMap::Node> nodes = {{"127.0.0.1", 7000}, {"127.0.0.1", 7001}, {"", 7002}};
  std::vector<Run> runs = {{0, 8191, 0}, {8192, 16000, 1}};
  std::vector<Open> open = {};

  std::string Bytes() const {
    std::string out;
    auto put = [&out](auto value) {
      char bytes[sizeof value];
      little_endian::Put(bytes, value);
      out.append(bytes, sizeof value);
    };
    auto count = [&put](std::size_t n) { put(static_cast<std::uint16_t>(n)); };
    put(std::uint8_t{1});
    put(static_cast<std::uint8_t>(ok));
    put(myself);
    put(primary);
    count(nodes.size());
    for (const SlotMap::Node& node : nodes) {
      put(node.port);
      put(static_cast<std::uint8_t>(node.host.size()));
      out += node.host;
    }
    count(runs.size());
    for (const Run& run : runs) {
      put(run.first);
      put(run.last);
      put(run.owner);
    }
    count(open.size());
    for (const Open& o : open) {
      put(o.slot);
      put(static_cast<std::uint8_t>(o.importing));
      put(o.node);
    }
    return out;
  }
  std::shared_ptr<const SlotMap> Make() const {
    std::string error;
    return SlotMap::Parse(Bytes(), &error);
  }
};

}  // namespace slotwise::test
