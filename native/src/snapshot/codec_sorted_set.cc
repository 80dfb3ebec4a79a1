// Sorted sets in the RDB format.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "config/config.h"
#include "snapshot/packed_pairs.h"
#include "snapshot/value_codec.h"
#include "values/sorted_set.h"

namespace slotwise {
namespace {

SortedSetLimits LimitsOf(const Config& config) {
  return {config.Bytes(Directive::kZsetMaxListpackEntries), config.Bytes(Directive::kZsetMaxListpackValue)};
}

SortedSet Of(const Entry* entry) { return SortedSet(entry->encoding(), entry->pointer()); }

std::uint8_t RdbType(const Entry* entry) {
  if (Of(entry).packed()) return rdb::kZSetListpack;
  return rdb::kZSet;
}

// The big form from the highest score to the lowest, as Redis does: its loader inserts at the head then.
void Save(const Entry* entry, RdbWriter& out) {
  SortedSet set = Of(entry);
  if (set.packed()) return out.String(set.listpack().bytes());
  out.Length(set.size());
  set.Visit(set.size() - 1, set.size(), true, true, [&](std::string_view member, double score) {
    out.String(member);
    out.Double(score);
  });
}

struct Loaded {
  double score;
  std::string member;
};

bool ReadMembers(std::uint8_t rdb_type, RdbReader& in, std::vector<Loaded>* out) {
  std::uint64_t n;
  if (!in.Count(&n, 2)) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    std::string_view member;
    if (!in.String(&member)) return false;
    Loaded& l = out->emplace_back(Loaded{0.0, std::string(member)});
    if (!(rdb_type == rdb::kZSet ? in.Double(&l.score) : in.TextDouble(&l.score))) return false;
  }
  return true;
}

bool ScoreOf(const ListpackItem& item, double* score) {
  if (item.is_integer()) return *score = static_cast<double>(item.integer), true;
  std::string text(item.bytes, item.size);
  char* end;
  *score = std::strtod(text.c_str(), &end);
  return !text.empty() && end == text.c_str() + text.size();
}

bool ReadPacked(std::uint8_t rdb_type, RdbReader& in, std::vector<Loaded>* out) {
  std::string_view bytes;
  if (!in.String(&bytes)) return false;
  Listpack pack = TakePairs(bytes, rdb_type == rdb::kZSetListpack ? PackedForm::kListpack : PackedForm::kZiplist, in);
  if (!pack) return false;
  bool good = true;
  for (auto c = pack.First(); good && c != nullptr;) {
    IntScratch scratch;
    auto score = pack.Next(c);
    Loaded& l = out->emplace_back(Loaded{0.0, std::string(Listpack::Get(c).View(scratch))});
    good = ScoreOf(Listpack::Get(score), &l.score);
    c = pack.Next(score);
  }
  pack.Free();
  return good || in.Fail("a sorted set with a score that is no number");
}

bool Load(std::uint8_t rdb_type, RdbReader& in, const Config& config, LoadedValue* out) {
  bool packed = rdb_type == rdb::kZSetListpack || rdb_type == rdb::kZSetZiplist;
  std::vector<Loaded> loaded;
  if (!(packed ? ReadPacked(rdb_type, in, &loaded) : ReadMembers(rdb_type, in, &loaded))) return false;
  if (loaded.empty()) return true;
  std::vector<ScoredMember> members;
  members.reserve(loaded.size());
  for (const Loaded& l : loaded) {
    if (std::isnan(l.score)) return in.Fail("Zset with NAN score detected");
    members.push_back({l.score, l.member});
  }
  if (!packed) {
    std::sort(members.begin(), members.end(), [](const ScoredMember& a, const ScoredMember& b) { return a.member < b.member; });
    auto same = [](const ScoredMember& a, const ScoredMember& b) { return a.member == b.member; };
    if (std::adjacent_find(members.begin(), members.end(), same) != members.end()) return in.Fail("a sorted set with the same member twice");
  }
  if (!std::is_sorted(members.begin(), members.end())) std::sort(members.begin(), members.end());
  SortedSet set = SortedSet::CreateFrom(members, LimitsOf(config));
  out->encoding = set.encoding();
  out->object = set.object();
  return true;
}

constexpr ValueCodec kCodec = {RdbType, Save, Load};
[[maybe_unused]] const bool kRegistered = (RegisterValueCodec(Type::kZSet, &kCodec), true);

}  // namespace
}  // namespace slotwise
