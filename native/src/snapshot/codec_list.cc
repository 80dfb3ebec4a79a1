// Lists in the RDB format: written as quicklists of their nodes, read from every form there has been.
#include "config/config.h"
#include "snapshot/value_codec.h"
#include "snapshot/ziplist.h"
#include "values/list.h"

namespace slotwise {
namespace {

ListLimits LimitsOf(const Config& config) {
  return ListLimits::Of(config.Int(Directive::kListMaxListpackSize), List::PackedThreshold().load(std::memory_order_relaxed));
}

std::uint8_t RdbType(const Entry*) { return rdb::kListQuicklist; }

void Save(const Entry* entry, RdbWriter& out) {
  List list = List::Of(entry);
  out.Length(list.node_count());
  list.ForEachNode([&](ListNode node) {
    out.Length(node.plain() ? rdb::kPlainNode : rdb::kPackedNode);
    out.String(node.plain() ? node.blob()->view() : node.pack().bytes());
  });
}

void PushAll(List& list, const Listpack& pack, const ListLimits& limits) {
  for (auto c = pack.First(); c != nullptr; c = pack.Next(c)) {
    IntScratch scratch;
    list.Push(ListEnd::kTail, Listpack::Get(c).View(scratch), limits);
  }
}

// A packed node is taken as it is if it keeps to our limits; else its elements go in one by one.
bool AddPacked(List& list, std::string_view bytes, const ListLimits& limits, RdbReader& in) {
  if (!Listpack::Validate(bytes)) return in.Fail("a list node that is no listpack");
  Listpack pack = Listpack::CopyOf(bytes);
  if (pack.First() == nullptr) {
    pack.Free();
    return true;
  }
  if (pack.total() <= limits.bytes && pack.count() <= limits.entries) {
    list.AppendNode(ListNode(pack));
    return true;
  }
  PushAll(list, pack, limits);
  pack.Free();
  return true;
}

bool AddZiplist(List& list, std::string_view bytes, const ListLimits& limits, RdbReader& in) {
  Listpack pack = Listpack::Create();
  bool good = AppendZiplist(bytes, &pack);
  if (good) PushAll(list, pack, limits);
  pack.Free();
  return good || in.Fail("a list node that is no ziplist");
}

bool ReadInto(std::uint8_t rdb_type, RdbReader& in, List& list, const ListLimits& limits) {
  std::string_view text;
  std::uint64_t n = 1;
  if (rdb_type != rdb::kListZiplist && !in.Count(&n)) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    std::uint64_t container = rdb::kPackedNode;
    if (rdb_type == rdb::kListQuicklist) {
      if (!in.Length(&container)) return false;
      if (container != rdb::kPlainNode && container != rdb::kPackedNode) return in.Fail("Quicklist integrity check failed.");
    }
    if (!in.String(&text)) return false;
    if (rdb_type == rdb::kList || container == rdb::kPlainNode) {
      if (rdb_type == rdb::kListQuicklist && text.empty()) return in.Fail("an empty list node");
      list.Push(ListEnd::kTail, text, limits);
    } else if (rdb_type == rdb::kListQuicklist) {
      if (!AddPacked(list, text, limits, in)) return false;
    } else if (!AddZiplist(list, text, limits, in)) {
      return false;
    }
  }
  return true;
}

bool Load(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out) {
  List list = List::Create();
  bool good = ReadInto(rdb_type, in, list, LimitsOf(config));
  if (!good || list.size() == 0) {
    list.Free();
    return good;
  }
  out->encoding = Encoding::kQuicklist;
  out->object = list.object();
  return true;
}

constexpr ValueCodec kCodec = {RdbType, Save, Load};
[[maybe_unused]] const bool kRegistered = (RegisterValueCodec(Type::kList, &kCodec), true);

}  // namespace
}  // namespace slotwise
