#include "cluster/redirection.h"

namespace slotwise {
namespace {

constexpr const char* kUnbound = "CLUSTERDOWN Hash slot not served";
constexpr const char* kDown = "CLUSTERDOWN The cluster is down";

std::string To(const char* how, const SlotMap& map, int slot, std::uint16_t node) {
  const SlotMap::Node& to = map.At(node);
  return std::string(how) + " " + std::to_string(slot) + " " + to.host + ":" + std::to_string(to.port);
}

}  // namespace

std::string RefusalWhenDown(const SlotQuestion& q, const WhenDown& when_down) {
  if (q.channels) return when_down.channels ? "" : kDown;
  if (!when_down.reads) return kDown;
  return q.writes ? "CLUSTERDOWN The cluster is down and only accepts read commands" : "";
}

std::string Redirection(const SlotMap& map, const SlotQuestion& q, const WhenDown& when_down) {
  if (q.slot < 0) return {};
  if (map.Owner(q.slot) == SlotMap::kNobody) return kUnbound;
  if (q.crosses) return "CROSSSLOT Keys in request don't hash to the same slot";
  if (!map.ok()) {
    std::string refusal = RefusalWhenDown(q, when_down);
    if (!refusal.empty()) return refusal;
  }
  const std::uint16_t to = map.MigratingTo(q.slot);
  const bool imports = map.ImportingFrom(q.slot) != SlotMap::kNobody;
  if (q.migrates && (to != SlotMap::kNobody || imports)) return {};
  constexpr const char* kTryAgain = "TRYAGAIN Multiple keys request during rehashing of slot";
  if (map.IsMine(q.slot) && to != SlotMap::kNobody && q.missing) return q.present ? kTryAgain : To("ASK", map, q.slot, to);
  if (imports && q.asking) return q.several && q.missing ? kTryAgain : "";
  if (map.IsMine(q.slot)) return {};
  if (map.IsMyPrimarys(q.slot) && !q.writes && (q.readonly || q.channels)) return {};
  return To("MOVED", map, q.slot, map.Owner(q.slot));
}

std::string RedirectionOfWaiting(const SlotMap& map, int slot) {
  if (!map.ok()) return kDown;
  if (map.Owner(slot) == SlotMap::kNobody) return kUnbound;
  if (map.IsMine(slot) || map.ImportingFrom(slot) != SlotMap::kNobody) return {};
  return To("MOVED", map, slot, map.Owner(slot));
}

}  // namespace slotwise
