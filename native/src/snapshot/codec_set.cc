// Sets in the RDB format. The packed set of strings is ours alone: it is written as Redis writes a table.
#include "config/config.h"
#include "snapshot/value_codec.h"
#include "values/set_value.h"

namespace slotwise {
namespace {

std::uint8_t RdbType(const Entry* entry) {
  if (SetValue(entry).is_intset()) return rdb::kSetIntset;
  return rdb::kSet;
}

void Save(const Entry* entry, RdbWriter& out) {
  SetValue set(entry);
  if (set.is_intset()) return out.String(set.intset().bytes());
  out.Length(set.size());
  set.Visit([&](const ListpackItem& member) {
    IntScratch scratch;
    out.String(member.View(scratch));
  });
}

bool ReadMembers(RdbReader& in, SetValue* set, std::uint64_t intset_entries) {
  std::uint64_t n;
  if (!in.Count(&n)) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    std::string_view member;
    if (!in.String(&member)) return false;
    if (set->object() == nullptr) *set = SetValue::CreateFor(member);
    if (!set->Add(member, intset_entries)) return in.Fail("a set with the same member twice");
  }
  return true;
}

bool ReadIntset(RdbReader& in, SetValue* set, std::uint64_t intset_entries) {
  std::string_view bytes;
  if (!in.String(&bytes)) return false;
  if (!Intset::Validate(bytes)) return in.Fail("a set of integers that is malformed");
  Intset ints = Intset::CopyOf(bytes);
  if (ints.count() <= intset_entries) {
    *set = SetValue(Encoding::kIntset, ints.data());
    return true;
  }
  *set = SetValue::CreateIntset();
  for (std::size_t i = 0; i < ints.count(); ++i) set->Add(ListpackItem{nullptr, 0, ints.At(i)}, intset_entries);
  ints.Free();
  return true;
}

bool Load(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out) {
  auto intset_entries = static_cast<std::uint64_t>(config.Int(Directive::kSetMaxIntsetEntries));
  SetValue set(Encoding::kIntset, nullptr);
  bool good = rdb_type == rdb::kSet ? ReadMembers(in, &set, intset_entries) : ReadIntset(in, &set, intset_entries);
  if (set.object() != nullptr && (!good || set.size() == 0)) {
    set.Free();
    return good;
  }
  out->encoding = set.encoding();
  out->object = set.object();
  return good;
}

constexpr ValueCodec kCodec = {RdbType, Save, Load};
[[maybe_unused]] const bool kRegistered = (RegisterValueCodec(Type::kSet, &kCodec), true);

}  // namespace
}  // namespace slotwise
