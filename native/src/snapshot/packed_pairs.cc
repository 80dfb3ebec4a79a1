#include "snapshot/packed_pairs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "snapshot/ziplist.h"

namespace slotwise {
namespace {

// Up to so many pairs are compared one with the other; more are sorted.
constexpr std::size_t kCompareAll = 24;

bool AllDifferent(const Listpack& pack) {
  std::size_t pairs = pack.count() / 2;
  if (pairs <= kCompareAll) {
    for (auto c = pack.First(); c != nullptr; c = pack.Next(pack.Next(c))) {
      IntScratch scratch;
      auto rest = pack.Next(pack.Next(c));
      if (rest != nullptr && pack.Find(rest, Listpack::Element(Listpack::Get(c).View(scratch)), 1) != nullptr) return false;
    }
    return true;
  }
  std::vector<std::string> firsts;
  firsts.reserve(pairs);
  for (auto c = pack.First(); c != nullptr; c = pack.Next(pack.Next(c))) {
    IntScratch scratch;
    firsts.emplace_back(Listpack::Get(c).View(scratch));
  }
  std::sort(firsts.begin(), firsts.end());
  return std::adjacent_find(firsts.begin(), firsts.end()) == firsts.end();
}

}  // namespace

Listpack TakePairs(std::string_view bytes, PackedForm form, RdbReader& in) {
  Listpack pack;
  bool good;
  if (form == PackedForm::kListpack) {
    good = Listpack::Validate(bytes);
    if (good) pack = Listpack::CopyOf(bytes);
  } else {
    pack = Listpack::Create();
    good = form == PackedForm::kZiplist ? AppendZiplist(bytes, &pack) : AppendZipmap(bytes, &pack);
  }
  if (good && pack.count() % 2 == 0 && AllDifferent(pack)) return pack;
  pack.Free();
  in.Fail(good ? "a packed value with an odd number of elements or the same one twice" : "a packed value that is malformed");
  return Listpack();
}

}  // namespace slotwise
