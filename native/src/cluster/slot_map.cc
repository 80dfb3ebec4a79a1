#include "cluster/slot_map.h"

#include "base/little_endian.h"

namespace slotwise {
namespace {

// Takes integers and text off the front; after the first that is not there everything is zero, and ok() says so.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T Take() {
    const std::string_view bytes = Text(sizeof(T));
    return bytes.empty() ? T{0} : little_endian::Get<T>(bytes.data());
  }
  std::string_view Text(std::size_t n) {
    if (n > rest_.size()) {
      ok_ = false;
      n = 0;
    }
    std::string_view text = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return text;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

SlotMap::SlotMap() { owners_.fill(kNobody); }

std::shared_ptr<const SlotMap> SlotMap::Parse(std::string_view bytes, std::string* error) {
  auto fail = [error](const char* what) {
    *error = std::string("not a slot map: ") + what;
    return nullptr;
  };
  Cursor in(bytes);
  if (in.Take<std::uint8_t>() != 1) return fail("unknown version");
  auto map = std::make_shared<SlotMap>();
  map->ok_ = in.Take<std::uint8_t>() == 1;
  map->myself_ = in.Take<std::uint16_t>();
  map->primary_ = in.Take<std::uint16_t>();
  const std::uint16_t nodes = in.Take<std::uint16_t>();
  for (std::uint16_t i = 0; i < nodes && in.ok(); ++i) {
    Node& node = map->nodes_.emplace_back();
    node.port = in.Take<std::uint16_t>();
    node.host = in.Text(in.Take<std::uint8_t>());
  }
  auto known = [&](std::uint16_t node) { return node < map->nodes_.size(); };
  for (std::uint16_t runs = in.Take<std::uint16_t>(); runs > 0 && in.ok(); --runs) {
    const std::uint16_t first = in.Take<std::uint16_t>(), last = in.Take<std::uint16_t>(), owner = in.Take<std::uint16_t>();
    if (!in.ok()) break;
    if (first > last || last >= kSlotCount) return fail("slot out of range");
    if (!known(owner)) return fail("slots of an unknown node");
    for (std::size_t slot = first; slot <= last; ++slot) map->owners_[slot] = owner;
  }
  for (std::uint16_t open = in.Take<std::uint16_t>(); open > 0 && in.ok(); --open) {
    const std::uint16_t slot = in.Take<std::uint16_t>();
    const bool importing = in.Take<std::uint8_t>() == 1;
    const std::uint16_t node = in.Take<std::uint16_t>();
    if (!in.ok()) break;
    if (slot >= kSlotCount) return fail("slot out of range");
    if (!known(node)) return fail("an open slot with an unknown node");
    map->open_.push_back({slot, importing, node});
  }
  if (!in.ok()) return fail("too short");
  if (!in.at_end()) return fail("too long");
  if (!known(map->myself_)) return fail("it does not name this node");
  if (map->primary_ != kNobody && !known(map->primary_)) return fail("an unknown primary");
  return map;
}

}  // namespace slotwise
